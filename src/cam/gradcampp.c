/* Grad-CAM++ (Chattopadhyay et al., arXiv 1710.11063, equations 10-13 and 19). With Y = exp(y) the
 * derivatives of any order are powers of g = dy/dA, and exp(y) leaves alpha:
 *
 *   alpha^k_ij = g^2 / (2 g^2 + g^3 sum over ab of A^k_ab) = 1 / (2 + g sum over ab of A^k_ab)
 *   w_k        = sum over ij of alpha^k_ij relu(g)         (times exp(y), one factor for the map)
 *   map        = sum over k of w_k A^k
 *
 * alpha is 0 where g is 0 or the denominator is, as in the authors' code. */
#include "cam/methods.h"

void gcam_method_gradcampp(const gcam_cam *cam) {
  int64_t pixels = cam->H * cam->W, K = cam->K;
  for (int64_t k = 0; k < K; k++) {
    double area = 0, weight = 0;
    for (int64_t i = 0; i < pixels; i++) area += cam->activation[i * K + k];
    for (int64_t i = 0; i < pixels; i++) {
      double g = cam->gradient[i * K + k], below = 2 + g * cam->scale * area;
      if (g > 0 && below != 0) weight += g / below;
    }
    cam->weights[k] = (float)weight;
  }
  gcam_cam_weighted_sum(cam);
}
