/* pointwise.c: Sigmoid, Erf and Gelu, four values at a time: EfficientNet runs the first (as SiLU),
 * transformers one of the others on every activation. Formulas: ops/activation.c, ops/function.c.
 */
#include "kernels/kernel.h"
#include "kernels/vector_math.h"
#include "ops/function.h"

enum { CHUNK = 16384 };

static const float sqrt_half = 0.70710678118654752f, sqrt_2_pi = 0.79788456080286536f; /* 2 / pi */

/* y = f(x), and the slope where it is wanted. */
typedef gcam_f4 (*function_f4)(gcam_f4 x, gcam_f4 *slope);

static gcam_f4 sigmoid_f4(gcam_f4 x, gcam_f4 *slope) {
  gcam_f4 y = gcam_f4_logistic(x);
  if (slope) *slope = y * (gcam_f4_splat(1) - y);
  return y;
}

static gcam_f4 erf_f4(gcam_f4 x, gcam_f4 *slope) {
  gcam_f4 one_more, gauss, y = gcam_f4_erf(x, &one_more, &gauss);
  if (slope) *slope = gcam_f4_splat(1.1283791670955126f) * gauss; /* 2 / sqrt(pi) e^(-x^2) */
  return y;
}

static gcam_f4 gelu_f4(gcam_f4 x, gcam_f4 *slope) {
  gcam_f4 p, gauss;
  gcam_f4_erf(x * gcam_f4_splat(sqrt_half), &p, &gauss);
  p *= gcam_f4_splat(0.5f);
  if (slope) *slope = gcam_f4_madd(x * gcam_f4_splat(sqrt_2_pi / 2), gauss, p);
  return x * p;
}

/* (1 + tanh z) / 2 is the logistic function of 2 z. */
static gcam_f4 gelu_tanh_f4(gcam_f4 x, gcam_f4 *slope) {
  const gcam_f4 one = gcam_f4_splat(1), cubic = gcam_f4_splat(0.044715f);
  const gcam_f4 factor = gcam_f4_splat(2 * sqrt_2_pi);
  gcam_f4 p = gcam_f4_logistic(factor * gcam_f4_madd(cubic * x * x, x, x));
  if (slope)
    *slope = p + x * p * (one - p) * factor * gcam_f4_madd(gcam_f4_splat(3) * cubic * x, x, one);
  return x * p;
}

typedef struct job {
  function_f4 f;
  const float *x, *dy; /* dy: [B][n], for a backward pass */
  float *out;          /* y, or dx */
  int64_t n;
  int B;
} job;

static void forward_chunk(void *context, size_t index) {
  const job *j = context;
  int64_t i = (int64_t)index * CHUNK, end = j->n - i < CHUNK ? j->n : i + CHUNK;
  for (; i < end; i += 4) {
    gcam_f4 x = gcam_f4_load_part(j->x + i, end - i, 0);
    gcam_f4_store_part(j->out + i, end - i, j->f(x, NULL));
  }
}

static void backward_chunk(void *context, size_t index) {
  const job *j = context;
  int64_t i = (int64_t)index * CHUNK, end = j->n - i < CHUNK ? j->n : i + CHUNK;
  for (; i < end; i += 4) {
    gcam_f4 slope;
    j->f(gcam_f4_load_part(j->x + i, end - i, 0), &slope);
    for (int b = 0; b < j->B; b++) {
      float *dx = j->out + b * j->n + i;
      gcam_f4 dy = gcam_f4_load_part(j->dy + b * j->n + i, end - i, 0);
      gcam_f4_store_part(dx, end - i, gcam_f4_madd(dy, slope, gcam_f4_load_part(dx, end - i, 0)));
    }
  }
}

static void forward(const gcam_args *a, const gcam_threads *pool, function_f4 f) {
  job j = {f, a->in[0], NULL, a->out[0], gcam_numel(gcam_in_shape(a->graph, a->node, 0)), 0};
  gcam_parallel(pool, (size_t)((j.n + CHUNK - 1) / CHUNK), forward_chunk, &j);
}

static void backward(const gcam_args *a, const gcam_threads *pool, function_f4 f) {
  if (!a->dout[0] || !a->din[0]) return;
  job j = {f,   a->in[0], a->dout[0], a->din[0], gcam_numel(gcam_in_shape(a->graph, a->node, 0)),
           a->B};
  gcam_parallel(pool, (size_t)((j.n + CHUNK - 1) / CHUNK), backward_chunk, &j);
}

static bool always(const gcam_graph *graph, const gcam_node *node) {
  (void)graph, (void)node;
  return true;
}

static function_f4 gelu_of(const gcam_args *a) {
  return ((const gcam_function_params *)a->node->params)->a != 0 ? gelu_tanh_f4 : gelu_f4;
}

static void sigmoid_forward(const gcam_args *a, const gcam_threads *p) { forward(a, p, sigmoid_f4); }
static void sigmoid_backward(const gcam_args *a, const gcam_threads *p) { backward(a, p, sigmoid_f4); }
static void erf_forward(const gcam_args *a, const gcam_threads *p) { forward(a, p, erf_f4); }
static void erf_backward(const gcam_args *a, const gcam_threads *p) { backward(a, p, erf_f4); }
static void gelu_forward(const gcam_args *a, const gcam_threads *p) { forward(a, p, gelu_of(a)); }
static void gelu_backward(const gcam_args *a, const gcam_threads *p) { backward(a, p, gelu_of(a)); }

const gcam_twin gcam_twin_sigmoid = {&gcam_op_sigmoid, always, .forward = sigmoid_forward,
                                     .backward = sigmoid_backward};
const gcam_twin gcam_twin_erf = {&gcam_op_erf, always, .forward = erf_forward,
                                 .backward = erf_backward};
const gcam_twin gcam_twin_gelu = {&gcam_op_gelu, always, .forward = gelu_forward,
                                  .backward = gelu_backward};
