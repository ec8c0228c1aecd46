/* font.h: draws a line of antialiased text into a picture. Latin-1, typographic dashes, quotes, the
 * ellipsis and the euro are there; any other code point becomes a box. */
#ifndef GCAM_IMAGE_FONT_H
#define GCAM_IMAGE_FONT_H

#include "image/image.h"

/* Width in pixels of `bytes` bytes of UTF-8 at a font size of `px` pixels per em. */
float gcam_text_width(const char *text, size_t bytes, float px);

/* Draws in `rgb` from (x, baseline), clipped to the picture, which is taken as opaque. */
gcam_status gcam_text_draw(gcam_image *image, float x, float baseline, float px, const char *text,
                           size_t bytes, const uint8_t rgb[3], gcam_error *err);

/* Bytes of the code point at text[0..bytes), 1 or more; *code its value, 0xFFFD when malformed. */
size_t gcam_utf8_next(const char *text, size_t bytes, uint32_t *code);

#endif
