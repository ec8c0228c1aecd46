/* lrn.c: LRN forward for the exponent 0.75 that every published network uses:
 * s^-0.75 = 1 / (sqrt(s) sqrt(sqrt(s))), two square roots instead of pow(). */
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

static void forward_row(void *context, size_t index) {
  const gcam_args *a = context;
  const gcam_lrn_params *p = a->node->params;
  const float *x = a->in[0] + (int64_t)index * p->C;
  float *y = a->out[0] + (int64_t)index * p->C;
  float square[BLOCK + 2 * MAX_REACH], sum[BLOCK];
  for (int64_t c0 = 0; c0 < p->C; c0 += BLOCK) {
    int64_t n = p->C - c0 < BLOCK ? p->C - c0 : BLOCK, reach = p->before + p->after;
    for (int64_t i = 0; i < n + reach; i++) {
      int64_t c = c0 + i - p->before;
      square[i] = c >= 0 && c < p->C ? x[c] * x[c] : 0;
    }
    for (int64_t i = 0; i < n; i++) sum[i] = square[i];
    for (int64_t k = 1; k <= reach; k++)
      for (int64_t i = 0; i < n; i++) sum[i] += square[i + k];
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

const gcam_twin gcam_twin_lrn = {&gcam_op_lrn, applies, .forward = forward};
