#include "kernels/simd.h"

gcam_f4 gcam_f4_load_rest(const float *p, int64_t n, float fill) {
  float v[4] = {fill, fill, fill, fill};
  memcpy(v, p, (size_t)n * sizeof *v);
  return gcam_f4_load(v);
}

void gcam_f4_store_rest(float *p, int64_t n, gcam_f4 v) { memcpy(p, &v, (size_t)n * sizeof *p); }
