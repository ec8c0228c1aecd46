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

#include "cam/method.h"

static int64_t steps(const gcam_trial *t) {
  return (int64_t)gcam_trial_option(t, GCAM_OPTION_STEPS) + 1;
}

static int64_t sums(const gcam_trial *t) { return gcam_input_size(&t->input); }

static gcam_status step(gcam_trial *t, int64_t i, gcam_error *err) {
  int64_t n = t->steps - 1;
  double baseline = gcam_trial_option(t, GCAM_OPTION_BASELINE);
  double part = i < n ? ((double)i + 0.5) / (double)n : 0;
  float *input = gcam_trial_input(t);
  for (int64_t k = 0; k < t->sum_count; k++)
    input[k] = (float)(baseline + part * (t->base[k] - baseline));
  GCAM_TRY(gcam_trial_forward(t, err));
  if (i == n) return gcam_trial_scores(t, t->aside, err);
  return gcam_trial_add_gradients(t, err);
}

static bool finish(gcam_trial *t, int b, const gcam_cam *cam) {
  const gcam_picture_input *in = &t->input;
  double n = (double)(t->done < t->steps ? t->done : t->steps - 1), total = 0;
  double baseline = gcam_trial_option(t, GCAM_OPTION_BASELINE);
  for (int64_t i = 0; i < cam->H * cam->W; i++) {
    double sum = 0;
    for (int64_t c = 0; c < cam->K; c++) {
      int64_t at = gcam_input_at(in, i, c);
      double term = (t->base[at] - baseline) * t->sums[b * t->sum_count + at] / n;
      cam->terms[i * cam->K + c] = (float)term;
      sum += term;
    }
    cam->map[i] = (float)sum;
    total += sum;
  }
  double change = t->scores[b] - t->aside[b], delta = total - change;
  t->delta[b] += delta;
  if (fabs(delta) > 0.02 * fabs(change))
    gcam_warn(t->warnings, "incomplete", b,
              "%s: the map sums to %.4g, but the score changes by %.4g on the way from the "
              "baseline; ask for more steps",
              t->targets->labels[b], total, change);
  return true;
}

static const gcam_forwards forwards = {steps, sums, step, finish, true};

const gcam_method gcam_method_integrated = {.name = "integrated",
                                            .title = "Integrated Gradients",
                                            .paper = "arXiv:1703.01365, eq. 1",
                                            .has_terms = true,
                                            .forwards = &forwards};
