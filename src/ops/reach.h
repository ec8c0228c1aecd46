/* reach.h: what depends on what in a graph. marks[value_count] is filled. */
#ifndef GCAM_OPS_REACH_H
#define GCAM_OPS_REACH_H

#include "ops/graph.h"

/* Marks `value` and whatever is computed from it. */
void gcam_reach_down(const gcam_graph *graph, int value, bool *marks);
/* Marks `value` and whatever it is computed from. */
void gcam_reach_up(const gcam_graph *graph, int value, bool *marks);

#endif
