/* explain.h: one question at the session's present activations: score, gradient, method, maps. */
#ifndef GCAM_CAM_EXPLAIN_H
#define GCAM_CAM_EXPLAIN_H

#include "cam/gradient_cache.h"
#include "cam/question.h"

/* What is found out on the way. */
typedef struct gcam_findings {
  gcam_warnings warnings;
  bool dead[GCAM_MAX_TARGETS]; /* its gradient was zero everywhere; left so only where it is */
} gcam_findings;

/* The maps of the question at its layer number `layer` (for methods to the input: there). Fills
 * `maps`, which must be empty; on failure there is nothing to free. kept: gradients that may be
 * used again, or NULL. one_of_many: the maps are averaged with others, so that the score's factor
 * belongs to them however small it is. */
gcam_status gcam_explain_layer(const gcam_question *question, int layer, gcam_gradient_cache *kept,
                               bool one_of_many, gcam_maps *maps, gcam_findings *findings,
                               gcam_error *err);

#endif
