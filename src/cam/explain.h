/* explain.h: the pipeline that all methods share: score, gradient, method, checks. */
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
} gcam_maps;

/* Maps of `count` classes at value `layer`, from the session's last forward. On failure *maps is
 * left as it was. Old maps are freed. */
gcam_status gcam_explain_maps(gcam_session *session, const gcam_head *head,
                              const gcam_method *method, int layer, gcam_score score,
                              const int *classes, int count, gcam_maps *maps,
                              gcam_warnings *warnings, gcam_error *err);
void gcam_maps_free(gcam_maps *maps);

#endif
