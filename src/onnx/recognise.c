/* recognise.c: nodes that together are one operator:
 *
 *   LayerNormalization  d = x - ReduceMean(x);  d / Sqrt(ReduceMean(d^2) + epsilon) * scale [+
 * shift] Gelu                x * (1 + Erf(x / sqrt(2))) * 0.5, in any order
 *
 * Only where nobody else reads what is in between. */
#include "onnx/recognise.h"

#include <math.h>

#include "onnx/build.h"

enum { LAYER_NORM_OPSET = 17, GELU_OPSET = 20 };

typedef struct finder {
  gcam_import *im;
  gcam_graph *graph;
  int *uses; /* [value_count]: inputs and outputs that read it, each time it is read */
} finder;

/* The node that makes the value, where it is of this operator and `uses` inputs read the value; or
 * NULL. */
static const gcam_node *maker(const finder *f, int value, const gcam_op *op, int uses) {
  int n = f->graph->values[value].producer;
  if (n < 0 || f->uses[value] != uses || f->graph->nodes[n].op != op) return NULL;
  return &f->graph->nodes[n];
}

/* Is it one number, and this one (NAN: any)? */
static bool is_number(const finder *f, int value, float wanted, float *number) {
  const gcam_value *v = &f->graph->values[value];
  if (!v->weight || !v->weight->data || gcam_numel(&v->shape) != 1) return false;
  gcam_weight_read(v->weight, &v->shape, 0, 1, number);
  return wanted != wanted || fabsf(*number - wanted) <= 1e-6f * fabsf(wanted);
}

/* Of a node's two inputs the one that is a number: its index; -1: neither. */
static int number_at(const finder *f, const gcam_node *node, float wanted, float *number) {
  for (int i = 0; i < 2; i++)
    if (is_number(f, node->inputs[i], wanted, number)) return i;
  return -1;
}

/* The value that a commutative node joins with a number like this; -1. */
static int beside_number(const finder *f, const gcam_node *node, float wanted) {
  float number;
  int i = node ? number_at(f, node, wanted, &number) : -1;
  return i < 0 ? -1 : node->inputs[!i];
}

/* Does the node give what looks like x? Constants may have stretched it. */
static bool keeps_shape(const finder *f, const gcam_node *node, int x) {
  const gcam_value *from = &f->graph->values[x], *to = &f->graph->values[node->outputs[0]];
  return gcam_shape_equal(&from->shape, &to->shape) && from->layout == to->layout;
}

/* The node at n becomes `op` of these inputs; its output stays. */
static gcam_status become(const finder *f, int n, const gcam_op *op, int opset, const int *in,
                          int count, const gcam_attr *attrs, int attr_count) {
  gcam_node *node = &f->graph->nodes[n];
  int *inputs = gcam_arena_alloc(&f->graph->arena, (size_t)count, sizeof *inputs);
  if (!inputs) return gcam_state_no_memory(f->im);
  for (int i = 0; i < node->input_count; i++) f->uses[node->inputs[i]]--;
  for (int i = 0; i < count; i++) f->uses[inputs[i] = in[i]]++;
  node->op = op;
  node->opset = opset;
  node->inputs = inputs;
  node->input_count = count;
  node->attrs = attrs;
  node->attr_count = attr_count;
  node->scratch_floats = 0;
  return op->shape(f->graph, node, f->im->err);
}

/* ---- LayerNormalization --------------------------------------------------------------------- */

/* Is `value` the mean of x over its last axis as we store it, which stays as 1? */
static bool is_mean(const finder *f, int value, int x, int uses) {
  const gcam_node *node = maker(f, value, &gcam_op_reduce_mean, uses);
  const gcam_shape *s = &f->graph->values[x].shape, *m = &f->graph->values[value].shape;
  if (!node || node->inputs[0] != x || !s->rank || m->rank != s->rank) return false;
  for (int i = 0; i < s->rank; i++)
    if (m->dim[i] != (i + 1 < s->rank ? s->dim[i] : 1)) return false;
  return s->dim[s->rank - 1] > 1;
}

/* Is `value` what is left of x without its mean, read `uses` times? The mean may be made for it
 * alone, or for two. */
static bool is_centred(const finder *f, int value, int x, int uses, int mean_uses) {
  const gcam_node *node = maker(f, value, &gcam_op_sub, uses);
  return node && node->inputs[0] == x && is_mean(f, node->inputs[1], x, mean_uses);
}

/* What `value` is the square of; -1. */
static int squared(const finder *f, int value) {
  const gcam_node *pow = maker(f, value, &gcam_op_pow, 1), *mul = maker(f, value, &gcam_op_mul, 1);
  float number;
  if (pow) return is_number(f, pow->inputs[1], 2, &number) ? pow->inputs[0] : -1;
  return mul && mul->inputs[0] == mul->inputs[1] ? mul->inputs[0] : -1;
}

/* x, where `value` is x normalised; -1. */
static int normalised(const finder *f, int value, float *epsilon) {
  const gcam_node *div = maker(f, value, &gcam_op_div, 1);
  const gcam_node *root = div ? maker(f, div->inputs[1], &gcam_op_sqrt, 1) : NULL;
  const gcam_node *sum = root ? maker(f, root->inputs[0], &gcam_op_add, 1) : NULL;
  int at = sum ? number_at(f, sum, NAN, epsilon) : -1;
  int variance = at < 0 ? -1 : sum->inputs[!at];
  const gcam_node *mean = variance < 0 ? NULL : maker(f, variance, &gcam_op_reduce_mean, 1);
  int square = mean ? mean->inputs[0] : -1, d = square < 0 ? -1 : squared(f, square);
  if (d < 0 || !is_mean(f, variance, square, 1) || f->graph->values[d].producer < 0) return -1;
  const gcam_node *sub = &f->graph->nodes[f->graph->values[d].producer];
  if (sub->op != &gcam_op_sub || f->graph->values[sub->inputs[0]].weight) return -1;
  int x = sub->inputs[0], top = div->inputs[0];
  int times = maker(f, square, &gcam_op_mul, 1) ? 2 : 1; /* d d reads d twice */
  bool fits = d == top ? is_centred(f, d, x, times + 1, 1)
                       : is_centred(f, d, x, times, 2) && is_centred(f, top, x, 1, 2);
  if (d != top && !fits) fits = is_centred(f, d, x, times, 1) && is_centred(f, top, x, 1, 1);
  return fits ? x : -1;
}

/* A constant with a value for each element of the last axis of x, and nothing else. */
static bool is_row(const finder *f, int value, int x) {
  const gcam_value *v = &f->graph->values[value];
  const gcam_shape *s = &f->graph->values[x].shape;
  int64_t width = s->dim[s->rank - 1];
  return v->weight && v->weight->data && v->shape.rank && gcam_numel(&v->shape) == width &&
         v->shape.dim[v->shape.rank - 1] == width;
}

/* The node multiplies or adds such a row: what it does so to, and the row. */
static bool has_row(const finder *f, const gcam_node *node, int *value, int *row) {
  for (int i = 0; i < 2; i++) {
    *value = node->inputs[!i], *row = node->inputs[i];
    if (!f->graph->values[*value].weight && f->graph->values[*value].shape.rank &&
        is_row(f, *row, *value))
      return true;
  }
  return false;
}

static gcam_status try_layer_norm(const finder *f, int n) {
  const gcam_node *node = &f->graph->nodes[n], *mul = node;
  int in[3], value, count = 2;
  if (node->op == &gcam_op_add) {
    if (!has_row(f, node, &value, &in[2])) return GCAM_OK;
    mul = maker(f, value, &gcam_op_mul, 1);
    count = 3;
  }
  if (!mul || mul->op != &gcam_op_mul || !has_row(f, mul, &value, &in[1])) return GCAM_OK;
  gcam_attr *attrs = gcam_arena_alloc(&f->graph->arena, 2, sizeof *attrs);
  if (!attrs) return gcam_state_no_memory(f->im);
  attrs[0] = (gcam_attr){.name = "epsilon", .kind = GCAM_ATTR_FLOAT};
  attrs[1] = (gcam_attr){.name = "axis", .kind = GCAM_ATTR_INT};
  in[0] = normalised(f, value, &attrs[0].f);
  if (in[0] < 0 || !keeps_shape(f, node, in[0])) return GCAM_OK;
  const gcam_value *x = &f->graph->values[in[0]];
  attrs[1].i = x->layout == GCAM_CHANNELS_LAST ? 1 : x->shape.rank - 1;
  gcam_shape row = {1, {x->shape.dim[x->shape.rank - 1]}};
  for (int i = 1; i < count; i++)
    GCAM_TRY(gcam_build_reshape(f->im, in[i], &row, f->graph->values[in[i]].name, &in[i]));
  return become(f, n, &gcam_op_layer_norm, LAYER_NORM_OPSET, in, count, attrs, 2);
}

/* ---- Gelu ----------------------------------------------------------------------------------- */

/* x, where `value` is 1 + erf(x / sqrt(2)); -1. */
static int erf_of(const finder *f, int value) {
  int erf_value = beside_number(f, maker(f, value, &gcam_op_add, 1), 1);
  const gcam_node *erf = erf_value < 0 ? NULL : maker(f, erf_value, &gcam_op_erf, 1);
  float number;
  if (!erf) return -1;
  const gcam_node *div = maker(f, erf->inputs[0], &gcam_op_div, 1);
  if (div) return is_number(f, div->inputs[1], 1.41421356f, &number) ? div->inputs[0] : -1;
  return beside_number(f, maker(f, erf->inputs[0], &gcam_op_mul, 1), 0.70710678f);
}

/* x, where the node multiplies x, 1 + erf(x / sqrt(2)) and 0.5; -1. */
static int gelu_of(const finder *f, const gcam_node *node) {
  int product = beside_number(f, node, 0.5f); /* (x p) 0.5 */
  const gcam_node *inner = product < 0 ? NULL : maker(f, product, &gcam_op_mul, 1);
  for (int i = 0; i < 2; i++) {
    if (inner && erf_of(f, inner->inputs[i]) == inner->inputs[!i]) return inner->inputs[!i];
    int one = node->inputs[i], other = node->inputs[!i];
    int half = beside_number(f, maker(f, one, &gcam_op_mul, 1), 0.5f);
    if (half < 0) continue;
    int x = erf_of(f, half); /* x (p 0.5), or (x 0.5) p */
    if (x >= 0 && x == other) return x;
    if (erf_of(f, other) == half) return half;
  }
  return -1;
}

gcam_status gcam_recognise(gcam_import *im) {
  gcam_graph *g = im->graph;
  /* room for the rows that layer normalisations get: two each */
  int room = g->value_count + 2 * g->node_count;
  finder f = {im, g, gcam_arena_alloc(&im->scratch, (size_t)room, sizeof(int))};
  if (!f.uses) return gcam_state_no_memory(im);
  for (int n = 0; n < g->node_count; n++)
    for (int i = 0; i < g->nodes[n].input_count; i++)
      if (g->nodes[n].inputs[i] >= 0) f.uses[g->nodes[n].inputs[i]]++;
  for (int i = 0; i < g->output_count; i++) f.uses[g->outputs[i]]++;
  /* From the end: the Add that shifts before the Mul that it reads. */
  for (int n = g->node_count - 1; n >= 0; n--) {
    const gcam_op *op = g->nodes[n].op;
    if (op == &gcam_op_mul) {
      int x = gelu_of(&f, &g->nodes[n]);
      if (x >= 0 && keeps_shape(&f, &g->nodes[n], x)) {
        GCAM_TRY(become(&f, n, &gcam_op_gelu, GELU_OPSET, &x, 1, NULL, 0));
        continue;
      }
    }
    if (op == &gcam_op_mul || op == &gcam_op_add) GCAM_TRY(try_layer_norm(&f, n));
  }
  return GCAM_OK;
}
