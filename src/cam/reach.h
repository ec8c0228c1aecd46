/* reach.h: what depends on what. */
#ifndef GCAM_CAM_REACH_H
#define GCAM_CAM_REACH_H

#include "ops/graph.h"

/* on_path[value_count], zeroed: marks what `value` is computed from, itself included. */
void gcam_reach_ancestors(const gcam_graph *graph, int value, bool *on_path);

#endif
