/* softmax.h: parameters of Softmax and LogSoftmax, for the kernels. */
#ifndef GCAM_OPS_SOFTMAX_H
#define GCAM_OPS_SOFTMAX_H

#include "ops/op.h"

/* Groups of `len` elements that lie `inner` apart. */
typedef struct gcam_softmax_params {
  int64_t outer, len, inner;
} gcam_softmax_params;

#endif
