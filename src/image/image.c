/* image.c: makes and frees pictures. */
#include "image/image.h"

#include <string.h>

#include "base/memory.h"

gcam_status gcam_picture_create(int width, int height, gcam_image **out, gcam_error *err) {
  *out = NULL;
  if (width < 1 || height < 1)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "A picture of %dx%d pixels cannot be made: both sizes must be 1 or more.",
                     width, height);
  int64_t pixels = (int64_t)width * height;
  if (pixels > GCAM_MAX_PIXELS)
    return gcam_fail(err, GCAM_ERR_MEMORY,
                     "A picture of %dx%d pixels is over the limit of %lld million pixels: use a "
                     "smaller size.",
                     width, height, (long long)(GCAM_MAX_PIXELS >> 20));
  gcam_image *image = gcam_alloc_zeroed(1, sizeof *image);
  uint8_t *rgba = gcam_alloc(pixels, 4);
  if (!image || !rgba) {
    gcam_free(image);
    gcam_free(rgba);
    return gcam_fail(
        err, GCAM_ERR_MEMORY,
        "Not enough memory for a picture of %dx%d pixels (%lld MB): use a smaller one.", width,
        height, (long long)(pixels * 4 / 1000000));
  }
  image->width = width;
  image->height = height;
  image->rgba = rgba;
  *out = image;
  return GCAM_OK;
}

void gcam_picture_free(gcam_image *image) {
  if (!image) return;
  gcam_free(image->rgba);
  gcam_free(image->png);
  gcam_free(image);
}

gcam_status gcam_picture_from_rgba(const uint8_t *rgba, int width, int height, gcam_image **out,
                                   gcam_error *err) {
  *out = NULL;
  if (!rgba) return gcam_fail(err, GCAM_ERR_ARGUMENT, "No pixels were given for the picture.");
  GCAM_TRY(gcam_picture_create(width, height, out, err));
  memcpy((*out)->rgba, rgba, (size_t)width * (size_t)height * 4);
  return GCAM_OK;
}
