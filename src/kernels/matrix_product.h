/* matrix_product.h: products of many rows, which share each reading of the right factor. */
#ifndef GCAM_KERNELS_MATRIX_PRODUCT_H
#define GCAM_KERNELS_MATRIX_PRODUCT_H

#include "base/threads.h"
#include "ops/graph.h"
#include "ops/product.h"

/* c[M][N] = alpha a[M][K] b[K][N], or added to c: one product, or many, along axes of their own
 * with steps in a, b and c (0: the matrix is the same, or c takes the sum). */
typedef struct gcam_products {
  int64_t M, N, K;
  gcam_matrix a, b;          /* of each, row or column is 1 */
  const gcam_value *weights; /* b's numbers, as they are stored, instead of b.at; NULL: b.at */
  float *c;
  float alpha;
  const float *bias; /* [N], added to each row of c; NULL: none */
  bool add;
  int axes;
  int64_t size[GCAM_MAX_RANK + 1], a_step[GCAM_MAX_RANK + 1], b_step[GCAM_MAX_RANK + 1],
      c_step[GCAM_MAX_RANK + 1];
} gcam_products;

void gcam_products_run(const gcam_products *products, const gcam_threads *pool);

#endif
