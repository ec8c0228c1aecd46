/* picture.h: the geometry of the network's first input, which methods to the input map and methods
 * by many forwards change. */
#ifndef GCAM_CAM_PICTURE_H
#define GCAM_CAM_PICTURE_H

#include "ops/graph.h"

/* value (y, x, c) is at y row + x column + c channel. */
typedef struct gcam_picture_input {
  int value;
  bool channels_last; /* in the file */
  int64_t H, W, C, row, column, channel;
} gcam_picture_input;

/* Where channel c of pixel i = y W + x is. */
static inline int64_t gcam_input_at(const gcam_picture_input *in, int64_t i, int64_t c) {
  return i / in->W * in->row + i % in->W * in->column + c * in->channel;
}
static inline int64_t gcam_input_size(const gcam_picture_input *in) {
  return in->H * in->W * in->C;
}

/* axes: which axes are which, where somebody knows. GCAM_AXES_GUESS: axis 1 is the channels where a
 * convolution or pooling reads it so, however many; else the last is, as TensorFlow's exporters
 * leave it, if it alone is as long as the picture has `channels` (0: 1 or 3). False: it is not one
 * picture. */
bool gcam_picture_input_find(const gcam_graph *graph, gcam_axes axes, int channels,
                             gcam_picture_input *input);
/* To the order [H][W][C], and from it. */
void gcam_input_to_rows(const gcam_picture_input *input, const float *from, float *to);
void gcam_input_from_rows(const gcam_picture_input *input, const float *from, float *to);

#endif
