/* test_vector_math.c: exp, the logistic function and erf, four at a time, against the C library's
 * in double precision: where they are used, at the ends, and for what is no number. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "kernels/vector_math.h"

static int passed, failed;

static void check(bool ok, const char *what, double x, double got, double expected) {
  if (ok)
    passed++;
  else
    failed++;
  if (!ok) printf("FAIL %s(%.9g) = %.9g, not %.9g\n", what, x, got, expected);
}

static float exp_of(float x) { return gcam_f4_exp(gcam_f4_splat(x))[1]; }
static float logistic_of(float x) { return gcam_f4_logistic(gcam_f4_splat(x))[2]; }

static double logistic(double x) { return 1 / (1 + exp(-x)); }

static void within(const char *what, float (*f)(float), double (*exact)(double), float x,
                   double relative) {
  double got = f(x), expected = exact(x);
  check(fabs(got - expected) <= relative * expected, what, x, got, expected);
}

static void erf_within(float x, double absolute) {
  gcam_f4 one_more, gauss, y = gcam_f4_erf(gcam_f4_splat(x), &one_more, &gauss);
  check(fabs(y[0] - erf(x)) <= absolute, "erf", x, y[0], erf(x));
  check(fabs(one_more[3] - (1 + erf(x))) <= absolute, "1 + erf", x, one_more[3], 1 + erf(x));
}

int main(void) {
  for (int i = -87000; i <= 87000; i += 7) {
    float x = (float)i / 1000;
    within("exp", exp_of, exp, x, 1.5e-7);
    within("logistic", logistic_of, logistic, x, 2.5e-7);
    erf_within(x / 10, 2e-7);
  }
  /* Exact where networks begin: a gate of nothing is one half. */
  check(exp_of(0) == 1, "exp", 0, exp_of(0), 1);
  check(logistic_of(0) == 0.5f, "logistic", 0, logistic_of(0), 0.5);
  /* Beyond the ends it stays there, and neither overflows nor turns round. */
  static const float far[] = {88, 89, 127, 128, 1e4f, 3e38f, INFINITY};
  for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
    float x = far[i];
    check(logistic_of(x) == 1, "logistic", x, logistic_of(x), 1);
    check(logistic_of(-x) >= 0 && logistic_of(-x) < 2e-38f, "logistic", -x, logistic_of(-x), 0);
    check(exp_of(-x) >= 0 && exp_of(-x) < 2e-38f, "exp", -x, exp_of(-x), 0);
  }
  /* Each lane is its own, and what is no number stays none, whatever its bits. */
  static const float beside[4] = {1, -NAN, NAN, -2};
  gcam_f4 e = gcam_f4_exp(gcam_f4_load(beside)), s = gcam_f4_logistic(gcam_f4_load(beside));
  for (int i = 1; i < 3; i++) {
    check(isnan(e[i]), "exp", beside[i], e[i], beside[i]);
    check(isnan(s[i]), "logistic", beside[i], s[i], beside[i]);
  }
  check(fabs(e[0] - exp(1)) < 1e-6, "exp", 1, e[0], exp(1));
  check(fabs(s[3] - logistic(-2)) < 1e-6, "logistic", -2, s[3], logistic(-2));
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
