/* model.h: an opened ONNX file, inside src/onnx only. Small structs in the file's arena; tensor
 * data stays where it is in the bytes. */
#ifndef GCAM_ONNX_MODEL_H
#define GCAM_ONNX_MODEL_H

#include "base/arena.h"
#include "onnx/onnx.h"
#include "onnx/protobuf.h"

/* TensorProto.DataType, as far as it is named here. */
enum {
  ONNX_FLOAT = 1,
  ONNX_UINT8 = 2,
  ONNX_INT8 = 3,
  ONNX_UINT16 = 4,
  ONNX_INT16 = 5,
  ONNX_INT32 = 6,
  ONNX_INT64 = 7,
  ONNX_STRING = 8,
  ONNX_BOOL = 9,
  ONNX_FLOAT16 = 10,
  ONNX_DOUBLE = 11,
  ONNX_UINT32 = 12,
  ONNX_UINT64 = 13,
  ONNX_BFLOAT16 = 16
};
const char *gcam_onnx_type_name(int64_t type);

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

struct gcam_onnx {
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
};

/* Longest part of a name that goes into a message. */
#define GCAM_NAME_FORMAT "%.96s"

/* tensor.c: the constant that a TensorProto holds, as an f32/f16/f64/i8/u8/i32/i64/bool weight in
 * `arena`. Where the file's bytes can be used as they are the weight borrows them. */
gcam_status gcam_onnx_tensor_load(const gcam_onnx *file, const onnx_tensor *tensor,
                                  gcam_arena *arena, gcam_weight **weight, gcam_error *err);
/* Bytes of one element in the file; 0: a type that is not read. */
int gcam_onnx_type_bytes(int64_t type);

/* external.c */
bool gcam_onnx_external_complete(const onnx_external *external);

#endif
