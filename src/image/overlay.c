#include "base/memory.h"
#include "image/colormap.h"
#include "image/image.h"
#include "image/resize.h"

/* What the network did not see: recognisable, and like nothing that a colour map makes. */
static float dimmed(const float *rgb) {
  return 0.4f * (0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2]);
}

/* seen: 0..1, the part of the pixel that the map lies on. */
static void blend_pixel(const uint8_t *src, const uint8_t *color, float alpha, float seen,
                        uint8_t *dst) {
  float rgb[3];
  for (int c = 0; c < 3; c++) rgb[c] = gcam_over_white(src[c], src[3]);
  float grey = seen < 1 ? dimmed(rgb) : 0;
  for (int c = 0; c < 3; c++) {
    float value = alpha * (float)color[c] + (1 - alpha) * rgb[c];
    dst[c] = gcam_to_byte(seen < 1 ? grey + seen * (value - grey) : value);
  }
  dst[3] = 255;
}

/* One row at a time: beside the result, memory does not grow with the picture's height. */
gcam_status gcam_picture_overlay(const gcam_image *image, const float *map, int map_width,
                                 int map_height, const gcam_view *view, const char *colormap,
                                 float alpha, gcam_resize how, gcam_image **out, gcam_error *err) {
  *out = NULL;
  if (!image || !map)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "No picture or no map to lay over it.");
  if (!(alpha >= 0 && alpha <= 1))
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "Overlay alpha %g is not within 0..1.", (double)alpha);
  const uint8_t *colors = gcam_colors_rgb(colormap);
  if (!colors)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "Colour map \"%s\" is unknown: there are jet, turbo, viridis, inferno, magma, "
                     "plasma, cividis and gray.",
                     colormap ? colormap : "");

  gcam_image *result = NULL;
  gcam_axis x, y;
  GCAM_TRY(gcam_axes_place(&x, &y, map_width, map_height, image->width, image->height, view,
                           (int)how, err));
  gcam_status status = gcam_picture_create(image->width, image->height, &result, err);
  float *mixed = gcam_alloc(map_width, sizeof *mixed);
  float *heat = gcam_alloc(image->width, sizeof *heat);
  if (status == GCAM_OK && (!mixed || !heat))
    status = gcam_fail(err, GCAM_ERR_MEMORY, "Not enough memory for an overlay of %dx%d pixels.",
                       image->width, image->height);
  if (status == GCAM_OK) {
    const uint8_t *src = image->rgba;
    uint8_t *dst = result->rgba;
    for (int row = 0; row < image->height; row++) {
      gcam_map_row(map, &x, &y, row, mixed, heat);
      for (int col = 0; col < image->width; col++, src += 4, dst += 4) {
        const uint8_t *color = colors + 3 * gcam_to_byte(255 * heat[col]);
        blend_pixel(src, color, alpha, x.covered[col] * y.covered[row], dst);
      }
    }
    *out = result;
  } else {
    gcam_picture_free(result);
  }
  gcam_free(mixed);
  gcam_free(heat);
  gcam_axis_free(&x);
  gcam_axis_free(&y);
  return status;
}
