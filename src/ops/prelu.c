/* PRelu: y = x where x > 0, s x elsewhere (arXiv 1502.01852).
 *
 * The slope s is broadcast to x: usually one number a channel.
 *   dx_b += dy_b * (x > 0 ? 1 : s)
 *   ds_b += dy_b * (x > 0 ? 0 : x), summed over the axes that s is stretched along */
#include "ops/broadcast.h"

static gcam_status prelu_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char x[96], s[96];
  GCAM_TRY(gcam_broadcast_shape(graph, node, err));
  if (!gcam_shape_equal(gcam_out_shape(graph, node, 0), gcam_in_shape(graph, node, 0)))
    return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                          "slopes of shape %s do not fit an input of shape %s",
                          gcam_shape_text(gcam_in_shape(graph, node, 1), s, sizeof s),
                          gcam_shape_text(gcam_in_shape(graph, node, 0), x, sizeof x));
  return GCAM_OK;
}

static void prelu_forward(const gcam_args *a) {
  const gcam_broadcast *plan = a->node->params;
  const gcam_shape *sx = gcam_in_shape(a->graph, a->node, 0);
  const gcam_shape *ss = gcam_in_shape(a->graph, a->node, 1);
  int64_t step = gcam_broadcast_step(plan, ss);
  for (int64_t row = 0; row < plan->rows; row++) {
    const float *x = a->in[0] + row * plan->inner;
    const float *s = a->in[1] + gcam_broadcast_offset(plan, ss, sx, row);
    float *y = a->out[0] + row * plan->inner;
    for (int64_t i = 0; i < plan->inner; i++) y[i] = x[i] > 0 ? x[i] : s[i * step] * x[i];
  }
}

static void prelu_backward(const gcam_args *a) {
  const gcam_broadcast *plan = a->node->params;
  const gcam_shape *sx = gcam_in_shape(a->graph, a->node, 0);
  const gcam_shape *ss = gcam_in_shape(a->graph, a->node, 1);
  int64_t step = gcam_broadcast_step(plan, ss);
  if (!a->dout[0]) return;
  for (int b = 0; b < a->B; b++) {
    for (int64_t row = 0; row < plan->rows; row++) {
      int64_t at = gcam_broadcast_offset(plan, ss, sx, row);
      const float *x = a->in[0] + row * plan->inner, *s = a->in[1] + at;
      const float *dy = a->dout[0] + (b * plan->rows + row) * plan->inner;
      if (a->din[0]) {
        float *dx = a->din[0] + (b * plan->rows + row) * plan->inner;
        for (int64_t i = 0; i < plan->inner; i++) dx[i] += x[i] > 0 ? dy[i] : s[i * step] * dy[i];
      }
      if (a->din[1]) {
        float *ds = a->din[1] + b * gcam_numel(ss) + at;
        for (int64_t i = 0; i < plan->inner; i++) ds[i * step] += x[i] > 0 ? 0 : x[i] * dy[i];
      }
    }
  }
}

const gcam_op gcam_op_prelu = {"PRelu",
                               GCAM_RULE_POINTWISE,
                               2,
                               2,
                               prelu_shape,
                               prelu_forward,
                               prelu_backward,
                               .traits = GCAM_OP_KEEPS_POSITIONS};
