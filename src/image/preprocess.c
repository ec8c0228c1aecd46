/* H, W, C: height, width and channels of the network's input. */
#include "image/preprocess.h"

#include <math.h>

#include "image/resize.h"

/* JavaScript writes it byte by byte: new fields go to its end, and there. */
_Static_assert(offsetof(gcam_preprocess, std) == 24 && offsetof(gcam_preprocess, fit) == 40 &&
                   offsetof(gcam_preprocess, ratio) == 44 &&
                   offsetof(gcam_preprocess, fill) == 48 &&
                   offsetof(gcam_preprocess, color) == 52 &&
                   offsetof(gcam_preprocess, axes) == 64 && sizeof(gcam_preprocess) == 68,
               "wasm.js, setImage");

int gcam_order_channels(gcam_order order) {
  switch (order) {
    case GCAM_RGB:
    case GCAM_BGR:
      return 3;
    case GCAM_GREY:
      return 1;
    case GCAM_RGBA:
    case GCAM_BGRA:
      return 4;
  }
  return 0;
}

static gcam_status check(const gcam_preprocess *pre, int C, gcam_error *err) {
  int channels = gcam_order_channels(pre->order);
  if (!channels)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "Channel order %d is unknown: 0 is RGB, 1 BGR, 2 grey, 3 RGBA, 4 BGRA.",
                     (int)pre->order);
  if (C != channels)
    return gcam_fail(
        err, GCAM_ERR_ARGUMENT,
        "The network's input has %d channel%s, but the preprocessing makes %d: use %s.", C,
        C == 1 ? "" : "s", channels,
        C == 1   ? "the order grey"
        : C == 3 ? "the order rgb or bgr"
        : C == 4 ? "the order rgba or bgra"
                 : "raw input values instead of a picture");
  for (int c = 0; c < C; c++)
    if (!isfinite(pre->mean[c]) || !isfinite(pre->std[c]) || pre->std[c] == 0)
      return gcam_fail(
          err, GCAM_ERR_ARGUMENT,
          "Preprocessing with mean %g and std %g (channel %d) makes no sense: both must be "
          "numbers, and std not 0.",
          (double)pre->mean[c], (double)pre->std[c], c);
  if (pre->fill != GCAM_FILL_MEAN && pre->fill != GCAM_FILL_COLOR)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "Fill %d is unknown: 0 is the mean, 1 a colour.",
                     (int)pre->fill);
  for (int c = 0; c < 3; c++)
    if (!isfinite(pre->color[c]))
      return gcam_fail(err, GCAM_ERR_ARGUMENT, "The fill colour's channel %d is not a number.", c);
  return GCAM_OK;
}

/* The picture's whole extent along one axis, in samples of the input: [start, start + length). */
typedef struct extent {
  double start, length;
} extent;

/* Rounded half to even, as Python does. */
static double centred(double outer, double inner) { return rint((outer - inner) / 2); }

/* torchvision: the side that decides gets input / ratio pixels exactly, the other is cut off to a
 * whole number. */
static void fit_crop(double w, double h, int W, int H, double ratio, extent *x, extent *y) {
  double cover_w = round(W / ratio), cover_h = round(H / ratio);
  if (cover_w * h >= cover_h * w) {
    x->length = cover_w;
    y->length = fmax(floor(cover_w * h / w), H);
  } else {
    x->length = fmax(floor(cover_h * w / h), W);
    y->length = cover_h;
  }
  x->start = -centred(x->length, W);
  y->start = -centred(y->length, H);
}

/* ImageOps.pad, whose sides are rounded half to even. */
static void fit_pad(double w, double h, int W, int H, extent *x, extent *y) {
  x->length = W;
  y->length = H;
  if (w / h > (double)W / H)
    y->length = fmax(rint(h / w * W), 1);
  else
    x->length = fmax(rint(w / h * H), 1);
  x->start = centred(W, x->length);
  y->start = centred(H, y->length);
}

static gcam_status fit_picture(const gcam_preprocess *pre, int w, int h, int W, int H, extent *x,
                               extent *y, gcam_error *err) {
  if (w < 1 || h < 1 || W < 1 || H < 1)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "A picture of %dx%d pixels cannot be fitted into an input of %dx%d: all sizes "
                     "must be 1 or more.",
                     w, h, W, H);
  *x = (extent){0, W};
  *y = (extent){0, H};
  switch (pre->fit) {
    case GCAM_STRETCH:
      return GCAM_OK;
    case GCAM_CROP: {
      double ratio = pre->ratio == 0 ? 1 : (double)pre->ratio;
      if (!(ratio >= 1e-3 && ratio <= 1))
        return gcam_fail(err, GCAM_ERR_ARGUMENT,
                         "A crop's ratio is the input's side by the resized picture's, more than 0 "
                         "and at most 1 (224/256 is 0.875), not %g.",
                         ratio);
      fit_crop(w, h, W, H, ratio, x, y);
      return GCAM_OK;
    }
    case GCAM_PAD:
      fit_pad(w, h, W, H, x, y);
      return GCAM_OK;
  }
  return gcam_fail(err, GCAM_ERR_ARGUMENT, "Fit %d is unknown: 0 is stretch, 1 crop, 2 pad.",
                   (int)pre->fit);
}

gcam_status gcam_preprocess_view(const gcam_preprocess *pre, int width, int height, int H, int W,
                                 gcam_view *view, gcam_error *err) {
  if (!pre || !view)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "No preprocessing, or no room for the view.");
  extent x = {0}, y = {0};
  GCAM_TRY(fit_picture(pre, width, height, W, H, &x, &y, err));
  *view = (gcam_view){0 - x.start * width / x.length, 0 - y.start * height / y.length,
                      W * (double)width / x.length, H * (double)height / y.length};
  return GCAM_OK;
}

/* One pixel of the input, channels as the network has them, 0..255. */
static void sample(const gcam_image *image, const gcam_preprocess *pre, int C, const gcam_axis *x,
                   const gcam_axis *y, int col, int row, float *channels) {
  float rgba[4] = {pre->color[0], pre->color[1], pre->color[2], 255};
  if (x->covered[col] < 0.5f || y->covered[row] < 0.5f) {
    if (pre->fill == GCAM_FILL_MEAN) {
      for (int c = 0; c < C; c++) channels[c] = pre->mean[c];
      return;
    }
  } else if (C == 4) {
    gcam_picture_sample_rgba(image, x, y, col, row, rgba);
  } else {
    gcam_picture_sample(image, x, y, col, row, rgba);
  }
  if (pre->order == GCAM_GREY) {
    channels[0] = 0.299f * rgba[0] + 0.587f * rgba[1] + 0.114f * rgba[2];
    return;
  }
  bool turned = pre->order == GCAM_BGR || pre->order == GCAM_BGRA;
  for (int c = 0; c < C; c++) channels[c] = rgba[turned && c < 3 ? 2 - c : c];
}

gcam_status gcam_preprocess_image(const gcam_image *image, const gcam_preprocess *pre, int H, int W,
                                  int C, float *nhwc, gcam_error *err) {
  if (!image || !pre || !nhwc)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "No picture, preprocessing or input was given.");
  GCAM_TRY(check(pre, C, err));
  extent across = {0}, down = {0};
  GCAM_TRY(fit_picture(pre, image->width, image->height, W, H, &across, &down, err));
  gcam_view part = {across.start, down.start, across.length, down.length};
  gcam_axis x, y;
  GCAM_TRY(
      gcam_axes_place(&x, &y, image->width, image->height, W, H, &part, (int)pre->resize, err));
  for (int row = 0; row < H; row++)
    for (int col = 0; col < W; col++, nhwc += C) {
      sample(image, pre, C, &x, &y, col, row, nhwc);
      for (int c = 0; c < C; c++) nhwc[c] = (nhwc[c] - pre->mean[c]) / pre->std[c];
    }
  gcam_axis_free(&x);
  gcam_axis_free(&y);
  return GCAM_OK;
}
