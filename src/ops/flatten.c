/* Flatten: two dimensions, the axes before `axis` and those from it on. */
#include "ops/view.h"

static gcam_status flatten_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  int64_t axis = gcam_node_int(node, "axis", 1);
  if (axis < -x->rank || axis > x->rank)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "axis %lld is outside an input of rank %d",
                          (long long)axis, x->rank);
  int at = (int)(axis < 0 ? axis + x->rank : axis);
  gcam_shape out = {2, {gcam_numel_range(x, 0, at), gcam_numel_range(x, at, x->rank)}};
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

const gcam_op gcam_op_flatten = {
    "Flatten",          GCAM_RULE_ROWS,        1, 1, flatten_shape, gcam_view_forward,
    gcam_view_backward, .traits = GCAM_OP_VIEW};
