#include "ops/index_map.h"

#include <string.h>

gcam_status gcam_index_map_shape(gcam_graph *graph, gcam_node *node, const gcam_shape *out,
                                 gcam_index_map **map, gcam_error *err) {
  GCAM_TRY(gcam_node_set_shape(graph, node, 0, out, err));
  gcam_index_map *p = gcam_node_params(graph, node, sizeof *p);
  bool ok = p;
  for (int i = 0; ok && i < out->rank; i++) {
    p->index[i] = gcam_arena_alloc(&graph->arena, (size_t)out->dim[i], sizeof *p->index[i]);
    ok = p->index[i];
  }
  if (!ok) return gcam_node_no_memory(node, err);
  p->in = *gcam_in_shape(graph, node, 0);
  p->out = *out;
  *map = p;
  return GCAM_OK;
}

bool gcam_index_map_run(const gcam_index_map *p, gcam_index_run *run) {
  int axis = 0; /* the first that is not shown whole */
  for (int i = 0; i < p->out.rank; i++) {
    const int64_t *index = p->index[i];
    int64_t n = p->out.dim[i];
    if (!n || index[0] < 0) return false;
    for (int64_t k = 1; k < n; k++)
      if (index[k] != index[k - 1] + 1) return false;
    if (n == p->in.dim[i]) continue;
    if (axis) return false;
    axis = i + 1;
  }
  if (axis) axis--;
  int64_t inner = gcam_numel_range(&p->in, axis + 1, p->in.rank);
  bool any = p->out.rank > 0;
  *run = (gcam_index_run){.count = gcam_numel_range(&p->out, 0, axis),
                          .in = any ? p->in.dim[axis] * inner : 1,
                          .out = any ? p->out.dim[axis] * inner : 1,
                          .start = any ? p->index[axis][0] * inner : 0};
  return true;
}

/* Pieces of the output that lie together in the input: for each element of the first `axes` output
 * axes, `length` numbers, `start` behind where that element's input begins. Of these axes the last
 * is walked piece by piece, `count` of them `stride` apart in the input, those before it by rows.
 */
typedef struct pieces {
  int axes;
  int64_t length, start, stride, rows, count;
  const int64_t *index; /* along the last of the axes */
} pieces;

static pieces pieces_of(const gcam_index_map *p) {
  static const int64_t first[1] = {0};
  pieces all = {.axes = p->out.rank, .length = 1, .rows = 1, .count = 1, .index = first};
  for (bool whole = true; all.axes && whole; all.axes--) {
    int axis = all.axes - 1;
    const int64_t *index = p->index[axis];
    int64_t n = p->out.dim[axis];
    bool together = n && index[0] >= 0;
    for (int64_t i = 1; together && i < n; i++) together = index[i] == index[i - 1] + 1;
    if (!together) break;
    whole = n == p->in.dim[axis]; /* what is before it goes on where it ends */
    all.start += index[0] * all.length;
    all.length *= n;
  }
  all.stride = gcam_numel_range(&p->in, all.axes, p->in.rank);
  if (all.axes) {
    all.rows = gcam_numel_range(&p->out, 0, all.axes - 1);
    all.count = p->out.dim[all.axes - 1];
    all.index = p->index[all.axes - 1];
  }
  return all;
}

/* Where row `row` of pieces has its first input number; -1: all is fill. */
static int64_t row_offset(const gcam_index_map *p, const pieces *all, int64_t row) {
  int64_t offset = all->start, stride = all->stride;
  for (int i = all->axes - 2; i >= 0; i--) {
    stride *= p->in.dim[i + 1];
    int64_t index = p->index[i][row % p->out.dim[i]];
    if (index < 0) return -1;
    offset += index * stride;
    row /= p->out.dim[i];
  }
  return offset;
}

void gcam_index_map_forward(const gcam_args *a) {
  const gcam_index_map *p = a->node->params;
  pieces all = pieces_of(p);
  float *y = a->out[0];
  for (int64_t row = 0; row < all.rows; row++) {
    int64_t at = row_offset(p, &all, row);
    for (int64_t k = 0; k < all.count; k++, y += all.length) {
      int64_t from = at + all.index[k] * all.stride;
      if (at < 0 || all.index[k] < 0)
        for (int64_t i = 0; i < all.length; i++) y[i] = p->fill;
      else if (all.length == 1)
        *y = a->in[0][from];
      else
        memcpy(y, a->in[0] + from, (size_t)all.length * sizeof *y);
    }
  }
}

void gcam_index_map_backward(const gcam_args *a) {
  const gcam_index_map *p = a->node->params;
  if (!a->dout[0] || !a->din[0]) return;
  pieces all = pieces_of(p);
  const float *dy = a->dout[0];
  for (int b = 0; b < a->B; b++)
    for (int64_t row = 0; row < all.rows; row++) {
      int64_t at = row_offset(p, &all, row);
      for (int64_t k = 0; k < all.count; k++, dy += all.length) {
        if (at < 0 || all.index[k] < 0) continue;
        float *dx = a->din[0] + b * gcam_numel(&p->in) + at + all.index[k] * all.stride;
        for (int64_t i = 0; i < all.length; i++) dx[i] += dy[i];
      }
    }
}
