/* winograd.h: 3x3 convolutions of stride 1 by Winograd's F(4x4, 3x3). */
#ifndef GCAM_KERNELS_WINOGRAD_H
#define GCAM_KERNELS_WINOGRAD_H

#include "kernels/kernel.h"

/* Can it, and does it pay? */
bool gcam_winograd_fits(const gcam_conv_spec *spec);
/* As gcam_conv_forward_kernel. */
gcam_kernel *gcam_winograd_kernel(const gcam_conv_spec *spec, const float *weights,
                                  const float *bias, gcam_error *err);

#endif
