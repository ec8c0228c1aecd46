/* Eigen-CAM (Muhammad & Yeasin, arXiv 2008.00299, section 3): the activations as a matrix
 * A [HW][K] = U S V^T, projected on the first right singular vector; no class, no gradient:
 *
 *   map = A v_1
 *
 * Eigen-Grad-CAM (as defined by pytorch-grad-cam) does the same to the products g A. */
#include "cam/methods.h"

void gcam_method_eigencam(const gcam_cam *cam) { gcam_cam_project(cam, cam->activation); }

void gcam_method_eigengradcam(const gcam_cam *cam) {
  for (int64_t i = 0; i < cam->H * cam->W * cam->K; i++)
    cam->terms[i] = cam->gradient[i] * cam->activation[i];
  gcam_cam_project(cam, cam->terms);
}
