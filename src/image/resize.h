/* resize.h: which source samples, with which weights, make up one sample of the result. Resizing is
 * separable, so that two axes describe it whole; every resize in the engine is made of them.
 *
 * With s = in / out and half-pixel centres, sample i of the result lies at x = (i + 0.5) s - 0.5:
 *   nearest   source index floor((i + 0.5) s), with the rounding of PIL (Keras's load_img), which
 *             adds s up step by step: exact arithmetic would pick another pixel now and then
 *   bilinear  the two neighbours of max(x, 0), as torch's interpolate(align_corners=False)
 *   bicubic   the four neighbours, Keys' kernel with a = -0.75, as torch's interpolate
 *   area      every source sample under the result's sample, by the part covered: for shrinking
 *             without aliasing. Pictures shown to people use it; networks never do. */
#ifndef GCAM_IMAGE_RESIZE_H
#define GCAM_IMAGE_RESIZE_H

#include "image/image.h"

enum { GCAM_RESIZE_AREA = 100 }; /* beside gcam_resize's values */

typedef struct gcam_axis {
  int in, out, taps;
  int *index;    /* [out][taps], within 0..in-1 */
  float *weight; /* [out][taps], sum 1 */
} gcam_axis;

/* ERR_ARGUMENT for sizes < 1 or an unknown `how`. On failure there is nothing to free. */
gcam_status gcam_axis_create(gcam_axis *axis, int in, int out, int how, gcam_error *err);
void gcam_axis_free(gcam_axis *axis);

/* rgb[3] of one pixel of the resized picture as seen on white: 0..255, not rounded. */
void gcam_picture_sample(const gcam_image *image, const gcam_axis *x, const gcam_axis *y, int col,
                         int row, float *rgb);

/* One row of a resized map of floats: dst[x->out]. `mixed` is room for x->in floats. */
void gcam_map_row(const float *map, const gcam_axis *x, const gcam_axis *y, int row, float *mixed,
                  float *dst);

/* map[height][width] to dst[dst_height][dst_width]. */
gcam_status gcam_map_resize_to(const float *map, int width, int height, float *dst, int dst_width,
                               int dst_height, gcam_resize how, gcam_error *err);

#endif
