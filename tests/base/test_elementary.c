/* test_elementary.c: the short elementary functions against the C library's. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "base/elementary.h"

static int passed, failed;

static void check(bool ok, const char *what, double x, double y, double found, double wanted) {
  if (ok)
    passed++;
  else
    failed++;
  if (!ok && failed < 20)
    printf("FAIL %s(%.17g, %.17g) = %.17g, not %.17g\n", what, x, y, found, wanted);
}

static double uniform(void) {
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 11) * 0x1p-53;
}

static bool same(double a, double b) {
  return a != a ? b != b : a == b && signbit(a) == signbit(b);
}

int main(void) {
  static const double odd[] = {0.0, -0.0, 1,  -1,    0.5,    -0.5,   2,        -2,        3,  -3,
                               65,  -65,  66, 1e300, -1e300, 1e-300, INFINITY, -INFINITY, NAN};
  int n = sizeof odd / sizeof *odd;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      double found = gcam_power(odd[i], odd[j]), wanted = pow(odd[i], odd[j]);
      bool ok = same(found, wanted) || fabs(found - wanted) <= 1e-12 * fabs(wanted);
      check(ok, "power", odd[i], odd[j], found, wanted);
    }
  for (int i = 0; i < 20000; i++) { /* results that a float can hold */
    double y = 20 * uniform() - 10, x = exp((160 * uniform() - 80) / (fabs(y) + 0.1)),
           wanted = pow(x, y);
    check(fabs(gcam_power(x, y) - wanted) <= 1e-13 * wanted, "power", x, y, gcam_power(x, y),
          wanted);
  }
  for (int x = -12; x <= 12; x++)
    for (int y = 0; y < 15; y++) {
      double wanted = pow(x, y);
      if (fabs(wanted) <= 0x1p53)
        check(gcam_power(x, y) == wanted, "power", x, y, gcam_power(x, y), wanted);
    }
  for (int i = 0; i < 20000; i++) {
    double size = pow(10, 18 * uniform() - 9), x = i % 2 ? size : -size;
    double most = fabs(x) < 1e5 ? 1e-11 : 1e-6;
    check(fabs(gcam_sine(x) - sin(x)) <= most, "sine", x, 0, gcam_sine(x), sin(x));
    check(fabs(gcam_cosine(x) - cos(x)) <= most, "cosine", x, 0, gcam_cosine(x), cos(x));
    if (fabs(x) < 1e-8) check(gcam_sine(x) == x, "sine", x, 0, gcam_sine(x), x);
  }
  check(isnan(gcam_sine(INFINITY)) && isnan(gcam_cosine(-INFINITY)) && isnan(gcam_sine(NAN)),
        "sine", INFINITY, 0, 0, NAN);
  check(signbit(gcam_sine(-0.0)), "sine", -0.0, 0, gcam_sine(-0.0), -0.0);
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
