/* cam.c: how terms [HW][K] become one number a pixel: their sum, their largest, or their
 * projection on the first right singular vector.
 *
 * Letters: n pixels, K channels, X [n][K] the terms: x_ik s_k - mu_k of what is stored, s a scale
 * and mu a mean of each channel where there are any. */
#include "cam/cam.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

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

static float largest_size(const float *x, int64_t n) {
  float most[8] = {0}, largest = 0;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) most[j] = fabsf(x[i + j]) > most[j] ? fabsf(x[i + j]) : most[j];
  for (; i < n; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
  for (int j = 0; j < 8; j++) largest = most[j] > largest ? most[j] : largest;
  return largest;
}

/* v += u_0 x_0 + ... of `rows` rows of x, at most four. */
static inline void add_rows(const float *restrict x, const float *u, int rows, int64_t K,
                            float *restrict v) {
  if (rows < 4) {
    for (int i = 0; i < rows; i++)
      for (int64_t k = 0; k < K; k++) v[k] += u[i] * x[i * K + k];
    return;
  }
  const float *a = x, *b = a + K, *c = b + K, *d = c + K;
  for (int64_t k = 0; k < K; k++) v[k] += (u[0] * a[k] + u[1] * b[k]) + (u[2] * c[k] + u[3] * d[k]);
}

/* v = x^T u */
static void transposed_times(const float *x, const float *u, int64_t n, int64_t K, float *v) {
  memset(v, 0, (size_t)K * sizeof *v);
  for (int64_t i = 0; i < n; i += 4) add_rows(x + i * K, u + i, n - i < 4 ? (int)(n - i) : 4, K, v);
}

/* What the mean and the scale of the channels make of x^T t: X^T t, total the sum of t. */
static void to_channels(const matrix *X, double total, const float *sum, double *w) {
  for (int64_t k = 0; k < X->K; k++)
    w[k] = ((X->scale ? X->scale[k] : 1) * (double)sum[k] - (X->mean ? X->mean[k] * total : 0)) /
           X->largest;
}

/* s v, and mu . v: what rows of x are multiplied with, and what X v is less. */
static double from_channels(const matrix *X, const double *v, float *scaled) {
  double offset = 0;
  for (int64_t k = 0; k < X->K; k++) {
    scaled[k] = (float)(X->scale ? X->scale[k] * v[k] : v[k]);
    if (X->mean) offset += X->mean[k] * v[k];
  }
  return offset;
}

/* w = X^T X v / largest^2, in one pass: a row serves both products while it is near. scaled, sum:
 * [K]. */
static void gram_times(const matrix *X, const double *v, double *w, float *scaled, float *sum) {
  double offset = from_channels(X, v, scaled), all = 0;
  memset(sum, 0, (size_t)X->K * sizeof *sum);
  for (int64_t i = 0; i < X->n; i += 4) {
    const float *x = X->x + i * X->K;
    int rows = X->n - i < 4 ? (int)(X->n - i) : 4;
    float t[4];
    for (int r = 0; r < rows; r++) {
      t[r] = (float)((dot(x + r * X->K, scaled, X->K) - offset) / X->largest);
      all += t[r];
    }
    add_rows(x, t, rows, X->K, sum);
  }
  to_channels(X, all, sum, w);
}

static double product(const double *a, const double *b, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i++) total += a[i] * b[i];
  return total;
}

static void normalise(double *v, int64_t n) {
  double length = sqrt(product(v, v, n));
  for (int64_t k = 0; k < n && length > 0; k++) v[k] /= length;
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
 * v [K], where to begin, becomes the first right singular vector of X. A few products with X take
 * the place of the Gram matrix, which alone would cost more than a backward pass. basis: most + 1
 * vectors. */
static void leading_vector(const matrix *X, double *v, double *basis, int most, float *scaled,
                           float *sum) {
  int64_t K = X->K;
  double a[MOST_STEPS], b[MOST_STEPS], s[MOST_STEPS], value = 0;
  bool done = false;
  for (int restart = 0; restart < MOST_RESTARTS && !done; restart++) {
    int steps = 0;
    normalise(v, K);
    memcpy(basis, v, (size_t)K * sizeof *v);
    while (!done && steps < most) {
      double *now = basis + steps * K, *next = now + K;
      gram_times(X, now, next, scaled, sum);
      a[steps] = product(now, next, K);
      for (int j = steps; j >= 0; j--) {
        double part = product(next, basis + j * K, K);
        for (int64_t k = 0; k < K; k++) next[k] -= part * basis[j * K + k];
      }
      b[steps] = sqrt(product(next, next, K));
      normalise(next, K);
      steps++;
      value = leading_of_tridiagonal(a, b, steps, s);
      if (!(value > 0)) return; /* X is 0, or not finite */
      /* the length of (X^T X - value) v: floats know it no closer */
      done = b[steps - 1] * fabs(s[steps - 1]) <= 1e-6 * value;
    }
    memset(v, 0, (size_t)K * sizeof *v);
    for (int j = 0; j < steps; j++)
      for (int64_t k = 0; k < K; k++) v[k] += s[j] * basis[j * K + k];
  }
}

/* map = X v_1, with the sign that agrees with the plain sum. */
static bool project(const float *x, const float *scale, int64_t n, int64_t K, bool centre,
                    float *map) {
  int64_t rank = n < K ? n : K;
  int most = rank < MOST_STEPS ? (int)rank : MOST_STEPS;
  double *v = gcam_alloc((most + 2) * K, sizeof *v), *basis = v + K, agree = 0, mean_size = 0,
         all = 0;
  float *u = gcam_alloc_zeroed(n + 3 * K, sizeof *u), *scaled = u + n, *sum = scaled + K,
        *mean = sum + K;
  if (!v || !u) {
    gcam_free(v);
    gcam_free(u);
    return false;
  }
  matrix X = {.x = x, .scale = scale, .n = n, .K = K, .largest = largest_size(x, n * K)};
  if (!(X.largest > 0)) X.largest = 1;
  for (int64_t i = 0; i < n; i++) {
    map[i] = (float)(scale ? dot(x + i * K, scale, K) : total(x + i * K, K));
    mean_size += fabs(map[i]) / (double)n;
    u[i] = 1 / (float)n;
  }
  if (centre) {
    transposed_times(x, u, n, K, mean);
    for (int64_t k = 0; scale && k < K; k++) mean[k] *= scale[k];
    X.mean = mean;
  }
  /* The sum is near to the projection as a rule, but might be at right angles to it. */
  for (int64_t i = 0; i < n; i++) {
    u[i] = mean_size > 0 ? (float)(map[i] / mean_size) + (map[i] < 0 ? -1 : 1) : 1;
    all += u[i];
  }
  transposed_times(x, u, n, K, sum);
  to_channels(&X, all, sum, v);
  leading_vector(&X, v, basis, most, scaled, sum);
  normalise(v, K);
  double offset = from_channels(&X, v, scaled);
  for (int64_t i = 0; i < n; i++) {
    u[i] = (float)(dot(x + i * K, scaled, K) - offset);
    agree += (double)u[i] * map[i];
  }
  for (int64_t i = 0; i < n; i++) map[i] = agree < 0 ? -u[i] : u[i];
  gcam_free(v);
  gcam_free(u);
  return true;
}

static bool centred(const gcam_cam *cam) { return cam->options->value[GCAM_OPTION_CENTRE] != 0; }

static bool smoothed(const gcam_cam *cam) { return cam->options->value[GCAM_OPTION_EIGEN] != 0; }

bool gcam_cam_project(const gcam_cam *cam, const float *terms) {
  return project(terms, NULL, cam->H * cam->W, cam->K, centred(cam), cam->map);
}

bool gcam_cam_sum_terms(const gcam_cam *cam) {
  if (smoothed(cam)) return gcam_cam_project(cam, cam->terms);
  for (int64_t i = 0; i < cam->H * cam->W; i++)
    cam->map[i] = (float)total(cam->terms + i * cam->K, cam->K);
  return true;
}

/* sum over k of relu(g_k) a_k */
static double positive_dot(const float *restrict g, const float *restrict a, int64_t n) {
  float part[8] = {0};
  double total = 0;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) part[j] += (g[i + j] > 0 ? g[i + j] : 0) * a[i + j];
  for (; i < n; i++) total += (double)(g[i] > 0 ? g[i] : 0) * a[i];
  for (int j = 0; j < 8; j++) total += part[j];
  return total;
}

bool gcam_cam_sum_products(const gcam_cam *cam, bool positive) {
  int64_t pixels = cam->H * cam->W, K = cam->K;
  const float *g = cam->gradient, *a = cam->activation;
  if (smoothed(cam)) {
    for (int64_t i = 0; i < pixels * K; i++)
      cam->terms[i] = (positive && !(g[i] > 0) ? 0 : g[i]) * a[i];
    return gcam_cam_project(cam, cam->terms);
  }
  for (int64_t i = 0; i < pixels; i++)
    cam->map[i] =
        (float)(positive ? positive_dot(g + i * K, a + i * K, K) : dot(g + i * K, a + i * K, K));
  return true;
}

bool gcam_cam_weighted_sum(const gcam_cam *cam) {
  int64_t pixels = cam->H * cam->W, K = cam->K;
  if (smoothed(cam))
    return project(cam->activation, cam->weights, pixels, K, centred(cam), cam->map);
  for (int64_t i = 0; i < pixels; i++)
    cam->map[i] = (float)dot(cam->weights, cam->activation + i * K, K);
  return true;
}

bool gcam_cam_gradient_sum(const gcam_cam *cam) {
  memcpy(cam->weights, cam->gradient, (size_t)cam->K * sizeof *cam->weights);
  return gcam_cam_weighted_sum(cam);
}

bool gcam_cam_largest_terms(const gcam_cam *cam) {
  if (smoothed(cam)) return gcam_cam_project(cam, cam->terms);
  for (int64_t i = 0; i < cam->H * cam->W; i++) {
    float most = 0;
    for (int64_t k = 0; k < cam->K; k++) most = fmaxf(most, fabsf(cam->terms[i * cam->K + k]));
    cam->map[i] = most;
  }
  return true;
}
