/* gemm.h: parameters of Gemm, for the kernels. */
#ifndef GCAM_OPS_GEMM_H
#define GCAM_OPS_GEMM_H

#include "ops/op.h"

/* y[M][N] = alpha A[M][K] B[K][N] + beta C[M][N]; element (i, j) of A is
 * a[i * a_row + j * a_column] and so on: transA and transB are in the strides, C's broadcasting is
 * a stride of 0. */
typedef struct gcam_gemm_params {
  int64_t M, N, K;
  bool trans_a, trans_b;
  int64_t a_row, a_column, b_row, b_column, c_row, c_column;
  float alpha, beta;
} gcam_gemm_params;

#endif
