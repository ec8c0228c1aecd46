/* decode.c: bytes to pixels, with stb_image (public domain, Sean Barrett), which is compiled here
 * and nowhere else. probe.c has checked the container first: stb_image itself takes half a JPEG for
 * a whole one, filling up with grey. */
#include <limits.h>
#include <string.h>

#include "base/memory.h"
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
#define STBI_ONLY_BMP
/* Zeroed, so that what a damaged file leaves undrawn is black rather than old memory. */
#define STBI_MALLOC(size) gcam_alloc_zeroed(1, size)
#define STBI_REALLOC(p, size) gcam_alloc_again(p, size, 1)
#define STBI_FREE(p) gcam_free(p)
#define STBI_ASSERT(x) ((void)0) /* hostile files must not end the program */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#ifndef __clang__
#pragma GCC diagnostic ignored \
    "-Wmaybe-uninitialized" /* of members that memory sources never use */
#endif
#include <stb_image.h>
#pragma GCC diagnostic pop

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

/* 16 bits to 8 by the high byte, as PIL does. In place: stb_image's own reduction needs a second
 * picture, and loses the first when there is no memory for it. */
static uint8_t *decode_deep(const uint8_t *bytes, size_t size, int *width, int *height) {
  int channels;
  uint16_t *deep = stbi_load_16_from_memory(bytes, (int)size, width, height, &channels, 4);
  if (!deep) return NULL;
  uint8_t *rgba = (uint8_t *)deep;
  size_t count = (size_t)*width * (size_t)*height * 4;
  for (size_t i = 0; i < count; i++) {
    uint16_t value;
    memcpy(&value, rgba + 2 * i, sizeof value);
    rgba[i] = (uint8_t)(value >> 8);
  }
  uint8_t *shrunk = gcam_alloc_again(rgba, count, 1);
  return shrunk ? shrunk : rgba;
}

static uint8_t *decode_rgba(const uint8_t *bytes, size_t size, const gcam_probe *probe, int *width,
                            int *height) {
  int channels;
  if (probe->deep) return decode_deep(bytes, size, width, height);
  if (probe->format != GCAM_JPEG)
    return stbi_load_from_memory(bytes, (int)size, width, height, &channels, 4);
  /* A JPEG with an unreadable segment half way is given out as whole; only the reason tells. */
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

gcam_status gcam_picture_decode(const void *bytes, size_t size, gcam_image **out, gcam_error *err) {
  *out = NULL;
  gcam_probe probe;
  GCAM_TRY(gcam_probe_picture(bytes, size, &probe, err));
  if (size > INT_MAX - 16)
    return gcam_fail(
        err, GCAM_ERR_MEMORY,
        "The picture file is too large (%zu MB): 2 GB is the limit. Scale it down first.",
        size / 1000000);

  gcam_image *image = gcam_alloc_zeroed(1, sizeof *image);
  const uint8_t *source = bytes;
  uint8_t *patched = NULL;
  if (probe.plain_cmyk) source = patched = with_adobe_marker(bytes, size, &size);
  if (image && source)
    image->rgba = decode_rgba(source, size, &probe, &image->width, &image->height);
  const char *reason = image && source ? stbi_failure_reason() : "outofmem";
  gcam_free(patched);

  const char *name = format_names[probe.format];
  if (!image || !image->rgba) {
    gcam_picture_free(image);
    if (reason && (!strcmp(reason, "outofmem") || !strcmp(reason, "too large")))
      return gcam_fail(err, GCAM_ERR_MEMORY,
                       "Not enough memory to decode the %s of %dx%d pixels. Scale it down first.",
                       name, probe.width, probe.height);
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
