/* trial.h: what methods by many forward passes work with: the network, the input that they change,
 * and what they add up. One trial is one variant of the input.
 *
 * Letters: H W K size and channels of the layer or input explained, B targets. */
#ifndef GCAM_CAM_TRIAL_H
#define GCAM_CAM_TRIAL_H

#include "cam/layers.h"
#include "cam/maps.h"
#include "cam/options.h"
#include "cam/picture.h"
#include "cam/targets.h"

typedef struct gcam_trial {
  gcam_session *session;
  const gcam_targets *targets;
  const gcam_options *options;
  gcam_picture_input input;
  gcam_layer layer;
  float *base;         /* the input of this variant, before a method changes it */
  float *activation;   /* [H][W][K] of the layer at `base`; NULL: the map is at the input */
  int64_t steps, done; /* in all, and taken */
  double scores[GCAM_MAX_TARGETS]; /* at `base` */
  double aside[GCAM_MAX_TARGETS];  /* a method's own: the score of the baseline */
  bool has_aside;
  double *sums; /* [B][sum_count], zeroed */
  int64_t sum_count;
  gcam_cotangents cotangents; /* work space */
  double *delta;              /* [B], to add to */
  gcam_warnings *warnings;
  bool touched; /* the activations are no longer those of the input that the caller gave */
} gcam_trial;

static inline double gcam_trial_option(const gcam_trial *trial, gcam_option option) {
  return trial->options->value[option];
}
/* The network's input, to be written; then gcam_trial_forward. */
float *gcam_trial_input(gcam_trial *trial);
/* input = base * mask [H][W] of the input's size */
void gcam_trial_mask(gcam_trial *trial, const float *mask);
gcam_status gcam_trial_forward(gcam_trial *trial, gcam_error *err);
/* The targets' scores at the session's present activations. */
gcam_status gcam_trial_scores(const gcam_trial *trial, double *scores, gcam_error *err);
/* sums of target b += scores[b] * values [sum_count] */
void gcam_trial_add_scaled(gcam_trial *trial, const double *scores, const float *values);
/* sums += the targets' gradients to the input, in stored order. */
gcam_status gcam_trial_add_gradients(gcam_trial *trial, gcam_error *err);

#endif
