/* attention.h: Attention (opset 23) as the operators that it stands for. */
#ifndef GCAM_ONNX_ATTENTION_H
#define GCAM_ONNX_ATTENTION_H

#include "onnx/state.h"

/* The graph's nodes for file node `node`; in[count]: values of its inputs, -1: left out. */
gcam_status gcam_attention_lower(gcam_import *im, int node, const int *in, int count);

#endif
