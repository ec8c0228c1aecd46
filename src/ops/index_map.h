/* index_map.h: the loops of operators that show parts of their input: Slice, Pad, Gather, Expand,
 * Tile. Each output axis has a list of the input indices it shows, or -1 where it shows a fill
 * value:
 *
 *   y[i0, i1, ...] = x[index0[i0], index1[i1], ...]     dx[index0[i0], ...] += dy[i0, i1, ...] */
#ifndef GCAM_OPS_INDEX_MAP_H
#define GCAM_OPS_INDEX_MAP_H

#include "ops/op.h"

typedef struct gcam_index_map {
  gcam_shape in, out;
  int64_t *index[GCAM_MAX_RANK]; /* [out.dim[axis]], each in [-1, in.dim[axis]) */
  float fill;
} gcam_index_map;

/* Sets output 0 to `out` and leaves a gcam_index_map in params, whose lists are still to be filled.
 */
gcam_status gcam_index_map_shape(gcam_graph *graph, gcam_node *node, const gcam_shape *out,
                                 gcam_index_map **map, gcam_error *err);

/* A map that cuts a run out of one axis and shows all of the others: `count` times `out` numbers
 * that lie together, `start` behind the beginning of every `in` of the input. */
typedef struct gcam_index_run {
  int64_t count, in, out, start;
} gcam_index_run;

/* False: the map does something else. */
bool gcam_index_map_run(const gcam_index_map *map, gcam_index_run *run);

void gcam_index_map_forward(const gcam_args *a);
void gcam_index_map_backward(const gcam_args *a);

#endif
