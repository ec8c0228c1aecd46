#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

gcam_status gcam_fail(gcam_error *err, gcam_status status, const char *format, ...) {
  if (!err) return status;
  err->status = status;
  va_list args;
  va_start(args, format);
  vsnprintf(err->text, sizeof err->text, format, args);
  va_end(args);
  return status;
}
