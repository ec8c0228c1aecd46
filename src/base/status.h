/* status.h: how a function inside the engine says that it failed.
 * Every fallible function takes a gcam_error and returns a gcam_status; the first failure's words
 * reach the user as they are: what went wrong, where, what to do about it. */
#ifndef GCAM_BASE_STATUS_H
#define GCAM_BASE_STATUS_H

#include "gradcam_types.h"

typedef struct gcam_error {
  gcam_status status;
  char text[768];
} gcam_error;

/* Fills err (which may be NULL) and returns status, so that callers write
 * `return gcam_fail(err, GCAM_ERR_MODEL, "...")`. */
gcam_status gcam_fail(gcam_error *err, gcam_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define GCAM_TRY(expression)                         \
  do {                                               \
    gcam_status gcam_try_status = (expression);      \
    if (gcam_try_status != GCAM_OK) return gcam_try_status; \
  } while (0)

#endif
