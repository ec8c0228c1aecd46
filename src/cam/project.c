/* project.c: how terms [HW][K] become one number a pixel: their sum, their largest, or their
 * projection on the first right singular vector.
 *
 * Letters: n pixels, K channels, X [n][K] the terms: x_ik s_k - mu_k of what is stored, s a scale
 * and mu a mean of each channel where there are any. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cam/method.h"

typedef struct matrix {
  const float *x;
  const float *scale; /* [K]; NULL: 1 */
  const float *mean;  /* [K], of x s; NULL: 0 */
  double largest;     /* |x|: products are taken of x / largest, so that none under- or overflows */
  int64_t n, K;
} matrix;

/* Eight sums side by side, which the compiler keeps in vector registers. */
static double dot(const float *restrict a, const float *restrict b, int64_t n) {
  float part[8] = {0};
  double total = 0;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) part[j] += a[i + j] * b[i + j];
  for (; i < n; i++) total += (double)a[i] * b[i];
  for (int j = 0; j < 8; j++) total += part[j];
  return total;
}

static double total(const float *a, int64_t n) {
  float part[8] = {0};
  double sum = 0;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) part[j] += a[i + j];
  for (; i < n; i++) sum += a[i];
  for (int j = 0; j < 8; j++) sum += part[j];
  return sum;
}

/* v = x^T u, four rows at a time. */
static void transposed_times(const float *restrict x, const float *restrict u, int64_t n, int64_t K,
                             float *restrict v) {
  int64_t i = 0;
  memset(v, 0, (size_t)K * sizeof *v);
  for (; i + 4 <= n; i += 4) {
    const float *a = x + i * K, *b = a + K, *c = b + K, *d = c + K;
    for (int64_t k = 0; k < K; k++)
      v[k] += (u[i] * a[k] + u[i + 1] * b[k]) + (u[i + 2] * c[k] + u[i + 3] * d[k]);
  }
  for (; i < n; i++)
    for (int64_t k = 0; k < K; k++) v[k] += u[i] * x[i * K + k];
}

/* y = X X^T u / largest^2; small: [n], v: [K]. */
static void gram_times(const matrix *X, const double *u, double *y, float *small, float *v) {
  double total = 0, offset = 0;
  for (int64_t i = 0; i < X->n; i++) {
    small[i] = (float)(u[i] / X->largest);
    total += small[i];
  }
  transposed_times(X->x, small, X->n, X->K, v);
  for (int64_t k = 0; X->scale && k < X->K; k++) v[k] *= X->scale[k];
  if (X->mean) {
    for (int64_t k = 0; k < X->K; k++) v[k] -= (float)(X->mean[k] * total);
    offset = dot(X->mean, v, X->K);
  }
  for (int64_t k = 0; X->scale && k < X->K; k++) v[k] *= X->scale[k];
  for (int64_t i = 0; i < X->n; i++) y[i] = (dot(X->x + i * X->K, v, X->K) - offset) / X->largest;
}

static double product(const double *a, const double *b, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i++) total += a[i] * b[i];
  return total;
}

static void normalise(double *u, int64_t n) {
  double length = sqrt(product(u, u, n));
  for (int64_t i = 0; i < n && length > 0; i++) u[i] /= length;
}

enum { MOST_STEPS = 64, MOST_RESTARTS = 8 };

/* Largest eigenvalue of the tridiagonal matrix (a, b), and its eigenvector s: bisection for the
 * smallest t for which t - T is positive definite, then inverse iteration from there. */
static double leading_of_tridiagonal(const double *a, const double *b, int n, double *s) {
  double low = a[0], high = a[0], d[MOST_STEPS];
  for (int i = 0; i < n; i++) {
    double radius = (i ? fabs(b[i - 1]) : 0) + (i < n - 1 ? fabs(b[i]) : 0);
    low = fmax(low, a[i]); /* never above the largest eigenvalue */
    high = fmax(high, a[i] + radius);
  }
  high += 1e-12 * fabs(high);
  for (int step = 0; step < 48; step++) {
    double t = (low + high) / 2, pivot = 1;
    for (int i = 0; i < n && pivot > 0; i++)
      pivot = t - a[i] - (i ? b[i - 1] * b[i - 1] / pivot : 0);
    *(pivot > 0 ? &high : &low) = t;
  }
  for (int i = 0; i < n; i++) s[i] = 1;
  for (int step = 0; step < 3; step++) { /* high - T = L D L^T, the pivots as above */
    for (int i = 0; i < n; i++) {
      d[i] = high - a[i] - (i ? b[i - 1] * b[i - 1] / d[i - 1] : 0);
      if (i) s[i] += b[i - 1] / d[i - 1] * s[i - 1];
    }
    for (int i = n - 1; i >= 0; i--) s[i] = (s[i] + (i < n - 1 ? b[i] * s[i + 1] : 0)) / d[i];
    normalise(s, n);
  }
  return high;
}

/* Lanczos' iteration with complete orthogonalisation (Golub & Van Loan, Matrix Computations, 10.1):
 * u [n], where to begin, becomes the first left singular vector of X, and the value returned the
 * square of the first singular value over largest^2. A few products with X take the place of the
 * Gram matrix, which alone would cost more than a backward pass. basis: most + 1 vectors. */
static double leading_vector(const matrix *X, double *u, double *basis, int most, float *small,
                             float *v) {
  int64_t n = X->n;
  double a[MOST_STEPS], b[MOST_STEPS], s[MOST_STEPS], value = 0;
  bool done = false;
  gram_times(X, u, basis, small, v); /* from here on all is in the range of X: `most` suffices */
  memcpy(u, basis, (size_t)n * sizeof *u);
  for (int restart = 0; restart < MOST_RESTARTS && !done; restart++) {
    int steps = 0;
    normalise(u, n);
    memcpy(basis, u, (size_t)n * sizeof *u);
    while (!done && steps < most) {
      double *now = basis + steps * n, *next = now + n;
      gram_times(X, now, next, small, v);
      a[steps] = product(now, next, n);
      for (int j = steps; j >= 0; j--) {
        double part = product(next, basis + j * n, n);
        for (int64_t i = 0; i < n; i++) next[i] -= part * basis[j * n + i];
      }
      b[steps] = sqrt(product(next, next, n));
      normalise(next, n);
      steps++;
      value = leading_of_tridiagonal(a, b, steps, s);
      if (!(value > 0)) return value; /* X is 0, or not finite */
      /* the length of (X X^T - value) u: floats know it no closer */
      done = b[steps - 1] * fabs(s[steps - 1]) <= 1e-6 * value;
    }
    memset(u, 0, (size_t)n * sizeof *u);
    for (int j = 0; j < steps; j++)
      for (int64_t i = 0; i < n; i++) u[i] += s[j] * basis[j * n + i];
  }
  return value;
}

/* The map is the plain sum at first, whose sign the projection X v_1 = sigma_1 u_1 takes over. */
static void project(const float *x, const float *scale, int64_t n, int64_t K, bool centre,
                    float *map) {
  int64_t rank = n < K ? n : K;
  int most = rank < MOST_STEPS ? (int)rank : MOST_STEPS;
  double *u = malloc((size_t)((most + 2) * n) * sizeof *u), *basis = u + n, agree = 0,
         mean_size = 0;
  float *small = malloc((size_t)(n + 2 * K) * sizeof *small), *v = small + n, *mean = v + K;
  float largest = 0;
  if (!u || !small) { /* NaN is what the pipeline reports and replaces */
    for (int64_t i = 0; i < n; i++) map[i] = NAN;
    free(u);
    free(small);
    return;
  }
  matrix X = {.x = x, .scale = scale, .n = n, .K = K};
  for (int64_t i = 0; i < n * K; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
  X.largest = largest > 0 ? largest : 1;
  for (int64_t i = 0; i < n; i++) {
    map[i] = (float)(scale ? dot(x + i * K, scale, K) : total(x + i * K, K));
    mean_size += fabs(map[i]) / (double)n;
    small[i] = 1 / (float)n;
  }
  /* The sum is near to the projection as a rule, but might be at right angles to it. */
  if (!(mean_size > 0)) mean_size = 1;
  for (int64_t i = 0; i < n; i++) u[i] = map[i] + (map[i] < 0 ? -mean_size : mean_size);
  if (centre) {
    transposed_times(x, small, n, K, mean);
    for (int64_t k = 0; scale && k < K; k++) mean[k] *= scale[k];
    X.mean = mean;
  }
  double sigma = largest * sqrt(leading_vector(&X, u, basis, most, small, v));
  for (int64_t i = 0; i < n; i++) agree += u[i] * map[i];
  for (int64_t i = 0; i < n; i++) map[i] = (float)(agree < 0 ? -sigma * u[i] : sigma * u[i]);
  free(u);
  free(small);
}

static bool centred(const gcam_cam *cam) { return cam->options->value[GCAM_OPTION_CENTRE] != 0; }

static bool smoothed(const gcam_cam *cam) { return cam->options->value[GCAM_OPTION_EIGEN] != 0; }

void gcam_cam_project(const gcam_cam *cam, const float *terms) {
  project(terms, NULL, cam->H * cam->W, cam->K, centred(cam), cam->map);
}

void gcam_cam_sum_terms(const gcam_cam *cam) {
  if (smoothed(cam))
    gcam_cam_project(cam, cam->terms);
  else
    for (int64_t i = 0; i < cam->H * cam->W; i++)
      cam->map[i] = (float)total(cam->terms + i * cam->K, cam->K);
}

void gcam_cam_weighted_sum(const gcam_cam *cam) {
  int64_t pixels = cam->H * cam->W, K = cam->K;
  if (smoothed(cam))
    project(cam->activation, cam->weights, pixels, K, centred(cam), cam->map);
  else
    for (int64_t i = 0; i < pixels; i++)
      cam->map[i] = (float)dot(cam->weights, cam->activation + i * K, K);
}

void gcam_cam_largest_terms(const gcam_cam *cam) {
  if (smoothed(cam)) {
    gcam_cam_project(cam, cam->terms);
    return;
  }
  for (int64_t i = 0; i < cam->H * cam->W; i++) {
    float most = 0;
    for (int64_t k = 0; k < cam->K; k++) most = fmaxf(most, fabsf(cam->terms[i * cam->K + k]));
    cam->map[i] = most;
  }
}
