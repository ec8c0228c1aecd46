#include "support/onnx_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wire_free(wire *w) {
  free(w->data);
  memset(w, 0, sizeof *w);
}

void wire_append(wire *w, const void *bytes, size_t size) {
  if (w->size + size > w->room) {
    w->room = (w->size + size) * 2 + 64;
    w->data = realloc(w->data, w->room);
    if (!w->data) abort();
  }
  if (size) memcpy(w->data + w->size, bytes, size);
  w->size += size;
}

static void put_varint(wire *w, uint64_t value) {
  do {
    uint8_t byte = (uint8_t)(value & 127) | (value > 127 ? 128 : 0);
    wire_append(w, &byte, 1);
    value >>= 7;
  } while (value);
}

void wire_varint(wire *w, int field, uint64_t value) {
  put_varint(w, (uint64_t)field << 3);
  put_varint(w, value);
}

void wire_float(wire *w, int field, float value) {
  put_varint(w, (uint64_t)field << 3 | 5);
  wire_append(w, &value, 4);
}

void wire_bytes(wire *w, int field, const void *bytes, size_t size) {
  put_varint(w, (uint64_t)field << 3 | 2);
  put_varint(w, size);
  wire_append(w, bytes, size);
}

void wire_text(wire *w, int field, const char *text) { wire_bytes(w, field, text, strlen(text)); }

void wire_message(wire *w, int field, wire *inner) {
  wire_bytes(w, field, inner->data, inner->size);
  wire_free(inner);
}

static void close_node(make_graph *g) {
  if (g->node.size) wire_message(&g->graph, 1, &g->node);
}

static void put_names(wire *w, int field, const char *names) {
  while (*names) {
    size_t n = strcspn(names, " ");
    if (n == 1 && *names == '-')
      wire_text(w, field, "");
    else if (n)
      wire_bytes(w, field, names, n);
    names += n + (names[n] == ' ');
  }
}

void make_node(make_graph *g, const char *op, const char *name, const char *inputs,
               const char *outputs) {
  close_node(g);
  put_names(&g->node, 1, inputs);
  put_names(&g->node, 2, outputs);
  if (*name) wire_text(&g->node, 3, name);
  wire_text(&g->node, 4, op);
}

/* AttributeProto.type: 1 float, 2 int, 3 string, 4 tensor, 7 ints. */
static void put_attr(make_graph *g, wire *attr, const char *name, int type) {
  wire_text(attr, 1, name);
  wire_varint(attr, 20, (uint64_t)type);
  wire_message(&g->node, 5, attr);
}

void make_int(make_graph *g, const char *name, int64_t value) {
  wire attr = {0};
  wire_varint(&attr, 3, (uint64_t)value);
  put_attr(g, &attr, name, 2);
}

void make_real(make_graph *g, const char *name, float value) {
  wire attr = {0};
  wire_float(&attr, 2, value);
  put_attr(g, &attr, name, 1);
}

void make_text(make_graph *g, const char *name, const char *value) {
  wire attr = {0};
  wire_text(&attr, 4, value);
  put_attr(g, &attr, name, 3);
}

void make_ints(make_graph *g, const char *name, const int64_t *values, int count) {
  wire attr = {0};
  for (int i = 0; i < count; i++) wire_varint(&attr, 8, (uint64_t)values[i]);
  put_attr(g, &attr, name, 7);
}

void make_attr_tensor(make_graph *g, const char *name, wire *tensor) {
  wire attr = {0};
  wire_message(&attr, 5, tensor);
  put_attr(g, &attr, name, 4);
}

wire make_tensor_proto(const char *name, int type, const int64_t *dims, int rank, const void *raw,
                       size_t size) {
  wire t = {0};
  for (int i = 0; i < rank; i++) wire_varint(&t, 1, (uint64_t)dims[i]);
  wire_varint(&t, 2, (uint64_t)type);
  wire_text(&t, 8, name);
  wire_bytes(&t, 9, raw, size);
  return t;
}

void make_weight(make_graph *g, const char *name, int type, const int64_t *dims, int rank,
                 const void *raw, size_t size) {
  wire t = make_tensor_proto(name, type, dims, rank, raw, size);
  wire_message(&g->graph, 5, &t);
}

void make_input(make_graph *g, const char *name, int type, const int64_t *dims, int rank) {
  wire shape = {0}, tensor = {0}, kind = {0}, info = {0};
  for (int i = 0; i < rank; i++) {
    wire dim = {0};
    if (dims[i] < 0)
      wire_text(&dim, 2, "batch");
    else
      wire_varint(&dim, 1, (uint64_t)dims[i]);
    wire_message(&shape, 1, &dim);
  }
  wire_varint(&tensor, 1, (uint64_t)type);
  if (rank >= 0) wire_message(&tensor, 2, &shape);
  wire_message(&kind, 1, &tensor);
  wire_text(&info, 1, name);
  wire_message(&info, 2, &kind);
  wire_message(&g->graph, 11, &info);
}

void make_output(make_graph *g, const char *name) {
  wire info = {0};
  wire_text(&info, 1, name);
  wire_message(&g->graph, 12, &info);
}

wire make_model(make_graph *g, int opset) {
  wire model = {0}, set = {0};
  close_node(g);
  wire_varint(&model, 1, 8); /* IR version */
  wire_text(&model, 2, "gradcam tests");
  wire_message(&model, 7, &g->graph);
  wire_varint(&set, 2, (uint64_t)opset);
  wire_message(&model, 8, &set);
  return model;
}
