/* Gather, GatherElements, GatherND, ScatterElements and ScatterND by constant indices: elements, or
 * runs of `len` of them, taken from places of x or put there. Indices below 0 count from the end.
 *
 *   gather   y[k] = x[at[k]]          dx[at[k]] += dy[k]
 *   scatter  y = x, then y[at[k]] = u[k], in order; or += with reduction "add"
 *            dx = dy where nothing was put (everywhere with "add"), du[k] = dy[at[k]]; of several
 *            that were put to one place the last one counts */
#include <string.h>

#include "ops/index_map.h"

typedef struct places {
  int64_t count, len;
  int64_t *at; /* [count] offsets into x (gather) or y (scatter) */
  bool add;
} places;

/* Turns an index into one from the front; false: it is outside. */
static bool wrap(int64_t *index, int64_t dim) {
  if (*index < 0) *index += dim;
  return *index >= 0 && *index < dim;
}

static gcam_status outside(const gcam_node *node, int64_t index, const gcam_shape *x,
                           gcam_error *err) {
  char text[96];
  return gcam_node_fail(node, err, GCAM_ERR_MODEL, "index %lld is outside an input of %s",
                        (long long)index, gcam_shape_text(x, text, sizeof text));
}

static gcam_status axis_of(const gcam_graph *graph, const gcam_node *node, int *axis,
                           gcam_error *err) {
  const gcam_value *x = &graph->values[node->inputs[0]];
  int64_t onnx_axis = gcam_node_int(node, "axis", 0);
  *axis = gcam_value_axis(x, onnx_axis);
  if (*axis >= 0) return GCAM_OK;
  return gcam_node_fail(node, err, GCAM_ERR_MODEL, "axis %lld is outside an input of rank %d",
                        (long long)onnx_axis, x->shape.rank);
}

/* ---- Gather: whole slices along one axis ---------------------------------------------------- */

static gcam_status gather_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0), *at = gcam_in_shape(graph, node, 1);
  gcam_shape flat = *x, out = {0}; /* flat: with all indices along one axis */
  int64_t *index;
  int axis;
  GCAM_TRY(axis_of(graph, node, &axis, err));
  GCAM_TRY(gcam_node_indices(graph, node, "indices", 1, &index, err));
  flat.dim[axis] = gcam_numel(at);
  for (int64_t k = 0; k < flat.dim[axis]; k++)
    if (!wrap(&index[k], x->dim[axis])) return outside(node, index[k], x, err);
  gcam_index_map *map;
  GCAM_TRY(gcam_index_map_shape(graph, node, &flat, &map, err));
  for (int i = 0; i < x->rank; i++)
    for (int64_t k = 0; k < flat.dim[i]; k++) map->index[i][k] = i == axis ? index[k] : k;
  out.rank = x->rank - 1 + at->rank;
  for (int i = 0; i < out.rank && i < GCAM_MAX_RANK; i++)
    out.dim[i] = i < axis              ? x->dim[i]
                 : i < axis + at->rank ? at->dim[i - axis]
                                       : x->dim[i - at->rank + 1];
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

/* ---- Elements: the index along one axis, the position along the others ---------------------- */

static gcam_status element_places(gcam_graph *graph, gcam_node *node, places *p, gcam_error *err) {
  char xs[96], as[96];
  const gcam_shape *x = gcam_in_shape(graph, node, 0), *at = gcam_in_shape(graph, node, 1);
  int axis;
  GCAM_TRY(axis_of(graph, node, &axis, err));
  GCAM_TRY(gcam_node_indices(graph, node, "indices", 1, &p->at, err));
  bool fits = at->rank == x->rank;
  for (int i = 0; fits && i < x->rank; i++) fits = i == axis || at->dim[i] <= x->dim[i];
  if (!fits)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "indices of %s do not fit an input of %s",
                          gcam_shape_text(at, as, sizeof as), gcam_shape_text(x, xs, sizeof xs));
  p->count = gcam_numel(at);
  p->len = 1;
  for (int64_t k = 0; k < p->count; k++) {
    int64_t rest = k, offset = 0, stride = 1;
    if (!wrap(&p->at[k], x->dim[axis])) return outside(node, p->at[k], x, err);
    for (int i = x->rank - 1; i >= 0; i--) {
      offset += (i == axis ? p->at[k] : rest % at->dim[i]) * stride;
      rest /= at->dim[i];
      stride *= x->dim[i];
    }
    p->at[k] = offset;
  }
  return GCAM_OK;
}

/* ---- ND: tuples of indices for the leading axes, behind `batch` axes that run together ------ */

static gcam_status tuple_places(gcam_graph *graph, gcam_node *node, int64_t batch, places *p,
                                gcam_shape *values, gcam_error *err) {
  char xs[96], as[96];
  const gcam_shape *x = gcam_in_shape(graph, node, 0), *at = gcam_in_shape(graph, node, 1);
  int64_t *index;
  int64_t depth = at->rank ? at->dim[at->rank - 1] : 0;
  GCAM_TRY(gcam_node_indices(graph, node, "indices", 1, &index, err));
  bool fits = at->rank >= 1 && batch >= 0 && batch < at->rank && depth >= 1 && depth <= x->rank &&
              batch <= x->rank - depth;
  for (int i = 0; fits && i < batch; i++) fits = at->dim[i] == x->dim[i];
  if (!fits)
    return gcam_node_fail(
        node, err, GCAM_ERR_MODEL, "indices of %s and %lld batch axes do not fit an input of %s",
        gcam_shape_text(at, as, sizeof as), (long long)batch, gcam_shape_text(x, xs, sizeof xs));
  int first = (int)(batch + depth);
  p->count = gcam_numel_range(at, 0, at->rank - 1);
  p->len = gcam_numel_range(x, first, x->rank);
  p->at = gcam_arena_alloc(&graph->arena, (size_t)p->count + 1, sizeof *p->at);
  if (!p->at) return gcam_node_no_memory(node, err);
  int64_t each = gcam_numel_range(at, (int)batch, at->rank - 1); /* tuples of one batch */
  for (int64_t k = 0; k < p->count; k++) {
    int64_t offset = k / each; /* of the batch; its axes have the same sizes in x */
    for (int i = 0; i < depth; i++) {
      int64_t *value = &index[k * depth + i], dim = x->dim[batch + i];
      if (!wrap(value, dim)) return outside(node, *value, x, err);
      offset = offset * dim + *value;
    }
    p->at[k] = offset * p->len;
  }
  values->rank = at->rank - 1 + x->rank - first;
  for (int i = 0; i < values->rank && i < GCAM_MAX_RANK; i++)
    values->dim[i] = i < at->rank - 1 ? at->dim[i] : x->dim[first + i - at->rank + 1];
  return GCAM_OK;
}

/* ---- Taking --------------------------------------------------------------------------------- */

static gcam_status take_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  places *p = gcam_node_params(graph, node, sizeof *p);
  gcam_shape out = *gcam_in_shape(graph, node, 1);
  if (!p) return gcam_node_no_memory(node, err);
  if (node->op == &gcam_op_gather_elements)
    GCAM_TRY(element_places(graph, node, p, err));
  else
    GCAM_TRY(tuple_places(graph, node, gcam_node_int(node, "batch_dims", 0), p, &out, err));
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

static void take_forward(const gcam_args *a) {
  const places *p = a->node->params;
  for (int64_t k = 0; k < p->count; k++)
    memcpy(a->out[0] + k * p->len, a->in[0] + p->at[k], (size_t)p->len * sizeof(float));
}

static void take_backward(const gcam_args *a) {
  const places *p = a->node->params;
  int64_t n = gcam_numel(gcam_in_shape(a->graph, a->node, 0));
  if (!a->dout[0] || !a->din[0]) return;
  for (int b = 0; b < a->B; b++)
    for (int64_t k = 0; k < p->count; k++)
      for (int64_t i = 0; i < p->len; i++)
        a->din[0][b * n + p->at[k] + i] += a->dout[0][(b * p->count + k) * p->len + i];
}

/* ---- Putting -------------------------------------------------------------------------------- */

static gcam_status put_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char us[96], ws[96];
  const gcam_shape *x = gcam_in_shape(graph, node, 0), *u = gcam_in_shape(graph, node, 2);
  const char *reduction = gcam_node_string(node, "reduction", "none");
  gcam_shape wanted = *gcam_in_shape(graph, node, 1);
  places *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  p->add = !strcmp(reduction, "add");
  if (!p->add && strcmp(reduction, "none"))
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED, "reduction '%.40s' is not supported",
                          reduction);
  if (node->op == &gcam_op_scatter_elements)
    GCAM_TRY(element_places(graph, node, p, err));
  else
    GCAM_TRY(tuple_places(graph, node, 0, p, &wanted, err));
  if (!gcam_shape_equal(&wanted, u))
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its updates are %s; the indices ask for %s",
                          gcam_shape_text(u, us, sizeof us),
                          gcam_shape_text(&wanted, ws, sizeof ws));
  node->scratch_floats = p->add ? 0 : gcam_numel(x);
  return gcam_node_set_shape(graph, node, 0, x, err);
}

static void put_forward(const gcam_args *a) {
  const places *p = a->node->params;
  int64_t n = gcam_numel(gcam_in_shape(a->graph, a->node, 0));
  memcpy(a->out[0], a->in[0], (size_t)n * sizeof(float));
  for (int64_t k = 0; k < p->count; k++)
    for (int64_t i = 0; i < p->len; i++) {
      float *y = a->out[0] + p->at[k] + i, u = a->in[2][k * p->len + i];
      *y = p->add ? *y + u : u;
    }
}

static void put_backward(const gcam_args *a) {
  const places *p = a->node->params;
  int64_t n = gcam_numel(gcam_in_shape(a->graph, a->node, 0)), m = p->count * p->len;
  int32_t *last = p->add ? NULL : (int32_t *)(void *)a->scratch; /* who wrote there; -1: nobody */
  if (!a->dout[0]) return;
  for (int64_t e = 0; last && e < n; e++) last[e] = -1;
  for (int64_t k = 0; last && k < p->count; k++)
    for (int64_t i = 0; i < p->len; i++) last[p->at[k] + i] = (int32_t)(k * p->len + i);
  for (int b = 0; b < a->B; b++) {
    const float *dy = a->dout[0] + b * n;
    for (int64_t e = 0; a->din[0] && e < n; e++)
      if (!last || last[e] < 0) a->din[0][b * n + e] += dy[e];
    for (int64_t e = 0; a->din[2] && e < m; e++) {
      int64_t at = p->at[e / p->len] + e % p->len;
      if (!last || last[at] == e) a->din[2][b * m + e] += dy[at];
    }
  }
}

const gcam_op gcam_op_gather = {"Gather",
                                GCAM_RULE_ROWS,
                                2,
                                2,
                                gather_shape,
                                gcam_index_map_forward,
                                gcam_index_map_backward,
                                .traits = GCAM_OP_SAMPLES | GCAM_OP_MOVES,
                                .data_inputs = 1};
const gcam_op gcam_op_gather_elements = {
    "GatherElements",          GCAM_RULE_ROWS,  2, 2, take_shape, take_forward, take_backward,
    .traits = GCAM_OP_SAMPLES, .data_inputs = 1};
const gcam_op gcam_op_gather_nd = {"GatherND",
                                   GCAM_RULE_ROWS,
                                   2,
                                   2,
                                   take_shape,
                                   take_forward,
                                   take_backward,
                                   .traits = GCAM_OP_SAMPLES,
                                   .data_inputs = 1};
const gcam_op gcam_op_scatter_elements = {
    "ScatterElements", GCAM_RULE_ROWS,           3, 3, put_shape, put_forward,
    put_backward,      .traits = GCAM_OP_SAMPLES};
const gcam_op gcam_op_scatter_nd = {
    "ScatterND",  GCAM_RULE_ROWS,           3, 3, put_shape, put_forward,
    put_backward, .traits = GCAM_OP_SAMPLES};
