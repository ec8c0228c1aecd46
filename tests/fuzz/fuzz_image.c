/* Any bytes as a picture: an error with words, or pixels that can be used. What decodes also goes
 * through everything that takes pictures, at sizes that keep one run short. Seeds: the pictures of
 * tests/golden/images. */
#include <stdlib.h>

#include "image/image.h"
#include "image/preprocess.h"
#include "image/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { MAX_DECODED = 1 << 20 };
  gcam_error err = {0};
  gcam_probe probe;
  if (gcam_probe_picture(data, size, &probe, &err) != GCAM_OK) {
    if (!err.text[0]) abort();
    return 0;
  }
  if ((int64_t)probe.width * probe.height > MAX_DECODED) return 0;

  gcam_image *image = NULL, *overlay = NULL, *grid = NULL;
  gcam_status status = gcam_picture_decode(data, size, &image, &err);
  if (status != GCAM_OK) {
    if (image || !err.text[0]) abort();
    return 0;
  }
  bool turned = probe.orientation >= 5;
  if (image->width != (turned ? probe.height : probe.width)) abort();
  if (image->height != (turned ? probe.width : probe.height)) abort();

  static const float map[4] = {0, 0.3f, 0.7f, 1};
  static float input[9 * 8 * 4];
  gcam_preprocess pre = {.order = (gcam_order)(size % 5),
                         .resize = (gcam_resize)(size % 3),
                         .std = {1, 1, 1, 1},
                         .fit = (gcam_fit)(data[size / 2] % 3),
                         .ratio = (float)(1 + data[size / 3] % 16) / 16};
  int C = gcam_order_channels(pre.order);
  gcam_view view;
  if (gcam_preprocess_image(image, &pre, 9, 8, C, input, &err) != GCAM_OK) abort();
  if (gcam_preprocess_view(&pre, image->width, image->height, 9, 8, &view, &err) != GCAM_OK)
    abort();
  if ((int64_t)image->width * image->height <= 1 << 14) {
    const char *title = "718, Pier  77.1 %";
    if (gcam_picture_overlay(image, map, 2, 2, &view, "jet", 0.4f, GCAM_BILINEAR, &overlay, &err) !=
        GCAM_OK)
      abort();
    if (gcam_picture_grid(&overlay, &title, 1, 3, 32, &grid, &err) == GCAM_OK &&
        gcam_picture_encode_png(grid, &err) != GCAM_OK)
      abort();
  }
  gcam_picture_free(image);
  gcam_picture_free(overlay);
  gcam_picture_free(grid);
  return 0;
}
