/* pack.h: kernels of a plan's convolutions, and what becomes of the weights they are made of. */
#ifndef GCAM_SESSION_PACK_H
#define GCAM_SESSION_PACK_H

#include "session/step.h"

/* What a plan does to one weight when it takes over (states: ops/weight.h). */
typedef struct gcam_weight_change {
  gcam_weight *weight;
  const gcam_kernel *holder; /* held by this kernel ... */
  float *restored;           /* ... or, NULL, restored to these values */
} gcam_weight_change;

typedef struct gcam_weight_changes {
  gcam_weight_change *list;
  int count;
} gcam_weight_changes;

/* Gives each convolution its forward kernel: that of an equal step `before`, marked as shared, or a
 * new one. stale[value_count], or NULL: constants whose numbers are others now. No weight changes
 * before gcam_pack_apply; but without a plan before, changes apply at once, because what the large
 * layers' sources leave free holds the small layers' kernels. On failure gcam_pack_free. */
gcam_status gcam_pack(const gcam_graph *graph, gcam_step *steps, int step_count,
                      const gcam_step *before, int before_count, const bool *stale,
                      gcam_weight_changes *changes, gcam_error *err);
/* Cannot fail. The kernels of the plan before must still be there. */
void gcam_pack_apply(gcam_weight_changes *changes);
/* Frees the kernels that the steps do not share, the steps, and changes that were not applied. */
void gcam_pack_free(const gcam_graph *graph, gcam_step *steps, int step_count,
                    gcam_weight_changes *changes);
/* Bytes of packed weights. */
int64_t gcam_pack_bytes(const gcam_step *steps, int step_count);

/* The kernel of the step's input gradient, made when a backward pass first wants it: step->backward
 * stays NULL for the shapes no kernel takes. */
gcam_status gcam_pack_backward(const gcam_graph *graph, gcam_step *step, gcam_error *err);
/* The fused convolution's weights and bias after batch-norm folding (gcam_free). Either may be
 * NULL: not wanted. */
gcam_status gcam_pack_read(const gcam_graph *graph, const gcam_step *step, float **weights,
                           float **bias, gcam_error *err);

#endif
