/* CumSum along one axis: y_i = x_0 + ... + x_i; exclusive: without x_i; reverse: from the end.
 * dx is the same sum of dy from the other end. */
#include "ops/op.h"

typedef struct cum_sum_params {
  int64_t outer, len, inner;
  bool reverse, exclusive;
} cum_sum_params;

static gcam_status cum_sum_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_value *x = &graph->values[node->inputs[0]];
  int64_t onnx_axis = 0;
  int count;
  GCAM_TRY(gcam_node_ints(graph, node, "axis", 1, &onnx_axis, 1, &count, err));
  int axis = count ? gcam_value_axis(x, onnx_axis) : -1;
  if (axis < 0)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "axis %lld is outside an input of rank %d",
                          (long long)onnx_axis, x->shape.rank);
  cum_sum_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  p->outer = gcam_numel_range(&x->shape, 0, axis);
  p->len = x->shape.dim[axis];
  p->inner = gcam_numel_range(&x->shape, axis + 1, x->shape.rank);
  p->reverse = gcam_node_int(node, "reverse", 0) != 0;
  p->exclusive = gcam_node_int(node, "exclusive", 0) != 0;
  return gcam_node_set_shape(graph, node, 0, &x->shape, err);
}

static void run(const cum_sum_params *p, bool reverse, bool add, int64_t outer, const float *from,
                float *to) {
  for (int64_t group = 0; group < outer * p->inner; group++) {
    int64_t start = group / p->inner * p->len * p->inner + group % p->inner;
    double sum = 0;
    for (int64_t i = 0; i < p->len; i++) {
      int64_t at = start + (reverse ? p->len - 1 - i : i) * p->inner;
      double before = sum;
      sum += from[at];
      to[at] = (float)((add ? to[at] : 0) + (p->exclusive ? before : sum));
    }
  }
}

static void cum_sum_forward(const gcam_args *a) {
  const cum_sum_params *p = a->node->params;
  run(p, p->reverse, false, p->outer, a->in[0], a->out[0]);
}

static void cum_sum_backward(const gcam_args *a) {
  const cum_sum_params *p = a->node->params;
  if (!a->dout[0] || !a->din[0]) return;
  run(p, !p->reverse, true, a->B * p->outer, a->dout[0], a->din[0]);
}

const gcam_op gcam_op_cum_sum = {
    "CumSum",         GCAM_RULE_AXIS,  2, 2, cum_sum_shape, cum_sum_forward,
    cum_sum_backward, .data_inputs = 1};
