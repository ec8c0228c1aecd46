/* HiResCAM, element-wise Grad-CAM (Draelos & Carin, arXiv 2011.08891, equation 2): no average, so
 * that the map shows where, and only where, the score comes from:
 *
 *   map_ij = sum over k of g^k_ij A^k_ij */
#include "cam/methods.h"

void gcam_method_hirescam(const gcam_cam *cam) { gcam_cam_sum_products(cam, false); }
