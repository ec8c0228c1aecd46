/* place.h: where each value lies in memory. */
#ifndef GCAM_SESSION_PLACE_H
#define GCAM_SESSION_PLACE_H

#include "session/step.h"

/* Fills slots[value_count]: memory of `before` (NULL: none) where the value has its own there too,
 * marked as shared, else new. Steps learn their out_stride, and what they find written. apart
 * [value_count]: no Concat is to lie in another. On failure gcam_place_free. */
gcam_status gcam_place(const gcam_graph *graph, gcam_step *steps, int step_count, gcam_slot *slots,
                       const gcam_slot *before, const bool *apart, gcam_error *err);
/* Frees what the slots own and do not share. */
void gcam_place_free(const gcam_graph *graph, gcam_slot *slots);
/* Bytes of activations. */
int64_t gcam_place_bytes(const gcam_graph *graph, const gcam_slot *slots);

#endif
