#include "cam/trial.h"

#include "base/memory.h"
#include "cam/gradient_cache.h"

float *gcam_trial_input(gcam_trial *t) {
  t->touched = true;
  return gcam_session_input(t->session, 0);
}

void gcam_trial_mask(gcam_trial *t, const float *mask) {
  const gcam_picture_input *in = &t->input;
  float *input = gcam_trial_input(t);
  for (int64_t y = 0; y < in->H; y++)
    for (int64_t c = 0; c < in->C; c++) {
      int64_t at = y * in->row + c * in->channel;
      for (int64_t x = 0; x < in->W; x++, at += in->column)
        input[at] = t->base[at] * mask[y * in->W + x];
    }
}

gcam_status gcam_trial_forward(gcam_trial *t, gcam_error *err) {
  return gcam_session_forward(t->session, err);
}

gcam_status gcam_trial_scores(const gcam_trial *t, double *scores, gcam_error *err) {
  return gcam_targets_scores(t->targets, t->session, scores, err);
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
