/* attention.c: Attention, for one forward pass without a cache, becomes
 *
 *   scores = (scale q) k^T      with softcap: softcap tanh(scores / softcap)
 *   shares = softmax(scores + mask)        y = shares v
 *
 * on matrices for each picture and head, so that it runs by the same loops as attention that a file
 * spells out, and its shares are there for whoever reads them. Heads of q that share one of k and v
 * are an axis of their own:
 *
 *   q [B][heads][L][D], k [B][kv heads][S][D], v [B][kv heads][S][E], y [B][heads][L][E]
 *   with three axes: [B][L][heads D] and so on, and attributes for the numbers of heads
 *
 * mask: a constant, numbers to add or truth values, broadcast to [B][heads][L][S]; is_causal: j <=
 * i alone. A row in which everything is masked gives 0.
 * https://onnx.ai/onnx/operators/onnx__Attention.html */
#include "onnx/attention.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "onnx/build.h"
#include "onnx/constant.h"

enum { OPSET = 13 }; /* of the operators below */

typedef struct attention {
  gcam_import *im;
  int node, part; /* part: for names */
  char label[160];
  int64_t B, heads, kv, L, S, D, E;
  bool flat, shared; /* flat: three axes; shared: several heads of q to one of k */
} attention;

static int64_t size_of(const attention *t, int value, int axis) {
  gcam_shape shape = gcam_value_onnx_shape(&t->im->graph->values[value]);
  return shape.dim[axis];
}

/* A name for what lies between. */
static const char *name_of(attention *t) {
  const onnx_node *node = &t->im->file->nodes[t->node];
  char text[300];
  int n = snprintf(text, sizeof text, "%.256s.attention%d", node->outputs[0], t->part++);
  return gcam_arena_strndup(&t->im->scratch, text, (size_t)n);
}

/* *result: the operator on the inputs, in rows; *result >= 0 beforehand: that value it is. */
static gcam_status add(attention *t, const char *op, int a, int b, const gcam_attr *attr,
                       int *result) {
  int in[2] = {a, b}, count = b < 0 ? 1 : 2;
  const char *name = name_of(t);
  gcam_attr *own = gcam_arena_alloc(&t->im->graph->arena, 1, sizeof *own);
  if (!name || !own) return gcam_state_no_memory(t->im);
  if (attr) *own = *attr;
  int rank = t->im->graph->values[a].shape.rank;
  if (b >= 0) GCAM_TRY(gcam_build_rank(t->im, b, rank, &in[1]));
  for (int i = 0; i < count; i++) GCAM_TRY(gcam_build_layout(t->im, in[i], GCAM_ROWS, &in[i]));
  if (*result < 0) {
    GCAM_TRY(gcam_state_add_value(t->im, name, result));
    t->im->graph->values[*result].of = -1;
  }
  import_node spec = {gcam_op_find(op), name,  OPSET, own,      attr != NULL, in,
                      result,           count, 1,     GCAM_ROWS};
  return gcam_build_node(t->im, &spec);
}

static gcam_status transpose(attention *t, const int64_t *perm, int *value) {
  gcam_attr attr = {.name = "perm", .kind = GCAM_ATTR_INTS, .ints = perm, .count = 4};
  int from = *value;
  *value = -1;
  return add(t, "Transpose", from, -1, &attr, value);
}

static gcam_status reshape(attention *t, const gcam_shape *shape, int *value) {
  const char *name = name_of(t);
  if (!name) return gcam_state_no_memory(t->im);
  return gcam_build_reshape(t->im, *value, shape, name, value);
}

/* A constant of floats, all 0. */
static gcam_status constant(attention *t, const gcam_shape *shape, int *value, float **numbers) {
  const char *name = name_of(t);
  if (!name) return gcam_state_no_memory(t->im);
  GCAM_TRY(gcam_state_add_value(t->im, name, value));
  gcam_weight *weight = gcam_arena_alloc(&t->im->graph->arena, 1, sizeof *weight);
  int64_t count = gcam_numel(shape);
  if (!weight) return gcam_state_no_memory(t->im);
  weight->data = gcam_state_constant(t->im, name, count * (int64_t)sizeof(float));
  if (!weight->data) return t->im->err->status;
  memset(weight->data, 0, (size_t)count * sizeof(float));
  weight->dtype = GCAM_F32;
  t->im->graph->values[*value].shape = *shape;
  t->im->graph->values[*value].weight = weight;
  *numbers = weight->data;
  return GCAM_OK;
}

static gcam_status scale_by(attention *t, double factor, int *value) {
  int from = *value, number;
  float *numbers = NULL;
  GCAM_TRY(constant(t, &(gcam_shape){1, {1}}, &number, &numbers));
  numbers[0] = (float)factor;
  *value = -1;
  return add(t, "Mul", from, number, NULL, value);
}

/* ---- What is asked -------------------------------------------------------------------------- */

/* Heads, rows and numbers in a row of an input; `count` of heads for three axes. */
static bool measure(const gcam_shape *x, int64_t count, int64_t *heads, int64_t *rows,
                    int64_t *size) {
  *heads = x->rank == 4 ? x->dim[1] : count;
  *rows = x->rank < 3 ? 0 : x->dim[x->rank - 2];
  if (x->rank == 4) *size = x->dim[3];
  if (x->rank == 4) return true;
  if (x->rank != 3 || count < 1 || x->dim[2] % count) return false;
  *size = x->dim[2] / count;
  return true;
}

static gcam_status measure_all(attention *t, const gcam_node *shell, const int *in, int count) {
  gcam_shape x[3];
  char text[3][96];
  int64_t heads[3], rows[3], size[3], kv = gcam_node_int(shell, "kv_num_heads", 0);
  bool fits = true;
  for (int i = 4; i < count; i++)
    if (in[i] >= 0)
      return gcam_fail(t->im->err, GCAM_ERR_UNSUPPORTED,
                       "%s: past keys, past values and padded lengths are not supported", t->label);
  for (int i = 0; i < 3; i++) {
    if (gcam_state_is_constant(t->im, in[i]) &&
        !gcam_constant_is_real(&t->im->graph->values[in[i]]))
      return gcam_fail(t->im->err, GCAM_ERR_UNSUPPORTED,
                       "%s: the engine runs it on floating point numbers alone", t->label);
    x[i] = gcam_value_onnx_shape(&t->im->graph->values[in[i]]);
    int64_t named = i ? kv : gcam_node_int(shell, "q_num_heads", 0);
    fits = fits && measure(&x[i], named, &heads[i], &rows[i], &size[i]) && x[i].rank == x[0].rank &&
           x[i].dim[0] == x[0].dim[0];
  }
  fits = fits && size[0] == size[1] && rows[1] == rows[2] && heads[1] == heads[2] && heads[1] &&
         heads[0] % heads[1] == 0;
  if (!fits)
    return gcam_fail(t->im->err, GCAM_ERR_MODEL,
                     "%s: its inputs do not fit together: %s, %s and %s", t->label,
                     gcam_shape_text(&x[0], text[0], sizeof text[0]),
                     gcam_shape_text(&x[1], text[1], sizeof text[1]),
                     gcam_shape_text(&x[2], text[2], sizeof text[2]));
  t->B = x[0].dim[0];
  t->heads = heads[0], t->kv = heads[1];
  t->L = rows[0], t->S = rows[1];
  t->D = size[0], t->E = size[2];
  t->flat = x[0].rank == 3;
  t->shared = t->heads != t->kv;
  return GCAM_OK;
}

/* ---- The mask ------------------------------------------------------------------------------- */

/* Does it broadcast to [B][heads][L][S]? Its steps along these, and in `whole` its own sizes. */
static gcam_status measure_mask(const attention *t, int mask, gcam_shape *whole, int64_t step[4]) {
  const int64_t wanted[4] = {t->B, t->heads, t->L, t->S};
  gcam_shape m = gcam_value_onnx_shape(&t->im->graph->values[mask]);
  bool fits = m.rank >= 1 && m.rank <= 4;
  int64_t stride = 1;
  char text[96];
  for (int i = m.rank - 1; fits && i >= 0; stride *= m.dim[i--]) {
    int axis = 4 - m.rank + i;
    fits = m.dim[i] == 1 || m.dim[i] == wanted[axis];
    if (m.dim[i] != 1) step[axis] = stride, whole->dim[axis] = wanted[axis];
  }
  if (fits) return GCAM_OK;
  return gcam_fail(t->im->err, GCAM_ERR_MODEL, "%s: a mask of %s does not fit %lldx%lld scores",
                   t->label, gcam_shape_text(&m, text, sizeof text), (long long)t->L,
                   (long long)t->S);
}

/* Of constants, mask (-1: none) and causal. *bias: what is added to the scores; *rows: by what
 * their shares are multiplied, 0 for a row in which everything is masked; -1: nothing. */
static gcam_status read_mask(attention *t, int mask, bool causal, int *bias, int *rows) {
  gcam_graph *graph = t->im->graph;
  gcam_shape whole = {4, {1, 1, t->L, t->S}};
  int64_t step[4] = {0}, hidden = 0;
  float *to, *factors;
  if (mask >= 0) GCAM_TRY(measure_mask(t, mask, &whole, step));
  bool truth = mask >= 0 && !gcam_constant_is_real(&graph->values[mask]);
  gcam_shape ends = whole;
  ends.dim[3] = 1;
  GCAM_TRY(constant(t, &whole, bias, &to));
  GCAM_TRY(constant(t, &ends, rows, &factors));
  for (int64_t r = 0, n = gcam_numel(&ends); r < n; r++, to += t->S) {
    int64_t i = r % t->L, h = r / t->L % whole.dim[1], b = r / t->L / whole.dim[1];
    bool any = false;
    for (int64_t j = 0; j < t->S; j++) {
      int64_t at = b * step[0] + h * step[1] + i * step[2] + j * step[3];
      if (truth)
        to[j] = gcam_constant_int(&graph->values[mask], at) ? 0 : -INFINITY;
      else if (mask >= 0)
        to[j] = (float)gcam_constant_real(&graph->values[mask], at);
      if (causal && j > i) to[j] = -INFINITY;
      any |= to[j] != -INFINITY;
    }
    for (int64_t j = 0; !any && j < t->S; j++) to[j] = 0;
    factors[r] = any;
    hidden += !any;
  }
  if (!hidden) *rows = -1; /* nobody reads it, and nobody keeps it */
  return GCAM_OK;
}

/* Heads as q has them, where they share those of k: [..][heads][..] -> [..][kv][heads / kv][..]. */
static gcam_status share(attention *t, bool of_q, int *value) {
  gcam_shape x = gcam_value_onnx_shape(&t->im->graph->values[*value]), y = {5, {0}};
  bool all = of_q && x.dim[1] != 1;
  if (!t->shared) return GCAM_OK;
  y.dim[0] = x.dim[0];
  y.dim[1] = all ? t->kv : x.dim[1];
  y.dim[2] = all ? t->heads / t->kv : 1;
  y.dim[3] = x.dim[2];
  y.dim[4] = x.dim[3];
  return reshape(t, &y, value);
}

/* ---- The node ------------------------------------------------------------------------------- */

/* Adds the mask to the scores *s. *rows as in read_mask. A mask that comes from the picture is
 * added as it is; a row of which it masks everything is NaN then, as in PyTorch. */
static gcam_status mask_scores(attention *t, int mask, bool causal, int *s, int *rows) {
  bool computed = mask >= 0 && !gcam_state_is_constant(t->im, mask);
  int bias[2] = {-1, -1};
  *rows = -1;
  if (computed) {
    gcam_shape whole = {4, {1, 1, 1, 1}};
    GCAM_TRY(measure_mask(t, mask, &whole, (int64_t[4]){0}));
    GCAM_TRY(gcam_build_rank(t->im, mask, 4, &bias[0]));
  }
  if ((mask >= 0 && !computed) || causal)
    GCAM_TRY(read_mask(t, computed ? -1 : mask, causal, &bias[1], rows));
  for (int i = 0; i < 2; i++) {
    if (bias[i] < 0) continue;
    int scores = *s;
    GCAM_TRY(share(t, true, &bias[i]));
    *s = -1;
    GCAM_TRY(add(t, "Add", scores, bias[i], NULL, s));
  }
  return *rows < 0 ? GCAM_OK : share(t, true, rows);
}

/* [B][rows][heads n] -> [B][heads][rows][n], or with the last two turned. */
static gcam_status unfold(attention *t, int64_t heads, bool turned, int *value) {
  static const int64_t apart[2][4] = {{0, 2, 1, 3}, {0, 2, 3, 1}}, turn[4] = {0, 1, 3, 2};
  if (!t->flat) return turned ? transpose(t, turn, value) : GCAM_OK;
  gcam_shape shape = {4, {t->B, size_of(t, *value, 1), heads, size_of(t, *value, 2) / heads}};
  GCAM_TRY(reshape(t, &shape, value));
  return transpose(t, apart[turned], value);
}

static gcam_status shares(attention *t, const gcam_node *shell, int q, int k, int mask, int *p) {
  gcam_attr last = {.name = "axis", .kind = GCAM_ATTR_INT, .i = -1};
  double cap = gcam_node_float(shell, "softcap", 0), scale = gcam_node_float(shell, "scale", 0);
  int rows, s = -1, next = -1;
  if (!gcam_node_attr(shell, "scale")) scale = 1 / sqrt((double)t->D);
  GCAM_TRY(unfold(t, t->heads, false, &q));
  GCAM_TRY(unfold(t, t->kv, true, &k));
  GCAM_TRY(share(t, true, &q));
  GCAM_TRY(share(t, false, &k));
  GCAM_TRY(scale_by(t, cap > 0 ? scale / cap : scale, &q));
  GCAM_TRY(add(t, "MatMul", q, k, NULL, &s));
  if (cap > 0) {
    GCAM_TRY(add(t, "Tanh", s, -1, NULL, &next));
    GCAM_TRY(scale_by(t, cap, &next));
    s = next;
  }
  GCAM_TRY(mask_scores(t, mask, gcam_node_int(shell, "is_causal", 0) != 0, &s, &rows));
  *p = -1;
  GCAM_TRY(add(t, "Softmax", s, -1, &last, p));
  if (rows < 0) return GCAM_OK;
  s = *p;
  *p = -1;
  return add(t, "Mul", s, rows, NULL, p);
}

gcam_status gcam_attention_lower(gcam_import *im, int n, const int *in, int count) {
  static const int64_t back[4] = {0, 2, 1, 3};
  const onnx_node *node = &im->file->nodes[n];
  gcam_node shell = {.attrs = node->attrs, .attr_count = node->attr_count};
  attention t = {.im = im, .node = n};
  int p, v, y = -1, out;
  gcam_state_label(im, n, t.label, sizeof t.label);
  for (int i = 0; i < 3; i++)
    if (i >= count || in[i] < 0)
      return gcam_fail(im->err, GCAM_ERR_MODEL, "%s: its input %d is left out", t.label, i);
  for (int i = 1; i < node->output_count; i++)
    if (im->node_out[n][i] >= 0 && im->symbols[im->node_out[n][i]].uses)
      return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                       "%s: its output %d, '" GCAM_NAME_FORMAT "', is not supported", t.label, i,
                       im->symbols[im->node_out[n][i]].name);
  int symbol = node->output_count ? im->node_out[n][0] : -1;
  if (symbol < 0) return GCAM_OK;
  GCAM_TRY(measure_all(&t, &shell, in, count));
  GCAM_TRY(shares(&t, &shell, in[0], in[1], count > 3 ? in[3] : -1, &p));
  v = in[2];
  GCAM_TRY(unfold(&t, t.kv, false, &v));
  GCAM_TRY(share(&t, false, &v));

  gcam_shape heads = {4, {t.B, t.heads, t.L, t.E}}, flat = {3, {t.B, t.L, t.heads * t.E}};
  GCAM_TRY(gcam_state_add_value(im, im->symbols[symbol].name, &out));
  im->symbols[symbol].value = out;
  if (!t.flat && !t.shared) return add(&t, "MatMul", p, v, NULL, &out);
  GCAM_TRY(add(&t, "MatMul", p, v, NULL, &y));
  if (t.flat) {
    if (t.shared) GCAM_TRY(reshape(&t, &heads, &y));
    GCAM_TRY(transpose(&t, back, &y));
  }
  const char *name = name_of(&t);
  if (!name) return gcam_state_no_memory(im);
  return gcam_build_reshape_node(im, name, y, out, t.flat ? &flat : &heads);
}
