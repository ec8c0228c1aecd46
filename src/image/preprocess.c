/* H, W, C: height, width and channels of the network's input. */
#include "image/preprocess.h"

#include <math.h>

#include "image/resize.h"

static gcam_status check(const gcam_preprocess *pre, int C, gcam_error *err) {
  if (pre->order != GCAM_RGB && pre->order != GCAM_BGR && pre->order != GCAM_GREY)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "Channel order %d is unknown: 0 is RGB, 1 BGR, 2 grey.", (int)pre->order);
  int channels = pre->order == GCAM_GREY ? 1 : 3;
  if (C != channels)
    return gcam_fail(
        err, GCAM_ERR_ARGUMENT,
        "The network's input has %d channel%s, but the preprocessing makes %d: use %s.", C,
        C == 1 ? "" : "s", channels,
        C == 1   ? "the order grey"
        : C == 3 ? "the order rgb or bgr"
                 : "raw input values instead of a picture");
  for (int c = 0; c < C; c++)
    if (!isfinite(pre->mean[c]) || !isfinite(pre->std[c]) || pre->std[c] == 0)
      return gcam_fail(
          err, GCAM_ERR_ARGUMENT,
          "Preprocessing with mean %g and std %g (channel %d) makes no sense: both must be "
          "numbers, and std not 0.",
          (double)pre->mean[c], (double)pre->std[c], c);
  return GCAM_OK;
}

gcam_status gcam_preprocess_image(const gcam_image *image, const gcam_preprocess *pre, int H, int W,
                                  int C, float *nhwc, gcam_error *err) {
  if (!image || !pre || !nhwc)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "No picture, preprocessing or input was given.");
  GCAM_TRY(check(pre, C, err));
  gcam_axis x, y;
  GCAM_TRY(gcam_axis_create(&x, image->width, W, (int)pre->resize, err));
  gcam_status status = gcam_axis_create(&y, image->height, H, (int)pre->resize, err);
  for (int row = 0; status == GCAM_OK && row < H; row++) {
    for (int col = 0; col < W; col++, nhwc += C) {
      float rgb[3];
      gcam_picture_sample(image, &x, &y, col, row, rgb);
      if (pre->order == GCAM_GREY) rgb[0] = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
      for (int c = 0; c < C; c++) {
        float value = rgb[pre->order == GCAM_BGR ? 2 - c : c];
        nhwc[c] = (value - pre->mean[c]) / pre->std[c];
      }
    }
  }
  gcam_axis_free(&x);
  gcam_axis_free(&y);
  return status;
}
