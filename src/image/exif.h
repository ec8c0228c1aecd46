/* exif.h: which way up a camera's picture is. EXIF 2.32 (CIPA DC-008), tag 0x0112 "Orientation". */
#ifndef GCAM_IMAGE_EXIF_H
#define GCAM_IMAGE_EXIF_H

#include "image/image.h"

/* Orientation 1..8 in a TIFF block (what follows "Exif\0\0" in a JPEG; a PNG's eXIf chunk);
 * 1 when it says nothing sensible. */
int gcam_exif_orientation(const uint8_t *tiff, size_t size);

/* Turns the picture upright. 5..8 swap width and height and need room for a second copy. */
gcam_status gcam_picture_orient(gcam_image *image, int orientation, gcam_error *err);

#endif
