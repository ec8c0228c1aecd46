/* batch_norm.h: parameters of BatchNormalization, for folding and the kernels. */
#ifndef GCAM_OPS_BATCH_NORM_H
#define GCAM_OPS_BATCH_NORM_H

#include "ops/op.h"

typedef struct gcam_batch_norm_params {
  int64_t rows, C; /* x is rows x C: everything but the channels, which are last */
  float epsilon;
} gcam_batch_norm_params;

#endif
