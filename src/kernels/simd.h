/* simd.h: four floats at a time in portable C: the compilers turn these vector types into
 * WebAssembly SIMD, SSE or NEON. Loads and stores may be unaligned. */
#ifndef GCAM_KERNELS_SIMD_H
#define GCAM_KERNELS_SIMD_H

#include <stdint.h>
#include <string.h>

#ifdef __wasm_relaxed_simd__
#include <wasm_simd128.h>
#endif

typedef float gcam_f4 __attribute__((vector_size(16), aligned(4), may_alias));

static inline gcam_f4 gcam_f4_load(const float *p) { return *(const gcam_f4 *)p; }
static inline void gcam_f4_store(float *p, gcam_f4 v) { *(gcam_f4 *)p = v; }
static inline gcam_f4 gcam_f4_splat(float x) { return (gcam_f4){x, x, x, x}; }
static inline float gcam_f4_sum(gcam_f4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }

/* What is left of a row, n < 4; kept out of the loops that seldom come to it. */
gcam_f4 gcam_f4_load_rest(const float *p, int64_t n, float fill);
void gcam_f4_store_rest(float *p, int64_t n, gcam_f4 v);

/* The first n of four (all, where n > 4): what is missing is `fill`, or stays as it is. */
static inline gcam_f4 gcam_f4_load_part(const float *p, int64_t n, float fill) {
  return n >= 4 ? gcam_f4_load(p) : gcam_f4_load_rest(p, n, fill);
}
static inline void gcam_f4_store_part(float *p, int64_t n, gcam_f4 v) {
  if (n >= 4)
    gcam_f4_store(p, v);
  else
    gcam_f4_store_rest(p, n, v);
}

/* a b + c; one rounding where the machine has it (relaxed SIMD), two elsewhere. */
static inline gcam_f4 gcam_f4_madd(gcam_f4 a, gcam_f4 b, gcam_f4 c) {
#ifdef __wasm_relaxed_simd__
  return (gcam_f4)wasm_f32x4_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c);
#else
  return a * b + c;
#endif
}

/* Rows become columns. */
static inline void gcam_f4_transpose(gcam_f4 r[4]) {
  gcam_f4 low_01 = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
  gcam_f4 high_01 = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
  gcam_f4 low_23 = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  gcam_f4 high_23 = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  r[0] = __builtin_shufflevector(low_01, low_23, 0, 1, 4, 5);
  r[1] = __builtin_shufflevector(low_01, low_23, 2, 3, 6, 7);
  r[2] = __builtin_shufflevector(high_01, high_23, 0, 1, 4, 5);
  r[3] = __builtin_shufflevector(high_01, high_23, 2, 3, 6, 7);
}

static inline gcam_f4 gcam_f4_clamp(gcam_f4 v, gcam_f4 lo, gcam_f4 hi) {
  for (int i = 0; i < 4; i++) { /* both compilers make vector min and max of this */
    v[i] = v[i] < lo[i] ? lo[i] : v[i];
    v[i] = v[i] > hi[i] ? hi[i] : v[i];
  }
  return v;
}

#endif
