/* Transpose: output axis i is input axis perm[i] (default: all reversed).
 *
 * perm speaks of ONNX's axes. The input may be channels-last; the output is in ONNX's order, so
 * mapping the right-hand side to physical axes is all there is to do: the NCHW -> NHWC transpose
 * of a converted TensorFlow network becomes a plain copy. */
#include "ops/transpose.h"

#include <string.h>

gcam_shape gcam_permutation_set(gcam_permutation *p, const gcam_shape *from, const int *perm) {
  gcam_shape out = {from->rank, {0}};
  int last = -1; /* of the input's axes of more than one element, the last one placed */
  p->from = *from;
  p->in_order = true;
  for (int i = 0; i < from->rank; i++) {
    p->perm[i] = perm[i];
    out.dim[i] = from->dim[perm[i]];
    if (out.dim[i] == 1) continue;
    if (perm[i] < last) p->in_order = false;
    last = perm[i];
  }
  return out;
}

static gcam_status transpose_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_value *x = &graph->values[node->inputs[0]];
  int rank = x->shape.rank, count;
  int64_t perm[GCAM_MAX_RANK];
  bool seen[GCAM_MAX_RANK] = {false};
  GCAM_TRY(gcam_node_ints(graph, node, "perm", -1, perm, GCAM_MAX_RANK, &count, err));
  if (!count) {
    for (int i = 0; i < rank; i++) perm[i] = rank - 1 - i;
  } else if (count != rank) {
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "perm has %d axes, the input %d", count, rank);
  }
  gcam_permutation *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  int physical[GCAM_MAX_RANK] = {0};
  for (int i = 0; i < rank; i++) {
    int axis = gcam_value_axis(x, perm[i]);
    if (axis < 0 || seen[axis])
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "perm names axis %lld %s, the input has rank %d", (long long)perm[i],
                            axis < 0 ? "which does not exist" : "twice", rank);
    seen[axis] = true;
    physical[i] = axis;
  }
  gcam_shape out = gcam_permutation_set(p, &x->shape, physical);
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

void gcam_permutation_forward(const gcam_args *a) {
  const gcam_permutation *p = a->node->params;
  if (!p->in_order)
    gcam_permute(a->out[0], a->in[0], &p->from, p->perm, sizeof(float));
  else if (a->out[0] != a->in[0])
    memmove(a->out[0], a->in[0], (size_t)gcam_numel(&p->from) * sizeof(float));
}

void gcam_permutation_backward(const gcam_args *a) {
  const gcam_permutation *p = a->node->params;
  int64_t n = gcam_numel(&p->from), dim[GCAM_MAX_RANK], step[GCAM_MAX_RANK];
  if (!a->dout[0] || !a->din[0]) return;
  /* dy's rows, walked as a counter of its axes goes */
  int last = gcam_permute_axes(&p->from, p->perm, dim, step) - 1;
  int64_t inner = dim[last], hop = step[last];
  for (int b = 0; b < a->B; b++) {
    const float *dy = a->dout[0] + b * n;
    float *dx = a->din[0] + b * n;
    int64_t at[GCAM_MAX_RANK] = {0}, base = 0;
    for (int64_t done = 0; done < n; done += inner, dy += inner) {
      if (hop == 1)
        for (int64_t i = 0; i < inner; i++) dx[base + i] += dy[i];
      else
        for (int64_t i = 0; i < inner; i++) dx[base + i * hop] += dy[i];
      for (int axis = last - 1; axis >= 0; axis--) {
        base += step[axis];
        if (++at[axis] < dim[axis]) break;
        base -= step[axis] * dim[axis];
        at[axis] = 0;
      }
    }
  }
}

/* Where only axes of size 1 move, the others keep their order. */
static bool transpose_is_view(const gcam_graph *graph, const gcam_node *node) {
  (void)graph;
  return ((const gcam_permutation *)node->params)->in_order;
}

const gcam_op gcam_op_transpose = {"Transpose",
                                   GCAM_RULE_TO_ROWS,
                                   1,
                                   1,
                                   transpose_shape,
                                   gcam_permutation_forward,
                                   gcam_permutation_backward,
                                   .traits = GCAM_OP_MOVES,
                                   .data_inputs = 1,
                                   .view = transpose_is_view};
