/* CAM (Zhou et al., arXiv 1512.04150, equation 2): where a linear layer reads the average over the
 * layer, its weights of the class weight the activations:
 *
 *   map = sum over k of w^c_k A^k
 *
 * The pipeline makes sure that the head is of that kind; the gradient at the average is w^c. */
#include "cam/method.h"

const gcam_method gcam_method_cam = {.name = "cam",
                                     .title = "CAM",
                                     .paper = "arXiv:1512.04150, eq. 2",
                                     .map = gcam_cam_gradient_sum,
                                     .from = GCAM_FROM_POOLED,
                                     .has_weights = true};
