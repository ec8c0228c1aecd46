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

/* The gradient of class c's score with respect to the logits, as cotangent[classes] times *scale.
 *   logit    e_c
 *   softmax  dp_c/dz = p_c (1 - p_c) (e_c - q),  q = softmax over the other classes
 *   sigmoid  dp_c/dz = p_c (1 - p_c) e_c
 * cotangent leaves the scalar p_c (1 - p_c) out, which may be smaller than any float. */
void gcam_head_cotangent(const gcam_head *head, gcam_score score, const float *logits, int c,
                         float *cotangent, double *scale);

#endif
