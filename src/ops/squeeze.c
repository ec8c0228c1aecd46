/* Squeeze takes axes of size 1 away (those named, or all), Unsqueeze puts them in, counted in the
 * output. Axes are an attribute before opset 13, a constant input since. */
#include "ops/view.h"

/* Marks the axes named, counted in a tensor of rank `rank`. */
static gcam_status mark_axes(const gcam_node *node, const int64_t *axes, int count, int rank,
                             bool *marked, gcam_error *err) {
  for (int i = 0; i < count; i++) {
    bool inside = axes[i] >= -rank && axes[i] < rank;
    int axis = inside ? (int)(axes[i] < 0 ? axes[i] + rank : axes[i]) : 0;
    if (!inside || marked[axis])
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "axis %lld is %s a tensor of rank %d",
                            (long long)axes[i], inside ? "named twice for" : "outside", rank);
    marked[axis] = true;
  }
  return GCAM_OK;
}

static gcam_status squeeze_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char text[96];
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  int64_t axes[GCAM_MAX_RANK];
  bool marked[GCAM_MAX_RANK] = {false};
  int count;
  GCAM_TRY(gcam_node_ints(graph, node, "axes", 1, axes, GCAM_MAX_RANK, &count, err));
  GCAM_TRY(mark_axes(node, axes, count, x->rank, marked, err));
  gcam_shape out = {0};
  for (int i = 0; i < x->rank; i++) {
    if (marked[i] && x->dim[i] != 1)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "axis %d of %s does not have size 1", i,
                            gcam_shape_text(x, text, sizeof text));
    if (!marked[i] && (count || x->dim[i] != 1)) out.dim[out.rank++] = x->dim[i];
  }
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

static gcam_status unsqueeze_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  int64_t axes[GCAM_MAX_RANK];
  bool marked[GCAM_MAX_RANK] = {false};
  int count;
  GCAM_TRY(gcam_node_ints(graph, node, "axes", 1, axes, GCAM_MAX_RANK, &count, err));
  gcam_shape out = {x->rank + count, {0}};
  if (out.rank > GCAM_MAX_RANK)
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                          "its output has rank %d; the engine handles up to %d", out.rank,
                          GCAM_MAX_RANK);
  GCAM_TRY(mark_axes(node, axes, count, out.rank, marked, err));
  for (int i = 0, from = 0; i < out.rank; i++) out.dim[i] = marked[i] ? 1 : x->dim[from++];
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

const gcam_op gcam_op_squeeze = {"Squeeze",
                                 GCAM_RULE_ROWS,
                                 1,
                                 2,
                                 squeeze_shape,
                                 gcam_view_forward,
                                 gcam_view_backward,
                                 .traits = GCAM_OP_VIEW,
                                 .data_inputs = 1};
const gcam_op gcam_op_unsqueeze = {"Unsqueeze",
                                   GCAM_RULE_ROWS,
                                   1,
                                   2,
                                   unsqueeze_shape,
                                   gcam_view_forward,
                                   gcam_view_backward,
                                   .traits = GCAM_OP_VIEW,
                                   .data_inputs = 1};
