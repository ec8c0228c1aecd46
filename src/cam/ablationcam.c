/* Ablation-CAM (Ramaswamy & Ramaswamy, WACV 2020, equation 5): how far the score falls when a
 * channel of the layer is set to zero; only what comes after the layer is run again:
 *
 *   alpha_k = (y - y without A^k) / |y|,   map = sum over k of alpha_k A^k
 *
 * |y| where the paper has y: a negative score must not turn the map round. 1 where y is 0. */
#include <math.h>

#include "cam/method.h"

static int64_t steps(const gcam_trial *t) { return t->layer.K; }

static int64_t sums(const gcam_trial *t) { return t->layer.K; }

/* The channel's floats in the session become `from`'s, or 0. Was any of them not 0? */
static bool set_channel(gcam_trial *t, int64_t k, const float *from) {
  const gcam_slot *slot = gcam_session_slot(t->session, t->layer.value);
  int64_t pixels = t->layer.H * t->layer.W;
  bool any = false;
  for (int64_t i = 0; i < pixels; i++) {
    float *at = slot->data + (t->layer.skip + i) * slot->stride + k;
    any |= *at != 0;
    *at = from ? from[i * t->layer.K + k] : 0;
  }
  return any;
}

static gcam_status step(gcam_trial *t, int64_t k, gcam_error *err) {
  double scores[GCAM_MAX_TARGETS];
  GCAM_TRY(gcam_session_set_apart(t->session, t->layer.value, err));
  bool any = set_channel(t, k, NULL);
  gcam_status status = GCAM_OK;
  if (any) {
    t->touched = true;
    status = gcam_session_forward_from(t->session, t->layer.value, err);
    if (!status) status = gcam_trial_scores(t, scores, err);
    set_channel(t, k, t->activation);
  }
  for (int b = 0; b < t->targets->count && !status; b++)
    t->sums[b * t->sum_count + k] = any ? scores[b] : t->scores[b];
  return status;
}

static bool finish(gcam_trial *t, int b, const gcam_cam *cam) {
  double y = t->scores[b], below = y != 0 ? fabs(y) : 1;
  for (int64_t k = 0; k < t->done; k++)
    cam->weights[k] = (float)((y - t->sums[b * t->sum_count + k]) / below);
  return gcam_cam_weighted_sum(cam);
}

static const gcam_forwards forwards = {steps, sums, step, finish, false};

const gcam_method gcam_method_ablationcam = {.name = "ablationcam",
                                             .title = "Ablation-CAM",
                                             .paper = "doi:10.1109/WACV45572.2020.9093360",
                                             .has_weights = true,
                                             .forwards = &forwards};
