/* Eigen-CAM (Muhammad & Yeasin, arXiv 2008.00299, section 3): the activations as a matrix
 * A [HW][K] = U S V^T, projected on the first right singular vector; no class, no gradient:
 *
 *   map = A v_1
 *
 * Eigen-Grad-CAM (as defined by pytorch-grad-cam) does the same to the products g A. */
#include "cam/method.h"

static bool map_eigencam(const gcam_cam *cam) { return gcam_cam_project(cam, cam->activation); }

static bool map_eigengradcam(const gcam_cam *cam) {
  for (int64_t i = 0; i < cam->H * cam->W * cam->K; i++)
    cam->terms[i] = cam->gradient[i] * cam->activation[i];
  return gcam_cam_project(cam, cam->terms);
}

const gcam_method gcam_method_eigencam = {.name = "eigencam",
                                          .title = "Eigen-CAM",
                                          .paper = "arXiv:2008.00299, sec. 3",
                                          .map = map_eigencam,
                                          .from = GCAM_FROM_NOTHING};

const gcam_method gcam_method_eigengradcam = {.name = "eigengradcam",
                                              .title = "Eigen-Grad-CAM",
                                              .paper = "pytorch-grad-cam",
                                              .map = map_eigengradcam};
