/* decode.c: bytes to pixels: BMP by bmp.c, the others by stb_image (public domain, Sean Barrett),
 * which is compiled here and nowhere else. probe.c has checked the container first: stb_image
 * itself takes half a JPEG for a whole one, filling up with grey. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "image/bmp.h"
#include "image/exif.h"
#include "image/image.h"
#include "image/probe.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_GIF
/* Zeroed, so that what a damaged file leaves undrawn is black rather than old memory. */
#define STBI_MALLOC(size) gcam_alloc_zeroed(1, size)
#define STBI_REALLOC(p, size) gcam_alloc_again(p, size, 1)
#define STBI_FREE(p) gcam_free(p)
#define STBI_ASSERT(x) ((void)0) /* hostile files must not end the program */
/* A row of colours at half the width, to its whole width: each sample gives two, three parts itself
 * and one its neighbour. stb_image's own weighs the last but one column the wrong way round: it
 * gets another name, and this one its place. */
static unsigned char *stbi__resample_row_h_2(unsigned char *out, unsigned char *in,
                                             unsigned char *far, int w, int hs) {
  (void)far, (void)hs;
  for (int i = 0; i < w; i++) {
    out[2 * i] = (unsigned char)((3 * in[i] + in[i > 0 ? i - 1 : 0] + 2) >> 2);
    out[2 * i + 1] = (unsigned char)((3 * in[i] + in[i + 1 < w ? i + 1 : i] + 2) >> 2);
  }
  return out;
}
#define stbi__resample_row_h_2(out, in, far, w, hs) unused_row_h_2(out, in, far, w, hs)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#ifndef __clang__
#pragma GCC diagnostic ignored \
    "-Wmaybe-uninitialized" /* of members that memory sources never use */
#endif
#include <stb_image.h>
#pragma GCC diagnostic pop
#undef stbi__resample_row_h_2

static const char cut_short[] = "its data end before the picture does";

static const char *const format_names[] = {"JPEG", "PNG", "GIF", "BMP"};

/* stb_image takes four channels without Adobe's marker for YCbCr and one to ignore; every other
 * reader takes them for CMYK stored as Adobe does, inverted. The marker is put in to say so. */
static uint8_t *with_adobe_marker(const uint8_t *bytes, size_t size, size_t *new_size) {
  static const uint8_t marker[16] = {0xFF, 0xEE, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100};
  uint8_t *copy = gcam_alloc(size + sizeof marker, 1);
  if (!copy) return NULL;
  memcpy(copy, bytes, 2);
  memcpy(copy + 2, marker, sizeof marker);
  memcpy(copy + 2 + sizeof marker, bytes + 2, size - 2);
  *new_size = size + sizeof marker;
  return copy;
}

/* Scanners and microscopes write 12 bits into a file of 16: read as it says, the picture is black.
 */
static void say_dark(gcam_image *image, uint32_t most) {
  int bits = 0;
  while (most >> bits) bits++;
  if (!bits || bits > 14) return;
  image->warning_name = "dark-16-bit";
  snprintf(
      image->warning, sizeof image->warning,
      "The PNG has 16 bits per channel and uses %d of them: it is taken as it stands, and looks "
      "dark. Were %d bits meant, multiply its values by %d and save it anew.",
      bits, bits, 1 << (16 - bits));
}

/* 16 bits to 8 by the high byte, as PIL does. In place: stb_image's own reduction needs a second
 * picture, and loses the first when there is no memory for it. */
static void decode_deep(const uint8_t *bytes, size_t size, gcam_image *image) {
  int channels;
  uint16_t *deep =
      stbi_load_16_from_memory(bytes, (int)size, &image->width, &image->height, &channels, 4);
  if (!deep) return;
  uint8_t *rgba = (uint8_t *)deep;
  size_t count = (size_t)image->width * (size_t)image->height * 4;
  uint32_t most = 0;
  for (size_t i = 0; i < count; i++) {
    uint16_t value;
    memcpy(&value, rgba + 2 * i, sizeof value);
    if (i % 4 != 3 && value > most) most = value;
    rgba[i] = (uint8_t)(value >> 8);
  }
  say_dark(image, most);
  uint8_t *shrunk = gcam_alloc_again(rgba, (int64_t)count, 1);
  image->rgba = shrunk ? shrunk : rgba;
}

static uint8_t *decode_jpeg(const uint8_t *bytes, size_t size, int *width, int *height) {
  /* A JPEG with an unreadable segment half way is given out as whole; only the reason tells. */
  int channels;
  stbi__context context;
  stbi__result_info info;
  stbi__start_mem(&context, bytes, (int)size);
  stbi__g_failure_reason = NULL;
  uint8_t *rgba = stbi__jpeg_load(&context, width, height, &channels, 4, &info);
  if (rgba && stbi__g_failure_reason) {
    gcam_free(rgba);
    return NULL;
  }
  return rgba;
}

static uint8_t *joined(const uint8_t *bytes, size_t size, const uint8_t *tail, size_t tail_size) {
  uint8_t *all = gcam_alloc((int64_t)(size + tail_size), 1);
  if (!all) return NULL;
  memcpy(all, bytes, size);
  if (tail_size) memcpy(all + size, tail, tail_size);
  return all;
}

/* The data of the last scan, and an end put behind them. The decoder takes bits that are missing
 * for zeros; where ones in their place make another picture, or none (no Huffman code is all ones),
 * it has needed them: the picture was not whole. */
static void decode_endless_jpeg(const uint8_t *bytes, size_t end, gcam_image *image) {
  enum { ONES = 64 };
  uint8_t ending[ONES + 2] = {0};
  for (int i = 0; i < ONES; i += 2) ending[i] = 0xFF;
  ending[ONES] = 0xFF, ending[ONES + 1] = 0xD9;
  uint8_t *zeros = NULL, *ones = NULL, *picture = NULL;
  uint8_t *source = joined(bytes, end, ending, sizeof ending);
  if (source) ones = decode_jpeg(source, end + sizeof ending, &image->width, &image->height);
  if (ones) {
    memcpy(source + end, ending + ONES, 2);
    zeros = decode_jpeg(source, end + 2, &image->width, &image->height);
  }
  size_t size = zeros ? (size_t)image->width * (size_t)image->height * 4 : 0;
  if (zeros && !memcmp(zeros, ones, size)) {
    picture = zeros;
    zeros = NULL;
  } else if (zeros || stbi_failure_reason() == NULL || strcmp(stbi_failure_reason(), "outofmem")) {
    stbi__g_failure_reason = source ? cut_short : "outofmem";
  }
  gcam_free(source);
  gcam_free(zeros);
  gcam_free(ones);
  image->rgba = picture;
}

/* stb_image refuses a frame that is larger than the canvas. */
static uint8_t *with_canvas(const uint8_t *gif, size_t size, int width, int height) {
  uint8_t *copy = joined(gif, size, NULL, 0);
  for (int b = 0; copy && b < 2; b++) {
    copy[6 + b] = (uint8_t)(width >> 8 * b);
    copy[8 + b] = (uint8_t)(height >> 8 * b);
  }
  return copy;
}

static void decode_bmp(const uint8_t *bytes, size_t size, gcam_image *image) {
  gcam_bmp bmp;
  gcam_bmp_open(bytes, size, &bmp); /* which the probe has seen succeed */
  size_t pixels = (size_t)bmp.width * (size_t)bmp.height;
  bool packed = gcam_bmp_is_packed(&bmp);
  uint8_t *rgba = gcam_alloc((int64_t)pixels, 4),
          *index = packed ? gcam_alloc_zeroed((int64_t)pixels, 1) : NULL;
  stbi__g_failure_reason = "outofmem";
  image->width = (int)bmp.width;
  image->height = (int)bmp.height;
  if (rgba && (index || !packed)) {
    stbi__g_failure_reason = cut_short;
    if (gcam_bmp_decode(&bmp, bytes, size, rgba, index)) {
      image->rgba = rgba;
      rgba = NULL;
    }
  }
  gcam_free(rgba);
  gcam_free(index);
}

static void decode_rgba(const uint8_t *bytes, size_t size, const gcam_probe *probe,
                        gcam_image *image) {
  int channels;
  if (probe->format == GCAM_BMP) {
    decode_bmp(bytes, size, image);
  } else if (probe->format == GCAM_JPEG) {
    if (!probe->endless) image->rgba = decode_jpeg(bytes, size, &image->width, &image->height);
    const char *reason = stbi_failure_reason();
    if (!image->rgba && probe->end) decode_endless_jpeg(bytes, probe->end, image);
    if (!image->rgba && !probe->endless) stbi__g_failure_reason = reason;
  } else if (probe->deep) {
    decode_deep(bytes, size, image);
  } else {
    image->rgba =
        stbi_load_from_memory(bytes, (int)size, &image->width, &image->height, &channels, 4);
  }
}

gcam_status gcam_picture_decode(const void *bytes, size_t size, gcam_image **out, gcam_error *err) {
  *out = NULL;
  gcam_probe probe;
  GCAM_TRY(gcam_probe_picture(bytes, size, &probe, err));
  if (size > INT_MAX - 128)
    return gcam_fail(
        err, GCAM_ERR_MEMORY,
        "The picture file is too large (%zu MB): 2 GB is the limit. Scale it down first.",
        size / 1000000);

  gcam_image *image = gcam_alloc_zeroed(1, sizeof *image);
  const uint8_t *source = bytes;
  uint8_t *patched = NULL;
  size_t source_size = size;
  if (probe.plain_cmyk) {
    source = patched = with_adobe_marker(bytes, size, &source_size);
    if (probe.end) probe.end += source_size - size;
  } else if (probe.format == GCAM_PNG && probe.endless) {
    source = patched = joined(bytes, probe.end, gcam_png_end, sizeof gcam_png_end);
    source_size = probe.end + sizeof gcam_png_end;
  } else if (probe.grown) {
    source = patched = with_canvas(bytes, size, probe.width, probe.height);
  }
  if (image && source) decode_rgba(source, source_size, &probe, image);
  const char *reason = image && source ? stbi_failure_reason() : "outofmem";
  gcam_free(patched);

  const char *name = format_names[probe.format];
  if (!image || !image->rgba) {
    gcam_picture_free(image);
    if (reason && (!strcmp(reason, "outofmem") || !strcmp(reason, "too large")))
      return gcam_fail(err, GCAM_ERR_MEMORY,
                       "Not enough memory to decode the %s of %dx%d pixels. Scale it down first.",
                       name, probe.width, probe.height);
    if (reason == cut_short || probe.endless)
      return gcam_fail(err, GCAM_ERR_IMAGE,
                       "The %s is cut off: its data ends after %zu bytes, before the picture of "
                       "%dx%d pixels does. Copy or download the file again.",
                       name, size, probe.width, probe.height);
    return gcam_fail(
        err, GCAM_ERR_IMAGE,
        "The %s of %dx%d pixels is damaged or of a rare kind (%s). Copy or download the "
        "file again, or save it anew as PNG or JPEG.",
        name, probe.width, probe.height, reason ? reason : "no reason known");
  }
  if (image->width != probe.width || image->height != probe.height) {
    gcam_picture_free(image);
    return gcam_fail(
        err, GCAM_ERR_IMAGE,
        "The %s contradicts itself about its size. Save it anew from an image program.", name);
  }
  gcam_status status = gcam_picture_orient(image, probe.orientation, err);
  if (status != GCAM_OK) {
    gcam_picture_free(image);
    return status;
  }
  *out = image;
  return GCAM_OK;
}
