/* lower.h: one ONNX node -> nodes of the graph. */
#ifndef GCAM_ONNX_LOWER_H
#define GCAM_ONNX_LOWER_H

#include "onnx/state.h"

/* What becomes of a node's operator: */
typedef enum lower_kind {
  LOWER_UNKNOWN,
  LOWER_CONSTANTS, /* run at load, where all of its inputs are constants */
  LOWER_ANY        /* also where they come from the picture */
} lower_kind;

/* Operators that become others of the engine here, by index; NULL: no more. */
const char *gcam_lower_name(int index);
lower_kind gcam_lower_kind(const onnx_node *node);
/* Shape, Size: a constant whatever it is asked of. */
bool gcam_lower_is_shape(const onnx_node *node);
gcam_status gcam_lower_node(gcam_import *im, int node);

#endif
