/* XGrad-CAM (Fu et al., arXiv 2008.02312, equation 9): gradients averaged with the activations as
 * weights, so that sensitivity and conservation hold as well as they can:
 *
 *   w_k = sum over ij of g^k_ij A^k_ij / sum over ab of A^k_ab,   map = sum over k of w_k A^k
 *
 * A channel that sums to 0 has weight 0. */
#include "cam/methods.h"

void gcam_method_xgradcam(const gcam_cam *cam) {
  int64_t pixels = cam->H * cam->W, K = cam->K;
  for (int64_t k = 0; k < K; k++) {
    double area = 0, product = 0;
    for (int64_t i = k; i < pixels * K; i += K) {
      area += cam->activation[i];
      product += (double)cam->gradient[i] * cam->activation[i];
    }
    cam->weights[k] = area != 0 ? (float)(product / area) : 0;
  }
  gcam_cam_weighted_sum(cam);
}
