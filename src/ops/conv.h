/* conv.h: the parameters of a convolution, and its three loops, which ConvTranspose runs the other
 * way round. Letters as in op.h; the weight is w[K][kernel y][kernel x][C / groups]. */
#ifndef GCAM_OPS_CONV_H
#define GCAM_OPS_CONV_H

#include "ops/window.h"

/* Of Conv: x is the input, y the output. Of ConvTranspose: x is its output, y its input, so that
 * the same struct says the same loops. */
typedef struct gcam_conv_params {
  gcam_window window; /* in: H, W of x; out: H, W of y */
  int64_t N, C, K;    /* x is [N][H][W][C], y is [N][H'][W'][K] */
  int64_t groups;     /* divides C and K */
} gcam_conv_params;

/* y += w * x (the cross-correlation that ONNX calls convolution). */
void gcam_conv_apply(const gcam_conv_params *p, const float *x, const float *w, float *y);
/* x += the transpose of that, applied to y: the gradient with respect to x. */
void gcam_conv_adjoint(const gcam_conv_params *p, const float *y, const float *w, float *x);
/* dw += the gradient with respect to w, for the gradient y of the output. */
void gcam_conv_weight_gradient(const gcam_conv_params *p, const float *x, const float *y,
                               float *dw);

/* What Conv and ConvTranspose read alike: params with N and groups set, kernel y, x of the weight.
 * Fails on a weight of another rank than the input. */
gcam_status gcam_conv_read(gcam_graph *graph, gcam_node *node, gcam_conv_params **params,
                           int64_t kernel[2], gcam_error *err);
/* Fails, in the words for an input and a weight that do not fit `groups`. */
gcam_status gcam_conv_misfit(const gcam_graph *graph, const gcam_node *node, int64_t groups,
                             gcam_error *err);
/* The backward pass of Conv, or of ConvTranspose. */
void gcam_conv_backward(const gcam_args *a, bool transposed);

/* rows x [channels]: each row starts as the bias, or as zero where there is none (NULL). */
void gcam_bias_fill(const float *bias, int64_t rows, int64_t channels, float *y);
/* db += the sum of the rows. */
void gcam_bias_gradient(const float *dy, int64_t rows, int64_t channels, float *db);
/* Fails unless input `input` is left out or holds `channels` values. */
gcam_status gcam_bias_check(const gcam_graph *graph, const gcam_node *node, int input,
                            int64_t channels, gcam_error *err);

#endif
