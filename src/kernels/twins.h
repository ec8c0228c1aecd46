/* twins.h: which node has a fast twin. */
#ifndef GCAM_KERNELS_TWINS_H
#define GCAM_KERNELS_TWINS_H

#include "kernels/kernel.h"

/* The twin for this node, or NULL. */
const gcam_twin *gcam_twin_find(const gcam_graph *graph, const gcam_node *node);

#endif
