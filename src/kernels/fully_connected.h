/* fully_connected.h: what a fully connected layer's backward pass is where of the gradient at its
 * input only the sum over positions is asked for: a product with its weights summed over positions,
 * which are a 49th of them behind 7 x 7 positions. */
#ifndef GCAM_KERNELS_FULLY_CONNECTED_H
#define GCAM_KERNELS_FULLY_CONNECTED_H

#include "base/threads.h"
#include "kernels/position_sums.h"
#include "ops/graph.h"

/* Is the node a product of one row, its input 0, with a constant matrix? */
bool gcam_connected_is(const gcam_graph *graph, const gcam_node *node);
/* Is it a product of each row of its input 0, C long, with a constant matrix? Then the length of a
 * row that comes out, else 0. */
int64_t gcam_connected_row(const gcam_graph *graph, const gcam_node *node, int64_t C);
/* x [B][C], zeroed, = the gradients at such rows, of the gradients y at those that came out. */
void gcam_connected_back(const gcam_graph *graph, const gcam_node *node, int B, const float *y,
                         float *x, const gcam_threads *pool);
/* table [C numel(output)], zeroed, = the weights, times weights[p] summed over the positions p of
 * the input. */
void gcam_connected_table(const gcam_graph *graph, const gcam_node *node,
                          const gcam_channels *channels, const float *weights, float *table,
                          const gcam_threads *pool);
/* sums [B][C], zeroed, = the gradient at the input, summed likewise: of the gradients
 * [B][numel(output)] at the output. */
void gcam_connected_sums(const gcam_graph *graph, const gcam_node *node, int64_t C, float *table,
                         int B, const float *gradients, float *sums, const gcam_threads *pool);

#endif
