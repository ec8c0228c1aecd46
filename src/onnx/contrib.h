/* contrib.h: operators of onnxruntime's optimiser (domain com.microsoft), of the layer
 * normalisation that PyTorch wrote before ONNX had one, and CastLike, as ONNX's own. Source:
 * ContribOperators.md of onnxruntime. */
#ifndef GCAM_ONNX_CONTRIB_H
#define GCAM_ONNX_CONTRIB_H

#include "onnx/expand.h"

/* Writes such an operator out; false: the node is none. */
bool gcam_contrib_write(gcam_expansion *expansion);
/* Their names, by index; NULL: no more. */
const char *gcam_contrib_name(int index);

#endif
