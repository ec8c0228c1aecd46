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
#include "cam/job.h"
#include "cam/methods.h"
#include "image/resize.h"

static int64_t steps(const gcam_job *job) { return job->maps.K; }

static int64_t sums(const gcam_job *job) { return job->maps.K; }

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

static int step(gcam_job *job, int64_t k, gcam_error *err) {
  int64_t small = job->maps.H * job->maps.W, large = job->input.H * job->input.W, K = job->maps.K;
  float *channel = gcam_alloc(small + large, sizeof *channel);
  if (!channel) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a mask");
  float *mask = channel + small;
  for (int64_t i = 0; i < small; i++) channel[i] = job->activation[i * K + k];
  double scores[GCAM_MAX_TARGETS];
  gcam_status status = gcam_map_resize_to(channel, (int)job->maps.W, (int)job->maps.H, mask,
                                          (int)job->input.W, (int)job->input.H, GCAM_BILINEAR, err);
  bool varies = !status && normalise(mask, large);
  if (!status && (varies || !job->has_aside)) {
    gcam_job_mask(job, mask);
    status = gcam_job_forward(job, err);
    if (!status) status = gcam_job_scores(job, varies ? scores : job->aside, err);
    job->has_aside |= !varies;
  }
  for (int b = 0; b < job->count && !status; b++)
    job->sums[b * K + k] = varies ? scores[b] : job->aside[b];
  gcam_free(channel);
  return status;
}

static int finish(gcam_job *job, int b, const gcam_cam *cam, gcam_error *err) {
  const double *s = job->sums + b * cam->K;
  double most = -INFINITY, total = 0;
  (void)err;
  for (int64_t k = 0; k < cam->K; k++) most = fmax(most, s[k]);
  for (int64_t k = 0; k < cam->K; k++) total += exp(s[k] - most);
  for (int64_t k = 0; k < cam->K; k++) cam->weights[k] = (float)(exp(s[k] - most) / total);
  gcam_cam_weighted_sum(cam);
  return GCAM_OK;
}

const gcam_forwards gcam_forwards_scorecam = {steps, sums, step, finish, false};
