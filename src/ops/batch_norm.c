/* batch_norm.c: BatchNormalization at inference: an affine map per channel.
 *
 *   y = (x - mean) r scale + shift,  r = 1 / sqrt(variance + epsilon)
 *   dx = dy r scale,  dscale = sum dy (x - mean) r,  dshift = sum dy,
 *   dmean = -sum dy r scale,  dvariance = -1/2 sum dy (x - mean) scale r^3
 *
 * Inputs: x [N]...[C], then scale, shift, mean, variance [C]. Output: y as x.
 * https://onnx.ai/onnx/operators/onnx__BatchNormalization.html */
#include "ops/batch_norm.h"

#include <math.h>

static gcam_status batch_norm_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  char text[96];
  gcam_batch_norm_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while reading the graph");
  if (x->rank < 2)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its input %s has no channel axis",
                          gcam_shape_text(x, text, sizeof text));
  bool statistics = false; /* the running mean and variance that only training writes */
  for (int i = 1; i < node->output_count; i++) statistics |= node->outputs[i] >= 0;
  if (gcam_node_int(node, "training_mode", 0) || statistics)
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                          "is in training mode; export the model for inference");
  if (!gcam_node_int(node, "spatial", 1))
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                          "spatial = 0 (statistics per element) is not supported");
  p->C = x->dim[x->rank - 1];
  p->rows = gcam_numel_range(x, 0, x->rank - 1);
  p->epsilon = gcam_node_float(node, "epsilon", 1e-5f);
  node->scratch_floats = 2 * p->C; /* the twin's gains and shifts */
  for (int i = 1; i < 5; i++) {
    const gcam_shape *s = gcam_in_shape(graph, node, i);
    if (s->rank != 1 || s->dim[0] != p->C)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "input %d is %s; %lld values are needed", i,
                            gcam_shape_text(s, text, sizeof text), (long long)p->C);
  }
  gcam_shape y = *x;
  return gcam_node_set_shape(graph, node, 0, &y, err);
}

static void batch_norm_forward(const gcam_args *a) {
  const gcam_batch_norm_params *p = a->node->params;
  const float *x = a->in[0], *scale = a->in[1], *shift = a->in[2], *mean = a->in[3];
  for (int64_t c = 0; c < p->C; c++) {
    double r = 1 / sqrt((double)a->in[4][c] + p->epsilon);
    for (int64_t i = c; i < p->rows * p->C; i += p->C)
      a->out[0][i] = (float)(((double)x[i] - mean[c]) * r * scale[c] + shift[c]);
  }
}

static void batch_norm_backward(const gcam_args *a) {
  const gcam_batch_norm_params *p = a->node->params;
  const float *x = a->in[0], *scale = a->in[1], *mean = a->in[3];
  int64_t size = p->rows * p->C;
  if (!a->dout[0]) return;
  for (int64_t b = 0; b < a->B; b++)
    for (int64_t c = 0; c < p->C; c++) {
      const float *dy = a->dout[0] + b * size;
      double r = 1 / sqrt((double)a->in[4][c] + p->epsilon), sum = 0, moment = 0;
      for (int64_t i = c; i < size; i += p->C) {
        if (a->din[0]) a->din[0][b * size + i] += (float)(dy[i] * r * scale[c]);
        sum += dy[i];
        moment += dy[i] * ((double)x[i] - mean[c]);
      }
      int64_t to = b * p->C + c;
      if (a->din[1]) a->din[1][to] += (float)(moment * r);
      if (a->din[2]) a->din[2][to] += (float)sum;
      if (a->din[3]) a->din[3][to] -= (float)(sum * r * scale[c]);
      if (a->din[4]) a->din[4][to] -= (float)(moment * scale[c] * r * r * r / 2);
    }
}

const gcam_op gcam_op_batch_norm = {"BatchNormalization",
                                    GCAM_RULE_SPATIAL,
                                    5,
                                    5,
                                    batch_norm_shape,
                                    batch_norm_forward,
                                    batch_norm_backward,
                                    .traits = GCAM_OP_LINEAR | GCAM_OP_KEEPS_POSITIONS};
