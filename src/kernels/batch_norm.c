/* batch_norm.c: BatchNormalization by constants that no convolution before it takes up, as DenseNet
 * has them: rows of pixels, all channels of each, and the ReLU behind it on the way.
 *   y = x gain + (shift - mean gain), as PyTorch has it at inference */
#include "ops/batch_norm.h"

#include <math.h>

#include "kernels/kernel.h"
#include "kernels/simd.h"

enum { CHUNK = 16384 }; /* numbers a task */

typedef struct job {
  const gcam_args *a;
  const gcam_batch_norm_params *p;
  int64_t rows, rows_a_task;
} job;

static bool applies(const gcam_graph *graph, const gcam_node *node) {
  return gcam_node_constant_from(graph, node, 1);
}

static void forward_task(void *context, size_t index) {
  const job *j = context;
  const gcam_args *a = j->a;
  const int64_t C = j->p->C, whole = C & ~(int64_t)3;
  const float *gain = a->scratch, *shift = gain + C;
  int64_t row = (int64_t)index * j->rows_a_task, end = row + j->rows_a_task;
  gcam_f4 lo = gcam_f4_splat(a->limits ? a->limits[0] : -INFINITY);
  gcam_f4 hi = gcam_f4_splat(a->limits ? a->limits[1] : INFINITY);
  for (; row < end && row < j->rows; row++) {
    const float *x = a->in[0] + row * a->in_stride;
    float *y = a->out[0] + row * C;
    int64_t c = 0;
    for (; c < whole; c += 4) {
      gcam_f4 d =
          gcam_f4_madd(gcam_f4_load(x + c), gcam_f4_load(gain + c), gcam_f4_load(shift + c));
      gcam_f4_store(y + c, gcam_f4_clamp(d, lo, hi));
    }
    if (c == C) continue;
    gcam_f4 d = gcam_f4_load_rest(gain + c, C - c, 0);
    d = gcam_f4_madd(gcam_f4_load_rest(x + c, C - c, 0), d, gcam_f4_load_rest(shift + c, C - c, 0));
    gcam_f4_store_rest(y + c, C - c, gcam_f4_clamp(d, lo, hi));
  }
}

static void backward_task(void *context, size_t index) {
  const job *j = context;
  const gcam_args *a = j->a;
  int64_t C = j->p->C, row = (int64_t)index * j->rows_a_task, end = row + j->rows_a_task;
  for (; row < end && row < j->rows; row++) {
    const float *dy = a->dout[0] + row * C;
    float *dx = a->din[0] + row * C;
    for (int64_t c = 0; c < C; c += 4) {
      gcam_f4 old = a->overwrite ? gcam_f4_splat(0) : gcam_f4_load_part(dx + c, C - c, 0);
      gcam_f4 d = gcam_f4_load_part(dy + c, C - c, 0);
      d = gcam_f4_madd(d, gcam_f4_load_part(a->scratch + c, C - c, 0), old);
      gcam_f4_store_part(dx + c, C - c, d);
    }
  }
}

static void run(const gcam_args *a, int64_t times, const gcam_threads *pool,
                void (*task)(void *, size_t)) {
  const gcam_batch_norm_params *p = a->node->params;
  job j = {a, p, p->rows * times, p->C < CHUNK ? CHUNK / p->C : 1};
  for (int64_t c = 0; c < p->C; c++) {
    double gain = a->in[1][c] / sqrt((double)a->in[4][c] + p->epsilon);
    a->scratch[c] = (float)gain;
    a->scratch[p->C + c] = (float)(a->in[2][c] - a->in[3][c] * gain);
  }
  gcam_parallel(pool, (size_t)((j.rows + j.rows_a_task - 1) / j.rows_a_task), task, &j);
}

static void forward(const gcam_args *a, const gcam_threads *pool) { run(a, 1, pool, forward_task); }

static void backward(const gcam_args *a, const gcam_threads *pool) {
  if (a->dout[0] && a->din[0]) run(a, a->B, pool, backward_task);
}

const gcam_twin gcam_twin_batch_norm = {
    &gcam_op_batch_norm, applies,         .forward = forward,    .backward = backward,
    .overwrites = true,  .strides = true, .absorbs = GCAM_CLAMPS};
