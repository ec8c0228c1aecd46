/* model.h: an opened ONNX file. Small structs in the file's arena; tensor data stays where it is in
 * the bytes. From these to a graph:
 *
 *   gcam_onnx_open      reads the ModelProto: names, nodes, where the weights lie
 *   gcam_onnx_push      brings weights that the file keeps elsewhere (external.h)
 *   gcam_onnx_import    folds constants, fixes every shape, lays tensors out (import.h)
 *   gcam_onnx_close     after the graph is freed
 *
 * What is read: ONNX of IR 3 and later, any opset of the default domain (an operator is read as the
 * newest version that is known says), weights embedded or external, float32, float16, bfloat16,
 * float64 or int8/uint8 with DequantizeLinear. Activations are float32; a file with float16
 * activations runs in float32. Every size in a file is taken for a lie until checked: a broken file
 * gives GCAM_ERR_MODEL, one that asks for what the engine does not do GCAM_ERR_UNSUPPORTED, both
 * with words.
 * Source: onnx.proto, IR.md and Operators.md of github.com/onnx/onnx. */
#ifndef GCAM_ONNX_MODEL_H
#define GCAM_ONNX_MODEL_H

#include "base/arena.h"
#include "onnx/protobuf.h"
#include "onnx/types.h"
#include "ops/graph.h"

typedef struct onnx_external {
  const char *tensor;
  const char *location;
  int64_t offset, length;
  uint8_t *data;   /* allocated by the first push */
  int64_t *ranges; /* [begin, end) pairs that have come, sorted, disjoint */
  int range_count, range_capacity;
} onnx_external;

typedef struct onnx_tensor {
  const char *name;
  int64_t type;
  gcam_shape shape;
  gcam_proto message; /* the TensorProto: lists of numbers are decoded when the tensor is wanted */
  gcam_proto raw;     /* raw_data */
  bool has_raw;
  int external; /* index, -1: embedded */
} onnx_tensor;

typedef struct onnx_node {
  const char *name, *op, *domain;
  const char **inputs, **outputs; /* "" where left out */
  int input_count, output_count;
  gcam_attr *attrs;      /* those of a kind that gcam_attr has */
  onnx_tensor **tensors; /* [attr_count], for GCAM_ATTR_TENSOR */
  int attr_count;
  bool made; /* its output is not the file's (expand.h) */
} onnx_node;

typedef struct onnx_value_info {
  const char *name;
  bool is_tensor;
  int64_t type;
  int rank;                         /* -1: not said */
  int64_t dim[GCAM_MAX_RANK];       /* -1: open */
  const char *param[GCAM_MAX_RANK]; /* "batch" */
} onnx_value_info;

typedef struct onnx_opset {
  const char *domain;
  int64_t version;
} onnx_opset;

typedef struct gcam_onnx {
  const uint8_t *bytes;
  size_t size;
  bool owned, imported;
  gcam_arena arena;

  int64_t ir_version;
  const char *producer, *producer_version;
  int graphs, functions, sparse;
  onnx_opset *opsets;
  onnx_node *nodes;
  onnx_tensor *tensors; /* initializers */
  onnx_value_info *inputs, *outputs;
  onnx_external *externals;
  int opset_count, node_count, tensor_count, input_count, output_count, external_count;
  int opset_room, node_room, tensor_room, input_room, output_room, external_room;
} gcam_onnx;

/* Longest part of a name that goes into a message. */
#define GCAM_NAME_FORMAT "%.64s"

/* GCAM_TAKE: the bytes came from malloc and belong to the file from now on, even when opening
 * fails. GCAM_COPY: the caller keeps them, unchanged, until gcam_onnx_import has returned. */
gcam_status gcam_onnx_open(gcam_onnx **file, const void *bytes, size_t size, gcam_ownership own,
                           gcam_error *err);
/* NULL is accepted. Free the graph first: its attributes lie in the file, and so do weights that
 * are used in place (external data; large ones of GCAM_TAKE). */
void gcam_onnx_close(gcam_onnx *file);

/* The file's outputs. Out of range: NULL. */
int gcam_onnx_output_count(const gcam_onnx *file);
const char *gcam_onnx_output_name(const gcam_onnx *file, int index);

/* For reports. */
const char *gcam_onnx_producer(const gcam_onnx *file); /* "pytorch 1.13.1"; "" when not said */
int64_t gcam_onnx_ir_version(const gcam_onnx *file);
/* Opset of a domain ("" is ONNX's own); 0: the file imports none. */
int64_t gcam_onnx_opset(const gcam_onnx *file, const char *domain);

#endif
