/* pointwise.c: Sigmoid, HardSigmoid, Swish, HardSwish, Erf and Gelu, four values at a time, and a
 * Mul with its own input behind the first two on the way: EfficientNet runs x Sigmoid(x) (SiLU) and
 * MobileNetV3 x HardSigmoid(x) on every activation, transformers one of the last. Formulas:
 * ops/activation.c, ops/function.c. */
#include "kernels/kernel.h"
#include "kernels/vector_math.h"
#include "ops/activation.h"
#include "ops/function.h"

#define ALWAYS_INLINE __attribute__((always_inline))

enum { CHUNK = 16384 };

static const float sqrt_2_pi = 0.79788456080286536f; /* 2 / pi */

/* y = f(x), and the slope where it is wanted. p: the operator's numbers. */
typedef gcam_f4 (*function_f4)(gcam_f4 x, gcam_activation_params p, gcam_f4 *slope);

static inline gcam_f4 sigmoid_f4(gcam_f4 x, gcam_activation_params p, gcam_f4 *slope) {
  gcam_f4 y = gcam_f4_logistic(x);
  (void)p;
  if (slope) *slope = y * (gcam_f4_splat(1) - y);
  return y;
}

static inline gcam_f4 hard_sigmoid_f4(gcam_f4 x, gcam_activation_params p, gcam_f4 *slope) {
  const gcam_f4 zero = gcam_f4_splat(0), one = gcam_f4_splat(1), a = gcam_f4_splat(p.a);
  gcam_f4 y = gcam_f4_clamp(a * x + gcam_f4_splat(p.b), zero, one);
  if (slope) *slope = gcam_f4_select((y > zero) & (y < one), a, zero);
  return y;
}

/* Out of line, for those that are called for every four values anyway. */
static __attribute__((noinline)) gcam_f4 logistic(gcam_f4 x) { return gcam_f4_logistic(x); }

static inline gcam_f4 swish_f4(gcam_f4 x, gcam_activation_params p, gcam_f4 *slope) {
  gcam_f4 a = gcam_f4_splat(p.a), s = logistic(a * x);
  if (slope) *slope = s + a * x * s * (gcam_f4_splat(1) - s);
  return x * s;
}

static inline gcam_f4 hard_swish_f4(gcam_f4 x, gcam_activation_params p, gcam_f4 *slope) {
  const gcam_f4 zero = gcam_f4_splat(0), one = gcam_f4_splat(1), three = gcam_f4_splat(3);
  const gcam_f4 sixth = gcam_f4_splat(1.0f / 6);
  gcam_i4 below = x <= -three, above = x >= three;
  (void)p;
  if (slope)
    *slope = gcam_f4_select(below, zero, gcam_f4_select(above, one, (x + x + three) * sixth));
  return gcam_f4_select(below, zero, gcam_f4_select(above, x, x * (x + three) * sixth));
}

static __attribute__((noinline)) gcam_f4 normal_tail(gcam_f4 x, gcam_f4 *gauss) {
  return gcam_f4_normal_tail(x, gauss);
}

static inline gcam_f4 erf_f4(gcam_f4 x, gcam_activation_params p, gcam_f4 *slope) {
  gcam_f4 gauss, tail = normal_tail(x * gcam_f4_splat(1.41421356f), &gauss);
  (void)p;
  if (slope) *slope = gcam_f4_splat(1.1283791670955126f) * gauss; /* 2 / sqrt(pi) e^(-x^2) */
  return gcam_f4_erf(x, tail);
}

/* x Phi(x): -|x| Phi(-|x|), and x more where x > 0. */
static inline gcam_f4 gelu_erf_f4(gcam_f4 x, gcam_activation_params p, gcam_f4 *slope) {
  const gcam_f4 zero = gcam_f4_splat(0), one = gcam_f4_splat(1);
  gcam_f4 gauss, magnitude = -gcam_f4_minus_abs(x);
  /* Inline in the loop of forward passes, which wants no slope. */
  gcam_f4 tail = slope ? normal_tail(x, &gauss) : gcam_f4_normal_tail(x, &gauss);
  gcam_i4 above = x > zero;
  (void)p;
  if (slope)
    *slope = gcam_f4_madd(x * gcam_f4_splat(sqrt_2_pi / 2), gauss,
                          gcam_f4_select(above, one - tail, tail));
  gcam_f4 less = -tail * gcam_f4_clamp(magnitude, zero, gcam_f4_splat(12.5f));
  return less + gcam_f4_select(x < zero, zero, x);
}

/* (1 + tanh z) / 2 is the logistic function of 2 z. */
static inline gcam_f4 gelu_tanh_f4(gcam_f4 x, gcam_f4 *slope) {
  const gcam_f4 one = gcam_f4_splat(1), cubic = gcam_f4_splat(0.044715f);
  const gcam_f4 factor = gcam_f4_splat(2 * sqrt_2_pi);
  gcam_f4 p = logistic(factor * gcam_f4_madd(cubic * x * x, x, x));
  if (slope)
    *slope = p + x * p * (one - p) * factor * gcam_f4_madd(gcam_f4_splat(3) * cubic * x, x, one);
  return x * p;
}

static inline gcam_f4 gelu_f4(gcam_f4 x, gcam_activation_params p, gcam_f4 *slope) {
  return p.a != 0 ? gelu_tanh_f4(x, slope) : gelu_erf_f4(x, p, slope);
}

typedef void loop(void *job, size_t index);

typedef struct job {
  function_f4 f; /* for loops that have none of their own */
  loop *loop;
  gcam_activation_params p;
  const float *x, *dy; /* dy: [B][n], for a backward pass */
  float *out;          /* y, or dx */
  int64_t n;
  int B;
  bool times_input, overwrite;
} job;

/* The last, fewer than four. */
static __attribute__((noinline)) void forward_rest(const job *j, int64_t i) {
  float four[4];
  job rest = *j;
  rest.x = rest.out = four;
  rest.n = 4;
  gcam_f4_store(four, gcam_f4_load_part(j->x + i, j->n - i, 0));
  j->loop(&rest, 0);
  gcam_f4_store_part(j->out + i, j->n - i, gcam_f4_load(four));
}

/* No call is left in the loop: it would keep the function's constants out of registers. */
static inline void ALWAYS_INLINE forward_chunk(function_f4 f, const job *j, size_t index) {
  int64_t i = (int64_t)index * CHUNK, last = i + CHUNK < j->n ? i + CHUNK : j->n;
  int64_t end = last & ~(int64_t)3;
  const bool times_input = j->times_input;
  const gcam_activation_params p = j->p;
  const float *x = j->x;
  float *out = j->out;
  for (; i < end; i += 4) {
    gcam_f4 v = gcam_f4_load(x + i), y = f(v, p, NULL);
    if (times_input) y *= v;
    gcam_f4_store(out + i, y);
  }
  if (i < last) forward_rest(j, i);
}

static void any_forward(void *context, size_t index) {
  const job *j = context;
  forward_chunk(j->f, j, index);
}

static inline void ALWAYS_INLINE backward_chunk(function_f4 f, const job *j, size_t index) {
  int64_t i = (int64_t)index * CHUNK, end = j->n - i < CHUNK ? j->n : i + CHUNK;
  const gcam_activation_params p = j->p;
  for (; i < end; i += 4) {
    gcam_f4 x = gcam_f4_load_part(j->x + i, end - i, 0), slope, y = f(x, p, &slope);
    if (j->times_input) slope = y + x * slope;
    for (int b = 0; b < j->B; b++) {
      float *dx = j->out + b * j->n + i;
      gcam_f4 d = slope * gcam_f4_load_part(j->dy + b * j->n + i, end - i, 0);
      if (!j->overwrite) d += gcam_f4_load_part(dx, end - i, 0);
      gcam_f4_store_part(dx, end - i, d);
    }
  }
}

static void any_backward(void *context, size_t index) {
  const job *j = context;
  backward_chunk(j->f, j, index);
}

static void sigmoid_backward(void *context, size_t index) {
  backward_chunk(sigmoid_f4, context, index);
}

/* Loops of their own, where the function is no call for every four values, for those that networks
 * are full of. */
#define LOOP(symbol) \
  static void symbol##_loop(void *j, size_t i) { forward_chunk(symbol##_f4, j, i); }
LOOP(sigmoid)
LOOP(hard_sigmoid)
LOOP(hard_swish)
LOOP(gelu_erf)

static void gelu_loop(void *job_, size_t i) {
  const job *j = job_;
  j->p.a != 0 ? any_forward(job_, i) : gelu_erf_loop(job_, i);
}

static const struct {
  const gcam_op *op;
  function_f4 f;
  loop *forward, *backward;
  bool function; /* its params are gcam_function_params, else gcam_activation_params */
} table[] = {
    {&gcam_op_sigmoid, NULL, sigmoid_loop, sigmoid_backward, false},
    {&gcam_op_hard_sigmoid, hard_sigmoid_f4, hard_sigmoid_loop, any_backward, false},
    {&gcam_op_hard_swish, hard_swish_f4, hard_swish_loop, any_backward, false},
    {&gcam_op_swish, swish_f4, any_forward, any_backward, true},
    {&gcam_op_erf, erf_f4, any_forward, any_backward, true},
    {&gcam_op_gelu, gelu_f4, gelu_loop, any_backward, true},
};

static void run(const gcam_args *a, const gcam_threads *pool, bool back) {
  int row = 0;
  const void *params = a->node->params;
  while (table[row].op != a->node->op) row++;
  job j = {.f = table[row].f,
           .loop = back ? table[row].backward : table[row].forward,
           .x = a->in[0],
           .dy = back ? a->dout[0] : NULL,
           .out = back ? a->din[0] : a->out[0],
           .n = gcam_numel(gcam_in_shape(a->graph, a->node, 0)),
           .B = a->B,
           .times_input = a->times_input,
           .overwrite = a->overwrite};
  if (back && (!j.dy || !j.out)) return;
  if (table[row].function)
    j.p.a = ((const gcam_function_params *)params)->a;
  else
    j.p = *(const gcam_activation_params *)params;
  gcam_parallel(pool, (size_t)((j.n + CHUNK - 1) / CHUNK), j.loop, &j);
}

static void forward(const gcam_args *a, const gcam_threads *pool) { run(a, pool, false); }
static void backward(const gcam_args *a, const gcam_threads *pool) { run(a, pool, true); }

static bool always(const gcam_graph *graph, const gcam_node *node) {
  (void)graph, (void)node;
  return true;
}

#define TWIN(symbol, ABSORBS)            \
  const gcam_twin gcam_twin_##symbol = { \
      &gcam_op_##symbol, always, forward, backward, .overwrites = true, .absorbs = (ABSORBS)};

/* clang-format off */
TWIN(sigmoid, GCAM_TIMES_INPUT)
TWIN(hard_sigmoid, GCAM_TIMES_INPUT)
TWIN(hard_swish, 0)
TWIN(swish, 0)
TWIN(erf, 0)
TWIN(gelu, 0)
/* clang-format on */
