/* window.h: the sliding window that convolutions and poolings share: attributes auto_pad, pads,
 * strides, dilations, ceil_mode and kernel_shape become one struct, once, at load.
 *
 * Physical shapes: N, H, W, C, or N, L, C, which is taken as H = 1 (L is W). Sizes are elements.
 * Every field is checked: 1 <= kernel, stride, dilation < 2^24, 0 <= pads < 2^24. */
#ifndef GCAM_OPS_WINDOW_H
#define GCAM_OPS_WINDOW_H

#include "ops/op.h"

typedef struct gcam_window_axis {
  int64_t in;  /* size of what the window slides over */
  int64_t out; /* how many positions it takes */
  int64_t kernel, stride, dilation;
  int64_t pad_begin, pad_end;
} gcam_window_axis;

typedef struct gcam_window {
  gcam_window_axis y, x; /* top and bottom, left and right */
} gcam_window;

typedef enum gcam_auto_pad {
  GCAM_PAD_EXPLICIT,
  GCAM_PAD_VALID,
  GCAM_PAD_SAME_UPPER, /* an odd pixel of padding goes to the end, as in TensorFlow */
  GCAM_PAD_SAME_LOWER
} gcam_auto_pad;

/* Elements that a window of dilated taps spans. */
static inline int64_t gcam_window_span(const gcam_window_axis *w) {
  return (w->kernel - 1) * w->dilation + 1;
}

/* Where tap t of position `out` reads; may lie in the padding. */
static inline int64_t gcam_window_at(const gcam_window_axis *w, int64_t out, int64_t t) {
  return out * w->stride - w->pad_begin + t * w->dilation;
}

/* Taps [*first, *end) of position `out` lie inside the input; none when *first >= *end. */
static inline void gcam_window_taps(const gcam_window_axis *w, int64_t out, int64_t *first,
                                    int64_t *end) {
  int64_t start = gcam_window_at(w, out, 0);
  *first = start < 0 ? (-start + w->dilation - 1) / w->dilation : 0;
  *end = start < w->in ? (w->in - 1 - start) / w->dilation + 1 : 0;
  if (*end > w->kernel) *end = w->kernel;
}

/* The other way round: the position whose tap t reads element `in`; -1 when there is none. */
static inline int64_t gcam_window_reader(const gcam_window_axis *w, int64_t in, int64_t t) {
  int64_t from = in + w->pad_begin - t * w->dilation;
  if (from < 0 || from % w->stride) return -1;
  return from / w->stride < w->out ? from / w->stride : -1;
}

/* kernel_shape of a pooling: spatial axes of `in`, values into kernel (y, x). */
gcam_status gcam_window_kernel(const gcam_node *node, const gcam_shape *in, int64_t kernel[2],
                               gcam_error *err);

/* Everything but `out`, and but the pads that auto_pad asks for. kernel: y, x (y = 1 at rank 3). */
gcam_status gcam_window_read(const gcam_node *node, const gcam_shape *in, const int64_t kernel[2],
                             gcam_window *window, gcam_auto_pad *auto_pad, gcam_error *err);

/* The whole window of a convolution or a pooling over `in`. */
gcam_status gcam_window_resolve(const gcam_node *node, const gcam_shape *in,
                                const int64_t kernel[2], gcam_window *window, gcam_error *err);

/* The shape of the output: that of `in` with H and W (or L) and the channels replaced. */
gcam_shape gcam_window_output(const gcam_shape *in, int64_t h, int64_t w, int64_t channels);

#endif
