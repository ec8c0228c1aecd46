/* Score-CAM (Wang et al., arXiv 1910.01279, equations 5-8): no gradient. Every channel, enlarged to
 * the input and brought to 0..1, masks the input x; the score that is left weights the channel:
 *
 *   s_k = y(x * M_k),  M_k = (up(A^k) - min) / (max - min),   alpha = softmax over k of s
 *   map = sum over k of alpha_k A^k
 *
 * (Subtracting the score of a baseline, as equation 5 has it, changes nothing under the softmax.)
 * A constant channel masks all: those share one forward pass. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cam/method.h"
#include "image/resize.h"

static int64_t steps(const gcam_trial *t) { return t->layer.K; }

static int64_t sums(const gcam_trial *t) { return t->layer.K; }

/* M_k; false: the channel is constant, and the mask 0. */
static bool normalise(float *mask, int64_t n) {
  float lo = INFINITY, hi = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    lo = mask[i] < lo ? mask[i] : lo;
    hi = mask[i] > hi ? mask[i] : hi;
  }
  bool varies = hi - lo > FLT_MIN; /* the division below must not overflow */
  float scale = varies ? 1 / (hi - lo) : 0;
  for (int64_t i = 0; i < n; i++) mask[i] = (mask[i] - lo) * scale;
  return varies;
}

static gcam_status step(gcam_trial *t, int64_t k, gcam_error *err) {
  int64_t small = t->layer.H * t->layer.W, large = t->input.H * t->input.W, K = t->layer.K;
  float *channel = gcam_alloc(small + large, sizeof *channel);
  if (!channel) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a mask");
  float *mask = channel + small;
  for (int64_t i = 0; i < small; i++) channel[i] = t->activation[i * K + k];
  double scores[GCAM_MAX_TARGETS];
  gcam_status status = gcam_map_resize_to(channel, (int)t->layer.W, (int)t->layer.H, mask,
                                          (int)t->input.W, (int)t->input.H, GCAM_BILINEAR, err);
  bool varies = !status && normalise(mask, large);
  if (!status && (varies || !t->has_aside)) {
    gcam_trial_mask(t, mask);
    status = gcam_trial_forward(t, err);
    if (!status) status = gcam_trial_scores(t, varies ? scores : t->aside, err);
    t->has_aside |= !varies;
  }
  for (int b = 0; b < t->targets->count && !status; b++)
    t->sums[b * K + k] = varies ? scores[b] : t->aside[b];
  gcam_free(channel);
  return status;
}

static bool finish(gcam_trial *t, int b, const gcam_cam *cam) {
  const double *s = t->sums + b * cam->K;
  double most = -INFINITY, total = 0;
  for (int64_t k = 0; k < t->done; k++) most = fmax(most, s[k]);
  for (int64_t k = 0; k < t->done; k++) total += exp(s[k] - most);
  for (int64_t k = 0; k < t->done; k++) cam->weights[k] = (float)(exp(s[k] - most) / total);
  return gcam_cam_weighted_sum(cam);
}

static const gcam_forwards forwards = {steps, sums, step, finish, false};

const gcam_method gcam_method_scorecam = {.name = "scorecam",
                                          .title = "Score-CAM",
                                          .paper = "arXiv:1910.01279, eq. 5-8",
                                          .has_weights = true,
                                          .forwards = &forwards};
