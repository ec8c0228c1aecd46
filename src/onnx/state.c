#include "onnx/state.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "onnx/tensor.h"

gcam_status gcam_state_no_memory(gcam_import *im) {
  return gcam_fail(im->err, GCAM_ERR_MEMORY, "out of memory while importing the ONNX file");
}

/* ---- Symbols -------------------------------------------------------------------------------- */

static size_t hash(const char *text) { /* FNV-1a */
  uint64_t h = 14695981039346656037u;
  for (; *text; text++) h = (h ^ (uint8_t)*text) * 1099511628211u;
  return (size_t)(h ^ h >> 32);
}

/* The symbol of a name, made when it is new. The table is large enough from the start. */
int gcam_state_symbol(gcam_import *im, const char *name) {
  size_t at = hash(name) & (im->bucket_count - 1);
  for (; im->buckets[at]; at = (at + 1) & (im->bucket_count - 1))
    if (!strcmp(im->symbols[im->buckets[at] - 1].name, name)) return im->buckets[at] - 1;
  import_symbol *s = &im->symbols[im->symbol_count];
  s->name = name;
  s->node = s->value = -1;
  im->buckets[at] = ++im->symbol_count;
  return im->symbol_count - 1;
}

static gcam_status twice(gcam_import *im, const char *what, const char *name) {
  return gcam_fail(im->err, GCAM_ERR_MODEL, "the ONNX file has two %s named '" GCAM_NAME_FORMAT "'",
                   what, name);
}

gcam_status gcam_state_name(gcam_import *im) {
  gcam_onnx *file = im->file;
  size_t names =
      (size_t)file->input_count + (size_t)file->tensor_count + (size_t)file->output_count;
  for (int n = 0; n < file->node_count; n++)
    names += (size_t)file->nodes[n].input_count + (size_t)file->nodes[n].output_count;
  for (im->bucket_count = 16; im->bucket_count < 2 * names; im->bucket_count *= 2) {
  }
  im->symbols = gcam_arena_alloc(&im->scratch, names, sizeof *im->symbols);
  im->buckets = gcam_arena_alloc(&im->scratch, im->bucket_count, sizeof *im->buckets);
  im->node_in = gcam_arena_alloc(&im->scratch, (size_t)file->node_count, sizeof *im->node_in);
  im->node_out = gcam_arena_alloc(&im->scratch, (size_t)file->node_count, sizeof *im->node_out);
  if (!im->symbols || !im->buckets || !im->node_in || !im->node_out)
    return gcam_state_no_memory(im);
  for (int i = 0; i < file->input_count; i++) {
    import_symbol *s = &im->symbols[gcam_state_symbol(im, file->inputs[i].name)];
    if (s->input) return twice(im, "inputs", s->name);
    s->input = &file->inputs[i];
  }
  for (int i = 0; i < file->tensor_count; i++) {
    import_symbol *s = &im->symbols[gcam_state_symbol(im, file->tensors[i].name)];
    if (s->tensor) return twice(im, "weights", s->name);
    s->tensor = &file->tensors[i];
  }
  for (int n = 0; n < file->node_count; n++) {
    const onnx_node *node = &file->nodes[n];
    int *in = im->node_in[n] =
        gcam_arena_alloc(&im->scratch, (size_t)node->input_count, sizeof *in);
    int *out = im->node_out[n] =
        gcam_arena_alloc(&im->scratch, (size_t)node->output_count, sizeof *out);
    if (!in || !out) return gcam_state_no_memory(im);
    for (int i = 0; i < node->input_count; i++)
      in[i] = *node->inputs[i] ? gcam_state_symbol(im, node->inputs[i]) : -1;
    for (int i = 0; i < node->output_count; i++) {
      out[i] = *node->outputs[i] ? gcam_state_symbol(im, node->outputs[i]) : -1;
      if (out[i] < 0) continue;
      import_symbol *s = &im->symbols[out[i]];
      if (s->input || s->tensor || s->node >= 0) return twice(im, "tensors", s->name);
      s->node = n;
    }
  }
  return GCAM_OK;
}

/* ---- Values --------------------------------------------------------------------------------- */

gcam_status gcam_state_add_value(gcam_import *im, const char *name, int *value) {
  int v = gcam_graph_add_value(im->graph, name);
  if (v < 0) return gcam_state_no_memory(im);
  if (v >= im->info_room) {
    int room = im->info_room ? im->info_room * 2 : 256;
    import_value *info = gcam_arena_alloc(&im->scratch, (size_t)room, sizeof *info);
    if (!info) return gcam_state_no_memory(im);
    if (im->info_room) memcpy(info, im->info, (size_t)im->info_room * sizeof *info);
    im->info = info;
    im->info_room = room;
  }
  im->info[v] = (import_value){.as = {-1, -1}, .root = v, .external = -1, .original = -1};
  *value = v;
  return GCAM_OK;
}

gcam_status gcam_state_value(gcam_import *im, int s, int *value) {
  import_symbol *sym = &im->symbols[s];
  if (sym->value < 0 && sym->tensor) {
    int v;
    gcam_weight *weight;
    GCAM_TRY(gcam_state_add_value(im, sym->name, &v));
    GCAM_TRY(gcam_onnx_tensor_load(im->file, sym->tensor, &im->graph->arena, &weight, im->err));
    im->graph->values[v].shape = sym->tensor->shape;
    im->graph->values[v].weight = weight;
    im->info[v].external = sym->tensor->external;
    sym->value = v;
  }
  if (sym->value < 0) /* a node was to make it: one of its outputs that it does not have */
    return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                     "tensor '" GCAM_NAME_FORMAT "' is not made by the engine", sym->name);
  *value = sym->value;
  return GCAM_OK;
}

void *gcam_state_constant(gcam_import *im, const char *name, int64_t bytes) {
  int64_t floats = (bytes + 3) / 4;
  if (floats > im->budget) {
    gcam_fail(im->err, GCAM_ERR_MEMORY,
              "%.160s: the constants that the file has made at load grow too large", name);
    return NULL;
  }
  void *data = gcam_floats_alloc(floats);
  if (data)
    im->budget -= floats;
  else
    gcam_state_no_memory(im);
  return data;
}

bool gcam_state_is_constant(const gcam_import *im, int v) { return im->graph->values[v].weight; }

void gcam_state_share(gcam_import *im, int to, int of, gcam_weight *weight) {
  im->graph->values[to].weight = weight;
  im->info[to].root = im->info[of].root;
  im->info[im->info[of].root].users++;
}

void gcam_state_retire(gcam_import *im, int v) {
  gcam_weight *weight = im->graph->values[v].weight;
  import_value *info = &im->info[v];
  if (!weight) return;
  info->retired = true;
  if (info->users || !weight->data) return;
  if (info->root != v) { /* a view: one user less of the data it shares */
    import_value *root = &im->info[info->root];
    if (--root->users == 0 && root->retired) gcam_state_retire(im, info->root);
    return;
  }
  if (info->external >= 0) {
    gcam_free(im->file->externals[info->external].data);
    im->file->externals[info->external].data = NULL;
  }
  gcam_weight_free(weight); /* converted from the file's type, external or not */
}

/* ---- Names of nodes ------------------------------------------------------------------------- */

const char *gcam_state_node_name(const gcam_import *im, int n, char *text, size_t size) {
  const onnx_node *node = &im->file->nodes[n];
  if (*node->name)
    snprintf(text, size, "%s", node->name);
  else
    snprintf(text, size, "%.64s_%d", node->op, n);
  return text;
}

const char *gcam_state_label(const gcam_import *im, int n, char *text, size_t size) {
  char name[112];
  snprintf(text, size, "%.40s node '" GCAM_NAME_FORMAT "'", im->file->nodes[n].op,
           gcam_state_node_name(im, n, name, sizeof name));
  return text;
}
