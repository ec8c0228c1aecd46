/* RNN, GRU and LSTM, forward, backward in time, or both. Weights are constants.
 *
 *   RNN   h = f(W x + R h' + b)
 *   GRU   z = f(Wz x + Rz h' + bz)   r = f(Wr x + Rr h' + br)   h = (1 - z) g(s) + z h'
 *         s = Wh x + Wb + r (Rh h' + Rb) with linear_before_reset, else Wh x + Rh (r h') + Wb + Rb
 *   LSTM  i = f(... + Pi c')   o = f(... + Po c)   f = f(... + Pf c')   c = f c' + i g(...)
 *         h = o h(c)
 *
 * h' and c' are those of the step before. The gradient goes back through the steps; what they
 * computed is computed anew, since an activation is kept for outputs alone.
 *
 * Letters: T steps, N batch, I inputs, H hidden units, D directions. X [T][N][I], W [D][G H][I],
 * R [D][G H][H], B [D][2 G H], initial_h and initial_c [D][N][H], P [D][3 H]; outputs Y
 * [T][D][N][H], Y_h and Y_c [D][N][H]. With layout 1: X [N][T][I], Y [N][T][D][H], the others
 * [N][D][H]. https://onnx.ai/onnx/operators/onnx__LSTM.html */
#include <math.h>
#include <string.h>

#include "ops/logistic.h"
#include "ops/op.h"
#include "ops/product.h"

typedef enum activation { SIGMOID, TANH, RELU } activation;
enum { IN_X, IN_W, IN_R, IN_B, IN_LENGTHS, IN_H, IN_C, IN_P };
/* Blocks of H numbers that a step leaves behind; RNN has the last one alone. */
enum { GRU_Z, GRU_R, GRU_NEW, GRU_RECURRENT }; /* Rh h' + Rb */
enum { LSTM_I, LSTM_O, LSTM_F, LSTM_NEW, LSTM_C };

typedef struct recurrent_params {
  int64_t T, N, I, H, D;
  int gates, blocks; /* blocks: with h as the last one */
  bool batch_first, reset_after, backwards[2];
  activation act[2][3];
} recurrent_params;

static float value_of(activation kind, float x) {
  return kind == SIGMOID ? gcam_logistic(x) : kind == TANH ? tanhf(x) : x < 0 ? 0 : x;
}

/* From the value. */
static float slope_of(activation kind, float y) {
  return kind == SIGMOID ? y * (1 - y) : kind == TANH ? 1 - y * y : y > 0;
}

/* ---- Reading the node ----------------------------------------------------------------------- */

/* `activations`: names with commas between them. */
static bool read_activations(const gcam_node *node, recurrent_params *p, int each) {
  static const char *const names[] = {"Sigmoid", "Tanh", "Relu"};
  const char *text = gcam_node_string(node, "activations", "");
  for (int d = 0; d < p->D; d++)
    for (int k = 0; k < each; k++) {
      p->act[d][k] = node->op == &gcam_op_rnn || k ? TANH : SIGMOID;
      if (!*text) continue;
      size_t length = strcspn(text, ",");
      int found = 0;
      while (found < 3 && (strlen(names[found]) != length || strncmp(text, names[found], length)))
        found++;
      if (found == 3) return false;
      p->act[d][k] = (activation)found;
      text += length + (text[length] == ',');
    }
  return !*text;
}

static gcam_status wanted(const gcam_graph *graph, const gcam_node *node, int input, int rank,
                          int64_t d0, int64_t d1, int64_t d2, gcam_error *err) {
  char label[160], text[96], want[96];
  gcam_shape shape = {rank, {d0, d1, d2}};
  if (!gcam_node_has_input(node, input)) return GCAM_OK;
  const gcam_shape *x = gcam_in_shape(graph, node, input);
  if (gcam_shape_equal(x, &shape)) return GCAM_OK;
  return gcam_fail(err, GCAM_ERR_MODEL, "%s: input %d is %s; %s is needed",
                   gcam_node_label(node, label, sizeof label), input,
                   gcam_shape_text(x, text, sizeof text),
                   gcam_shape_text(&shape, want, sizeof want));
}

static gcam_status check_inputs(gcam_graph *graph, gcam_node *node, const recurrent_params *p,
                                gcam_error *err) {
  char label[160];
  int64_t n0 = p->batch_first ? p->N : p->D, n1 = p->batch_first ? p->D : p->N;
  GCAM_TRY(wanted(graph, node, IN_W, 3, p->D, p->gates * p->H, p->I, err));
  GCAM_TRY(wanted(graph, node, IN_R, 3, p->D, p->gates * p->H, p->H, err));
  GCAM_TRY(wanted(graph, node, IN_B, 2, p->D, 2 * p->gates * p->H, 0, err));
  GCAM_TRY(wanted(graph, node, IN_H, 3, n0, n1, p->H, err));
  GCAM_TRY(wanted(graph, node, IN_C, 3, n0, n1, p->H, err));
  GCAM_TRY(wanted(graph, node, IN_P, 2, p->D, 3 * p->H, 0, err));
  for (int i = IN_W; i <= IN_P; i++)
    if (i != IN_H && i != IN_C && gcam_node_has_input(node, i) &&
        !graph->values[node->inputs[i]].weight)
      return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                       "%s: input %d is computed while the network runs; it must be a constant",
                       gcam_node_label(node, label, sizeof label), i);
  if (!gcam_node_has_input(node, IN_LENGTHS)) return GCAM_OK;
  int64_t *lengths, n = gcam_numel(gcam_in_shape(graph, node, IN_LENGTHS));
  GCAM_TRY(gcam_node_indices(graph, node, "sequence_lens", IN_LENGTHS, &lengths, err));
  for (int64_t i = 0; i < n; i++)
    if (lengths[i] != p->T)
      return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                       "%s: sequence_lens other than the %lld steps of its input are not supported",
                       gcam_node_label(node, label, sizeof label), (long long)p->T);
  return GCAM_OK;
}

static gcam_status recurrent_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char label[160], text[96];
  const gcam_shape *x = gcam_in_shape(graph, node, IN_X), *r = gcam_in_shape(graph, node, IN_R);
  const char *direction = gcam_node_string(node, "direction", "forward");
  bool both = !strcmp(direction, "bidirectional"), reverse = !strcmp(direction, "reverse");
  bool lstm = node->op == &gcam_op_lstm, gru = node->op == &gcam_op_gru;
  recurrent_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "Out of memory for '%s'", node->name);
  gcam_node_label(node, label, sizeof label);
  if (!both && !reverse && strcmp(direction, "forward"))
    return gcam_fail(err, GCAM_ERR_MODEL,
                     "%s: direction '%.40s' is not one of forward, reverse, bidirectional", label,
                     direction);
  if (x->rank != 3 || r->rank != 3)
    return gcam_fail(err, GCAM_ERR_MODEL, "%s: its input %s is not steps x batch x values", label,
                     gcam_shape_text(x, text, sizeof text));
  p->batch_first = gcam_node_int(node, "layout", 0) != 0;
  p->T = x->dim[p->batch_first];
  p->N = x->dim[!p->batch_first];
  p->I = x->dim[2];
  p->H = r->dim[2];
  p->D = both ? 2 : 1;
  p->gates = lstm ? 4 : gru ? 3 : 1;
  p->blocks = lstm ? 6 : gru ? 5 : 1;
  p->reset_after = gcam_node_int(node, "linear_before_reset", 0) != 0;
  p->backwards[0] = reverse;
  p->backwards[1] = true;
  if (p->H > GCAM_MAX_ELEMENTS / 8) /* so that no size below overflows */
    return gcam_fail(err, GCAM_ERR_MEMORY, "%s: %lld hidden units are too many", label,
                     (long long)p->H);
  if (gcam_node_int(node, "hidden_size", p->H) != p->H)
    return gcam_fail(err, GCAM_ERR_MODEL, "%s: hidden_size is %lld, its weights have %lld", label,
                     (long long)gcam_node_int(node, "hidden_size", 0), (long long)p->H);
  if (gcam_node_attr(node, "clip") || gcam_node_int(node, "input_forget", 0))
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED, "%s: clip and input_forget are not supported",
                     label);
  if (!read_activations(node, p, lstm ? 3 : gru ? 2 : 1))
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "%s: its activations '%.80s' are not Sigmoid, Tanh or Relu for each gate",
                     label, gcam_node_string(node, "activations", ""));
  GCAM_TRY(check_inputs(graph, node, p, err));

  gcam_shape steps = {4, {p->T, p->D, p->N, p->H}}, last = {3, {p->D, p->N, p->H}};
  if (p->batch_first) {
    steps = (gcam_shape){4, {p->N, p->T, p->D, p->H}};
    last = (gcam_shape){3, {p->N, p->D, p->H}};
  }
  /* The blocks of each step, a start of zeros; backward: gradients of h, c and the gates. */
  gcam_shape work = {2, {p->T * p->blocks + 16, p->H}};
  GCAM_TRY(gcam_shape_check(&work, label, err));
  node->scratch_floats = gcam_numel(&work);
  GCAM_TRY(gcam_node_set_shape(graph, node, 0, &steps, err));
  GCAM_TRY(gcam_node_set_shape(graph, node, 1, &last, err));
  return gcam_node_set_shape(graph, node, 2, &last, err);
}

/* ---- One sequence in one direction ---------------------------------------------------------- */

typedef struct sequence {
  const recurrent_params *p;
  const gcam_args *a;
  int64_t n, d;
  const float *W, *R, *b, *Rb, *P; /* b, Rb, P: NULL for none */
  const float *h0, *c0;
  float *steps; /* [T][blocks][H] */
} sequence;

/* Where the element of step k begins in X and in Y; of the whole sequence in Y_h. */
static int64_t time_of(const sequence *s, int64_t k) {
  return s->p->backwards[s->d] ? s->p->T - 1 - k : k;
}
static int64_t x_at(const sequence *s, int64_t k) {
  int64_t t = time_of(s, k);
  return (s->p->batch_first ? s->n * s->p->T + t : t * s->p->N + s->n) * s->p->I;
}
static int64_t y_at(const sequence *s, int64_t k) {
  const recurrent_params *p = s->p;
  int64_t t = time_of(s, k);
  return (p->batch_first ? (s->n * p->T + t) * p->D + s->d : (t * p->D + s->d) * p->N + s->n) *
         p->H;
}
static int64_t last_at(const sequence *s) {
  return (s->p->batch_first ? s->n * s->p->D + s->d : s->d * s->p->N + s->n) * s->p->H;
}

/* Block `block` of step k; of step -1: where the sequence starts. */
static float *block_of(const sequence *s, int64_t k, int block) {
  return s->steps + (k * s->p->blocks + block) * s->p->H;
}
static const float *hidden(const sequence *s, int64_t k) {
  return k < 0 ? s->h0 : block_of(s, k, s->p->blocks - 1);
}
static const float *cell(const sequence *s, int64_t k) {
  return k < 0 ? s->c0 : block_of(s, k, LSTM_C);
}

/* W x + R h + b of unit j of a gate; h NULL: without the recurrent part and its bias. */
static double gate_sum(const sequence *s, int gate, int64_t j, const float *x, const float *h) {
  const recurrent_params *p = s->p;
  int64_t row = gate * p->H + j;
  double sum = gcam_dot(s->W + row * p->I, x, p->I);
  if (s->b) sum += s->b[row];
  if (h) sum += gcam_dot(s->R + row * p->H, h, p->H);
  return h && s->Rb ? sum + s->Rb[row] : sum;
}

static void step_forward(const sequence *s, int64_t k) {
  const recurrent_params *p = s->p;
  const gcam_op *op = s->a->node->op;
  const activation *act = p->act[s->d];
  const float *x = s->a->in[IN_X] + x_at(s, k), *before = hidden(s, k - 1);
  int64_t H = p->H;
  float *to = block_of(s, k, 0), *h = block_of(s, k, p->blocks - 1);
  if (op == &gcam_op_rnn) {
    for (int64_t j = 0; j < H; j++) h[j] = value_of(act[0], (float)gate_sum(s, 0, j, x, before));
  } else if (op == &gcam_op_gru) {
    for (int64_t j = 0; j < 2 * H; j++)
      to[j] = value_of(act[0], (float)gate_sum(s, (int)(j / H), j % H, x, before));
    const float *z = to, *r = to + GRU_R * H;
    float *fresh = to + GRU_NEW * H, *part = to + GRU_RECURRENT * H;
    for (int64_t j = 0; j < H; j++) h[j] = p->reset_after ? before[j] : r[j] * before[j];
    for (int64_t j = 0; j < H; j++) {
      int64_t row = 2 * H + j;
      part[j] = (float)(gcam_dot(s->R + row * H, h, H) + (s->Rb ? s->Rb[row] : 0));
      float rest = p->reset_after ? r[j] * part[j] : part[j];
      fresh[j] = value_of(act[1], (float)gate_sum(s, 2, j, x, NULL) + rest);
    }
    for (int64_t j = 0; j < H; j++) h[j] = (1 - z[j]) * fresh[j] + z[j] * before[j];
  } else {
    const float *c0 = cell(s, k - 1), *P = s->P;
    float *c = to + LSTM_C * H;
    for (int64_t j = 0; j < H; j++) {
      double i = gate_sum(s, LSTM_I, j, x, before), o = gate_sum(s, LSTM_O, j, x, before);
      double f = gate_sum(s, LSTM_F, j, x, before), g = gate_sum(s, LSTM_NEW, j, x, before);
      if (P) i += P[j] * c0[j], f += P[2 * H + j] * c0[j];
      to[LSTM_I * H + j] = value_of(act[0], (float)i);
      to[LSTM_F * H + j] = value_of(act[0], (float)f);
      to[LSTM_NEW * H + j] = value_of(act[1], (float)g);
      c[j] = to[LSTM_F * H + j] * c0[j] + to[LSTM_I * H + j] * to[LSTM_NEW * H + j];
      if (P) o += P[H + j] * c[j];
      to[LSTM_O * H + j] = value_of(act[0], (float)o);
      h[j] = to[LSTM_O * H + j] * value_of(act[2], c[j]);
    }
  }
}

/* to[i] += sum over the rows of a matrix [rows][n] of by[row] * matrix[row][i] */
static void add_rows(const float *matrix, const float *by, int64_t rows, int64_t n, float *to) {
  for (int64_t row = 0; row < rows; row++)
    for (int64_t i = 0; i < n; i++) to[i] += by[row] * matrix[row * n + i];
}

/* dh, dc: gradients of step k's h and c, become those of the step before. ds [gates][H] is for
 * the gates' sums, next [2][H] for work. dx may be NULL. */
static void step_backward(const sequence *s, int64_t k, float *dh, float *dc, float *ds,
                          float *next, float *dx) {
  const recurrent_params *p = s->p;
  const gcam_op *op = s->a->node->op;
  const activation *act = p->act[s->d];
  const float *at = block_of(s, k, 0), *before = hidden(s, k - 1);
  int64_t H = p->H, recurrent = p->gates * H; /* rows of R that ds goes back through */
  memset(next, 0, (size_t)H * sizeof *next);
  if (op == &gcam_op_rnn) {
    for (int64_t j = 0; j < H; j++) ds[j] = dh[j] * slope_of(act[0], at[j]);
  } else if (op == &gcam_op_gru) {
    const float *z = at, *r = at + GRU_R * H, *fresh = at + GRU_NEW * H;
    const float *part = at + GRU_RECURRENT * H, *Rh = s->R + 2 * H * H;
    float *back = next + H; /* of r h', or of Rh h' + Rb */
    for (int64_t j = 0; j < H; j++) {
      ds[2 * H + j] = dh[j] * (1 - z[j]) * slope_of(act[1], fresh[j]);
      ds[j] = dh[j] * (before[j] - fresh[j]) * slope_of(act[0], z[j]);
      next[j] = dh[j] * z[j];
      back[j] = 0;
    }
    if (p->reset_after) {
      for (int64_t j = 0; j < H; j++) back[j] = ds[2 * H + j] * r[j];
      add_rows(Rh, back, H, H, next);
    } else {
      add_rows(Rh, ds + 2 * H, H, H, back);
      for (int64_t j = 0; j < H; j++) next[j] += back[j] * r[j];
    }
    for (int64_t j = 0; j < H; j++) {
      float dr = p->reset_after ? ds[2 * H + j] * part[j] : back[j] * before[j];
      ds[H + j] = dr * slope_of(act[0], r[j]);
    }
    recurrent = 2 * H;
  } else {
    const float *i = at, *o = at + LSTM_O * H, *f = at + LSTM_F * H, *g = at + LSTM_NEW * H;
    const float *c = at + LSTM_C * H, *c0 = cell(s, k - 1), *P = s->P;
    for (int64_t j = 0; j < H; j++) {
      float y = value_of(act[2], c[j]);
      float so = dh[j] * y * slope_of(act[0], o[j]);
      float all = dc[j] + dh[j] * o[j] * slope_of(act[2], y);
      if (P) all += P[H + j] * so;
      float si = all * g[j] * slope_of(act[0], i[j]), sf = all * c0[j] * slope_of(act[0], f[j]);
      dc[j] = all * f[j];
      if (P) dc[j] += P[j] * si + P[2 * H + j] * sf;
      ds[LSTM_I * H + j] = si;
      ds[LSTM_O * H + j] = so;
      ds[LSTM_F * H + j] = sf;
      ds[LSTM_NEW * H + j] = all * i[j] * slope_of(act[1], g[j]);
    }
  }
  add_rows(s->R, ds, recurrent, H, next);
  if (dx) add_rows(s->W, ds, p->gates * H, p->I, dx);
  memcpy(dh, next, (size_t)H * sizeof *dh);
}

/* ---- All of them ---------------------------------------------------------------------------- */

static sequence begin(const gcam_args *a, int64_t d, int64_t n) {
  const recurrent_params *p = a->node->params;
  int64_t H = p->H, rows = p->gates * H, start = (p->T * p->blocks) * H;
  sequence s = {.p = p, .a = a, .n = n, .d = d, .steps = a->scratch};
  s.W = a->in[IN_W] + d * rows * p->I;
  s.R = a->in[IN_R] + d * rows * H;
  if (gcam_node_has_input(a->node, IN_B)) {
    s.b = a->in[IN_B] + d * 2 * rows;
    s.Rb = s.b + rows;
  }
  if (gcam_node_has_input(a->node, IN_P)) s.P = a->in[IN_P] + d * 3 * H;
  memset(a->scratch + start, 0, (size_t)H * sizeof(float));
  s.h0 = gcam_node_has_input(a->node, IN_H) ? a->in[IN_H] + last_at(&s) : a->scratch + start;
  s.c0 = gcam_node_has_input(a->node, IN_C) ? a->in[IN_C] + last_at(&s) : a->scratch + start;
  for (int64_t k = 0; k < p->T; k++) step_forward(&s, k);
  return s;
}

static float *output(const gcam_args *a, int i) {
  return i < a->node->output_count && a->node->outputs[i] >= 0 ? a->out[i] : NULL;
}

static void recurrent_forward(const gcam_args *a) {
  const recurrent_params *p = a->node->params;
  size_t bytes = (size_t)p->H * sizeof(float);
  float *y = output(a, 0), *last = output(a, 1), *c = output(a, 2);
  for (int64_t d = 0; d < p->D; d++)
    for (int64_t n = 0; n < p->N; n++) {
      sequence s = begin(a, d, n);
      for (int64_t k = 0; y && k < p->T; k++) memcpy(y + y_at(&s, k), hidden(&s, k), bytes);
      if (last) memcpy(last + last_at(&s), hidden(&s, p->T - 1), bytes);
      if (c) memcpy(c + last_at(&s), cell(&s, p->T - 1), bytes);
    }
}

static const float *cotangent(const gcam_args *a, int i, int64_t b, int64_t at) {
  if (i >= a->node->output_count || a->node->outputs[i] < 0 || !a->dout[i]) return NULL;
  return a->dout[i] + b * gcam_numel(&a->graph->values[a->node->outputs[i]].shape) + at;
}

static float *gradient(const gcam_args *a, int i, int64_t b, int64_t at) {
  if (!gcam_node_has_input(a->node, i) || !a->din[i]) return NULL;
  return a->din[i] + b * gcam_numel(gcam_in_shape(a->graph, a->node, i)) + at;
}

static void add(float *to, const float *from, int64_t n) {
  for (int64_t i = 0; to && from && i < n; i++) to[i] += from[i];
}

static void recurrent_backward(const gcam_args *a) {
  const recurrent_params *p = a->node->params;
  int64_t H = p->H;
  float *dh = a->scratch + (p->T * p->blocks + 1) * H, *dc = dh + H, *next = dc + H;
  float *ds = next + 2 * H;
  for (int64_t d = 0; d < p->D; d++)
    for (int64_t n = 0; n < p->N; n++) {
      sequence s = begin(a, d, n);
      for (int b = 0; b < a->B; b++) {
        memset(dh, 0, 2 * (size_t)H * sizeof *dh);
        add(dh, cotangent(a, 1, b, last_at(&s)), H);
        add(dc, cotangent(a, 2, b, last_at(&s)), H);
        for (int64_t k = p->T - 1; k >= 0; k--) {
          add(dh, cotangent(a, 0, b, y_at(&s, k)), H);
          step_backward(&s, k, dh, dc, ds, next, gradient(a, IN_X, b, x_at(&s, k)));
        }
        add(gradient(a, IN_H, b, last_at(&s)), dh, H);
        add(gradient(a, IN_C, b, last_at(&s)), dc, H);
      }
    }
}

#define RECURRENT(symbol, onnx_name, MAX)                      \
  const gcam_op gcam_op_##symbol = {onnx_name,                 \
                                    GCAM_RULE_ROWS,            \
                                    3,                         \
                                    MAX,                       \
                                    recurrent_shape,           \
                                    recurrent_forward,         \
                                    recurrent_backward,        \
                                    .traits = GCAM_OP_OUTPUTS, \
                                    .data_inputs = 1};

/* clang-format off */
RECURRENT(rnn, "RNN", 6)
RECURRENT(gru, "GRU", 6)
RECURRENT(lstm, "LSTM", 8)
/* clang-format on */
