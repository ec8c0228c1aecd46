/* HiResCAM, element-wise Grad-CAM (Draelos & Carin, arXiv 2011.08891, equation 2): no average, so
 * that the map shows where, and only where, the score comes from:
 *
 *   map_ij = sum over k of g^k_ij A^k_ij */
#include "cam/method.h"

static bool map_hirescam(const gcam_cam *cam) { return gcam_cam_sum_products(cam, false); }

const gcam_method gcam_method_hirescam = {.name = "hirescam",
                                          .title = "HiResCAM",
                                          .paper = "arXiv:2011.08891, eq. 2",
                                          .map = map_hirescam};
