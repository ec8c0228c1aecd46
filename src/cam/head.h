/* head.h: how a network ends: which output the classes come from, where its logits are, how they
 * become scores and probabilities, and the gradient of a score with respect to them. */
#ifndef GCAM_CAM_HEAD_H
#define GCAM_CAM_HEAD_H

#include "ops/graph.h"

typedef struct gcam_head {
  int output;                 /* index among the graph's outputs */
  int logits;                 /* value: what a final Softmax or Sigmoid reads, else the output */
  int units;                  /* floats of one picture in it; 0: not one row of numbers */
  int classes;                /* 2 for one sigmoid unit, which is the second; else the units */
  gcam_activation activation; /* never GCAM_ACTIVATION_AUTO */
  bool picture;               /* units 0: [1][C][H][W] with a height and width */
} gcam_head;

/* The output most like class scores: one row of numbers; of these one that ends in a Softmax or
 * Sigmoid; of these one that no other output is computed from; of these one of several numbers; of
 * these the first. */
gcam_status gcam_head_output(const gcam_graph *graph, int *output, gcam_error *err);
/* activation: GCAM_ACTIVATION_AUTO, or what the caller knows better. NONE takes the output's own
 * numbers, behind a final Softmax or Sigmoid too. */
gcam_head gcam_head_make(const gcam_graph *graph, int output, gcam_activation activation);

/* From the logits of one picture, [units], to [classes]. Scores of one sigmoid unit: -z and z. */
void gcam_head_scores(const gcam_head *head, const float *logits, float *scores);
/* NaN where the head has no probabilities. */
void gcam_head_probabilities(const gcam_head *head, const float *logits, float *probabilities);

/* Which of `count` scores are the k best, best first; of equal ones the smaller index, NaN last.
 * Returns how many there are: k, or fewer. */
int gcam_head_top(const float *scores, int count, int k, int *ids);

/* A target's score is a sum over the classes of weights[c] s_c, s_c the score or the probability of
 * c: one class is a single 1, "class a, not b" is 1 and -1. */
gcam_status gcam_head_value(const gcam_head *head, gcam_score score, const float *logits,
                            const float *weights, double *value, gcam_error *err);

/* The gradient of that sum with respect to the logits, as cotangent[units] times *scale.
 *   logit    weights; one sigmoid unit: weights_1 - weights_0
 *   softmax  dp_c/dz = p_c (1 - p_c) (e_c - q),  q = softmax over the other classes;
 *            several classes: cotangent_j = p_j sum over i of p_i (weights_j - weights_i)
 *   sigmoid  dp_c/dz = p_c (1 - p_c) e_c
 * cotangent leaves the scalar p_c (1 - p_c) out, which may be smaller than any float. */
gcam_status gcam_head_cotangent(const gcam_head *head, gcam_score score, const float *logits,
                                const float *weights, float *cotangent, double *scale,
                                gcam_error *err);

/* The value that is the average over all positions of `layer` ([N][H][W][K] or [N][T][K]), where
 * everything from it to `output` is linear; -1 where it is not so: then there is no CAM. */
int gcam_head_pooled(const gcam_graph *graph, int output, int layer);

#endif
