/* Guided Grad-CAM (Selvaraju et al., arXiv 1610.02391, section 3.2): high resolution from guided
 * backpropagation, class from Grad-CAM, multiplied:
 *
 *   terms = g (guided, to the input) * relu(Grad-CAM), enlarged bilinearly;  map = largest |term|
 */
#include "base/memory.h"
#include "cam/method.h"
#include "image/resize.h"

static bool map_guided_gradcam(const gcam_cam *cam) {
  int64_t n = cam->coarse_H * cam->coarse_W, pixels = cam->H * cam->W, C = cam->K;
  float *coarse = gcam_alloc(n, sizeof *coarse);
  if (!coarse) return false;
  for (int64_t i = 0; i < n; i++) coarse[i] = cam->coarse[i] > 0 ? cam->coarse[i] : 0;
  gcam_status status = gcam_map_resize_to(coarse, (int)cam->coarse_W, (int)cam->coarse_H, cam->map,
                                          (int)cam->W, (int)cam->H, GCAM_BILINEAR, NULL);
  gcam_free(coarse);
  if (status) return false;
  for (int64_t i = 0; i < pixels * C; i++) cam->terms[i] = cam->gradient[i] * cam->map[i / C];
  return gcam_cam_largest_terms(cam);
}

const gcam_method gcam_method_guidedgradcam = {.name = "guidedgradcam",
                                               .title = "Guided Grad-CAM",
                                               .paper = "arXiv:1610.02391, sec. 3.2",
                                               .map = map_guided_gradcam,
                                               .from = GCAM_FROM_GUIDED,
                                               .has_terms = true,
                                               .largest = true,
                                               .needs_coarse = true};
