/* broadcast.h: how operators with several inputs walk them together. Sizes of 1 stretch.
 *
 * Shapes have equal ranks. The output is walked as `rows` rows of `inner` elements: the trailing
 * axes along which each input either runs along or stands still are taken together, so that two
 * inputs of one shape make a single long row. */
#ifndef GCAM_OPS_BROADCAST_H
#define GCAM_OPS_BROADCAST_H

#include "ops/op.h"

typedef struct gcam_broadcast {
  int axis; /* the first axis that is part of a row */
  int64_t rows, inner;
} gcam_broadcast;

/* Checks that all inputs of the node fit, sets output 0 and leaves a gcam_broadcast in params. */
gcam_status gcam_broadcast_shape(gcam_graph *graph, gcam_node *node, gcam_error *err);
/* How the rows of a tensor of shape `out` run over one of shape `in`. */
gcam_broadcast gcam_broadcast_plan(const gcam_shape *in, const gcam_shape *out);
/* Where row `row` of the output begins in an input. */
int64_t gcam_broadcast_offset(const gcam_broadcast *plan, const gcam_shape *in,
                              const gcam_shape *out, int64_t row);
/* 1 where the input runs along a row, 0 where it stands still. */
int64_t gcam_broadcast_step(const gcam_broadcast *plan, const gcam_shape *in);

#endif
