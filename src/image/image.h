/* image.h: the picture itself, and what the engine does with it: decode, encode, blend, compose.
 *
 * A picture is H rows of W RGBA bytes from the top left, straight (not premultiplied) alpha, at
 * most GCAM_MAX_PIXELS pixels. Transparent pixels mean one thing everywhere in the engine: what a
 * reader sees on a white page. The network's input, overlays and grids are made from exactly that.
 *
 * Every function here that can fail fills `err` and leaves *out as NULL. */
#ifndef GCAM_IMAGE_IMAGE_H
#define GCAM_IMAGE_IMAGE_H

#include <stdbool.h>

#include "base/status.h"

#define GCAM_MAX_PIXELS ((int64_t)1 << 28)

enum { GCAM_PICTURE_WARNING = 240 };

struct gcam_image {
  int width, height;
  uint8_t *rgba; /* malloc, 4 * width * height */
  uint8_t *png;  /* malloc, the last encoding, or NULL */
  size_t png_size;
  const char *warning_name; /* static, or NULL: nothing to say */
  char warning[GCAM_PICTURE_WARNING];
};

/* Pixels are not initialised. ERR_ARGUMENT for sizes < 1, ERR_MEMORY over the limit. */
gcam_status gcam_picture_create(int width, int height, gcam_image **out, gcam_error *err);
void gcam_picture_free(gcam_image *image); /* accepts NULL */
gcam_status gcam_picture_from_rgba(const uint8_t *rgba, int width, int height, gcam_image **out,
                                   gcam_error *err);

/* decode.c: JPEG, PNG, GIF (first frame), BMP, turned upright as EXIF says. ERR_IMAGE when it is
 * none of these, cut off or damaged; ERR_MEMORY when it is too large. */
gcam_status gcam_picture_decode(const void *bytes, size_t size, gcam_image **out, gcam_error *err);

/* resize.c */
gcam_status gcam_picture_resize(const gcam_image *image, int width, int height, gcam_resize how,
                                gcam_image **out, gcam_error *err);

/* png.c: fills image->png; RGB when every pixel is opaque, RGBA otherwise. */
gcam_status gcam_picture_encode_png(gcam_image *image, gcam_error *err);

/* overlay.c: round(alpha * colour(map) + (1 - alpha) * picture) at the picture's own size, opaque;
 * the map lies on `view` (NULL: the whole picture), and what is outside of it becomes dim and grey.
 * map: map_height x map_width values, 0..1 (others are clamped, NaN counts as 0). */
gcam_status gcam_picture_overlay(const gcam_image *image, const float *map, int map_width,
                                 int map_height, const gcam_view *view, const char *colormap,
                                 float alpha, gcam_resize how, gcam_image **out, gcam_error *err);

/* grid.c: see gcam_grid in gradcam.h. titles, and each of them, may be NULL. */
gcam_status gcam_picture_grid(gcam_image *const *tiles, const char *const *titles, int count,
                              int columns, int tile_width, gcam_image **out, gcam_error *err);

/* The pixel as it looks on a white page: channel value c under alpha a, 0..255. */
static inline float gcam_over_white(uint8_t c, uint8_t a) {
  return a == 255 ? (float)c : 255.0f + ((float)c - 255.0f) * ((float)a / 255.0f);
}

/* Rounds and clamps 0..255. NaN gives 0. */
static inline uint8_t gcam_to_byte(float v) {
  return v > 0.0f ? (v < 255.0f ? (uint8_t)(v + 0.5f) : 255) : 0;
}

#endif
