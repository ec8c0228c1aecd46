/* winograd.h: 3x3 convolutions of stride 1 by Winograd's F(4x4, 3x3). */
#ifndef GCAM_KERNELS_WINOGRAD_H
#define GCAM_KERNELS_WINOGRAD_H

#include "kernels/kernel.h"

/* Can it, and does it pay? */
bool gcam_winograd_fits(const gcam_conv_spec *spec);
/* As gcam_conv_forward_kernel. */
gcam_kernel *gcam_winograd_kernel(const gcam_conv_spec *spec, const float *weights,
                                  const float *bias, gcam_error *err);

/* Are the transformed weights so large that they should not be kept? */
bool gcam_winograd_lean(const gcam_conv_spec *spec);
/* A kernel that keeps none: every run transforms them, some output channels at a time. */
gcam_kernel *gcam_winograd_lean_kernel(const gcam_conv_spec *spec, const gcam_weight_source *source,
                                       const float *bias, gcam_error *err);

#endif
