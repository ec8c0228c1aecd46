/* Grad-CAM (Selvaraju et al., arXiv 1610.02391, equations 1 and 2; the ReLU is the pipeline's):
 *
 *   alpha_k = 1/(H W) sum over i,j of dy^c / dA^k_ij
 *   map     = sum over k of alpha_k A^k */
#include "cam/methods.h"

void gcam_method_gradcam(const gcam_cam *cam) {
  const float *restrict gradient = cam->gradient;
  float *restrict alpha = cam->weights;
  int64_t pixels = cam->H * cam->W, K = cam->K, i = 0;
  for (; i + 4 <= pixels; i += 4) { /* four at a time: alpha is read and written less often */
    const float *a = gradient + i * K, *b = a + K, *c = b + K, *d = c + K;
    for (int64_t k = 0; k < K; k++) alpha[k] += (a[k] + b[k]) + (c[k] + d[k]);
  }
  for (; i < pixels; i++)
    for (int64_t k = 0; k < K; k++) alpha[k] += gradient[i * K + k];
  for (int64_t k = 0; k < K; k++) alpha[k] /= (float)pixels;
  gcam_cam_weighted_sum(cam);
}
