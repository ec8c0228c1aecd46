/* max_pool.c: MaxPool, 1-D and 2-D. Padding never wins; NaN does, as in PyTorch.
 *
 *   y[n][oy][ox][c] = max over taps of x[n][iy][ix][c]
 *   dx gets dy at the maximum: the first one in the order of rows, then columns, as in PyTorch.
 *
 * Input x [N][H][W][C], outputs y [N][H'][W'][C] and, where somebody reads it, Indices of the same
 * shape: where in x each maximum was, counted in ONNX's order of axes (storage_order 1: columns
 * before rows), without a gradient.
 * https://onnx.ai/onnx/operators/onnx__MaxPool.html */
#include "ops/pooling.h"

static gcam_status max_pool_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  GCAM_TRY(gcam_pooling_shape(graph, node, err));
  if (node->output_count < 2 || node->outputs[1] < 0) return GCAM_OK;
  GCAM_TRY(gcam_pooling_places_fit(node, x, err));
  const gcam_pooling_params *p = node->params;
  gcam_shape y = gcam_window_output(x, p->window.y.out, p->window.x.out, p->C);
  return gcam_node_set_shape(graph, node, 1, &y, err);
}

/* Offset in x of the maximum for one output element. */
static int64_t find_max(const gcam_pooling_params *p, const float *x, int64_t n, int64_t oy,
                        int64_t ox, int64_t c) {
  const gcam_window_axis *wy = &p->window.y, *wx = &p->window.x;
  int64_t t0, t1, s0, s1, best = -1;
  gcam_window_taps(wy, oy, &t0, &t1);
  gcam_window_taps(wx, ox, &s0, &s1);
  for (int64_t t = t0; t < t1; t++)
    for (int64_t s = s0; s < s1; s++) {
      int64_t iy = gcam_window_at(wy, oy, t), ix = gcam_window_at(wx, ox, s);
      int64_t at = ((n * wy->in + iy) * wx->in + ix) * p->C + c;
      if (best < 0 || x[at] > x[best] || x[at] != x[at]) best = at;
    }
  return best;
}

/* What Indices says of offset `at` in x. */
static float place(const gcam_pooling_params *p, int64_t at, bool columns) {
  int64_t H = p->window.y.in, W = p->window.x.in, c = at % p->C, pixel = at / p->C % (H * W);
  int64_t n = at / p->C / (H * W);
  if (columns) pixel = pixel % W * H + pixel / W;
  return (float)((n * p->C + c) * H * W + pixel);
}

static void max_pool_forward(const gcam_args *a) {
  const gcam_pooling_params *p = a->node->params;
  float *y = a->out[0], *places = a->node->output_count > 1 ? a->out[1] : NULL;
  bool columns = gcam_node_int(a->node, "storage_order", 0) != 0;
  for (int64_t n = 0; n < p->N; n++)
    for (int64_t oy = 0; oy < p->window.y.out; oy++)
      for (int64_t ox = 0; ox < p->window.x.out; ox++)
        for (int64_t c = 0; c < p->C; c++) {
          int64_t at = find_max(p, a->in[0], n, oy, ox, c);
          if (y) *y++ = a->in[0][at];
          if (places) *places++ = place(p, at, columns);
        }
}

static void max_pool_backward(const gcam_args *a) {
  const gcam_pooling_params *p = a->node->params;
  int64_t x_size = p->N * p->window.y.in * p->window.x.in * p->C;
  int64_t y_size = p->N * p->window.y.out * p->window.x.out * p->C;
  const float *dy = a->dout[0];
  if (!dy || !a->din[0]) return;
  for (int64_t n = 0; n < p->N; n++)
    for (int64_t oy = 0; oy < p->window.y.out; oy++)
      for (int64_t ox = 0; ox < p->window.x.out; ox++)
        for (int64_t c = 0; c < p->C; c++, dy++) {
          int64_t at = find_max(p, a->in[0], n, oy, ox, c);
          for (int64_t b = 0; b < a->B; b++) a->din[0][b * x_size + at] += dy[b * y_size];
        }
}

const gcam_op gcam_op_max_pool = {"MaxPool",
                                  GCAM_RULE_SPATIAL,
                                  1,
                                  1,
                                  max_pool_shape,
                                  max_pool_forward,
                                  max_pool_backward,
                                  .traits = GCAM_OP_SAMPLES | GCAM_OP_OUTPUTS};
