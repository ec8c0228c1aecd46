/* transpose.h: axes in another order, for Transpose and for operators that are one in disguise. */
#ifndef GCAM_OPS_TRANSPOSE_H
#define GCAM_OPS_TRANSPOSE_H

#include "ops/op.h"

typedef struct gcam_permutation {
  gcam_shape from;         /* what the input is taken for */
  int perm[GCAM_MAX_RANK]; /* output axis i is axis perm[i] of it */
  bool in_order;           /* only axes of size 1 move: memory stays as it is */
} gcam_permutation;

/* The shape that comes out. `perm` holds every axis once. */
gcam_shape gcam_permutation_set(gcam_permutation *p, const gcam_shape *from, const int *perm);
/* forward() and backward() of operators whose params begin with a gcam_permutation. */
void gcam_permutation_forward(const gcam_args *a);
void gcam_permutation_backward(const gcam_args *a);

#endif
