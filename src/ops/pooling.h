/* pooling.h: what MaxPool and AveragePool share, for the kernels. */
#ifndef GCAM_OPS_POOLING_H
#define GCAM_OPS_POOLING_H

#include "ops/window.h"

typedef struct gcam_pooling_params {
  gcam_window window;
  int64_t N, C; /* x is [N][H][W][C], y [N][H'][W'][C] */
  /* AveragePool only */
  bool count_include_pad;
  const float *share_y, *share_x; /* [H'], [W']: a tap's part of a mean is share_y share_x */
} gcam_pooling_params;

/* shape() of both. Refuses windows that would lie wholly in the padding: they have no value. */
gcam_status gcam_pooling_shape(gcam_graph *graph, gcam_node *node, gcam_error *err);

/* Indices are floats here: fails where `x`, which they point into, has more places than are exact.
 */
gcam_status gcam_pooling_places_fit(const gcam_node *node, const gcam_shape *x, gcam_error *err);

#endif
