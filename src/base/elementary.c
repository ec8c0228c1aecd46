#include "base/elementary.h"

#include <math.h>

double gcam_power(double x, double y) {
  bool whole = y == floor(y), odd = whole && y / 2 != floor(y / 2);
  double size = fabs(x);
  if (whole && fabs(y) <= 64) {
    double product = 1;
    for (int n = (int)fabs(y); n; n >>= 1, size *= size)
      if (n & 1) product *= size;
    size = y < 0 ? 1 / product : product;
  } else if (size != 1) {
    size = exp(y * log(size));
  } else if (y != y && x == 1) {
    return 1;
  }
  if (!signbit(x) || x != x) return size;
  if (!whole && x != 0 && !isinf(x)) return NAN;
  return odd ? -size : size;
}

/* Terms of both series that reach 1e-15 for |x| up to pi / 4. */
static double turned(double x, double quarter) {
  /* pi / 2 in two pieces; the first has 33 bits, so that its multiples here are exact. */
  static const double high = 1.57079632673412561417, low = 6.07710050650619224932e-11;
  if (fabs(x) > 1e6) x = fmod(x, 4 * (high + low));
  double turns = floor(x / (high + low) + 0.5);
  double r = x - turns * high - turns * low, s = r * r;
  double at = turns + quarter;
  at -= 4 * floor(at / 4);
  bool even = at == 1 || at == 3; /* of a cosine */
  double sum = 0;
  for (int n = even ? 16 : 17; n > 1; n -= 2) sum = (1 - sum) * s / (n * (n - 1));
  sum = (1 - sum) * (even ? 1 : r);
  return at >= 2 ? -sum : sum;
}

double gcam_sine(double x) { return turned(x, 0); }
double gcam_cosine(double x) { return turned(x, 1); }
