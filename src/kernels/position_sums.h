/* position_sums.h: of a tensor with channels at positions, a number for each channel. */
#ifndef GCAM_KERNELS_POSITION_SUMS_H
#define GCAM_KERNELS_POSITION_SUMS_H

#include <stdint.h>

/* Element i belongs to channel i / inner % C, at position i / (inner C) inner + i % inner. inner is
 * 1 where channels are last, H W where they come first. */
typedef struct gcam_channels {
  int64_t C, inner, positions;
} gcam_channels;

/* sums[C] += the sum over positions p of weights[p] times the elements there, of the elements
 * [from, from + count), which begin at x. */
void gcam_position_sums(const gcam_channels *channels, const float *weights, const float *x,
                        int64_t from, int64_t count, float *sums);

#endif
