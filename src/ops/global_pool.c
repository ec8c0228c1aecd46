/* global_pool.c: GlobalAveragePool and GlobalMaxPool: one value a channel, rank kept.
 *
 *   y[n][0][0][c] = mean, or maximum, over all pixels of x[n][y][x][c]
 *   average: dx = dy / pixels;  maximum: dx = dy at the first maximum, 0 elsewhere
 *
 * Input x [N][spatial...][C] of rank >= 3, output y [N][1...][C].
 * https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html */
#include "ops/global_pool.h"

static gcam_status global_pool_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  char text[96];
  gcam_global_pool_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while reading the graph");
  gcam_shape y = *x;
  p->pixels = x->rank < 3 ? 0 : gcam_numel_range(x, 1, x->rank - 1);
  if (p->pixels < 1)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its input %s has no pixels to pool",
                          gcam_shape_text(x, text, sizeof text));
  p->N = x->dim[0];
  p->C = x->dim[x->rank - 1];
  for (int i = 1; i < x->rank - 1; i++) y.dim[i] = 1;
  return gcam_node_set_shape(graph, node, 0, &y, err);
}

static void global_average_pool_forward(const gcam_args *a) {
  const gcam_global_pool_params *p = a->node->params;
  for (int64_t n = 0; n < p->N; n++)
    for (int64_t c = 0; c < p->C; c++) {
      const float *x = a->in[0] + n * p->pixels * p->C + c;
      double sum = 0;
      for (int64_t i = 0; i < p->pixels; i++) sum += x[i * p->C];
      a->out[0][n * p->C + c] = (float)(sum / (double)p->pixels);
    }
}

static void global_average_pool_backward(const gcam_args *a) {
  const gcam_global_pool_params *p = a->node->params;
  float *dx = a->din[0];
  if (!a->dout[0] || !dx) return;
  for (int64_t n = 0; n < a->B * p->N; n++)
    for (int64_t i = 0; i < p->pixels; i++)
      for (int64_t c = 0; c < p->C; c++)
        *dx++ += (float)(a->dout[0][n * p->C + c] / (double)p->pixels);
}

/* Pixel of the first maximum among x[i * step]; a NaN wins, as in PyTorch. */
static int64_t find_max(const float *x, int64_t pixels, int64_t step) {
  int64_t best = 0;
  for (int64_t i = 1; i < pixels; i++)
    if (x[i * step] > x[best * step] || x[i * step] != x[i * step]) best = i;
  return best;
}

static void global_max_pool_forward(const gcam_args *a) {
  const gcam_global_pool_params *p = a->node->params;
  for (int64_t n = 0; n < p->N; n++)
    for (int64_t c = 0; c < p->C; c++) {
      const float *x = a->in[0] + n * p->pixels * p->C + c;
      a->out[0][n * p->C + c] = x[find_max(x, p->pixels, p->C) * p->C];
    }
}

static void global_max_pool_backward(const gcam_args *a) {
  const gcam_global_pool_params *p = a->node->params;
  int64_t x_size = p->N * p->pixels * p->C, y_size = p->N * p->C;
  if (!a->dout[0] || !a->din[0]) return;
  for (int64_t n = 0; n < p->N; n++)
    for (int64_t c = 0; c < p->C; c++) {
      int64_t from = n * p->pixels * p->C + c;
      int64_t at = from + find_max(a->in[0] + from, p->pixels, p->C) * p->C;
      for (int64_t b = 0; b < a->B; b++)
        a->din[0][b * x_size + at] += a->dout[0][b * y_size + n * p->C + c];
    }
}

const gcam_op gcam_op_global_average_pool = {"GlobalAveragePool",
                                             GCAM_RULE_SPATIAL,
                                             1,
                                             1,
                                             global_pool_shape,
                                             global_average_pool_forward,
                                             global_average_pool_backward,
                                             .traits = GCAM_OP_AVERAGES};
const gcam_op gcam_op_global_max_pool = {
    "GlobalMaxPool",         GCAM_RULE_SPATIAL,        1,          1, global_pool_shape,
    global_max_pool_forward, global_max_pool_backward, .traits = 0};
