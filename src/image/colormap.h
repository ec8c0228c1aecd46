/* colormap.h: the colours of heatmaps. */
#ifndef GCAM_IMAGE_COLORMAP_H
#define GCAM_IMAGE_COLORMAP_H

#include <stdint.h>

/* "jet", ...; NULL: no more. */
const char *gcam_colors_name(int index);
/* 256 RGB triples from cold to hot; NULL: no such name. */
const uint8_t *gcam_colors_rgb(const char *name);

#endif
