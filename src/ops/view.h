/* view.h: operators that leave every number where it is: Identity, Reshape, Squeeze, ... The
 * session lets their output share the input's memory where it can; then there is nothing to do. */
#ifndef GCAM_OPS_VIEW_H
#define GCAM_OPS_VIEW_H

#include "ops/op.h"

/* y = x, dx_b += dy_b; output 0 has as many elements as input 0. */
void gcam_view_forward(const gcam_args *a);
void gcam_view_backward(const gcam_args *a);

#endif
