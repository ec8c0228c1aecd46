/* resize.h: parameters of Resize and Upsample, for the kernels. */
#ifndef GCAM_OPS_RESIZE_H
#define GCAM_OPS_RESIZE_H

#include "ops/op.h"

/* Along one axis, output o is the sum over t < taps of weight[o * taps + t] times input element
 * index[o * taps + t]. */
typedef struct gcam_resize_axis {
  int64_t in, out;
  int taps; /* nearest 1, linear 2, cubic 4, more with antialias; an axis that keeps its size: 1 */
  int32_t *index;
  float *weight;
} gcam_resize_axis;

typedef struct gcam_resize_params {
  int depth;     /* axes [0, depth) hold every axis that changes */
  int64_t inner; /* elements of the axes behind them, which are copied as they are */
  gcam_resize_axis axis[GCAM_MAX_RANK]; /* physical order, [depth] of them */
} gcam_resize_params;

#endif
