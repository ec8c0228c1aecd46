/* quantize.h: the integers that quantised tensors are stored as, and what they stand for. */
#ifndef GCAM_OPS_QUANTIZE_H
#define GCAM_OPS_QUANTIZE_H

#include "ops/op.h"

/* What the integers q of a tensor stand for: scale (q - zero), q within [low, high]. */
typedef struct gcam_grid {
  int64_t count; /* of scales: 1, or one for each index of `axis` */
  int axis;      /* physical */
  const float *scale, *zero;
  float low, high;
} gcam_grid;

/* The grid of a QuantizeLinear or DequantizeLinear node of ONNX for a tensor x: inputs 1 and 2 and
 * the attribute `axis`. Scales and zero points are constants, one of each for the whole tensor or
 * for each index of the axis. type: TensorProto.DataType of the integers; 0: that of the zero
 * point, without one uint8. In the graph's arena. */
gcam_status gcam_grid_read(gcam_graph *graph, const gcam_node *node, const gcam_value *x,
                           int64_t type, gcam_grid *grid, gcam_error *err);

/* Does the operator do nothing but round what it is given? */
bool gcam_op_rounds(const gcam_op *op);

#endif
