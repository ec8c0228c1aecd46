/* sums.h: the sum over positions of a gradient, which is all that Grad-CAM asks for, without the
 * gradient where that can be had.
 *
 * Letters: C channels, p positions of a value x that is asked about, o those of what y = op(x) has,
 * w a weight for each position, B cotangents. What is asked for is, with w = 1,
 *   S = sum over p of w_p dx_p        [C]
 *
 * An average of each channel by itself, y_o = sum over p of a_op x_p, has dx_p = sum over o of
 * a_op dy_o, so that S = sum over o of (a w)_o dy_o: the weights go forward as a picture of one
 * channel does, and the gradient is asked for at y. So they do through a maximum where they are
 * equal, because its winner gets the whole of dy; and where numbers only move. A fully connected
 * layer with the matrix M ends it: S_c = sum over n of dy_n T_nc, T_nc = sum over p of w_p M_ncp,
 * a table that is made once. One that works on each position by itself, y_p = x_p M, ends it too: S
 * = (sum over p of w_p dy_p) M^T. */
#ifndef GCAM_SESSION_SUMS_H
#define GCAM_SESSION_SUMS_H

#include "kernels/fully_connected.h"
#include "session/run.h"

typedef struct gcam_sums {
  int value;              /* where the gradient is asked for */
  int node;               /* the fully connected one that makes it; -1: none */
  int64_t N;              /* channels of `value` where that one works on each position; else 0 */
  gcam_channels channels; /* of `value`; behind a fully connected node, of that one's input */
  float *weights;         /* [channels.positions] */
} gcam_sums;

/* The table made last: of a node, for channels and weights. */
typedef struct gcam_sums_table {
  int node;
  gcam_channels channels;
  float *weights, *data; /* NULL: none */
  int64_t floats;        /* of both */
} gcam_sums_table;

/* For sums of the gradient of `output` at `value`, which has C channels, last, behind `skip`
 * positions that do not count. gcam_sums_free, also on failure. */
gcam_status gcam_sums_find(gcam_sums *sums, const gcam_run *run, int output, int value, int64_t C,
                           int64_t skip, gcam_error *err);
void gcam_sums_free(gcam_sums *sums);
/* result [B][C], of the gradients [B][numel(sums->value)]. */
gcam_status gcam_sums_take(const gcam_sums *sums, const gcam_run *run, gcam_sums_table *table,
                           const float *gradients, int B, float *result, gcam_error *err);

void gcam_sums_table_free(gcam_sums_table *table);

#endif
