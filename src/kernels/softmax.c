/* softmax.c: Softmax over the last axis, four values at a time: attention takes one of every row of
 * scores. */
#include "ops/softmax.h"

#include <math.h>

#include "kernels/kernel.h"
#include "kernels/rows.h"
#include "kernels/vector_math.h"

enum { CHUNK = 16384 }; /* numbers a task */

typedef struct job {
  const gcam_args *a;
  int64_t rows, len, rows_a_task;
} job;

static bool applies(const gcam_graph *graph, const gcam_node *node) {
  (void)graph;
  return ((const gcam_softmax_params *)node->params)->inner == 1;
}

/* The sum, and so its reciprocal, as exact as the plain loop's: a probability near 1 has no digits
 * to lose, for its distance to 1 is what it says. */
typedef double d4 __attribute__((vector_size(32)));

static void forward_row(const float *x, float *y, int64_t n) {
  gcam_f4 most = gcam_f4_splat(-INFINITY);
  d4 sum = {0};
  for (int64_t i = 0; i < n; i += 4) {
    gcam_f4 v = gcam_f4_load_part(x + i, n - i, -INFINITY);
    most = gcam_f4_select(v > most, v, most);
  }
  for (int i = 1; i < 4; i++) most[0] = most[i] > most[0] ? most[i] : most[0];
  most = gcam_f4_splat(most[0]);
  for (int64_t i = 0; i < n; i += 4) {
    gcam_f4 z = gcam_f4_load_part(x + i, n - i, -INFINITY) - most;
    gcam_f4 e = gcam_f4_select(z < gcam_f4_splat(-87), gcam_f4_splat(0), gcam_f4_exp(z));
    gcam_f4_store_part(y + i, n - i, e);
    sum += __builtin_convertvector(e, d4);
  }
  gcam_f4 scale = gcam_f4_splat((float)(1 / ((sum[0] + sum[1]) + (sum[2] + sum[3]))));
  for (int64_t i = 0; i < n; i += 4)
    gcam_f4_store_part(y + i, n - i, gcam_f4_load_part(y + i, n - i, 0) * scale);
}

static void backward_row(const float *y, const float *dy, float *dx, int64_t n) {
  if (gcam_row_is_zero(dy, n)) return;
  gcam_f4 sum = gcam_f4_splat(0);
  for (int64_t i = 0; i < n; i += 4)
    sum =
        gcam_f4_madd(gcam_f4_load_part(y + i, n - i, 0), gcam_f4_load_part(dy + i, n - i, 0), sum);
  gcam_f4 mean = gcam_f4_splat(gcam_f4_sum(sum));
  for (int64_t i = 0; i < n; i += 4) {
    gcam_f4 p = gcam_f4_load_part(y + i, n - i, 0), d = gcam_f4_load_part(dy + i, n - i, 0);
    gcam_f4 v = gcam_f4_madd(p, d - mean, gcam_f4_load_part(dx + i, n - i, 0));
    gcam_f4_store_part(dx + i, n - i, v);
  }
}

static void forward_task(void *context, size_t index) {
  const job *j = context;
  int64_t r = (int64_t)index * j->rows_a_task, end = r + j->rows_a_task;
  for (; r < end && r < j->rows; r++)
    forward_row(j->a->in[0] + r * j->len, j->a->out[0] + r * j->len, j->len);
}

static void backward_task(void *context, size_t index) {
  const job *j = context;
  int64_t r = (int64_t)index * j->rows_a_task, end = r + j->rows_a_task;
  for (; r < end && r < j->rows * j->a->B; r++)
    backward_row(j->a->out[0] + r % j->rows * j->len, j->a->dout[0] + r * j->len,
                 j->a->din[0] + r * j->len, j->len);
}

static job job_of(const gcam_args *a) {
  const gcam_softmax_params *p = a->node->params;
  return (job){a, p->outer, p->len, p->len < CHUNK ? CHUNK / (p->len ? p->len : 1) : 1};
}

static void forward(const gcam_args *a, const gcam_threads *pool) {
  job j = job_of(a);
  gcam_parallel(pool, (size_t)((j.rows + j.rows_a_task - 1) / j.rows_a_task), forward_task, &j);
}

static void backward(const gcam_args *a, const gcam_threads *pool) {
  job j = job_of(a);
  if (!a->dout[0] || !a->din[0]) return;
  int64_t tasks = (j.rows * a->B + j.rows_a_task - 1) / j.rows_a_task;
  gcam_parallel(pool, (size_t)tasks, backward_task, &j);
}

const gcam_twin gcam_twin_softmax = {&gcam_op_softmax, applies, .forward = forward,
                                     .backward = backward};
