/* Sources: Microsoft's BITMAPINFOHEADER, BITMAPV4HEADER, BITMAPV5HEADER and "Bitmap Compression";
 * IBM's OS/2 Presentation Manager BITMAPINFOHEADER2. stb_image reads no RLE, and some files that
 * are in order with red for blue. */
#include "image/bmp.h"

#include <string.h>

enum { FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40, OS2_HEADER = 64 };
enum { RGB = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, JPEG = 4, PNG = 5, ALPHABITFIELDS = 6 };

static uint32_t le16(const uint8_t *p) { return (uint32_t)p[1] << 8 | p[0]; }
static uint32_t le32(const uint8_t *p) { return le16(p + 2) << 16 | le16(p); }

static bool fail(gcam_bmp *bmp, const char *why) {
  bmp->problem = why;
  return false;
}

static bool cut(gcam_bmp *bmp) {
  bmp->cut_off = true;
  return false;
}

static bool mask_is_whole(uint32_t mask) {
  uint32_t low = mask & (~mask + 1);
  return !(mask & (mask + low)); /* one run of ones, or none */
}

static bool read_masks(gcam_bmp *bmp, const uint8_t *bytes, size_t size, uint32_t header,
                       size_t *palette) {
  static const uint32_t rgb555[3] = {0x7C00, 0x3E0, 0x1F}, rgb888[3] = {0xFF0000, 0xFF00, 0xFF};
  memcpy(bmp->mask, bmp->bits == 16 ? rgb555 : rgb888, sizeof rgb555);
  if (bmp->compression != BITFIELDS && bmp->compression != ALPHABITFIELDS) return true;
  bool alpha = bmp->compression == ALPHABITFIELDS || header >= 56;
  size_t at = FILE_HEADER + INFO_HEADER, masks = alpha ? 4 : 3;
  if (header == INFO_HEADER) *palette += 4 * masks; /* behind the header; later ones hold them */
  if (size < at + 4 * masks) return cut(bmp);
  uint32_t all = 0;
  for (size_t c = 0; c < masks; c++) {
    bmp->mask[c] = le32(bytes + at + 4 * c);
    all |= bmp->mask[c];
    if (!mask_is_whole(bmp->mask[c]))
      return fail(bmp, "a colour's bits are not next to each other");
  }
  if (!all) { /* nothing said: as without masks */
    memcpy(bmp->mask, bmp->bits == 16 ? rgb555 : rgb888, sizeof rgb555);
    return true;
  }
  return true;
}

static bool known_coding(gcam_bmp *bmp, uint32_t header) {
  const int bits = bmp->bits;
  const uint32_t coding = bmp->compression;
  bool os2 = header != INFO_HEADER && header <= OS2_HEADER && header != 52 && header != 56;
  if (coding == JPEG || coding == PNG)
    return fail(bmp, coding == PNG ? "it holds a PNG"
                     : os2         ? "it is packed as OS/2 does with 24 bits"
                                   : "it holds a JPEG");
  if (os2 && coding == BITFIELDS) return fail(bmp, "it is packed as OS/2 does with fax pages");
  bool good = coding == RGB ? bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16 ||
                                  bits == 24 || bits == 32
              : coding == RLE8 ? bits == 8
              : coding == RLE4 ? bits == 4
              : coding == BITFIELDS || coding == ALPHABITFIELDS
                  ? bits == 16 || bits == 24 || bits == 32
                  : false;
  return good || fail(bmp, "its bits per pixel and its packing do not go together");
}

/* The palette lies between header and pixels; where they leave no room for it, it is shorter. */
static void find_palette(gcam_bmp *bmp, uint32_t used, size_t at, size_t entry, size_t size) {
  if (bmp->bits > 8) return;
  size_t colors = (size_t)1 << bmp->bits;
  if (used && used < colors) colors = used;
  size_t end = bmp->offset > at ? bmp->offset : size;
  if (bmp->offset && at + colors * entry > end) colors = (end - at) / entry;
  bmp->palette = at;
  bmp->palette_entry = entry;
  bmp->colors = (int)colors;
}

bool gcam_bmp_open(const uint8_t *bytes, size_t size, gcam_bmp *bmp) {
  memset(bmp, 0, sizeof *bmp);
  if (size < FILE_HEADER + CORE_HEADER) return cut(bmp);
  bmp->offset = le32(bytes + 10);
  uint32_t header = le32(bytes + FILE_HEADER), used = 0;
  size_t palette = FILE_HEADER + (size_t)header;
  if (header == CORE_HEADER) {
    bmp->width = le16(bytes + 18);
    bmp->height = le16(bytes + 20);
    bmp->bits = (int)le16(bytes + 24);
  } else {
    if (header < 16 || header > 1024) return fail(bmp, "its header has an impossible length");
    if (size < palette) return cut(bmp);
    uint8_t info[INFO_HEADER] = {0}; /* OS/2's may end early: what is missing is 0 */
    memcpy(info, bytes + FILE_HEADER, header < INFO_HEADER ? header : INFO_HEADER);
    bmp->width = (int32_t)le32(info + 4);
    bmp->height = (int32_t)le32(info + 8);
    bmp->from_top = bmp->height < 0;
    if (bmp->from_top) bmp->height = -bmp->height;
    bmp->bits = (int)le16(info + 14);
    bmp->compression = le32(info + 16);
    used = le32(info + 32);
  }
  if (!known_coding(bmp, header) || !read_masks(bmp, bytes, size, header, &palette)) return false;
  find_palette(bmp, used, palette, header == CORE_HEADER ? 3 : 4, size);
  if (!bmp->offset) {
    bmp->offset = palette + bmp->palette_entry * (size_t)bmp->colors;
  } else if (bmp->offset < FILE_HEADER + header) {
    return fail(bmp, "its pixels begin inside its header");
  }
  if (bmp->palette + bmp->palette_entry * (size_t)bmp->colors > size || bmp->offset > size)
    return cut(bmp);
  return true;
}

int64_t gcam_bmp_least_bytes(const gcam_bmp *bmp) {
  if (bmp->compression == RLE8 || bmp->compression == RLE4) {
    /* Two bytes say 255 pixels; skipping says more. */
    int64_t pixels = bmp->width * bmp->height;
    return pixels <= 1 << 22 ? 0 : pixels / 1024;
  }
  int64_t row = bmp->width * bmp->bits;
  return (int64_t)bmp->offset + (row + 31) / 32 * 4 * (bmp->height - 1) + (row + 7) / 8;
}

/* ---- Pixels --------------------------------------------------------------------------------- */

static void read_palette(const gcam_bmp *bmp, const uint8_t *bytes, uint8_t rgba[256][4]) {
  for (int i = 0; i < 256; i++) {
    memset(rgba[i], 0, 3); /* an index behind the palette's end is black */
    rgba[i][3] = 255;
    const uint8_t *entry = bytes + bmp->palette + (size_t)i * bmp->palette_entry;
    for (int c = 0; i < bmp->colors && c < 3; c++) rgba[i][c] = entry[2 - c];
  }
}

/* A channel's bits to 0..255, rounded. */
static uint8_t channel(uint32_t pixel, uint32_t mask) {
  if (!mask) return 0;
  uint32_t low = mask & (~mask + 1);
  uint64_t value = (pixel & mask) / low, most = mask / low;
  return (uint8_t)((value * 255 + most / 2) / most);
}

static void unpack_indexed(const gcam_bmp *bmp, const uint8_t *row, uint8_t palette[256][4],
                           uint8_t *dst) {
  const int bits = bmp->bits, each = 8 / bits, most = (1 << bits) - 1;
  for (int x = 0; x < (int)bmp->width; x++, dst += 4)
    memcpy(dst, palette[row[x / each] >> (8 - bits - x % each * bits) & most], 4);
}

static void unpack_masked(const gcam_bmp *bmp, const uint8_t *row, uint8_t *dst) {
  const int bytes = bmp->bits / 8;
  for (int64_t x = 0; x < bmp->width; x++, row += bytes, dst += 4) {
    uint32_t pixel = 0;
    for (int b = 0; b < bytes; b++) pixel |= (uint32_t)row[b] << 8 * b;
    for (int c = 0; c < 3; c++) dst[c] = channel(pixel, bmp->mask[c]);
    dst[3] = bmp->mask[3] ? channel(pixel, bmp->mask[3]) : 255;
  }
}

/* A file that announces opacity and gives every pixel none was meant to be seen. */
static void show_all_hidden(const gcam_bmp *bmp, uint8_t *rgba) {
  size_t count = (size_t)bmp->width * (size_t)bmp->height;
  for (size_t i = 0; i < count; i++)
    if (rgba[4 * i + 3]) return;
  for (size_t i = 0; i < count; i++) rgba[4 * i + 3] = 255;
}

/* Indices, one byte a pixel, rows as they come. False: cut off. */
static bool unpack_rle(const gcam_bmp *bmp, const uint8_t *bytes, size_t size, uint8_t *index) {
  const bool four = bmp->compression == RLE4;
  const int64_t W = bmp->width, H = bmp->height;
  int64_t x = 0, y = 0;
  for (size_t at = bmp->offset; y < H;) {
    if (size - at < 2) return y == H - 1 && x >= W; /* the end mark alone is missing */
    int count = bytes[at], value = bytes[at + 1];
    at += 2;
    if (count) {
      for (int i = 0; i < count && x < W; i++, x++)
        index[y * W + x] = (uint8_t)(!four ? value : i % 2 ? value & 15 : value >> 4);
    } else if (value == 0) {
      x = 0;
      y++;
    } else if (value == 1) {
      return true;
    } else if (value == 2) {
      if (size - at < 2) return false;
      x += bytes[at];
      y += bytes[at + 1];
      at += 2;
    } else {
      size_t length = four ? ((size_t)value + 1) / 2 : (size_t)value;
      if (size - at < length) return false;
      for (int i = 0; i < value && x < W; i++, x++) {
        int packed = bytes[at + (size_t)(four ? i / 2 : i)];
        index[y * W + x] = (uint8_t)(!four ? packed : i % 2 ? packed & 15 : packed >> 4);
      }
      at += length;
      if (length % 2 && at < size) at++; /* runs end on even bytes */
    }
  }
  return true;
}

bool gcam_bmp_decode(const gcam_bmp *bmp, const uint8_t *bytes, size_t size, uint8_t *rgba,
                     uint8_t *index) {
  const size_t W = (size_t)bmp->width, H = (size_t)bmp->height;
  const size_t stride = (W * (size_t)bmp->bits + 31) / 32 * 4;
  uint8_t palette[256][4];
  read_palette(bmp, bytes, palette);
  if (index && !unpack_rle(bmp, bytes, size, index)) return false;
  for (size_t y = 0; y < H; y++) {
    uint8_t *dst = rgba + (bmp->from_top ? y : H - 1 - y) * W * 4;
    const uint8_t *row = bytes + bmp->offset + y * stride;
    if (index)
      for (size_t x = 0; x < W; x++) memcpy(dst + 4 * x, palette[index[y * W + x]], 4);
    else if (bmp->bits <= 8)
      unpack_indexed(bmp, row, palette, dst);
    else
      unpack_masked(bmp, row, dst);
  }
  if (bmp->bits > 8 && bmp->mask[3]) show_all_hidden(bmp, rgba);
  return true;
}

bool gcam_bmp_is_packed(const gcam_bmp *bmp) {
  return bmp->compression == RLE8 || bmp->compression == RLE4;
}
