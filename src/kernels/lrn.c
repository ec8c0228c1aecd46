/* lrn.c: LRN for the exponent 0.75 that every published network uses: s^-0.75 = 1 / (sqrt(s)
 * sqrt(sqrt(s))), two square roots instead of pow(). Formulas: ops/lrn.c. */
#include "ops/lrn.h"

#include <math.h>

#include "kernels/kernel.h"

enum { BLOCK = 256, MAX_REACH = 32 };

static bool applies(const gcam_graph *graph, const gcam_node *node) {
  const gcam_lrn_params *p = node->params;
  (void)graph;
  /* sums of squares cannot make s negative then */
  return p->beta == 0.75f && p->before <= MAX_REACH && p->after <= MAX_REACH && p->bias > 0 &&
         p->scale >= 0;
}

/* Channels [first, first + n), zeros where there are none. */
static void load(const float *row, int64_t C, int64_t first, int64_t n, float *to) {
  for (int64_t i = 0; i < n; i++) to[i] = first + i >= 0 && first + i < C ? row[first + i] : 0;
}

/* sum[i] = t[i] + ... + t[i + reach] */
static void window_sums(const float *t, int64_t n, int64_t reach, float *sum) {
  for (int64_t i = 0; i < n; i++) sum[i] = t[i];
  for (int64_t k = 1; k <= reach; k++)
    for (int64_t i = 0; i < n; i++) sum[i] += t[i + k];
}

static void forward_row(void *context, size_t index) {
  const gcam_args *a = context;
  const gcam_lrn_params *p = a->node->params;
  const float *x = a->in[0] + (int64_t)index * p->C;
  float *y = a->out[0] + (int64_t)index * p->C;
  float square[BLOCK + 2 * MAX_REACH], sum[BLOCK];
  for (int64_t c0 = 0; c0 < p->C; c0 += BLOCK) {
    int64_t n = p->C - c0 < BLOCK ? p->C - c0 : BLOCK, reach = p->before + p->after;
    load(x, p->C, c0 - p->before, n + reach, square);
    for (int64_t i = 0; i < n + reach; i++) square[i] *= square[i];
    window_sums(square, n, reach, sum);
    for (int64_t i = 0; i < n; i++) {
      float root = sqrtf(p->bias + p->scale * sum[i]);
      y[c0 + i] = x[c0 + i] / (root * sqrtf(root));
    }
  }
}

static void forward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_lrn_params *p = a->node->params;
  gcam_parallel(pool, (size_t)p->rows, forward_row, (void *)a);
}

/* Channel j is in the windows of [j - after, j + before]: of these, what dy brings through s. */
static void backward_row(void *context, size_t index) {
  const gcam_args *a = context;
  const gcam_lrn_params *p = a->node->params;
  int64_t C = p->C, reach = p->before + p->after;
  const float *x = a->in[0] + (int64_t)index % p->rows * C, *dy = a->dout[0] + (int64_t)index * C;
  float *dx = a->din[0] + (int64_t)index * C;
  float near[BLOCK + 4 * MAX_REACH], square[BLOCK + 4 * MAX_REACH], sum[BLOCK + 2 * MAX_REACH],
      own[BLOCK + 2 * MAX_REACH], through[BLOCK + 2 * MAX_REACH], total[BLOCK];
  for (int64_t c0 = 0; c0 < C; c0 += BLOCK) {
    int64_t n = C - c0 < BLOCK ? C - c0 : BLOCK, wide = n + reach;
    load(x, C, c0 - reach, wide + reach, near);
    load(dy, C, c0 - p->after, wide, own);
    for (int64_t i = 0; i < wide + reach; i++) square[i] = near[i] * near[i];
    window_sums(square, wide, reach, sum);
    for (int64_t i = 0; i < wide; i++) {
      float s = p->bias + p->scale * sum[i], root = sqrtf(s);
      own[i] /= root * sqrtf(root);
      through[i] = own[i] * near[i + p->before] / s;
    }
    window_sums(through, n, reach, total);
    for (int64_t i = 0; i < n; i++)
      dx[c0 + i] += own[i + p->after] - 2 * p->beta * p->scale * x[c0 + i] * total[i];
  }
}

static void backward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_lrn_params *p = a->node->params;
  if (a->dout[0] && a->din[0])
    gcam_parallel(pool, (size_t)(a->B * p->rows), backward_row, (void *)a);
}

const gcam_twin gcam_twin_lrn = {&gcam_op_lrn, applies, .forward = forward, .backward = backward};
