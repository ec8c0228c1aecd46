/* limits.h: what a network may cost, and what its weights may be. */
#ifndef GCAM_ONNX_LIMITS_H
#define GCAM_ONNX_LIMITS_H

#include "ops/graph.h"

/* A finished graph, before anything is allocated to run it: GCAM_ERR_MEMORY for one that would take
 * gigabytes, GCAM_ERR_MODEL for weights that are NaN or infinite. */
gcam_status gcam_limits_check(const gcam_graph *graph, gcam_error *err);

#endif
