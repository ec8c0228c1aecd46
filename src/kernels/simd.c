#include "kernels/simd.h"

/* By hand: for so little memcpy costs a call. */
gcam_f4 gcam_f4_load_rest(const float *p, int64_t n, float fill) {
  gcam_f4 v = gcam_f4_splat(fill);
  if (n > 0) v[0] = p[0];
  if (n > 1) v[1] = p[1];
  if (n > 2) v[2] = p[2];
  return v;
}

void gcam_f4_store_rest(float *p, int64_t n, gcam_f4 v) {
  if (n > 0) p[0] = v[0];
  if (n > 1) p[1] = v[1];
  if (n > 2) p[2] = v[2];
}
