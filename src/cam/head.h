/* head.h: how a network ends: where its logits are, how they become probabilities, and the
 * gradient of a score with respect to them. */
#ifndef GCAM_CAM_HEAD_H
#define GCAM_CAM_HEAD_H

#include "ops/graph.h"

typedef enum gcam_head_kind {
  GCAM_HEAD_SOFTMAX, /* classes exclude each other */
  GCAM_HEAD_SIGMOID  /* every unit stands for itself; a single logit too */
} gcam_head_kind;

typedef struct gcam_head {
  int logits; /* value: the tensor before a final Softmax/Sigmoid, else the first output */
  int classes;
  gcam_head_kind kind;
} gcam_head;

gcam_head gcam_head_find(const gcam_graph *graph);

void gcam_head_probabilities(const gcam_head *head, const float *logits, float *probabilities);

/* A score is a sum over the classes of weights[c] s_c, s_c the logit or the probability of c: one
 * class is a single 1, "class a, not b" is 1 and -1, the other answer of a single logit is -1. */
gcam_status gcam_head_score(const gcam_head *head, gcam_score score, const float *logits,
                            const float *weights, double *value, gcam_error *err);

/* The gradient of a score with respect to the logits, as cotangent[classes] times *scale.
 *   logit    weights
 *   softmax  dp_c/dz = p_c (1 - p_c) (e_c - q),  q = softmax over the other classes;
 *            several classes: cotangent_j = p_j sum over i of p_i (weights_j - weights_i)
 *   sigmoid  dp_c/dz = p_c (1 - p_c) e_c
 * cotangent leaves the scalar p_c (1 - p_c) out, which may be smaller than any float. */
gcam_status gcam_head_cotangent(const gcam_head *head, gcam_score score, const float *logits,
                                const float *weights, float *cotangent, double *scale,
                                gcam_error *err);

/* The value that is the average over `layer`, where everything from it to the logits is linear; -1
 * where the head is not so: then there is no CAM. */
int gcam_head_pooled(const gcam_graph *graph, const gcam_head *head, int layer);

#endif
