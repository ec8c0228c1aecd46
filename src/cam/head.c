#include "cam/head.h"

#include <math.h>
#include <string.h>

#include "ops/op.h"

static bool only_reshapes(const char *op) {
  static const char *const names[] = {"Identity", "Dropout", "Cast",      "Reshape",
                                      "Flatten",  "Squeeze", "Unsqueeze", "Transpose"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(op, names[i])) return true;
  return false;
}

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
    bool softmax = !strcmp(node->op->name, "Softmax") || !strcmp(node->op->name, "LogSoftmax");
    bool sigmoid = !strcmp(node->op->name, "Sigmoid");
    if (softmax || sigmoid) {
      head.logits = node->inputs[0];
      head.kind = softmax ? GCAM_HEAD_SOFTMAX : GCAM_HEAD_SIGMOID;
      break;
    }
    if (!only_reshapes(node->op->name)) break;
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
    probabilities[j] = (float)(head->kind == GCAM_HEAD_SIGMOID ? logistic(logits[j])
                                                               : exp(logits[j] - max) / sum);
}

void gcam_head_cotangent(const gcam_head *head, gcam_score score, const float *logits, int c,
                         float *cotangent, double *scale) {
  int n = head->classes;
  memset(cotangent, 0, (size_t)n * sizeof *cotangent);
  cotangent[c] = 1;
  *scale = 1;
  if (score == GCAM_SCORE_LOGIT) return;
  double odds; /* z_c - log of the sum of the others' exp: p_c = logistic(odds) */
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
