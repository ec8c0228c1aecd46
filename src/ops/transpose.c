/* Transpose: output axis i is input axis perm[i] (default: all reversed).
 *
 * perm speaks of ONNX's axes. The input may be channels-last; the output is in ONNX's order, so
 * mapping the right-hand side to physical axes is all there is to do: the NCHW -> NHWC transpose
 * of a converted TensorFlow network becomes a plain copy. */
#include <string.h>

#include "ops/op.h"

typedef struct transpose_params {
  int perm[GCAM_MAX_RANK];       /* physical */
  int64_t stride[GCAM_MAX_RANK]; /* in the input, of each output axis */
  bool in_order;                 /* only axes of size 1 move: memory stays as it is */
} transpose_params;

static gcam_status transpose_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char label[160];
  const gcam_value *x = &graph->values[node->inputs[0]];
  int rank = x->shape.rank, count;
  int64_t perm[GCAM_MAX_RANK];
  bool seen[GCAM_MAX_RANK] = {false};
  GCAM_TRY(gcam_node_ints(graph, node, "perm", -1, perm, GCAM_MAX_RANK, &count, err));
  gcam_node_label(node, label, sizeof label);
  if (!count) {
    for (int i = 0; i < rank; i++) perm[i] = rank - 1 - i;
  } else if (count != rank) {
    return gcam_fail(err, GCAM_ERR_MODEL, "%s: perm has %d axes, the input %d", label, count, rank);
  }
  transpose_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "Out of memory for '%s'", node->name);
  gcam_shape out = {rank, {0}};
  int last = -1; /* of the input's axes of more than one element, the last one placed */
  p->in_order = true;
  for (int i = 0; i < rank; i++) {
    int axis = gcam_value_axis(x, perm[i]);
    if (axis < 0 || seen[axis])
      return gcam_fail(err, GCAM_ERR_MODEL, "%s: perm names axis %lld %s, the input has rank %d",
                       label, (long long)perm[i], axis < 0 ? "which does not exist" : "twice",
                       rank);
    seen[axis] = true;
    p->perm[i] = axis;
    p->stride[i] = gcam_numel_range(&x->shape, axis + 1, rank);
    out.dim[i] = x->shape.dim[axis];
    if (out.dim[i] == 1) continue;
    if (axis < last) p->in_order = false;
    last = axis;
  }
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

static void transpose_forward(const gcam_args *a) {
  const transpose_params *p = a->node->params;
  const gcam_shape *x = gcam_in_shape(a->graph, a->node, 0);
  if (!p->in_order)
    gcam_permute(a->out[0], a->in[0], x, p->perm, sizeof(float));
  else if (a->out[0] != a->in[0])
    memmove(a->out[0], a->in[0], (size_t)gcam_numel(x) * sizeof(float));
}

static void transpose_backward(const gcam_args *a) {
  const transpose_params *p = a->node->params;
  const gcam_shape *y = &a->graph->values[a->node->outputs[0]].shape;
  int64_t n = gcam_numel(y);
  if (!a->dout[0] || !a->din[0]) return;
  for (int b = 0; b < a->B; b++) {
    const float *dy = a->dout[0] + b * n;
    float *dx = a->din[0] + b * n;
    for (int64_t i = 0; i < n; i++) {
      int64_t at = 0, rest = i;
      for (int axis = y->rank - 1; axis >= 0; axis--) {
        at += rest % y->dim[axis] * p->stride[axis];
        rest /= y->dim[axis];
      }
      dx[at] += dy[i];
    }
  }
}

/* Where only axes of size 1 move, the others keep their order. */
static bool transpose_is_view(const gcam_graph *graph, const gcam_node *node) {
  (void)graph;
  return ((const transpose_params *)node->params)->in_order;
}

const gcam_op gcam_op_transpose = {"Transpose",
                                   GCAM_RULE_TO_ROWS,
                                   1,
                                   1,
                                   transpose_shape,
                                   transpose_forward,
                                   transpose_backward,
                                   .traits = GCAM_OP_MOVES,
                                   .data_inputs = 1,
                                   .view = transpose_is_view};
