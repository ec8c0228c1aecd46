/* onnx_writer.h: makes ONNX files for tests, a few lines each:
 *
 *   onnx_writer w = {0};
 *   onnx_input(&w, "x", (int64_t[]){1, 3, 8, 8}, 4);
 *   onnx_weight(&w, "w", (int64_t[]){5, 3, 3, 3}, 4, values);
 *   onnx_node(&w, "Conv", "x w", "y");
 *   onnx_attr_ints(&w, "pads", (int64_t[]){1, 1, 1, 1}, 4);        // of the node before
 *   onnx_output(&w, "y");
 *   size_t size;
 *   unsigned char *bytes = onnx_finish(&w, 13, &size);             // free() it
 *
 * Names in a list are separated by one space; "-" stands for an input left out. Field numbers are
 * those of onnx.proto. Out of memory ends the program: it is a test. */
#ifndef GCAM_TESTS_ONNX_WRITER_H
#define GCAM_TESTS_ONNX_WRITER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct onnx_bytes {
  unsigned char *data;
  size_t size, capacity;
} onnx_bytes;

typedef struct onnx_writer {
  onnx_bytes graph, node; /* node: the one still open */
} onnx_writer;

/* ---- Protocol buffers ------------------------------------------------------------------------ */

static inline void onnx_put(onnx_bytes *b, const void *data, size_t size) {
  if (b->size + size > b->capacity) {
    b->capacity = 2 * (b->size + size) + 64;
    b->data = realloc(b->data, b->capacity);
    if (!b->data) abort();
  }
  if (size) memcpy(b->data + b->size, data, size);
  b->size += size;
}

static inline void onnx_put_varint(onnx_bytes *b, uint64_t value) {
  do {
    unsigned char byte = (unsigned char)((value & 127) | (value > 127 ? 128 : 0));
    onnx_put(b, &byte, 1);
    value >>= 7;
  } while (value);
}

static inline void onnx_put_int(onnx_bytes *b, int field, int64_t value) {
  onnx_put_varint(b, (uint64_t)field << 3);
  onnx_put_varint(b, (uint64_t)value);
}

static inline void onnx_put_float(onnx_bytes *b, int field, float value) {
  onnx_put_varint(b, (uint64_t)field << 3 | 5);
  onnx_put(b, &value, 4);
}

static inline void onnx_put_data(onnx_bytes *b, int field, const void *data, size_t size) {
  onnx_put_varint(b, (uint64_t)field << 3 | 2);
  onnx_put_varint(b, size);
  onnx_put(b, data, size);
}

static inline void onnx_put_text(onnx_bytes *b, int field, const char *text) {
  onnx_put_data(b, field, text, strlen(text));
}

/* Appends `inner` as a field and empties it. */
static inline void onnx_put_message(onnx_bytes *b, int field, onnx_bytes *inner) {
  onnx_put_data(b, field, inner->data, inner->size);
  free(inner->data);
  *inner = (onnx_bytes){0};
}

/* ---- The model ------------------------------------------------------------------------------- */

static inline void onnx_close_node(onnx_writer *w) {
  if (w->node.size) onnx_put_message(&w->graph, 1, &w->node);
}

static inline void onnx_put_names(onnx_bytes *b, int field, const char *names) {
  while (*names) {
    size_t n = strcspn(names, " ");
    onnx_put_data(b, field, names, n == 1 && *names == '-' ? 0 : n);
    names += n + (names[n] == ' ');
  }
}

static inline void onnx_node(onnx_writer *w, const char *op, const char *inputs,
                             const char *outputs) {
  onnx_close_node(w);
  onnx_put_names(&w->node, 1, inputs);
  onnx_put_names(&w->node, 2, outputs);
  onnx_put_text(&w->node, 4, op);
}

static inline void onnx_attr_int(onnx_writer *w, const char *name, int64_t value) {
  onnx_bytes a = {0};
  onnx_put_text(&a, 1, name);
  onnx_put_int(&a, 3, value);
  onnx_put_int(&a, 20, 2);
  onnx_put_message(&w->node, 5, &a);
}

static inline void onnx_attr_float(onnx_writer *w, const char *name, float value) {
  onnx_bytes a = {0};
  onnx_put_text(&a, 1, name);
  onnx_put_float(&a, 2, value);
  onnx_put_int(&a, 20, 1);
  onnx_put_message(&w->node, 5, &a);
}

static inline void onnx_attr_text(onnx_writer *w, const char *name, const char *value) {
  onnx_bytes a = {0};
  onnx_put_text(&a, 1, name);
  onnx_put_text(&a, 4, value);
  onnx_put_int(&a, 20, 3);
  onnx_put_message(&w->node, 5, &a);
}

static inline void onnx_attr_ints(onnx_writer *w, const char *name, const int64_t *values,
                                  int count) {
  onnx_bytes a = {0};
  onnx_put_text(&a, 1, name);
  for (int i = 0; i < count; i++) onnx_put_int(&a, 8, values[i]);
  onnx_put_int(&a, 20, 7);
  onnx_put_message(&w->node, 5, &a);
}

static inline void onnx_put_tensor(onnx_writer *w, const char *name, const int64_t *dims, int rank,
                                   int type, size_t elem, const void *values) {
  onnx_bytes t = {0};
  size_t size = elem;
  for (int i = 0; i < rank; i++) {
    onnx_put_int(&t, 1, dims[i]);
    size *= (size_t)dims[i];
  }
  onnx_put_int(&t, 2, type);
  onnx_put_text(&t, 8, name);
  onnx_put_data(&t, 9, values, size);
  onnx_put_message(&w->graph, 5, &t);
}

static inline void onnx_weight(onnx_writer *w, const char *name, const int64_t *dims, int rank,
                               const float *values) {
  onnx_put_tensor(w, name, dims, rank, 1, 4, values);
}

static inline void onnx_ints(onnx_writer *w, const char *name, const int64_t *values, int count) {
  onnx_put_tensor(w, name, &(int64_t){count}, 1, 7, 8, values);
}

static inline void onnx_put_value(onnx_writer *w, int field, const char *name, const int64_t *dims,
                                  int rank) {
  onnx_bytes shape = {0}, tensor = {0}, type = {0}, value = {0};
  for (int i = 0; i < rank; i++) {
    onnx_bytes dim = {0};
    onnx_put_int(&dim, 1, dims[i]);
    onnx_put_message(&shape, 1, &dim);
  }
  onnx_put_int(&tensor, 1, 1);
  if (dims) onnx_put_message(&tensor, 2, &shape);
  onnx_put_message(&type, 1, &tensor);
  onnx_put_text(&value, 1, name);
  onnx_put_message(&value, 2, &type);
  onnx_put_message(&w->graph, field, &value);
}

static inline void onnx_input(onnx_writer *w, const char *name, const int64_t *dims, int rank) {
  onnx_put_value(w, 11, name, dims, rank);
}

/* Its shape is left to the reader. */
static inline void onnx_output(onnx_writer *w, const char *name) {
  onnx_put_value(w, 12, name, NULL, 0);
}

static inline unsigned char *onnx_finish(onnx_writer *w, int opset, size_t *size) {
  onnx_bytes model = {0}, set = {0};
  onnx_close_node(w);
  onnx_put_int(&set, 2, opset);
  onnx_put_int(&model, 1, 8);
  onnx_put_text(&w->graph, 2, "test");
  onnx_put_message(&model, 7, &w->graph);
  onnx_put_message(&model, 8, &set);
  *size = model.size;
  return model.data;
}

#endif
