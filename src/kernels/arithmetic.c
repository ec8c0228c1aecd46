/* arithmetic.c: Add, Sub, Mul and Div with broadcasting, four values at a time, spread over
 * threads; a ReLU behind an Add, as residual networks have it, on the way. Formulas:
 * ops/arithmetic.c. */
#include <math.h>

#include "kernels/kernel.h"
#include "kernels/simd.h"
#include "ops/broadcast.h"

enum { CHUNK = 16384 }; /* numbers a task */

#define ALWAYS_INLINE __attribute__((always_inline))

typedef enum { ADD, SUB, MUL, DIV } operation;

/* A part of a row: what moves by 1 or stands still. */
typedef struct operand {
  const float *at;
  int64_t step;
} operand;

/* What is not there is 1: it divides. */
static inline gcam_f4 take(operand x, int64_t i, int64_t n) {
  return x.step ? gcam_f4_load_part(x.at + i, n - i, 1) : gcam_f4_splat(*x.at);
}

static inline gcam_f4 ALWAYS_INLINE value(operation f, gcam_f4 u, gcam_f4 v) {
  return f == ADD ? u + v : f == SUB ? u - v : f == MUL ? u * v : u / v;
}

/* df/du or df/dv */
static inline gcam_f4 slope(operation f, int side, gcam_f4 u, gcam_f4 v) {
  const gcam_f4 one = gcam_f4_splat(1);
  switch (f) {
    case MUL:
      return side ? u : v;
    case DIV:
      return side ? -(u / v) / v : one / v;
    default:
      return f == SUB && side ? -one : one;
  }
}

typedef struct job {
  const gcam_args *a;
  operation f;
  const gcam_broadcast *plan;
  const gcam_shape *shape[2], *out;
  int64_t step[2], size[2], numbers; /* size: of the inputs, numbers: of y */
  int side;                          /* backward: towards which input */
} job;

static job job_of(const gcam_args *a, operation f) {
  job j = {.a = a, .f = f, .plan = a->node->params};
  j.out = &a->graph->values[a->node->outputs[0]].shape;
  j.numbers = gcam_numel(j.out);
  for (int i = 0; i < 2; i++) {
    j.shape[i] = gcam_in_shape(a->graph, a->node, i);
    j.size[i] = gcam_numel(j.shape[i]);
    j.step[i] = gcam_broadcast_step(j.plan, j.shape[i]);
  }
  return j;
}

/* Where the input lies beside number `from` of y's row; the usual cases without divisions. */
static __attribute__((noinline)) operand operand_of(const job *j, int side, int64_t row,
                                                    int64_t from) {
  int64_t step = j->step[side], width = step ? j->plan->inner : 1;
  int64_t at = j->size[side] == j->numbers ? row * j->plan->inner
               : j->size[side] == width
                   ? 0
                   : gcam_broadcast_offset(j->plan, j->shape[side], j->out, row);
  return (operand){j->a->in[side] + at + from * step, step};
}

static inline void ALWAYS_INLINE forward_chunk(operation f, const job *j, size_t index) {
  int64_t at = (int64_t)index * CHUNK, end = at + CHUNK < j->numbers ? at + CHUNK : j->numbers;
  int64_t row = at / j->plan->inner, from = at - row * j->plan->inner;
  const float *limits = j->a->limits;
  gcam_f4 lo = gcam_f4_splat(limits ? limits[0] : 0), hi = gcam_f4_splat(limits ? limits[1] : 0);
  for (int64_t n; at < end; at += n, row++, from = 0) {
    n = j->plan->inner - from < end - at ? j->plan->inner - from : end - at;
    operand u = operand_of(j, 0, row, from), v = operand_of(j, 1, row, from);
    float *y = j->a->out[0] + at;
    int64_t i = 0, whole = u.step && v.step ? n & ~(int64_t)3 : 0;
    for (; i < whole; i += 4) {
      gcam_f4 s = value(f, gcam_f4_load(u.at + i), gcam_f4_load(v.at + i));
      if (f == ADD && limits) s = gcam_f4_clamp(s, lo, hi);
      gcam_f4_store(y + i, s);
    }
    for (; i < n; i += 4) {
      gcam_f4 s = value(f, take(u, i, n), take(v, i, n));
      if (f == ADD && limits) s = gcam_f4_clamp(s, lo, hi);
      gcam_f4_store_part(y + i, n - i, s);
    }
  }
}

/* Chunks of dy [B][numbers] where each number of the input is in one of them; else all of a
 * target's, which the input's gradient sums up. */
static int64_t chunks(const job *j) {
  return j->size[j->side] == j->numbers ? (j->numbers + CHUNK - 1) / CHUNK : 1;
}

/* [at, at + n) of dy of one target, all in one row, to where the input lies. */
static void backward_piece(const job *j, int64_t b, int64_t at, int64_t n) {
  int64_t row = at / j->plan->inner, from = at - row * j->plan->inner;
  operand u = operand_of(j, 0, row, from), v = operand_of(j, 1, row, from);
  operand own = j->side ? v : u;
  const float *dy = j->a->dout[0] + b * j->numbers + at;
  float *dx = j->a->din[j->side] + b * j->size[j->side] + (own.at - j->a->in[j->side]);
  gcam_f4 sum = gcam_f4_splat(0);
  for (int64_t i = 0; i < n; i += 4) {
    gcam_f4 d = gcam_f4_load_part(dy + i, n - i, 0);
    if (j->f != ADD) d *= slope(j->f, j->side, take(u, i, n), take(v, i, n));
    if (own.step)
      gcam_f4_store_part(dx + i, n - i, d + gcam_f4_load_part(dx + i, n - i, 0));
    else
      sum += d;
  }
  if (!own.step) *dx += gcam_f4_sum(sum);
}

static void backward_task(void *context, size_t index) {
  const job *j = context;
  int64_t each = chunks(j), b = (int64_t)index / each, at = (int64_t)index % each * CHUNK;
  int64_t end = each > 1 && at + CHUNK < j->numbers ? at + CHUNK : j->numbers;
  for (int64_t n; at < end; at += n) {
    int64_t rest = j->plan->inner - at % j->plan->inner;
    n = rest < end - at ? rest : end - at;
    backward_piece(j, b, at, n);
  }
}

static void forward(const gcam_args *a, const gcam_threads *pool, operation f,
                    void (*task)(void *, size_t)) {
  job j = job_of(a, f);
  gcam_parallel(pool, (size_t)((j.numbers + CHUNK - 1) / CHUNK), task, &j);
}

static void backward(const gcam_args *a, const gcam_threads *pool, operation f) {
  job j = job_of(a, f);
  bool small = j.numbers * a->B < CHUNK;
  for (j.side = 0; a->dout[0] && j.numbers && j.side < 2; j.side++)
    if (a->din[j.side])
      gcam_parallel(small ? NULL : pool, (size_t)(a->B * chunks(&j)), backward_task, &j);
}

static bool always(const gcam_graph *graph, const gcam_node *node) {
  (void)graph, (void)node;
  return true;
}

/* Add and Mul, which networks are full of, have loops of their own. */
static void add_task(void *context, size_t i) { forward_chunk(ADD, context, i); }
static void mul_task(void *context, size_t i) { forward_chunk(MUL, context, i); }
static void other_task(void *context, size_t i) {
  const job *j = context;
  forward_chunk(j->f, j, i);
}

#define TWIN(symbol, f, task, ABSORBS)                                               \
  static void symbol##_forward(const gcam_args *a, const gcam_threads *pool) {       \
    forward(a, pool, f, task);                                                       \
  }                                                                                  \
  static void symbol##_backward(const gcam_args *a, const gcam_threads *pool) {      \
    backward(a, pool, f);                                                            \
  }                                                                                  \
  const gcam_twin gcam_twin_##symbol = {&gcam_op_##symbol, always, symbol##_forward, \
                                        symbol##_backward, .absorbs = (ABSORBS)};

/* clang-format off */
TWIN(add, ADD, add_task, GCAM_CLAMPS)
TWIN(sub, SUB, other_task, 0)
TWIN(mul, MUL, mul_task, 0)
TWIN(div, DIV, other_task, 0)
/* clang-format on */
