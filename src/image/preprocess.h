/* preprocess.h: from a picture to the numbers a network wants. */
#ifndef GCAM_IMAGE_PREPROCESS_H
#define GCAM_IMAGE_PREPROCESS_H

#include "image/image.h"

/* Channels that an order makes: 3, 1 or 4; 0 for an unknown one. */
int gcam_order_channels(gcam_order order);

/* nhwc[H][W][C] = (value on the 0..255 scale - mean[c]) / std[c], channels in pre->order, the
 * picture fitted into H x W as pre->fit says. Resized in float, never rounded; samples the picture
 * in place, so that a picture of 100 million pixels costs no copy. Transparent pixels count as seen
 * on white. ERR_ARGUMENT when C does not fit the order, or mean, std, fit, ratio or fill make no
 * sense. */
gcam_status gcam_preprocess_image(const gcam_image *image, const gcam_preprocess *pre, int H, int W,
                                  int C, float *nhwc, gcam_error *err);

/* The rectangle of a width x height picture's plane that an input of H x W shows. */
gcam_status gcam_preprocess_view(const gcam_preprocess *pre, int width, int height, int H, int W,
                                 gcam_view *view, gcam_error *err);

#endif
