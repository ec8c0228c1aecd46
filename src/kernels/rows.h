/* rows.h: rows copied from or to a part of longer ones: what Slice, Split and Concat along one axis
 * are. */
#ifndef GCAM_KERNELS_ROWS_H
#define GCAM_KERNELS_ROWS_H

#include "base/threads.h"

typedef struct gcam_rows {
  const float *from;
  float *to;
  int64_t from_step, to_step; /* floats from one row to the next */
  int64_t width, count;       /* floats in a row, rows */
  bool add;                   /* to what is there */
} gcam_rows;

void gcam_rows_copy(const gcam_rows *rows, const gcam_threads *pool);

/* Are all n floats 0? Gradients that come from one token are, for every other. */
bool gcam_row_is_zero(const float *row, int64_t n);

#endif
