/* state.h: what an import knows: every name of the file and what it stands for, every value of the
 * graph and what becomes of it. state -> fold -> build -> quantized -> lower -> import, each using
 * those before it alone. */
#ifndef GCAM_ONNX_STATE_H
#define GCAM_ONNX_STATE_H

#include "onnx/model.h"
#include "ops/op.h"

/* A name in the ONNX file and what it stands for. */
typedef struct import_symbol {
  const char *name;
  const onnx_tensor *tensor;    /* an initializer */
  const onnx_value_info *input; /* a graph input */
  bool output;                  /* wanted */
  int node;                     /* the node that makes it, -1: none */
  int uses;                     /* needed nodes and graph outputs that still want it */
  int value;                    /* -1: not there yet */
  /* Integers in the file, held here as the values they stand for (quantized.h); NULL: floats, or a
   * constant. */
  const struct gcam_grid *grid;
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
  int *outputs; /* symbols of the outputs wanted */
  int output_count;
  int64_t budget; /* floats that may still be made of constants, by folding and rearranging */
  int opset;
} gcam_import;

gcam_status gcam_state_no_memory(gcam_import *im);
/* The symbol of a name, made when it is new: only as many as gcam_state_name made room for. */
int gcam_state_symbol(gcam_import *im, const char *name);
/* Gives every name of the file its symbol; refuses what is named twice. */
gcam_status gcam_state_name(gcam_import *im);
/* A new value with its import_value. */
gcam_status gcam_state_add_value(gcam_import *im, const char *name, int *value);
/* The symbol's value; an initializer is loaded when it is first asked for. */
gcam_status gcam_state_value(gcam_import *im, int symbol, int *value);
/* Room for a constant of `bytes`, with room behind it as kernels like it, from the import's budget:
 * a small file cannot make us hold many times what it holds itself. NULL, with words, where that is
 * spent or memory is. name: of what is made. Freed by gcam_floats_free. */
void *gcam_state_constant(gcam_import *im, const char *name, int64_t bytes);
bool gcam_state_is_constant(const gcam_import *im, int value);
/* The value `to` becomes a constant that shares the data of the constant `of`. */
void gcam_state_share(gcam_import *im, int to, int of, gcam_weight *weight);
/* Frees a constant's data, if nothing reads them; no ONNX node will ask for it again. */
void gcam_state_retire(gcam_import *im, int value);

/* A node's name; one is made up where the file has none. */
const char *gcam_state_node_name(const gcam_import *im, int node, char *text, size_t size);
/* "Conv node 'conv1'" */
const char *gcam_state_label(const gcam_import *im, int node, char *text, size_t size);

#endif
