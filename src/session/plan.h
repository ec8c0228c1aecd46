/* plan.h: how a graph is run: its steps with their kernels, and where its values lie. A plan is a
 * value: a new one is made beside the one in use, with which it shares what is the same, and takes
 * its place whole or not at all. */
#ifndef GCAM_SESSION_PLAN_H
#define GCAM_SESSION_PLAN_H

#include "session/fuse.h"
#include "session/pack.h"
#include "session/step.h"

typedef struct gcam_plan {
  gcam_step *steps;
  int step_count;
  gcam_slot *slots;            /* [value_count] */
  gcam_weight_changes changes; /* of the graph's weights, until the plan takes over */
} gcam_plan;

/* *plan for the graph as wished. `before`, or NULL: the plan in use, which shares its memory and
 * kernels and stays as it is, like every weight. stale: see gcam_pack. On failure there is nothing
 * to free, and only without a plan before may the graph's weights be gone. */
gcam_status gcam_plan_make(gcam_plan *plan, const gcam_graph *graph, const gcam_wishes *wishes,
                           const gcam_plan *before, const bool *stale, gcam_error *err);
/* *plan becomes *next: weights change, and what only the old one had is freed. Cannot fail. */
void gcam_plan_replace(gcam_plan *plan, gcam_plan *next, const gcam_graph *graph);
/* Frees what the plan does not share with another. */
void gcam_plan_free(gcam_plan *plan, const gcam_graph *graph);

#endif
