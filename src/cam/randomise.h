/* randomise.h: new random weights from the output backwards: the sanity check of Adebayo et al.,
 * arXiv 1810.03292, section 3.1. A map that stays the same when the network forgets what it learned
 * shows the picture, not the network. */
#ifndef GCAM_CAM_RANDOMISE_H
#define GCAM_CAM_RANDOMISE_H

#include "session/session.h"

/* Node index of the layer with weights number `index`, counted from the output; -1: no more. */
int gcam_weighted_layer(const gcam_graph *graph, int index);

/* Replaces the weights of the first `layers` such layers by normal noise of the same standard
 * deviation; the same seed gives a layer the same weights whatever `layers` is. Forward must be run
 * again. All of it or nothing: until the last new kernel stands, the layers concerned are there
 * twice, their old weights and kernels beside the new ones; activations and other layers once. */
gcam_status gcam_randomise(gcam_session *session, int layers, uint64_t seed, gcam_error *err);

#endif
