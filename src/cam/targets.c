#include "cam/targets.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for scores; ask for fewer classes");
}

/* ---- Making --------------------------------------------------------------------------------- */

static void label(gcam_targets *t, int b) {
  const float *w = t->weights ? t->weights + (int64_t)b * t->head->classes : NULL;
  int one = -1, others = 0;
  for (int c = 0; w && c < t->head->classes; c++)
    if (w[c] != 0) {
      others += one >= 0 || w[c] != 1;
      one = c;
    }
  if (one >= 0 && !others)
    snprintf(t->labels[b], sizeof t->labels[b], "class %d", one);
  else
    snprintf(t->labels[b], sizeof t->labels[b], "target %d", b);
}

/* A copy of [count][size] floats. */
static gcam_status keep(float **copy, const float *values, int count, int64_t size,
                        gcam_error *err) {
  int64_t n = count * size;
  *copy = gcam_alloc(n, sizeof **copy);
  if (!*copy) return no_memory(err);
  memcpy(*copy, values, (size_t)n * sizeof **copy);
  return GCAM_OK;
}

/* What stands for a row of classes: refuses, with what the output is. */
static gcam_status check_row(const gcam_session *s, const gcam_head *head, gcam_error *err) {
  const gcam_value *output = &s->graph->values[s->graph->outputs[head->output]];
  char text[96];
  gcam_shape_text(&output->shape, text, sizeof text);
  if (head->picture)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "the output '%.80s' is a picture of %lldx%lld with %lld channels, not a row "
                     "of classes: give the cotangents to explain, or choose another output",
                     output->name, (long long)output->shape.dim[1], (long long)output->shape.dim[2],
                     (long long)output->shape.dim[3]);
  if (!head->units)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "the output '%.80s' is %s, not one row of classes: give the cotangents to "
                     "explain, or choose another output",
                     output->name, text);
  if (gcam_numel(&s->graph->values[head->logits].shape) != head->units)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "the scores '%.96s' are not one row of %d classes: a map needs one picture "
                     "and one number a class",
                     s->graph->values[head->logits].name, head->classes);
  return GCAM_OK;
}

gcam_status gcam_targets_of_classes(gcam_targets *t, gcam_session *s, const gcam_head *head,
                                    gcam_score score, const float *weights, int count,
                                    gcam_error *err) {
  *t = (gcam_targets){
      .head = head, .score = score, .count = count, .output = head->logits, .size = head->units};
  GCAM_TRY(check_row(s, head, err));
  if (score == GCAM_SCORE_SOFTMAX && head->activation == GCAM_ACTIVATION_NONE)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "the output '%.96s' is a value without a probability: explain its score "
                     "'logit', or say which activation its numbers need",
                     s->graph->values[head->logits].name);
  GCAM_TRY(gcam_session_expose(s, head->logits, err));
  GCAM_TRY(keep(&t->weights, weights, count, head->classes, err));
  for (int b = 0; b < count; b++) label(t, b);
  return GCAM_OK;
}

gcam_status gcam_targets_of_output(gcam_targets *t, gcam_session *s, int output,
                                   const float *cotangents, int count, gcam_error *err) {
  *t = (gcam_targets){.score = GCAM_SCORE_LOGIT,
                      .count = count,
                      .output = output,
                      .size = gcam_numel(&s->graph->values[output].shape)};
  GCAM_TRY(gcam_session_expose(s, output, err));
  GCAM_TRY(keep(&t->given, cotangents, count, t->size, err));
  for (int b = 0; b < count; b++) label(t, b);
  return GCAM_OK;
}

void gcam_targets_free(gcam_targets *t) {
  gcam_free(t->weights);
  gcam_free(t->given);
  t->weights = t->given = NULL;
}

/* ---- Values and gradients ------------------------------------------------------------------- */

static double product(const float *a, const float *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
  return sum;
}

gcam_status gcam_targets_scores(const gcam_targets *t, const gcam_session *s, double *scores,
                                gcam_error *err) {
  float *owned;
  const float *output = gcam_session_dense(s, t->output, &owned);
  if (!output) return no_memory(err);
  gcam_status status = GCAM_OK;
  for (int b = 0; b < t->count && !status; b++)
    if (t->given)
      scores[b] = product(t->given + b * t->size, output, t->size);
    else
      status = gcam_head_value(t->head, t->score, output,
                               t->weights + (int64_t)b * t->head->classes, &scores[b], err);
  gcam_floats_free(owned);
  return status;
}

gcam_status gcam_targets_cotangents(const gcam_targets *t, const gcam_session *s,
                                    gcam_cotangents *c, gcam_error *err) {
  float *owned;
  if (!c->data) c->data = gcam_alloc(t->count * t->size, sizeof *c->data);
  if (!c->data) return no_memory(err);
  if (t->given) {
    memcpy(c->data, t->given, (size_t)(t->count * t->size) * sizeof *c->data);
    for (int b = 0; b < t->count; b++) c->scales[b] = 1;
    return GCAM_OK;
  }
  const float *logits = gcam_session_dense(s, t->output, &owned);
  if (!logits) return no_memory(err);
  gcam_status status = GCAM_OK;
  for (int b = 0; b < t->count && !status; b++)
    status =
        gcam_head_cotangent(t->head, t->score, logits, t->weights + (int64_t)b * t->head->classes,
                            c->data + b * t->size, &c->scales[b], err);
  gcam_floats_free(owned);
  return status;
}

gcam_status gcam_class_scores(const gcam_session *s, const gcam_head *head, float **scores,
                              gcam_error *err) {
  float *owned;
  const float *logits = gcam_session_dense(s, head->logits, &owned);
  *scores = logits ? gcam_alloc(head->classes, sizeof **scores) : NULL;
  if (*scores) gcam_head_scores(head, logits, *scores);
  if (logits) gcam_floats_free(owned);
  return *scores ? GCAM_OK : no_memory(err);
}
