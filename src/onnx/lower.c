/* lower.c: one ONNX node -> nodes of the graph.
 *
 * A node whose inputs are all constants is run at once. For any other the inputs are first brought
 * to the layout its operator works in (gcam_layout_rule): constants are rearranged here, for good;
 * activations get a Transpose node in front, made once per tensor and named "<tensor>.nhwc" or
 * "<tensor>.rows"; it becomes a Reshape, which costs nothing, where only sizes of 1 move.
 *
 * Some nodes are written differently than the file has them:
 *   reductions with keepdims=0   -> keepdims=1 and a Reshape, so that a spatial mean stays cheap
 *   Sum of n                     -> n - 1 Adds
 *   broadcasting before opset 7  -> the second input is reshaped to what it means today */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/fold.h"
#include "onnx/import.h"

static const char *node_name(const gcam_import *im, int n, char *text, size_t size) {
  const onnx_node *node = &im->file->nodes[n];
  if (*node->name)
    snprintf(text, size, "%s", node->name);
  else
    snprintf(text, size, "%.64s_%d", node->op, n);
  return text;
}

const char *gcam_lower_label(const gcam_import *im, int n, char *text, size_t size) {
  char name[112];
  snprintf(text, size, "%.40s node '" GCAM_NAME_FORMAT "'", im->file->nodes[n].op,
           node_name(im, n, name, sizeof name));
  return text;
}

static bool is_constant(const gcam_import *im, int v) { return im->graph->values[v].weight; }

/* ---- Constants ------------------------------------------------------------------------------- */

void gcam_lower_retire(gcam_import *im, int v) {
  gcam_weight *weight = im->graph->values[v].weight;
  import_value *info = &im->info[v];
  if (!weight) return;
  info->retired = true;
  if (info->users || !weight->data) return;
  if (info->root != v) { /* a view: one user less of the data it shares */
    import_value *root = &im->info[info->root];
    if (--root->users == 0 && root->retired) gcam_lower_retire(im, info->root);
    return;
  }
  if (info->external >= 0) {
    free(im->file->externals[info->external].data);
    im->file->externals[info->external].data = NULL;
  } else if (!weight->borrowed) {
    free(weight->data);
  }
  weight->data = NULL;
  gcam_floats_free(weight->f32);
  weight->f32 = NULL;
}

/* A constant that shares the data of another. */
static gcam_status add_view(gcam_import *im, const char *name, int of, const gcam_shape *shape,
                            gcam_weight *weight, int *result) {
  int v;
  GCAM_TRY(gcam_import_add_value(im, name, &v));
  im->graph->values[v].shape = *shape;
  im->graph->values[v].weight = weight;
  im->info[v].root = im->info[of].root;
  im->info[im->info[of].root].users++;
  *result = v;
  return GCAM_OK;
}

/* The same constant with its axes permuted: physical axis i of the result is axis perm[i]. */
static gcam_status permute_constant(gcam_import *im, const char *name, int from, const int *perm,
                                    int *result) {
  int v;
  GCAM_TRY(gcam_import_add_value(im, name, &v));
  gcam_value *to = &im->graph->values[v];
  const gcam_value *x = &im->graph->values[from];
  const gcam_weight *w = x->weight;
  size_t size = gcam_dtype_size(w->dtype);
  gcam_weight *copy = gcam_arena_alloc(&im->graph->arena, 1, sizeof *copy);
  if (!copy) return gcam_import_no_memory(im);
  int64_t words = (gcam_numel(&x->shape) * (int64_t)size + 3) / 4;
  *copy = *w;
  copy->f32 = NULL;
  copy->borrowed = false;
  copy->data = gcam_floats_alloc(words);
  if (!copy->data) return gcam_import_no_memory(im);
  gcam_permute(copy->data, w->data, &x->shape, perm, size);
  to->shape.rank = x->shape.rank;
  for (int i = 0; i < x->shape.rank; i++) {
    to->shape.dim[i] = x->shape.dim[perm[i]];
    if (w->scale && perm[i] == w->scale_axis) copy->scale_axis = i;
  }
  to->weight = copy;
  im->info[v].original = from;
  *result = v;
  return GCAM_OK;
}

/* Integers that stand where numbers belong (the exponent of Pow). */
static gcam_status constant_to_float(gcam_import *im, int from, int *result) {
  int v;
  if (gcam_constant_is_real(&im->graph->values[from])) return *result = from, GCAM_OK;
  GCAM_TRY(gcam_import_add_value(im, im->graph->values[from].name, &v));
  gcam_value *to = &im->graph->values[v], *x = &im->graph->values[from];
  gcam_weight *copy = gcam_arena_alloc(&im->graph->arena, 1, sizeof *copy);
  float *data = copy ? gcam_floats_alloc(gcam_numel(&x->shape)) : NULL;
  if (!data) return gcam_import_no_memory(im);
  for (int64_t i = 0, n = gcam_numel(&x->shape); i < n; i++)
    data[i] = (float)gcam_constant_int(x, i);
  copy->dtype = GCAM_F32;
  copy->data = data;
  to->shape = x->shape;
  to->layout = x->layout;
  to->weight = copy;
  *result = v;
  return GCAM_OK;
}

/* ---- Adding a node to the graph ---------------------------------------------------------------
 */

typedef struct new_node {
  const gcam_op *op;
  const char *name;
  int opset;
  const gcam_attr *attrs;
  int attr_count;
  const int *in, *out; /* values */
  int in_count, out_count;
  gcam_layout layout; /* of outputs of rank >= 3 */
} new_node;

/* Runs a node of constants through its operator's forward(). */
static gcam_status evaluate(gcam_import *im, const gcam_node *node) {
  gcam_graph *graph = im->graph;
  size_t ins = (size_t)node->input_count, outs = (size_t)node->output_count;
  const float **in = gcam_arena_alloc(&im->scratch, ins, sizeof *in);
  float **out = gcam_arena_alloc(&im->scratch, outs, sizeof *out);
  float *scratch = NULL;
  if (!in || !out) return gcam_import_no_memory(im);
  for (int i = 0; i < node->input_count; i++) {
    if (node->inputs[i] < 0) continue;
    gcam_value *x = &graph->values[node->inputs[i]];
    in[i] = gcam_weight_floats(x->weight, &x->shape);
    if (!in[i]) return gcam_import_no_memory(im);
  }
  for (int i = 0; i < node->output_count; i++) {
    if (node->outputs[i] < 0) continue;
    gcam_value *y = &graph->values[node->outputs[i]];
    int64_t n = gcam_numel(&y->shape);
    if (n > im->budget)
      return gcam_fail(im->err, GCAM_ERR_MEMORY, "constants made at load grow too large at '%.96s'",
                       y->name);
    im->budget -= n;
    gcam_weight *weight = gcam_arena_alloc(&graph->arena, 1, sizeof *weight);
    if (!weight || !(weight->data = gcam_floats_alloc(n))) return gcam_import_no_memory(im);
    weight->dtype = GCAM_F32;
    y->weight = weight;
    out[i] = weight->data;
  }
  if (node->scratch_floats > 0 && !(scratch = gcam_floats_alloc(node->scratch_floats)))
    return gcam_import_no_memory(im);
  gcam_args args = {.graph = graph, .node = node, .in = in, .out = out, .scratch = scratch};
  node->op->forward(&args);
  gcam_floats_free(scratch);
  return GCAM_OK;
}

static gcam_node *next_node(gcam_graph *graph) {
  if (graph->node_count == graph->node_capacity) {
    int room = graph->node_capacity ? graph->node_capacity * 2 : 64;
    gcam_node *nodes = gcam_arena_alloc(&graph->arena, (size_t)room, sizeof *nodes);
    if (!nodes) return NULL;
    if (graph->node_count) memcpy(nodes, graph->nodes, (size_t)graph->node_count * sizeof *nodes);
    graph->nodes = nodes;
    graph->node_capacity = room;
  }
  return memset(&graph->nodes[graph->node_count], 0, sizeof *graph->nodes);
}

static gcam_status emit(gcam_import *im, const new_node *spec) {
  gcam_graph *graph = im->graph;
  gcam_arena *arena = &graph->arena;
  gcam_node *node = next_node(graph);
  bool constant = true;
  int given = 0;
  if (!node) return gcam_import_no_memory(im);
  node->op = spec->op;
  node->name = gcam_arena_strndup(arena, spec->name, strlen(spec->name));
  node->opset = spec->opset;
  node->attrs = spec->attrs;
  node->attr_count = spec->attr_count;
  node->inputs = gcam_arena_alloc(arena, (size_t)spec->in_count, sizeof(int));
  node->outputs = gcam_arena_alloc(arena, (size_t)spec->out_count, sizeof(int));
  if (!node->name || !node->inputs || !node->outputs) return gcam_import_no_memory(im);
  node->input_count = spec->in_count;
  node->output_count = spec->out_count;
  for (int i = 0; i < spec->in_count; i++) {
    node->inputs[i] = spec->in[i];
    if (spec->in[i] < 0) continue;
    given++;
    constant = constant && is_constant(im, spec->in[i]);
  }
  for (int i = 0; i < spec->out_count; i++) {
    node->outputs[i] = spec->out[i];
    if (spec->out[i] >= 0) graph->values[spec->out[i]].layout = spec->layout;
  }
  GCAM_TRY(spec->op->shape(graph, node, im->err));
  for (int i = 0; i < spec->out_count; i++) {
    if (spec->out[i] < 0) continue;
    gcam_value *y = &graph->values[spec->out[i]];
    char label[160], text[96];
    if (y->shape.rank < 3) y->layout = GCAM_ROWS;
    y->producer = graph->node_count;
    if (!gcam_numel(&y->shape))
      return gcam_fail(im->err, GCAM_ERR_MODEL,
                       "%.160s: its output '" GCAM_NAME_FORMAT "' is empty (%s)",
                       gcam_node_label(node, label, sizeof label), y->name,
                       gcam_shape_text(&y->shape, text, sizeof text));
  }
  if (constant && given) {
    for (int i = 0; i < spec->out_count; i++)
      if (spec->out[i] >= 0) graph->values[spec->out[i]].producer = -1;
    return evaluate(im, node); /* the node itself is not counted: it is gone */
  }
  for (int i = 0; i < spec->in_count; i++)
    if (spec->in[i] >= 0 && is_constant(im, spec->in[i])) im->info[spec->in[i]].users++;
  graph->node_count++;
  return GCAM_OK;
}

/* An attribute of integers for a node that the importer adds. */
static gcam_status int_attr(gcam_import *im, const char *name, const int64_t *values, int count,
                            gcam_attr **result) {
  gcam_attr *attr = gcam_arena_alloc(&im->graph->arena, 1, sizeof *attr);
  int64_t *ints = gcam_arena_alloc(&im->graph->arena, (size_t)count, sizeof *ints);
  if (!attr || !ints) return gcam_import_no_memory(im);
  if (count) memcpy(ints, values, (size_t)count * sizeof *ints);
  attr->name = name;
  attr->kind = GCAM_ATTR_INTS;
  attr->ints = ints;
  attr->count = count;
  *result = attr;
  return GCAM_OK;
}

/* Opsets at which Reshape takes its shape, and Transpose its axes, as an attribute. */
enum { RESHAPE_OPSET = 4, TRANSPOSE_OPSET = 1 };

/* value -> out, the same memory with another shape. Values of rank >= 3 are in ROWS afterwards,
 * unless the caller says otherwise. */
static gcam_status emit_reshape(gcam_import *im, const char *name, int value, int out,
                                const gcam_shape *shape) {
  gcam_attr *attr;
  GCAM_TRY(int_attr(im, "shape", shape->dim, shape->rank, &attr));
  new_node spec = {
      gcam_op_find("Reshape"), name, RESHAPE_OPSET, attr, 1, &value, &out, 1, 1, GCAM_ROWS};
  return emit(im, &spec);
}

/* ---- Layout ---------------------------------------------------------------------------------- */

/* perm[i]: the physical axis that becomes axis i when a tensor changes to the layout. */
static void layout_axes(gcam_layout to, int rank, int *perm) {
  perm[0] = 0;
  for (int i = 1; i < rank; i++)
    perm[i] = to == GCAM_CHANNELS_LAST ? i == rank - 1 ? 1 : i + 1 : i == 1 ? rank - 1 : i - 1;
}

/* Do only axes of size 1 move? */
static bool keeps_memory(const gcam_shape *shape, const int *perm) {
  int last = -1;
  for (int i = 0; i < shape->rank; i++) {
    if (shape->dim[perm[i]] == 1) continue;
    if (perm[i] < last) return false;
    last = perm[i];
  }
  return true;
}

static gcam_shape onnx_shape(const gcam_value *value) {
  gcam_shape shape = value->shape;
  for (int i = 0; i < shape.rank; i++) shape.dim[i] = value->shape.dim[gcam_value_axis(value, i)];
  return shape;
}

static gcam_status convert(gcam_import *im, int v, gcam_layout layout, int *result) {
  gcam_graph *graph = im->graph;
  const gcam_value *x = &graph->values[v];
  int rank = x->shape.rank, perm[GCAM_MAX_RANK], to;
  *result = v;
  if (rank < 3 || x->layout == layout) return GCAM_OK;
  if (im->info[v].as[layout] >= 0) return *result = im->info[v].as[layout], GCAM_OK;
  layout_axes(layout, rank, perm);
  gcam_shape shape = {.rank = rank};
  for (int i = 0; i < rank; i++) shape.dim[i] = x->shape.dim[perm[i]];
  size_t size = strlen(x->name) + 8;
  char *name = gcam_arena_alloc(&im->scratch, size, 1);
  if (!name) return gcam_import_no_memory(im);
  snprintf(name, size, "%s.%s", x->name, layout == GCAM_ROWS ? "rows" : "nhwc");
  if (x->weight) {
    GCAM_TRY(permute_constant(im, name, v, perm, &to));
  } else {
    GCAM_TRY(gcam_import_add_value(im, name, &to));
    if (keeps_memory(&graph->values[v].shape, perm)) {
      GCAM_TRY(emit_reshape(im, name, v, to, &shape));
    } else {
      /* Transpose counts axes as ONNX does, and its input knows its layout. */
      int64_t axes[GCAM_MAX_RANK];
      for (int i = 0; i < rank; i++) axes[i] = layout == GCAM_ROWS ? i : perm[i];
      gcam_attr *attr;
      GCAM_TRY(int_attr(im, "perm", axes, rank, &attr));
      new_node spec = {
          gcam_op_find("Transpose"), name, TRANSPOSE_OPSET, attr, 1, &v, &to, 1, 1, GCAM_ROWS};
      GCAM_TRY(emit(im, &spec));
    }
  }
  graph->values[to].layout = layout;
  im->info[v].as[layout] = to;
  im->info[to].as[graph->values[v].layout] = v;
  *result = to;
  return GCAM_OK;
}

/* Another shape for the same numbers, in ONNX's order. */
static gcam_status reshape(gcam_import *im, int v, const gcam_shape *shape, const char *name,
                           int *result) {
  GCAM_TRY(convert(im, v, GCAM_ROWS, &v));
  const gcam_value *x = &im->graph->values[v];
  if (gcam_shape_equal(&x->shape, shape)) return *result = v, GCAM_OK;
  if (!x->weight) {
    GCAM_TRY(gcam_import_add_value(im, name, result));
    return emit_reshape(im, name, v, *result, shape);
  }
  gcam_weight *weight = x->weight;
  if (weight->scale_count > 1) { /* sizes of 1 in front move the axis of the scales */
    weight = gcam_arena_alloc(&im->graph->arena, 1, sizeof *weight);
    if (!weight) return gcam_import_no_memory(im);
    *weight = *x->weight;
    weight->f32 = NULL;
    weight->borrowed = true; /* the root owns the data */
    weight->scale_axis += shape->rank - x->shape.rank;
  }
  return add_view(im, name, v, shape, weight, result);
}

/* Puts sizes of 1 in front until the rank is there: what broadcasting means. */
static gcam_status raise_rank(gcam_import *im, int v, int rank, int *result) {
  const gcam_value *x = &im->graph->values[v];
  *result = v;
  if (x->shape.rank >= rank) return GCAM_OK;
  gcam_shape from = onnx_shape(x), shape = {.rank = rank};
  for (int i = 0; i < rank; i++)
    shape.dim[i] = i < rank - from.rank ? 1 : from.dim[i - (rank - from.rank)];
  size_t size = strlen(x->name) + 16;
  char *name = gcam_arena_alloc(&im->scratch, size, 1);
  if (!name) return gcam_import_no_memory(im);
  snprintf(name, size, "%s.broadcast", x->name);
  return reshape(im, v, &shape, name, result);
}

int gcam_lower_data_inputs(const gcam_op *op, int count) {
  static const char *const all[] = {"Concat", "Max", "Min", NULL};
  static const char *const one[] = {"Clip",      "Dropout", "Cast",     "Reshape", "Squeeze",
                                    "Unsqueeze", "Resize",  "Upsample", NULL};
  if (!count) return 0;
  for (int i = 0; all[i]; i++)
    if (!strcmp(op->name, all[i])) return count;
  for (int i = 0; one[i]; i++)
    if (!strcmp(op->name, one[i])) return 1;
  return op->rule == GCAM_RULE_AXIS || op->rule == GCAM_RULE_TO_ROWS ? 1 : count;
}

/* Brings the inputs to the layout that the operator works in; says which its outputs have. */
static gcam_status lay_out(gcam_import *im, const gcam_op *op, int *in, int count,
                           gcam_layout *layout) {
  int data = gcam_lower_data_inputs(op, count), rank = 0;
  bool active_last = false;
  *layout = op->rule == GCAM_RULE_SPATIAL ? GCAM_CHANNELS_LAST : GCAM_ROWS;
  for (int i = 0; i < data; i++) {
    if (in[i] < 0) continue;
    const gcam_value *x = &im->graph->values[in[i]];
    if (x->shape.rank > rank) rank = x->shape.rank;
    if (x->shape.rank >= 3 && x->layout == GCAM_CHANNELS_LAST && !x->weight) active_last = true;
  }
  if (op->rule == GCAM_RULE_POINTWISE || op->rule == GCAM_RULE_AXIS)
    *layout = active_last ? GCAM_CHANNELS_LAST : GCAM_ROWS;
  for (int i = 0; i < count; i++) {
    if (in[i] < 0) continue;
    if (i < data && op->rule == GCAM_RULE_POINTWISE) {
      if (is_constant(im, in[i]) && i) GCAM_TRY(constant_to_float(im, in[i], &in[i]));
      GCAM_TRY(raise_rank(im, in[i], rank, &in[i]));
    }
    if (i < data && op->rule == GCAM_RULE_TO_ROWS) continue;
    GCAM_TRY(convert(im, in[i], i < data ? *layout : GCAM_ROWS, &in[i]));
  }
  return GCAM_OK;
}

/* ---- Nodes that are not operators of the engine ------------------------------------------------
 */

static gcam_status lower_constant(gcam_import *im, int n) {
  const onnx_node *node = &im->file->nodes[n];
  char label[160];
  int v, s = node->output_count ? im->node_out[n][0] : -1;
  if (s < 0) return GCAM_OK;
  if (node->attr_count != 1)
    return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED, "%s: its value is of an unsupported kind",
                     gcam_lower_label(im, n, label, sizeof label));
  const gcam_attr *attr = &node->attrs[0];
  GCAM_TRY(gcam_import_add_value(im, im->symbols[s].name, &v));
  gcam_value *value = &im->graph->values[v];
  gcam_weight *weight;
  if (attr->kind == GCAM_ATTR_TENSOR) {
    GCAM_TRY(
        gcam_onnx_tensor_load(im->file, node->tensors[0], &im->graph->arena, &weight, im->err));
    value->shape = node->tensors[0]->shape;
    im->info[v].external = node->tensors[0]->external;
  } else {
    bool real = attr->kind == GCAM_ATTR_FLOAT || attr->kind == GCAM_ATTR_FLOATS;
    bool list = attr->kind == GCAM_ATTR_INTS || attr->kind == GCAM_ATTR_FLOATS;
    const void *from = attr->kind == GCAM_ATTR_INT     ? (const void *)&attr->i
                       : attr->kind == GCAM_ATTR_FLOAT ? (const void *)&attr->f
                       : real                          ? (const void *)attr->floats
                                                       : (const void *)attr->ints;
    if (attr->kind == GCAM_ATTR_STRING)
      return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED, "%s: it holds text",
                       gcam_lower_label(im, n, label, sizeof label));
    size_t count = list ? (size_t)attr->count : 1, size = real ? sizeof(float) : sizeof(int64_t);
    weight = gcam_arena_alloc(&im->graph->arena, 1, sizeof *weight);
    if (!weight || !(weight->data = malloc(count ? count * size : 1)))
      return gcam_import_no_memory(im);
    if (count) memcpy(weight->data, from, count * size);
    weight->dtype = real ? GCAM_F32 : GCAM_I64;
    if (list) value->shape = (gcam_shape){1, {(int64_t)count}};
  }
  value->weight = weight;
  im->symbols[s].value = v;
  return GCAM_OK;
}

/* Runs a node of constants with fold.c. in: values, all constants. */
static gcam_status lower_fold(gcam_import *im, int n, int *in, int count) {
  const onnx_node *node = &im->file->nodes[n];
  gcam_graph *graph = im->graph;
  char name[256];
  gcam_op op = {.name = node->op};
  gcam_node shell = {.op = &op,
                     .name = node_name(im, n, name, sizeof name),
                     .opset = im->opset,
                     .attrs = node->attrs,
                     .attr_count = node->attr_count,
                     .inputs = in,
                     .input_count = count,
                     .output_count = node->output_count};
  gcam_value *values = gcam_arena_alloc(&im->scratch, (size_t)count, sizeof *values);
  gcam_value *out = gcam_arena_alloc(&im->scratch, (size_t)node->output_count, sizeof *out);
  gcam_value tensor = {0};
  if (!values || !out) return gcam_import_no_memory(im);
  for (int i = 0; i < count; i++) {
    if (in[i] < 0) continue;
    GCAM_TRY(convert(im, in[i], GCAM_ROWS, &in[i]));
    values[i] = graph->values[in[i]];
  }
  for (int i = 0; i < node->attr_count; i++) {
    if (node->attrs[i].kind != GCAM_ATTR_TENSOR || strcmp(node->attrs[i].name, "value")) continue;
    if (node->tensors[i]->external >= 0 || tensor.weight)
      return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED, "%.96s node '%.96s': its value lies outside",
                       node->op, shell.name);
    tensor.shape = node->tensors[i]->shape;
    GCAM_TRY(
        gcam_onnx_tensor_load(im->file, node->tensors[i], &graph->arena, &tensor.weight, im->err));
  }
  gcam_fold fold = {.graph = graph,
                    .node = &shell,
                    .in = values,
                    .budget = &im->budget,
                    .tensor = tensor.weight ? &tensor : NULL,
                    .out = out};
  gcam_status status = gcam_fold_run(&fold, im->err);
  if (tensor.weight && !tensor.weight->borrowed) free(tensor.weight->data);
  for (int i = 0; i < node->output_count; i++) {
    int s = im->node_out[n][i], v;
    if (!out[i].weight) continue;
    if (status == GCAM_OK && s >= 0) {
      status = fold.view
                   ? add_view(im, im->symbols[s].name, in[0], &out[i].shape, out[i].weight, &v)
                   : gcam_import_add_value(im, im->symbols[s].name, &v);
      if (status == GCAM_OK) {
        graph->values[v].shape = out[i].shape;
        graph->values[v].weight = out[i].weight;
        im->symbols[s].value = v;
        continue;
      }
    }
    if (!fold.view) free(out[i].weight->data);
  }
  return status;
}

/* Shape and Size: known now, whatever they are asked of. */
static gcam_status lower_shape(gcam_import *im, int n, int x) {
  const onnx_node *node = &im->file->nodes[n];
  gcam_node shell = {.attrs = node->attrs, .attr_count = node->attr_count};
  gcam_shape shape = onnx_shape(&im->graph->values[x]);
  int64_t total = gcam_numel(&shape), from = gcam_node_int(&shell, "start", 0);
  int64_t to = gcam_node_int(&shell, "end", shape.rank);
  bool size = !strcmp(node->op, "Size");
  int v, s = im->node_out[n][0];
  if (from < 0) from += shape.rank;
  if (to < 0) to += shape.rank;
  from = from < 0 ? 0 : from > shape.rank ? shape.rank : from;
  to = to < from ? from : to > shape.rank ? shape.rank : to;
  GCAM_TRY(gcam_import_add_value(im, im->symbols[s].name, &v));
  gcam_weight *weight = gcam_arena_alloc(&im->graph->arena, 1, sizeof *weight);
  if (!weight || !(weight->data = malloc((GCAM_MAX_RANK + 1) * sizeof(int64_t))))
    return gcam_import_no_memory(im);
  weight->dtype = GCAM_I64;
  if (size)
    memcpy(weight->data, &total, sizeof total);
  else
    memcpy(weight->data, shape.dim + from, (size_t)(to - from) * sizeof *shape.dim);
  if (!size) im->graph->values[v].shape = (gcam_shape){1, {to - from}};
  im->graph->values[v].weight = weight;
  im->symbols[s].value = v;
  return GCAM_OK;
}

/* ---- Nodes that are operators of the engine ----------------------------------------------------
 */

/* Attribute kinds that ONNX fixes; an operator that found another would silently take a default. */
static const struct {
  const char *name;
  gcam_attr_kind kind;
} attr_kinds[] = {{"alpha", GCAM_ATTR_FLOAT},
                  {"auto_pad", GCAM_ATTR_STRING},
                  {"axes", GCAM_ATTR_INTS},
                  {"axis", GCAM_ATTR_INT},
                  {"beta", GCAM_ATTR_FLOAT},
                  {"bias", GCAM_ATTR_FLOAT},
                  {"broadcast", GCAM_ATTR_INT},
                  {"ceil_mode", GCAM_ATTR_INT},
                  {"count_include_pad", GCAM_ATTR_INT},
                  {"dilations", GCAM_ATTR_INTS},
                  {"ends", GCAM_ATTR_INTS},
                  {"epsilon", GCAM_ATTR_FLOAT},
                  {"gamma", GCAM_ATTR_FLOAT},
                  {"group", GCAM_ATTR_INT},
                  {"keepdims", GCAM_ATTR_INT},
                  {"kernel_shape", GCAM_ATTR_INTS},
                  {"max", GCAM_ATTR_FLOAT},
                  {"min", GCAM_ATTR_FLOAT},
                  {"mode", GCAM_ATTR_STRING},
                  {"output_padding", GCAM_ATTR_INTS},
                  {"output_shape", GCAM_ATTR_INTS},
                  {"pads", GCAM_ATTR_INTS},
                  {"perm", GCAM_ATTR_INTS},
                  {"scales", GCAM_ATTR_FLOATS},
                  {"shape", GCAM_ATTR_INTS},
                  {"size", GCAM_ATTR_INT},
                  {"split", GCAM_ATTR_INTS},
                  {"starts", GCAM_ATTR_INTS},
                  {"strides", GCAM_ATTR_INTS},
                  {"to", GCAM_ATTR_INT},
                  {"transA", GCAM_ATTR_INT},
                  {"transB", GCAM_ATTR_INT}};

static gcam_status check_attrs(gcam_import *im, int n) {
  const onnx_node *node = &im->file->nodes[n];
  char label[160];
  for (int a = 0; a < node->attr_count; a++)
    for (int k = 0; k < (int)(sizeof attr_kinds / sizeof *attr_kinds); k++)
      if (!strcmp(node->attrs[a].name, attr_kinds[k].name) &&
          node->attrs[a].kind != attr_kinds[k].kind)
        return gcam_fail(im->err, GCAM_ERR_MODEL, "%s: its attribute '%s' has the wrong type",
                         gcam_lower_label(im, n, label, sizeof label), attr_kinds[k].name);
  return GCAM_OK;
}

/* Before opset 7: `broadcast` aligns the second input at `axis` of the first; PRelu's slope of one
 * dimension belongs to the channels. Sizes of 1 behind say the same today. */
static gcam_status old_broadcast(gcam_import *im, int n, const gcam_op *op, int *in, int count) {
  const onnx_node *node = &im->file->nodes[n];
  gcam_node shell = {.attrs = node->attrs, .attr_count = node->attr_count};
  if (im->opset >= 7 || op->rule != GCAM_RULE_POINTWISE || count != 2 || in[0] < 0 || in[1] < 0)
    return GCAM_OK;
  int rank = im->graph->values[in[0]].shape.rank;
  gcam_shape shape = onnx_shape(&im->graph->values[in[1]]);
  int64_t axis = gcam_node_int(&shell, "axis", rank - shape.rank);
  if (!strcmp(op->name, "PRelu"))
    axis = shape.rank == 1 && shape.dim[0] > 1 ? 1 : rank - shape.rank;
  else if (!gcam_node_int(&shell, "broadcast", 0))
    return GCAM_OK;
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank - shape.rank) return GCAM_OK; /* shape() says what is wrong */
  while (axis + shape.rank < rank) shape.dim[shape.rank++] = 1;
  return reshape(im, in[1], &shape, im->graph->values[in[1]].name, &in[1]);
}

static bool is_reduction(const gcam_op *op) { return !strncmp(op->name, "Reduce", 6); }

/* Makes a reduction keep its dimensions. shape: what the output has to be in the end. */
static gcam_status keep_dims(gcam_import *im, new_node *spec, gcam_shape *shape) {
  gcam_node shell = {.op = spec->op,
                     .name = spec->name,
                     .attrs = spec->attrs,
                     .attr_count = spec->attr_count,
                     .inputs = (int *)(uintptr_t)spec->in,
                     .input_count = spec->in_count};
  int64_t axes[GCAM_MAX_RANK];
  int count;
  char label[160];
  GCAM_TRY(gcam_node_ints(im->graph, &shell, "axes", 1, axes, GCAM_MAX_RANK, &count, im->err));
  gcam_shape x = onnx_shape(&im->graph->values[spec->in[0]]);
  bool gone[GCAM_MAX_RANK] = {false};
  for (int i = 0; i < count; i++) {
    int64_t axis = axes[i] < 0 ? axes[i] + x.rank : axes[i];
    if (axis < 0 || axis >= x.rank)
      return gcam_fail(im->err, GCAM_ERR_MODEL, "%s: axis %lld is outside an input of rank %d",
                       gcam_node_label(&shell, label, sizeof label), (long long)axes[i], x.rank);
    gone[axis] = true;
  }
  bool all = !count && !gcam_node_int(&shell, "noop_with_empty_axes", 0);
  shape->rank = 0;
  for (int i = 0; i < x.rank; i++)
    if (!all && !gone[i]) shape->dim[shape->rank++] = x.dim[i];
  gcam_attr *attrs = gcam_arena_alloc(&im->graph->arena, (size_t)spec->attr_count, sizeof *attrs);
  if (!attrs) return gcam_import_no_memory(im);
  for (int i = 0; i < spec->attr_count; i++) {
    attrs[i] = spec->attrs[i];
    if (!strcmp(attrs[i].name, "keepdims")) attrs[i].i = 1;
  }
  spec->attrs = attrs;
  return GCAM_OK;
}

/* a + b + c + ...: partial sums get names of their own. */
static gcam_status lower_sum(gcam_import *im, new_node *spec, int *in, int count) {
  spec->op = gcam_op_find(count == 1 ? "Identity" : "Add");
  if (count == 1) {
    spec->layout = im->graph->values[in[0]].layout;
    return emit(im, spec);
  }
  int out = spec->out[0], sum = in[0];
  for (int i = 1; i < count; i++) {
    int pair[2] = {sum, in[i]}, next = out;
    if (pair[1] < 0)
      return gcam_fail(im->err, GCAM_ERR_MODEL, "Sum node '%.96s' lacks an input", spec->name);
    if (i + 1 < count) GCAM_TRY(gcam_import_add_value(im, spec->name, &next));
    GCAM_TRY(lay_out(im, spec->op, pair, 2, &spec->layout));
    spec->in = pair;
    spec->in_count = 2;
    spec->out = &next;
    GCAM_TRY(emit(im, spec));
    sum = next;
  }
  return GCAM_OK;
}

static gcam_status lower_op(gcam_import *im, int n, const gcam_op *op, int *in, int count) {
  const onnx_node *node = &im->file->nodes[n];
  gcam_graph *graph = im->graph;
  bool sum = !strcmp(node->op, "Sum");
  char label[160], name[1024];
  gcam_lower_label(im, n, label, sizeof label);
  if (!sum && (count < op->min_inputs || (op->max_inputs >= 0 && count > op->max_inputs)))
    return gcam_fail(im->err, GCAM_ERR_MODEL, "%s has %d inputs; it takes %d to %d", label, count,
                     op->min_inputs, op->max_inputs);
  for (int i = 0; i < (sum ? 1 : op->min_inputs); i++)
    if (i >= count || in[i] < 0)
      return gcam_fail(im->err, GCAM_ERR_MODEL, "%s: its input %d is left out", label, i);
  if (is_constant(im, in[0]) && !gcam_constant_is_real(&graph->values[in[0]]))
    return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                     "%s: the engine runs it on floating point numbers alone", label);

  int *out = gcam_arena_alloc(&im->scratch, (size_t)node->output_count, sizeof *out);
  if (!out) return gcam_import_no_memory(im);
  for (int i = 0; i < node->output_count; i++) {
    int s = im->node_out[n][i];
    out[i] = -1;
    if (s < 0 || !im->symbols[s].uses) continue;
    if (i && strcmp(op->name, "Split"))
      return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                       "%s: its output %d, '" GCAM_NAME_FORMAT "', is not supported", label, i,
                       im->symbols[s].name);
    GCAM_TRY(gcam_import_add_value(im, im->symbols[s].name, &out[i]));
    im->symbols[s].value = out[i];
  }
  new_node spec = {op,
                   node_name(im, n, name, sizeof name),
                   im->opset,
                   node->attrs,
                   node->attr_count,
                   in,
                   out,
                   count,
                   node->output_count,
                   GCAM_ROWS};
  if (sum) return lower_sum(im, &spec, in, count);
  GCAM_TRY(old_broadcast(im, n, op, in, count));
  GCAM_TRY(lay_out(im, op, in, count, &spec.layout));
  gcam_node shell = {.attrs = node->attrs, .attr_count = node->attr_count};
  if (!is_reduction(op) || gcam_node_int(&shell, "keepdims", 1)) return emit(im, &spec);

  gcam_shape shape;
  GCAM_TRY(keep_dims(im, &spec, &shape));
  int kept, rows;
  size_t size = strlen(graph->values[out[0]].name) + 16;
  char *kept_name = gcam_arena_alloc(&im->scratch, size, 1);
  if (!kept_name) return gcam_import_no_memory(im);
  snprintf(kept_name, size, "%s.keepdims", graph->values[out[0]].name);
  GCAM_TRY(gcam_import_add_value(im, kept_name, &kept));
  spec.out = &kept;
  GCAM_TRY(emit(im, &spec));
  GCAM_TRY(convert(im, kept, GCAM_ROWS, &rows));
  return emit_reshape(im, kept_name, rows, out[0], &shape);
}

/* ---- One node ---------------------------------------------------------------------------------
 */

static bool in_list(const char *op, const char *const *list) {
  for (; *list; list++)
    if (!strcmp(op, *list)) return true;
  return false;
}

static const char *const own[] = {"Constant", "Shape", "Size", "Sum", NULL};

bool gcam_lower_knows(const onnx_node *node) {
  return !*node->domain &&
         (in_list(node->op, own) || gcam_fold_knows(node->op) || gcam_op_find(node->op));
}

gcam_status gcam_lower_node(gcam_import *im, int n) {
  const onnx_node *node = &im->file->nodes[n];
  char label[160];
  int count = node->input_count, given = 0, active = -1;
  if (!strcmp(node->op, "Constant")) return lower_constant(im, n);
  GCAM_TRY(check_attrs(im, n));
  while (count && im->node_in[n][count - 1] < 0) count--;
  int *in = gcam_arena_alloc(&im->scratch, (size_t)count, sizeof *in);
  if (!in) return gcam_import_no_memory(im);
  for (int i = 0; i < count; i++) {
    in[i] = -1;
    if (im->node_in[n][i] < 0) continue;
    GCAM_TRY(gcam_import_value(im, im->node_in[n][i], &in[i]));
    given++;
    if (!is_constant(im, in[i])) active = in[i];
  }
  gcam_lower_label(im, n, label, sizeof label);
  if (!given) return gcam_fail(im->err, GCAM_ERR_MODEL, "%s has no input", label);
  if (!strcmp(node->op, "Shape") || !strcmp(node->op, "Size")) {
    if (in[0] < 0 || !node->output_count || im->node_out[n][0] < 0)
      return gcam_fail(im->err, GCAM_ERR_MODEL, "%s lacks its input or output", label);
    return lower_shape(im, n, in[0]);
  }
  if (active < 0 && gcam_fold_knows(node->op)) return lower_fold(im, n, in, count);
  const gcam_op *op = gcam_op_find(strcmp(node->op, "Sum") ? node->op : "Add");
  if (!op)
    return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                     "%s: the engine runs %.40s on constants alone, but '" GCAM_NAME_FORMAT
                     "' is computed from the picture",
                     label, node->op, im->graph->values[active].name);
  return lower_op(im, n, op, in, count);
}
