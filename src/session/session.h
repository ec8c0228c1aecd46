/* session.h: a graph made ready to run. Owns the plan (what runs as one step, by which kernel),
 * the activations, and the gradients while a backward pass is under way.
 *
 * forward() keeps every activation that a later backward may need, so that explaining another
 * class, layer or score never runs it again. Gradients are vector-Jacobian products for B
 * cotangents at once; they start at one value and stop at another. */
#ifndef GCAM_SESSION_SESSION_H
#define GCAM_SESSION_SESSION_H

#include "base/pool.h"
#include "kernels/kernel.h"
#include "ops/graph.h"

typedef enum gcam_step_kind {
  GCAM_STEP_NODE,  /* one node, plain or by a twin */
  GCAM_STEP_VIEW,  /* one node that only renames its input's memory */
  GCAM_STEP_CONV,  /* [Pad] Conv [BatchNormalization] [Relu | Clip] by one kernel */
  GCAM_STEP_CONCAT /* Concat whose inputs may have been written in place */
} gcam_step_kind;

enum { GCAM_MAX_FUSED = 4 };

typedef struct gcam_step {
  gcam_step_kind kind;
  int nodes[GCAM_MAX_FUSED]; /* in order; nodes[0] reads the step's input */
  int node_count;
  const gcam_twin *twin; /* GCAM_STEP_NODE */
  /* GCAM_STEP_CONV */
  gcam_conv_spec spec;
  int conv_node, norm_node; /* node indices; norm_node -1: none */
  bool clamped;             /* an activation is fused: lo and hi in spec */
  gcam_kernel *forward, *backward;
  bool backward_tried;
} gcam_step;

/* Where a value's floats are. */
typedef struct gcam_slot {
  float *data;
  int64_t stride; /* floats from one pixel to the next: C, or more inside a concatenation */
  int owner;      /* the value whose allocation this is; itself, or the one it is a view of */
  bool hidden;    /* inside a fused step: not computed unless exposed */
  bool exposed;   /* somebody asked for it: must not be fused away */
} gcam_slot;

typedef struct gcam_session {
  gcam_graph *graph;
  const gcam_pool *pool;
  gcam_precision precision;
  gcam_slot *slots; /* [value_count] */
  gcam_step *steps;
  int step_count;
  float *scratch;
  int64_t scratch_floats;
  const float **in; /* work arrays for one node's arguments, sized for the widest node */
  float **out, **din;
  const float **dout;
  bool done; /* activations are those of a complete forward pass */
  size_t packed_bytes, activation_bytes;
  bool *inputs_set; /* [graph->input_count] */
} gcam_session;

/* Plans and allocates. The graph and the pool stay with the caller and must outlive the session. */
gcam_status gcam_session_create(gcam_session **session, gcam_graph *graph, const gcam_pool *pool,
                                gcam_precision precision, gcam_error *err);
void gcam_session_free(gcam_session *session);

/* Where to write input `index` (graph->inputs order), physical order; marks it as given and the
 * activations as stale. */
float *gcam_session_input(gcam_session *session, int index);

gcam_status gcam_session_forward(gcam_session *session, gcam_error *err);

/* Makes sure that the value is computed: splits the fused step it is hidden in, and, after a
 * forward pass, computes the new pieces alone. */
gcam_status gcam_session_expose(gcam_session *session, int value, gcam_error *err);

/* The value's floats, physical order, dense. *owned is set to a copy to be freed with
 * gcam_floats_free where they were not dense, else NULL. NULL: out of memory. Expose first. */
const float *gcam_session_dense(const gcam_session *session, int value, float **owned);

/* *gradients [B][numel(target)] = cotangents[B][numel(output)]^T d(output)/d(target), physical
 * order; to be freed with gcam_floats_free. Fails with GCAM_ERR_ARGUMENT when output does not
 * depend on target. */
gcam_status gcam_session_vjp(gcam_session *session, int output, const float *cotangents, int B,
                             int target, float **gradients, gcam_error *err);

/* The same by guided backpropagation (Springenberg et al., arXiv 1412.6806): back through every ReLU
 * (and Clip from 0), fused ones too, only where both the value and its gradient are positive. */
gcam_status gcam_session_vjp_guided(gcam_session *session, int output, const float *cotangents,
                                    int B, int target, float **gradients, gcam_error *err);

/* Runs again what depends on `value` (exposed), whose floats the caller has changed in place. */
gcam_status gcam_session_forward_from(gcam_session *session, int value, gcam_error *err);

/* depends[value_count]: does the value depend on `target` (itself included)? */
void gcam_session_dependents(const gcam_session *session, int target, bool *depends);

/* ---- Between plan.c, forward.c and backward.c ------------------------------------------------- */

/* Runs one step on the current activations. */
gcam_status gcam_step_forward(gcam_session *session, gcam_step *step, gcam_error *err);
/* Fills session->in/out for one node. floats: constants stored otherwise become float copies;
 * else their entry is NULL. */
gcam_status gcam_session_bind(gcam_session *session, const gcam_node *node, bool floats,
                              gcam_error *err);
/* The fused convolution's weights and bias after batch-norm folding: malloc'd. Either may be NULL:
 * not wanted. */
gcam_status gcam_step_conv_weights(const gcam_session *session, const gcam_step *step,
                                   float **weights, float **bias, gcam_error *err);
/* *kernel: one that reads the convolution's weights where they are stored, where that pays; else
 * NULL, without failing. */
gcam_status gcam_step_lean_kernel(const gcam_session *session, const gcam_step *step,
                                  const float *bias, bool gradient, gcam_kernel **kernel,
                                  gcam_error *err);
/* Value read and value written by a step. */
int gcam_step_input(const gcam_session *session, const gcam_step *step);
int gcam_step_output(const gcam_session *session, const gcam_step *step);

#endif
