/* import.c: ONNX graph -> gcam_graph.
 *
 *   quantized  operators on integers are written out
 *   symbols    every name in the file, and who makes it
 *   order      nodes that an output needs, producers first
 *   inputs     shapes and layout
 *   nodes      one by one, in lower.c
 *   recognise  several that are one operator, in recognise.c
 *   compact    what turned out unused goes, what stays owns its data
 *
 * Layout of an input of rank >= 3: channels-last if the picture gets to a convolution, a pooling
 * or another spatial operator through element-wise operators alone, else as in the file. */
#include "onnx/import.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "onnx/contrib.h"
#include "onnx/known.h"
#include "onnx/limits.h"
#include "onnx/lower.h"
#include "onnx/quantized.h"
#include "onnx/recognise.h"

enum {
  MAX_INPUTS = 64,
/* What a file may have made at load beside some times its own weights, in floats: 768 MB.
 * Networks whose weights are all made (ONNX's light_vgg19, 574 MB) pass. A fuzzer that spends
 * its seconds on filling constants finds nothing else. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  BUDGET = 3 << 19
#else
  BUDGET = 3 << 26
#endif
};

/* ---- Outputs -------------------------------------------------------------------------------- */

static bool is_output(const gcam_onnx *file, const char *name) {
  for (int i = 0; i < file->output_count; i++)
    if (!strcmp(file->outputs[i].name, name)) return true;
  return false;
}

static bool is_made(const gcam_onnx *file, const char *name) {
  for (int n = 0; n < file->node_count; n++)
    for (int i = 0; i < file->nodes[n].output_count; i++)
      if (!strcmp(file->nodes[n].outputs[i], name)) return true;
  return false;
}

gcam_status gcam_onnx_check_outputs(const gcam_onnx *file, const char *const *names, int count,
                                    gcam_error *err) {
  for (int k = 0; k < count; k++) {
    for (int j = 0; j < k; j++)
      if (!strcmp(names[j], names[k]))
        return gcam_fail(err, GCAM_ERR_ARGUMENT, "the output '" GCAM_NAME_FORMAT "' is named twice",
                         names[k]);
    if (*names[k] && (is_output(file, names[k]) || is_made(file, names[k]))) continue;
    char list[160] = "";
    int used = 0, i = 0;
    for (; i < file->output_count && used < 96; i++)
      used += snprintf(list + used, sizeof list - (size_t)used, "%s'%.40s'", i ? ", " : "",
                       file->outputs[i].name);
    if (i < file->output_count)
      snprintf(list + used, sizeof list - (size_t)used, " and %d more", file->output_count - i);
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "no node makes a tensor '" GCAM_NAME_FORMAT
                     "'; the outputs of the file are %s",
                     names[k], list);
  }
  return GCAM_OK;
}

static gcam_status choose_outputs(gcam_import *im, const gcam_import_request *request) {
  const gcam_onnx *file = im->file;
  bool all = !request->output_count;
  int count = all ? file->output_count : request->output_count;
  if (!all)
    GCAM_TRY(gcam_onnx_check_outputs(file, request->outputs, request->output_count, im->err));
  im->outputs = gcam_arena_alloc(&im->scratch, (size_t)count, sizeof *im->outputs);
  if (!im->outputs) return gcam_state_no_memory(im);
  for (; im->output_count < count; im->output_count++) {
    int i = im->output_count;
    const char *name = all ? file->outputs[i].name : request->outputs[i];
    import_symbol *s = &im->symbols[im->outputs[i] = gcam_state_symbol(im, name)];
    if (s->output)
      return gcam_fail(im->err, GCAM_ERR_MODEL,
                       "the ONNX file has two outputs named '" GCAM_NAME_FORMAT "'", name);
    s->output = true;
    if (!s->input && !s->tensor && s->node < 0)
      return gcam_fail(im->err, GCAM_ERR_MODEL, "no node makes the output '" GCAM_NAME_FORMAT "'",
                       name);
  }
  return GCAM_OK;
}

/* ---- Order ---------------------------------------------------------------------------------- */

/* Marks the nodes that an output needs, counts the readers of every symbol, and finds what nobody
 * makes. */
static gcam_status mark_needed(gcam_import *im) {
  gcam_onnx *file = im->file;
  char label[160];
  int *stack = gcam_arena_alloc(&im->scratch, (size_t)file->node_count, sizeof *stack), depth = 0;
  im->needed = gcam_arena_alloc(&im->scratch, (size_t)file->node_count, sizeof *im->needed);
  if (!stack || !im->needed) return gcam_state_no_memory(im);
  for (int i = 0; i < im->output_count; i++) {
    import_symbol *s = &im->symbols[im->outputs[i]];
    s->uses++;
    if (s->node >= 0 && !im->needed[s->node]) {
      im->needed[s->node] = true;
      stack[depth++] = s->node;
    }
  }
  while (depth) {
    int n = stack[--depth];
    for (int i = 0; i < file->nodes[n].input_count; i++) {
      if (im->node_in[n][i] < 0) continue;
      import_symbol *s = &im->symbols[im->node_in[n][i]];
      s->uses++;
      if (!s->input && !s->tensor && s->node < 0 && file->sparse)
        return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                         "%s reads '" GCAM_NAME_FORMAT "', a sparse weight: export it as dense",
                         gcam_state_label(im, n, label, sizeof label), s->name);
      if (!s->input && !s->tensor && s->node < 0)
        return gcam_fail(im->err, GCAM_ERR_MODEL,
                         "%s reads '" GCAM_NAME_FORMAT
                         "', which is neither made by a node nor in "
                         "the file: a weight is missing",
                         gcam_state_label(im, n, label, sizeof label), s->name);
      if (s->node >= 0 && !im->needed[s->node]) {
        im->needed[s->node] = true;
        stack[depth++] = s->node;
      }
    }
  }
  return GCAM_OK;
}

/* Kahn's algorithm, taking the file's order wherever it is good, which ONNX demands it to be. */
static gcam_status sort_nodes(gcam_import *im) {
  int nodes = im->file->node_count, wanted = 0, edges = 0;
  int *missing = gcam_arena_alloc(&im->scratch, (size_t)nodes, sizeof *missing);
  int *first = gcam_arena_alloc(&im->scratch, (size_t)im->symbol_count + 1, sizeof *first);
  im->order = gcam_arena_alloc(&im->scratch, (size_t)nodes, sizeof *im->order);
  if (!missing || !first || !im->order) return gcam_state_no_memory(im);
  /* reader[first[s] ..]: nodes that wait for symbol s, once per input that reads it. */
  for (int n = 0; n < nodes; n++)
    for (int i = 0; im->needed[n] && i < im->file->nodes[n].input_count; i++) {
      int s = im->node_in[n][i];
      if (s < 0 || im->symbols[s].node < 0) continue;
      first[s + 1]++;
      edges++;
    }
  for (int s = 0; s < im->symbol_count; s++) first[s + 1] += first[s];
  int *reader = gcam_arena_alloc(&im->scratch, (size_t)edges, sizeof *reader);
  int *filled = gcam_arena_alloc(&im->scratch, (size_t)im->symbol_count, sizeof *filled);
  if (!reader || !filled) return gcam_state_no_memory(im);
  for (int n = 0; n < nodes; n++) {
    if (!im->needed[n]) continue;
    wanted++;
    for (int i = 0; i < im->file->nodes[n].input_count; i++) {
      int s = im->node_in[n][i];
      if (s < 0 || im->symbols[s].node < 0) continue;
      reader[first[s] + filled[s]++] = n;
      missing[n]++;
    }
  }
  /* A sweep places every node of a file in good order; each further sweep only what became ready,
   * through a queue: order itself is the queue. */
  for (int n = 0, done = 0; n < nodes || done < im->order_count;) {
    if (done == im->order_count) { /* nothing in the queue: the next of the file */
      if (im->needed[n] && missing[n] == 0) {
        im->order[im->order_count++] = n;
        missing[n] = -1;
      }
      n++;
      continue;
    }
    int m = im->order[done++];
    for (int o = 0; o < im->file->nodes[m].output_count; o++) {
      int s = im->node_out[m][o];
      for (int r = s < 0 ? 0 : first[s]; s >= 0 && r < first[s + 1]; r++) {
        int waiting = reader[r];
        if (--missing[waiting] == 0 && waiting < n) { /* the sweep has passed it already */
          im->order[im->order_count++] = waiting;
          missing[waiting] = -1;
        }
      }
    }
  }
  for (int n = 0; n < nodes && im->order_count < wanted; n++) {
    char label[160];
    if (im->needed[n] && missing[n] > 0)
      return gcam_fail(im->err, GCAM_ERR_MODEL, "the network runs in a circle through %s",
                       gcam_state_label(im, n, label, sizeof label));
  }
  return GCAM_OK;
}

/* ---- Inputs --------------------------------------------------------------------------------- */

/* Does the picture reach a spatial operator by way of element-wise ones? */
static bool wants_channels_last(gcam_import *im, int input, bool *reached) {
  memset(reached, 0, (size_t)im->symbol_count * sizeof *reached);
  reached[input] = true;
  for (int k = 0; k < im->order_count; k++) {
    int n = im->order[k], inputs = im->file->nodes[n].input_count;
    const gcam_op *op = gcam_op_find(im->file->nodes[n].op);
    bool touched = false, same = !strcmp(im->file->nodes[n].op, "DequantizeLinear");
    int data = op ? gcam_op_data_inputs(op, inputs) : same ? 1 : 0;
    for (int i = 0; i < data; i++)
      if (im->node_in[n][i] >= 0 && reached[im->node_in[n][i]]) touched = true;
    if (!touched) continue;
    if (op && (op->rule == GCAM_RULE_SPATIAL || !strcmp(op->name, "Resize"))) return true;
    if (op && (op->rule == GCAM_RULE_ROWS || op->rule == GCAM_RULE_TO_ROWS)) continue;
    for (int o = 0; o < im->file->nodes[n].output_count; o++)
      if (im->node_out[n][o] >= 0) reached[im->node_out[n][o]] = true;
  }
  return false;
}

static gcam_status input_shape(gcam_import *im, const onnx_value_info *info,
                               const gcam_input_override *override, gcam_shape *shape) {
  char text[160] = "", what[160];
  size_t used = 0;
  bool open = false;
  if (info->rank > GCAM_MAX_RANK)
    return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                     "input '" GCAM_NAME_FORMAT "' has %d dimensions; the engine handles up to %d",
                     info->name, info->rank, GCAM_MAX_RANK);
  snprintf(what, sizeof what, "input '" GCAM_NAME_FORMAT "'", info->name);
  if (override) {
    if (info->rank >= 0 && override->shape.rank != info->rank)
      return gcam_fail(im->err, GCAM_ERR_ARGUMENT,
                       "%s has %d dimensions, the shape given for it %d", what, info->rank,
                       override->shape.rank);
    *shape = override->shape;
  } else if (info->rank < 0) {
    return gcam_fail(im->err, GCAM_ERR_MODEL,
                     "the file does not say the shape of %s: give one before loading", what);
  } else {
    shape->rank = info->rank;
    for (int i = 0; i < info->rank; i++) {
      shape->dim[i] = info->dim[i] < 0 && i == 0 ? 1 : info->dim[i]; /* one picture at a time */
      if (shape->dim[i] < 0) open = true;
      if (used < sizeof text && shape->dim[i] >= 0)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i ? "x" : "",
                                 (long long)shape->dim[i]);
      else if (used < sizeof text)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.20s", i ? "x" : "",
                                 info->param[i] ? info->param[i] : "?");
    }
    if (open)
      return gcam_fail(im->err, GCAM_ERR_MODEL,
                       "%s leaves its size open (%s): give its shape before loading", what, text);
  }
  GCAM_TRY(gcam_shape_check(shape, what, im->err));
  if (!gcam_numel(shape))
    return gcam_fail(im->err, GCAM_ERR_MODEL, "%s is empty: %s", what,
                     gcam_shape_text(shape, text, sizeof text));
  return GCAM_OK;
}

static gcam_status make_inputs(gcam_import *im, const gcam_input_override *overrides, int count) {
  gcam_onnx *file = im->file;
  gcam_graph *graph = im->graph;
  bool *reached = gcam_arena_alloc(&im->scratch, (size_t)im->symbol_count, sizeof *reached);
  graph->inputs = gcam_arena_alloc(&graph->arena, (size_t)file->input_count, sizeof(int));
  if (!reached || !graph->inputs) return gcam_state_no_memory(im);
  for (int k = 0; k < count; k++) {
    int i = 0;
    while (overrides[k].input && i < file->input_count &&
           strcmp(file->inputs[i].name, overrides[k].input))
      i++;
    if (i == file->input_count)
      return gcam_fail(im->err, GCAM_ERR_ARGUMENT,
                       "a shape was given for '" GCAM_NAME_FORMAT
                       "', which is no input; the first "
                       "input is '" GCAM_NAME_FORMAT "'",
                       overrides[k].input, file->input_count ? file->inputs[0].name : "");
  }
  for (int i = 0; i < file->input_count; i++) {
    const onnx_value_info *info = &file->inputs[i];
    const gcam_input_override *override = NULL;
    int s = gcam_state_symbol(im, info->name), v;
    /* A weight may be listed as an input too: then it is its default value. */
    if (im->symbols[s].tensor || !im->symbols[s].uses) continue;
    /* Bytes go in as whole numbers: quantized networks may begin with the picture as it is. */
    bool bytes = info->type == ONNX_UINT8 || info->type == ONNX_INT8;
    if (!info->is_tensor || (info->type != ONNX_FLOAT && info->type != ONNX_FLOAT16 &&
                             info->type != ONNX_BFLOAT16 && !bytes))
      return gcam_fail(
          im->err, GCAM_ERR_UNSUPPORTED,
          "input '" GCAM_NAME_FORMAT "' is %s; the engine takes float or uint8 tensors", info->name,
          info->is_tensor ? gcam_onnx_type_name(info->type) : "not a tensor");
    for (int k = 0; k < count; k++)
      if (overrides[k].input ? !strcmp(overrides[k].input, info->name) : !graph->input_count)
        override = &overrides[k];
    if (graph->input_count == MAX_INPUTS)
      return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED, "the network has more than %d inputs",
                       MAX_INPUTS);
    gcam_shape shape = {0};
    GCAM_TRY(input_shape(im, info, override, &shape));
    GCAM_TRY(gcam_state_add_value(im, info->name, &v));
    gcam_value *value = &graph->values[v];
    value->shape = shape;
    if (shape.rank >= 3 && wants_channels_last(im, s, reached)) {
      value->layout = GCAM_CHANNELS_LAST;
      memmove(&value->shape.dim[1], &shape.dim[2], (size_t)(shape.rank - 2) * sizeof *shape.dim);
      value->shape.dim[shape.rank - 1] = shape.dim[1];
    }
    im->symbols[s].value = v;
    if (bytes) im->symbols[s].grid = gcam_quantized_whole();
    graph->inputs[graph->input_count++] = v;
  }
  return GCAM_OK;
}

/* ---- The end -------------------------------------------------------------------------------- */

/* Marks the nodes and values that the outputs need. Nodes are in order, so that one sweep back
 * through them is enough. */
static void mark_live(const gcam_import *im, bool *live_node, bool *live) {
  const gcam_graph *graph = im->graph;
  for (int i = 0; i < graph->output_count; i++) live[graph->outputs[i]] = true;
  for (int n = graph->node_count - 1; n >= 0; n--) {
    const gcam_node *node = &graph->nodes[n];
    for (int i = 0; i < node->output_count; i++)
      if (node->outputs[i] >= 0 && live[node->outputs[i]]) live_node[n] = true;
    for (int i = 0; i < node->input_count && live_node[n]; i++)
      if (node->inputs[i] >= 0) live[node->inputs[i]] = true;
  }
  for (int i = 0; i < graph->input_count; i++) live[graph->inputs[i]] = true;
}

/* Frees what no live value needs. Data that a live value shares with a dead one stay: through the
 * shared struct, or else by keeping the dead one. */
static gcam_status release_constants(gcam_import *im, bool *live) {
  gcam_graph *graph = im->graph;
  bool *held = gcam_arena_alloc(&im->scratch, (size_t)graph->value_count, sizeof *held);
  bool *wanted = gcam_arena_alloc(&im->scratch, (size_t)im->file->external_count, sizeof *wanted);
  if (!held || !wanted) return gcam_state_no_memory(im);
  for (int v = 0; v < graph->value_count; v++) {
    int root = im->info[v].root;
    if (!live[v] || !graph->values[v].weight) continue;
    held[root] = true;
    if (graph->values[root].weight != graph->values[v].weight &&
        !graph->values[root].weight->borrowed)
      live[root] = true;
    if (im->info[root].external >= 0) wanted[im->info[root].external] = true;
  }
  for (int v = 0; v < graph->value_count; v++) {
    gcam_weight *weight = graph->values[v].weight;
    if (!weight || held[v] || live[v] || im->info[v].root != v) continue;
    gcam_weight_free(weight);
  }
  for (int i = 0; i < im->file->external_count; i++) {
    if (wanted[i]) continue;
    gcam_free(im->file->externals[i].data);
    im->file->externals[i].data = NULL;
  }
  return GCAM_OK;
}

/* Does the weight lie in the file's bytes, and where? */
static bool in_file(const gcam_onnx *file, const gcam_weight *w) {
  uintptr_t at = w ? (uintptr_t)w->data : 0, begin = (uintptr_t)file->bytes;
  return w && w->borrowed && at >= begin && at < begin + file->size;
}

/* Weights that lie in the caller's bytes, or badly for their type, get their own memory. Bytes of
 * our own are kept for weights used in place only if these are the better part of them: else a
 * fully connected layer would hold on to all the convolutions that were rearranged. */
static gcam_status settle_weights(gcam_import *im) {
  gcam_onnx *file = im->file;
  size_t used = 0;
  for (int v = 0; v < im->graph->value_count; v++) {
    const gcam_value *value = &im->graph->values[v];
    if (in_file(file, value->weight))
      used += (size_t)gcam_numel(&value->shape) * gcam_dtype_size(value->weight->dtype);
  }
  bool keep = file->owned && used >= file->size / 2;
  for (int v = 0; v < im->graph->value_count; v++) {
    gcam_value *value = &im->graph->values[v];
    gcam_weight *w = value->weight;
    if (!in_file(file, w)) continue;
    size_t size = gcam_dtype_size(w->dtype), bytes = (size_t)gcam_numel(&value->shape) * size;
    if (keep && (uintptr_t)w->data % size == 0) continue;
    void *copy = gcam_floats_alloc((int64_t)((bytes + 3) / 4));
    if (!copy) return gcam_state_no_memory(im);
    memcpy(copy, w->data, bytes);
    w->data = copy;
    w->borrowed = false;
  }
  if (file->owned && !keep) {
    gcam_free((void *)(uintptr_t)file->bytes);
    file->bytes = NULL;
    file->size = 0;
    file->owned = false;
  }
  return GCAM_OK;
}

static gcam_status compact(gcam_import *im) {
  gcam_graph *graph = im->graph;
  bool *live = gcam_arena_alloc(&im->scratch, (size_t)graph->value_count, sizeof *live);
  bool *live_node = gcam_arena_alloc(&im->scratch, (size_t)graph->node_count, sizeof *live_node);
  int *place = gcam_arena_alloc(&im->scratch, (size_t)graph->value_count, sizeof *place);
  int *node_place = gcam_arena_alloc(&im->scratch, (size_t)graph->node_count, sizeof *node_place);
  if (!live || !live_node || !place || !node_place) return gcam_state_no_memory(im);
  mark_live(im, live_node, live);
  GCAM_TRY(release_constants(im, live));
  int values = 0, nodes = 0;
  for (int v = 0; v < graph->value_count; v++) {
    int original = im->info[v].original;
    place[v] = -1;
    if (!live[v]) continue;
    /* A weight keeps its name where only its rearranged copy is left. */
    if (original >= 0 && !live[original]) graph->values[v].name = graph->values[original].name;
    place[v] = values++;
  }
  for (int v = 0; v < graph->value_count; v++) {
    if (!live[v]) continue;
    int of = graph->values[v].of;
    graph->values[place[v]] = graph->values[v];
    graph->values[place[v]].of = of < 0 ? -1 : place[of];
  }
  graph->value_count = values;
  for (int v = 0; v < values; v++) graph->values[v].consumer_count = 0;
  for (int n = 0; n < graph->node_count; n++) {
    gcam_node *node = &graph->nodes[n];
    if (!live_node[n]) continue;
    for (int i = 0; i < node->input_count; i++) {
      if (node->inputs[i] < 0) continue;
      node->inputs[i] = place[node->inputs[i]];
      bool again = false; /* x * x reads x once */
      for (int j = 0; j < i; j++) again = again || node->inputs[j] == node->inputs[i];
      if (!again) graph->values[node->inputs[i]].consumer_count++;
    }
    for (int i = 0; i < node->output_count; i++) {
      if (node->outputs[i] < 0) continue;
      node->outputs[i] = place[node->outputs[i]];
      if (node->outputs[i] >= 0) graph->values[node->outputs[i]].producer = nodes;
    }
    graph->nodes[nodes++] = *node;
  }
  graph->node_count = nodes;
  for (int i = 0; i < graph->input_count; i++) graph->inputs[i] = place[graph->inputs[i]];
  for (int i = 0; i < graph->output_count; i++) graph->outputs[i] = place[graph->outputs[i]];
  return GCAM_OK;
}

gcam_status gcam_onnx_expand(gcam_onnx *file, gcam_error *err) {
  static const gcam_expansion_writer writers[] = {gcam_quantized_write, gcam_contrib_write};
  return gcam_expand(file, writers, sizeof writers / sizeof *writers, err);
}

static gcam_status import(gcam_import *im, const gcam_import_request *request) {
  gcam_onnx *file = im->file;
  gcam_graph *graph = im->graph;
  int64_t opset = gcam_onnx_opset(file, "");
  im->opset = opset < 1 ? 0 : opset > INT32_MAX ? INT32_MAX : (int)opset;
  if (!file->output_count)
    return gcam_fail(im->err, GCAM_ERR_MODEL, "the ONNX file's graph has no output");
  GCAM_TRY(gcam_onnx_expand(file, im->err));
  GCAM_TRY(gcam_state_name(im));
  GCAM_TRY(choose_outputs(im, request));
  GCAM_TRY(mark_needed(im));
  GCAM_TRY(sort_nodes(im));
  GCAM_TRY(gcam_known_check(im, request->unsupported));
  if (!im->opset && im->order_count)
    return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                     "the ONNX file does not say which opset it uses: it is too old or broken");
  im->budget = BUDGET + (int64_t)file->size / 2;
  for (int i = 0; i < file->tensor_count; i++)
    im->budget += 8 * gcam_numel(&file->tensors[i].shape);
  GCAM_TRY(make_inputs(im, request->overrides, request->override_count));
  for (int k = 0; k < im->order_count; k++) {
    int n = im->order[k];
    GCAM_TRY(gcam_lower_node(im, n));
    for (int i = 0; i < file->nodes[n].input_count; i++) {
      import_symbol *s = im->node_in[n][i] < 0 ? NULL : &im->symbols[im->node_in[n][i]];
      if (s && --s->uses == 0 && s->value >= 0) gcam_state_retire(im, s->value);
    }
  }
  graph->outputs = gcam_arena_alloc(&graph->arena, (size_t)im->output_count, sizeof(int));
  if (!graph->outputs) return gcam_state_no_memory(im);
  for (int i = 0; i < im->output_count; i++) {
    GCAM_TRY(gcam_state_value(im, im->outputs[i], &graph->outputs[i]));
    graph->output_count = i + 1;
  }
  GCAM_TRY(gcam_recognise(im));
  GCAM_TRY(compact(im));
  GCAM_TRY(gcam_limits_check(graph, im->err));
  return settle_weights(im);
}

gcam_status gcam_onnx_import(gcam_onnx *file, const gcam_import_request *request, gcam_graph *graph,
                             gcam_error *err) {
  static const gcam_import_request nothing_special;
  if (file->imported) return gcam_fail(err, GCAM_ERR_STATE, "an ONNX file is imported once");
  file->imported = true;
  gcam_import im = {.file = file, .graph = graph, .err = err};
  gcam_status status = import(&im, request ? request : &nothing_special);
  if (status != GCAM_OK) gcam_graph_free(graph);
  gcam_arena_free(&im.scratch);
  return status;
}
