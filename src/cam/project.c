/* project.c: how terms [HW][K] become one number a pixel: their sum, their largest, or their
 * projection on the first right singular vector. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cam/method.h"

/* Letters: n pixels, K channels, X [n][K] the terms, G the smaller of X X^T and X^T X, m its side.
 */

static void sum(const float *X, int64_t n, int64_t K, float *map) {
  for (int64_t i = 0; i < n; i++) {
    double total = 0;
    for (int64_t k = 0; k < K; k++) total += X[i * K + k];
    map[i] = (float)total;
  }
}

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

static void subtract_means(float *X, int64_t n, int64_t K) {
  for (int64_t k = 0; k < K; k++) {
    double mean = 0;
    for (int64_t i = 0; i < n; i++) mean += X[i * K + k];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++) X[i * K + k] = (float)(X[i * K + k] - mean);
  }
}

static void gram(const float *X, int64_t n, int64_t K, bool of_rows, int64_t m, double *G) {
  memset(G, 0, (size_t)(m * m) * sizeof *G);
  if (of_rows) {
    for (int64_t a = 0; a < m; a++)
      for (int64_t b = 0; b <= a; b++) G[a * m + b] = dot(X + a * K, X + b * K, K);
  } else {
    for (int64_t i = 0; i < n; i++)
      for (int64_t a = 0; a < m; a++) {
        double x = X[i * K + a];
        if (x == 0) continue;
        for (int64_t b = 0; b <= a; b++) G[a * m + b] += x * X[i * K + b];
      }
  }
  for (int64_t a = 0; a < m; a++)
    for (int64_t b = 0; b < a; b++) G[b * m + a] = G[a * m + b];
}

/* u becomes the eigenvector of G's largest eigenvalue, by power iteration. G is a Gram matrix: no
 * eigenvalue is negative, so that the iteration cannot alternate. false: G is zero. */
static bool leading_vector(const double *G, int64_t m, double *u, double *next) {
  enum { MOST_ITERATIONS = 3000 };
  int64_t start = 0;
  for (int64_t i = 1; i < m; i++)
    if (G[i * m + i] > G[start * m + start]) start = i;
  if (!(G[start * m + start] > 0)) return false;
  memcpy(u, G + start * m, (size_t)m * sizeof *u);
  for (int t = 0; t < MOST_ITERATIONS; t++) {
    double length = 0, change = 0;
    for (int64_t i = 0; i < m; i++) length += u[i] * u[i];
    length = sqrt(length);
    if (!isfinite(length)) return false;
    for (int64_t i = 0; i < m; i++) u[i] /= length;
    double norm = 0;
    for (int64_t i = 0; i < m; i++) {
      double total = 0;
      for (int64_t j = 0; j < m; j++) total += G[i * m + j] * u[j];
      next[i] = total;
      norm += total * total;
    }
    norm = sqrt(norm);
    for (int64_t i = 0; i < m; i++) change = fmax(change, fabs(next[i] / norm - u[i]));
    memcpy(u, next, (size_t)m * sizeof *u);
    if (change < 1e-8) break;
  }
  return true;
}

static void project(float *X, int64_t n, int64_t K, bool centre, float *map) {
  bool of_rows = n <= K;
  int64_t m = of_rows ? n : K;
  double *G = malloc((size_t)(m * m + 2 * m) * sizeof *G);
  float *plain = malloc((size_t)n * sizeof *plain);
  memset(map, 0, (size_t)n * sizeof *map);
  if (!G || !plain) { /* NaN is what the pipeline reports and replaces */
    for (int64_t i = 0; i < n; i++) map[i] = NAN;
  } else {
    double *u = G + m * m, length = 0;
    sum(X, n, K, plain);
    if (centre) subtract_means(X, n, K);
    gram(X, n, K, of_rows, m, G);
    if (leading_vector(G, m, u, u + m)) {
      /* of rows: u = lambda u_1, and X v_1 = sigma u_1; else u = lambda v_1 */
      for (int64_t i = 0; i < m; i++) length += u[i] * u[i];
      length = sqrt(length); /* lambda = sigma^2 */
      for (int64_t i = 0; i < n; i++) {
        double at = 0;
        if (of_rows)
          at = u[i] / sqrt(length);
        else
          for (int64_t k = 0; k < K; k++) at += X[i * K + k] * u[k] / length;
        map[i] = (float)at;
      }
      if (dot(map, plain, n) < 0)
        for (int64_t i = 0; i < n; i++) map[i] = -map[i];
    }
  }
  free(plain);
  free(G);
}

void gcam_cam_project_terms(const gcam_cam *cam) {
  project(cam->terms, cam->H * cam->W, cam->K, cam->options->value[GCAM_OPTION_CENTRE] != 0,
          cam->map);
}

void gcam_cam_sum_terms(const gcam_cam *cam) {
  if (cam->options->value[GCAM_OPTION_EIGEN] != 0)
    gcam_cam_project_terms(cam);
  else
    sum(cam->terms, cam->H * cam->W, cam->K, cam->map);
}

void gcam_cam_weighted_sum(const gcam_cam *cam) {
  int64_t pixels = cam->H * cam->W, K = cam->K;
  if (cam->options->value[GCAM_OPTION_EIGEN] == 0) {
    for (int64_t i = 0; i < pixels; i++)
      cam->map[i] = (float)dot(cam->weights, cam->activation + i * K, K);
    return;
  }
  for (int64_t i = 0; i < pixels; i++)
    for (int64_t k = 0; k < K; k++)
      cam->terms[i * K + k] = cam->weights[k] * cam->activation[i * K + k];
  gcam_cam_project_terms(cam);
}

void gcam_cam_largest_terms(const gcam_cam *cam) {
  for (int64_t i = 0; i < cam->H * cam->W; i++) {
    float most = 0;
    for (int64_t k = 0; k < cam->K; k++) most = fmaxf(most, fabsf(cam->terms[i * cam->K + k]));
    cam->map[i] = most;
  }
}
