/* Slice: along each axis the elements start, start + step, ... before end.
 *
 * Attributes before opset 10, constant inputs (starts, ends, axes, steps) since. Negative positions
 * count from the end, and what lies outside is clamped: as in numpy, but for a start in front of
 * the tensor with a negative step, which ONNX moves to the first element. */
#include "ops/index_map.h"

/* Clamps start and end, and returns how many elements there are between them. */
static int64_t slice_range(int64_t dim, int64_t *start, int64_t end, int64_t step) {
  int64_t low = step > 0 ? 0 : -1, high = step > 0 ? dim : dim - 1;
  if (!dim) return 0;
  if (*start < 0) *start += dim; /* INT64_MIN + dim stays far below zero */
  if (end < 0) end += dim;
  *start = *start < 0 ? 0 : *start > high ? high : *start;
  end = end < low ? low : end > high ? high : end;
  if (step > 0) return end > *start ? (end - *start - 1) / step + 1 : 0;
  /* -(step + 1) + 1, because -INT64_MIN does not exist */
  return *start > end ? (int64_t)((uint64_t)(*start - end - 1) / ((uint64_t) - (step + 1) + 1)) + 1
                      : 0;
}

static gcam_status slice_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_value *x = &graph->values[node->inputs[0]];
  int64_t starts[GCAM_MAX_RANK], ends[GCAM_MAX_RANK], axes[GCAM_MAX_RANK], steps[GCAM_MAX_RANK];
  int start_count, end_count, axis_count, step_count, rank = x->shape.rank;
  bool inputs = node->opset >= 10;
  GCAM_TRY(gcam_node_ints(graph, node, "starts", inputs ? 1 : -1, starts, GCAM_MAX_RANK,
                          &start_count, err));
  GCAM_TRY(
      gcam_node_ints(graph, node, "ends", inputs ? 2 : -1, ends, GCAM_MAX_RANK, &end_count, err));
  GCAM_TRY(
      gcam_node_ints(graph, node, "axes", inputs ? 3 : -1, axes, GCAM_MAX_RANK, &axis_count, err));
  GCAM_TRY(gcam_node_ints(graph, node, "steps", inputs ? 4 : -1, steps, GCAM_MAX_RANK, &step_count,
                          err));
  if (start_count != end_count || (axis_count && axis_count != start_count) ||
      (step_count && step_count != start_count) || (!axis_count && start_count > rank))
    return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                          "starts, ends, axes and steps do not belong together: %d, %d, %d and %d "
                          "values for an input of rank %d",
                          start_count, end_count, axis_count, step_count, rank);

  gcam_shape out = x->shape;
  int64_t start[GCAM_MAX_RANK] = {0}, step[GCAM_MAX_RANK];
  bool seen[GCAM_MAX_RANK] = {false};
  for (int i = 0; i < rank; i++) step[i] = 1;
  for (int k = 0; k < start_count; k++) {
    int64_t onnx_axis = axis_count ? axes[k] : k;
    int axis = gcam_value_axis(x, onnx_axis);
    if (axis < 0 || seen[axis])
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "axis %lld is %s an input of rank %d",
                            (long long)onnx_axis, axis < 0 ? "outside" : "named twice for", rank);
    seen[axis] = true;
    start[axis] = starts[k];
    step[axis] = step_count ? steps[k] : 1;
    if (!step[axis])
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "the step along axis %lld is 0",
                            (long long)onnx_axis);
    out.dim[axis] = slice_range(x->shape.dim[axis], &start[axis], ends[k], step[axis]);
  }
  gcam_index_map *map;
  GCAM_TRY(gcam_index_map_shape(graph, node, &out, &map, err));
  for (int i = 0; i < rank; i++)
    for (int64_t j = 0; j < out.dim[i]; j++) map->index[i][j] = start[i] + j * step[i];
  return GCAM_OK;
}

const gcam_op gcam_op_slice = {"Slice",
                               GCAM_RULE_AXIS,
                               1,
                               5,
                               slice_shape,
                               gcam_index_map_forward,
                               gcam_index_map_backward,
                               .traits = GCAM_OP_SAMPLES | GCAM_OP_MOVES,
                               .data_inputs = 1};
