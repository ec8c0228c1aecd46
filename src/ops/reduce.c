/* ReduceSum and ReduceMean over the axes named (none named: all, or with noop_with_empty_axes
 * nothing happens).
 *
 *   y = scale * sum of x over the axes    dx_b += scale * dy_b, the same along them
 *   scale: 1 for the sum, 1 / (elements summed) for the mean
 *
 * Axes are an attribute in old opsets, a constant input in newer ones (sum 13, mean 18). */
#include "ops/broadcast.h"

typedef struct reduce_params {
  gcam_shape kept; /* the output with its reduced axes kept as 1: broadcast to x by backward */
  gcam_broadcast plan;
  float scale;
} reduce_params;

static gcam_status reduce_shape(gcam_graph *graph, gcam_node *node, bool mean, gcam_error *err) {
  char label[160];
  const gcam_value *x = &graph->values[node->inputs[0]];
  int rank = x->shape.rank, count;
  int64_t axes[GCAM_MAX_RANK];
  bool keep = gcam_node_int(node, "keepdims", 1) != 0, reduced[GCAM_MAX_RANK] = {false};
  GCAM_TRY(gcam_node_ints(graph, node, "axes", 1, axes, GCAM_MAX_RANK, &count, err));
  gcam_node_label(node, label, sizeof label);
  for (int i = 0; i < count; i++) {
    int axis = gcam_value_axis(x, axes[i]);
    if (axis < 0 || reduced[axis])
      return gcam_fail(err, GCAM_ERR_MODEL, "%s: axis %lld is %s an input of rank %d", label,
                       (long long)axes[i], axis < 0 ? "outside" : "named twice for", rank);
    reduced[axis] = true;
  }
  bool all = !count && !gcam_node_int(node, "noop_with_empty_axes", 0);
  /* Without the axes that make it a picture a tensor has ONNX's order again, which for more than
   * two of them is not ours. The importer keeps dimensions and reshapes behind. */
  if (!keep && x->layout == GCAM_CHANNELS_LAST && rank >= 3)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED, "%s: keepdims=0 on a channels-last tensor", label);

  gcam_shape out = {0};
  reduce_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "Out of memory for '%s'", node->name);
  p->kept = x->shape;
  for (int i = 0; i < rank; i++) {
    if (all || reduced[i]) p->kept.dim[i] = 1;
    if (keep || !(all || reduced[i])) out.dim[out.rank++] = p->kept.dim[i];
  }
  int64_t summed = 1;
  for (int i = 0; i < rank; i++) summed *= all || reduced[i] ? x->shape.dim[i] : 1;
  if (mean && !summed)
    return gcam_fail(err, GCAM_ERR_MODEL, "%s: there is no mean over no elements", label);
  p->scale = mean ? 1 / (float)summed : 1;
  p->plan = gcam_broadcast_plan(&p->kept, &x->shape);
  node->scratch_floats = 2 * gcam_numel(&p->kept); /* sums are doubles: a mean may be over 10^5 */
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

static gcam_status reduce_mean_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  return reduce_shape(graph, node, true, err);
}
static gcam_status reduce_sum_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  return reduce_shape(graph, node, false, err);
}

static void reduce_forward(const gcam_args *a) {
  const reduce_params *p = a->node->params;
  const gcam_shape *sx = gcam_in_shape(a->graph, a->node, 0);
  int64_t n = gcam_numel(&p->kept), step = gcam_broadcast_step(&p->plan, &p->kept);
  double *sum = (double *)(void *)a->scratch;
  for (int64_t i = 0; i < n; i++) sum[i] = 0;
  for (int64_t row = 0; row < p->plan.rows; row++) {
    const float *x = a->in[0] + row * p->plan.inner;
    double *to = sum + gcam_broadcast_offset(&p->plan, &p->kept, sx, row);
    for (int64_t i = 0; i < p->plan.inner; i++) to[i * step] += x[i];
  }
  for (int64_t i = 0; i < n; i++) a->out[0][i] = (float)(sum[i] * p->scale);
}

static void reduce_backward(const gcam_args *a) {
  const reduce_params *p = a->node->params;
  const gcam_shape *sx = gcam_in_shape(a->graph, a->node, 0);
  int64_t n = gcam_numel(&p->kept), step = gcam_broadcast_step(&p->plan, &p->kept);
  if (!a->dout[0] || !a->din[0]) return;
  for (int b = 0; b < a->B; b++) {
    for (int64_t row = 0; row < p->plan.rows; row++) {
      const float *dy = a->dout[0] + b * n + gcam_broadcast_offset(&p->plan, &p->kept, sx, row);
      float *dx = a->din[0] + (b * p->plan.rows + row) * p->plan.inner;
      for (int64_t i = 0; i < p->plan.inner; i++) dx[i] += p->scale * dy[i * step];
    }
  }
}

const gcam_op gcam_op_reduce_mean = {"ReduceMean",
                                     GCAM_RULE_AXIS,
                                     1,
                                     2,
                                     reduce_mean_shape,
                                     reduce_forward,
                                     reduce_backward,
                                     .traits = GCAM_OP_AVERAGES,
                                     .data_inputs = 1};
const gcam_op gcam_op_reduce_sum = {
    "ReduceSum",     GCAM_RULE_AXIS,  1, 2, reduce_sum_shape, reduce_forward,
    reduce_backward, .data_inputs = 1};
