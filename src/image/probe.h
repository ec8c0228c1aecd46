/* probe.h: what an encoded picture is, how large, and whether all of it is there, found by walking
 * its container without decoding anything and without allocating. This is what keeps a hostile or
 * broken file away from the decoder: sizes are refused before memory is asked for, and a file that
 * was cut off is told apart from a whole one, which the decoder alone does not do. */
#ifndef GCAM_IMAGE_PROBE_H
#define GCAM_IMAGE_PROBE_H

#include "image/image.h"

typedef enum gcam_format { GCAM_JPEG, GCAM_PNG, GCAM_GIF, GCAM_BMP } gcam_format;

typedef struct gcam_probe {
  gcam_format format;
  int width, height;
  int orientation; /* EXIF's, 1..8 */
  bool deep;       /* a PNG of 16 bits per channel */
  bool grown;      /* a GIF whose first frame reaches beyond its canvas: the size is that of both */
  bool plain_cmyk; /* a JPEG of four channels without Adobe's marker */
  /* Of a JPEG or PNG: the picture may be whole in bytes[0, end) and lack the end mark alone, or
   * have something else behind it; whether its data are all there, only decoding tells. 0: it is
   * not. */
  size_t end;
  bool endless; /* there is no end mark, so that `end` it must be */
} gcam_probe;

/* The chunk that every PNG ends with. */
extern const uint8_t gcam_png_end[12];

/* ERR_IMAGE: not a picture of these formats, cut off or damaged. ERR_MEMORY: too large. */
gcam_status gcam_probe_picture(const uint8_t *bytes, size_t size, gcam_probe *probe,
                               gcam_error *err);

#endif
