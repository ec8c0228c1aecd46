/* gather.h: the loops that Slice and Pad share. Each output axis has a list of the input indices
 * it shows, or -1 where it shows a fill value:
 *
 *   y[i0, i1, ...] = x[index0[i0], index1[i1], ...]     dx[index0[i0], ...] += dy[i0, i1, ...] */
#ifndef GCAM_OPS_GATHER_H
#define GCAM_OPS_GATHER_H

#include "ops/op.h"

typedef struct gcam_gather {
  gcam_shape in, out;
  int64_t *index[GCAM_MAX_RANK]; /* [out.dim[axis]], each in [-1, in.dim[axis]) */
  float fill;
} gcam_gather;

/* Sets output 0 to `out` and leaves a gcam_gather in params, whose lists are still to be filled. */
gcam_status gcam_gather_shape(gcam_graph *graph, gcam_node *node, const gcam_shape *out,
                              gcam_gather **gather, gcam_error *err);
void gcam_gather_forward(const gcam_args *a);
void gcam_gather_backward(const gcam_args *a);

#endif
