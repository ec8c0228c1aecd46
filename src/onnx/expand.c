#include "onnx/expand.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

const gcam_attr *gcam_expansion_attr(const onnx_node *node, const char *name, gcam_attr_kind kind) {
  for (int i = 0; i < node->attr_count; i++)
    if (!strcmp(node->attrs[i].name, name) && node->attrs[i].kind == kind) return &node->attrs[i];
  return NULL;
}

const char *gcam_expansion_input(const gcam_expansion *e, int i) {
  return i < e->node->input_count ? e->node->inputs[i] : "";
}

const char *gcam_expansion_name(gcam_expansion *e) {
  char text[300];
  int n = snprintf(text, sizeof text, "%.256s.part%d",
                   e->node->output_count ? e->node->outputs[0] : "", e->made++);
  const char *name = gcam_arena_strndup(&e->file->arena, text, (size_t)n);
  e->failed = e->failed || !name;
  return name ? name : "";
}

static onnx_node *next_node(gcam_expansion *e) {
  static onnx_node spare;
  if (e->count == e->room) {
    onnx_node *nodes = gcam_alloc_again(e->nodes, 2 * (int64_t)e->room, sizeof *nodes);
    if (!nodes) return e->failed = true, &spare;
    e->nodes = nodes;
    e->room *= 2;
  }
  return &e->nodes[e->count++];
}

onnx_node *gcam_expansion_same(gcam_expansion *e) {
  onnx_node *same = next_node(e);
  *same = *e->node;
  return same;
}

const char *gcam_expansion_add(gcam_expansion *e, const char *op, const char *const *inputs,
                               int count, const char *output, const gcam_attr *attr) {
  gcam_arena *arena = &e->file->arena;
  const char **in = gcam_arena_alloc(arena, (size_t)count, sizeof *in),
             **out = gcam_arena_alloc(arena, 1, sizeof *out);
  gcam_attr *own = gcam_arena_alloc(arena, 1, sizeof *own);
  onnx_tensor **tensors = gcam_arena_alloc(arena, 1, sizeof *tensors);
  if (!in || !out || !own || !tensors) return e->failed = true, "";
  for (int i = 0; i < count; i++) in[i] = inputs[i];
  out[0] = output;
  if (attr) *own = *attr;
  onnx_node *made = next_node(e);
  *made = (onnx_node){"", op, "", in, out, count, 1, own, tensors, attr != NULL, true};
  for (int i = 0; i < e->node->output_count; i++) made->made &= output != e->node->outputs[i];
  return output;
}

const char *gcam_expansion_add_real(gcam_expansion *e, const char *op, const char *const *inputs,
                                    int count, const char *output) {
  int at = e->count;
  gcam_expansion_add(e, op, inputs, count, output, NULL);
  if (e->failed || at == e->count) return output;
  onnx_node *made = &e->nodes[at];
  made->name = e->node->name;
  made->attrs = e->node->attrs;
  made->tensors = e->node->tensors;
  made->attr_count = e->node->attr_count;
  return output;
}

void gcam_expansion_attributes(gcam_expansion *e, const gcam_attr *attrs, int count) {
  gcam_attr *own = gcam_arena_alloc(&e->file->arena, (size_t)count, sizeof *own);
  onnx_tensor **tensors = gcam_arena_alloc(&e->file->arena, (size_t)count, sizeof *tensors);
  e->failed = e->failed || !own || !tensors;
  if (e->failed || !e->count) return;
  for (int i = 0; i < count; i++) own[i] = attrs[i];
  onnx_node *node = &e->nodes[e->count - 1];
  node->attrs = own;
  node->tensors = tensors;
  node->attr_count = count;
}

const char *gcam_expansion_number(gcam_expansion *e, float value) {
  gcam_attr attr = {.name = "value_float", .kind = GCAM_ATTR_FLOAT, .f = value};
  return gcam_expansion_add(e, "Constant", NULL, 0, gcam_expansion_name(e), &attr);
}

gcam_status gcam_expand(gcam_onnx *file, const gcam_expansion_writer *writers, int count,
                        gcam_error *err) {
  gcam_expansion e = {.file = file, .room = 2 * file->node_count + 1};
  e.nodes = gcam_alloc(e.room, sizeof *e.nodes);
  e.failed = !e.nodes;
  for (int n = 0; n < file->node_count && !e.failed; n++) {
    bool written = false;
    e.node = &file->nodes[n];
    for (int i = 0; i < count && !written && e.node->output_count; i++) written = writers[i](&e);
    if (!written) gcam_expansion_same(&e);
  }
  if (e.failed) {
    gcam_free(e.nodes);
    return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while reading the ONNX file");
  }
  gcam_free(file->nodes);
  file->nodes = e.nodes;
  file->node_count = e.count;
  file->node_room = e.room;
  return GCAM_OK;
}
