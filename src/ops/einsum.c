/* Einsum of one or two operands: "bhqd,bhkd->bhqk". Each letter is an index; what the output does
 * not name is summed over. An ellipsis stands for axes that run together as in broadcasting.
 *
 *   y[out] += a[left] b[right]    da[left] += dy[out] b[right]    db[right] += dy[out] a[left]
 *
 * The gradients are sums of the same kind with the roles of the three tensors exchanged. Each is
 * done as products of matrices for the longest index of each kind (in c and a: rows; in c and b:
 * columns; in a and b: summed), inside loops over the others. */
#include <string.h>

#include "ops/op.h"
#include "ops/product.h"

enum { MAX_LETTERS = 3 * GCAM_MAX_RANK }; /* every axis of both operands and the output its own */

typedef struct einsum_params {
  int letters, operands;
  int64_t size[MAX_LETTERS];
  int64_t stride[3][MAX_LETTERS]; /* of each letter in the operands (0, 1) and the output (2) */
} einsum_params;

/* Ellipsis axes are letters below 'A': '0' is the last of them. */
typedef struct term {
  char letter[GCAM_MAX_RANK];
  int count;
} term;

/* Reads one term up to a comma, an arrow or the end. rank: how many axes it has; -1: the output's,
 * whose ellipsis has `dots` axes. */
static bool read_term(const char **text, int rank, int *dots, term *t) {
  int named = 0, at = -1;
  const char *from = *text;
  t->count = 0;
  for (; **text && **text != ',' && **text != '-'; ++*text) {
    char c = **text;
    if (c == ' ') continue;
    if (c == '.') {
      if (at >= 0 || (*text)[1] != '.' || (*text)[2] != '.') return false;
      at = named;
      *text += 2;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      if (++named > GCAM_MAX_RANK) return false;
    } else {
      return false;
    }
  }
  int more = rank < 0 ? *dots : rank - named;
  if (more < 0 || (at < 0 && rank >= 0 && more)) return false;
  if (at < 0) more = 0;
  if (named + more > GCAM_MAX_RANK) return false;
  if (more > *dots) *dots = more;
  for (; from < *text; from++) {
    if (*from == '.') {
      for (int i = more - 1; i >= 0; i--) t->letter[t->count++] = (char)('0' + i);
      from += 2;
    } else if (*from != ' ') {
      t->letter[t->count++] = *from;
    }
  }
  return true;
}

static int find_letter(const char *letters, int count, char letter) {
  for (int i = 0; i < count; i++)
    if (letters[i] == letter) return i;
  return -1;
}

/* Without "->" the output has the ellipsis and the letters that appear once, in order. */
static void implicit_output(const term *in, int operands, int dots, term *out) {
  for (int i = dots - 1; i >= 0; i--) out->letter[out->count++] = (char)('0' + i);
  for (char c = 'A'; c <= 'z'; c++) {
    int seen = 0;
    for (int k = 0; k < operands; k++)
      for (int i = 0; i < in[k].count; i++) seen += in[k].letter[i] == c;
    if (seen == 1 && out->count < GCAM_MAX_RANK) out->letter[out->count++] = c;
  }
}

static gcam_status einsum_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char letters[MAX_LETTERS];
  const char *equation = gcam_node_string(node, "equation", ""), *text = equation;
  term in[2] = {{{0}, 0}, {{0}, 0}}, out = {{0}, 0};
  int dots = 0, operands = node->input_count;
  gcam_shape y = {0};
  einsum_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  bool good = true;
  for (int k = 0; good && k < operands; k++) {
    good = (!k || *text++ == ',') &&
           read_term(&text, gcam_in_shape(graph, node, k)->rank, &dots, &in[k]);
  }
  if (good && !strncmp(text, "->", 2)) {
    text += 2;
    good = read_term(&text, -1, &dots, &out);
  } else if (good) {
    implicit_output(in, operands, dots, &out);
  }
  p->operands = operands;
  for (int k = 0; good && k < operands; k++) {
    const gcam_shape *x = gcam_in_shape(graph, node, k);
    int64_t stride = 1;
    for (int i = in[k].count - 1; good && i >= 0; i--) {
      int at = find_letter(letters, p->letters, in[k].letter[i]);
      int64_t dim = x->dim[i];
      if (at < 0) {
        at = p->letters++;
        letters[at] = in[k].letter[i];
        p->size[at] = dim;
      }
      bool dot = letters[at] < 'A';
      good = dim >= 1 && (dim == p->size[at] || (dot && (dim == 1 || p->size[at] == 1)));
      if (dim > p->size[at]) p->size[at] = dim;
      if (!(dot && dim == 1)) p->stride[k][at] += stride;
      stride *= dim;
    }
  }
  y.rank = out.count;
  for (int i = 0; good && i < out.count; i++) {
    int at = find_letter(letters, p->letters, out.letter[i]);
    good = at >= 0 && !memchr(out.letter, out.letter[i], (size_t)i);
    if (good) y.dim[i] = p->size[at];
  }
  if (!good || *text)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "the equation '%.80s' does not fit its inputs",
                          equation);
  GCAM_TRY(gcam_node_set_shape(graph, node, 0, &y, err));
  for (int i = out.count - 1, stride = 1; i >= 0; stride *= (int)y.dim[i--])
    p->stride[2][find_letter(letters, p->letters, out.letter[i])] = stride;
  return GCAM_OK;
}

/* c += a b over all indices; a, b and c name the rows of p->stride, b may be -1: a factor of 1. */
static void contract(const einsum_params *p, int a, const float *left, int b, const float *right,
                     int c, float *to) {
  static const float one = 1;
  static const int64_t none[MAX_LETTERS];
  const int64_t *sa = p->stride[a], *sb = b < 0 ? none : p->stride[b], *sc = p->stride[c];
  int best[3] = {-1, -1, -1}; /* the longest row, column and summed index */
  int64_t at[MAX_LETTERS] = {0}, offset[3] = {0};
  if (b < 0) right = &one;
  for (int i = 0; i < p->letters; i++) {
    int kind = sa[i] && sc[i] && !sb[i]   ? 0
               : sb[i] && sc[i] && !sa[i] ? 1
               : sa[i] && sb[i] && !sc[i] ? 2
                                          : -1;
    if (kind >= 0 && (best[kind] < 0 || p->size[i] > p->size[best[kind]])) best[kind] = i;
  }
  int64_t dim[3], ra[3], rb[3], rc[3];
  for (int k = 0; k < 3; k++) {
    dim[k] = best[k] < 0 ? 1 : p->size[best[k]];
    ra[k] = best[k] < 0 ? 0 : sa[best[k]];
    rb[k] = best[k] < 0 ? 0 : sb[best[k]];
    rc[k] = best[k] < 0 ? 0 : sc[best[k]];
  }
  for (;;) {
    gcam_product_add(dim[0], dim[1], dim[2], 1, (gcam_matrix){left + offset[0], ra[0], ra[2]},
                     (gcam_matrix){right + offset[1], rb[2], rb[1]}, to + offset[2], rc[0], rc[1]);
    int i = p->letters - 1;
    for (; i >= 0; i--) {
      if (i == best[0] || i == best[1] || i == best[2]) continue;
      bool over = ++at[i] == p->size[i];
      int64_t move = over ? 1 - p->size[i] : 1;
      offset[0] += move * sa[i], offset[1] += move * sb[i], offset[2] += move * sc[i];
      if (!over) break;
      at[i] = 0;
    }
    if (i < 0) return;
  }
}

static void einsum_forward(const gcam_args *a) {
  const einsum_params *p = a->node->params;
  int64_t n = gcam_numel(&a->graph->values[a->node->outputs[0]].shape);
  memset(a->out[0], 0, (size_t)n * sizeof(float));
  bool two = p->operands > 1;
  contract(p, 0, a->in[0], two ? 1 : -1, two ? a->in[1] : NULL, 2, a->out[0]);
}

static void einsum_backward(const gcam_args *a) {
  const einsum_params *p = a->node->params;
  int64_t n = gcam_numel(&a->graph->values[a->node->outputs[0]].shape);
  if (!a->dout[0]) return;
  for (int k = 0; k < p->operands; k++) {
    int64_t size = gcam_numel(gcam_in_shape(a->graph, a->node, k));
    int other = p->operands > 1 ? 1 - k : -1;
    for (int b = 0; a->din[k] && b < a->B; b++)
      contract(p, 2, a->dout[0] + b * n, other, other < 0 ? NULL : a->in[other], k,
               a->din[k] + b * size);
  }
}

const gcam_op gcam_op_einsum = {
    "Einsum",        GCAM_RULE_ROWS,          1, 2, einsum_shape, einsum_forward,
    einsum_backward, .traits = GCAM_OP_LINEAR};
