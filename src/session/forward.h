/* forward.h: runs a plan forward, keeping every activation that is not hidden in a fused step. */
#ifndef GCAM_SESSION_FORWARD_H
#define GCAM_SESSION_FORWARD_H

#include "session/run.h"

gcam_status gcam_forward(gcam_run *run, gcam_error *err);
/* Runs again what depends on `value`, whose floats the caller has changed in place. */
gcam_status gcam_forward_from(gcam_run *run, int value, gcam_error *err);
/* Runs the steps that write into memory which the plan in use does not have. */
gcam_status gcam_forward_new(gcam_run *run, gcam_error *err);

#endif
