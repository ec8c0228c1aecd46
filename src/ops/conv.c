/* conv.c: Conv, 1-D and 2-D, with groups, strides, dilations and any padding.
 *
 *   y[n][oy][ox][k] = bias[k] + sum over (t, s, c) of x[n][iy][ix][c] w[k][t][s][c]
 *   iy = oy stride - pad + t dilation, ix likewise; taps in the padding add nothing;
 *   c runs over the C / groups channels of k's group.
 *
 * Inputs: x [N][H][W][C], w [K][kernel y][kernel x][C / groups], bias [K] (optional).
 * Output: y [N][H'][W'][K]. Sums are in double, so that this is the reference for the fast twins.
 * https://onnx.ai/onnx/operators/onnx__Conv.html */
#include "ops/conv.h"

#include "ops/product.h"

enum { BLOCK = 64 }; /* channels whose sums are held at once */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- The loops ------------------------------------------------------------------------------ */

void gcam_conv_apply(const gcam_conv_params *p, const float *x, const float *w, float *y) {
  const gcam_window_axis *wy = &p->window.y, *wx = &p->window.x;
  int64_t cg = p->C / p->groups, kg = p->K / p->groups;
  for (int64_t n = 0; n < p->N; n++)
    for (int64_t oy = 0; oy < wy->out; oy++)
      for (int64_t ox = 0; ox < wx->out; ox++, y += p->K) {
        int64_t t0, t1, s0, s1;
        gcam_window_taps(wy, oy, &t0, &t1);
        gcam_window_taps(wx, ox, &s0, &s1);
        for (int64_t k = 0; k < p->K; k++) {
          double sum = 0;
          for (int64_t t = t0; t < t1; t++)
            for (int64_t s = s0; s < s1; s++) {
              int64_t iy = gcam_window_at(wy, oy, t), ix = gcam_window_at(wx, ox, s);
              sum += gcam_dot(x + ((n * wy->in + iy) * wx->in + ix) * p->C + k / kg * cg,
                              w + ((k * wy->kernel + t) * wx->kernel + s) * cg, cg);
            }
          y[k] = (float)(y[k] + sum);
        }
      }
}

void gcam_conv_adjoint(const gcam_conv_params *p, const float *y, const float *w, float *x) {
  const gcam_window_axis *wy = &p->window.y, *wx = &p->window.x;
  int64_t cg = p->C / p->groups, kg = p->K / p->groups;
  for (int64_t n = 0; n < p->N; n++)
    for (int64_t iy = 0; iy < wy->in; iy++)
      for (int64_t ix = 0; ix < wx->in; ix++, x += p->C)
        for (int64_t g = 0; g < p->groups; g++)
          for (int64_t c0 = 0; c0 < cg; c0 += BLOCK) {
            int64_t nc = least(cg - c0, BLOCK);
            double sum[BLOCK];
            for (int64_t c = 0; c < nc; c++) sum[c] = 0;
            for (int64_t t = 0; t < wy->kernel; t++) {
              int64_t oy = gcam_window_reader(wy, iy, t);
              if (oy < 0) continue;
              for (int64_t s = 0; s < wx->kernel; s++) {
                int64_t ox = gcam_window_reader(wx, ix, s);
                if (ox < 0) continue;
                const float *from = y + ((n * wy->out + oy) * wx->out + ox) * p->K;
                for (int64_t k = g * kg; k < (g + 1) * kg; k++) {
                  const float *row = w + ((k * wy->kernel + t) * wx->kernel + s) * cg + c0;
                  for (int64_t c = 0; c < nc; c++) sum[c] += (double)from[k] * row[c];
                }
              }
            }
            float *to = x + g * cg + c0;
            for (int64_t c = 0; c < nc; c++) to[c] = (float)(to[c] + sum[c]);
          }
}

void gcam_conv_weight_gradient(const gcam_conv_params *p, const float *x, const float *y,
                               float *dw) {
  const gcam_window_axis *wy = &p->window.y, *wx = &p->window.x;
  int64_t cg = p->C / p->groups, kg = p->K / p->groups;
  for (int64_t k = 0; k < p->K; k++)
    for (int64_t t = 0; t < wy->kernel; t++)
      for (int64_t s = 0; s < wx->kernel; s++, dw += cg)
        for (int64_t c = 0; c < cg; c++) {
          double sum = 0;
          for (int64_t n = 0; n < p->N; n++)
            for (int64_t oy = 0; oy < wy->out; oy++)
              for (int64_t ox = 0; ox < wx->out; ox++) {
                int64_t iy = gcam_window_at(wy, oy, t), ix = gcam_window_at(wx, ox, s);
                if (iy < 0 || iy >= wy->in || ix < 0 || ix >= wx->in) continue;
                sum += (double)y[((n * wy->out + oy) * wx->out + ox) * p->K + k] *
                       x[((n * wy->in + iy) * wx->in + ix) * p->C + k / kg * cg + c];
              }
          dw[c] = (float)(dw[c] + sum);
        }
}

void gcam_bias_fill(const float *bias, int64_t rows, int64_t channels, float *y) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t k = 0; k < channels; k++) *y++ = bias ? bias[k] : 0;
}

void gcam_bias_gradient(const float *dy, int64_t rows, int64_t channels, float *db) {
  for (int64_t k = 0; k < channels; k++) {
    double sum = 0;
    for (int64_t i = 0; i < rows; i++) sum += dy[i * channels + k];
    db[k] = (float)(db[k] + sum);
  }
}

gcam_status gcam_bias_check(const gcam_graph *graph, const gcam_node *node, int input,
                            int64_t channels, gcam_error *err) {
  char text[96];
  if (!gcam_node_has_input(node, input)) return GCAM_OK;
  const gcam_shape *bias = gcam_in_shape(graph, node, input);
  if (bias->rank == 1 && bias->dim[0] == channels) return GCAM_OK;
  return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its bias is %s; %lld values are needed",
                        gcam_shape_text(bias, text, sizeof text), (long long)channels);
}

/* ---- The operator --------------------------------------------------------------------------- */

gcam_status gcam_conv_read(gcam_graph *graph, gcam_node *node, gcam_conv_params **params,
                           int64_t kernel[2], gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0), *w = gcam_in_shape(graph, node, 1);
  *params = gcam_node_params(graph, node, sizeof **params);
  if (!*params) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while reading the graph");
  if (x->rank >= 3 && w->rank != x->rank)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "an input of rank %d and a weight of rank %d",
                          x->rank, w->rank);
  kernel[0] = w->rank == 4 ? w->dim[1] : 1;
  kernel[1] = w->rank >= 2 ? w->dim[w->rank - 2] : 1;
  (*params)->N = x->dim[0];
  (*params)->groups = gcam_node_int(node, "group", 1);
  return GCAM_OK;
}

gcam_status gcam_conv_misfit(const gcam_graph *graph, const gcam_node *node, int64_t groups,
                             gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0), *w = gcam_in_shape(graph, node, 1);
  char xs[96], ws[96];
  return gcam_node_fail(
      node, err, GCAM_ERR_MODEL, "input %s and weight %s (channels last) do not fit %lld groups",
      gcam_shape_text(x, xs, sizeof xs), gcam_shape_text(w, ws, sizeof ws), (long long)groups);
}

static gcam_status conv_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0), *w = gcam_in_shape(graph, node, 1);
  gcam_conv_params *p;
  int64_t kernel[2];
  GCAM_TRY(gcam_conv_read(graph, node, &p, kernel, err));
  GCAM_TRY(gcam_window_resolve(node, x, kernel, &p->window, err));
  p->C = x->dim[x->rank - 1];
  p->K = w->dim[0];
  if (p->groups < 1 || p->C < 1 || p->K < 1 || p->C % p->groups || p->K % p->groups ||
      w->dim[w->rank - 1] != p->C / p->groups)
    return gcam_conv_misfit(graph, node, p->groups, err);
  GCAM_TRY(gcam_bias_check(graph, node, 2, p->K, err));
  gcam_shape y = gcam_window_output(x, p->window.y.out, p->window.x.out, p->K);
  return gcam_node_set_shape(graph, node, 0, &y, err);
}

static void conv_forward(const gcam_args *a) {
  const gcam_conv_params *p = a->node->params;
  int64_t pixels = p->N * p->window.y.out * p->window.x.out;
  gcam_bias_fill(a->node->input_count > 2 ? a->in[2] : NULL, pixels, p->K, a->out[0]);
  gcam_conv_apply(p, a->in[0], a->in[1], a->out[0]);
}

void gcam_conv_backward(const gcam_args *a, bool transposed) {
  const gcam_conv_params *p = a->node->params;
  int64_t x_pixels = p->N * p->window.y.in * p->window.x.in;
  int64_t y_pixels = p->N * p->window.y.out * p->window.x.out;
  int64_t w_size = p->K * p->window.y.kernel * p->window.x.kernel * (p->C / p->groups);
  int64_t pixels = transposed ? x_pixels : y_pixels, channels = transposed ? p->C : p->K;
  int64_t in_size = transposed ? y_pixels * p->K : x_pixels * p->C;
  if (!a->dout[0]) return;
  for (int64_t b = 0; b < a->B; b++) {
    const float *dy = a->dout[0] + b * pixels * channels;
    if (a->din[0])
      (transposed ? gcam_conv_apply : gcam_conv_adjoint)(p, dy, a->in[1], a->din[0] + b * in_size);
    if (a->din[1])
      gcam_conv_weight_gradient(p, transposed ? dy : a->in[0], transposed ? a->in[0] : dy,
                                a->din[1] + b * w_size);
    if (a->node->input_count > 2 && a->din[2])
      gcam_bias_gradient(dy, pixels, channels, a->din[2] + b * channels);
  }
}

static void conv_backward(const gcam_args *a) { gcam_conv_backward(a, false); }

const gcam_op gcam_op_conv = {"Conv",
                              GCAM_RULE_SPATIAL,
                              2,
                              3,
                              conv_shape,
                              conv_forward,
                              conv_backward,
                              .traits = GCAM_OP_LINEAR | GCAM_OP_WEIGHTED};
