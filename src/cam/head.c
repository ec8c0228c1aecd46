#include "cam/head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ops/quantize.h"

/* ---- Where it is ---------------------------------------------------------------------------- */

/* Numbers of one picture in a value that is a row of them; 0: it has several axes. */
static int64_t row_of(const gcam_shape *s) {
  int64_t n = gcam_numel(s);
  int wide = 0;
  if (s->rank >= 2 && s->dim[0] > 0) n /= s->dim[0];
  for (int i = s->rank >= 2 ? 1 : 0; i < s->rank; i++) wide += s->dim[i] != 1;
  return wide <= 1 ? n : 0;
}

/* Leaves every number where it is, rounded or not? */
static bool keeps_numbers(const gcam_graph *g, const gcam_node *node) {
  return gcam_node_is_view(g, node) || gcam_op_rounds(node->op);
}

/* The node that makes the value's probabilities, views and rounding behind it aside; -1: none. */
static int final_activation(const gcam_graph *g, int value) {
  for (int n = g->values[value].producer; n >= 0; n = g->values[value].producer) {
    const gcam_node *node = &g->nodes[n];
    if (gcam_op_is(node->op, GCAM_OP_SOFTMAX | GCAM_OP_SIGMOID)) return n;
    if (!keeps_numbers(g, node)) return -1;
    value = node->inputs[0];
  }
  return -1;
}

/* read[value]: an output that is a row is computed from it. */
static void mark_read(const gcam_graph *g, bool *read, bool *row) {
  for (int o = 0; o < g->output_count; o++)
    row[g->outputs[o]] = row_of(&g->values[g->outputs[o]].shape) > 0;
  for (int n = g->node_count - 1; n >= 0; n--) {
    const gcam_node *node = &g->nodes[n];
    bool any = false;
    for (int i = 0; i < node->output_count; i++) {
      int y = node->outputs[i];
      any |= y >= 0 && (read[y] || row[y]);
    }
    for (int i = 0; any && i < node->input_count; i++)
      if (node->inputs[i] >= 0) read[node->inputs[i]] = true;
  }
}

gcam_status gcam_head_output(const gcam_graph *g, int *output, gcam_error *err) {
  bool *read = gcam_alloc_zeroed(2 * ((int64_t)g->value_count + 1), sizeof *read);
  int most = -1;
  if (!read) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the outputs");
  mark_read(g, read, read + g->value_count + 1);
  for (int o = 0; o < g->output_count; o++) {
    int v = g->outputs[o];
    int64_t units = row_of(&g->values[v].shape);
    int likeness = units > 0 ? 8 : 0;
    if (final_activation(g, v) >= 0) likeness += 4;
    if (!read[v]) likeness += 2;
    if (units > 1) likeness++;
    if (likeness > most) {
      most = likeness;
      *output = o;
    }
  }
  gcam_free(read);
  return GCAM_OK;
}

gcam_head gcam_head_make(const gcam_graph *g, int output, gcam_activation activation) {
  int value = g->outputs[output], n = final_activation(g, value);
  const gcam_shape *s = &g->values[value].shape;
  gcam_head head = {.output = output, .logits = value, .units = (int)row_of(s)};
  head.picture = !head.units && s->rank == 4 && g->values[value].layout == GCAM_CHANNELS_LAST;
  if (n >= 0 && activation != GCAM_ACTIVATION_NONE) head.logits = g->nodes[n].inputs[0];
  head.activation = activation;
  if (activation == GCAM_ACTIVATION_AUTO && n >= 0)
    head.activation = gcam_op_is(g->nodes[n].op, GCAM_OP_SOFTMAX) ? GCAM_ACTIVATION_SOFTMAX
                                                                  : GCAM_ACTIVATION_SIGMOID;
  else if (activation == GCAM_ACTIVATION_AUTO) /* one number by itself is a value, not a class */
    head.activation = head.units > 1 ? GCAM_ACTIVATION_SOFTMAX : GCAM_ACTIVATION_NONE;
  bool pair = head.units == 1 && head.activation == GCAM_ACTIVATION_SIGMOID;
  head.classes = pair ? 2 : head.units;
  return head;
}

/* ---- Scores --------------------------------------------------------------------------------- */

/* One sigmoid unit, which stands for two classes? */
static bool is_pair(const gcam_head *head) { return head->classes != head->units; }

static bool is_softmax(const gcam_head *head) {
  return head->activation == GCAM_ACTIVATION_SOFTMAX;
}

static double logistic(double z) {
  double e = exp(-fabs(z));
  return z >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* Sum of exp(z_j - max) over j != skip; *max is the largest z_j among them. */
static double exp_sum(const float *z, int n, int skip, double *max) {
  double sum = 0;
  *max = -INFINITY;
  for (int j = 0; j < n; j++)
    if (j != skip && z[j] > *max) *max = z[j];
  for (int j = 0; j < n; j++)
    if (j != skip) sum += exp(z[j] - *max);
  return sum;
}

void gcam_head_scores(const gcam_head *head, const float *logits, float *scores) {
  if (is_pair(head)) {
    scores[0] = -logits[0];
    scores[1] = logits[0];
  } else {
    memcpy(scores, logits, (size_t)head->units * sizeof *scores);
  }
}

void gcam_head_probabilities(const gcam_head *head, const float *logits, float *probabilities) {
  double max, sum;
  if (is_pair(head)) {
    probabilities[0] = (float)logistic(-logits[0]);
    probabilities[1] = (float)logistic(logits[0]);
    return;
  }
  sum = is_softmax(head) ? exp_sum(logits, head->units, -1, &max) : 0;
  for (int j = 0; j < head->units; j++)
    probabilities[j] = head->activation == GCAM_ACTIVATION_NONE ? NAN
                       : is_softmax(head) ? (float)(exp(logits[j] - max) / sum)
                                          : (float)logistic(logits[j]);
}

int gcam_head_top(const float *scores, int count, int k, int *ids) {
  if (k > count) k = count;
  for (int i = 0; i < k; i++) { /* k is small */
    int best = -1;
    for (int c = 0; c < count; c++) {
      bool taken = false;
      for (int j = 0; j < i && !taken; j++) taken = ids[j] == c;
      if (!taken &&
          (best < 0 || scores[c] > scores[best] || (isnan(scores[best]) && !isnan(scores[c]))))
        best = c;
    }
    ids[i] = best;
  }
  return k < 0 ? 0 : k;
}

gcam_status gcam_head_value(const gcam_head *head, gcam_score score, const float *logits,
                            const float *weights, double *value, gcam_error *err) {
  float *s = gcam_alloc(head->classes, sizeof *s);
  if (!s) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a score");
  if (score == GCAM_SCORE_SOFTMAX)
    gcam_head_probabilities(head, logits, s);
  else
    gcam_head_scores(head, logits, s);
  *value = 0;
  for (int j = 0; j < head->classes; j++)
    if (weights[j] != 0) *value += (double)weights[j] * s[j];
  gcam_free(s);
  return GCAM_OK;
}

/* ---- Gradients ------------------------------------------------------------------------------ */

/* One unit's gradient without its factor p (1 - p), and that factor. */
static void one_unit(const gcam_head *head, const float *logits, int c, float *cotangent,
                     double *scale) {
  int n = head->units;
  double odds; /* z_c - log of the sum of the others' exp: p_c = logistic(odds) */
  cotangent[c] = 1;
  if (!is_softmax(head)) {
    odds = logits[c];
  } else {
    double max, sum = exp_sum(logits, n, c, &max);
    odds = logits[c] - max - log(sum);
    for (int j = 0; j < n; j++)
      if (j != c) cotangent[j] = (float)(-exp(logits[j] - max) / sum);
  }
  *scale = logistic(odds) * logistic(-odds);
}

/* Classes of one weight, or several in a row of the sorted ones. */
typedef struct weighed {
  double weight, p;
  int unit; /* -1: all those of weight 0 */
} weighed;

static int by_weight(const void *a, const void *b) {
  double x = ((const weighed *)a)->weight, y = ((const weighed *)b)->weight;
  return (x > y) - (x < y);
}

/* d_j = p_j sum over i of p_i (w_j - w_i), in one pass up the sorted weights and one down. Each
 * pass adds numbers of one sign alone: with the mean weight taken first, w_j - mean would lose
 * every digit where p_j is nearly 1. */
static void softmax_differences(weighed *list, int count, const double *p, int n, double *d,
                                const float *weights) {
  double below = 0, mass = 0, rest = 0;
  qsort(list, (size_t)count, sizeof *list, by_weight);
  for (int pass = 0; pass < 2; pass++) {
    below = mass = 0;
    for (int i = 0; i < count; i++) {
      const weighed *at = &list[pass ? count - 1 - i : i];
      const weighed *before = i ? &list[pass ? count - i : i - 1] : at;
      below += mass * fabs(at->weight - before->weight);
      mass += at->p;
      double part = pass ? -below : below;
      if (at->unit < 0)
        rest += part;
      else
        d[at->unit] += part;
    }
  }
  for (int j = 0; j < n; j++) d[j] = p[j] * (weights[j] != 0 ? d[j] : rest);
}

/* Several: in double, then divided by the largest, which becomes the factor. */
static gcam_status several_units(const gcam_head *head, const float *logits, const float *weights,
                                 float *cotangent, double *scale, gcam_error *err) {
  int n = head->units, used = 0;
  double max, sum = exp_sum(logits, n, -1, &max), largest = 0;
  double *p = gcam_alloc_zeroed(2 * (int64_t)n, sizeof *p), *d = p ? p + n : NULL;
  weighed *list = gcam_alloc((int64_t)n + 1, sizeof *list);
  if (!p || !list) {
    gcam_free(p);
    gcam_free(list);
    return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a score");
  }
  list[used++] = (weighed){.unit = -1};
  for (int j = 0; j < n; j++) {
    p[j] = is_softmax(head) ? exp(logits[j] - max) / sum : logistic(logits[j]);
    if (weights[j] == 0)
      list[0].p += p[j];
    else
      list[used++] = (weighed){weights[j], p[j], j};
    if (!is_softmax(head)) d[j] = weights[j] * p[j] * logistic(-logits[j]);
  }
  if (is_softmax(head)) softmax_differences(list, used, p, n, d, weights);
  for (int j = 0; j < n; j++) largest = fmax(largest, fabs(d[j]));
  *scale = largest > 0 ? largest : 1;
  for (int j = 0; j < n; j++) cotangent[j] = (float)(d[j] / *scale);
  gcam_free(p);
  gcam_free(list);
  return GCAM_OK;
}

gcam_status gcam_head_cotangent(const gcam_head *head, gcam_score score, const float *logits,
                                const float *weights, float *cotangent, double *scale,
                                gcam_error *err) {
  int used = 0, c = 0, n = head->units;
  float pair;
  *scale = 1;
  if (is_pair(head)) { /* the first class is what the unit is not */
    pair = weights[1] - weights[0];
    weights = &pair;
  }
  if (score == GCAM_SCORE_LOGIT) {
    memcpy(cotangent, weights, (size_t)n * sizeof *cotangent);
    return GCAM_OK;
  }
  for (int j = 0; j < n; j++)
    if (weights[j] != 0) {
      used++;
      c = j;
    }
  if (used > 1) return several_units(head, logits, weights, cotangent, scale, err);
  memset(cotangent, 0, (size_t)n * sizeof *cotangent);
  if (!used) return GCAM_OK;
  one_unit(head, logits, c, cotangent, scale);
  for (int j = 0; j < n && weights[c] != 1; j++) cotangent[j] *= weights[c];
  return GCAM_OK;
}

/* ---- CAM's kind of head --------------------------------------------------------------------- */

/* The only input that is computed: the value, or -1. */
static int only_data(const gcam_graph *g, const gcam_node *node) {
  int found = -1;
  for (int i = 0; i < node->input_count; i++) {
    int v = node->inputs[i];
    if (v < 0 || g->values[v].weight) continue;
    if (found >= 0) return -1;
    found = v;
  }
  return found;
}

/* The value that the node's output is linear in (a constant added or multiplied included); -1. */
static int linear_in(const gcam_graph *g, const gcam_node *node) {
  if (keeps_numbers(g, node)) return node->inputs[0];
  if (!gcam_op_is(node->op, GCAM_OP_LINEAR)) return -1;
  int data = only_data(g, node);
  return node->op == &gcam_op_div && data != node->inputs[0] ? -1 : data;
}

/* One number for each channel of the [N][H][W][K] or [N][T][K] it reads: the average over all of
 * the positions? */
static bool is_average(const gcam_graph *g, const gcam_node *node) {
  const gcam_shape *x = gcam_in_shape(g, node, 0), *y = &g->values[node->outputs[0]].shape;
  int64_t kernel[2] = {0};
  int count;
  if (!gcam_op_is(node->op, GCAM_OP_AVERAGES) || x->rank < 3 || x->rank > 4 ||
      gcam_numel(y) != x->dim[0] * x->dim[x->rank - 1])
    return false;
  if (gcam_node_ints(g, node, "kernel_shape", -1, kernel, 2, &count, NULL)) return false;
  return !count || (x->rank == 4 && kernel[0] == x->dim[1] && kernel[1] == x->dim[2]);
}

int gcam_head_pooled(const gcam_graph *g, int output, int layer) {
  int value = output;
  for (int n = g->values[value].producer; n >= 0; n = g->values[value].producer) {
    const gcam_node *node = &g->nodes[n];
    if (is_average(g, node)) {
      int pooled = node->outputs[0], read = node->inputs[0];
      while (read != layer && g->values[read].producer >= 0 &&
             keeps_numbers(g, &g->nodes[g->values[read].producer]))
        read = g->nodes[g->values[read].producer].inputs[0];
      return read == layer ? pooled : -1;
    }
    value = linear_in(g, node);
    if (value < 0) return -1;
  }
  return -1;
}
