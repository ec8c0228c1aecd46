/* Guided Grad-CAM (Selvaraju et al., arXiv 1610.02391, section 3.2): high resolution from guided
 * backpropagation, class from Grad-CAM, multiplied:
 *
 *   terms = g (guided, to the input) * relu(Grad-CAM), enlarged bilinearly;  map = largest |term|
 */
#include <math.h>

#include "base/memory.h"
#include "cam/methods.h"
#include "image/resize.h"

void gcam_method_guided_gradcam(const gcam_cam *cam) {
  int64_t n = cam->coarse_H * cam->coarse_W, pixels = cam->H * cam->W, C = cam->K;
  float *coarse = gcam_alloc(n, sizeof *coarse);
  gcam_status status = coarse ? GCAM_OK : GCAM_ERR_MEMORY;
  for (int64_t i = 0; i < n && !status; i++) coarse[i] = cam->coarse[i] > 0 ? cam->coarse[i] : 0;
  if (!status)
    status = gcam_map_resize_to(coarse, (int)cam->coarse_W, (int)cam->coarse_H, cam->map,
                                (int)cam->W, (int)cam->H, GCAM_BILINEAR, NULL);
  gcam_free(coarse);
  for (int64_t i = 0; i < pixels * C; i++) /* NaN is what the pipeline reports and replaces */
    cam->terms[i] = status ? NAN : cam->gradient[i] * cam->map[i / C];
  if (status)
    cam->map[0] = NAN;
  else
    gcam_cam_largest_terms(cam);
}
