/* norm.h: parameters of the normalisations over groups of elements, for the kernels. */
#ifndef GCAM_OPS_NORM_H
#define GCAM_OPS_NORM_H

#include "ops/op.h"

/* Element j of row i of group g lies at x[(n * rows + i) * row + g * width + j]. */
typedef struct gcam_norm_params {
  int64_t count, groups; /* n < count, g < groups */
  int64_t rows, row, width;
  int64_t group_step[3], step[3]; /* of inputs 1 and 2: index g * group_step + j * step */
  float epsilon;
  bool centred;
} gcam_norm_params;

#endif
