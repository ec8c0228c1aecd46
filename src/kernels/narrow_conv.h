/* narrow_conv.h: convolutions of few input channels, as every network of pictures begins with. */
#ifndef GCAM_KERNELS_NARROW_CONV_H
#define GCAM_KERNELS_NARROW_CONV_H

#include "kernels/kernel.h"

/* Has it few channels, and would this be quicker than XNNPACK? */
bool gcam_narrow_conv_fits(const gcam_conv_spec *spec);
/* As gcam_conv_forward_kernel. */
gcam_kernel *gcam_narrow_conv_kernel(const gcam_conv_spec *spec, const float *weights,
                                     const float *bias, gcam_error *err);

#endif
