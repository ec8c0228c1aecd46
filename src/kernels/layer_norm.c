/* layer_norm.c: LayerNormalization and RMSNormalization by constants, four values at a time. */
#include <math.h>

#include "kernels/kernel.h"
#include "kernels/simd.h"
#include "ops/norm.h"

enum { CHUNK = 16384 }; /* numbers a task */

typedef struct job {
  const gcam_args *a;
  const gcam_norm_params *p;
  int64_t rows_a_task;
} job;

/* A constant for each element, where there is one. */
static bool constant_row(const gcam_graph *graph, const gcam_node *node, int input) {
  const gcam_norm_params *p = node->params;
  return !gcam_node_has_input(node, input) ||
         (graph->values[node->inputs[input]].weight && p->step[input] == 1);
}

static bool applies(const gcam_graph *graph, const gcam_node *node) {
  return constant_row(graph, node, 1) && constant_row(graph, node, 2);
}

/* h = (x - mean) r. The mean is far from the values' spread where a network is badly scaled: its
 * rounding is measured, and taken away in a step of its own. */
typedef struct moments {
  gcam_f4 mean, rest, r;
} moments;

static moments moments_of(const gcam_norm_params *p, const float *x) {
  int64_t n = p->width;
  gcam_f4 sum = gcam_f4_splat(0), square = gcam_f4_splat(0);
  for (int64_t i = 0; p->centred && i < n; i += 4) sum += gcam_f4_load_part(x + i, n - i, 0);
  float m = gcam_f4_sum(sum) / (float)n, rest = 0;
  gcam_f4 mean = gcam_f4_splat(m);
  sum = gcam_f4_splat(0);
  for (int64_t i = 0; i < n; i += 4) {
    gcam_f4 d = gcam_f4_load_part(x + i, n - i, m) - mean;
    sum += d;
    square = gcam_f4_madd(d, d, square);
  }
  if (p->centred) rest = gcam_f4_sum(sum) / (float)n;
  double variance = gcam_f4_sum(square) / (double)n - (double)rest * rest;
  float r = (float)(1 / sqrt((variance > 0 || variance != variance ? variance : 0) + p->epsilon));
  return (moments){mean, gcam_f4_splat(rest), gcam_f4_splat(r)};
}

static void forward_task(void *context, size_t index) {
  const job *j = context;
  int64_t row = (int64_t)index * j->rows_a_task, end = row + j->rows_a_task, n = j->p->width;
  const float *scale = j->a->in[1];
  const float *shift = gcam_node_has_input(j->a->node, 2) ? j->a->in[2] : NULL;
  for (; row < end && row < j->p->count; row++) {
    const float *x = j->a->in[0] + row * n;
    float *y = j->a->out[0] + row * n;
    moments m = moments_of(j->p, x);
    for (int64_t i = 0; i < n; i += 4) {
      gcam_f4 h = (gcam_f4_load_part(x + i, n - i, 0) - m.mean - m.rest) * m.r;
      gcam_f4 t = shift ? gcam_f4_load_part(shift + i, n - i, 0) : gcam_f4_splat(0);
      gcam_f4_store_part(y + i, n - i, gcam_f4_madd(h, gcam_f4_load_part(scale + i, n - i, 0), t));
    }
  }
}

static void backward_row(const moments *m, bool centred, const float *x, const float *scale,
                         const float *dy, float *dx, int64_t n) {
  gcam_f4 sum = gcam_f4_splat(0), moment = gcam_f4_splat(0);
  for (int64_t i = 0; i < n; i += 4) {
    gcam_f4 h = (gcam_f4_load_part(x + i, n - i, 0) - m->mean - m->rest) * m->r;
    gcam_f4 g = gcam_f4_load_part(dy + i, n - i, 0) * gcam_f4_load_part(scale + i, n - i, 0);
    sum += g;
    moment = gcam_f4_madd(g, h, moment);
  }
  sum = gcam_f4_splat(centred ? gcam_f4_sum(sum) / (float)n : 0);
  moment = gcam_f4_splat(gcam_f4_sum(moment) / (float)n);
  for (int64_t i = 0; i < n; i += 4) {
    gcam_f4 h = (gcam_f4_load_part(x + i, n - i, 0) - m->mean - m->rest) * m->r;
    gcam_f4 g = gcam_f4_load_part(dy + i, n - i, 0) * gcam_f4_load_part(scale + i, n - i, 0);
    gcam_f4 d = gcam_f4_madd(m->r, g - sum - h * moment, gcam_f4_load_part(dx + i, n - i, 0));
    gcam_f4_store_part(dx + i, n - i, d);
  }
}

static void backward_task(void *context, size_t index) {
  const job *j = context;
  const gcam_norm_params *p = j->p;
  int64_t row = (int64_t)index * j->rows_a_task, end = row + j->rows_a_task, n = p->width;
  for (; row < end && row < p->count; row++) {
    const float *x = j->a->in[0] + row * n;
    moments m = moments_of(p, x);
    for (int b = 0; b < j->a->B; b++) {
      int64_t at = (b * p->count + row) * n;
      backward_row(&m, p->centred, x, j->a->in[1], j->a->dout[0] + at, j->a->din[0] + at, n);
    }
  }
}

static void run(const gcam_args *a, const gcam_threads *pool, void (*task)(void *, size_t)) {
  const gcam_norm_params *p = a->node->params;
  job j = {a, p, p->width < CHUNK ? CHUNK / (p->width ? p->width : 1) : 1};
  gcam_parallel(pool, (size_t)((p->count + j.rows_a_task - 1) / j.rows_a_task), task, &j);
}

static void forward(const gcam_args *a, const gcam_threads *pool) { run(a, pool, forward_task); }

static void backward(const gcam_args *a, const gcam_threads *pool) {
  if (a->dout[0] && a->din[0]) run(a, pool, backward_task);
}

const gcam_twin gcam_twin_layer_norm = {&gcam_op_layer_norm, applies, .forward = forward,
                                        .backward = backward};
const gcam_twin gcam_twin_rms_norm = {&gcam_op_rms_norm, applies, .forward = forward,
                                      .backward = backward};
