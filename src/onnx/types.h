/* types.h: element types of ONNX tensors, and how each is read. */
#ifndef GCAM_ONNX_TYPES_H
#define GCAM_ONNX_TYPES_H

#include "base/tensor.h"

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

/* Types that the engine does not have are widened when they are read. */
typedef struct onnx_type {
  int64_t type;
  const char *name;
  gcam_dtype stored;
  int bytes; /* in raw_data */
  int list;  /* field of TensorProto that holds the numbers when raw_data does not */
} onnx_type;

/* NULL: a type that is not read. */
const onnx_type *gcam_onnx_type(int64_t type);
/* "float32"; words for what is not read too. */
const char *gcam_onnx_type_name(int64_t type);
/* Bytes of one element in the file; 0: not read. */
int gcam_onnx_type_bytes(int64_t type);
/* One element of the file as the stored type, at dst. bits: little-endian, zero-extended. */
void gcam_onnx_type_store(const onnx_type *type, uint64_t bits, uint8_t *dst);

#endif
