/* Pictures in, heatmaps and grids out. */
#include "facade/facade.h"
#include "image/colormap.h"
#include "image/image.h"
#include "image/resize.h"

gcam_image *gcam_image_decode(gcam_context *ctx, const void *bytes, size_t size) {
  gcam_image *image = NULL;
  gcam_picture_decode(bytes, size, &image, gcam_fresh(ctx));
  return image;
}

gcam_image *gcam_image_from_rgba(gcam_context *ctx, const uint8_t *rgba, int width, int height) {
  gcam_image *image = NULL;
  gcam_picture_from_rgba(rgba, width, height, &image, gcam_fresh(ctx));
  return image;
}

void gcam_image_free(gcam_image *image) { gcam_picture_free(image); }
int gcam_image_width(const gcam_image *image) { return image->width; }
int gcam_image_height(const gcam_image *image) { return image->height; }
const uint8_t *gcam_image_rgba(const gcam_image *image) { return image->rgba; }

const char *gcam_image_warning_name(const gcam_image *image) { return image->warning_name; }

const char *gcam_image_warning_text(const gcam_image *image) {
  return image->warning_name ? image->warning : NULL;
}

const uint8_t *gcam_image_png(gcam_context *ctx, gcam_image *image, size_t *size) {
  if (gcam_picture_encode_png(image, gcam_fresh(ctx))) return NULL;
  *size = image->png_size;
  return image->png;
}

gcam_image *gcam_image_resize(gcam_context *ctx, const gcam_image *image, int width, int height,
                              gcam_resize how) {
  gcam_image *resized = NULL;
  gcam_picture_resize(image, width, height, how, &resized, gcam_fresh(ctx));
  return resized;
}

int gcam_colormap_count(void) {
  int count = 0;
  while (gcam_colors_name(count)) count++;
  return count;
}

const char *gcam_colormap_name(int index) { return gcam_colors_name(index); }
const uint8_t *gcam_colormap_rgb(const char *name) { return gcam_colors_rgb(name); }

gcam_status gcam_map_resize(gcam_context *ctx, const float *map, int width, int height, float *dst,
                            int dst_width, int dst_height, const gcam_view *view, float outside,
                            gcam_resize how) {
  return gcam_map_place(map, width, height, dst, dst_width, dst_height, view, outside, how,
                        gcam_fresh(ctx));
}

gcam_image *gcam_overlay(gcam_context *ctx, const gcam_image *image, const float *map,
                         int map_width, int map_height, const gcam_view *view, const char *colormap,
                         float alpha, gcam_resize how) {
  gcam_image *out = NULL;
  gcam_picture_overlay(image, map, map_width, map_height, view, colormap, alpha, how, &out,
                       gcam_fresh(ctx));
  return out;
}

gcam_image *gcam_grid(gcam_context *ctx, gcam_image *const *tiles, const char *const *titles,
                      int count, int columns, int tile_width) {
  gcam_image *out = NULL;
  gcam_picture_grid(tiles, titles, count, columns, tile_width, &out, gcam_fresh(ctx));
  return out;
}
