/* HiResCAM, element-wise Grad-CAM (Draelos & Carin, arXiv 2011.08891, equation 2): no average, so
 * that the map shows where, and only where, the score comes from:
 *
 *   map_ij = sum over k of g^k_ij A^k_ij */
#include "cam/methods.h"

void gcam_method_hirescam(const gcam_cam *cam) {
  for (int64_t i = 0; i < cam->H * cam->W * cam->K; i++)
    cam->terms[i] = cam->gradient[i] * cam->activation[i];
  gcam_cam_sum_terms(cam);
}
