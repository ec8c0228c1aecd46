/* resize.h: which source samples, with which weights, make up one sample of the result. Resizing is
 * separable, so that two axes describe it whole; every resize in the engine is made of them.
 *
 * The source's `in` samples are spread over [start, start + length) of the result's `out` samples:
 * all of them (0, out), or a part, and the rest of the result shows nothing; or more than there are
 * (start < 0), and the result is a part of the source. With s = in / length and half-pixel centres,
 * sample i of the result lies at x = (i + 0.5 - start) s - 0.5:
 *   nearest   source index floor(x + 0.5), with the rounding of PIL (Keras's load_img), which
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
  int *index;     /* [out][taps], within 0..in-1 */
  float *weight;  /* [out][taps], sum 1 */
  float *covered; /* [out], 0..1: the part of the sample that the source lies under */
} gcam_axis;

/* Spreads `in` samples over [start, start + length). ERR_ARGUMENT for sizes < 1, a length that is
 * not > 0, or an unknown `how`. On failure there is nothing to free. */
gcam_status gcam_axis_place(gcam_axis *axis, int in, int out, double start, double length, int how,
                            gcam_error *err);

/* Over the whole result. */
gcam_status gcam_axis_create(gcam_axis *axis, int in, int out, int how, gcam_error *err);
void gcam_axis_free(gcam_axis *axis);
/* Both axes of a source on the part `view` of a result; view NULL: on all of it. */
gcam_status gcam_axes_place(gcam_axis *x, gcam_axis *y, int in_width, int in_height, int out_width,
                            int out_height, const gcam_view *view, int how, gcam_error *err);

/* rgb[3] of one pixel of the resized picture as seen on white: 0..255, not rounded. */
void gcam_picture_sample(const gcam_image *image, const gcam_axis *x, const gcam_axis *y, int col,
                         int row, float *rgb);
/* Colour and opacity apart, 0..255: colours weighted by their opacity, or transparent pixels'
 * hidden colours would bleed in; where nothing is opaque, the hidden colours themselves. */
void gcam_picture_sample_rgba(const gcam_image *image, const gcam_axis *x, const gcam_axis *y,
                              int col, int row, float *rgba);

/* One row of a resized map of floats: dst[x->out]. `mixed` is room for x->in floats. */
void gcam_map_row(const float *map, const gcam_axis *x, const gcam_axis *y, int row, float *mixed,
                  float *dst);

/* map[height][width] to dst[dst_height][dst_width]. */
gcam_status gcam_map_resize_to(const float *map, int width, int height, float *dst, int dst_width,
                               int dst_height, gcam_resize how, gcam_error *err);
/* The same, laid on `view`, in samples of dst (NULL: on all of it); what lies outside of it by half
 * or more gets the value `outside`. */
gcam_status gcam_map_place(const float *map, int width, int height, float *dst, int dst_width,
                           int dst_height, const gcam_view *view, float outside, gcam_resize how,
                           gcam_error *err);

#endif
