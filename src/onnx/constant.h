/* constant.h: elements of a constant, of whatever type it is stored as. */
#ifndef GCAM_ONNX_CONSTANT_H
#define GCAM_ONNX_CONSTANT_H

#include "ops/graph.h"

/* Element i as a number. */
double gcam_constant_real(const gcam_value *value, int64_t i);
int64_t gcam_constant_int(const gcam_value *value, int64_t i);
/* Logically floating point? (False: integers or bool, which no kernel sees.) */
bool gcam_constant_is_real(const gcam_value *value);
/* The type of results: half and quantized weights become float32. */
gcam_dtype gcam_constant_type(const gcam_value *value);

/* How many elements are NaN or infinite. */
int64_t gcam_constant_odd(const gcam_value *value);

/* For constants that are being made: not half, not quantized. Integers are cut to their bits. */
void gcam_constant_set_real(gcam_value *value, int64_t i, double real);
void gcam_constant_set_int(gcam_value *value, int64_t i, int64_t whole);
/* dst[i] = src[j]; types may differ. */
void gcam_constant_copy(gcam_value *dst, int64_t i, const gcam_value *src, int64_t j);
/* Rounded towards 0; NaN is 0, what is too large the nearest there is. */
int64_t gcam_constant_round(double real);

#endif
