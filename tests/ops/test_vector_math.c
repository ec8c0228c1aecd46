/* test_vector_math.c: exp, the logistic function, erf and the normal distribution's
 * tail, four at a time, against the C library's
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

static float tail_of(float x) {
  gcam_f4 gauss;
  return gcam_f4_normal_tail(gcam_f4_splat(x), &gauss)[2];
}

static float gauss_of(float x) {
  gcam_f4 gauss;
  gcam_f4_normal_tail(gcam_f4_splat(x), &gauss);
  return gauss[1];
}

static double tail(double x) { return erfc(fabs(x) / sqrt(2)) / 2; }
static double gauss(double x) { return exp(-x * x / 2); }

static void erf_within(float x, double relative) {
  gcam_f4 unused, at = gcam_f4_splat(x);
  gcam_f4 y = gcam_f4_erf(at, gcam_f4_normal_tail(at * gcam_f4_splat(1.41421356f), &unused));
  check(fabs(y[0] - erf(x)) <= relative * fabs(erf(x)), "erf", x, y[0], erf(x));
}

int main(void) {
  for (int i = -87000; i <= 87000; i += 7) {
    float x = (float)i / 1000;
    within("exp", exp_of, exp, x, 1.5e-7);
    within("logistic", logistic_of, logistic, x, 2.5e-7);
    erf_within(x / 10, 2e-7);
    within("normal tail", tail_of, tail, x / 7, 6e-6);
    if (fabsf(x) < 14) within("normal tail", tail_of, tail, x / 7, 5e-7);
    within("gauss", gauss_of, gauss, x / 7, 5e-6);
  }
  /* Exact where networks begin: a gate of nothing is one half. */
  check(exp_of(0) == 1, "exp", 0, exp_of(0), 1);
  check(logistic_of(0) == 0.5f, "logistic", 0, logistic_of(0), 0.5);
  erf_within(1e-20f, 1e-6);
  /* Beyond the ends it stays there, and neither overflows nor turns round. */
  static const float far[] = {88, 89, 127, 128, 1e4f, 3e38f, INFINITY};
  for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
    float x = far[i];
    check(logistic_of(x) == 1, "logistic", x, logistic_of(x), 1);
    check(logistic_of(-x) >= 0 && logistic_of(-x) < 2e-38f, "logistic", -x, logistic_of(-x), 0);
    check(exp_of(-x) >= 0 && exp_of(-x) < 2e-38f, "exp", -x, exp_of(-x), 0);
    check(tail_of(x) > 0 && tail_of(x) < 1e-34f, "normal tail", x, tail_of(x), 0);
    check(tail_of(-x) == tail_of(x), "normal tail", -x, tail_of(-x), tail_of(x));
    erf_within(x, 0);
    erf_within(-x, 0);
  }
  /* Each lane is its own, and what is no number stays none, whatever its bits. */
  static const float beside[4] = {1, -NAN, NAN, -2};
  gcam_f4 e = gcam_f4_exp(gcam_f4_load(beside)), s = gcam_f4_logistic(gcam_f4_load(beside));
  for (int i = 1; i < 3; i++) {
    check(isnan(e[i]), "exp", beside[i], e[i], beside[i]);
    check(isnan(tail_of(beside[i])), "normal tail", beside[i], tail_of(beside[i]), beside[i]);
    check(isnan(s[i]), "logistic", beside[i], s[i], beside[i]);
  }
  check(fabs(e[0] - exp(1)) < 1e-6, "exp", 1, e[0], exp(1));
  check(fabs(s[3] - logistic(-2)) < 1e-6, "logistic", -2, s[3], logistic(-2));
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
