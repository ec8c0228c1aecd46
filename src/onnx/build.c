/* build.c: adds to the graph: constants in other shapes and layouts, nodes, and the nodes that turn
 * a tensor into another layout. Constants are rearranged here, for good; activations get a
 * Transpose node in front of their reader, made once per tensor and named "<tensor>.nhwc" or
 * "<tensor>.rows"; it becomes a Reshape, which costs nothing, where only sizes of 1 move. */
#include "onnx/build.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "onnx/constant.h"
#include "onnx/fold.h"

/* ---- Constants ------------------------------------------------------------------------------ */

/* The same constant with its axes permuted: physical axis i of the result is axis perm[i]. */
static gcam_status permute_constant(gcam_import *im, const char *name, int from, const int *perm,
                                    int *result) {
  int v;
  GCAM_TRY(gcam_state_add_value(im, name, &v));
  gcam_value *to = &im->graph->values[v];
  const gcam_value *x = &im->graph->values[from];
  const gcam_weight *w = x->weight;
  size_t size = gcam_dtype_size(w->dtype);
  gcam_weight *copy = gcam_arena_alloc(&im->graph->arena, 1, sizeof *copy);
  if (!copy) return gcam_state_no_memory(im);
  *copy = *w;
  copy->borrowed = false;
  copy->data = gcam_state_constant(im, name, gcam_numel(&x->shape) * (int64_t)size);
  if (!copy->data) return im->err->status;
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

gcam_status gcam_build_scaled(gcam_import *im, int from, float scale, float zero, int *result) {
  int v;
  GCAM_TRY(gcam_state_add_value(im, im->graph->values[from].name, &v));
  gcam_value *to = &im->graph->values[v], *x = &im->graph->values[from];
  gcam_weight *copy = gcam_arena_alloc(&im->graph->arena, 1, sizeof *copy);
  if (!copy) return gcam_state_no_memory(im);
  float *data = gcam_state_constant(im, x->name, gcam_numel(&x->shape) * (int64_t)sizeof(float));
  if (!data) return im->err->status;
  for (int64_t i = 0, n = gcam_numel(&x->shape); i < n; i++)
    data[i] = scale * ((float)gcam_constant_int(x, i) - zero);
  copy->dtype = GCAM_F32;
  copy->data = data;
  to->shape = x->shape;
  to->layout = x->layout;
  to->weight = copy;
  *result = v;
  return GCAM_OK;
}

/* Integers that stand where numbers belong (the exponent of Pow). */
gcam_status gcam_build_float(gcam_import *im, int from, int *result) {
  if (gcam_constant_is_real(&im->graph->values[from])) return *result = from, GCAM_OK;
  return gcam_build_scaled(im, from, 1, 0, result);
}

/* ---- Adding a node to the graph ------------------------------------------------------------- */

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

/* A part of Split may hold nothing: a constant, whatever it was cut from. Where nothing at all is
 * left, the sizes are wrong. */
static gcam_status empty_output(gcam_import *im, gcam_node *node, int output) {
  gcam_value *y = &im->graph->values[node->outputs[output]];
  bool others = false;
  char label[160], text[96];
  for (int i = 0; i < node->output_count; i++)
    if (node->outputs[i] >= 0 && gcam_numel(gcam_out_shape(im->graph, node, i))) others = true;
  if (!others)
    return gcam_fail(im->err, GCAM_ERR_MODEL,
                     "%.160s: its output '" GCAM_NAME_FORMAT "' is empty (%s)",
                     gcam_node_label(node, label, sizeof label), y->name,
                     gcam_shape_text(&y->shape, text, sizeof text));
  y->weight = gcam_arena_alloc(&im->graph->arena, 1, sizeof *y->weight);
  if (!y->weight) return gcam_state_no_memory(im);
  y->weight->data = gcam_state_constant(im, y->name, 0);
  if (!y->weight->data) return im->err->status;
  y->producer = -1;
  node->outputs[output] = -1;
  return GCAM_OK;
}

gcam_status gcam_build_node(gcam_import *im, const import_node *spec) {
  gcam_graph *graph = im->graph;
  gcam_arena *arena = &graph->arena;
  gcam_node *node = next_node(graph);
  bool constant = true;
  int given = 0;
  if (!node) return gcam_state_no_memory(im);
  node->op = spec->op;
  node->name = gcam_arena_strndup(arena, spec->name, strlen(spec->name));
  node->opset = spec->opset;
  node->attrs = spec->attrs;
  node->attr_count = spec->attr_count;
  node->inputs = gcam_arena_alloc(arena, (size_t)spec->in_count, sizeof(int));
  node->outputs = gcam_arena_alloc(arena, (size_t)spec->out_count, sizeof(int));
  if (!node->name || !node->inputs || !node->outputs) return gcam_state_no_memory(im);
  node->input_count = spec->in_count;
  node->output_count = spec->out_count;
  for (int i = 0; i < spec->in_count; i++) {
    node->inputs[i] = spec->in[i];
    if (spec->in[i] < 0) continue;
    given++;
    constant = constant && gcam_state_is_constant(im, spec->in[i]);
  }
  for (int i = 0; i < spec->out_count; i++) {
    node->outputs[i] = spec->out[i];
    if (spec->out[i] >= 0) graph->values[spec->out[i]].layout = spec->layout;
  }
  GCAM_TRY(spec->op->shape(graph, node, im->err));
  for (int i = 0; i < spec->out_count; i++) {
    if (spec->out[i] < 0) continue;
    gcam_value *y = &graph->values[spec->out[i]];
    if (y->shape.rank < 3) y->layout = GCAM_ROWS;
    y->producer = graph->node_count;
    if (!gcam_numel(&y->shape) && !constant) GCAM_TRY(empty_output(im, node, i));
  }
  if (constant && given) {
    for (int i = 0; i < spec->out_count; i++)
      if (spec->out[i] >= 0) graph->values[spec->out[i]].producer = -1;
    return gcam_fold_node(im, node); /* the node itself is not counted: it is gone */
  }
  for (int i = 0; i < spec->in_count; i++)
    if (spec->in[i] >= 0 && gcam_state_is_constant(im, spec->in[i])) im->info[spec->in[i]].users++;
  graph->node_count++;
  return GCAM_OK;
}

/* An attribute of integers for a node that the importer adds. */
static gcam_status int_attr(gcam_import *im, const char *name, const int64_t *values, int count,
                            gcam_attr **result) {
  gcam_attr *attr = gcam_arena_alloc(&im->graph->arena, 1, sizeof *attr);
  int64_t *ints = gcam_arena_alloc(&im->graph->arena, (size_t)count, sizeof *ints);
  if (!attr || !ints) return gcam_state_no_memory(im);
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
gcam_status gcam_build_reshape_node(gcam_import *im, const char *name, int value, int out,
                                    const gcam_shape *shape) {
  gcam_attr *attr = NULL;
  GCAM_TRY(int_attr(im, "shape", shape->dim, shape->rank, &attr));
  import_node spec = {
      gcam_op_find("Reshape"), name, RESHAPE_OPSET, attr, 1, &value, &out, 1, 1, GCAM_ROWS};
  return gcam_build_node(im, &spec);
}

gcam_status gcam_build_transpose_node(gcam_import *im, const char *name, int value, int out,
                                      const int64_t *perm) {
  gcam_attr *attr = NULL;
  GCAM_TRY(int_attr(im, "perm", perm, im->graph->values[value].shape.rank, &attr));
  import_node spec = {
      gcam_op_find("Transpose"), name, TRANSPOSE_OPSET, attr, 1, &value, &out, 1, 1, GCAM_ROWS};
  return gcam_build_node(im, &spec);
}

/* ---- Layout --------------------------------------------------------------------------------- */

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

gcam_status gcam_build_layout(gcam_import *im, int v, gcam_layout layout, int *result) {
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
  if (!name) return gcam_state_no_memory(im);
  snprintf(name, size, "%s.%s", x->name, layout == GCAM_ROWS ? "rows" : "nhwc");
  if (x->weight) {
    GCAM_TRY(permute_constant(im, name, v, perm, &to));
  } else {
    GCAM_TRY(gcam_state_add_value(im, name, &to));
    if (keeps_memory(&graph->values[v].shape, perm)) {
      GCAM_TRY(gcam_build_reshape_node(im, name, v, to, &shape));
    } else {
      /* Transpose counts axes as ONNX does, and its input knows its layout. */
      int64_t axes[GCAM_MAX_RANK];
      for (int i = 0; i < rank; i++) axes[i] = layout == GCAM_ROWS ? i : perm[i];
      GCAM_TRY(gcam_build_transpose_node(im, name, v, to, axes));
    }
  }
  graph->values[to].layout = layout;
  graph->values[to].of = graph->values[v].of;
  im->info[v].as[layout] = to;
  im->info[to].as[graph->values[v].layout] = v;
  *result = to;
  return GCAM_OK;
}

/* Another shape for the same numbers, in ONNX's order. */
gcam_status gcam_build_reshape(gcam_import *im, int v, const gcam_shape *shape, const char *name,
                               int *result) {
  GCAM_TRY(gcam_build_layout(im, v, GCAM_ROWS, &v));
  const gcam_value *x = &im->graph->values[v];
  if (gcam_shape_equal(&x->shape, shape)) return *result = v, GCAM_OK;
  if (!x->weight) {
    GCAM_TRY(gcam_state_add_value(im, name, result));
    im->graph->values[*result].of = -1;
    return gcam_build_reshape_node(im, name, v, *result, shape);
  }
  gcam_weight *weight = x->weight;
  if (weight->scale_count > 1) { /* sizes of 1 in front move the axis of the scales */
    weight = gcam_arena_alloc(&im->graph->arena, 1, sizeof *weight);
    if (!weight) return gcam_state_no_memory(im);
    *weight = *x->weight;
    weight->borrowed = true; /* the root owns the data */
    weight->scale_axis += shape->rank - x->shape.rank;
  }
  int to;
  GCAM_TRY(gcam_state_add_value(im, name, &to));
  im->graph->values[to].shape = *shape;
  gcam_state_share(im, to, v, weight);
  return *result = to, GCAM_OK;
}

/* Puts sizes of 1 in front until the rank is there: what broadcasting means. */
gcam_status gcam_build_rank(gcam_import *im, int v, int rank, int *result) {
  const gcam_value *x = &im->graph->values[v];
  *result = v;
  if (x->shape.rank >= rank) return GCAM_OK;
  gcam_shape from = gcam_value_onnx_shape(x), shape = {.rank = rank};
  for (int i = 0; i < rank; i++)
    shape.dim[i] = i < rank - from.rank ? 1 : from.dim[i - (rank - from.rank)];
  size_t size = strlen(x->name) + 16;
  char *name = gcam_arena_alloc(&im->scratch, size, 1);
  if (!name) return gcam_state_no_memory(im);
  snprintf(name, size, "%s.broadcast", x->name);
  return gcam_build_reshape(im, v, &shape, name, result);
}
