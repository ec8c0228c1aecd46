/* fold.h: runs nodes whose inputs are all constants, at load: the shape arithmetic that exporters
 * write (Shape, Gather, Concat, Slice, ...) and small sums on weights. Works on any element type,
 * in ONNX's own order. Operators that are not known here, but are to the engine, run through
 * their ordinary forward() instead (lower.c). */
#ifndef GCAM_ONNX_FOLD_H
#define GCAM_ONNX_FOLD_H

#include "ops/op.h"

typedef struct gcam_fold {
  gcam_graph *graph;        /* weights are made in its arena */
  const gcam_node *node;    /* op (its name is enough), name, opset, attributes, input indices */
  const gcam_value *in;     /* [node->input_count] copies; weight NULL: left out */
  const gcam_value *tensor; /* the attribute "value", or NULL */
  int64_t *budget;          /* elements that folding may still make */
  /* Results. Where `view` is set an output shares its data with input 0 and does not own it. */
  gcam_value *out; /* [node->output_count]: shape and weight */
  bool view;
} gcam_fold;

bool gcam_fold_knows(const char *op);
/* On failure weights that were made are left in `out`; the caller frees their data. */
gcam_status gcam_fold_run(gcam_fold *fold, gcam_error *err);

/* Makes output k: zeroed shape-sized data of a type. For operators folded elsewhere. */
gcam_status gcam_fold_make(gcam_fold *fold, int k, const gcam_shape *shape, gcam_dtype dtype,
                           gcam_error *err);

/* Element i as a number. */
double gcam_constant_real(const gcam_value *value, int64_t i);
int64_t gcam_constant_int(const gcam_value *value, int64_t i);
/* Logically floating point? (False: integers or bool, which no kernel sees.) */
bool gcam_constant_is_real(const gcam_value *value);

#endif
