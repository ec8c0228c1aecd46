/* fuse.h: which nodes run as one step. */
#ifndef GCAM_SESSION_FUSE_H
#define GCAM_SESSION_FUSE_H

#include "session/step.h"

/* What is asked of a plan. */
typedef struct gcam_wishes {
  gcam_precision precision;
  bool *exposed; /* [value_count]: somebody asked for it, it must not be fused away */
  bool *apart;   /* [value_count]: it must not share the memory of what it is a view of, or of a
                    Concat that begins with it */
} gcam_wishes;

/* *steps: every node once, in order; hidden in slots[value_count]. Kernels are not made yet. On
 * failure there is nothing to free. */
gcam_status gcam_fuse(const gcam_graph *graph, const gcam_wishes *wishes, gcam_slot *slots,
                      gcam_step **steps, int *count, gcam_error *err);

#endif
