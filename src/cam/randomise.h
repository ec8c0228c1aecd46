/* randomise.h: new random weights from the output backwards: the sanity check of Adebayo et al.,
 * arXiv 1810.03292, section 3.1. A map that stays the same when the network forgets what it learned
 * shows the picture, not the network. */
#ifndef GCAM_CAM_RANDOMISE_H
#define GCAM_CAM_RANDOMISE_H

#include "ops/graph.h"

/* Node index of the layer with weights number `index`, counted from the output; -1: no more. */
int gcam_weighted_layer(const gcam_graph *graph, int index);

/* Replaces the weights of the first `layers` such layers by normal noise of the same standard
 * deviation; the same seed gives a layer the same weights whatever `layers` is. Every weight lies
 * in the graph afterwards: the session's kernels hold none of them alone, and must be made anew. */
gcam_status gcam_randomise_weights(gcam_graph *graph, int layers, uint64_t seed, gcam_error *err);

#endif
