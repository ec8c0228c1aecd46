/* Functions of one number that are too rare to be worth loops of their own (see activation.c for
 * those that are): y = f(x), dx_b += dy_b * f'(x).
 *
 * Steps (Floor, Ceil, Round, Sign, Not, IsNaN, IsInf) have the gradient 0 everywhere, as PyTorch
 * has it. */
#include "ops/function.h"

#include <math.h>
#include <string.h>

#include "base/elementary.h"
#include "ops/logistic.h"

/* a: the operator's one attribute. */
typedef float (*value_fn)(float x, float a);
typedef float (*slope_fn)(float x, float y, float a);

#define VALUE(name, formula) \
  static float name(float x, float a) { return (void)a, (formula); }
#define SLOPE(name, formula) \
  static float name(float x, float y, float a) { return (void)x, (void)y, (void)a, (formula); }

static const float sqrt_half = 0.70710678118654752f, sqrt_2_pi = 0.79788456080286536f; /* 2 / pi */

VALUE(neg, -x)
SLOPE(neg_slope, -1)
VALUE(absolute, fabsf(x))
SLOPE(sign_slope, (float)(x > 0) - (float)(x < 0))
VALUE(logarithm, logf(x))
SLOPE(log_slope, 1 / x)
VALUE(reciprocal, 1 / x)
SLOPE(reciprocal_slope, -y *y)
VALUE(sine, (float)gcam_sine(x))
SLOPE(sine_slope, (float)gcam_cosine(x))
VALUE(cosine, (float)gcam_cosine(x))
SLOPE(cosine_slope, -(float)gcam_sine(x))
VALUE(floor_of, floorf(x))
VALUE(ceil_of, ceilf(x))
VALUE(round_of, nearbyintf(x)) /* half to even */
VALUE(sign_of, x != x ? x : (float)(x > 0) - (float)(x < 0))
VALUE(not_of, x == 0)
VALUE(is_nan, x != x)
/* a: infinity of which sign: 0 both, 1 below, 2 above, 3 neither */
VALUE(is_inf, isinf(x) && (a == 0 || a == (x > 0 ? 2 : 1)))
VALUE(error_function, erff(x))
SLOPE(erf_slope, 1.1283791670955126f * expf(-x * x)) /* 2 / sqrt(pi) e^(-x^2) */
VALUE(softsign, x / (1 + fabsf(x)))
SLOPE(softsign_slope, 1 / ((1 + fabsf(x)) * (1 + fabsf(x))))
/* x above 0, a (e^(x/a) - 1) below, arXiv 1704.07483 */
VALUE(celu, x < 0 ? a * expm1f(x / a) : x)
SLOPE(celu_slope, x > 0 ? 1 : expf(x / a))
/* x above a, else 0 */
VALUE(thresholded_relu, x <= a ? 0 : x)
SLOPE(thresholded_relu_slope, x > a)
/* x s(a x), s the logistic function, arXiv 1710.05941 */
VALUE(swish, x *gcam_logistic(a *x))

static float swish_slope(float x, float y, float a) {
  float s = gcam_logistic(a * x);
  return (void)y, s + a * x * s * (1 - s);
}

/* x tanh(log(1 + e^x)), arXiv 1908.08681 */
VALUE(mish, x *tanhf(gcam_softplus(x)))

static float mish_slope(float x, float y, float a) {
  float t = tanhf(gcam_softplus(x));
  return (void)y, (void)a, t + x * (1 - t * t) * gcam_logistic(x);
}

/* x P(N <= x), arXiv 1606.08415: a = 0. a = 1: the paper's approximation by tanh. */
static float gelu_tanh(float x) { return tanhf(sqrt_2_pi * (x + 0.044715f * x * x * x)); }

VALUE(gelu, a != 0 ? x / 2 * (1 + gelu_tanh(x)) : x / 2 * erfcf(-sqrt_half * x))

static float gelu_slope(float x, float y, float a) {
  (void)y;
  if (a != 0) {
    float t = gelu_tanh(x);
    return (1 + t) / 2 + x / 2 * (1 - t * t) * sqrt_2_pi * (1 + 3 * 0.044715f * x * x);
  }
  return erfcf(-sqrt_half * x) / 2 + x * sqrt_2_pi / 2 * expf(-x * x / 2);
}

typedef struct function_row {
  const gcam_op *op;
  value_fn value;
  slope_fn slope;   /* NULL: 0 everywhere */
  const char *attr; /* the float attribute `a`; NULL: none */
  float otherwise;
} function_row;

static const function_row rows[] = {
    {&gcam_op_neg, neg, neg_slope, NULL, 0},
    {&gcam_op_abs, absolute, sign_slope, NULL, 0},
    {&gcam_op_log, logarithm, log_slope, NULL, 0},
    {&gcam_op_reciprocal, reciprocal, reciprocal_slope, NULL, 0},
    {&gcam_op_sin, sine, sine_slope, NULL, 0},
    {&gcam_op_cos, cosine, cosine_slope, NULL, 0},
    {&gcam_op_floor, floor_of, NULL, NULL, 0},
    {&gcam_op_ceil, ceil_of, NULL, NULL, 0},
    {&gcam_op_round, round_of, NULL, NULL, 0},
    {&gcam_op_sign, sign_of, NULL, NULL, 0},
    {&gcam_op_not, not_of, NULL, NULL, 0},
    {&gcam_op_is_nan, is_nan, NULL, NULL, 0},
    {&gcam_op_is_inf, is_inf, NULL, NULL, 0},
    {&gcam_op_erf, error_function, erf_slope, NULL, 0},
    {&gcam_op_gelu, gelu, gelu_slope, NULL, 0},
    {&gcam_op_mish, mish, mish_slope, NULL, 0},
    {&gcam_op_swish, swish, swish_slope, "alpha", 1},
    {&gcam_op_softsign, softsign, softsign_slope, NULL, 0},
    {&gcam_op_celu, celu, celu_slope, "alpha", 1},
    {&gcam_op_thresholded_relu, thresholded_relu, thresholded_relu_slope, "alpha", 1},
};

static gcam_status function_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  gcam_function_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  p->row = rows;
  while (p->row->op != node->op) p->row++;
  if (p->row->attr) p->a = gcam_node_float(node, p->row->attr, p->row->otherwise);
  if (node->op == &gcam_op_gelu) {
    const char *how = gcam_node_string(node, "approximate", "none");
    p->a = !strcmp(how, "tanh");
    if (!p->a && strcmp(how, "none"))
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "approximate '%.40s' is neither none nor tanh", how);
  }
  if (node->op == &gcam_op_is_inf) {
    bool below = gcam_node_int(node, "detect_negative", 1) != 0;
    bool above = gcam_node_int(node, "detect_positive", 1) != 0;
    p->a = below && above ? 0 : below ? 1 : above ? 2 : 3;
  }
  if (node->op == &gcam_op_celu && p->a == 0)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its alpha is 0, and x / alpha has no value");
  return gcam_node_set_shape(graph, node, 0, gcam_in_shape(graph, node, 0), err);
}

static void function_forward(const gcam_args *args) {
  const gcam_function_params *p = args->node->params;
  int64_t n = gcam_numel(gcam_in_shape(args->graph, args->node, 0));
  for (int64_t i = 0; i < n; i++) args->out[0][i] = p->row->value(args->in[0][i], p->a);
}

static void function_backward(const gcam_args *args) {
  const gcam_function_params *p = args->node->params;
  int64_t n = gcam_numel(gcam_in_shape(args->graph, args->node, 0));
  if (!args->dout[0] || !args->din[0] || !p->row->slope) return;
  for (int64_t i = 0; i < n; i++) {
    float slope = p->row->slope(args->in[0][i], args->out[0][i], p->a);
    for (int b = 0; b < args->B; b++) args->din[0][b * n + i] += args->dout[0][b * n + i] * slope;
  }
}

#define FUNCTION(symbol, onnx_name)                                    \
  const gcam_op gcam_op_##symbol = {onnx_name,                         \
                                    GCAM_RULE_POINTWISE,               \
                                    1,                                 \
                                    1,                                 \
                                    function_shape,                    \
                                    function_forward,                  \
                                    function_backward,                 \
                                    .traits = GCAM_OP_KEEPS_POSITIONS, \
                                    .data_inputs = 1};

/* clang-format off */
FUNCTION(neg, "Neg")
FUNCTION(abs, "Abs")
FUNCTION(log, "Log")
FUNCTION(reciprocal, "Reciprocal")
FUNCTION(sin, "Sin")
FUNCTION(cos, "Cos")
FUNCTION(floor, "Floor")
FUNCTION(ceil, "Ceil")
FUNCTION(round, "Round")
FUNCTION(sign, "Sign")
FUNCTION(not, "Not")
FUNCTION(is_nan, "IsNaN")
FUNCTION(is_inf, "IsInf")
FUNCTION(erf, "Erf")
FUNCTION(gelu, "Gelu")
FUNCTION(mish, "Mish")
FUNCTION(swish, "Swish")
FUNCTION(softsign, "Softsign")
FUNCTION(celu, "Celu")
FUNCTION(thresholded_relu, "ThresholdedRelu")
/* clang-format on */
