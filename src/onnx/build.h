/* build.h: adds to the graph: nodes, constants in other shapes and layouts, and the nodes that turn
 * a tensor into another layout. */
#ifndef GCAM_ONNX_BUILD_H
#define GCAM_ONNX_BUILD_H

#include "onnx/state.h"

typedef struct import_node {
  const gcam_op *op;
  const char *name;
  int opset;
  const gcam_attr *attrs;
  int attr_count;
  const int *in, *out; /* values */
  int in_count, out_count;
  gcam_layout layout; /* of outputs of rank >= 3 */
} import_node;

/* A constant of integers as floats: scale (integer - zero). */
gcam_status gcam_build_scaled(gcam_import *im, int from, float scale, float zero, int *result);
/* A constant of integers as floats; others as they are. */
gcam_status gcam_build_float(gcam_import *im, int from, int *result);
/* Adds the node, or runs it at once where all its inputs are constants. */
gcam_status gcam_build_node(gcam_import *im, const import_node *node);
/* value -> out: a Reshape node. out is in ROWS. */
gcam_status gcam_build_reshape_node(gcam_import *im, const char *name, int value, int out,
                                    const gcam_shape *shape);
/* value -> out: a Transpose node; perm as ONNX counts the value's axes. out is in ROWS. */
gcam_status gcam_build_transpose_node(gcam_import *im, const char *name, int value, int out,
                                      const int64_t *perm);
/* The value in a layout. */
gcam_status gcam_build_layout(gcam_import *im, int value, gcam_layout layout, int *result);
/* Another shape for the same numbers, in ONNX's order. */
gcam_status gcam_build_reshape(gcam_import *im, int value, const gcam_shape *shape,
                               const char *name, int *result);
/* Sizes of 1 in front until the rank is there: what broadcasting means. */
gcam_status gcam_build_rank(gcam_import *im, int value, int rank, int *result);

#endif
