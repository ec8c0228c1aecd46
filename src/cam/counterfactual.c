/* Counterfactual Grad-CAM (Selvaraju et al., arXiv 1610.02391, section 3.3): what would lower the
 * score, were it stronger:
 *
 *   alpha_k = 1/(H W) sum over ij of -g^k_ij,   map = sum over k of alpha_k A^k */
#include "cam/method.h"

static bool map_counterfactual(const gcam_cam *cam) {
  if (!gcam_cam_gradient_sum(cam)) return false;
  for (int64_t k = 0; k < cam->K; k++) cam->weights[k] = -cam->weights[k];
  for (int64_t i = 0; i < cam->H * cam->W; i++) cam->map[i] = -cam->map[i];
  return true;
}

const gcam_method gcam_method_counterfactual = {.name = "counterfactual",
                                                .title = "Counterfactual Grad-CAM",
                                                .paper = "arXiv:1610.02391, sec. 3.3",
                                                .map = map_counterfactual,
                                                .from = GCAM_FROM_MEANS,
                                                .has_weights = true};
