#include "image/exif.h"

#include <string.h>

#include "base/memory.h"

static uint32_t read_u16(const uint8_t *p, bool big) {
  return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t read_u32(const uint8_t *p, bool big) {
  return big ? read_u16(p, true) << 16 | read_u16(p + 2, true)
             : read_u16(p + 2, false) << 16 | read_u16(p, false);
}

int gcam_exif_orientation(const uint8_t *tiff, size_t size) {
  if (size < 8) return 1;
  bool big = !memcmp(tiff, "MM\0*", 4);
  if (!big && memcmp(tiff, "II*\0", 4)) return 1;
  size_t at = read_u32(tiff + 4, big);
  if (at > size || size - at < 2) return 1;
  size_t count = read_u16(tiff + at, big);
  for (at += 2; count-- && size - at >= 12; at += 12) {
    const uint8_t *entry = tiff + at; /* tag, type, count, value */
    if (read_u16(entry, big) != 0x0112) continue;
    enum { SHORT = 3, LONG = 4 };
    uint32_t type = read_u16(entry + 2, big);
    uint32_t value = type == SHORT  ? read_u16(entry + 8, big)
                     : type == LONG ? read_u32(entry + 8, big)
                                    : 0;
    return value >= 1 && value <= 8 ? (int)value : 1;
  }
  return 1;
}

static void swap_pixels(uint8_t *a, uint8_t *b) {
  uint32_t va, vb;
  memcpy(&va, a, 4);
  memcpy(&vb, b, 4);
  memcpy(a, &vb, 4);
  memcpy(b, &va, 4);
}

static void mirror(gcam_image *image) {
  size_t W = (size_t)image->width;
  for (size_t y = 0; y < (size_t)image->height; y++) {
    uint8_t *row = image->rgba + y * W * 4;
    for (size_t i = 0, j = W - 1; i < j; i++, j--) swap_pixels(row + i * 4, row + j * 4);
  }
}

static void flip(gcam_image *image) {
  size_t W = (size_t)image->width;
  for (size_t i = 0, j = (size_t)image->height - 1; i < j; i++, j--)
    for (size_t x = 0; x < W; x++)
      swap_pixels(image->rgba + (i * W + x) * 4, image->rgba + (j * W + x) * 4);
}

static gcam_status transpose(gcam_image *image, gcam_error *err) {
  size_t W = (size_t)image->width, H = (size_t)image->height;
  uint8_t *turned = gcam_alloc((int64_t)W * image->height, 4);
  if (!turned)
    return gcam_fail(err, GCAM_ERR_MEMORY,
                     "Not enough memory to turn the picture of %zux%zu pixels upright.", W, H);
  enum { TILE = 32 }; /* both sides of a tile stay in the cache */
  for (size_t y0 = 0; y0 < H; y0 += TILE)
    for (size_t x0 = 0; x0 < W; x0 += TILE)
      for (size_t y = y0; y < H && y < y0 + TILE; y++)
        for (size_t x = x0; x < W && x < x0 + TILE; x++)
          memcpy(turned + (x * H + y) * 4, image->rgba + (y * W + x) * 4, 4);
  gcam_free(image->rgba);
  image->rgba = turned;
  image->width = (int)H;
  image->height = (int)W;
  return GCAM_OK;
}

gcam_status gcam_picture_orient(gcam_image *image, int orientation, gcam_error *err) {
  /* Each orientation is a transposition (5..8), then a mirror and a flip or not. */
  if (orientation >= 5) GCAM_TRY(transpose(image, err));
  if (orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7) mirror(image);
  if (orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8) flip(image);
  return GCAM_OK;
}
