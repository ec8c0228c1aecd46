/* global_average_pool.c: GlobalAveragePool, a row of channels at a time. */
#include "kernels/kernel.h"
#include "ops/global_pool.h"

static bool always(const gcam_graph *graph, const gcam_node *node) {
  (void)graph, (void)node;
  return true;
}

static void forward(const gcam_args *a, const gcam_threads *pool) {
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

enum { TASK_FLOATS = 1 << 15 }; /* less is not worth waking a thread for */

typedef struct spread {
  const gcam_args *a;
  const gcam_global_pool_params *p;
  int64_t pixels, parts; /* pixels of one task, tasks of one picture */
} spread;

static void backward_part(void *context, size_t index) {
  const spread *t = context;
  int64_t n = (int64_t)index / t->parts, first = (int64_t)index % t->parts * t->pixels;
  int64_t C = t->p->C, end = first + t->pixels;
  float scale = 1 / (float)t->p->pixels;
  const float *restrict dy = t->a->dout[0] + n * C;
  if (end > t->p->pixels) end = t->p->pixels;
  for (int64_t i = first; i < end; i++) {
    float *restrict dx = t->a->din[0] + (n * t->p->pixels + i) * C;
    if (t->a->overwrite)
      for (int64_t c = 0; c < C; c++) dx[c] = dy[c] * scale;
    else
      for (int64_t c = 0; c < C; c++) dx[c] += dy[c] * scale;
  }
}

static void backward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_global_pool_params *p = a->node->params;
  if (!a->dout[0] || !a->din[0]) return;
  spread t = {a, p, .pixels = TASK_FLOATS / p->C + 1};
  t.parts = (p->pixels + t.pixels - 1) / t.pixels;
  gcam_parallel(pool, (size_t)(a->B * p->N * t.parts), backward_part, &t);
}

const gcam_twin gcam_twin_global_average_pool = {&gcam_op_global_average_pool, always, forward,
                                                 backward, .overwrites = true};
