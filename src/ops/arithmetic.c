/* Add, Sub, Mul, Div, Pow, Max and Min with broadcasting (rarer ones: nary.c).
 *
 *   y = f(u, v)    du_b += dy_b * df/du    dv_b += dy_b * df/dv
 *
 * y has the broadcast shape; where an input stands still its gradient is the sum over the axes it
 * was stretched along. Either input may be a constant: its gradient is then not asked for. */
#include <math.h>

#include "base/elementary.h"
#include "ops/broadcast.h"

/* Steps known to the compiler, so that it vectorises residual sums. */
#define ROW(F, STEP_U, STEP_V)                              \
  for (int64_t i = 0; i < plan->inner; i++) {               \
    const float u = pu[i * (STEP_U)], v = pv[i * (STEP_V)]; \
    py[i] = (F);                                            \
  }

/* F, DU and DV are written in u, v and y = f(u, v). */
#define BINARY(symbol, onnx_name, F, DU, DV, TRAITS)                                        \
  static void symbol##_forward(const gcam_args *a) {                                        \
    const gcam_broadcast *plan = a->node->params;                                           \
    const gcam_shape *su = gcam_in_shape(a->graph, a->node, 0);                             \
    const gcam_shape *sv = gcam_in_shape(a->graph, a->node, 1);                             \
    const gcam_shape *sy = &a->graph->values[a->node->outputs[0]].shape;                    \
    int64_t step_u = gcam_broadcast_step(plan, su), step_v = gcam_broadcast_step(plan, sv); \
    for (int64_t row = 0; row < plan->rows; row++) {                                        \
      const float *pu = a->in[0] + gcam_broadcast_offset(plan, su, sy, row);                \
      const float *pv = a->in[1] + gcam_broadcast_offset(plan, sv, sy, row);                \
      float *py = a->out[0] + row * plan->inner;                                            \
      if (step_u && step_v)                                                                 \
        ROW(F, 1, 1)                                                                        \
      else if (step_u)                                                                      \
        ROW(F, 1, 0)                                                                        \
      else                                                                                  \
        ROW(F, 0, step_v)                                                                   \
    }                                                                                       \
  }                                                                                         \
  static void symbol##_backward(const gcam_args *a) {                                       \
    const gcam_broadcast *plan = a->node->params;                                           \
    const gcam_shape *su = gcam_in_shape(a->graph, a->node, 0);                             \
    const gcam_shape *sv = gcam_in_shape(a->graph, a->node, 1);                             \
    const gcam_shape *sy = &a->graph->values[a->node->outputs[0]].shape;                    \
    int64_t step_u = gcam_broadcast_step(plan, su), step_v = gcam_broadcast_step(plan, sv); \
    if (!a->dout[0]) return;                                                                \
    for (int b = 0; b < a->B; b++) {                                                        \
      for (int64_t row = 0; row < plan->rows; row++) {                                      \
        int64_t at_u = gcam_broadcast_offset(plan, su, sy, row);                            \
        int64_t at_v = gcam_broadcast_offset(plan, sv, sy, row);                            \
        const float *pu = a->in[0] + at_u, *pv = a->in[1] + at_v;                           \
        const float *py = a->out[0] + row * plan->inner;                                    \
        const float *dy = a->dout[0] + (b * plan->rows + row) * plan->inner;                \
        float *du = a->din[0] ? a->din[0] + b * gcam_numel(su) + at_u : NULL;               \
        float *dv = a->din[1] ? a->din[1] + b * gcam_numel(sv) + at_v : NULL;               \
        for (int64_t i = 0; du && i < plan->inner; i++) {                                   \
          const float u = pu[i * step_u], v = pv[i * step_v], y = py[i];                    \
          (void)u, (void)v, (void)y;                                                        \
          du[i * step_u] += dy[i] * (DU);                                                   \
        }                                                                                   \
        for (int64_t i = 0; dv && i < plan->inner; i++) {                                   \
          const float u = pu[i * step_u], v = pv[i * step_v], y = py[i];                    \
          (void)u, (void)v, (void)y;                                                        \
          dv[i * step_v] += dy[i] * (DV);                                                   \
        }                                                                                   \
      }                                                                                     \
    }                                                                                       \
  }                                                                                         \
  const gcam_op gcam_op_##symbol = {onnx_name,                                              \
                                    GCAM_RULE_POINTWISE,                                    \
                                    2,                                                      \
                                    2,                                                      \
                                    gcam_broadcast_shape,                                   \
                                    symbol##_forward,                                       \
                                    symbol##_backward,                                      \
                                    .traits = GCAM_OP_KEEPS_POSITIONS | (TRAITS)};

/* clang-format off */
BINARY(add, "Add", u + v, 1.0f, 1.0f, GCAM_OP_LINEAR)
BINARY(sub, "Sub", u - v, 1.0f, -1.0f, GCAM_OP_LINEAR)
BINARY(mul, "Mul", u * v, v, u, GCAM_OP_LINEAR)
BINARY(div, "Div", u / v, 1 / v, -y / v, GCAM_OP_LINEAR)
/* u^v, mostly a square. Where v is 0 the slope is 0, and not 0 * infinity; 0^v does not change with
 * v > 0. */
BINARY(pow, "Pow", v == 2 ? u * u : (float)gcam_power(u, v),
       v == 2 ? 2 * u : v == 0 ? 0.0f : v * (float)gcam_power(u, v - 1),
       u == 0 && v >= 0 ? 0.0f : y * logf(u), 0)
/* clang-format on */

/* ---- Max and Min ---------------------------------------------------------------------------- */

/* y = the largest or smallest of all inputs; those that tie share the gradient evenly. */

/* sign: 1 for the largest, -1 for the smallest. */
static inline void extreme_forward(const gcam_args *a, float sign) {
  const gcam_broadcast *plan = a->node->params;
  const gcam_shape *sy = &a->graph->values[a->node->outputs[0]].shape;
  for (int k = 0; k < a->node->input_count; k++) {
    const gcam_shape *sx = gcam_in_shape(a->graph, a->node, k);
    int64_t step = gcam_broadcast_step(plan, sx);
    for (int64_t row = 0; row < plan->rows; row++) {
      const float *x = a->in[k] + gcam_broadcast_offset(plan, sx, sy, row);
      float *y = a->out[0] + row * plan->inner;
      for (int64_t i = 0; i < plan->inner; i++) /* !(x <= y): NaN is passed on */
        if (!k || (y[i] == y[i] && !(sign * x[i * step] <= sign * y[i]))) y[i] = x[i * step];
    }
  }
}

static void max_forward(const gcam_args *a) { extreme_forward(a, 1); }
static void min_forward(const gcam_args *a) { extreme_forward(a, -1); }

static void extreme_backward(const gcam_args *a) {
  const gcam_broadcast *plan = a->node->params;
  const gcam_shape *sy = &a->graph->values[a->node->outputs[0]].shape;
  int count = a->node->input_count;
  if (!a->dout[0]) return;
  for (int64_t row = 0; row < plan->rows; row++) {
    for (int64_t i = 0; i < plan->inner; i++) {
      float y = a->out[0][row * plan->inner + i];
      int ties = 0;
      for (int k = 0; k < count; k++) {
        const gcam_shape *sx = gcam_in_shape(a->graph, a->node, k);
        int64_t at = gcam_broadcast_offset(plan, sx, sy, row) + i * gcam_broadcast_step(plan, sx);
        ties += a->in[k][at] == y;
      }
      for (int k = 0; k < count; k++) {
        const gcam_shape *sx = gcam_in_shape(a->graph, a->node, k);
        int64_t at = gcam_broadcast_offset(plan, sx, sy, row) + i * gcam_broadcast_step(plan, sx);
        if (!a->din[k] || a->in[k][at] != y) continue;
        for (int b = 0; b < a->B; b++)
          a->din[k][b * gcam_numel(sx) + at] +=
              a->dout[0][(b * plan->rows + row) * plan->inner + i] / (float)ties;
      }
    }
  }
}

const gcam_op gcam_op_max = {"Max",
                             GCAM_RULE_POINTWISE,
                             1,
                             -1,
                             gcam_broadcast_shape,
                             max_forward,
                             extreme_backward,
                             .traits = GCAM_OP_KEEPS_POSITIONS};
const gcam_op gcam_op_min = {"Min",
                             GCAM_RULE_POINTWISE,
                             1,
                             -1,
                             gcam_broadcast_shape,
                             min_forward,
                             extreme_backward,
                             .traits = GCAM_OP_KEEPS_POSITIONS};
