/* QuantizeLinear and DynamicQuantizeLinear of what is computed while the network runs.
 *
 * Their integers stay floats here: y is what q stands for, so that maps are made of real values and
 * gradients flow. DequantizeLinear then has nothing left to do (onnx/quantized.c).
 *
 *   q = min(max(round(x / s) + z, low), high)    halves to even
 *   y = s (q - z)
 *
 * Gradient: straight through (arXiv 1308.3432), where nothing was cut off:
 *   dx_b += dy_b   where low <= round(x / s) + z <= high
 * DynamicQuantizeLinear takes s and z from the least and the largest x, and cuts nothing off. */
#include "ops/quantize.h"

#include <math.h>

/* ---- The grid ------------------------------------------------------------------------------- */

/* TensorProto.DataType -> the range of its integers; false: it has none. */
static bool integer_range(int64_t type, float *low, float *high) {
  static const struct {
    int64_t type;
    float low, high;
  } ranges[] = {{2, 0, 255},        {3, -128, 127},         {4, 0, 65535},
                {5, -32768, 32767}, {6, -0x1p31f, 0x1p31f}, {12, 0, 0x1p32f}};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    if (ranges[i].type != type) continue;
    *low = ranges[i].low;
    *high = ranges[i].high;
    return true;
  }
  return false;
}

/* The constant behind an input as `count` floats, one number repeated; input -1: zeros. NULL: no
 * memory. */
static float *numbers(gcam_graph *graph, const gcam_node *node, int input, int64_t count) {
  float *all = gcam_arena_alloc(&graph->arena, (size_t)count, sizeof *all);
  if (!all || input < 0) return all;
  const gcam_value *v = &graph->values[node->inputs[input]];
  int64_t n = gcam_numel(&v->shape);
  gcam_weight_read(v->weight, &v->shape, 0, n, all);
  for (int64_t i = n; i < count; i++) all[i] = all[0];
  return all;
}

gcam_status gcam_grid_read(gcam_graph *graph, const gcam_node *node, const gcam_value *x,
                           int64_t type, gcam_grid *grid, gcam_error *err) {
  const gcam_value *scale = &graph->values[node->inputs[1]], *zero = NULL;
  char label[64];
  if (gcam_node_has_input(node, 2)) zero = &graph->values[node->inputs[2]];
  if (!scale->weight || !scale->weight->data || (zero && (!zero->weight || !zero->weight->data)))
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                          "its scale is computed while the network runs; it must be a constant");
  int64_t scales = gcam_numel(&scale->shape), zeros = zero ? gcam_numel(&zero->shape) : 1;
  if (scale->shape.rank > 1 || gcam_node_int(node, "block_size", 0))
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                          "activations quantized in blocks are not supported, weights are");
  if (!scales || !zeros || (zeros != 1 && scales != 1 && zeros != scales))
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its zero points do not match its scales");
  *grid = (gcam_grid){.count = scales > zeros ? scales : zeros};
  if (grid->count > 1) grid->axis = gcam_value_axis(x, gcam_node_int(node, "axis", 1));
  if (grid->count > 1 && (grid->axis < 0 || x->shape.dim[grid->axis] != grid->count))
    return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                          "has %lld scales, not one for each index of its axis (%s)",
                          (long long)grid->count, gcam_shape_text(&x->shape, label, sizeof label));
  if (!type) type = zero && zero->weight->dtype == GCAM_I8 ? 3 : 2;
  if (!integer_range(type, &grid->low, &grid->high))
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                          "it rounds to a type that is not read; integers of 8 and 16 bits are");
  grid->scale = numbers(graph, node, 1, grid->count);
  grid->zero = numbers(graph, node, zero ? 2 : -1, grid->count);
  if (!grid->scale || !grid->zero) return gcam_node_no_memory(node, err);
  for (int64_t i = 0; i < grid->count; i++)
    if (!(grid->scale[i] > 0) || isinf(grid->scale[i]))
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its scale %g is not a positive number",
                            (double)grid->scale[i]);
  return GCAM_OK;
}

/* ---- QuantizeLinear ------------------------------------------------------------------------- */

static gcam_status quantize_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  gcam_grid *grid = gcam_node_params(graph, node, sizeof *grid);
  if (!grid) return gcam_node_no_memory(node, err);
  GCAM_TRY(gcam_grid_read(graph, node, &graph->values[node->inputs[0]],
                          gcam_node_int(node, "output_dtype", 0), grid, err));
  return gcam_node_set_shape(graph, node, 0, gcam_in_shape(graph, node, 0), err);
}

/* Elements that have the same scale in a row, and how many such rows there are. */
static int64_t row_length(const gcam_args *a, int64_t *rows) {
  const gcam_grid *grid = a->node->params;
  const gcam_shape *x = gcam_in_shape(a->graph, a->node, 0);
  int64_t n = gcam_numel(x);
  int64_t length = grid->count == 1 ? n : gcam_numel_range(x, grid->axis + 1, x->rank);
  *rows = length ? n / length : 0;
  return length;
}

static void quantize_forward(const gcam_args *a) {
  const gcam_grid *grid = a->node->params;
  int64_t rows, length = row_length(a, &rows);
  for (int64_t row = 0; row < rows; row++) {
    float s = grid->scale[row % grid->count], z = grid->zero[row % grid->count];
    float low = grid->low - z, high = grid->high - z;
    const float *x = a->in[0] + row * length;
    float *y = a->out[0] + row * length;
    for (int64_t i = 0; i < length; i++) {
      float q = rintf(x[i] / s);
      q = q < low ? low : q;
      y[i] = s * (q > high ? high : q);
    }
  }
}

static void quantize_backward(const gcam_args *a) {
  const gcam_grid *grid = a->node->params;
  int64_t rows, length = row_length(a, &rows), n = rows * length;
  if (!a->dout[0] || !a->din[0]) return;
  for (int b = 0; b < a->B; b++)
    for (int64_t row = 0; row < rows; row++) {
      float s = grid->scale[row % grid->count], z = grid->zero[row % grid->count];
      float low = grid->low - z, high = grid->high - z;
      const float *x = a->in[0] + row * length, *dy = a->dout[0] + b * n + row * length;
      float *dx = a->din[0] + b * n + row * length;
      for (int64_t i = 0; i < length; i++) {
        float q = rintf(x[i] / s);
        dx[i] += q >= low && q <= high ? dy[i] : 0;
      }
    }
}

/* GCAM_RULE_AXIS, because scales are not to be broadcast. */
const gcam_op gcam_op_quantize = {"QuantizeLinear",
                                  GCAM_RULE_AXIS,
                                  2,
                                  3,
                                  quantize_shape,
                                  quantize_forward,
                                  quantize_backward,
                                  .traits = GCAM_OP_KEEPS_POSITIONS | GCAM_OP_SAMPLES,
                                  .data_inputs = 1};

/* ---- DynamicQuantizeLinear ------------------------------------------------------------------ */

static gcam_status dynamic_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  return gcam_node_set_shape(graph, node, 0, gcam_in_shape(graph, node, 0), err);
}

/* s = (max(x, 0) - min(x, 0)) / 255, z = round(-min(x, 0) / s): uint8 */
static void dynamic_forward(const gcam_args *a) {
  int64_t n = gcam_numel(gcam_in_shape(a->graph, a->node, 0));
  const float *x = a->in[0];
  float *y = a->out[0], least = 0, most = 0;
  for (int64_t i = 0; i < n; i++) {
    least = x[i] < least ? x[i] : least;
    most = x[i] > most ? x[i] : most;
  }
  float s = (most - least) / 255;
  if (!(s > 0)) { /* nothing but zeros, or NaN */
    memcpy(y, x, (size_t)n * sizeof *y);
    return;
  }
  float z = rintf(-least / s), low = -z, high = 255 - z;
  for (int64_t i = 0; i < n; i++) {
    float q = rintf(x[i] / s);
    q = q < low ? low : q;
    y[i] = s * (q > high ? high : q);
  }
}

static void dynamic_backward(const gcam_args *a) {
  int64_t n = a->B * gcam_numel(gcam_in_shape(a->graph, a->node, 0));
  if (!a->dout[0] || !a->din[0]) return;
  for (int64_t i = 0; i < n; i++) a->din[0][i] += a->dout[0][i];
}

const gcam_op gcam_op_dynamic_quantize = {"DynamicQuantizeLinear",
                                          GCAM_RULE_AXIS,
                                          1,
                                          1,
                                          dynamic_shape,
                                          dynamic_forward,
                                          dynamic_backward,
                                          .traits = GCAM_OP_KEEPS_POSITIONS | GCAM_OP_SAMPLES,
                                          .data_inputs = 1};

bool gcam_op_rounds(const gcam_op *op) {
  return op == &gcam_op_quantize || op == &gcam_op_dynamic_quantize;
}
