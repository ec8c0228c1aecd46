/* product.h: sums of products in double: the exact inner loops of the plain operators. */
#ifndef GCAM_OPS_PRODUCT_H
#define GCAM_OPS_PRODUCT_H

#include <stdint.h>

/* Four sums, because one would wait for each addition before the next. */
static inline double gcam_dot(const float *a, const float *b, int64_t n) {
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    s0 += (double)a[i] * b[i];
    s1 += (double)a[i + 1] * b[i + 1];
    s2 += (double)a[i + 2] * b[i + 2];
    s3 += (double)a[i + 3] * b[i + 3];
  }
  for (; i < n; i++) s0 += (double)a[i] * b[i];
  return (s0 + s1) + (s2 + s3);
}

/* A matrix anywhere in memory: element (i, j) is at[i * row + j * column]. A transposed matrix has
 * the two strides exchanged; a stride of 0 repeats. */
typedef struct gcam_matrix {
  const float *at;
  int64_t row, column;
} gcam_matrix;

/* c[M][N] += alpha * a[M][K] b[K][N]; c has strides of its own. */
static inline void gcam_product_add(int64_t M, int64_t N, int64_t K, double alpha, gcam_matrix a,
                                    gcam_matrix b, float *c, int64_t c_row, int64_t c_column) {
  enum { BLOCK = 8 }; /* columns at once: rows of b, or of its transpose, stay in the cache */
  for (int64_t i = 0; i < M; i++)
    for (int64_t j0 = 0; j0 < N; j0 += BLOCK) {
      int64_t nj = N - j0 < BLOCK ? N - j0 : BLOCK;
      double sum[BLOCK] = {0};
      for (int64_t k = 0; k < K; k++) {
        double left = a.at[i * a.row + k * a.column];
        const float *right = b.at + k * b.row + j0 * b.column;
        for (int64_t j = 0; j < nj; j++) sum[j] += left * right[j * b.column];
      }
      for (int64_t j = 0; j < nj; j++) {
        float *to = c + i * c_row + (j0 + j) * c_column;
        *to = (float)(*to + alpha * sum[j]);
      }
    }
}

#endif
