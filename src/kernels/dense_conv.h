/* dense_conv.h: convolutions of one group as products of many rows: 1x1, strided, first ones, all
 * that are not Winograd's. */
#ifndef GCAM_KERNELS_DENSE_CONV_H
#define GCAM_KERNELS_DENSE_CONV_H

#include "kernels/kernel.h"

/* Can it, and does it pay? */
bool gcam_dense_conv_fits(const gcam_conv_spec *spec);
/* As gcam_conv_forward_kernel. */
gcam_kernel *gcam_dense_conv_kernel(const gcam_conv_spec *spec, const float *weights,
                                    const float *bias, gcam_error *err);

#endif
