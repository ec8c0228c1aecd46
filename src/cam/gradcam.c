/* Grad-CAM (Selvaraju et al., arXiv 1610.02391, equations 1 and 2; the ReLU is the pipeline's):
 *
 *   alpha_k = 1/(H W) sum over i,j of dy^c / dA^k_ij
 *   map     = sum over k of alpha_k A^k */
#include "cam/methods.h"

void gcam_method_gradcam(const gcam_cam *cam) {
  int64_t pixels = cam->H * cam->W;
  for (int64_t i = 0; i < pixels; i++)
    for (int64_t k = 0; k < cam->K; k++) cam->weights[k] += cam->gradient[i * cam->K + k];
  for (int64_t k = 0; k < cam->K; k++) cam->weights[k] /= (float)pixels;
  gcam_cam_weighted_sum(cam);
}
