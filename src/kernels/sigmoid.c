/* sigmoid.c: Sigmoid, four values at a time; EfficientNet runs it (as SiLU) on every activation,
 * and a library's expf takes one value at a time.
 *
 * With e = exp(-|x|):  sigmoid(x) = 1 / (1 + e) for x >= 0, e / (1 + e) below.
 * exp(z) = 2^n exp(r), n = round(z / ln 2), |r| <= ln 2 / 2, exp(r) by its series to r^6: relative
 * error about one unit in the last place. */
#include <string.h>

#include "kernels/kernel.h"
#include "kernels/simd.h"

enum { CHUNK = 16384 };

typedef int32_t i4 __attribute__((vector_size(16)));
typedef uint32_t u4 __attribute__((vector_size(16)));

static bool always(const gcam_graph *graph, const gcam_node *node) {
  (void)graph, (void)node;
  return true;
}

/* exp(z) for -87 <= z <= 0. */
static gcam_f4 exp_f4(gcam_f4 z) {
  const gcam_f4 round = gcam_f4_splat(12582912.0f); /* 1.5 * 2^23: adding it leaves no fraction */
  gcam_f4 shifted = z * gcam_f4_splat(1.44269504f) + round;
  gcam_f4 n = shifted - round;
  /* ln 2 in two parts: n times the first is exact */
  gcam_f4 r = z - n * gcam_f4_splat(0.693359375f) + n * gcam_f4_splat(2.12194440e-4f);
  gcam_f4 p = gcam_f4_splat(1.0f / 720);
  p = gcam_f4_madd(p, r, gcam_f4_splat(1.0f / 120));
  p = gcam_f4_madd(p, r, gcam_f4_splat(1.0f / 24));
  p = gcam_f4_madd(p, r, gcam_f4_splat(1.0f / 6));
  p = gcam_f4_madd(p, r, gcam_f4_splat(0.5f));
  p = gcam_f4_madd(p, r, gcam_f4_splat(1));
  p = gcam_f4_madd(p, r, gcam_f4_splat(1));
  /* times 2^n: n is in the low bits of shifted */
  return (gcam_f4)((u4)p + ((u4)shifted << 23));
}

static gcam_f4 sigmoid_f4(gcam_f4 x) {
  const gcam_f4 one = gcam_f4_splat(1), lowest = gcam_f4_splat(-87);
  i4 negative = x < 0;
  gcam_f4 z = (gcam_f4)((i4)x | INT32_MIN); /* -|x| */
  i4 far_out = z < lowest;
  z = (gcam_f4)(((i4)lowest & far_out) | ((i4)z & ~far_out));
  gcam_f4 e = exp_f4(z);
  gcam_f4 y = (gcam_f4)(((i4)e & negative) | ((i4)one & ~negative)) / (one + e);
  i4 nan = x != x;
  return (gcam_f4)(((i4)x & nan) | ((i4)y & ~nan));
}

typedef struct task {
  const float *x;
  float *y;
  int64_t n;
} task;

static void run_chunk(void *context, size_t index) {
  const task *t = context;
  int64_t i = (int64_t)index * CHUNK, end = t->n - i < CHUNK ? t->n : i + CHUNK;
  for (; i + 4 <= end; i += 4) gcam_f4_store(t->y + i, sigmoid_f4(gcam_f4_load(t->x + i)));
  if (i < end) {
    float rest[4] = {0};
    memcpy(rest, t->x + i, (size_t)(end - i) * sizeof *rest);
    gcam_f4_store(rest, sigmoid_f4(gcam_f4_load(rest)));
    memcpy(t->y + i, rest, (size_t)(end - i) * sizeof *rest);
  }
}

static void forward(const gcam_args *a, const gcam_threads *pool) {
  task t = {a->in[0], a->out[0], gcam_numel(gcam_in_shape(a->graph, a->node, 0))};
  gcam_parallel(pool, (size_t)((t.n + CHUNK - 1) / CHUNK), run_chunk, &t);
}

const gcam_twin gcam_twin_sigmoid = {&gcam_op_sigmoid, always, .forward = forward};
