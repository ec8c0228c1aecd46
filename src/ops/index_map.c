#include "ops/index_map.h"

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

/* Where the input's row behind output row `row` begins (a row: the last axis); -1: all is fill. */
static int64_t row_offset(const gcam_index_map *p, int64_t row) {
  int64_t offset = 0, stride = p->in.dim[p->in.rank - 1];
  for (int i = p->out.rank - 2; i >= 0; i--) {
    int64_t index = p->index[i][row % p->out.dim[i]];
    if (index < 0) return -1;
    offset += index * stride;
    row /= p->out.dim[i];
    stride *= p->in.dim[i];
  }
  return offset;
}

void gcam_index_map_forward(const gcam_args *a) {
  const gcam_index_map *p = a->node->params;
  int last = p->out.rank - 1;
  if (last < 0) { /* a scalar has nothing to cut */
    a->out[0][0] = a->in[0][0];
    return;
  }
  const int64_t *index = p->index[last];
  int64_t inner = p->out.dim[last], rows = gcam_numel_range(&p->out, 0, last);
  for (int64_t row = 0; row < rows; row++) {
    int64_t at = row_offset(p, row);
    float *y = a->out[0] + row * inner;
    for (int64_t i = 0; i < inner; i++)
      y[i] = at < 0 || index[i] < 0 ? p->fill : a->in[0][at + index[i]];
  }
}

void gcam_index_map_backward(const gcam_args *a) {
  const gcam_index_map *p = a->node->params;
  int last = p->out.rank - 1;
  if (!a->dout[0] || !a->din[0]) return;
  int64_t inner = last < 0 ? 1 : p->out.dim[last];
  int64_t rows = last < 0 ? 1 : gcam_numel_range(&p->out, 0, last);
  for (int b = 0; b < a->B; b++) {
    float *dx = a->din[0] + b * gcam_numel(&p->in);
    for (int64_t row = 0; row < rows; row++) {
      const float *dy = a->dout[0] + (b * rows + row) * inner;
      int64_t at = last < 0 ? 0 : row_offset(p, row);
      if (last < 0) dx[0] += dy[0];
      for (int64_t i = 0; last >= 0 && at >= 0 && i < inner; i++)
        if (p->index[last][i] >= 0) dx[at + p->index[last][i]] += dy[i];
    }
  }
}
