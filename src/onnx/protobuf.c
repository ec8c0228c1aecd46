#include "onnx/protobuf.h"

bool gcam_proto_varint(gcam_proto *list, uint64_t *value) {
  uint64_t v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (list->at == list->end) return false;
    uint8_t byte = *list->at++;
    v |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) {
      *value = v;
      return true;
    }
  }
  return false; /* more than ten bytes: no writer does that */
}

bool gcam_proto_fixed(gcam_proto *list, size_t bytes, uint64_t *value) {
  if (gcam_proto_size(list) < bytes) return false;
  uint64_t v = 0;
  for (size_t i = 0; i < bytes; i++) v |= (uint64_t)list->at[i] << (8 * i);
  list->at += bytes;
  *value = v;
  return true;
}

static bool read_value(gcam_proto *message, gcam_proto_field *field) {
  switch (field->wire) {
    case GCAM_WIRE_VARINT:
      return gcam_proto_varint(message, &field->value);
    case GCAM_WIRE_64:
      return gcam_proto_fixed(message, 8, &field->value);
    case GCAM_WIRE_32:
      return gcam_proto_fixed(message, 4, &field->value);
    case GCAM_WIRE_BYTES: {
      uint64_t size;
      if (!gcam_proto_varint(message, &size) || size > gcam_proto_size(message)) return false;
      field->bytes.at = message->at;
      field->bytes.end = message->at + (size_t)size;
      message->at = field->bytes.end;
      return true;
    }
    default:
      return false; /* groups (3, 4) are not used by ONNX; 6 and 7 do not exist */
  }
}

gcam_proto_result gcam_proto_next(gcam_proto *message, gcam_proto_field *field) {
  if (message->at == message->end) return GCAM_PROTO_END;
  const uint8_t *start = message->at;
  uint64_t key;
  if (gcam_proto_varint(message, &key) && key >> 3 && key >> 3 <= 0x1fffffff) {
    field->number = (uint32_t)(key >> 3);
    field->wire = (gcam_wire)(key & 7);
    field->value = 0;
    field->bytes.at = field->bytes.end = message->at;
    if (read_value(message, field)) return GCAM_PROTO_FIELD;
  }
  message->at = start;
  return GCAM_PROTO_BROKEN;
}
