/* depthwise.h: depthwise convolutions and their input gradients (with stride 1 a gradient is such a
 * convolution itself). */
#ifndef GCAM_KERNELS_DEPTHWISE_H
#define GCAM_KERNELS_DEPTHWISE_H

#include "kernels/kernel.h"

/* Is it depthwise, and would this be quicker than XNNPACK? */
bool gcam_depthwise_fits(const gcam_conv_spec *spec);
/* As gcam_conv_forward_kernel. */
gcam_kernel *gcam_depthwise_kernel(const gcam_conv_spec *spec, const float *weights,
                                   const float *bias, gcam_error *err);
/* The same for the gradient, of which XNNPACK has no depthwise kernel. */
bool gcam_depthwise_gradient_fits(const gcam_conv_spec *spec);
/* As gcam_conv_backward_kernel. */
gcam_kernel *gcam_depthwise_gradient_kernel(const gcam_conv_spec *spec, const float *weights,
                                            gcam_error *err);

#endif
