/* stored_conv.h: convolutions of weights that memory has no room for twice. */
#ifndef GCAM_KERNELS_STORED_CONV_H
#define GCAM_KERNELS_STORED_CONV_H

#include "kernels/kernel.h"

/* The convolution, or by source->gradient its input gradient, as products by the weights where they
 * are stored. NULL without a message (err->status GCAM_OK): there is none for these. */
gcam_kernel *gcam_stored_conv_kernel(const gcam_conv_spec *spec, const gcam_weight_source *source,
                                     const float *bias, gcam_error *err);

#endif
