/* Sources: ITU-T T.81 (JPEG), W3C PNG, CompuServe GIF89a, Microsoft's BITMAPINFOHEADER. */
#include "image/probe.h"

#include <string.h>

#include "image/exif.h"

#define HEX_BYTES(p) (p)[0], (p)[1], (p)[2], (p)[3]

static uint32_t be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t be32(const uint8_t *p) { return be16(p) << 16 | be16(p + 2); }
static uint32_t le16(const uint8_t *p) { return (uint32_t)p[1] << 8 | p[0]; }
static uint32_t le32(const uint8_t *p) { return le16(p + 2) << 16 | le16(p); }

static bool starts(const uint8_t *bytes, size_t size, const char *magic, size_t length) {
  return size >= length && !memcmp(bytes, magic, length);
}

static gcam_status cut_off(gcam_error *err, const char *format, size_t size) {
  return gcam_fail(
      err, GCAM_ERR_IMAGE,
      "The %s is cut off: its data ends after %zu bytes, before the picture does. Copy "
      "or download the file again.",
      format, size);
}

static gcam_status damaged(gcam_error *err, const char *format, const char *why) {
  return gcam_fail(
      err, GCAM_ERR_IMAGE,
      "The %s is damaged: %s. Copy or download the file again, or save it anew from an "
      "image program.",
      format, why);
}

/* min_bytes: no file of this format can say so many pixels in fewer bytes. A small file with a huge
 * header (a "bomb") ends here. */
static gcam_status check_size(gcam_error *err, const char *format, int64_t width, int64_t height,
                              int64_t min_bytes, size_t size) {
  if (width < 1 || height < 1)
    return gcam_fail(
        err, GCAM_ERR_IMAGE,
        "The %s is damaged: its header says %lldx%lld pixels. Save it anew from an image "
        "program.",
        format, (long long)width, (long long)height);
  if (width > GCAM_MAX_PIXELS || height > GCAM_MAX_PIXELS || width * height > GCAM_MAX_PIXELS)
    return gcam_fail(err, GCAM_ERR_MEMORY,
                     "The %s is too large: its header says %lldx%lld pixels, and the limit is %lld "
                     "million. Scale it down first.",
                     format, (long long)width, (long long)height,
                     (long long)(GCAM_MAX_PIXELS >> 20));
  if ((int64_t)size < min_bytes)
    return gcam_fail(err, GCAM_ERR_IMAGE,
                     "The %s cannot be whole: its header says %lldx%lld pixels, but there are only "
                     "%zu bytes. Copy or download the file again.",
                     format, (long long)width, (long long)height, size);
  return GCAM_OK;
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

enum { SOF0 = 0xC0, SOF2 = 0xC2, DHT = 0xC4, JPG = 0xC8, DAC = 0xCC, SOF15 = 0xCF };
enum { RST0 = 0xD0, RST7 = 0xD7, SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, APP1 = 0xE1, APP14 = 0xEE };

static gcam_status jpeg_frame(int marker, const uint8_t *body, size_t length, gcam_probe *probe,
                              int *channels, size_t size, gcam_error *err) {
  if (length < 6) return damaged(err, "JPEG", "its frame header is too short");
  if (marker > SOF2 || body[0] != 8)
    return gcam_fail(
        err, GCAM_ERR_IMAGE,
        "The JPEG is of a rare kind (%s, %d bits) that is not read. Save it anew as an "
        "ordinary JPEG or PNG.",
        marker == 0xC3   ? "lossless"
        : marker >= 0xC9 ? "arithmetic coding"
        : marker > SOF2  ? "hierarchical"
                         : "extended",
        body[0]);
  *channels = body[5];
  int64_t height = be16(body + 1), width = be16(body + 3);
  /* A block of 8x8 costs at least one bit, and some channel is stored at half the density or more.
   */
  GCAM_TRY(check_size(err, "JPEG", width, height, width * height / 1024, size));
  probe->width = (int)width;
  probe->height = (int)height;
  return GCAM_OK;
}

/* Skips entropy-coded data: to the FF of the next marker that is no restart, or to `size`. */
static size_t jpeg_skip_scan(const uint8_t *bytes, size_t size, size_t at) {
  while (at < size) {
    const uint8_t *found = memchr(bytes + at, 0xFF, size - at);
    if (!found) return size;
    at = (size_t)(found - bytes);
    if (at + 1 >= size) return size;
    int next = bytes[at + 1];
    if (next == 0xFF) {
      at++;
    } else if (next == 0 || (next >= RST0 && next <= RST7)) {
      at += 2;
    } else {
      return at;
    }
  }
  return size;
}

static gcam_status probe_jpeg(const uint8_t *bytes, size_t size, gcam_probe *probe,
                              gcam_error *err) {
  enum { MAX_SCANS = 500 }; /* ten are usual; each costs a pass over the picture */
  bool adobe = false, exif = false, frame = false;
  int channels = 0, scans = 0;
  size_t at = 2;
  for (;;) {
    while (at < size && bytes[at] != 0xFF) at++; /* padding behind a segment is tolerated */
    while (at < size && bytes[at] == 0xFF) at++;
    if (at >= size) return cut_off(err, "JPEG", size);
    int marker = bytes[at++];
    if (marker == EOI) break;
    if (marker <= 1 || (marker >= RST0 && marker <= SOI)) continue; /* no length follows */
    if (size - at < 2) return cut_off(err, "JPEG", size);
    size_t length = be16(bytes + at);
    if (length < 2) return damaged(err, "JPEG", "a segment has no length");
    if (length > size - at) return cut_off(err, "JPEG", size);
    const uint8_t *body = bytes + at + 2;
    at += length;
    length -= 2;

    if (marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC) {
      if (frame) return damaged(err, "JPEG", "it holds two frame headers");
      frame = true;
      GCAM_TRY(jpeg_frame(marker, body, length, probe, &channels, size, err));
    } else if (marker == APP1 && !exif && starts(body, length, "Exif\0\0", 6)) {
      exif = true;
      probe->orientation = gcam_exif_orientation(body + 6, length - 6);
    } else if (marker == APP14 && length >= 12 && starts(body, length, "Adobe", 5)) {
      adobe = true;
    } else if (marker == SOS) {
      if (!frame) return damaged(err, "JPEG", "its picture data come before the frame header");
      if (++scans > MAX_SCANS) return damaged(err, "JPEG", "it has more than 500 scans");
      at = jpeg_skip_scan(bytes, size, at);
    }
  }
  if (!scans) return damaged(err, "JPEG", "it holds no picture data");
  probe->plain_cmyk = channels == 4 && !adobe;
  return GCAM_OK;
}

/* ---- PNG ------------------------------------------------------------------------------------- */

static gcam_status probe_png(const uint8_t *bytes, size_t size, gcam_probe *probe,
                             gcam_error *err) {
  if (size < 33) return cut_off(err, "PNG", size);
  if (be32(bytes + 8) != 13 || memcmp(bytes + 12, "IHDR", 4))
    return damaged(err, "PNG", "it does not begin with its header");
  int64_t width = be32(bytes + 16), height = be32(bytes + 20);
  int depth = bytes[24], type = bytes[25];
  int channels = type == 2 ? 3 : type == 4 ? 2 : type == 6 ? 4 : 1;
  GCAM_TRY(check_size(err, "PNG", width, height, 0, size));
  probe->width = (int)width;
  probe->height = (int)height;
  probe->deep = depth == 16;

  int64_t data = 0;
  bool palette = false;
  for (size_t at = 8;;) {
    if (size - at < 12) return cut_off(err, "PNG", size);
    size_t length = be32(bytes + at);
    const uint8_t *name = bytes + at + 4, *body = name + 4;
    if (length > size - at - 12) return cut_off(err, "PNG", size);
    at += length + 12;
    if (!memcmp(name, "IEND", 4)) break;
    if (!memcmp(name, "PLTE", 4)) palette = true;
    if (!memcmp(name, "IDAT", 4)) data += (int64_t)length;
    if (!memcmp(name, "eXIf", 4)) probe->orientation = gcam_exif_orientation(body, length);
  }
  if (!data) return damaged(err, "PNG", "it holds no picture data");
  if (type == 3 && !palette) return damaged(err, "PNG", "its palette is missing");
  /* Deflate shrinks by 1032 at most. */
  return check_size(err, "PNG", width, height, (width * channels * depth / 8 + 1) * height / 1032,
                    (size_t)data);
}

/* ---- GIF ------------------------------------------------------------------------------------- */

/* From a chain of sub-blocks to what follows it; 0 when it does not end. */
static size_t gif_skip_blocks(const uint8_t *bytes, size_t size, size_t at) {
  while (at < size) {
    size_t length = bytes[at++];
    if (!length) return at;
    if (length > size - at) return 0;
    at += length;
  }
  return 0;
}

static gcam_status probe_gif(const uint8_t *bytes, size_t size, gcam_probe *probe,
                             gcam_error *err) {
  if (size < 13) return cut_off(err, "GIF", size);
  int64_t width = le16(bytes + 6), height = le16(bytes + 8);
  /* A code of 12 bits stands for 4096 pixels at most; a frame may cover a part only of the canvas.
   */
  int64_t few = width * height <= 1 << 22 ? 0 : width * height / 4096;
  GCAM_TRY(check_size(err, "GIF", width, height, few, size));
  probe->width = (int)width;
  probe->height = (int)height;
  size_t at = 13;
  if (bytes[10] & 0x80) at += (size_t)3 << ((bytes[10] & 7) + 1);
  while (at < size) {
    int kind = bytes[at++];
    if (kind == 0x21) { /* extension: label, blocks */
      at = gif_skip_blocks(bytes, size, at + 1);
      if (!at) break;
    } else if (kind ==
               0x2C) { /* the first frame: rectangle, flags, own palette, code size, blocks */
      if (size - at < 10) break;
      int flags = bytes[at + 8];
      at += 9;
      if (flags & 0x80) at += (size_t)3 << ((flags & 7) + 1);
      if (gif_skip_blocks(bytes, size, at + 1)) return GCAM_OK;
      break;
    } else if (kind == 0x3B) {
      return damaged(err, "GIF", "it holds no picture");
    } else if (kind != 0) {
      return damaged(err, "GIF", "a block of unknown kind stands before its first picture");
    }
  }
  return cut_off(err, "GIF", size);
}

/* ---- BMP ------------------------------------------------------------------------------------- */

static gcam_status probe_bmp(const uint8_t *bytes, size_t size, gcam_probe *probe,
                             gcam_error *err) {
  if (size < 26) return cut_off(err, "BMP", size);
  int64_t offset = le32(bytes + 10);
  uint32_t header = le32(bytes + 14);
  int64_t width, height;
  int bits;
  uint32_t compression = 0;
  if (header == 12) {
    width = le16(bytes + 18);
    height = le16(bytes + 20);
    bits = (int)le16(bytes + 24);
  } else {
    if (size < 34) return cut_off(err, "BMP", size);
    width = (int32_t)le32(bytes + 18);
    height = (int32_t)le32(bytes + 22);
    if (height < 0) height = -height; /* rows from the top */
    bits = (int)le16(bytes + 28);
    compression = le32(bytes + 30);
  }
  GCAM_TRY(check_size(err, "BMP", width, height, 0, size));
  if (compression != 0 && compression != 3)
    return gcam_fail(
        err, GCAM_ERR_IMAGE,
        "The BMP is compressed (kind %u), which is not read. Save it anew as PNG or JPEG.",
        (unsigned)compression);
  int64_t row = width * bits;
  int64_t needed = offset + (row + 31) / 32 * 4 * (height - 1) + (row + 7) / 8;
  if (needed > (int64_t)size) return cut_off(err, "BMP", size);
  probe->width = (int)width;
  probe->height = (int)height;
  return GCAM_OK;
}

/* ---- Everything else --------------------------------------------------------------------------
 */

static bool is_text(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size && i < 64; i++)
    if (bytes[i] < 9 || (bytes[i] > 13 && bytes[i] < 32)) return false;
  return true;
}

static bool has(const char *text, const char *word) { return strstr(text, word) != NULL; }

/* What the file looks like, and what to do; NULL when there is no telling. */
static const char *recognise(const uint8_t *bytes, size_t size) {
  static const struct {
    size_t at, length;
    const char *magic, *name;
  } known[] = {
      {8, 4, "WEBP", "a WebP picture"},
      {4, 8, "ftypavif", "an AVIF picture"},
      {4, 8, "ftypavis", "an AVIF picture"},
      {4, 7, "ftyphei", "a HEIC picture"},
      {4, 8, "ftypmif1", "a HEIC or AVIF picture"},
      {4, 8, "ftypmsf1", "a HEIC picture"},
      {4, 4, "ftyp", "a video"},
      {0, 4, "\x1A\x45\xDF\xA3", "a video"},
      {0, 4, "II*\0", "a TIFF or camera raw picture"},
      {0, 4, "MM\0*", "a TIFF or camera raw picture"},
      {0, 4, "%PDF", "a PDF"},
      {0, 4, "8BPS", "a Photoshop file"},
      {0, 2, "\xFF\x0A", "a JPEG XL picture"},
      {0, 8, "\0\0\0\x0CJXL ", "a JPEG XL picture"},
      {0, 8, "\0\0\0\x0CjP  ", "a JPEG 2000 picture"},
      {0, 4, "\0\0\1\0", "an icon (.ico)"},
      {0, 4, "PK\3\4", "a ZIP archive or office document"},
      {0, 2, "\x1F\x8B", "a gzip archive"},
      {0, 8, "\x89HDF\r\n\x1A\n", "an HDF5 file, perhaps a Keras model"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (size >= known[i].at + known[i].length &&
        !memcmp(bytes + known[i].at, known[i].magic, known[i].length))
      return known[i].name;
  if (!is_text(bytes, size)) return NULL;

  char text[513];
  size_t length = size < sizeof text - 1 ? size : sizeof text - 1;
  for (size_t i = 0; i < length; i++)
    text[i] = (char)(bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] + 32
                     : bytes[i]                         ? bytes[i]
                                                        : ' ');
  text[length] = 0;
  if (has(text, "git-lfs")) return "a Git LFS pointer in place of the file (run `git lfs pull`)";
  if (has(text, "<svg")) return "an SVG drawing";
  if (has(text, "<!doctype html") || has(text, "<html"))
    return "a web page (perhaps the address leads to a page about the picture)";
  return "text";
}

gcam_status gcam_probe_picture(const uint8_t *bytes, size_t size, gcam_probe *probe,
                               gcam_error *err) {
  memset(probe, 0, sizeof *probe);
  probe->orientation = 1;
  if (!bytes || !size)
    return gcam_fail(err, GCAM_ERR_IMAGE,
                     "The picture is empty (0 bytes). Copy or download the file again.");
  if (starts(bytes, size, "\xFF\xD8\xFF", 3)) {
    probe->format = GCAM_JPEG;
    return probe_jpeg(bytes, size, probe, err);
  }
  if (starts(bytes, size, "\x89PNG\r\n\x1A\n", 8)) {
    probe->format = GCAM_PNG;
    return probe_png(bytes, size, probe, err);
  }
  if (starts(bytes, size, "GIF87a", 6) || starts(bytes, size, "GIF89a", 6)) {
    probe->format = GCAM_GIF;
    return probe_gif(bytes, size, probe, err);
  }
  if (starts(bytes, size, "BM", 2) && !is_text(bytes, size)) {
    probe->format = GCAM_BMP;
    return probe_bmp(bytes, size, probe, err);
  }
  const char *looks = recognise(bytes, size);
  if (looks)
    return gcam_fail(
        err, GCAM_ERR_IMAGE,
        "This is not a JPEG, PNG, GIF or BMP: it looks like %s. Save or export it as PNG "
        "or JPEG.",
        looks);
  uint8_t head[4] = {0};
  memcpy(head, bytes, size < 4 ? size : 4);
  return gcam_fail(
      err, GCAM_ERR_IMAGE,
      "This is not a picture that can be read (%zu bytes, beginning %02x %02x %02x %02x): "
      "JPEG, PNG, GIF and BMP are.",
      size, HEX_BYTES(head));
}
