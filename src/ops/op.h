/* op.h: what an operator is. One file an operator (or a family that shares its loops) holds, in
 * this order: parameters, shape(), forward(), backward(), and the gcam_op at the end.
 *
 * Letters: N batch, H W height and width, C channels, K output channels, B targets (cotangents).
 *
 * forward() and backward() here are the specification: plain loops, short and obvious. Fast twins
 * live in kernels/ and are tested against these. They cannot fail: shape() has checked everything.
 *
 * backward() is a vector-Jacobian product for B cotangents at once of the one saved forward:
 *   dx_b += dy_b^T (dy/dx)   for b in [0, B)
 * It adds (+=), because a value that is read twice gets two gradients. */
#ifndef GCAM_OPS_OP_H
#define GCAM_OPS_OP_H

#include "ops/graph.h"

/* How the importer lays out an operator's inputs and outputs. */
typedef enum gcam_layout_rule {
  /* Every input and output of rank >= 3 is channels-last: Conv, pools, BatchNormalization, LRN. */
  GCAM_RULE_SPATIAL,
  /* Element by element with broadcasting: inputs are brought to one rank and one layout
   * (channels-last when any activation is), outputs have it too. shape() sees equal ranks. */
  GCAM_RULE_POINTWISE,
  /* Keeps the rank and layout of input 0 and has axes among its attributes, which shape() maps
   * with gcam_value_axis: Concat, Split, Slice, Pad, Softmax, reductions with keepdims. */
  GCAM_RULE_AXIS,
  /* ONNX's own order, in and out: Reshape, Flatten, MatMul, Gemm, Squeeze, Unsqueeze. */
  GCAM_RULE_ROWS,
  /* Input 0 as it is, output in ONNX's own order: Transpose, which maps its permutation. */
  GCAM_RULE_TO_ROWS
} gcam_layout_rule;

typedef struct gcam_args {
  const gcam_graph *graph;
  const gcam_node *node;
  const float *const *in; /* [input_count], NULL where left out */
  float *const *out;      /* [output_count], NULL where nobody reads it; forward writes, backward
                             reads the saved values */
  float *scratch;         /* node->scratch_floats floats, or NULL */
  /* backward only */
  int B;
  const float *const *dout; /* [output_count] of [B][numel]; NULL: that gradient is zero */
  float *const *din;        /* [input_count] of [B][numel], to add to; NULL: not wanted */
  /* only for twins that say they can (kernels/kernel.h) */
  bool overwrite;    /* din[0] is new memory, to be written instead of added to */
  const float *gate; /* in[0] was clamped to gate[0] .. gate[1]: of elements at these limits, din[0]
                        is left 0; NULL: it was not. Goes with overwrite alone */
  const float *bias; /* [last dimension of out[0]], added to each row; NULL: none */
  const float *limits; /* out[0] is clamped to limits[0] .. limits[1]; NULL: it is not */
  int64_t in_stride;   /* forward: floats from one row of in[0], its last dimension, to the next */
  bool times_input; /* out[0] is multiplied with in[0], of the same shape, and dout[0] is behind it
                     */
} gcam_args;

/* What an operator is, for those who ask about operators without knowing them by name. */
enum {
  /* Output 0 is input 0's floats in the same order, whatever the shape says. */
  GCAM_OP_VIEW = 1 << 0,
  /* Linear in any one data input while the other inputs are constants (a constant added included).
   */
  GCAM_OP_LINEAR = 1 << 1,
  /* Input 1 holds what the layer has learned: a sum of products with it. */
  GCAM_OP_WEIGHTED = 1 << 2,
  /* Samples, moves or scales what an earlier layer found, and finds nothing of its own. */
  GCAM_OP_SAMPLES = 1 << 3,
  /* Averages over positions: over all of them where the output has one, and `kernel_shape`, if the
   * operator has that attribute, says so. */
  GCAM_OP_AVERAGES = 1 << 4,
  /* Makes probabilities of logits: of classes that exclude each other, or of each by itself. */
  GCAM_OP_SOFTMAX = 1 << 5,
  GCAM_OP_SIGMOID = 1 << 6,
  /* Output position (h, w) depends on input position (h, w) alone. */
  GCAM_OP_KEEPS_POSITIONS = 1 << 7,
  /* forward() copies 32-bit words of its data inputs and never computes with them: constants of any
   * type may be moved by it (onnx/fold.c). */
  GCAM_OP_MOVES = 1 << 8,
  /* Makes every output that somebody reads; the others make the first one alone. */
  GCAM_OP_OUTPUTS = 1 << 9
};

typedef struct gcam_op {
  const char *name; /* ONNX's */
  gcam_layout_rule rule;
  int min_inputs, max_inputs; /* max_inputs < 0: any number */
  /* Checks ranks, sizes, attributes and constant inputs; fills the shapes of the outputs, params
   * and scratch_floats. Runs once, at load. Error texts begin with the node's name. */
  gcam_status (*shape)(gcam_graph *graph, gcam_node *node, gcam_error *err);
  void (*forward)(const gcam_args *a);
  void (*backward)(const gcam_args *a);
  unsigned traits; /* GCAM_OP_... */
  /* How many leading inputs are data, which the importer brings to the rule's layout; the others
   * are parameters in ONNX's own order. 0: all are data. */
  int data_inputs;
  /* y = min(max(x, lo), hi) for this node? Then *lo and *hi, else false. NULL: never. With lo = 0
   * it is a rectifier: what guided backpropagation guides. */
  bool (*clamp)(const gcam_graph *graph, const gcam_node *node, float *lo, float *hi);
  /* Operators that are a view for some nodes: is this one? NULL: the trait says it. */
  bool (*view)(const gcam_graph *graph, const gcam_node *node);
} gcam_op;

/* Each by its symbol, for those who fuse it: a plan knows what a Conv is. */
#define GCAM_OP(symbol) extern const gcam_op gcam_op_##symbol;
#include "ops/op_list.h"
#undef GCAM_OP

/* Every operator by ONNX name; NULL: not supported. */
const gcam_op *gcam_op_find(const char *name);
int gcam_op_count(void);
bool gcam_op_is(const gcam_op *op, unsigned trait);
/* Of `count` inputs, those that are data. */
int gcam_op_data_inputs(const gcam_op *op, int count);
/* Does the node leave every float where it is? */
bool gcam_node_is_view(const gcam_graph *graph, const gcam_node *node);
/* See gcam_op.clamp. */
bool gcam_node_clamp(const gcam_graph *graph, const gcam_node *node, float *lo, float *hi);
/* Are all inputs from `from` on constants (or left out)? */
bool gcam_node_constant_from(const gcam_graph *graph, const gcam_node *node, int from);
const gcam_op *gcam_op_at(int index);

/* ---- For shape(): reading a node ------------------------------------------------------------ */

const gcam_attr *gcam_node_attr(const gcam_node *node, const char *name);
int64_t gcam_node_int(const gcam_node *node, const char *name, int64_t otherwise);
float gcam_node_float(const gcam_node *node, const char *name, float otherwise);
const char *gcam_node_string(const gcam_node *node, const char *name, const char *otherwise);
/* A list of ints that older opsets give as an attribute and newer ones as a constant input (axes,
 * pads, split, ...): looks at the attribute, then at input `input` (-1: none). *count is 0 when
 * neither is there. Fails when the input is not a constant or has more than max values. */
gcam_status gcam_node_ints(const gcam_graph *graph, const gcam_node *node, const char *name,
                           int input, int64_t *values, int max, int *count, gcam_error *err);
/* All of an integer constant of any shape (input `input`), in the graph's arena. */
gcam_status gcam_node_indices(gcam_graph *graph, const gcam_node *node, const char *name, int input,
                              int64_t **values, gcam_error *err);
/* As gcam_node_ints for one float (Clip's limits). *found says whether it is there. */
gcam_status gcam_node_scalar(const gcam_graph *graph, const gcam_node *node, const char *name,
                             int input, float *value, bool *found, gcam_error *err);
bool gcam_node_has_input(const gcam_node *node, int input);
/* The shape of input i / output i. */
const gcam_shape *gcam_in_shape(const gcam_graph *graph, const gcam_node *node, int i);
gcam_shape *gcam_out_shape(gcam_graph *graph, const gcam_node *node, int i);
/* "Conv node 'fire2/squeeze'": how error texts begin. The buffer belongs to the caller. */
const char *gcam_node_label(const gcam_node *node, char *text, size_t size);
/* gcam_fail with the label and a colon before its words. */
gcam_status gcam_node_fail(const gcam_node *node, gcam_error *err, gcam_status status,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));
gcam_status gcam_node_no_memory(const gcam_node *node, gcam_error *err);
/* Checks an output shape, and stores it where somebody reads that output. */
gcam_status gcam_node_set_shape(gcam_graph *graph, gcam_node *node, int output,
                                const gcam_shape *shape, gcam_error *err);
void *gcam_node_params(gcam_graph *graph, gcam_node *node, size_t size); /* zeroed; NULL: memory */

#endif
