/* fold.h: runs nodes whose inputs are all constants, at load: the shape arithmetic that exporters
 * write (Shape, Gather, Concat, Slice, ...) and sums on weights. Shapes are worked out by the
 * operators' own shape(). What then happens to the numbers:
 *
 *   views (Reshape, ...)           share them
 *   operators that move elements   run their forward() on the elements' 32-bit words, of any type
 *   others, on floats              run their forward()
 *   on integers and float64        are run here, by a row of the table; so are operators that the
 *                                  engine knows on constants alone */
#ifndef GCAM_ONNX_FOLD_H
#define GCAM_ONNX_FOLD_H

#include "onnx/state.h"

/* Is this an operator that is run on constants in another way than on a picture, or on constants
 * alone? */
bool gcam_fold_knows(const char *name);
/* What it says of itself then, without forward(); for as long as the import takes. */
gcam_status gcam_fold_op(gcam_import *im, const char *name, const gcam_op **op);
/* Operators known on constants alone, by index; NULL: no more. */
const char *gcam_fold_name(int index);
/* Gives the outputs of a node of constants their numbers; its shape() has run. */
gcam_status gcam_fold_node(gcam_import *im, gcam_node *node);

#endif
