/* Split: the reverse of Concat. Sizes come from the attribute or input `split`; without them the
 * axis is cut into equal parts (with `num_outputs`, opset 18, the last part may be smaller). */
#include "ops/split.h"

#include <string.h>

enum { MAX_PARTS = 4096 };

static gcam_status part_sizes(gcam_graph *graph, gcam_node *node, int64_t dim, int64_t *sizes,
                              gcam_error *err) {
  int parts = node->output_count, count = 0;
  GCAM_TRY(gcam_node_ints(graph, node, "split", 1, sizes, parts, &count, err));
  if (count) {
    int64_t left = dim;
    for (int i = 0; i < count; i++) {
      if (sizes[i] < 0 || sizes[i] > left) {
        left = -1;
        break;
      }
      left -= sizes[i];
    }
    if (left || count != parts)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "its %d split sizes do not make up %d outputs of %lld together", count,
                            parts, (long long)dim);
    return GCAM_OK;
  }
  const gcam_attr *num = gcam_node_attr(node, "num_outputs");
  if (num && gcam_node_int(node, "num_outputs", parts) != parts)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "num_outputs is %lld, but it has %d outputs",
                          (long long)gcam_node_int(node, "num_outputs", parts), parts);
  int64_t size = (dim + parts - 1) / parts;
  if ((!num && dim % parts) || size * (parts - 1) > dim)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "a size of %lld cannot be split into %d parts",
                          (long long)dim, parts);
  for (int i = 0; i < parts; i++) sizes[i] = size;
  sizes[parts - 1] = dim - size * (parts - 1);
  return GCAM_OK;
}

static gcam_status split_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_value *x = &graph->values[node->inputs[0]];
  int64_t onnx_axis = gcam_node_int(node, "axis", 0);
  int axis = gcam_value_axis(x, onnx_axis);
  if (axis < 0)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "axis %lld is outside an input of rank %d",
                          (long long)onnx_axis, x->shape.rank);
  if (node->output_count < 1 || node->output_count > MAX_PARTS)
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                          "it has %d outputs, 1 to %d are possible", node->output_count, MAX_PARTS);
  gcam_split_params *p = gcam_node_params(graph, node, sizeof *p);
  if (p) p->sizes = gcam_arena_alloc(&graph->arena, (size_t)node->output_count, sizeof *p->sizes);
  if (!p || !p->sizes) return gcam_node_no_memory(node, err);
  p->axis = axis;
  p->outer = gcam_numel_range(&x->shape, 0, axis);
  p->chunk = gcam_numel_range(&x->shape, axis, x->shape.rank);
  p->inner = gcam_numel_range(&x->shape, axis + 1, x->shape.rank);
  GCAM_TRY(part_sizes(graph, node, x->shape.dim[axis], p->sizes, err));
  for (int k = 0; k < node->output_count; k++) {
    gcam_shape out = x->shape;
    out.dim[axis] = p->sizes[k];
    GCAM_TRY(gcam_node_set_shape(graph, node, k, &out, err));
  }
  return GCAM_OK;
}

static void split_forward(const gcam_args *a) {
  const gcam_split_params *p = a->node->params;
  int64_t at = 0; /* where this part begins in each of the input's chunks */
  for (int k = 0; k < a->node->output_count; k++) {
    int64_t chunk = p->sizes[k] * p->inner;
    for (int64_t o = 0; a->out[k] && chunk && o < p->outer; o++)
      memcpy(a->out[k] + o * chunk, a->in[0] + o * p->chunk + at, (size_t)chunk * sizeof(float));
    at += chunk;
  }
}

static void split_backward(const gcam_args *a) {
  const gcam_split_params *p = a->node->params;
  int64_t at = 0;
  if (!a->din[0]) return;
  for (int k = 0; k < a->node->output_count; k++) {
    int64_t chunk = p->sizes[k] * p->inner;
    for (int64_t o = 0; a->dout[k] && o < a->B * p->outer; o++) {
      const float *dy = a->dout[k] + o * chunk;
      float *dx = a->din[0] + o * p->chunk + at;
      for (int64_t i = 0; i < chunk; i++) dx[i] += dy[i];
    }
    at += chunk;
  }
}

const gcam_op gcam_op_split = {"Split",
                               GCAM_RULE_AXIS,
                               1,
                               2,
                               split_shape,
                               split_forward,
                               split_backward,
                               .traits = GCAM_OP_MOVES | GCAM_OP_OUTPUTS,
                               .data_inputs = 1};
