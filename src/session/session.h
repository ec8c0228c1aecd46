/* session.h: a graph made ready to run, and its whole life: created, given inputs, run forward,
 * asked for values and gradients, freed. It owns the plan (what runs as one step, by which kernel,
 * and where the activations lie).
 *
 * forward() keeps every activation that a later backward may need, so that explaining another
 * class, layer or score never runs it again. Gradients are vector-Jacobian products for B
 * cotangents at once; they start at one value and stop at another.
 *
 * A session is never half: a function that fails leaves plan, weights and activations as they were,
 * but for a forward pass that stops on its way, after which `done` is false. */
#ifndef GCAM_SESSION_SESSION_H
#define GCAM_SESSION_SESSION_H

#include "session/run.h"
#include "session/sums.h"

typedef struct gcam_session {
  gcam_graph *graph;
  const gcam_threads *pool;
  gcam_wishes wishes;
  gcam_run run;
  gcam_sums_table table;
  bool *inputs_set; /* [graph->input_count] */
  bool done;        /* activations are those of a complete forward pass */
} gcam_session;

/* Plans and allocates. The graph and the pool stay with the caller and must outlive the session.
 * Packing takes over the graph's weights: after a failure it can only be freed. */
gcam_status gcam_session_create(gcam_session **session, gcam_graph *graph, const gcam_threads *pool,
                                gcam_precision precision, gcam_error *err);
void gcam_session_free(gcam_session *session);

/* Where to write input `index` (graph->inputs order), physical order; marks it as given and the
 * activations as stale. */
float *gcam_session_input(gcam_session *session, int index);

gcam_status gcam_session_forward(gcam_session *session, gcam_error *err);
/* Runs again what depends on `value` (exposed and apart), whose floats the caller has changed in
 * place. */
gcam_status gcam_session_forward_from(gcam_session *session, int value, gcam_error *err);

/* Makes sure that the value is computed: splits the fused step it is hidden in, and, after a
 * forward pass, computes the new pieces alone. */
gcam_status gcam_session_expose(gcam_session *session, int value, gcam_error *err);
/* The same, and that changing the value's floats changes nothing that does not depend on it: a view
 * of what others read too gets memory of its own. */
gcam_status gcam_session_set_apart(gcam_session *session, int value, gcam_error *err);
/* Constants where stale[value_count] are others now: what was made of them is made anew, and the
 * activations are stale. On failure whoever changed them changes them back. */
gcam_status gcam_session_renew(gcam_session *session, const bool *stale, gcam_error *err);

/* Where the value's floats are, physical order. Expose first. */
const gcam_slot *gcam_session_slot(const gcam_session *session, int value);
/* The value's floats, physical order, dense. *owned is set to a copy to be freed with
 * gcam_floats_free where they were not dense, else NULL. NULL: out of memory. Expose first. */
const float *gcam_session_dense(const gcam_session *session, int value, float **owned);

/* *gradients [B][numel(target)] = cotangents[B][numel(output)]^T d(output)/d(target), physical
 * order; to be freed with gcam_floats_free. Fails with GCAM_ERR_ARGUMENT when output does not
 * depend on target. */
gcam_status gcam_session_vjp(gcam_session *session, int output, const float *cotangents, int B,
                             int target, float **gradients, gcam_error *err);
/* The same by guided backpropagation (Springenberg et al., arXiv 1412.6806): back through every
 * ReLU (and Clip from 0), fused ones too, only where both the value and its gradient are positive.
 */
gcam_status gcam_session_vjp_guided(gcam_session *session, int output, const float *cotangents,
                                    int B, int target, float **gradients, gcam_error *err);

/* How to get the sum over positions of the gradient of `output` at `value`, which has C channels,
 * last, behind `skip` positions that do not count: from the gradient at sums->value, by the second
 * function, which makes [B][C] of [B][numel(sums->value)]. gcam_sums_free, also on failure. */
gcam_status gcam_session_sums(const gcam_session *session, int output, int value, int64_t C,
                              int64_t skip, gcam_sums *sums, gcam_error *err);
gcam_status gcam_session_take_sums(gcam_session *session, const gcam_sums *sums,
                                   const float *gradients, int B, float *result, gcam_error *err);

/* Bytes held now by packed weights / by activations. */
int64_t gcam_session_packed_bytes(const gcam_session *session);
int64_t gcam_session_activation_bytes(const gcam_session *session);

#endif
