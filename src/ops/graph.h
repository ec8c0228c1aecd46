/* graph.h: a network after import: values (tensors), nodes (operators) in topological order.
 *
 * Everything here is in the engine's physical order. `layout` remembers how a value's axes relate
 * to the ONNX file's, for axis attributes at import and for callers who read a tensor. */
#ifndef GCAM_OPS_GRAPH_H
#define GCAM_OPS_GRAPH_H

#include "base/arena.h"
#include "base/tensor.h"
#include "ops/weight.h"

typedef enum gcam_layout {
  GCAM_ROWS,         /* axes as in the ONNX file, row-major */
  GCAM_CHANNELS_LAST /* rank >= 3: ONNX's axis 1 is stored last: N, spatial..., C */
} gcam_layout;

typedef struct gcam_value {
  const char *name; /* the ONNX tensor's name; made up ("x.rows") for what the importer adds */
  int of; /* itself; of what the importer adds: the file's tensor whose numbers it holds, in another
             order of axes, or -1 where the file has no such tensor */
  gcam_shape shape; /* physical */
  gcam_layout layout;
  gcam_weight *weight; /* NULL: an activation */
  int producer;        /* node index, -1: an input or a constant */
  int consumer_count;  /* nodes that read it; one may read it twice */
} gcam_value;

typedef enum gcam_attr_kind {
  GCAM_ATTR_INT,
  GCAM_ATTR_FLOAT,
  GCAM_ATTR_STRING,
  GCAM_ATTR_INTS,
  GCAM_ATTR_FLOATS,
  GCAM_ATTR_TENSOR
} gcam_attr_kind;

typedef struct gcam_attr {
  const char *name;
  gcam_attr_kind kind;
  int64_t i;
  float f;
  const char *s;
  const int64_t *ints;
  const float *floats;
  int count; /* of ints or floats */
} gcam_attr;

struct gcam_op;

typedef struct gcam_node {
  const struct gcam_op *op;
  const char *name; /* never NULL; made up where the file has none */
  int opset;
  const gcam_attr *attrs;
  int attr_count;
  int *inputs; /* value indices, -1: an optional input left out */
  int input_count;
  int *outputs; /* value indices; -1: an optional output nobody reads */
  int output_count;
  void *params;           /* made by the operator's shape(), in the graph's arena */
  int64_t scratch_floats; /* forward/backward work space the operator asks for in shape() */
} gcam_node;

typedef struct gcam_graph {
  gcam_arena arena;
  gcam_value *values;
  int value_count, value_capacity;
  gcam_node *nodes;
  int node_count, node_capacity;
  int *inputs, *outputs; /* value indices */
  int input_count, output_count;
} gcam_graph;

/* A new value; its index, or -1 without memory. The name is copied. */
int gcam_graph_add_value(gcam_graph *graph, const char *name);
/* Value index by name, -1: none. */
int gcam_graph_find(const gcam_graph *graph, const char *name);
/* Frees the graph's arena, weights included. */
void gcam_graph_free(gcam_graph *graph);

/* ---- A value's axes ------------------------------------------------------------------------- */

/* Physical axis of ONNX axis `axis` (may be negative) of the value; -1 when out of range. */
int gcam_value_axis(const gcam_value *value, int64_t axis);
gcam_shape gcam_value_onnx_shape(const gcam_value *value);
/* The value's elements from ONNX's order to ours, and back. */
void gcam_value_from_onnx(const gcam_value *value, const float *from, float *to);
void gcam_value_to_onnx(const gcam_value *value, const float *from, float *to);

#endif
