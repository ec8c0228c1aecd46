#include "cam/head.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "ops/op.h"

static int64_t classes_of(const gcam_value *v) {
  int64_t n = gcam_numel(&v->shape);
  return v->shape.rank >= 2 && v->shape.dim[0] > 0 ? n / v->shape.dim[0] : n;
}

gcam_head gcam_head_find(const gcam_graph *graph) {
  int value = graph->outputs[0];
  gcam_head head = {value, (int)classes_of(&graph->values[value]), GCAM_HEAD_SOFTMAX};
  if (head.classes == 1) head.kind = GCAM_HEAD_SIGMOID;
  for (int n = graph->values[value].producer; n >= 0; n = graph->values[value].producer) {
    const gcam_node *node = &graph->nodes[n];
    bool softmax = gcam_op_is(node->op, GCAM_OP_SOFTMAX);
    bool sigmoid = gcam_op_is(node->op, GCAM_OP_SIGMOID);
    if (softmax || sigmoid) {
      head.logits = node->inputs[0];
      head.kind = softmax ? GCAM_HEAD_SOFTMAX : GCAM_HEAD_SIGMOID;
      break;
    }
    if (!gcam_node_is_view(graph, node)) break;
    value = node->inputs[0];
  }
  return head;
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

void gcam_head_probabilities(const gcam_head *head, const float *logits, float *probabilities) {
  double max, sum = exp_sum(logits, head->classes, -1, &max);
  for (int j = 0; j < head->classes; j++)
    probabilities[j] =
        (float)(head->kind == GCAM_HEAD_SIGMOID ? logistic(logits[j]) : exp(logits[j] - max) / sum);
}

/* One class's gradient without its factor p (1 - p), and that factor. */
static void one_class(const gcam_head *head, const float *logits, int c, float *cotangent,
                      double *scale) {
  int n = head->classes;
  double odds; /* z_c - log of the sum of the others' exp: p_c = logistic(odds) */
  cotangent[c] = 1;
  if (head->kind == GCAM_HEAD_SIGMOID) {
    odds = logits[c];
  } else {
    double max, sum = exp_sum(logits, n, c, &max);
    odds = logits[c] - max - log(sum);
    for (int j = 0; j < n; j++)
      if (j != c) cotangent[j] = (float)(-exp(logits[j] - max) / sum);
  }
  *scale = logistic(odds) * logistic(-odds);
}

/* Several: in double, then divided by the largest, which becomes the factor. */
static gcam_status several_classes(const gcam_head *head, const float *logits, const float *weights,
                                   float *cotangent, double *scale, gcam_error *err) {
  int n = head->classes;
  double max, sum = exp_sum(logits, n, -1, &max), outside = 0, largest = 0;
  double *p = gcam_alloc(2 * (size_t)n, sizeof *p), *d = p ? p + n : NULL;
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a score");
  for (int j = 0; j < n; j++) {
    p[j] = head->kind == GCAM_HEAD_SIGMOID ? logistic(logits[j]) : exp(logits[j] - max) / sum;
    if (weights[j] == 0) outside += p[j];
  }
  for (int j = 0; j < n; j++) {
    if (head->kind == GCAM_HEAD_SIGMOID) {
      d[j] = weights[j] * p[j] * logistic(-logits[j]);
    } else {
      /* no difference of nearly equal sums: 1 - p_c would lose every digit */
      d[j] = weights[j] * outside;
      for (int i = 0; i < n; i++)
        if (weights[i] != 0) d[j] += p[i] * ((double)weights[j] - weights[i]);
      d[j] *= p[j];
    }
    largest = fmax(largest, fabs(d[j]));
  }
  *scale = largest > 0 ? largest : 1;
  for (int j = 0; j < n; j++) cotangent[j] = (float)(d[j] / *scale);
  gcam_free(p);
  return GCAM_OK;
}

gcam_status gcam_head_cotangent(const gcam_head *head, gcam_score score, const float *logits,
                                const float *weights, float *cotangent, double *scale,
                                gcam_error *err) {
  int used = 0, c = 0;
  *scale = 1;
  if (score == GCAM_SCORE_LOGIT) {
    memcpy(cotangent, weights, (size_t)head->classes * sizeof *cotangent);
    return GCAM_OK;
  }
  for (int j = 0; j < head->classes; j++)
    if (weights[j] != 0) {
      used++;
      c = j;
    }
  if (used > 1) return several_classes(head, logits, weights, cotangent, scale, err);
  memset(cotangent, 0, (size_t)head->classes * sizeof *cotangent);
  if (!used) return GCAM_OK;
  one_class(head, logits, c, cotangent, scale);
  for (int j = 0; j < head->classes && weights[c] != 1; j++) cotangent[j] *= weights[c];
  return GCAM_OK;
}

gcam_status gcam_head_score(const gcam_head *head, gcam_score score, const float *logits,
                            const float *weights, double *value, gcam_error *err) {
  int n = head->classes;
  float *p = NULL;
  if (score == GCAM_SCORE_SOFTMAX) {
    p = gcam_alloc(n, sizeof *p);
    if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a score");
    gcam_head_probabilities(head, logits, p);
  }
  *value = 0;
  for (int j = 0; j < n; j++)
    if (weights[j] != 0) *value += (double)weights[j] * (p ? p[j] : logits[j]);
  gcam_free(p);
  return GCAM_OK;
}

/* ---- CAM's kind of head
 * ---------------------------------------------------------------------------- */

/* y is linear in input 0 (a constant added or multiplied included). */
static bool is_linear(const gcam_graph *g, const gcam_node *node) {
  if (gcam_node_is_view(g, node)) return true;
  return gcam_op_is(node->op, GCAM_OP_LINEAR) && gcam_node_constant_from(g, node, 1);
}

/* One number for each channel of the [1][H][W][K] it reads: an average over all of H and W? */
static bool is_average(const gcam_graph *g, const gcam_node *node) {
  const gcam_shape *x = gcam_in_shape(g, node, 0), *y = &g->values[node->outputs[0]].shape;
  int64_t kernel[2] = {0};
  int count;
  if (!gcam_op_is(node->op, GCAM_OP_AVERAGES) || x->rank != 4 ||
      gcam_numel(y) != x->dim[0] * x->dim[3])
    return false;
  if (gcam_node_ints(g, node, "kernel_shape", -1, kernel, 2, &count, NULL)) return false;
  return !count || (kernel[0] == x->dim[1] && kernel[1] == x->dim[2]);
}

int gcam_head_pooled(const gcam_graph *g, const gcam_head *head, int layer) {
  int value = head->logits;
  for (int n = g->values[value].producer; n >= 0; n = g->values[value].producer) {
    const gcam_node *node = &g->nodes[n];
    if (is_average(g, node)) {
      int pooled = node->outputs[0], read = node->inputs[0];
      while (read != layer && g->values[read].producer >= 0 &&
             gcam_node_is_view(g, &g->nodes[g->values[read].producer]))
        read = g->nodes[g->values[read].producer].inputs[0];
      return read == layer ? pooled : -1;
    }
    if (!is_linear(g, node)) return -1;
    value = node->inputs[0];
  }
  return -1;
}
