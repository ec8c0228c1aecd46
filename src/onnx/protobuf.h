/* protobuf.h: reads the protobuf wire format, the outer shell of an ONNX file.
 *
 * A message is a span of bytes; its fields come one after another as (number, wire type, value).
 * Every read is checked against the end of the span, and a nested message is again a span that
 * lies inside its parent, so that no length in a file can lead outside of it. Nothing recurses:
 * the caller decides which nested messages it opens.
 * Source: protobuf.dev/programming-guides/encoding. */
#ifndef GCAM_ONNX_PROTOBUF_H
#define GCAM_ONNX_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gcam_proto {
  const uint8_t *at, *end;
} gcam_proto;

typedef enum gcam_wire {
  GCAM_WIRE_VARINT = 0,
  GCAM_WIRE_64 = 1,
  GCAM_WIRE_BYTES = 2, /* a string, a nested message or a packed list */
  GCAM_WIRE_32 = 5
} gcam_wire;

typedef struct gcam_proto_field {
  uint32_t number;
  gcam_wire wire;
  uint64_t value;   /* varint, 64 and 32 bit */
  gcam_proto bytes; /* GCAM_WIRE_BYTES */
} gcam_proto_field;

typedef enum gcam_proto_result {
  GCAM_PROTO_BROKEN = -1,
  GCAM_PROTO_END = 0,
  GCAM_PROTO_FIELD = 1
} gcam_proto_result;

/* The next field of the message. After GCAM_PROTO_BROKEN, message->at is where the bad field
 * begins. */
gcam_proto_result gcam_proto_next(gcam_proto *message, gcam_proto_field *field);

/* One number off the front of a packed list; false at its end or where it is broken. */
bool gcam_proto_varint(gcam_proto *list, uint64_t *value);
bool gcam_proto_fixed(gcam_proto *list, size_t bytes, uint64_t *value);

static inline size_t gcam_proto_size(const gcam_proto *span) {
  return (size_t)(span->end - span->at);
}

#endif
