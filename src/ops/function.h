/* function.h: parameters of the functions of one number, for the kernels. */
#ifndef GCAM_OPS_FUNCTION_H
#define GCAM_OPS_FUNCTION_H

#include "ops/op.h"

typedef struct gcam_function_params {
  const struct function_row *row;
  float a; /* the operator's one attribute; Gelu: 1 for the approximation by tanh */
} gcam_function_params;

#endif
