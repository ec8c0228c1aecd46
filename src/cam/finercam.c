/* Finer-CAM (Zhang et al., arXiv 2501.11309): Grad-CAM of the difference between a class and the
 * classes most like it: what tells them apart, not what they share:
 *
 *   y = y^c - gamma/n * sum over the n classes d whose scores are closest to y^c of y^d
 *
 * The paper averages the n maps of y^c - gamma y^d; before ReLU that is the same. References of
 * one's own are given as a target (class against class), with any method. */
#include <math.h>
#include <stdbool.h>

#include "cam/method.h"

static void contrast(float *weights, const float *scores, int classes,
                     const gcam_options *options) {
  int c = -1, n = (int)options->value[GCAM_OPTION_REFERENCES];
  for (int j = 0; j < classes; j++)
    if (weights[j] != 0) {
      if (c >= 0 || weights[j] < 0) return; /* a target made by hand says itself what to contrast */
      c = j;
    }
  if (n > classes - 1) n = classes - 1;
  if (c < 0 || n < 1) return;
  float share = (float)(-options->value[GCAM_OPTION_GAMMA] * weights[c] / n);
  double last = -1;
  int last_at = -1;
  for (int i = 0; i < n; i++) { /* the next closest; of equals the smaller class first */
    int best = -1;
    double closest = INFINITY;
    for (int j = 0; j < classes; j++) {
      double distance = fabs((double)scores[j] - scores[c]);
      bool after = distance > last || (distance == last && j > last_at);
      if (j != c && after && distance < closest) {
        best = j;
        closest = distance;
      }
    }
    if (best < 0) return;
    weights[best] = share;
    last = closest;
    last_at = best;
  }
}

const gcam_method gcam_method_finercam = {.name = "finercam",
                                          .title = "Finer-CAM",
                                          .paper = "arXiv:2501.11309",
                                          .map = gcam_cam_gradient_sum,
                                          .from = GCAM_FROM_MEANS,
                                          .has_weights = true,
                                          .target = contrast};
