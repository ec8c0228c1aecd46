/* picture.h: the geometry of the network's first input, which methods to the input map and methods
 * by many forwards change. */
#ifndef GCAM_CAM_PICTURE_H
#define GCAM_CAM_PICTURE_H

#include "ops/graph.h"

/* value (y, x, c) is at y row + x column + c channel. */
typedef struct gcam_picture_input {
  int value;
  int64_t H, W, C, row, column, channel;
} gcam_picture_input;

/* Where channel c of pixel i = y W + x is. */
static inline int64_t gcam_input_at(const gcam_picture_input *in, int64_t i, int64_t c) {
  return i / in->W * in->row + i % in->W * in->column + c * in->channel;
}
static inline int64_t gcam_input_size(const gcam_picture_input *in) {
  return in->H * in->W * in->C;
}

/* Does a convolution or pooling read it as it is? Then its axis 1 is the channels, however many. */
bool gcam_picture_input_is_nchw(const gcam_graph *graph);
/* axes: which axes are which, where somebody knows; else told by that, or by where 1 or 3 channels
 * can be. Fails where the input is not one picture; `method` begins the words. */
gcam_status gcam_picture_input_find(const gcam_graph *graph, const char *method, gcam_axes axes,
                                    gcam_picture_input *input, gcam_error *err);
/* To the order [H][W][C]. */
void gcam_input_to_rows(const gcam_picture_input *input, const float *from, float *to);

#endif
