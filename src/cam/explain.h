/* explain.h: what all methods that need one gradient share: score, gradient, method, checks. */
#ifndef GCAM_CAM_EXPLAIN_H
#define GCAM_CAM_EXPLAIN_H

#include "cam/head.h"
#include "cam/method.h"
#include "session/session.h"

enum { GCAM_MAX_TARGETS = 64, GCAM_MAX_WARNINGS = 16 };

typedef struct gcam_warning {
  const char *name; /* stable: "no-evidence" */
  char text[256];
} gcam_warning;

typedef struct gcam_warnings {
  gcam_warning list[GCAM_MAX_WARNINGS];
  int count;
} gcam_warnings;

/* Adds a warning; of one name, only the first GCAM_MAX_WARNINGS in all are kept. */
void gcam_warn(gcam_warnings *warnings, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

typedef struct gcam_maps {
  int count;
  int64_t H, W, K;
  float *data;    /* [count][H][W] */
  float *weights; /* [count][K]; NULL where the method has none */
  float *terms;   /* [count][H][W][K] of methods to the input, K its channels; else NULL */
  double *delta;  /* [count]: Integrated Gradients' convergence delta, else 0 */
} gcam_maps;

void gcam_maps_free(gcam_maps *maps);

struct gcam_job;
/* The job's method at value `layer` (the input, for methods to it), from the session's present
 * activations: fills `maps`, which must be empty. On failure there is nothing to free. */
gcam_status gcam_explain_value(struct gcam_job *job, int layer, gcam_maps *maps, gcam_error *err);
/* The job's cotangents and scales from the session's present logits. */
gcam_status gcam_explain_cotangents(struct gcam_job *job, gcam_error *err);
/* Gradients of targets [first, first + *B) to the input, lowering *B to what fits at once. Stored
 * order, to be freed with gcam_floats_free. */
gcam_status gcam_explain_to_input(struct gcam_job *job, int first, int *B, float **gradients,
                                  gcam_error *err);
/* No map leaves with NaN, and one without evidence says so. */
void gcam_check_maps(struct gcam_job *job);

#endif
