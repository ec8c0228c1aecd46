/* matmul.h: parameters of MatMul, for the kernels. */
#ifndef GCAM_OPS_MATMUL_H
#define GCAM_OPS_MATMUL_H

#include "ops/op.h"

/* y[batch...][M][N] = a[batch...][M][K] b[batch...][K][N]; a batch axis of size 1 is repeated,
 * which is a stride of 0 elements. Vectors have M = 1 or N = 1. */
typedef struct gcam_matmul_params {
  int64_t M, N, K;
  int batch_rank;
  int64_t batch[GCAM_MAX_RANK], a_stride[GCAM_MAX_RANK], b_stride[GCAM_MAX_RANK];
} gcam_matmul_params;

#endif
