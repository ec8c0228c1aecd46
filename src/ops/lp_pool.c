/* lp_pool.c: LpPool, GlobalLpPool and LpNormalization.
 *
 *   pools          y = (sum |x|^p)^(1/p) over a window;  dx = dy sign(x) (|x| / y)^(p - 1)
 *   normalisation  y = x / n, n = (sum |x|^p)^(1/p) along one axis
 *                  dx = (dy - sign(x) (|x| / n)^(p - 1) sum y dy) / n
 *
 * Where y (n) is 0 so is the gradient. Padding counts as 0. Pools: x [N][H][W][C], as MaxPool.
 * https://onnx.ai/onnx/operators/onnx__LpPool.html */
#include <math.h>

#include "base/elementary.h"
#include "ops/pooling.h"

typedef struct lp_pool_params {
  gcam_pooling_params pool;
  double p;
} lp_pool_params;

/* A float in opset 1, an integer since. */
static gcam_status read_p(const gcam_node *node, double *p, gcam_error *err) {
  const gcam_attr *attr = gcam_node_attr(node, "p");
  *p = !attr ? 2 : attr->kind == GCAM_ATTR_FLOAT ? (double)attr->f : (double)attr->i;
  if (*p >= 1 && *p <= 64) return GCAM_OK;
  return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED, "p = %g; it must lie between 1 and 64",
                        *p);
}

/* |x|^p, and the p-th root: without pow() for the usual p. */
static double power(double x, double p) {
  x = fabs(x);
  return p == 1 ? x : p == 2 ? x * x : gcam_power(x, p);
}
static double root(double sum, double p) {
  return p == 1 ? sum : p == 2 ? sqrt(sum) : gcam_power(sum, 1 / p);
}
/* d(root of the sum of powers) / dx */
static double lp_slope(double x, double y, double p) {
  if (y == 0 || x == 0) return 0;
  return copysign(power(x / y, p - 1), x);
}

static gcam_status lp_pool_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  double p;
  GCAM_TRY(read_p(node, &p, err));
  GCAM_TRY(gcam_pooling_shape(graph, node, err));
  gcam_pooling_params pool = *(const gcam_pooling_params *)node->params;
  lp_pool_params *params = gcam_node_params(graph, node, sizeof *params);
  if (!params) return gcam_node_no_memory(node, err);
  params->pool = pool;
  params->p = p;
  return GCAM_OK;
}

static gcam_status global_lp_pool_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char text[96];
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  lp_pool_params *params = gcam_node_params(graph, node, sizeof *params);
  if (!params) return gcam_node_no_memory(node, err);
  GCAM_TRY(read_p(node, &params->p, err));
  if (x->rank < 3)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its input %s has no pixels to pool",
                          gcam_shape_text(x, text, sizeof text));
  int64_t pixels = gcam_numel_range(x, 1, x->rank - 1);
  gcam_window_axis one = {1, 1, 1, 1, 1, 0, 0}, all = {pixels, 1, pixels, 1, 1, 0, 0};
  params->pool =
      (gcam_pooling_params){.window = {one, all}, .N = x->dim[0], .C = x->dim[x->rank - 1]};
  gcam_shape y = *x;
  for (int i = 1; i < x->rank - 1; i++) y.dim[i] = 1;
  return gcam_node_set_shape(graph, node, 0, &y, err);
}

/* Both directions over one output element: its sum of powers, or adds to the gradients. */
static double over_window(const lp_pool_params *p, const gcam_args *a, int64_t element, bool back) {
  const gcam_window_axis *wy = &p->pool.window.y, *wx = &p->pool.window.x;
  int64_t C = p->pool.C, c = element % C, ox = element / C % wx->out;
  int64_t oy = element / C / wx->out % wy->out, n = element / C / wx->out / wy->out;
  int64_t x_size = p->pool.N * wy->in * wx->in * C, y_size = p->pool.N * wy->out * wx->out * C;
  int64_t t0, t1, s0, s1;
  double sum = 0;
  gcam_window_taps(wy, oy, &t0, &t1);
  gcam_window_taps(wx, ox, &s0, &s1);
  for (int64_t t = t0; t < t1; t++)
    for (int64_t s = s0; s < s1; s++) {
      int64_t iy = gcam_window_at(wy, oy, t), ix = gcam_window_at(wx, ox, s);
      int64_t at = ((n * wy->in + iy) * wx->in + ix) * C + c;
      if (!back) {
        sum += power(a->in[0][at], p->p);
        continue;
      }
      double slope = lp_slope(a->in[0][at], a->out[0][element], p->p);
      for (int b = 0; b < a->B; b++)
        a->din[0][b * x_size + at] += (float)(a->dout[0][b * y_size + element] * slope);
    }
  return sum;
}

static void lp_pool_forward(const gcam_args *a) {
  const lp_pool_params *p = a->node->params;
  int64_t n = gcam_numel(&a->graph->values[a->node->outputs[0]].shape);
  for (int64_t i = 0; i < n; i++) a->out[0][i] = (float)root(over_window(p, a, i, false), p->p);
}

static void lp_pool_backward(const gcam_args *a) {
  int64_t n = gcam_numel(&a->graph->values[a->node->outputs[0]].shape);
  if (!a->dout[0] || !a->din[0]) return;
  for (int64_t i = 0; i < n; i++) over_window(a->node->params, a, i, true);
}

/* ---- LpNormalization ------------------------------------------------------------------------ */

typedef struct lp_norm_params {
  int64_t outer, len, inner;
  double p;
} lp_norm_params;

static gcam_status lp_norm_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_value *x = &graph->values[node->inputs[0]];
  int64_t onnx_axis = gcam_node_int(node, "axis", -1);
  int axis = gcam_value_axis(x, onnx_axis);
  lp_norm_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  GCAM_TRY(read_p(node, &p->p, err));
  if (axis < 0)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "axis %lld is outside an input of rank %d",
                          (long long)onnx_axis, x->shape.rank);
  p->outer = gcam_numel_range(&x->shape, 0, axis);
  p->len = x->shape.dim[axis];
  p->inner = gcam_numel_range(&x->shape, axis + 1, x->shape.rank);
  return gcam_node_set_shape(graph, node, 0, &x->shape, err);
}

static void lp_norm(const gcam_args *a, bool back) {
  const lp_norm_params *p = a->node->params;
  int64_t n = p->outer * p->len * p->inner;
  for (int64_t group = 0; group < p->outer * p->inner; group++) {
    int64_t at = group / p->inner * p->len * p->inner + group % p->inner;
    const float *x = a->in[0] + at;
    double sum = 0;
    for (int64_t i = 0; i < p->len; i++) sum += power(x[i * p->inner], p->p);
    double norm = root(sum, p->p), scale = norm > 0 ? 1 / norm : 0;
    for (int64_t i = 0; !back && i < p->len; i++)
      a->out[0][at + i * p->inner] = (float)(x[i * p->inner] * scale);
    for (int b = 0; back && b < a->B; b++) {
      const float *y = a->out[0] + at, *dy = a->dout[0] + b * n + at;
      float *dx = a->din[0] + b * n + at;
      double dot = 0;
      for (int64_t i = 0; i < p->len * p->inner; i += p->inner) dot += (double)y[i] * dy[i];
      for (int64_t i = 0; i < p->len * p->inner; i += p->inner)
        dx[i] += (float)((dy[i] - lp_slope(x[i], norm, p->p) * dot) * scale);
    }
  }
}

static void lp_norm_forward(const gcam_args *a) { lp_norm(a, false); }
static void lp_norm_backward(const gcam_args *a) {
  if (a->dout[0] && a->din[0]) lp_norm(a, true);
}

const gcam_op gcam_op_lp_pool = {
    "LpPool",         GCAM_RULE_SPATIAL,        1, 1, lp_pool_shape, lp_pool_forward,
    lp_pool_backward, .traits = GCAM_OP_SAMPLES};
const gcam_op gcam_op_global_lp_pool = {
    "GlobalLpPool",  GCAM_RULE_SPATIAL, 1,          1, global_lp_pool_shape,
    lp_pool_forward, lp_pool_backward,  .traits = 0};
const gcam_op gcam_op_lp_norm = {
    "LpNormalization", GCAM_RULE_AXIS,  1, 1, lp_norm_shape, lp_norm_forward,
    lp_norm_backward,  .data_inputs = 1};
