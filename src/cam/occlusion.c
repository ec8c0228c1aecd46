/* Occlusion sensitivity (Zeiler & Fergus, arXiv 1311.2901, section 4.2): a square of the option
 * `baseline` is moved over the input. The map at a pixel is how far the score falls, averaged over
 * the squares that cover it. */
#include <string.h>

#include "cam/method.h"

/* Squares along one axis of n pixels: size, and the beginning of each. */
typedef struct squares {
  int64_t size, stride, count, last;
} squares;

static squares along(const gcam_trial *t, int64_t n) {
  squares s = {.size = (int64_t)gcam_trial_option(t, GCAM_OPTION_WINDOW),
               .stride = (int64_t)gcam_trial_option(t, GCAM_OPTION_STRIDE)};
  if (!s.size) s.size = n / 8 > 0 ? n / 8 : 1;
  if (s.size > n) s.size = n;
  if (!s.stride) s.stride = s.size / 2 > 0 ? s.size / 2 : 1;
  s.last = n - s.size;
  s.count = (s.last + s.stride - 1) / s.stride + 1;
  return s;
}

static int64_t start(const squares *s, int64_t i) {
  return i * s->stride < s->last ? i * s->stride : s->last;
}

static int64_t steps(const gcam_trial *t) {
  return along(t, t->input.H).count * along(t, t->input.W).count;
}

static int64_t sums(const gcam_trial *t) { return t->input.H * t->input.W; }

static gcam_status step(gcam_trial *t, int64_t i, gcam_error *err) {
  const gcam_picture_input *in = &t->input;
  squares y = along(t, in->H), x = along(t, in->W);
  int64_t top = start(&y, i / x.count), left = start(&x, i % x.count);
  float *input = gcam_trial_input(t);
  memcpy(input, t->base, (size_t)(in->H * in->W * in->C) * sizeof *input);
  for (int64_t r = top; r < top + y.size; r++)
    for (int64_t c = left; c < left + x.size; c++)
      for (int64_t k = 0; k < in->C; k++)
        input[gcam_input_at(in, r * in->W + c, k)] =
            (float)gcam_trial_option(t, GCAM_OPTION_BASELINE);
  double scores[GCAM_MAX_TARGETS];
  GCAM_TRY(gcam_trial_forward(t, err));
  GCAM_TRY(gcam_trial_scores(t, scores, err));
  for (int b = 0; b < t->targets->count; b++)
    for (int64_t r = top; r < top + y.size; r++)
      for (int64_t c = left; c < left + x.size; c++)
        t->sums[b * t->sum_count + r * in->W + c] += t->scores[b] - scores[b];
  return GCAM_OK;
}

/* How many of the first `count` squares cover pixel `at`? */
static int64_t covers(const squares *s, int64_t count, int64_t at) {
  int64_t n = 0;
  for (int64_t i = 0; i < count; i++) n += start(s, i) <= at && at < start(s, i) + s->size;
  return n;
}

static bool finish(gcam_trial *t, int b, const gcam_cam *cam) {
  squares y = along(t, cam->H), x = along(t, cam->W);
  int64_t rows = t->done / x.count, more = t->done % x.count; /* squares of the row under way */
  for (int64_t r = 0; r < cam->H; r++) {
    int64_t whole = covers(&y, rows, r), part = more ? covers(&y, rows + 1, r) - whole : 0;
    for (int64_t c = 0; c < cam->W; c++) {
      int64_t n = whole * covers(&x, x.count, c), at = r * cam->W + c;
      if (part) n += covers(&x, more, c);
      /* a stride larger than the window leaves gaps: nothing is known there */
      cam->map[at] = n ? (float)(t->sums[b * t->sum_count + at] / (double)n) : 0;
    }
  }
  return true;
}

static const gcam_forwards forwards = {steps, sums, step, finish, true};

const gcam_method gcam_method_occlusion = {.name = "occlusion",
                                           .title = "Occlusion sensitivity",
                                           .paper = "arXiv:1311.2901, sec. 4.2",
                                           .forwards = &forwards};
