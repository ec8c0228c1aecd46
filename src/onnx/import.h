/* import.h: ONNX file -> graph. */
#ifndef GCAM_ONNX_IMPORT_H
#define GCAM_ONNX_IMPORT_H

#include "onnx/model.h"

typedef struct gcam_input_override {
  const char *input; /* name; NULL: the first */
  gcam_shape shape;  /* ONNX order */
} gcam_input_override;

/* Once per file. `graph` must be zeroed; it is again when importing fails. */
gcam_status gcam_onnx_import(gcam_onnx *file, const gcam_input_override *overrides,
                             int override_count, gcam_graph *graph, gcam_error *err);

#endif
