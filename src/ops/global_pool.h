/* global_pool.h: parameters of GlobalAveragePool and GlobalMaxPool, for the kernels. */
#ifndef GCAM_OPS_GLOBAL_POOL_H
#define GCAM_OPS_GLOBAL_POOL_H

#include "ops/op.h"

typedef struct gcam_global_pool_params {
  int64_t N, pixels, C; /* x is [N][pixels][C] */
} gcam_global_pool_params;

#endif
