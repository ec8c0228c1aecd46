/* lrn.h: parameters of LRN, for the kernels. */
#ifndef GCAM_OPS_LRN_H
#define GCAM_OPS_LRN_H

#include "ops/op.h"

typedef struct gcam_lrn_params {
  int64_t rows, C;       /* x is rows x C: everything but the channels, which are last */
  int64_t before, after; /* channels before and after c that its sum takes in */
  float scale, beta, bias; /* scale: alpha / size */
} gcam_lrn_params;

#endif
