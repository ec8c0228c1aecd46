/* run.h: what a pass over the network works on. */
#ifndef GCAM_SESSION_RUN_H
#define GCAM_SESSION_RUN_H

#include "base/threads.h"
#include "session/plan.h"

typedef struct gcam_run {
  gcam_graph *graph;
  const gcam_threads *pool;
  gcam_plan plan;
  const float **in; /* work arrays for one node's arguments, sized for the widest node */
  float **out, **din;
  const float **dout;
  float *scratch; /* the most that any node asks for */
} gcam_run;

/* Work arrays for the graph; the plan is the caller's. On failure gcam_run_free. */
gcam_status gcam_run_make(gcam_run *run, gcam_graph *graph, const gcam_threads *pool,
                          gcam_error *err);
void gcam_run_free(gcam_run *run);

/* Fills in and out for one node. floats: constants stored otherwise become float copies; else their
 * entry is NULL. */
gcam_status gcam_run_bind(gcam_run *run, const gcam_node *node, bool floats, gcam_error *err);

#endif
