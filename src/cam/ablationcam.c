/* Ablation-CAM (Ramaswamy & Ramaswamy, WACV 2020, equation 5): how far the score falls when a
 * channel of the layer is set to zero; only what comes after the layer is run again:
 *
 *   alpha_k = (y - y without A^k) / |y|,   map = sum over k of alpha_k A^k
 *
 * |y| where the paper has y: a negative score must not turn the map round. 1 where y is 0. */
#include <math.h>

#include "cam/job.h"
#include "cam/methods.h"

static int64_t steps(const gcam_job *job) { return job->maps.K; }

static int64_t sums(const gcam_job *job) { return job->maps.K; }

/* The channel's floats in the session become `from`'s, or 0. Was any of them not 0? */
static bool set_channel(gcam_job *job, int64_t k, const float *from) {
  const gcam_slot *slot = gcam_session_slot(job->session, job->layers[0]);
  int64_t pixels = job->maps.H * job->maps.W;
  bool any = false;
  for (int64_t i = 0; i < pixels; i++) {
    float *at = slot->data + i * slot->stride + k;
    any |= *at != 0;
    *at = from ? from[i * job->maps.K + k] : 0;
  }
  return any;
}

static int step(gcam_job *job, int64_t k, gcam_error *err) {
  double scores[GCAM_MAX_TARGETS];
  GCAM_TRY(gcam_session_set_apart(job->session, job->layers[0], err));
  bool any = set_channel(job, k, NULL);
  gcam_status status = GCAM_OK;
  if (any) {
    job->touched = true;
    status = gcam_session_forward_from(job->session, job->layers[0], err);
    if (!status) status = gcam_job_scores(job, scores, err);
    set_channel(job, k, job->activation);
  }
  for (int b = 0; b < job->count && !status; b++)
    job->sums[b * job->sum_count + k] = any ? scores[b] : job->scores[b];
  return status;
}

static int finish(gcam_job *job, int b, const gcam_cam *cam, gcam_error *err) {
  double y = job->scores[b], below = y != 0 ? fabs(y) : 1;
  (void)err;
  for (int64_t k = 0; k < cam->K; k++)
    cam->weights[k] = (float)((y - job->sums[b * job->sum_count + k]) / below);
  gcam_cam_weighted_sum(cam);
  return GCAM_OK;
}

const gcam_forwards gcam_forwards_ablationcam = {steps, sums, step, finish, false};
