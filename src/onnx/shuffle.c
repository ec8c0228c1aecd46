/* shuffle.c: as the file has it, a shuffle of channels last is a change of layout to it and one
 * back; and since what it gives would be in ONNX's order, so would be the Slice, the Split and the
 * Concat behind it, up to the next convolutions. */
#include "onnx/shuffle.h"

#include <stdio.h>

#include "ops/transpose.h"

/* The node that makes the value, if it is this operator. */
static const gcam_node *maker(const gcam_graph *g, int value, const gcam_op *op) {
  int n = g->values[value].producer;
  return n >= 0 && g->nodes[n].op == op ? &g->nodes[n] : NULL;
}

/* Of what the value is a shuffle, in ONNX's order, and of how many groups; -1: of nothing. */
static int shuffled(const gcam_graph *g, int value, int64_t *groups) {
  const gcam_node *transpose = maker(g, value, &gcam_op_transpose);
  const gcam_node *blocks = transpose ? maker(g, transpose->inputs[0], &gcam_op_reshape) : NULL;
  if (!blocks) return -1;
  int x = blocks->inputs[0];
  const gcam_permutation *p = transpose->params;
  const gcam_shape *s = &p->from, *from = &g->values[x].shape;
  for (int i = 0; i < s->rank; i++)
    if (p->perm[i] != (i == 1 ? 2 : i == 2 ? 1 : i)) return -1;
  *groups = s->rank > 2 ? s->dim[1] : 0;
  bool fits = *groups && from->rank >= 3 && from->rank < GCAM_MAX_RANK &&
              s->dim[0] == from->dim[0] && *groups * s->dim[2] == from->dim[1];
  return fits && g->values[transpose->inputs[0]].layout == GCAM_ROWS &&
                 g->values[x].layout == GCAM_ROWS
             ? x
             : -1;
}

static gcam_status add(gcam_import *im, const char *name, const char *what, int *value) {
  char text[1024];
  snprintf(text, sizeof text, "%.900s.%s", name, what);
  GCAM_TRY(gcam_state_add_value(im, text, value));
  im->graph->values[*value].of = -1;
  return GCAM_OK;
}

gcam_status gcam_shuffle_lower(gcam_import *im, const import_node *spec, bool *done) {
  gcam_graph *g = im->graph;
  int64_t groups, perm[GCAM_MAX_RANK];
  int rows = spec->op == &gcam_op_reshape ? shuffled(g, spec->in[0], &groups) : -1;
  int x = rows < 0 ? -1 : im->info[rows].as[GCAM_CHANNELS_LAST], y = spec->out[0];
  *done = false;
  if (x < 0 || y < 0) return GCAM_OK;
  /* what the file says, for those who want it in ONNX's order */
  const char *name = g->values[y].name;
  import_node whole = *spec;
  int in_rows, blocks, turned;
  GCAM_TRY(add(im, name, "rows", &in_rows));
  whole.out = &in_rows;
  GCAM_TRY(gcam_build_node(im, &whole));
  if (!gcam_shape_equal(&g->values[in_rows].shape, &g->values[rows].shape)) return GCAM_OK;
  gcam_shape last = g->values[x].shape, split = last;
  split.dim[split.rank - 1] = groups;
  split.dim[split.rank++] = last.dim[last.rank - 1] / groups;
  for (int i = 0; i < split.rank; i++) perm[i] = i;
  perm[split.rank - 2] = split.rank - 1, perm[split.rank - 1] = split.rank - 2;
  GCAM_TRY(add(im, name, "groups", &blocks));
  GCAM_TRY(add(im, name, "shuffled", &turned));
  GCAM_TRY(gcam_build_reshape_node(im, g->values[blocks].name, x, blocks, &split));
  GCAM_TRY(gcam_build_transpose_node(im, g->values[turned].name, blocks, turned, perm));
  GCAM_TRY(gcam_build_reshape_node(im, spec->name, turned, y, &last));
  g->values[y].layout = GCAM_CHANNELS_LAST;
  g->values[in_rows].of = g->values[y].of;
  im->info[y].as[GCAM_ROWS] = in_rows;
  im->info[in_rows].as[GCAM_CHANNELS_LAST] = y;
  *done = true;
  return GCAM_OK;
}
