/* split.h: parameters of Split and Concat, for the kernels. Seen from the axis a tensor is `outer`
 * chunks of (size along the axis) * (what is behind it) elements. */
#ifndef GCAM_OPS_SPLIT_H
#define GCAM_OPS_SPLIT_H

#include "ops/op.h"

typedef struct gcam_split_params {
  int axis;
  int64_t outer, chunk, inner; /* chunk: of the input; a part's is its size * inner */
  int64_t *sizes;              /* [output_count] along the axis */
} gcam_split_params;

typedef struct gcam_concat_params {
  int axis;
  int64_t outer, chunk; /* chunk: of the output */
} gcam_concat_params;

#endif
