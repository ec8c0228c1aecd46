/* Maps at the input itself. g = dy/dx, x the network's input [H][W][C]; terms hold all channels.
 *
 *   gradient (Simonyan et al., arXiv 1312.6034, section 3)     terms = g
 *   guided backpropagation (Springenberg et al., 1412.6806)    terms = g through guided ReLUs
 *   SmoothGrad (Smilkov et al., 1706.03825)                    gradient, averaged over noisy inputs
 *   gradient x input (Shrikumar et al., 1605.01713)            terms = g x
 *
 * The first three say how far a pixel can move the score: their map is the largest |term|, as in
 * Simonyan et al. The last one divides the score among the pixels: its map is the sum of terms. */
#include <string.h>

#include "cam/method.h"

static bool map_gradient(const gcam_cam *cam) {
  memcpy(cam->terms, cam->gradient, (size_t)(cam->H * cam->W * cam->K) * sizeof *cam->terms);
  return gcam_cam_largest_terms(cam);
}

static bool map_gradient_input(const gcam_cam *cam) {
  for (int64_t i = 0; i < cam->H * cam->W * cam->K; i++)
    cam->terms[i] = cam->gradient[i] * cam->activation[i];
  return gcam_cam_sum_terms(cam);
}

const gcam_method gcam_method_gradient = {.name = "gradient",
                                          .title = "Gradient",
                                          .paper = "arXiv:1312.6034, sec. 3",
                                          .map = map_gradient,
                                          .from = GCAM_FROM_INPUT,
                                          .has_terms = true,
                                          .largest = true};

const gcam_method gcam_method_gradientxinput = {.name = "gradientxinput",
                                                .title = "Gradient x input",
                                                .paper = "arXiv:1605.01713",
                                                .map = map_gradient_input,
                                                .from = GCAM_FROM_INPUT,
                                                .has_terms = true};

const gcam_method gcam_method_guided = {.name = "guided",
                                        .title = "Guided backpropagation",
                                        .paper = "arXiv:1412.6806",
                                        .map = map_gradient,
                                        .from = GCAM_FROM_GUIDED,
                                        .has_terms = true,
                                        .largest = true};

const gcam_method gcam_method_smoothgrad = {.name = "smoothgrad",
                                            .title = "SmoothGrad",
                                            .paper = "arXiv:1706.03825",
                                            .map = map_gradient,
                                            .from = GCAM_FROM_INPUT,
                                            .has_terms = true,
                                            .largest = true,
                                            .smooth = 32};
