#include "cam/trial.h"

#include "base/memory.h"
#include "cam/gradient_cache.h"

float *gcam_trial_input(gcam_trial *t) {
  t->touched = true;
  return gcam_session_input(t->session, 0);
}

/* Of one row whose pixels are their C channels one behind the other. C is known where this is
 * called: vector registers take no strides that are not. */
static inline void mask_pixels(float *restrict input, const float *base, const float *mask,
                               int64_t W, int64_t C) {
  for (int64_t x = 0; x < W; x++)
    for (int64_t c = 0; c < C; c++) input[x * C + c] = base[x * C + c] * mask[x];
}

void gcam_trial_mask(gcam_trial *t, const float *mask) {
  const gcam_picture_input *in = &t->input;
  float *input = gcam_trial_input(t);
  for (int64_t y = 0; y < in->H; y++, mask += in->W) {
    int64_t at = y * in->row;
    if (in->channel == 1 && in->column == 3 && in->C == 3) {
      mask_pixels(input + at, t->base + at, mask, in->W, 3);
      continue;
    }
    for (int64_t c = 0; c < in->C; c++) {
      int64_t to = at + c * in->channel;
      for (int64_t x = 0; x < in->W; x++, to += in->column) input[to] = t->base[to] * mask[x];
    }
  }
}

gcam_status gcam_trial_forward(gcam_trial *t, gcam_error *err) {
  return gcam_session_forward(t->session, err);
}

gcam_status gcam_trial_scores(const gcam_trial *t, double *scores, gcam_error *err) {
  return gcam_targets_scores(t->targets, t->session, scores, err);
}

void gcam_trial_add_scaled(gcam_trial *t, const double *scores, const float *values) {
  for (int b = 0; b < t->targets->count; b++) {
    double *restrict sums = t->sums + b * t->sum_count;
    for (int64_t k = 0; k < t->sum_count; k++) sums[k] += scores[b] * values[k];
  }
}

gcam_status gcam_trial_add_gradients(gcam_trial *t, gcam_error *err) {
  const gcam_targets *targets = t->targets;
  int64_t n = gcam_input_size(&t->input);
  int at_once = gcam_gradient_cache_at_once(t->session, t->input.value, targets->count);
  GCAM_TRY(gcam_targets_cotangents(targets, t->session, &t->cotangents, err));
  for (int b = 0; b < targets->count; b += at_once) {
    int B = targets->count - b < at_once ? targets->count - b : at_once;
    gcam_way_back way = {.output = targets->output,
                         .value = t->input.value,
                         .via = t->input.value,
                         .cotangents = t->cotangents.data + b * targets->size,
                         .size = targets->size,
                         .B = B};
    float *gradients;
    GCAM_TRY(gcam_gradient_cache_get(NULL, t->session, &way, &gradients, err));
    for (int64_t i = 0; i < B * n; i++)
      t->sums[b * n + i] += t->cotangents.scales[b + i / n] * gradients[i];
    gcam_gradient_cache_done(NULL, gradients);
  }
  return GCAM_OK;
}
