/* Grad-CAM++ (Chattopadhyay et al., arXiv 1710.11063, equations 10-13 and 19). With Y = exp(y) the
 * derivatives of any order are powers of g = dy/dA, and exp(y) leaves alpha:
 *
 *   alpha^k_ij = g^2 / (2 g^2 + g^3 sum over ab of A^k_ab) = 1 / (2 + g sum over ab of A^k_ab)
 *   w_k        = sum over ij of alpha^k_ij relu(g)         (times exp(y), one factor for the map)
 *   map        = sum over k of w_k A^k
 *
 * alpha is 0 where g is 0 or the denominator is, as in the authors' code. */
#include <math.h>

#include "cam/method.h"
#include "cam/side_by_side.h"

/* Channels [first, first + count). No branch around the division: it would keep the loop from
 * running in vector registers. */
static inline void weigh(const gcam_cam *cam, int64_t first, int64_t count) {
  int64_t pixels = cam->H * cam->W, K = cam->K;
  double sum[GCAM_SIDE_BY_SIDE] = {0}, weight[GCAM_SIDE_BY_SIDE] = {0};
  float area[GCAM_SIDE_BY_SIDE];
  for (int64_t start = 0; start < pixels; start += GCAM_ROWS_IN_FLOATS) {
    float part[GCAM_SIDE_BY_SIDE] = {0};
    for (int64_t i = start; i < pixels && i < start + GCAM_ROWS_IN_FLOATS; i++)
      for (int64_t k = 0; k < count; k++) part[k] += cam->activation[i * K + first + k];
    for (int64_t k = 0; k < count; k++) sum[k] += part[k];
  }
  for (int64_t k = 0; k < count; k++) area[k] = (float)(sum[k] * cam->scale);
  for (int64_t start = 0; start < pixels; start += GCAM_ROWS_IN_FLOATS) {
    float part[GCAM_SIDE_BY_SIDE] = {0};
    for (int64_t i = start; i < pixels && i < start + GCAM_ROWS_IN_FLOATS; i++) {
      const float *gradient = cam->gradient + i * K + first;
      for (int64_t k = 0; k < count; k++) {
        float g = gradient[k], below = 2 + g * area[k];
        float above = g > 0 ? g : 0;
        part[k] += above / (below != 0 ? below : INFINITY);
      }
    }
    for (int64_t k = 0; k < count; k++) weight[k] += part[k];
  }
  for (int64_t k = 0; k < count; k++) cam->weights[first + k] = (float)weight[k];
}

static bool map_gradcampp(const gcam_cam *cam) { return gcam_cam_weigh_side_by_side(cam, weigh); }

const gcam_method gcam_method_gradcampp = {.name = "gradcam++",
                                           .title = "Grad-CAM++",
                                           .paper = "arXiv:1710.11063, eq. 10-13, 19",
                                           .map = map_gradcampp,
                                           .has_weights = true};
