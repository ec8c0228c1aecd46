/* lrn.c: LRN, local response normalisation across channels (Krizhevsky et al. 2012, section 3.3).
 *
 *   y_c = x_c s_c^-beta
 *   s_c = bias + (alpha / size) sum over j in [c - before, c + after] of x_j^2
 *   before = floor((size - 1) / 2), after = ceil((size - 1) / 2), both cut at the ends
 *   dx_j = dy_j s_j^-beta - 2 beta (alpha / size) x_j sum over c with j in c's window of
 *          dy_c x_c s_c^(-beta - 1)
 *
 * Input x [N]...[C], output y as x.
 * https://onnx.ai/onnx/operators/onnx__LRN.html */
#include "ops/lrn.h"

#include <math.h>

#include "base/elementary.h"

static gcam_status lrn_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  char text[96];
  gcam_lrn_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while reading the graph");
  int64_t size = gcam_node_int(node, "size", 0);
  if (x->rank < 2 || size < 1)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "cannot normalise %s over %lld channels",
                          gcam_shape_text(x, text, sizeof text), (long long)size);
  p->C = x->dim[x->rank - 1];
  p->rows = gcam_numel_range(x, 0, x->rank - 1);
  p->before = (size - 1) / 2;
  p->after = size - 1 - p->before;
  if (p->before > p->C) p->before = p->C;
  if (p->after > p->C) p->after = p->C;
  p->scale = (float)((double)gcam_node_float(node, "alpha", 1e-4f) / (double)size);
  p->beta = gcam_node_float(node, "beta", 0.75f);
  p->bias = gcam_node_float(node, "bias", 1);
  node->scratch_floats = p->C;
  gcam_shape y = *x;
  return gcam_node_set_shape(graph, node, 0, &y, err);
}

/* Sum of t over channels [c - before, c + after]. */
static double window_sum(const float *t, int64_t C, int64_t c, int64_t before, int64_t after) {
  double sum = 0;
  for (int64_t j = c < before ? 0 : c - before; j <= c + after && j < C; j++) sum += t[j];
  return sum;
}

static void lrn_forward(const gcam_args *a) {
  const gcam_lrn_params *p = a->node->params;
  float *square = a->scratch;
  for (int64_t i = 0; i < p->rows; i++) {
    const float *x = a->in[0] + i * p->C;
    for (int64_t c = 0; c < p->C; c++) square[c] = x[c] * x[c];
    for (int64_t c = 0; c < p->C; c++) {
      double s = p->bias + p->scale * window_sum(square, p->C, c, p->before, p->after);
      a->out[0][i * p->C + c] = (float)(x[c] * gcam_power(s, -p->beta));
    }
  }
}

static void lrn_backward(const gcam_args *a) {
  const gcam_lrn_params *p = a->node->params;
  if (!a->dout[0] || !a->din[0]) return;
  for (int64_t b = 0; b < a->B; b++)
    for (int64_t i = 0; i < p->rows; i++) {
      const float *x = a->in[0] + i * p->C;
      const float *dy = a->dout[0] + (b * p->rows + i) * p->C;
      float *dx = a->din[0] + (b * p->rows + i) * p->C, *through = a->scratch;
      for (int64_t c = 0; c < p->C; c++) {
        double sum = 0;
        for (int64_t j = c < p->before ? 0 : c - p->before; j <= c + p->after && j < p->C; j++)
          sum += (double)x[j] * x[j];
        double s = p->bias + p->scale * sum, power = gcam_power(s, -p->beta);
        through[c] = (float)(dy[c] * x[c] * power / s);
        dx[c] += (float)(dy[c] * power);
      }
      /* j is in c's window where c is in [j - after, j + before] */
      for (int64_t j = 0; j < p->C; j++)
        dx[j] -= (float)(2.0 * p->beta * p->scale * x[j] *
                         window_sum(through, p->C, j, p->after, p->before));
    }
}

const gcam_op gcam_op_lrn = {"LRN",
                             GCAM_RULE_SPATIAL,
                             1,
                             1,
                             lrn_shape,
                             lrn_forward,
                             lrn_backward,
                             .traits = GCAM_OP_SAMPLES | GCAM_OP_KEEPS_POSITIONS};
