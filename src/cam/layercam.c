/* LayerCAM (Jiang et al., IEEE TIP 2021, doi:10.1109/TIP.2021.3089943, equations 4-6): element-wise
 * weights, of which only the positive count; good at early layers too:
 *
 *   map_ij = sum over k of relu(g^k_ij) A^k_ij */
#include "cam/method.h"

static bool map_layercam(const gcam_cam *cam) { return gcam_cam_sum_products(cam, true); }

const gcam_method gcam_method_layercam = {.name = "layercam",
                                          .title = "LayerCAM",
                                          .paper = "doi:10.1109/TIP.2021.3089943, eq. 4-6",
                                          .map = map_layercam};
