/* tensor.h: shapes, element types and the few things every file asks of them.
 *
 * Layout, said once: inside the engine a tensor of rank >= 3 that came out of a convolution, a
 * pooling or anything spatial is stored channels-last (N, H, W, C; rank 3: N, L, C). The importer
 * maps ONNX's axes when the graph is built, so that operators only ever see the physical order. */
#ifndef GCAM_BASE_TENSOR_H
#define GCAM_BASE_TENSOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

enum { GCAM_MAX_RANK = 6 };
/* Largest tensor that is accepted, in elements: 2 GiB of floats. */
#define GCAM_MAX_ELEMENTS ((int64_t)1 << 29)

typedef struct gcam_shape {
  int rank;
  int64_t dim[GCAM_MAX_RANK];
} gcam_shape;

typedef enum gcam_dtype {
  GCAM_F32,
  GCAM_F16,
  GCAM_F64,
  GCAM_I8,
  GCAM_U8,
  GCAM_I32,
  GCAM_I64,
  GCAM_BOOL
} gcam_dtype;

size_t gcam_dtype_size(gcam_dtype dtype);

/* Product of the dimensions; 1 for rank 0. Shapes are checked when made: never overflows. */
int64_t gcam_numel(const gcam_shape *shape);
/* Product of dimensions [from, to). */
int64_t gcam_numel_range(const gcam_shape *shape, int from, int to);
bool gcam_shape_equal(const gcam_shape *a, const gcam_shape *b);
/* Fails for a dimension < 0 (or < 1 where it must hold something) or too many elements. */
gcam_status gcam_shape_check(const gcam_shape *shape, const char *what, gcam_error *err);
/* "1x3x224x224" into text. Returns text. */
const char *gcam_shape_text(const gcam_shape *shape, char *text, size_t size);

/* The walk of a permutation, in dst's order: an axis has dim[] elements, step[] apart in src. Axes
 * that stay together are one, those of size 1 none; returns how many there are, at least 1. */
int gcam_permute_axes(const gcam_shape *src_shape, const int *perm, int64_t dim[GCAM_MAX_RANK],
                      int64_t step[GCAM_MAX_RANK]);
/* dst gets src with its axes permuted: dst axis i is src axis perm[i]. elem: bytes per element. */
void gcam_permute(void *dst, const void *src, const gcam_shape *src_shape, const int *perm,
                  size_t elem);

/* No branches: compilers turn a loop of it into vectors. */
static inline float gcam_half_to_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, bits = (uint32_t)(h & 0x7fffu) << 13;
  float f;
  memcpy(&f, &bits, 4);
  f *= 0x1p112f; /* the exponents' distance; subnormal ones come out right, too */
  memcpy(&bits, &f, 4);
  bits |= sign | ((h & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0); /* infinity and NaN */
  memcpy(&f, &bits, 4);
  return f;
}

/* float buffers aligned for SIMD, with room behind the end that kernels may read over. */
float *gcam_floats_alloc(int64_t count);
void gcam_floats_free(float *p);

#endif
