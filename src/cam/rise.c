/* RISE (Petsiuk et al., arXiv 1806.07421, equations 5-6): the input under random masks, which are
 * then averaged with the scores as weights:
 *
 *   map = 1/(N p) sum over i of y(x * M_i) M_i
 *
 * M_i: g x g cells, each kept with probability p, enlarged bilinearly to (g + 1) cells of the
 * input's g-th part, of which a random part of the input's size is cut out (section 3.2). The
 * paper's y is a probability: use the score softmax. */

#include "base/memory.h"
#include "cam/method.h"
#include "cam/random.h"
#include "image/resize.h"

static int64_t steps(const gcam_trial *t) {
  return (int64_t)gcam_trial_option(t, GCAM_OPTION_SAMPLES);
}

static int64_t sums(const gcam_trial *t) { return t->input.H * t->input.W; }

/* mask[H][W] number i. */
static gcam_status random_mask(const gcam_trial *t, int64_t i, float *mask, gcam_error *err) {
  int g = (int)gcam_trial_option(t, GCAM_OPTION_GRID), H = (int)t->input.H, W = (int)t->input.W;
  int cell_h = (H + g - 1) / g, cell_w = (W + g - 1) / g;
  double keep = gcam_trial_option(t, GCAM_OPTION_KEEP);
  uint64_t seed = (uint64_t)gcam_trial_option(t, GCAM_OPTION_SEED),
           first = (uint64_t)i * (g * g + 2);
  float *cells = gcam_alloc(g * g, sizeof *cells);
  if (!cells) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a mask");
  for (int c = 0; c < g * g; c++)
    cells[c] = gcam_random_uniform(seed, first + (uint64_t)c) < keep ? 1 : 0;
  int top = (int)(gcam_random_uniform(seed, first + (uint64_t)(g * g)) * cell_h);
  int left = (int)(gcam_random_uniform(seed, first + (uint64_t)(g * g) + 1) * cell_w);
  /* the input is a part of the enlarged cells, and no more than that is made */
  gcam_view enlarged = {-left, -top, (double)(g + 1) * cell_w, (double)(g + 1) * cell_h};
  gcam_status status = gcam_map_place(cells, g, g, mask, W, H, &enlarged, 0, GCAM_BILINEAR, err);
  gcam_free(cells);
  return status;
}

static gcam_status step(gcam_trial *t, int64_t i, gcam_error *err) {
  double scores[GCAM_MAX_TARGETS];
  float *mask = gcam_alloc(t->sum_count, sizeof *mask);
  if (!mask) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a mask");
  gcam_status status = random_mask(t, i, mask, err);
  if (!status) {
    gcam_trial_mask(t, mask);
    status = gcam_trial_forward(t, err);
  }
  if (!status) status = gcam_trial_scores(t, scores, err);
  if (!status) gcam_trial_add_scaled(t, scores, mask);
  gcam_free(mask);
  return status;
}

static bool finish(gcam_trial *t, int b, const gcam_cam *cam) {
  double total = (double)t->done * gcam_trial_option(t, GCAM_OPTION_KEEP);
  for (int64_t k = 0; k < t->sum_count; k++)
    cam->map[k] = (float)(t->sums[b * t->sum_count + k] / total);
  return true;
}

static const gcam_forwards forwards = {steps, sums, step, finish, true};

const gcam_method gcam_method_rise = {
    .name = "rise", .title = "RISE", .paper = "arXiv:1806.07421, eq. 5-6", .forwards = &forwards};
