#include "kernels/position_sums.h"

#include "kernels/simd.h"

/* sums[n] += w[0] x[0 .. n) + w[1] x[step .. step + n) + ..., rows a constant after inlining */
static inline __attribute__((always_inline)) void add_positions(int rows, const float *w,
                                                                const float *x, int64_t step,
                                                                int64_t n, float *sums) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    gcam_f4 sum = gcam_f4_load(sums + i);
    for (int r = 0; r < rows; r++)
      sum = gcam_f4_madd(gcam_f4_splat(w[r]), gcam_f4_load(x + r * step + i), sum);
    gcam_f4_store(sums + i, sum);
  }
  for (; i < n; i++)
    for (int r = 0; r < rows; r++) sums[i] += w[r] * x[r * step + i];
}

static float dot(const float *a, const float *b, int64_t n) {
  gcam_f4 s = {0};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) s = gcam_f4_madd(gcam_f4_load(a + i), gcam_f4_load(b + i), s);
  float sum = gcam_f4_sum(s);
  for (; i < n; i++) sum += a[i] * b[i];
  return sum;
}

void gcam_position_sums(const gcam_channels *ch, const float *weights, const float *x, int64_t from,
                        int64_t count, float *sums) {
  int64_t C = ch->C, inner = ch->inner, n;
  for (int64_t i = from, end = from + count; i < end; i += n, x += n) {
    int64_t c = i / inner % C, in = i % inner, p = i / (inner * C) * inner + in;
    if (inner > 1) {
      n = inner - in < end - i ? inner - in : end - i;
      sums[c] += dot(weights + p, x, n);
    } else if (!c && end - i >= 4 * C) { /* sums are read and written less often */
      n = 4 * C;
      add_positions(4, weights + p, x, C, C, sums);
    } else {
      n = C - c < end - i ? C - c : end - i;
      add_positions(1, weights + p, x, C, n, sums + c);
    }
  }
}
