/* shuffle.h: a channel shuffle (arXiv 1707.01083), which ONNX spells in three nodes. */
#ifndef GCAM_ONNX_SHUFFLE_H
#define GCAM_ONNX_SHUFFLE_H

#include "onnx/build.h"

/* The Reshape `spec` that ends [N][g][C/g][...] -> [N][C/g][g][...] -> [N][C][...] becomes an order
 * of axes of x, channels last, and so stays channels-last. *done: it was that. */
gcam_status gcam_shuffle_lower(gcam_import *im, const import_node *spec, bool *done);

#endif
