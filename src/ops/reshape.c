/* Reshape: the same numbers in another shape. In the list of sizes, 0 keeps the input's size at
 * that place (unless `allowzero`), and one -1 takes what is left. */
#include "ops/view.h"

static gcam_status reshape_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char label[160], from[96], to[96];
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  bool allow_zero = gcam_node_int(node, "allowzero", 0) != 0;
  gcam_shape out = {0};
  int open = -1; /* the axis given as -1 */
  gcam_node_label(node, label, sizeof label);
  if (node->opset >= 5 && !gcam_node_has_input(node, 1))
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its input 1 ('shape') is left out");
  GCAM_TRY(gcam_node_ints(graph, node, "shape", 1, out.dim, GCAM_MAX_RANK, &out.rank, err));
  for (int i = 0; i < out.rank; i++) {
    if (out.dim[i] == 0 && !allow_zero) {
      if (i >= x->rank)
        return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                              "size %d is to be copied from an input of rank %d", i, x->rank);
      out.dim[i] = x->dim[i];
    } else if (out.dim[i] == -1) {
      if (open >= 0)
        return gcam_node_fail(node, err, GCAM_ERR_MODEL, "more than one size is left open");
      open = i;
      out.dim[i] = 1;
    }
  }
  GCAM_TRY(gcam_shape_check(&out, label, err));
  int64_t total = gcam_numel(x), known = gcam_numel(&out);
  if (open >= 0 && known > 0) out.dim[open] = total / known;
  if (gcam_numel(&out) != total)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "%s cannot be reshaped to %s",
                          gcam_shape_text(x, from, sizeof from),
                          gcam_shape_text(&out, to, sizeof to));
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

const gcam_op gcam_op_reshape = {"Reshape",
                                 GCAM_RULE_ROWS,
                                 1,
                                 2,
                                 reshape_shape,
                                 gcam_view_forward,
                                 gcam_view_backward,
                                 .traits = GCAM_OP_VIEW | GCAM_OP_SAMPLES,
                                 .data_inputs = 1};
