#include "onnx/types.h"

#include <string.h>

/* All targets are little-endian, like raw_data. */
static const onnx_type types[] = {
    {ONNX_FLOAT, "float32", GCAM_F32, 4, 4},    {ONNX_UINT8, "uint8", GCAM_U8, 1, 5},
    {ONNX_INT8, "int8", GCAM_I8, 1, 5},         {ONNX_UINT16, "uint16", GCAM_I32, 2, 5},
    {ONNX_INT16, "int16", GCAM_I32, 2, 5},      {ONNX_INT32, "int32", GCAM_I32, 4, 5},
    {ONNX_INT64, "int64", GCAM_I64, 8, 7},      {ONNX_BOOL, "bool", GCAM_BOOL, 1, 5},
    {ONNX_FLOAT16, "float16", GCAM_F16, 2, 5},  {ONNX_DOUBLE, "float64", GCAM_F64, 8, 10},
    {ONNX_UINT32, "uint32", GCAM_I64, 4, 11},   {ONNX_UINT64, "uint64", GCAM_I64, 8, 11},
    {ONNX_BFLOAT16, "bfloat16", GCAM_F32, 2, 5}};

const onnx_type *gcam_onnx_type(int64_t type) {
  for (int i = 0; i < (int)(sizeof types / sizeof *types); i++)
    if (types[i].type == type) return &types[i];
  return NULL;
}

const char *gcam_onnx_type_name(int64_t type) {
  const onnx_type *known = gcam_onnx_type(type);
  return known ? known->name : type == ONNX_STRING ? "text" : "of an unknown element type";
}

int gcam_onnx_type_bytes(int64_t type) {
  const onnx_type *known = gcam_onnx_type(type);
  return known ? known->bytes : 0;
}

void gcam_onnx_type_store(const onnx_type *type, uint64_t bits, uint8_t *dst) {
  uint32_t bf16 = (uint32_t)bits << 16;
  int32_t narrow = type->type == ONNX_INT16 ? (int16_t)(uint16_t)bits : (int32_t)(uint16_t)bits;
  if (type->type == ONNX_BFLOAT16)
    memcpy(dst, &bf16, 4);
  else if (type->type == ONNX_INT16 || type->type == ONNX_UINT16)
    memcpy(dst, &narrow, 4);
  else if (type->type == ONNX_UINT32)
    bits &= 0xffffffffu, memcpy(dst, &bits, 8);
  else if (type->type == ONNX_BOOL)
    *dst = bits != 0;
  else
    memcpy(dst, &bits, gcam_dtype_size(type->stored));
}
