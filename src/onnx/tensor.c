/* tensor.c: TensorProto -> constant. */
#include "onnx/tensor.h"

#include <string.h>

#include "base/memory.h"
#include "onnx/external.h"

static gcam_status wrong_length(const onnx_tensor *tensor, long long got, const char *unit,
                                gcam_error *err) {
  char shape[96];
  return gcam_fail(err, GCAM_ERR_MODEL,
                   "tensor '" GCAM_NAME_FORMAT "' (%s, %s) holds %lld %s instead of %lld",
                   tensor->name, gcam_shape_text(&tensor->shape, shape, sizeof shape),
                   gcam_onnx_type_name(tensor->type), got, unit,
                   (long long)gcam_numel(&tensor->shape) *
                       (unit[0] == 'b' ? gcam_onnx_type_bytes(tensor->type) : 1));
}

/* Numbers from the typed lists (float_data, int32_data, ...), packed or one by one. */
static gcam_status load_lists(const onnx_tensor *tensor, const onnx_type *type, uint8_t *dst,
                              gcam_error *err) {
  gcam_proto message = tensor->message;
  gcam_proto_field field;
  int64_t n = gcam_numel(&tensor->shape), got = 0;
  size_t fixed = type->list == 4 ? 4 : type->list == 10 ? 8 : 0;
  size_t step = gcam_dtype_size(type->stored);
  while (gcam_proto_next(&message, &field) == GCAM_PROTO_FIELD) {
    if (field.number != (uint32_t)type->list) continue;
    bool packed = field.wire == GCAM_WIRE_BYTES;
    gcam_wire single = fixed == 4 ? GCAM_WIRE_32 : fixed ? GCAM_WIRE_64 : GCAM_WIRE_VARINT;
    if (!packed && field.wire != single) return wrong_length(tensor, got, "numbers", err);
    while (!packed || gcam_proto_size(&field.bytes)) {
      if (packed && !(fixed ? gcam_proto_fixed(&field.bytes, fixed, &field.value)
                            : gcam_proto_varint(&field.bytes, &field.value)))
        return wrong_length(tensor, got, "numbers", err);
      if (got == n) return wrong_length(tensor, got + 1, "or more numbers", err);
      gcam_onnx_type_store(type, field.value, dst + (size_t)got++ * step);
      if (!packed) break;
    }
  }
  return got == n ? GCAM_OK : wrong_length(tensor, got, "numbers", err);
}

/* The list as it lies in the file when that is a single packed run of fixed-size numbers: then it
 * is as good as raw_data. */
static bool packed_run(const onnx_tensor *tensor, const onnx_type *type, gcam_proto *run) {
  gcam_proto message = tensor->message;
  gcam_proto_field field;
  int found = 0;
  if (type->list != 4 && type->list != 10) return false;
  while (gcam_proto_next(&message, &field) == GCAM_PROTO_FIELD) {
    if (field.number != (uint32_t)type->list) continue;
    if (field.wire != GCAM_WIRE_BYTES) return false;
    *run = field.bytes;
    found++;
  }
  return found == 1;
}

gcam_status gcam_onnx_tensor_load(const gcam_onnx *file, const onnx_tensor *tensor,
                                  gcam_arena *arena, gcam_weight **result, gcam_error *err) {
  const onnx_type *type = gcam_onnx_type(tensor->type);
  if (!type)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "tensor '" GCAM_NAME_FORMAT "' is %s, which the engine does not read",
                     tensor->name, gcam_onnx_type_name(tensor->type));
  int64_t n = gcam_numel(&tensor->shape);
  size_t need = (size_t)n * (size_t)type->bytes;
  gcam_proto raw = tensor->raw;
  bool has_raw = tensor->has_raw || packed_run(tensor, type, &raw);
  if (tensor->external >= 0) {
    const onnx_external *e = &file->externals[tensor->external];
    if (!gcam_onnx_external_complete(e))
      return gcam_fail(
          err, GCAM_ERR_MODEL,
          "tensor '" GCAM_NAME_FORMAT "' is incomplete: bytes %lld to %lld of '" GCAM_NAME_FORMAT
          "' did not all come",
          tensor->name, (long long)e->offset, (long long)(e->offset + e->length), e->location);
    raw.at = e->data;
    raw.end = e->data ? e->data + e->length : NULL;
    has_raw = true;
  }
  if (has_raw && gcam_proto_size(&raw) != need)
    return wrong_length(tensor, (long long)gcam_proto_size(&raw), "bytes", err);

  gcam_weight *weight = gcam_arena_alloc(arena, 1, sizeof *weight);
  if (!weight) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while loading weights");
  weight->dtype = type->stored;
  size_t step = gcam_dtype_size(weight->dtype);
  if (has_raw && need && (size_t)type->bytes == step && type->type != ONNX_BOOL) {
    weight->data = (void *)(uintptr_t)raw.at;
    weight->borrowed = true;
    *result = weight;
    return GCAM_OK;
  }
  uint8_t *data = gcam_alloc(n, (int64_t)step);
  if (!data)
    return gcam_fail(err, GCAM_ERR_MEMORY,
                     "out of memory: tensor '" GCAM_NAME_FORMAT "' takes %lld bytes", tensor->name,
                     (long long)n * (long long)step);
  if (has_raw) {
    uint64_t bits;
    for (int64_t i = 0; i < n && gcam_proto_fixed(&raw, (size_t)type->bytes, &bits); i++)
      gcam_onnx_type_store(type, bits, data + (size_t)i * step);
  } else {
    gcam_status status = load_lists(tensor, type, data, err);
    if (status != GCAM_OK) {
      gcam_free(data);
      return status;
    }
  }
  weight->data = data;
  *result = weight;
  return GCAM_OK;
}
