/* targets.h: what is asked about: scores, each a function of one output, and their gradients. A
 * target is an output and a cotangent, the gradient of its score with respect to that output; a row
 * of weights over the classes is the short way to write one. */
#ifndef GCAM_CAM_TARGETS_H
#define GCAM_CAM_TARGETS_H

#include "cam/head.h"
#include "session/session.h"

enum { GCAM_MAX_TARGETS = 64 };

typedef struct gcam_targets {
  const gcam_head *head;
  gcam_score score;
  int count;
  int output;     /* value: the head's logits, or whose cotangents are given */
  int64_t size;   /* its floats */
  float *weights; /* [count][classes of the head]; NULL: cotangents are given */
  float *given; /* [count][size], stored order: score b is the product of given b and the output */
  char labels[GCAM_MAX_TARGETS][32]; /* "class 281", "target 0": for warnings */
} gcam_targets;

/* The gradient of every score at the session's present activations: data times scale. */
typedef struct gcam_cotangents {
  float *data; /* [count][size] */
  double scales[GCAM_MAX_TARGETS];
} gcam_cotangents;

/* Copies the weights, [count][classes]. The activations are those of a forward pass. */
gcam_status gcam_targets_of_classes(gcam_targets *targets, gcam_session *session,
                                    const gcam_head *head, gcam_score score, const float *weights,
                                    int count, gcam_error *err);
/* Copies cotangents of value `output`, [count][numel] in stored order. */
gcam_status gcam_targets_of_output(gcam_targets *targets, gcam_session *session, int output,
                                   const float *cotangents, int count, gcam_error *err);
void gcam_targets_free(gcam_targets *targets);

/* scores[count], from the session's present activations. */
gcam_status gcam_targets_scores(const gcam_targets *targets, const gcam_session *session,
                                double *scores, gcam_error *err);
/* Fills what is zeroed, or was filled for the same targets before. */
gcam_status gcam_targets_cotangents(const gcam_targets *targets, const gcam_session *session,
                                    gcam_cotangents *cotangents, gcam_error *err);

/* Of the session's present logits, [classes]; to be freed with gcam_free. */
gcam_status gcam_class_scores(const gcam_session *session, const gcam_head *head, float **scores,
                              gcam_error *err);

#endif
