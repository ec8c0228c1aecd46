/* conv_xnnpack.h: the kernels of convolutions: which of them, and XNNPACK's. */
#ifndef GCAM_KERNELS_CONV_XNNPACK_H
#define GCAM_KERNELS_CONV_XNNPACK_H

#include "kernels/kernel.h"

/* Can gcam_conv_forward_kernel do it? */
bool gcam_conv_kernel_fits(const gcam_conv_spec *spec);
/* y = clamp(conv(x, weights) + bias). weights: [K][kh][kw][C / groups], bias [K] or NULL; both are
 * packed and may be freed afterwards. NULL: failed, err says why. */
gcam_kernel *gcam_conv_forward_kernel(const gcam_conv_spec *spec, const float *weights,
                                      const float *bias, gcam_error *err);
/* dx = conv^T(dy): reads [batch][OH][OW][K], writes [batch][H][W][C]. Ignores the clamp and
 * out_stride. NULL without a message (err->status GCAM_OK): no fast path, use the plain loop. */
gcam_kernel *gcam_conv_backward_kernel(const gcam_conv_spec *spec, const float *weights,
                                       gcam_error *err);
/* Can gcam_conv_transpose_kernel do it? */
bool gcam_conv_transpose_fits(const gcam_conv_spec *spec);
/* ConvTranspose: y = clamp(conv^T(x, weights) + bias), where conv^T makes the spec's input of its
 * output: the kernel reads [batch][OH][OW][K] and writes [batch][H][W] pixels of C floats,
 * out_stride apart. bias [C] or NULL. Packs, and fails, as gcam_conv_forward_kernel. */
gcam_kernel *gcam_conv_transpose_kernel(const gcam_conv_spec *spec, const float *weights,
                                        const float *bias, gcam_error *err);
/* Lean: the forward or the backward kernel, for weights whose packed form would be large: every run
 * reads them from where they are stored, and the kernel holds next to nothing. NULL without a
 * message (err->status GCAM_OK): there is no such kernel, or it would not pay. */
gcam_kernel *gcam_conv_lean_kernel(const gcam_conv_spec *spec, const gcam_weight_source *source,
                                   const float *bias, gcam_error *err);
/* NULL is accepted. */
void gcam_kernel_free(gcam_kernel *kernel);

#endif
