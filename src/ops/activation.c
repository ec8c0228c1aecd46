/* Activations and other functions of one number that networks are full of (rarer ones: function.c):
 * y = f(x), dx_b += dy_b * f'(x).
 *
 * f and f' are written in x, y and the operator's two numbers p.a and p.b. Where f' can be told
 * from y alone (Relu, Clip, Sigmoid, ...) it is: a convolution that applies its activation on the
 * way out never stores x. At a kink the gradient is that of PyTorch's layer of the same name. */
#include "ops/activation.h"

#include <math.h>

#include "ops/logistic.h"
#include "ops/op.h"

/* Reads up to two float attributes and passes the shape on. */
static gcam_status unary_shape(gcam_graph *graph, gcam_node *node, const char *a, float a_default,
                               const char *b, float b_default, gcam_error *err) {
  gcam_activation_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  p->a = a ? gcam_node_float(node, a, a_default) : a_default;
  p->b = b ? gcam_node_float(node, b, b_default) : b_default;
  return gcam_node_set_shape(graph, node, 0, gcam_in_shape(graph, node, 0), err);
}

#define UNARY(symbol, onnx_name, RULE, MAX_INPUTS, SHAPE, TRAITS, CLAMP, F, DF)           \
  static void symbol##_forward(const gcam_args *args) {                                   \
    const gcam_activation_params p = *(const gcam_activation_params *)args->node->params; \
    int64_t n = gcam_numel(gcam_in_shape(args->graph, args->node, 0));                    \
    (void)p;                                                                              \
    for (int64_t i = 0; i < n; i++) {                                                     \
      const float x = args->in[0][i];                                                     \
      args->out[0][i] = (F);                                                              \
    }                                                                                     \
  }                                                                                       \
  static void symbol##_backward(const gcam_args *args) {                                  \
    const gcam_activation_params p = *(const gcam_activation_params *)args->node->params; \
    int64_t n = gcam_numel(gcam_in_shape(args->graph, args->node, 0));                    \
    (void)p;                                                                              \
    if (!args->dout[0] || !args->din[0]) return;                                          \
    for (int b = 0; b < args->B; b++) {                                                   \
      const float *dy = args->dout[0] + b * n;                                            \
      float *dx = args->din[0] + b * n;                                                   \
      for (int64_t i = 0; i < n; i++) {                                                   \
        const float x = args->in[0][i], y = args->out[0][i];                              \
        (void)x, (void)y;                                                                 \
        dx[i] += dy[i] * (DF);                                                            \
      }                                                                                   \
    }                                                                                     \
  }                                                                                       \
  const gcam_op gcam_op_##symbol = {onnx_name,                                            \
                                    RULE,                                                 \
                                    1,                                                    \
                                    MAX_INPUTS,                                           \
                                    SHAPE,                                                \
                                    symbol##_forward,                                     \
                                    symbol##_backward,                                    \
                                    .traits = GCAM_OP_KEEPS_POSITIONS | (TRAITS),         \
                                    .data_inputs = 1,                                     \
                                    .clamp = (CLAMP)};

/* An operator with float attributes a and b (NULL: none, its default is the number itself). */
#define ACTIVATION(symbol, onnx_name, TRAITS, CLAMP, a, a_default, b, b_default, F, DF)    \
  static gcam_status symbol##_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) { \
    return unary_shape(graph, node, a, a_default, b, b_default, err);                      \
  }                                                                                        \
  UNARY(symbol, onnx_name, GCAM_RULE_POINTWISE, 1, symbol##_shape, TRAITS, CLAMP, F, DF)

#define PLAIN(symbol, onnx_name, F, DF) \
  ACTIVATION(symbol, onnx_name, 0, NULL, NULL, 0, NULL, 0, F, DF)

static bool relu_clamp(const gcam_graph *graph, const gcam_node *node, float *lo, float *hi) {
  (void)graph, (void)node;
  *lo = 0;
  *hi = INFINITY;
  return true;
}

/* Formulas, which the formatter takes for declarations. */
/* clang-format off */
/* NaN passes through every f below: comparisons are written so that NaN takes the branch x. */
ACTIVATION(relu, "Relu", 0, relu_clamp, NULL, 0, NULL, 0, x < 0 ? 0 : x, y <= 0 ? 0.0f : 1.0f)
ACTIVATION(leaky_relu, "LeakyRelu", 0, NULL, "alpha", 0.01f, NULL, 0, x < 0 ? p.a * x : x,
           x > 0 ? 1.0f : p.a)
/* The next three have fast twins: their loops are to be small. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif
ACTIVATION(sigmoid, "Sigmoid", GCAM_OP_SIGMOID, NULL, NULL, 0, NULL, 0, gcam_logistic(x), y * (1 - y))
/* max(0, min(1, a x + b)) */
ACTIVATION(hard_sigmoid, "HardSigmoid", 0, NULL, "alpha", 0.2f, "beta", 0.5f,
           p.a * x + p.b < 0 ? 0 : p.a * x + p.b > 1 ? 1 : p.a * x + p.b,
           y > 0 && y < 1 ? p.a : 0.0f)
/* x max(0, min(1, x / 6 + 1/2)), arXiv 1905.02244 section 5.2 */
PLAIN(hard_swish, "HardSwish", x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6,
      x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6)
#ifdef __clang__
#pragma clang attribute pop
#endif
PLAIN(tanh, "Tanh", tanhf(x), 1 - y * y)
/* a (e^x - 1) below 0 */
ACTIVATION(elu, "Elu", 0, NULL, "alpha", 1, NULL, 0, x < 0 ? p.a * expm1f(x) : x,
           x > 0 ? 1 : p.a * expf(x))
/* b (x above 0, a (e^x - 1) below), arXiv 1706.02515 */
ACTIVATION(selu, "Selu", 0, NULL, "alpha", 1.67326319217681884765625f, "gamma",
           1.05070102214813232421875f, x < 0 ? p.b * p.a * expm1f(x) : p.b * x,
           x > 0 ? p.b : p.b * p.a * expf(x))
/* log(1 + e^x) */
PLAIN(softplus, "Softplus", gcam_softplus(x), gcam_logistic(x))
PLAIN(sqrt, "Sqrt", sqrtf(x), 0.5f / y)
PLAIN(exp, "Exp", expf(x), y)
/* clang-format on */

/* min(max(x, a), b): limits are attributes before opset 11, constant inputs since. The gradient at
 * a limit itself is 0: in networks Clip is ReLU6, and Relu's is 0 there as well. */
static gcam_status clip_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  bool found;
  GCAM_TRY(unary_shape(graph, node, NULL, -INFINITY, NULL, INFINITY, err));
  gcam_activation_params *p = node->params;
  GCAM_TRY(gcam_node_scalar(graph, node, "min", 1, &p->a, &found, err));
  return gcam_node_scalar(graph, node, "max", 2, &p->b, &found, err);
}

/* Not where the limits are NaN or cross: Clip then does something else than a clamp. */
static bool clip_clamp(const gcam_graph *graph, const gcam_node *node, float *lo, float *hi) {
  const gcam_activation_params *p = node->params;
  (void)graph;
  *lo = p->a;
  *hi = p->b;
  return p->a < p->b;
}

/* GCAM_RULE_AXIS, because the limits are numbers and not to be broadcast. */
UNARY(clip, "Clip", GCAM_RULE_AXIS, 3, clip_shape, 0, clip_clamp,
      (x < p.a ? p.a : x) > p.b ? p.b : (x < p.a ? p.a : x), y <= p.a || y >= p.b ? 0.0f : 1.0f)
