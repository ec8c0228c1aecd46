/* depthwise.h: input gradient of strided depthwise convolutions. */
#ifndef GCAM_KERNELS_DEPTHWISE_H
#define GCAM_KERNELS_DEPTHWISE_H

#include "kernels/kernel.h"

/* As gcam_conv_backward_kernel, for groups == C == K. */
gcam_kernel *gcam_depthwise_gradient_kernel(const gcam_conv_spec *spec, const float *weights,
                                            gcam_error *err);

#endif
