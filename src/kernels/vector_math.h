/* vector_math.h: exp and what is made of it, four values at a time; a library's take one. NaN stays
 * NaN. */
#ifndef GCAM_KERNELS_VECTOR_MATH_H
#define GCAM_KERNELS_VECTOR_MATH_H

#include "kernels/simd.h"

typedef int32_t gcam_i4 __attribute__((vector_size(16)));
typedef uint32_t gcam_u4 __attribute__((vector_size(16)));

static inline gcam_f4 gcam_f4_select(gcam_i4 mask, gcam_f4 yes, gcam_f4 no) {
  return (gcam_f4)(((gcam_i4)yes & mask) | ((gcam_i4)no & ~mask));
}

static inline gcam_f4 gcam_f4_minus_abs(gcam_f4 x) { return (gcam_f4)((gcam_i4)x | INT32_MIN); }

/* e^z = p * scale, two normal numbers, for -87 <= z <= 87; what is below or above counts as these.
 *
 * e^z = 2^n e^r, n = round(z / ln 2), |r| <= ln 2 / 2; e^r = 1 + r + ... to r^6, fitted with least
 * largest relative error, 2.6e-9: rounding is all that is seen, relative error 1.2e-7. */
static inline gcam_f4 gcam_f4_exp_parts(gcam_f4 z, gcam_f4 *scale) {
  /* 1.5 * 2^23, adding which leaves no fraction, and the bias of exponents */
  const gcam_f4 round = gcam_f4_splat(12582912.0f + 127);
  gcam_f4 x = gcam_f4_clamp(z, gcam_f4_splat(-87), gcam_f4_splat(87));
  gcam_f4 shifted = gcam_f4_madd(x, gcam_f4_splat(1.44269504f), round);
  gcam_f4 n = shifted - round;
  /* ln 2 in two parts: n times the first is exact */
  gcam_f4 r = gcam_f4_madd(n, gcam_f4_splat(-0.693359375f), x);
  r = gcam_f4_madd(n, gcam_f4_splat(2.12194440e-4f), r);
  gcam_f4 p = gcam_f4_splat(0.00140614226f);
  p = gcam_f4_madd(p, r, gcam_f4_splat(0.00837905891f));
  p = gcam_f4_madd(p, r, gcam_f4_splat(0.0416647717f));
  p = gcam_f4_madd(p, r, gcam_f4_splat(0.166663647f));
  p = gcam_f4_madd(p, r, gcam_f4_splat(0.50000006f));
  p = gcam_f4_madd(p, r, gcam_f4_splat(1));
  p = gcam_f4_madd(p, r, gcam_f4_splat(1));
  *scale = (gcam_f4)((gcam_u4)shifted << 23); /* its low bits are n + 127 */
  return p;                                   /* NaN where z is */
}

static inline gcam_f4 gcam_f4_exp(gcam_f4 z) {
  gcam_f4 scale, p = gcam_f4_exp_parts(z, &scale);
  return p * scale;
}

/* 1 / (1 + e^-x): right in all its digits on either side, as e^-87 is not yet subnormal. */
static inline gcam_f4 gcam_f4_logistic(gcam_f4 x) {
  const gcam_f4 one = gcam_f4_splat(1);
  gcam_f4 scale, p = gcam_f4_exp_parts(-x, &scale);
  return one / gcam_f4_madd(p, scale, one);
}

/* sum of c[i] x^i */
static inline gcam_f4 gcam_f4_polynomial(const float *c, int degree, gcam_f4 x) {
  gcam_f4 p = gcam_f4_splat(c[degree]);
  for (int i = degree; i-- > 0;) p = gcam_f4_madd(p, x, gcam_f4_splat(c[i]));
  return p;
}

/* The share of the normal distribution below -|x|, erfc(|x| / sqrt(2)) / 2, and e^(-x^2 / 2). Their
 * ratio is u P(u), u = 1 / (1 + 0.45 |x| / sqrt(2)), one polynomial for all x, fitted with least
 * largest relative error, 7e-8. Below -12.5 both count as there: no number is subnormal. */
static inline gcam_f4 gcam_f4_normal_tail(gcam_f4 x, gcam_f4 *gauss) {
  static const float outer[] = {0.126901165f, 0.127824306f,   0.106167413f,
                                0.127712175f, -0.0640596971f, 0.234169409f,
                                -0.23987174f, 0.0941693559f,  -0.0130123552f};
  const gcam_f4 one = gcam_f4_splat(1);
  gcam_f4 t = gcam_f4_clamp(gcam_f4_minus_abs(x), gcam_f4_splat(-12.5f), gcam_f4_splat(0));
  gcam_f4 e = gcam_f4_exp(gcam_f4_splat(-0.5f) * t * t);
  gcam_f4 u = one / gcam_f4_madd(gcam_f4_splat(-0.318198052f), t, one);
  *gauss = e;
  return e * u * gcam_f4_polynomial(outer, 8, u);
}

/* erf(x), given the tail at sqrt(2) x: 1 - 2 tail, and where |x| < 1 a polynomial in x^2, relative
 * error 4e-8, for small numbers to keep their digits. */
static inline gcam_f4 gcam_f4_erf(gcam_f4 x, gcam_f4 tail) {
  static const float inner[] = {1.12837911f,    -0.37612325f,   0.112801798f,
                                -0.0267113112f, 0.00491755083f, -0.00056314189f};
  const gcam_f4 one = gcam_f4_splat(1);
  gcam_f4 near = x * gcam_f4_polynomial(inner, 5, x * x), far = one - (tail + tail);
  gcam_i4 sign = (gcam_i4)x & INT32_MIN;
  return gcam_f4_select(gcam_f4_minus_abs(x) > -one, near, (gcam_f4)((gcam_i4)far | sign));
}

#endif
