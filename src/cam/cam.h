/* cam.h: what a method sees, one target at one layer, and how methods end: sums and projections.
 *
 * Letters: H W size of the layer (or of the network's input), K its channels, A^k its activations,
 * y the score of the target, g = dy/dA its gradient. */
#ifndef GCAM_CAM_CAM_H
#define GCAM_CAM_CAM_H

#include <stdbool.h>
#include <stdint.h>

#include "cam/options.h"

typedef struct gcam_cam {
  int64_t H, W, K;
  const float *activation; /* A: [H][W][K] */
  const float *gradient;   /* g without the factor `scale`: [H][W][K] of one target; or [K] */
  double scale; /* for methods that are not linear in g; the pipeline multiplies the map */
  const gcam_options *options;
  float *map;     /* [H][W], to fill: before ReLU */
  float *weights; /* alpha: [K], to fill; zeroed. NULL where the method has none */
  /* [H][W][K]: work space of methods without weights; those to the input leave their attributions
   * here. Methods with weights run for several targets at once and have none. */
  float *terms;
  /* Guided Grad-CAM: the Grad-CAM of the layer, before ReLU */
  const float *coarse;
  int64_t coarse_H, coarse_W;
} gcam_cam;

/* All of these: false without memory. */

/* map[i] = sum over k of weights[k] A[i][k]: what most methods end with. */
bool gcam_cam_weighted_sum(const gcam_cam *cam);
/* The same with what comes as the gradient, [K], for weights: its mean over the positions in
 * Grad-CAM, the class weights in CAM. */
bool gcam_cam_gradient_sum(const gcam_cam *cam);
/* map[i] = sum over k of g[i][k] A[i][k], or of relu(g[i][k]) A[i][k]. Needs terms. */
bool gcam_cam_sum_products(const gcam_cam *cam, bool positive);
/* map[i] = sum over k of terms[i][k]. These four project on the first principal direction of their
 * terms instead where the option `eigen` is set (eigen smoothing). */
bool gcam_cam_sum_terms(const gcam_cam *cam);
/* map[i] = max over k of |terms[i][k]|: how far the score moves with the pixel. */
bool gcam_cam_largest_terms(const gcam_cam *cam);
/* map[i] = terms[i] . v, v the first right singular vector of terms [HW][K] (minus its column means
 * where the option `centre` is set). The sign is the one that agrees with the plain sum over k. */
bool gcam_cam_project(const gcam_cam *cam, const float *terms);

#endif
