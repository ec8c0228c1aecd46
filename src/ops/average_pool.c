/* average_pool.c: AveragePool, 1-D and 2-D.
 *
 *   y[n][oy][ox][c] = 1/m sum over taps of x[n][iy][ix][c];  dx[n][iy][ix][c] += dy / m
 *   m: taps inside the input; with count_include_pad, taps inside the input and its padding. A
 *   window that ceil_mode lets hang over the padding's end counts what is before the end, as
 *   PyTorch does.
 *
 * Input x [N][H][W][C], output y [N][H'][W'][C].
 * https://onnx.ai/onnx/operators/onnx__AveragePool.html */
#include "ops/pooling.h"

/* Taps of a position that count for the mean, along one axis. */
static int64_t counted(const gcam_window_axis *w, int64_t out, bool include_pad) {
  int64_t first, end;
  gcam_window_taps(w, out, &first, &end);
  if (!include_pad) return end - first;
  int64_t room = w->in + w->pad_end - gcam_window_at(w, out, 0); /* > 0: it begins before the end */
  int64_t taps = (room - 1) / w->dilation + 1;
  return taps < w->kernel ? taps : w->kernel;
}

static const float *shares(gcam_graph *graph, const gcam_window_axis *w, bool include_pad) {
  float *share = gcam_arena_alloc(&graph->arena, (size_t)w->out, sizeof *share);
  for (int64_t i = 0; share && i < w->out; i++) share[i] = 1 / (float)counted(w, i, include_pad);
  return share;
}

static gcam_status average_pool_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  GCAM_TRY(gcam_pooling_shape(graph, node, err));
  gcam_pooling_params *p = node->params;
  p->share_y = shares(graph, &p->window.y, p->count_include_pad);
  p->share_x = shares(graph, &p->window.x, p->count_include_pad);
  return p->share_y && p->share_x ? GCAM_OK : gcam_node_no_memory(node, err);
}

static void average_pool_forward(const gcam_args *a) {
  const gcam_pooling_params *p = a->node->params;
  const gcam_window_axis *wy = &p->window.y, *wx = &p->window.x;
  float *y = a->out[0];
  for (int64_t n = 0; n < p->N; n++)
    for (int64_t oy = 0; oy < wy->out; oy++)
      for (int64_t ox = 0; ox < wx->out; ox++) {
        int64_t t0, t1, s0, s1;
        gcam_window_taps(wy, oy, &t0, &t1);
        gcam_window_taps(wx, ox, &s0, &s1);
        double count = (double)counted(wy, oy, p->count_include_pad) *
                       (double)counted(wx, ox, p->count_include_pad);
        for (int64_t c = 0; c < p->C; c++) {
          double sum = 0;
          for (int64_t t = t0; t < t1; t++)
            for (int64_t s = s0; s < s1; s++) {
              int64_t iy = gcam_window_at(wy, oy, t), ix = gcam_window_at(wx, ox, s);
              sum += a->in[0][((n * wy->in + iy) * wx->in + ix) * p->C + c];
            }
          *y++ = (float)(sum / count);
        }
      }
}

static void average_pool_backward(const gcam_args *a) {
  const gcam_pooling_params *p = a->node->params;
  const gcam_window_axis *wy = &p->window.y, *wx = &p->window.x;
  const float *dy = a->dout[0];
  float *dx = a->din[0];
  if (!dy || !dx) return;
  for (int64_t n = 0; n < a->B * p->N; n++) /* the gradient needs no saved value: B more pictures */
    for (int64_t oy = 0; oy < wy->out; oy++)
      for (int64_t ox = 0; ox < wx->out; ox++, dy += p->C) {
        int64_t t0, t1, s0, s1;
        gcam_window_taps(wy, oy, &t0, &t1);
        gcam_window_taps(wx, ox, &s0, &s1);
        double count = (double)counted(wy, oy, p->count_include_pad) *
                       (double)counted(wx, ox, p->count_include_pad);
        for (int64_t t = t0; t < t1; t++)
          for (int64_t s = s0; s < s1; s++) {
            int64_t iy = gcam_window_at(wy, oy, t), ix = gcam_window_at(wx, ox, s);
            float *to = dx + ((n * wy->in + iy) * wx->in + ix) * p->C;
            for (int64_t c = 0; c < p->C; c++) to[c] += (float)(dy[c] / count);
          }
      }
}

const gcam_op gcam_op_average_pool = {"AveragePool",
                                      GCAM_RULE_SPATIAL,
                                      1,
                                      1,
                                      average_pool_shape,
                                      average_pool_forward,
                                      average_pool_backward,
                                      .traits = GCAM_OP_AVERAGES | GCAM_OP_SAMPLES};
