/* onnx_writer.h: writes small ONNX files for tests: protobuf's wire format and the few ONNX
 * messages on top of it. For trusted input only; out of memory ends the program. */
#ifndef TESTS_SUPPORT_ONNX_WRITER_H
#define TESTS_SUPPORT_ONNX_WRITER_H

#include <stddef.h>
#include <stdint.h>

typedef struct wire {
  uint8_t *data;
  size_t size, room;
} wire;

void wire_free(wire *w);
void wire_append(wire *w, const void *bytes, size_t size);
void wire_varint(wire *w, int field, uint64_t value);
void wire_float(wire *w, int field, float value);
void wire_bytes(wire *w, int field, const void *bytes, size_t size);
void wire_text(wire *w, int field, const char *text);
/* Appends `inner` as a nested message and frees it. */
void wire_message(wire *w, int field, wire *inner);

/* A graph in the making: append with the functions below, then make_model. */
typedef struct make_graph {
  wire graph;
  wire node; /* open, until the next make_node or make_model */
} make_graph;

/* Begins a node; names are separated by blanks, "-" is one left out: "x w -". */
void make_node(make_graph *g, const char *op, const char *name, const char *inputs,
               const char *outputs);
/* Attributes of the node begun last. */
void make_int(make_graph *g, const char *name, int64_t value);
void make_real(make_graph *g, const char *name, float value);
void make_text(make_graph *g, const char *name, const char *value);
void make_ints(make_graph *g, const char *name, const int64_t *values, int count);
/* `tensor` is a TensorProto, freed here. */
void make_attr_tensor(make_graph *g, const char *name, wire *tensor);

/* A TensorProto with raw_data. type: TensorProto.DataType (1 float, 7 int64, ...). */
wire make_tensor_proto(const char *name, int type, const int64_t *dims, int rank, const void *raw,
                       size_t size);
void make_weight(make_graph *g, const char *name, int type, const int64_t *dims, int rank,
                 const void *raw, size_t size);
/* A float input or output; a dimension < 0 is written as the open size "batch". rank < 0: none. */
void make_input(make_graph *g, const char *name, int type, const int64_t *dims, int rank);
void make_output(make_graph *g, const char *name);
/* The ModelProto; the graph is freed. Free the result with wire_free. */
wire make_model(make_graph *g, int opset);

#endif
