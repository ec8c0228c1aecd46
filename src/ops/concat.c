/* Concat: inputs one behind the other along one axis.
 *
 * Seen from the axis, a tensor is `outer` chunks of (size along the axis) * inner elements. */
#include <string.h>

#include "ops/split.h"

static gcam_status concat_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char label[160], a[96], b[96];
  const gcam_value *first = &graph->values[node->inputs[0]];
  gcam_shape out = first->shape;
  const gcam_attr *attr = gcam_node_attr(node, "axis");
  if (!attr && node->opset >= 4)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its attribute 'axis' is missing");
  int64_t onnx_axis = gcam_node_int(node, "axis", 1);
  int axis = gcam_value_axis(first, onnx_axis);
  if (axis < 0)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "axis %lld is outside an input of rank %d",
                          (long long)onnx_axis, out.rank);
  for (int k = 1; k < node->input_count; k++) {
    if (!gcam_node_has_input(node, k))
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its input %d is left out", k);
    const gcam_shape *in = gcam_in_shape(graph, node, k);
    bool fits = in->rank == out.rank;
    for (int i = 0; fits && i < out.rank; i++) fits = i == axis || in->dim[i] == out.dim[i];
    if (!fits)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "inputs of shape %s and %s cannot be joined along axis %lld",
                            gcam_shape_text(&first->shape, a, sizeof a),
                            gcam_shape_text(in, b, sizeof b), (long long)onnx_axis);
    out.dim[axis] += in->dim[axis];
    GCAM_TRY(gcam_shape_check(&out, gcam_node_label(node, label, sizeof label), err));
  }
  gcam_concat_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  p->axis = axis;
  p->outer = gcam_numel_range(&out, 0, axis);
  p->chunk = gcam_numel_range(&out, axis, out.rank);
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

static void concat_forward(const gcam_args *a) {
  const gcam_concat_params p = *(const gcam_concat_params *)a->node->params;
  int64_t at = 0; /* where this input begins in each of the output's chunks */
  for (int k = 0; k < a->node->input_count; k++) {
    const gcam_shape *in = gcam_in_shape(a->graph, a->node, k);
    int64_t chunk = gcam_numel_range(in, p.axis, in->rank);
    for (int64_t o = 0; chunk && o < p.outer; o++)
      memcpy(a->out[0] + o * p.chunk + at, a->in[k] + o * chunk, (size_t)chunk * sizeof(float));
    at += chunk;
  }
}

static void concat_backward(const gcam_args *a) {
  const gcam_concat_params p = *(const gcam_concat_params *)a->node->params;
  int64_t at = 0;
  if (!a->dout[0]) return;
  for (int k = 0; k < a->node->input_count; k++) {
    const gcam_shape *in = gcam_in_shape(a->graph, a->node, k);
    int64_t chunk = gcam_numel_range(in, p.axis, in->rank);
    /* Targets are outermost in both: B * outer chunks. */
    for (int64_t o = 0; a->din[k] && o < a->B * p.outer; o++) {
      const float *dy = a->dout[0] + o * p.chunk + at;
      float *dx = a->din[k] + o * chunk;
      for (int64_t i = 0; i < chunk; i++) dx[i] += dy[i];
    }
    at += chunk;
  }
}

const gcam_op gcam_op_concat = {
    "Concat",        GCAM_RULE_AXIS,         1, -1, concat_shape, concat_forward,
    concat_backward, .traits = GCAM_OP_MOVES};
