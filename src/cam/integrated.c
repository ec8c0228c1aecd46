/* Integrated Gradients (Sundararajan et al., arXiv 1703.01365, equation 1), on the straight way
 * from a baseline x' to the input x, by the midpoint rule at n points:
 *
 *   terms = (x - x') 1/n sum over i of dy/dx at x' + (i + 1/2)/n (x - x'),   map = sum of terms
 *
 * Completeness: the map sums to y(x) - y(x'); what is missing is the convergence delta, and more
 * than 2 % is a warning. x' is the option `baseline` everywhere: 0 is the mean colour after the
 * usual preprocessing. The last step runs x' itself. */
#include <math.h>
#include <string.h>

#include "cam/job.h"
#include "cam/methods.h"

static int64_t steps(const gcam_job *job) {
  return (int64_t)gcam_job_option(job, GCAM_OPTION_STEPS) + 1;
}

static int64_t sums(const gcam_job *job) { return job->input.H * job->input.W * job->input.C; }

static int add_gradients(gcam_job *job, gcam_error *err) {
  int64_t n = job->sum_count;
  for (int b = 0, B; b < job->count; b += B) {
    float *gradients;
    B = job->count - b;
    GCAM_TRY(gcam_explain_to_input(job, b, &B, &gradients, err));
    for (int64_t i = 0; i < B * n; i++)
      job->sums[b * n + i] += job->scales[b + i / n] * gradients[i];
    gcam_floats_free(gradients);
  }
  return GCAM_OK;
}

static int step(gcam_job *job, int64_t i, gcam_error *err) {
  int64_t n = job->per_variant - 1;
  double baseline = gcam_job_option(job, GCAM_OPTION_BASELINE);
  double part = i < n ? ((double)i + 0.5) / (double)n : 0;
  float *input = gcam_job_input(job);
  for (int64_t k = 0; k < job->sum_count; k++)
    input[k] = (float)(baseline + part * (job->base[k] - baseline));
  GCAM_TRY(gcam_job_forward(job, err));
  if (i == n) return gcam_job_scores(job, job->aside, err);
  GCAM_TRY(gcam_explain_cotangents(job, err));
  return add_gradients(job, err);
}

static int finish(gcam_job *job, int b, const gcam_cam *cam, gcam_error *err) {
  const gcam_picture_input *in = &job->input;
  double n = (double)(job->per_variant - 1), total = 0;
  double baseline = gcam_job_option(job, GCAM_OPTION_BASELINE);
  (void)err;
  for (int64_t i = 0; i < cam->H * cam->W; i++) {
    double sum = 0;
    for (int64_t c = 0; c < cam->K; c++) {
      int64_t at = gcam_input_at(in, i, c);
      double term = (job->base[at] - baseline) * job->sums[b * job->sum_count + at] / n;
      cam->terms[i * cam->K + c] = (float)term;
      sum += term;
    }
    cam->map[i] = (float)sum;
    total += sum;
  }
  double change = job->scores[b] - job->aside[b], delta = total - change;
  job->maps.delta[b] += delta;
  if (fabs(delta) > 0.02 * fabs(change))
    gcam_warn(
        &job->warnings, "incomplete",
        "%s: the map sums to %.4g, but the score changes by %.4g on the way from the baseline; "
        "ask for more steps",
        job->labels[b], total, change);
  return GCAM_OK;
}

const gcam_forwards gcam_forwards_integrated = {steps, sums, step, finish, true};
