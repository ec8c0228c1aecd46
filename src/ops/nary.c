/* Where, Mean, comparisons, logic and Mod: functions of several numbers with broadcasting that are
 * too rare to be worth loops of their own (see arithmetic.c for those that are).
 *
 *   y = f(v0, v1, ...)    dv_k += dy_b * df/dv_k
 *
 * Truth is 1 and falsehood 0, as activations are floats; anything but 0 counts as true. Comparisons
 * and logic are steps: their gradient is 0 everywhere. */
#include <math.h>

#include "ops/broadcast.h"

/* v: the n values, option: the node's attribute fmod. */
typedef float (*value_fn)(const float *v, int n, bool option);
/* d: df/dv_k for each of them. */
typedef void (*slope_fn)(const float *v, int n, bool option, float *d);

#define VALUE(name, formula) \
  static float name(const float *v, int n, bool option) { return (void)n, (void)option, (formula); }

VALUE(where, v[0] != 0 ? v[1] : v[2])
VALUE(equal, v[0] == v[1])
VALUE(less, v[0] < v[1])
VALUE(less_or_equal, v[0] <= v[1])
VALUE(greater, v[0] > v[1])
VALUE(greater_or_equal, v[0] >= v[1])
VALUE(both, v[0] != 0 && v[1] != 0)
VALUE(either, v[0] != 0 || v[1] != 0)
VALUE(one_of, (v[0] != 0) != (v[1] != 0))
/* The remainder has the sign of the divisor, as in Python; with fmod that of the dividend, as in C.
 */
VALUE(modulo, option ? fmodf(v[0], v[1]) : v[0] - v[1] * floorf(v[0] / v[1]))

static float mean(const float *v, int n, bool option) {
  double sum = 0;
  for (int k = 0; k < n; k++) sum += v[k];
  return (void)option, (float)(sum / n);
}

static void mean_slope(const float *v, int n, bool option, float *d) {
  (void)v, (void)option;
  for (int k = 0; k < n; k++) d[k] = 1 / (float)n;
}

static void where_slope(const float *v, int n, bool option, float *d) {
  (void)n, (void)option;
  d[0] = 0;
  d[1] = v[0] != 0;
  d[2] = v[0] == 0;
}

static void modulo_slope(const float *v, int n, bool option, float *d) {
  (void)n;
  d[0] = 1;
  d[1] = option ? -truncf(v[0] / v[1]) : -floorf(v[0] / v[1]);
}

static const struct nary_row {
  const gcam_op *op;
  value_fn value;
  slope_fn slope; /* NULL: 0 everywhere */
} rows[] = {
    {&gcam_op_where, where, where_slope}, {&gcam_op_mean, mean, mean_slope},
    {&gcam_op_mod, modulo, modulo_slope}, {&gcam_op_equal, equal, NULL},
    {&gcam_op_less, less, NULL},          {&gcam_op_less_or_equal, less_or_equal, NULL},
    {&gcam_op_greater, greater, NULL},    {&gcam_op_greater_or_equal, greater_or_equal, NULL},
    {&gcam_op_and, both, NULL},           {&gcam_op_or, either, NULL},
    {&gcam_op_xor, one_of, NULL}};

static const struct nary_row *row_of(const gcam_op *op) {
  const struct nary_row *row = rows;
  while (row->op != op) row++;
  return row;
}

static gcam_status nary_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  node->scratch_floats = 2 * (int64_t)node->input_count; /* values and slopes */
  return gcam_broadcast_shape(graph, node, err);
}

/* Where element i of row `r` of the output lies in input k. */
static int64_t place(const gcam_args *a, int k, int64_t r, int64_t i) {
  const gcam_broadcast *plan = a->node->params;
  const gcam_shape *x = gcam_in_shape(a->graph, a->node, k);
  const gcam_shape *y = &a->graph->values[a->node->outputs[0]].shape;
  return gcam_broadcast_offset(plan, x, y, r) + i * gcam_broadcast_step(plan, x);
}

static void nary_forward(const gcam_args *a) {
  const gcam_broadcast *plan = a->node->params;
  const struct nary_row *row = row_of(a->node->op);
  int n = a->node->input_count;
  bool option = gcam_node_int(a->node, "fmod", 0) != 0;
  for (int64_t r = 0; r < plan->rows; r++)
    for (int64_t i = 0; i < plan->inner; i++) {
      for (int k = 0; k < n; k++) a->scratch[k] = a->in[k][place(a, k, r, i)];
      a->out[0][r * plan->inner + i] = row->value(a->scratch, n, option);
    }
}

static void nary_backward(const gcam_args *a) {
  const gcam_broadcast *plan = a->node->params;
  const struct nary_row *row = row_of(a->node->op);
  int n = a->node->input_count;
  int64_t size = plan->rows * plan->inner;
  bool option = gcam_node_int(a->node, "fmod", 0) != 0;
  float *v = a->scratch, *d = v + n;
  if (!a->dout[0] || !row->slope) return;
  for (int64_t r = 0; r < plan->rows; r++)
    for (int64_t i = 0; i < plan->inner; i++) {
      const float *dy = a->dout[0] + r * plan->inner + i;
      for (int k = 0; k < n; k++) v[k] = a->in[k][place(a, k, r, i)];
      row->slope(v, n, option, d);
      for (int k = 0; k < n; k++) {
        if (!a->din[k] || d[k] == 0) continue;
        float *dx = a->din[k] + place(a, k, r, i);
        int64_t step = gcam_numel(gcam_in_shape(a->graph, a->node, k));
        for (int b = 0; b < a->B; b++) dx[b * step] += dy[b * size] * d[k];
      }
    }
}

#define NARY(symbol, onnx_name, MIN, MAX)                  \
  const gcam_op gcam_op_##symbol = {                       \
      onnx_name,  GCAM_RULE_POINTWISE, MIN,           MAX, \
      nary_shape, nary_forward,        nary_backward, .traits = GCAM_OP_KEEPS_POSITIONS};

/* clang-format off */
NARY(where, "Where", 3, 3)
NARY(mean, "Mean", 1, -1)
NARY(mod, "Mod", 2, 2)
NARY(equal, "Equal", 2, 2)
NARY(less, "Less", 2, 2)
NARY(less_or_equal, "LessOrEqual", 2, 2)
NARY(greater, "Greater", 2, 2)
NARY(greater_or_equal, "GreaterOrEqual", 2, 2)
NARY(and, "And", 2, 2)
NARY(or, "Or", 2, 2)
NARY(xor, "Xor", 2, 2)
/* clang-format on */
