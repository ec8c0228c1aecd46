/* limits.h: what a network may cost, and what its weights may be. */
#ifndef GCAM_ONNX_LIMITS_H
#define GCAM_ONNX_LIMITS_H

#include "ops/graph.h"

/* A finished graph, before anything is allocated to run it: GCAM_ERR_MEMORY for one that would take
 * gigabytes, GCAM_ERR_MODEL for weights that are NaN or infinite. */
gcam_status gcam_limits_check(const gcam_graph *graph, gcam_error *err);

/* GCAM_ERR_MEMORY for a node whose window has more taps, over all of its output, than the engine
 * looks up: also before it runs on constants. */
gcam_status gcam_limits_window(const gcam_graph *graph, const gcam_node *node, gcam_error *err);

#endif
