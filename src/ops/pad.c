/* Pad: elements added before and after each axis; negative pads take away.
 *
 *   constant  the value          7 7 | 0 1 2 | 7 7
 *   reflect   without the edge   2 1 | 0 1 2 | 1 0
 *   edge      the edge           0 0 | 0 1 2 | 2 2
 *   wrap      periodic           1 2 | 0 1 2 | 0 1
 *
 * pads and value are attributes before opset 11, constant inputs (pads, value, axes) since. */
#include <string.h>

#include "ops/index_map.h"

typedef enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP } pad_mode;

/* The index of the input that position i (from the input's first element) shows; -1: the value. */
static int64_t pad_source(pad_mode mode, int64_t i, int64_t dim) {
  if (i >= 0 && i < dim) return i;
  if (mode == PAD_CONSTANT) return -1;
  if (mode == PAD_EDGE || dim == 1) return i < 0 ? 0 : dim - 1;
  int64_t period = mode == PAD_WRAP ? dim : 2 * (dim - 1);
  i %= period;
  if (i < 0) i += period;
  return i < dim ? i : period - i;
}

static gcam_status pad_mode_of(const gcam_node *node, pad_mode *mode, gcam_error *err) {
  static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
  const char *name = gcam_node_string(node, "mode", "constant");
  for (int i = 0; i < 4; i++) {
    if (strcmp(name, names[i])) continue;
    *mode = (pad_mode)i;
    return GCAM_OK;
  }
  return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                        "mode '%.40s' is not one of constant, reflect, edge, wrap", name);
}

static gcam_status pad_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_value *x = &graph->values[node->inputs[0]];
  int64_t pads[2 * GCAM_MAX_RANK], axes[GCAM_MAX_RANK];
  int pad_count, axis_count, rank = x->shape.rank;
  bool inputs = node->opset >= 11, found;
  pad_mode mode = PAD_CONSTANT;
  float value = 0;
  GCAM_TRY(pad_mode_of(node, &mode, err));
  GCAM_TRY(gcam_node_ints(graph, node, node->opset < 2 ? "paddings" : "pads", inputs ? 1 : -1, pads,
                          2 * GCAM_MAX_RANK, &pad_count, err));
  GCAM_TRY(
      gcam_node_ints(graph, node, "axes", inputs ? 3 : -1, axes, GCAM_MAX_RANK, &axis_count, err));
  GCAM_TRY(gcam_node_scalar(graph, node, "value", inputs ? 2 : -1, &value, &found, err));
  /* An empty list of axes cannot be told from none; it goes with an empty list of pads. */
  bool all = !axis_count && pad_count;
  int count = all ? rank : axis_count;
  if (pad_count != 2 * count)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "it has %d pads, but %d axes need %d",
                          pad_count, count, 2 * count);

  gcam_shape out = x->shape;
  int64_t before[GCAM_MAX_RANK] = {0};
  bool seen[GCAM_MAX_RANK] = {false};
  for (int k = 0; k < count; k++) {
    int64_t onnx_axis = all ? k : axes[k], begin = pads[k], end = pads[k + count];
    int axis = gcam_value_axis(x, onnx_axis);
    if (axis < 0 || seen[axis])
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "axis %lld is %s an input of rank %d",
                            (long long)onnx_axis, axis < 0 ? "outside" : "named twice for", rank);
    seen[axis] = true;
    if (begin > GCAM_MAX_ELEMENTS || begin < -GCAM_MAX_ELEMENTS || end > GCAM_MAX_ELEMENTS ||
        end < -GCAM_MAX_ELEMENTS)
      return gcam_node_fail(node, err, GCAM_ERR_MEMORY, "pads %lld and %lld are too large",
                            (long long)begin, (long long)end);
    if (mode != PAD_CONSTANT && !x->shape.dim[axis] && begin + end > 0)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "axis %lld is empty, it has nothing to repeat", (long long)onnx_axis);
    before[axis] = begin;
    out.dim[axis] += begin + end;
  }
  gcam_index_map *map;
  GCAM_TRY(gcam_index_map_shape(graph, node, &out, &map, err));
  map->fill = value;
  for (int i = 0; i < rank; i++)
    for (int64_t j = 0; j < out.dim[i]; j++)
      map->index[i][j] = pad_source(mode, j - before[i], x->shape.dim[i]);
  return GCAM_OK;
}

const gcam_op gcam_op_pad = {"Pad",
                             GCAM_RULE_AXIS,
                             1,
                             4,
                             pad_shape,
                             gcam_index_map_forward,
                             gcam_index_map_backward,
                             .traits = GCAM_OP_SAMPLES | GCAM_OP_MOVES,
                             .data_inputs = 1};
