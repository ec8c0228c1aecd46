/* quantized.h: networks of integers (int8, uint8, 16 bits) in floats. Three forms lead to one.
 *
 * QLinearConv and its like are written out before anything else, as ONNX defines them:
 * DequantizeLinear of what they read, the operator on floats, QuantizeLinear.
 *
 * QuantizeLinear of weights is run at load. Of activations it is an operator of the engine, which
 * rounds as the file says and lets gradients straight through (ops/quantize.c).
 *
 * DequantizeLinear of weights leaves them int8; they learn their scale (fold.c). Of activations it
 * has nothing to do: a tensor that the file calls integers is held here as the values it stands
 * for. Its symbol knows its grid: integer = value / scale + zero. What only moves or compares
 * integers (Reshape, MaxPool, ...) runs on the values. DynamicQuantizeLinear's scale is said to be
 * 1 and its zero point 0: what is multiplied by them later is right as it stands. */
#ifndef GCAM_ONNX_QUANTIZED_H
#define GCAM_ONNX_QUANTIZED_H

#include "onnx/expand.h"
#include "onnx/state.h"

/* Writes out a quantized operator; false: the node is none. */
bool gcam_quantized_write(gcam_expansion *expansion);
/* Operators that are written out, and DequantizeLinear, by index; NULL: no more. */
const char *gcam_quantized_name(int index);

/* The grid of whole numbers that stand for themselves. */
const struct gcam_grid *gcam_quantized_whole(void);

/* Lowers a node whose meaning is another on integers that come from the picture: *done. Else makes
 * its inputs ready: constants of integers beside such tensors become what they stand for. */
gcam_status gcam_quantized_lower(gcam_import *im, int node, int **in, int *count, bool *done);
/* What the outputs of a node that has been lowered stand for. */
void gcam_quantized_note(gcam_import *im, int node);

#endif
