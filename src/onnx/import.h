/* import.h: the importer's own state, inside src/onnx only. import.c knows the file (names, order,
 * inputs, what is left at the end), lower.c turns one ONNX node into nodes of the graph, build.c
 * adds them. */
#ifndef GCAM_ONNX_IMPORT_H
#define GCAM_ONNX_IMPORT_H

#include "onnx/model.h"
#include "ops/op.h"

/* A name in the ONNX file and what it stands for. */
typedef struct import_symbol {
  const char *name;
  const onnx_tensor *tensor;    /* an initializer */
  const onnx_value_info *input; /* a graph input */
  bool output;                  /* of the graph */
  int node;                     /* the node that makes it, -1: none */
  int uses;                     /* needed nodes and graph outputs that still want it */
  int value;                    /* -1: not there yet */
} import_symbol;

/* What the importer remembers about each value of the graph. */
typedef struct import_value {
  int as[2];    /* the same tensor in the other layout, by gcam_layout; -1: not made yet */
  int root;     /* the constant whose data this one shares; itself when it owns them */
  int users;    /* constants: nodes and constants that read these very data */
  int external; /* external data that the weight lies in, -1 */
  bool retired; /* no ONNX node will ask for it again */
  int original; /* made from this constant by a change of layout; -1 */
} import_value;

typedef struct gcam_import {
  gcam_onnx *file;
  gcam_graph *graph;
  gcam_error *err;
  gcam_arena scratch; /* everything here; freed when the import ends */
  import_symbol *symbols;
  int symbol_count;
  int *buckets; /* symbol index + 1, open addressing */
  size_t bucket_count;
  int **node_in, **node_out; /* symbols of each file node, -1: left out */
  bool *needed;              /* [file nodes] */
  int *order;                /* needed file nodes, producers first */
  int order_count;
  import_value *info;
  int info_room;
  int64_t budget; /* elements that folding may still make */
  int opset;
} gcam_import;

gcam_status gcam_import_no_memory(gcam_import *im);
/* A new value with its import_value. */
gcam_status gcam_import_add_value(gcam_import *im, const char *name, int *value);
/* The symbol's value; an initializer is loaded when it is first asked for. */
gcam_status gcam_import_value(gcam_import *im, int symbol, int *value);

/* ---- build.c -------------------------------------------------------------------------------- */

typedef struct import_node {
  const gcam_op *op;
  const char *name;
  int opset;
  const gcam_attr *attrs;
  int attr_count;
  const int *in, *out; /* values */
  int in_count, out_count;
  gcam_layout layout; /* of outputs of rank >= 3 */
} import_node;

bool gcam_build_is_constant(const gcam_import *im, int value);
/* Frees a constant's data, if nothing reads them; no ONNX node will ask for it again. */
void gcam_build_retire(gcam_import *im, int value);
/* A constant that shares the data of another. */
gcam_status gcam_build_view(gcam_import *im, const char *name, int of, const gcam_shape *shape,
                            gcam_weight *weight, int *result);
/* A constant of integers as floats; others as they are. */
gcam_status gcam_build_float(gcam_import *im, int from, int *result);
/* Adds the node, or runs it at once where all its inputs are constants. */
gcam_status gcam_build_node(gcam_import *im, const import_node *node);
/* value -> out: a Reshape node. out is in ROWS. */
gcam_status gcam_build_reshape_node(gcam_import *im, const char *name, int value, int out,
                                    const gcam_shape *shape);
/* The value in a layout. */
gcam_status gcam_build_layout(gcam_import *im, int value, gcam_layout layout, int *result);
/* Another shape for the same numbers, in ONNX's order. */
gcam_status gcam_build_reshape(gcam_import *im, int value, const gcam_shape *shape,
                               const char *name, int *result);
/* Sizes of 1 in front until the rank is there: what broadcasting means. */
gcam_status gcam_build_rank(gcam_import *im, int value, int rank, int *result);
gcam_shape gcam_build_onnx_shape(const gcam_value *value);

/* ---- lower.c -------------------------------------------------------------------------------- */

/* Can this operator be imported at all? */
bool gcam_lower_knows(const onnx_node *node);
gcam_status gcam_lower_node(gcam_import *im, int node);
/* "Conv node 'conv1'" */
const char *gcam_lower_label(const gcam_import *im, int node, char *text, size_t size);

#endif
