/* Grad-CAM (Selvaraju et al., arXiv 1610.02391, equations 1 and 2; the ReLU is the pipeline's):
 *
 *   alpha_k = 1/(H W) sum over i,j of dy^c / dA^k_ij
 *   map     = sum over k of alpha_k A^k */
#include "cam/method.h"

const gcam_method gcam_method_gradcam = {.name = "gradcam",
                                         .title = "Grad-CAM",
                                         .paper = "arXiv:1610.02391, eq. 1-2",
                                         .map = gcam_cam_gradient_sum,
                                         .from = GCAM_FROM_MEANS,
                                         .has_weights = true};
