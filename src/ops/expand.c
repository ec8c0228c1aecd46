/* Expand and Tile: the input shown several times. Expand stretches sizes of 1, by broadcasting both
 * ways; Tile repeats whole axes. dx is the sum over what is shown of it. */
#include "ops/index_map.h"

/* An input of fewer axes has sizes of 1 in front. */
static gcam_status repeat_shape(gcam_graph *graph, gcam_node *node, const gcam_shape *x,
                                const gcam_shape *y, gcam_error *err) {
  gcam_index_map *map;
  GCAM_TRY(gcam_index_map_shape(graph, node, y, &map, err));
  map->in = *x;
  for (int i = 0; i < y->rank; i++)
    for (int64_t j = 0; j < y->dim[i]; j++) map->index[i][j] = j % x->dim[i];
  return GCAM_OK;
}

static gcam_status expand_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char from[96], to[96];
  const gcam_shape *in = gcam_in_shape(graph, node, 0);
  gcam_shape wish = {0}, x = {0}, y = {0};
  GCAM_TRY(gcam_node_ints(graph, node, "shape", 1, wish.dim, GCAM_MAX_RANK, &wish.rank, err));
  x.rank = y.rank = in->rank > wish.rank ? in->rank : wish.rank;
  bool fits = true;
  for (int i = 0; i < y.rank; i++) {
    int a = i - (y.rank - in->rank), b = i - (y.rank - wish.rank);
    int64_t w = b < 0 ? 1 : wish.dim[b];
    x.dim[i] = a < 0 ? 1 : in->dim[a];
    y.dim[i] = w == 1 ? x.dim[i] : w;
    fits = fits && (w == 1 || x.dim[i] == 1 || w == x.dim[i]);
  }
  if (!fits)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "%s cannot be expanded to %s",
                          gcam_shape_text(in, from, sizeof from),
                          gcam_shape_text(&wish, to, sizeof to));
  return repeat_shape(graph, node, &x, &y, err);
}

static gcam_status tile_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  int64_t times[GCAM_MAX_RANK];
  gcam_shape y = *x;
  int count;
  GCAM_TRY(gcam_node_ints(graph, node, "repeats", 1, times, GCAM_MAX_RANK, &count, err));
  bool fits = count == x->rank;
  for (int i = 0; fits && i < count; i++) {
    fits = times[i] >= 0 && times[i] <= GCAM_MAX_ELEMENTS;
    if (fits) y.dim[i] *= times[i];
  }
  if (!fits)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                          "it needs %d repeats of at least 0, one for each axis of its input",
                          x->rank);
  return repeat_shape(graph, node, x, &y, err);
}

const gcam_op gcam_op_expand = {"Expand",
                                GCAM_RULE_ROWS,
                                2,
                                2,
                                expand_shape,
                                gcam_index_map_forward,
                                gcam_index_map_backward,
                                .traits = GCAM_OP_SAMPLES | GCAM_OP_MOVES,
                                .data_inputs = 1};
const gcam_op gcam_op_tile = {"Tile",
                              GCAM_RULE_ROWS,
                              2,
                              2,
                              tile_shape,
                              gcam_index_map_forward,
                              gcam_index_map_backward,
                              .traits = GCAM_OP_SAMPLES | GCAM_OP_MOVES,
                              .data_inputs = 1};
