/* recognise.h: what exporters write as many small nodes is one operator again. */
#ifndef GCAM_ONNX_RECOGNISE_H
#define GCAM_ONNX_RECOGNISE_H

#include "onnx/state.h"

/* LayerNormalization and Gelu as opsets before theirs have them. The last node of each becomes the
 * operator; the others, and the tensors between them, are left without a reader. */
gcam_status gcam_recognise(gcam_import *im);

#endif
