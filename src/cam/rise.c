/* RISE (Petsiuk et al., arXiv 1806.07421, equations 5-6): the input under random masks, which are
 * then averaged with the scores as weights:
 *
 *   map = 1/(N p) sum over i of y(x * M_i) M_i
 *
 * M_i: g x g cells, each kept with probability p, enlarged bilinearly to (g + 1) cells of the
 * input's g-th part, of which a random part of the input's size is cut out (section 3.2). The
 * paper's y is a probability: use the score softmax. */

#include "base/memory.h"
#include "cam/job.h"
#include "cam/methods.h"
#include "cam/random.h"
#include "image/resize.h"

static int64_t steps(const gcam_job *job) {
  return (int64_t)gcam_job_option(job, GCAM_OPTION_SAMPLES);
}

static int64_t sums(const gcam_job *job) { return job->input.H * job->input.W; }

/* mask[H][W] number i. */
static gcam_status random_mask(const gcam_job *job, int64_t i, float *mask, gcam_error *err) {
  int g = (int)gcam_job_option(job, GCAM_OPTION_GRID), H = (int)job->input.H, W = (int)job->input.W;
  int cell_h = (H + g - 1) / g, cell_w = (W + g - 1) / g, side = (g + 1) * cell_w;
  double keep = gcam_job_option(job, GCAM_OPTION_KEEP);
  uint64_t seed = (uint64_t)gcam_job_option(job, GCAM_OPTION_SEED),
           first = (uint64_t)i * (g * g + 2);
  int64_t large_size = (int64_t)(g + 1) * cell_h * side;
  float *cells = gcam_alloc(g * g + large_size, sizeof *cells);
  if (!cells) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a mask");
  float *large = cells + g * g;
  for (int c = 0; c < g * g; c++)
    cells[c] = gcam_random_uniform(seed, first + (uint64_t)c) < keep ? 1 : 0;
  int top = (int)(gcam_random_uniform(seed, first + (uint64_t)(g * g)) * cell_h);
  int left = (int)(gcam_random_uniform(seed, first + (uint64_t)(g * g) + 1) * cell_w);
  gcam_status status =
      gcam_map_resize_to(cells, g, g, large, side, (g + 1) * cell_h, GCAM_BILINEAR, err);
  for (int y = 0; y < H && !status; y++)
    for (int x = 0; x < W; x++) mask[y * W + x] = large[(int64_t)(y + top) * side + x + left];
  gcam_free(cells);
  return status;
}

static int step(gcam_job *job, int64_t i, gcam_error *err) {
  int64_t n = job->sum_count;
  double scores[GCAM_MAX_TARGETS];
  float *mask = gcam_alloc(n, sizeof *mask);
  if (!mask) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a mask");
  gcam_status status = random_mask(job, i, mask, err);
  if (!status) {
    gcam_job_mask(job, mask);
    status = gcam_job_forward(job, err);
  }
  if (!status) status = gcam_job_scores(job, scores, err);
  for (int b = 0; b < job->count && !status; b++)
    for (int64_t k = 0; k < n; k++) job->sums[b * n + k] += scores[b] * mask[k];
  gcam_free(mask);
  return status;
}

static int finish(gcam_job *job, int b, const gcam_cam *cam, gcam_error *err) {
  double total = (double)job->per_variant * gcam_job_option(job, GCAM_OPTION_KEEP);
  (void)err;
  for (int64_t k = 0; k < job->sum_count; k++)
    cam->map[k] = (float)(job->sums[b * job->sum_count + k] / total);
  return GCAM_OK;
}

const gcam_forwards gcam_forwards_rise = {steps, sums, step, finish, true};
