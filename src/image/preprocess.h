/* preprocess.h: from a picture to the numbers a network wants. */
#ifndef GCAM_IMAGE_PREPROCESS_H
#define GCAM_IMAGE_PREPROCESS_H

#include "image/image.h"

/* nhwc[H][W][C] = (resized value on the 0..255 scale - mean[c]) / std[c], channels in pre->order.
 * Resized in float, never rounded; samples the picture in place, so that a picture of 100 million
 * pixels costs no copy. Transparent pixels count as seen on white.
 * ERR_ARGUMENT when C does not fit the order (3, grey 1), or mean or std is no number or std 0. */
gcam_status gcam_preprocess_image(const gcam_image *image, const gcam_preprocess *pre, int H, int W,
                                  int C, float *nhwc, gcam_error *err);

#endif
