/* global_average_pool.c: GlobalAveragePool, a row of channels at a time. */
#include "kernels/kernel.h"
#include "kernels/twins.h"
#include "ops/global_pool.h"

static bool always(const gcam_graph *graph, const gcam_node *node) {
  (void)graph, (void)node;
  return true;
}

static void forward(const gcam_args *a, const gcam_pool *pool) {
  const gcam_global_pool_params *p = a->node->params;
  (void)pool; /* reads each activation once: not worth waking threads for */
  float scale = 1 / (float)p->pixels;
  for (int64_t n = 0; n < p->N; n++) {
    float *restrict y = a->out[0] + n * p->C;
    for (int64_t c = 0; c < p->C; c++) y[c] = 0;
    for (int64_t i = 0; i < p->pixels; i++) {
      const float *restrict x = a->in[0] + (n * p->pixels + i) * p->C;
      for (int64_t c = 0; c < p->C; c++) y[c] += x[c];
    }
    for (int64_t c = 0; c < p->C; c++) y[c] *= scale;
  }
}

static void backward(const gcam_args *a, const gcam_pool *pool) {
  const gcam_global_pool_params *p = a->node->params;
  (void)pool;
  if (!a->dout[0] || !a->din[0]) return;
  float scale = 1 / (float)p->pixels;
  for (int64_t n = 0; n < a->B * p->N; n++)
    for (int64_t i = 0; i < p->pixels; i++) {
      const float *restrict dy = a->dout[0] + n * p->C;
      float *restrict dx = a->din[0] + (n * p->pixels + i) * p->C;
      if (a->overwrite)
        for (int64_t c = 0; c < p->C; c++) dx[c] = dy[c] * scale;
      else
        for (int64_t c = 0; c < p->C; c++) dx[c] += dy[c] * scale;
    }
}

const gcam_twin gcam_twin_global_average_pool = {"GlobalAveragePool", always, forward, backward,
                                                 .overwrites = true};
