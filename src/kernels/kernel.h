/* kernel.h: fast twins of the plain operators. Two kinds:
 *
 *   - a gcam_kernel is made once for one convolution, owns packed weights, and runs many times;
 *   - a gcam_twin is a pair of functions with the signature of an operator's forward and backward
 *     (plus the thread pool), chosen for a node at plan time where `applies` says so.
 *
 * Each is tested against the plain operator on random shapes (tests/ops/test_kernels.c). */
#ifndef GCAM_KERNELS_KERNEL_H
#define GCAM_KERNELS_KERNEL_H

#include "base/threads.h"
#include "ops/op.h"

/* A 2-D convolution: everything a kernel needs to know. Pixels are C floats apart on the way in and
 * out_stride floats on the way out (K, or more where the result lands inside a concatenation). */
typedef struct gcam_conv_spec {
  int64_t H, W, C;   /* input */
  int64_t OH, OW, K; /* output */
  int64_t groups;
  int64_t kh, kw, sh, sw, dh, dw; /* kernel, strides, dilations */
  int64_t pt, pl, pb, pr;         /* padding: top, left, bottom, right */
  float lo, hi;                   /* the result is clamped to this range (fused activation) */
  int64_t out_stride;
  bool direct; /* sum products as the definition does: no Winograd */
} gcam_conv_spec;

/* Where a convolution's weights are stored, [K][kh][kw][C] of any type. */
typedef struct gcam_weight_source {
  const gcam_weight *weight; /* outlives the kernel, and so does shape */
  const gcam_shape *shape;
  const float *gain; /* [K], each output channel's factor on its weights; NULL: 1. Copied. */
  bool gradient;     /* they serve the input gradient, not the convolution */
  bool scarce;       /* a second copy of the network's weights may not fit into memory */
} gcam_weight_source;

typedef struct gcam_kernel gcam_kernel;
struct gcam_kernel {
  /* out = kernel(in) for `batch` pictures. in: dense [batch][H][W][C]. Fails only without memory.
   */
  gcam_status (*run)(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
                     const gcam_threads *pool, gcam_error *err);
  void (*free)(gcam_kernel *kernel);
  /* Gives the weights that it was made of back, [K][kh][kw][C / groups], as good as new; NULL where
   * it cannot. With it the source of the weights need not be kept. */
  void (*recover)(const void *kernel, float *weights);
  size_t bytes; /* packed weights held, for reports */
};

/* What a twin's forward can do on its way out, in place of the nodes behind it: the step is then
 * one, and the twin's backward gets the gradient as it is before them. */
enum {
  GCAM_ADDS_BIAS = 1 << 0,  /* a->bias: an Add of one constant row */
  GCAM_CLAMPS = 1 << 1,     /* a->limits: Relu, Clip */
  GCAM_TIMES_INPUT = 1 << 2 /* a->times_input: a Mul with the node's own input */
};

typedef struct gcam_twin {
  const gcam_op *op;
  bool (*applies)(const gcam_graph *graph, const gcam_node *node);
  void (*forward)(const gcam_args *a, const gcam_threads *pool);  /* NULL: the plain one */
  void (*backward)(const gcam_args *a, const gcam_threads *pool); /* NULL: the plain one */
  /* Constant inputs are read through gcam_weight (a->in is NULL for those not stored as float32),
   * so that half and int8 weights need no float copy. */
  bool reads_stored_weights;
  /* Has one input, and backward looks at a->overwrite: saves clearing memory. */
  bool overwrites;
  bool strides;     /* forward looks at a->in_stride: in[0] may lie inside a concatenation */
  bool gates;       /* and at a->gate: saves a pass over the gradient */
  unsigned absorbs; /* GCAM_ADDS_BIAS, GCAM_CLAMPS */
} gcam_twin;

/* Each by its symbol. */
#define GCAM_TWIN(symbol) extern const gcam_twin gcam_twin_##symbol;
#include "kernels/twin_list.h"
#undef GCAM_TWIN

#endif
