/* depthwise.h: depthwise convolutions with large windows, and the input gradient of strided ones.
 */
#ifndef GCAM_KERNELS_DEPTHWISE_H
#define GCAM_KERNELS_DEPTHWISE_H

#include "kernels/kernel.h"

/* Has it more taps than XNNPACK's depthwise kernels take? */
bool gcam_depthwise_fits(const gcam_conv_spec *spec);
/* As gcam_conv_forward_kernel. */
gcam_kernel *gcam_depthwise_kernel(const gcam_conv_spec *spec, const float *weights,
                                   const float *bias, gcam_error *err);
/* As gcam_conv_backward_kernel, for groups == C == K. */
gcam_kernel *gcam_depthwise_gradient_kernel(const gcam_conv_spec *spec, const float *weights,
                                            gcam_error *err);

#endif
