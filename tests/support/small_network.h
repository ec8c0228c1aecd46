/* small_network.h: layers with random weights, for networks that tests make themselves. The same
 * calls give the same numbers after noise_seed. */
#ifndef TESTS_SUPPORT_SMALL_NETWORK_H
#define TESTS_SUPPORT_SMALL_NETWORK_H

#include "gradcam.h"
#include "support/onnx_writer.h"

void noise_seed(unsigned seed);
float noise(void); /* -1..1 */

void make_noise(make_graph *g, const char *name, const int64_t *dims, int rank, float scale);
/* Convolution `name` of C to K channels, from tensor `in` to `out`, side x side, padded to keep the
 * size at stride 1, with bias. */
void make_conv(make_graph *g, const char *name, const char *in, const char *out, int C, int K,
               int side, int stride, int groups);
/* Gamma, beta, mean and variance are random. */
void make_norm(make_graph *g, const char *name, const char *in, const char *out, int C);
/* Average over all pixels, then a matrix: to `y`, the output. */
void make_head(make_graph *g, const char *in, int C, int classes);

/* Loads, finishes and frees the graph; NULL: failed, with the reason printed. */
gcam_model *load_graph(gcam_context *ctx, make_graph *g, gcam_precision precision);

#endif
