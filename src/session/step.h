/* step.h: what a plan is made of: steps, and slots for the values between them. */
#ifndef GCAM_SESSION_STEP_H
#define GCAM_SESSION_STEP_H

#include "kernels/kernel.h"
#include "ops/graph.h"

typedef enum gcam_step_kind {
  GCAM_STEP_NODE,  /* one node, plain or by a twin, and what the twin absorbs */
  GCAM_STEP_VIEW,  /* one node that only renames its input's memory */
  GCAM_STEP_CONV,  /* [Pad] Conv [BatchNormalization] [Relu | Clip] by one kernel, or
                      ConvTranspose [Relu | Clip] */
  GCAM_STEP_CONCAT /* Concat whose inputs may have been written in place */
} gcam_step_kind;

enum { GCAM_MAX_FUSED = 4 };

typedef struct gcam_step {
  gcam_step_kind kind;
  int nodes[GCAM_MAX_FUSED]; /* in order; nodes[0] reads the step's input */
  int node_count;
  /* GCAM_STEP_NODE */
  const gcam_twin *twin;
  int bias;         /* the value that an absorbed Add adds to every row; -1: none */
  bool times_input; /* an absorbed Mul multiplies with the node's own input */
  /* GCAM_STEP_CONV */
  gcam_conv_spec spec; /* of a ConvTranspose: the convolution that it is the transpose of, with the
                          limits and out_stride of its own output */
  bool transposed;     /* it is a ConvTranspose */
  int conv_node, norm_node; /* node indices; norm_node -1: none */
  /* GCAM_STEP_CONCAT */
  int64_t written; /* channels at the beginning of the result that an earlier one has written */
  /* several */
  bool clamped;    /* an activation is fused */
  float limits[2]; /* its limits */
  gcam_kernel *forward, *backward;
  bool backward_tried;
  bool shared; /* its kernels belong to the plan before, until this one takes over */
} gcam_step;

/* Where a value's floats are. */
typedef struct gcam_slot {
  float *data;
  int64_t stride; /* floats from one pixel to the next: C, or more inside a concatenation */
  int owner;      /* the value whose allocation this is; itself, or the one it is a view of */
  bool hidden;    /* inside a fused step: not computed unless exposed */
  bool shared;    /* its memory belongs to the plan before, until this one takes over */
} gcam_slot;

/* The value that the step reads, of several the first. */
int gcam_step_input(const gcam_graph *graph, const gcam_step *step);
/* The node that writes the step's outputs. */
const gcam_node *gcam_step_last(const gcam_graph *graph, const gcam_step *step);
/* The value that the step writes, of several the first; -1 where nobody reads that one. */
int gcam_step_output(const gcam_graph *graph, const gcam_step *step);
/* The step of these that makes the value; NULL: none does. */
gcam_step *gcam_step_making(const gcam_graph *graph, gcam_step *steps, int count, int value);

/* Can nobody but this node, by one of its inputs, see the value? */
bool gcam_read_once(const gcam_graph *graph, const gcam_node *node, int value);
/* Does the slot of `value` hold its own allocation? */
bool gcam_slot_owns(const gcam_slot *slots, int value);

#endif
