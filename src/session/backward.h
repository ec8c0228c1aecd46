/* backward.h: vector-Jacobian products over a plan that has been run forward. */
#ifndef GCAM_SESSION_BACKWARD_H
#define GCAM_SESSION_BACKWARD_H

#include "session/run.h"

/* *gradients [B][numel(target)] = cotangents[B][numel(output)]^T d(output)/d(target), physical
 * order; to be freed with gcam_floats_free. guided: back through every rectifier, fused ones too,
 * only where the gradient is positive. Fails with GCAM_ERR_ARGUMENT when output does not depend on
 * target. Both must not be hidden. */
gcam_status gcam_backward(gcam_run *run, bool guided, int output, const float *cotangents, int B,
                          int target, float **gradients, gcam_error *err);

#endif
