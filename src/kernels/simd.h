/* simd.h: four floats at a time in portable C: the compilers turn these vector types into
 * WebAssembly SIMD, SSE or NEON. Loads and stores may be unaligned. */
#ifndef GCAM_KERNELS_SIMD_H
#define GCAM_KERNELS_SIMD_H

typedef float gcam_f4 __attribute__((vector_size(16), aligned(4), may_alias));

static inline gcam_f4 gcam_f4_load(const float *p) { return *(const gcam_f4 *)p; }
static inline void gcam_f4_store(float *p, gcam_f4 v) { *(gcam_f4 *)p = v; }
static inline gcam_f4 gcam_f4_splat(float x) { return (gcam_f4){x, x, x, x}; }
static inline float gcam_f4_sum(gcam_f4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }

#endif
