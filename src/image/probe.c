/* Sources: ITU-T T.81 (JPEG), W3C PNG, CompuServe GIF89a. */
#include "image/probe.h"

#include <string.h>

#include "image/bmp.h"
#include "image/exif.h"

#define HEX_BYTES(p) (p)[0], (p)[1], (p)[2], (p)[3]

static uint32_t be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t be32(const uint8_t *p) { return be16(p) << 16 | be16(p + 2); }
static uint32_t le16(const uint8_t *p) { return (uint32_t)p[1] << 8 | p[0]; }

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

/* ---- JPEG ----------------------------------------------------------------------------------- */

enum { SOF0 = 0xC0, SOF2 = 0xC2, DHT = 0xC4, JPG = 0xC8, DAC = 0xCC, SOF15 = 0xCF };
enum { RST0 = 0xD0, RST7 = 0xD7, SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, DRI = 0xDD };
enum { APP1 = 0xE1, APP14 = 0xEE };

typedef struct jpeg {
  const uint8_t *bytes;
  size_t size;
  bool frame, progressive, adobe, exif;
  int channels, scans, restart; /* blocks between two restart marks, 0: none */
  int id[4], h[4], v[4], h_max, v_max;
  uint8_t missing[4][64]; /* bits of a coefficient still to come; a whole picture has none */
} jpeg;

static gcam_status jpeg_frame(jpeg *j, int marker, const uint8_t *body, size_t length,
                              gcam_probe *probe, gcam_error *err) {
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
  j->frame = true;
  j->progressive = marker == SOF2;
  j->channels = body[5];
  int64_t height = be16(body + 1), width = be16(body + 3);
  /* A block of 8x8 costs at least one bit, and some channel is stored at half the density or more.
   */
  GCAM_TRY(check_size(err, "JPEG", width, height, width * height / 1024, j->size));
  if (j->channels < 1 || j->channels > 4 || length < 6 + 3 * (size_t)j->channels)
    return damaged(err, "JPEG", "its frame header names an odd number of channels");
  probe->width = (int)width;
  probe->height = (int)height;
  for (int c = 0; c < j->channels; c++) {
    const uint8_t *channel = body + 6 + 3 * c;
    j->id[c] = channel[0];
    j->h[c] = channel[1] >> 4;
    j->v[c] = channel[1] & 15;
    if (!j->h[c] || !j->v[c]) return damaged(err, "JPEG", "a channel's sampling is 0");
    if (j->h[c] > j->h_max) j->h_max = j->h[c];
    if (j->v[c] > j->v_max) j->v_max = j->v[c];
    memset(j->missing[c], 255, sizeof j->missing[c]);
  }
  return GCAM_OK;
}

static int64_t share(int64_t all, int64_t part) { return (all + part - 1) / part; }

/* Reads a scan's header into what is still missing; false where it makes no sense. *restarts: how
 * many restart marks its data hold. */
static bool jpeg_scan(jpeg *j, const uint8_t *body, size_t length, const gcam_probe *probe,
                      int64_t *restarts) {
  int count = length ? body[0] : 0, c = 0;
  if (count < 1 || count > 4 || length < 4 + 2 * (size_t)count) return false;
  const uint8_t *range = body + 1 + 2 * count; /* first and last coefficient, bits */
  int first = j->progressive ? range[0] : 0, last = j->progressive ? range[1] : 63;
  int low = j->progressive ? range[2] & 15 : 0;
  if (first > last || last > 63) return false;
  for (int i = 0; i < count; i++) {
    for (c = 0; c < j->channels && j->id[c] != body[1 + 2 * i]; c++) continue;
    if (c == j->channels) return false;
    for (int k = first; k <= last; k++)
      if (low < j->missing[c][k]) j->missing[c][k] = (uint8_t)low;
  }
  int64_t w = probe->width, h = probe->height, blocks;
  if (count > 1)
    blocks = share(w, 8 * j->h_max) * share(h, 8 * j->v_max);
  else
    blocks = share(share(w * j->h[c], j->h_max), 8) * share(share(h * j->v[c], j->v_max), 8);
  *restarts = j->restart ? (blocks - 1) / j->restart : 0;
  return true;
}

static bool jpeg_complete(const jpeg *j) {
  for (int c = 0; c < j->channels; c++)
    for (int k = 0; k < 64; k++)
      if (j->missing[c][k]) return false;
  return j->scans > 0;
}

/* Skips entropy-coded data: to the FF of the next marker that is no restart of theirs, or to
 * `size`. *restarts is counted down. */
static size_t jpeg_skip_scan(const uint8_t *bytes, size_t size, size_t at, int64_t *restarts) {
  while (at < size) {
    const uint8_t *found = memchr(bytes + at, 0xFF, size - at);
    if (!found) return size;
    at = (size_t)(found - bytes);
    if (at + 1 >= size) return size;
    int next = bytes[at + 1];
    if (next == 0xFF) {
      at++;
    } else if (next == 0) {
      at += 2;
    } else if (next >= RST0 && next <= RST7 && *restarts > 0) {
      at += 2;
      --*restarts;
    } else {
      return at;
    }
  }
  return size;
}

/* Walks the segments. Fails too where something else than a JPEG follows the last scan. */
static gcam_status jpeg_walk(jpeg *j, gcam_probe *probe, gcam_error *err) {
  enum { MAX_SCANS = 500 }; /* ten are usual; each costs a pass over the picture */
  const uint8_t *bytes = j->bytes;
  const size_t size = j->size;
  size_t at = 2;
  for (;;) {
    while (at < size && bytes[at] != 0xFF) at++; /* padding behind a segment is tolerated */
    while (at < size && bytes[at] == 0xFF) at++;
    if (at >= size) return cut_off(err, "JPEG", size);
    int marker = bytes[at++];
    if (marker == EOI) return GCAM_OK;
    if (marker <= 1 || (marker >= RST0 && marker <= SOI)) continue; /* no length follows */
    if (size - at < 2) return cut_off(err, "JPEG", size);
    size_t length = be16(bytes + at);
    if (length < 2) return damaged(err, "JPEG", "a segment has no length");
    if (length > size - at) return cut_off(err, "JPEG", size);
    const uint8_t *body = bytes + at + 2;
    at += length;
    length -= 2;

    if (marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC) {
      if (j->frame) return damaged(err, "JPEG", "it holds two frame headers");
      GCAM_TRY(jpeg_frame(j, marker, body, length, probe, err));
    } else if (marker == DRI && length >= 2) {
      j->restart = (int)be16(body);
    } else if (marker == APP1 && !j->exif && starts(body, length, "Exif\0\0", 6)) {
      j->exif = true;
      probe->orientation = gcam_exif_orientation(body + 6, length - 6);
    } else if (marker == APP14 && length >= 12 && starts(body, length, "Adobe", 5)) {
      j->adobe = true;
    } else if (marker == SOS) {
      if (!j->frame) return damaged(err, "JPEG", "its picture data come before the frame header");
      if (++j->scans > MAX_SCANS) return damaged(err, "JPEG", "it has more than 500 scans");
      int64_t restarts;
      if (!jpeg_scan(j, body, length, probe, &restarts))
        return damaged(err, "JPEG", "a scan's header makes no sense");
      at = jpeg_skip_scan(bytes, size, at, &restarts);
      if (restarts) /* the decoder would leave all behind the last one grey */
        return at == size
                   ? cut_off(err, "JPEG", size)
                   : damaged(err, "JPEG", "restart marks are missing, and what follows them");
      if (jpeg_complete(j)) probe->end = at;
    }
  }
}

static gcam_status probe_jpeg(const uint8_t *bytes, size_t size, gcam_probe *probe,
                              gcam_error *err) {
  jpeg j = {.bytes = bytes, .size = size};
  gcam_status status = jpeg_walk(&j, probe, err);
  if (status != GCAM_OK) {
    if (!probe->end) return status;
    probe->endless = true; /* every scan was there: what follows is nothing, or none of it */
    err->status = GCAM_OK;
    err->text[0] = 0;
  }
  if (!j.scans) return damaged(err, "JPEG", "it holds no picture data");
  probe->plain_cmyk = j.channels == 4 && !j.adobe;
  return GCAM_OK;
}

/* ---- PNG ------------------------------------------------------------------------------------ */

const uint8_t gcam_png_end[12] = "\0\0\0\0IEND\xAE\x42\x60\x82";

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
  size_t behind = 0; /* the picture */
  bool palette = false;
  for (size_t at = 8;;) {
    size_t left = size - at;
    const uint8_t *name = bytes + at + 4, *body = name + 4;
    if (left < 12 || be32(bytes + at) > left - 12) {
      /* What follows the picture may lack its end, or be nothing; the decoder sees whether it was
       * all. */
      if (!data || (left >= 8 && !memcmp(name, "IDAT", 4))) return cut_off(err, "PNG", size);
      probe->end = behind;
      probe->endless = true;
      break;
    }
    size_t length = be32(bytes + at);
    at += length + 12;
    if (!memcmp(name, "IEND", 4)) break;
    if (!memcmp(name, "PLTE", 4)) palette = true;
    if (!memcmp(name, "IDAT", 4)) data += (int64_t)length, behind = at;
    if (!memcmp(name, "eXIf", 4)) probe->orientation = gcam_exif_orientation(body, length);
  }
  if (!data) return damaged(err, "PNG", "it holds no picture data");
  if (type == 3 && !palette) return damaged(err, "PNG", "its palette is missing");
  /* Deflate shrinks by 1032 at most. */
  return check_size(err, "PNG", width, height, (width * channels * depth / 8 + 1) * height / 1032,
                    (size_t)data);
}

/* ---- GIF ------------------------------------------------------------------------------------ */

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
      int64_t right = le16(bytes + at) + le16(bytes + at + 4);
      int64_t bottom = le16(bytes + at + 2) + le16(bytes + at + 6);
      if (right > width || bottom > height) { /* as PIL and browsers do */
        probe->grown = true;
        width = right > width ? right : width;
        height = bottom > height ? bottom : height;
        if (width > 65535 || height > 65535)
          return damaged(err, "GIF", "its first frame lies outside of any canvas");
        few = width * height <= 1 << 22 ? 0 : width * height / 4096;
        GCAM_TRY(check_size(err, "GIF", width, height, few, size));
        probe->width = (int)width;
        probe->height = (int)height;
      }
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

/* ---- BMP ------------------------------------------------------------------------------------ */

static gcam_status probe_bmp(const uint8_t *bytes, size_t size, gcam_probe *probe,
                             gcam_error *err) {
  gcam_bmp bmp;
  bool open = gcam_bmp_open(bytes, size, &bmp);
  if (bmp.cut_off) return cut_off(err, "BMP", size);
  if (!open)
    return gcam_fail(err, GCAM_ERR_IMAGE,
                     "The BMP is of a kind that is not read: %s. Save it anew as PNG or JPEG.",
                     bmp.problem);
  bool packed = gcam_bmp_is_packed(&bmp);
  GCAM_TRY(check_size(err, "BMP", bmp.width, bmp.height, 0, size));
  int64_t least = gcam_bmp_least_bytes(&bmp);
  if (!packed && least > (int64_t)size) return cut_off(err, "BMP", size);
  GCAM_TRY(check_size(err, "BMP", bmp.width, bmp.height, least, size));
  probe->width = (int)bmp.width;
  probe->height = (int)bmp.height;
  return GCAM_OK;
}

/* ---- Everything else ------------------------------------------------------------------------ */

static bool is_text(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size && i < 64; i++)
    if (bytes[i] < 9 || (bytes[i] > 13 && bytes[i] < 32)) return false;
  return true;
}

static bool has(const char *text, const char *word) { return strstr(text, word) != NULL; }

static const char export_it[] = "Save or export it as PNG or JPEG.";

/* What a file is that is no picture of ours, and what to do. */
typedef struct other_kind {
  const char *name, *remedy;
} other_kind;

static other_kind recognise_text(const uint8_t *bytes, size_t size) {
  char text[513];
  size_t length = size < sizeof text - 1 ? size : sizeof text - 1;
  for (size_t i = 0; i < length; i++)
    text[i] = (char)(bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] + 32
                     : bytes[i]                         ? bytes[i]
                                                        : ' ');
  text[length] = 0;
  if (has(text, "git-lfs"))
    return (other_kind){"a Git LFS pointer, a few lines that stand for the picture",
                        "Fetch the file itself with `git lfs pull`, or download it from its page."};
  if (has(text, "<svg")) return (other_kind){"an SVG drawing", export_it};
  if (has(text, "<!doctype html") || has(text, "<html"))
    return (other_kind){"a web page",
                        "Perhaps the address leads to a page about the picture: open the picture "
                        "alone, and save that."};
  if (has(text, "%!ps")) return (other_kind){"a PostScript file", export_it};
  return (other_kind){"text", "Give the picture itself."};
}

/* name NULL when there is no telling. */
static other_kind recognise(const uint8_t *bytes, size_t size) {
  static const char unpack[] = "Unpack it, and give the picture inside.";
  static const char frame[] = "Save a frame of it as PNG or JPEG.";
  static const char model[] = "Give a picture here, and the network where networks go.";
  static const struct {
    size_t at, length;
    const char *magic;
    other_kind kind;
  } known[] = {
      {8, 4, "WEBP", {"a WebP picture", export_it}},
      {4, 8, "ftypavif", {"an AVIF picture", export_it}},
      {4, 8, "ftypavis", {"an AVIF picture", export_it}},
      {4, 7, "ftyphei", {"a HEIC picture", export_it}},
      {4, 7, "ftyphev", {"a HEIC picture", export_it}},
      {4, 8, "ftypmif1", {"a HEIC or AVIF picture", export_it}},
      {4, 8, "ftypmsf1", {"a HEIC picture", export_it}},
      {4, 7, "ftypcrx", {"a camera raw picture", export_it}},
      {4, 4, "ftyp", {"a video", frame}},
      {0, 4, "\x1A\x45\xDF\xA3", {"a video", frame}},
      {8, 4, "AVI ", {"a video", frame}},
      {0, 4, "II*\0", {"a TIFF or camera raw picture", export_it}},
      {0, 4, "MM\0*", {"a TIFF or camera raw picture", export_it}},
      {0, 4, "II+\0", {"a TIFF picture", export_it}},
      {0, 4, "MM\0+", {"a TIFF picture", export_it}},
      {0, 4, "%PDF", {"a PDF", "Save the page or picture in it as PNG or JPEG."}},
      {0, 4, "8BPS", {"a Photoshop file", export_it}},
      {0, 2, "\xFF\x0A", {"a JPEG XL picture", export_it}},
      {0, 8, "\0\0\0\x0CJXL ", {"a JPEG XL picture", export_it}},
      {0, 8, "\0\0\0\x0CjP  ", {"a JPEG 2000 picture", export_it}},
      {0, 4, "\xFF\x4F\xFF\x51", {"a JPEG 2000 picture", export_it}},
      {0, 4, "\0\0\1\0", {"an icon (.ico)", export_it}},
      {128, 4, "DICM", {"a DICOM picture", export_it}},
      {0, 3, "P6\n", {"a Netpbm picture (.ppm)", export_it}},
      {0, 3, "P5\n", {"a Netpbm picture (.pgm)", export_it}},
      {0, 6, "\x93NUMPY", {"a NumPy array", export_it}},
      {0, 4, "PK\3\4", {"a ZIP archive or office document", unpack}},
      {0, 2, "\x1F\x8B", {"a gzip archive", unpack}},
      {0, 4, "Rar!", {"a RAR archive", unpack}},
      {0, 6, "7z\xBC\xAF\x27\x1C", {"a 7-Zip archive", unpack}},
      {0, 8, "\x89HDF\r\n\x1A\n", {"an HDF5 file, perhaps a Keras model", model}},
      {4, 4, "TFL3", {"a TensorFlow Lite model", model}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (size >= known[i].at + known[i].length &&
        !memcmp(bytes + known[i].at, known[i].magic, known[i].length))
      return known[i].kind;
  size_t zeros = 0;
  while (zeros < size && zeros < 4096 && !bytes[zeros]) zeros++;
  if (zeros >= 16 && (zeros == size || zeros == 4096))
    return (other_kind){"nothing but zeros, as a copy or download that failed leaves it",
                        "Copy or download it again."};
  return is_text(bytes, size) ? recognise_text(bytes, size) : (other_kind){NULL, NULL};
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
  other_kind looks = recognise(bytes, size);
  if (looks.name)
    return gcam_fail(err, GCAM_ERR_IMAGE,
                     "This is not a JPEG, PNG, GIF or BMP: it looks like %s. %s", looks.name,
                     looks.remedy);
  uint8_t head[4] = {0};
  memcpy(head, bytes, size < 4 ? size : 4);
  return gcam_fail(
      err, GCAM_ERR_IMAGE,
      "This is not a picture that can be read (%zu bytes, beginning %02x %02x %02x %02x): "
      "JPEG, PNG, GIF and BMP are. Save or export it as one of these.",
      size, HEX_BYTES(head));
}
