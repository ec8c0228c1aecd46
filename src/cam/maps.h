/* maps.h: the answer: maps, and what must be said about them. */
#ifndef GCAM_CAM_MAPS_H
#define GCAM_CAM_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { GCAM_MAX_WARNINGS = 16 };

typedef struct gcam_warning {
  const char *name; /* stable: "no-evidence" */
  int target;       /* the index of the map it is about; -1: of all */
  char text[256];
} gcam_warning;

typedef struct gcam_warnings {
  gcam_warning list[GCAM_MAX_WARNINGS];
  int count;
} gcam_warnings;

/* Told once: of one name about one target the first is kept, whatever its numbers, so that the
 * variants of a picture do not fill the list. Beyond GCAM_MAX_WARNINGS none is. */
void gcam_warn(gcam_warnings *warnings, const char *name, int target, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

typedef struct gcam_maps {
  int count;
  int64_t H, W, K;
  float *data;    /* [count][H][W] */
  float *weights; /* [count][K]; NULL where the method has none */
  float *terms;   /* [count][H][W][K] of methods to the input, K its channels; else NULL */
  double *delta;  /* [count]: Integrated Gradients' convergence delta, else 0 */
} gcam_maps;

/* Zeroed room for the count and sizes in `maps`; what it pointed to is not freed. */
gcam_status gcam_maps_make(gcam_maps *maps, bool weights, bool terms, gcam_error *err);
void gcam_maps_free(gcam_maps *maps);
/* All zero again. */
void gcam_maps_clear(gcam_maps *maps);

static inline float *gcam_maps_weights(const gcam_maps *maps, int b) {
  return maps->weights ? maps->weights + b * maps->K : NULL;
}
static inline float *gcam_maps_terms(const gcam_maps *maps, int b) {
  return maps->terms ? maps->terms + b * maps->H * maps->W * maps->K : NULL;
}

bool gcam_all_finite(const float *values, int64_t n);
/* No map leaves with NaN, and one without evidence says so. dead[b]: its gradient was zero
 * everywhere; labels[b]: how its target is called. */
void gcam_maps_check(gcam_maps *maps, const bool *dead, const char (*labels)[32],
                     gcam_warnings *warnings);

#endif
