/* bmp.h: Windows and OS/2 bitmaps of every header: 1, 2, 4, 8 bits with a palette, RLE4 and RLE8;
 * 16, 24 and 32 bits, with or without masks; rows from the bottom or the top; any gap before the
 * pixels. Not read, and said: JPEG and PNG inside, and OS/2's own two packings. */
#ifndef GCAM_IMAGE_BMP_H
#define GCAM_IMAGE_BMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gcam_bmp {
  int64_t width, height; /* from the header, not checked */
  bool from_top;
  int bits;
  uint32_t compression;
  uint32_t mask[4];              /* of 16, 24 and 32 bits: R, G, B, A; A 0: opaque */
  size_t palette, palette_entry; /* where it lies in the file, bytes per colour */
  int colors;
  size_t offset; /* of the pixels */

  bool cut_off; /* why it was not opened */
  const char *problem;
} gcam_bmp;

/* Reads the headers; false: cut_off or problem says why. Nothing but the pixels is outside of the
 * file then. */
bool gcam_bmp_open(const uint8_t *bytes, size_t size, gcam_bmp *bmp);
/* Bytes that a file with those headers has at the least. */
int64_t gcam_bmp_least_bytes(const gcam_bmp *bmp);
/* RLE: decoding needs room for width * height indices, all 0. */
bool gcam_bmp_is_packed(const gcam_bmp *bmp);
/* rgba[height][width][4], of a file with the least bytes or more. False: packed data are cut off.
 */
bool gcam_bmp_decode(const gcam_bmp *bmp, const uint8_t *bytes, size_t size, uint8_t *rgba,
                     uint8_t *index);

#endif
