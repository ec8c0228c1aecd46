/* XGrad-CAM (Fu et al., arXiv 2008.02312, equation 9): gradients averaged with the activations as
 * weights, so that sensitivity and conservation hold as well as they can:
 *
 *   w_k = sum over ij of g^k_ij A^k_ij / sum over ab of A^k_ab,   map = sum over k of w_k A^k
 *
 * A channel that sums to 0 has weight 0. */
#include "cam/method.h"
#include "cam/side_by_side.h"

/* Channels [first, first + count). */
static inline void weigh(const gcam_cam *cam, int64_t first, int64_t count) {
  int64_t pixels = cam->H * cam->W, K = cam->K;
  double area[GCAM_SIDE_BY_SIDE] = {0}, product[GCAM_SIDE_BY_SIDE] = {0};
  for (int64_t start = 0; start < pixels; start += GCAM_ROWS_IN_FLOATS) {
    float part[GCAM_SIDE_BY_SIDE] = {0}, both[GCAM_SIDE_BY_SIDE] = {0};
    for (int64_t i = start; i < pixels && i < start + GCAM_ROWS_IN_FLOATS; i++) {
      const float *a = cam->activation + i * K + first, *g = cam->gradient + i * K + first;
      for (int64_t k = 0; k < count; k++) {
        part[k] += a[k];
        both[k] += g[k] * a[k];
      }
    }
    for (int64_t k = 0; k < count; k++) {
      area[k] += part[k];
      product[k] += both[k];
    }
  }
  for (int64_t k = 0; k < count; k++)
    cam->weights[first + k] = area[k] != 0 ? (float)(product[k] / area[k]) : 0;
}

static bool map_xgradcam(const gcam_cam *cam) { return gcam_cam_weigh_side_by_side(cam, weigh); }

const gcam_method gcam_method_xgradcam = {.name = "xgradcam",
                                          .title = "XGrad-CAM",
                                          .paper = "arXiv:2008.02312, eq. 9",
                                          .map = map_xgradcam,
                                          .has_weights = true};
