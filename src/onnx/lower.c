/* lower.c: one ONNX node -> nodes of the graph.
 *
 * A node whose inputs are all constants is run at once. For any other the inputs are first brought
 * to the layout its operator works in (gcam_layout_rule), by build.c.
 *
 * Some nodes are written differently than the file has them:
 *   reductions with keepdims=0   -> keepdims=1 and a Reshape, so that a spatial mean stays cheap
 *   Reshape, Transpose, Reshape  -> a channel shuffle as an order of axes, channels last
 * (shuffle.c) Attention                    -> products, a softmax and what lies between
 * (attention.c) Sum of n                     -> n - 1 Adds broadcasting before opset 7  -> the
 * second input is reshaped to what it means today */
#include "onnx/lower.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "onnx/attention.h"
#include "onnx/build.h"
#include "onnx/constant.h"
#include "onnx/fold.h"
#include "onnx/quantized.h"
#include "onnx/shuffle.h"
#include "onnx/tensor.h"

/* ---- Layout --------------------------------------------------------------------------------- */

/* Brings the inputs to the layout that the operator works in; says which its outputs have. */
static gcam_status lay_out(gcam_import *im, const gcam_op *op, int *in, int count,
                           gcam_layout *layout) {
  int data = gcam_op_data_inputs(op, count), rank = 0;
  bool active_last = false, active = false;
  *layout = op->rule == GCAM_RULE_SPATIAL ? GCAM_CHANNELS_LAST : GCAM_ROWS;
  for (int i = 0; i < data; i++) {
    if (in[i] < 0) continue;
    const gcam_value *x = &im->graph->values[in[i]];
    if (x->shape.rank > rank) rank = x->shape.rank;
    if (x->shape.rank >= 3 && x->layout == GCAM_CHANNELS_LAST && !x->weight) active_last = true;
    if (!x->weight) active = true;
  }
  if (op->rule == GCAM_RULE_POINTWISE || op->rule == GCAM_RULE_AXIS)
    *layout = active_last ? GCAM_CHANNELS_LAST : GCAM_ROWS;
  for (int i = 0; i < count; i++) {
    if (in[i] < 0) continue;
    if (i < data && op->rule == GCAM_RULE_POINTWISE) {
      if (gcam_state_is_constant(im, in[i]) && active)
        GCAM_TRY(gcam_build_float(im, in[i], &in[i]));
      GCAM_TRY(gcam_build_rank(im, in[i], rank, &in[i]));
    }
    if (i < data && op->rule == GCAM_RULE_TO_ROWS) continue;
    GCAM_TRY(gcam_build_layout(im, in[i], i < data ? *layout : GCAM_ROWS, &in[i]));
  }
  return GCAM_OK;
}

/* ---- Nodes that are not operators of the engine --------------------------------------------- */

static gcam_status lower_constant(gcam_import *im, int n) {
  const onnx_node *node = &im->file->nodes[n];
  char label[160];
  int v, s = node->output_count ? im->node_out[n][0] : -1;
  if (s < 0) return GCAM_OK;
  if (node->attr_count != 1)
    return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED, "%s: its value is of an unsupported kind",
                     gcam_state_label(im, n, label, sizeof label));
  const gcam_attr *attr = &node->attrs[0];
  GCAM_TRY(gcam_state_add_value(im, im->symbols[s].name, &v));
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
                       gcam_state_label(im, n, label, sizeof label));
    size_t count = list ? (size_t)attr->count : 1, size = real ? sizeof(float) : sizeof(int64_t);
    weight = gcam_arena_alloc(&im->graph->arena, 1, sizeof *weight);
    if (!weight || !(weight->data = gcam_alloc((int64_t)count, (int64_t)size)))
      return gcam_state_no_memory(im);
    if (count) memcpy(weight->data, from, count * size);
    weight->dtype = real ? GCAM_F32 : GCAM_I64;
    if (list) value->shape = (gcam_shape){1, {(int64_t)count}};
  }
  value->weight = weight;
  im->symbols[s].value = v;
  return GCAM_OK;
}

/* ConstantOfShape's value becomes an input, so that shape() and fold.c see two constants. */
static gcam_status value_input(gcam_import *im, int n, int **in, int *count) {
  const onnx_node *node = &im->file->nodes[n];
  for (int i = 0; i < node->attr_count; i++) {
    const onnx_tensor *tensor = node->tensors[i];
    if (node->attrs[i].kind != GCAM_ATTR_TENSOR || strcmp(node->attrs[i].name, "value")) continue;
    int *both = gcam_arena_alloc(&im->scratch, 2, sizeof *both), v;
    if (!both) return gcam_state_no_memory(im);
    gcam_weight *weight;
    GCAM_TRY(gcam_state_add_value(im, "value", &v));
    GCAM_TRY(gcam_onnx_tensor_load(im->file, tensor, &im->graph->arena, &weight, im->err));
    im->graph->values[v].shape = tensor->shape;
    im->graph->values[v].weight = weight;
    im->info[v].external = tensor->external;
    both[0] = (*in)[0];
    both[1] = v;
    *in = both;
    *count = 2;
  }
  return GCAM_OK;
}

/* Shape and Size: known now, whatever they are asked of. */
static gcam_status lower_shape(gcam_import *im, int n, int x) {
  const onnx_node *node = &im->file->nodes[n];
  gcam_node shell = {.attrs = node->attrs, .attr_count = node->attr_count};
  gcam_shape shape = gcam_value_onnx_shape(&im->graph->values[x]);
  int64_t total = gcam_numel(&shape), from = gcam_node_int(&shell, "start", 0);
  int64_t to = gcam_node_int(&shell, "end", shape.rank);
  bool size = !strcmp(node->op, "Size");
  int v, s = im->node_out[n][0];
  if (from < 0) from += shape.rank;
  if (to < 0) to += shape.rank;
  from = from < 0 ? 0 : from > shape.rank ? shape.rank : from;
  to = to < from ? from : to > shape.rank ? shape.rank : to;
  GCAM_TRY(gcam_state_add_value(im, im->symbols[s].name, &v));
  gcam_weight *weight = gcam_arena_alloc(&im->graph->arena, 1, sizeof *weight);
  if (!weight || !(weight->data = gcam_alloc(GCAM_MAX_RANK + 1, sizeof(int64_t))))
    return gcam_state_no_memory(im);
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

/* ---- Nodes that are operators of the engine ------------------------------------------------- */

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
                         gcam_state_label(im, n, label, sizeof label), attr_kinds[k].name);
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
  gcam_shape shape = gcam_value_onnx_shape(&im->graph->values[in[1]]);
  int64_t axis = gcam_node_int(&shell, "axis", rank - shape.rank);
  if (!strcmp(op->name, "PRelu"))
    axis = shape.rank == 1 && shape.dim[0] > 1 ? 1 : rank - shape.rank;
  else if (!gcam_node_int(&shell, "broadcast", 0))
    return GCAM_OK;
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank - shape.rank) return GCAM_OK; /* shape() says what is wrong */
  while (axis + shape.rank < rank) shape.dim[shape.rank++] = 1;
  return gcam_build_reshape(im, in[1], &shape, im->graph->values[in[1]].name, &in[1]);
}

static bool is_reduction(const gcam_op *op) { return !strncmp(op->name, "Reduce", 6); }

/* The node's attributes, but keepdims, which becomes 1. */
static gcam_status keep_dims(gcam_import *im, import_node *spec) {
  gcam_attr *attrs = gcam_arena_alloc(&im->graph->arena, (size_t)spec->attr_count, sizeof *attrs);
  if (!attrs) return gcam_state_no_memory(im);
  for (int i = 0; i < spec->attr_count; i++) {
    attrs[i] = spec->attrs[i];
    if (!strcmp(attrs[i].name, "keepdims")) attrs[i].i = 1;
  }
  spec->attrs = attrs;
  return GCAM_OK;
}

/* What a reduction's shape() has accepted, in ONNX's order, without the axes that are gone. */
static gcam_status reduced_shape(gcam_import *im, const import_node *spec, gcam_shape *shape) {
  gcam_node shell = {.op = spec->op,
                     .name = spec->name,
                     .attrs = spec->attrs,
                     .attr_count = spec->attr_count,
                     .inputs = (int *)(uintptr_t)spec->in,
                     .input_count = spec->in_count};
  int64_t axes[GCAM_MAX_RANK];
  int count;
  GCAM_TRY(gcam_node_ints(im->graph, &shell, "axes", 1, axes, GCAM_MAX_RANK, &count, im->err));
  gcam_shape x = gcam_value_onnx_shape(&im->graph->values[spec->in[0]]);
  bool all = !count && !gcam_node_int(&shell, "noop_with_empty_axes", 0);
  bool gone[GCAM_MAX_RANK] = {false};
  for (int i = 0; i < count; i++) gone[axes[i] < 0 ? axes[i] + x.rank : axes[i]] = true;
  *shape = (gcam_shape){0};
  for (int i = 0; i < x.rank; i++)
    if (!all && !gone[i]) shape->dim[shape->rank++] = x.dim[i];
  return GCAM_OK;
}

/* a + b + c + ...: partial sums get names of their own. */
static gcam_status lower_sum(gcam_import *im, import_node *spec, int *in, int count) {
  spec->op = gcam_op_find(count == 1 ? "Identity" : "Add");
  if (count == 1) {
    spec->layout = im->graph->values[in[0]].layout;
    return gcam_build_node(im, spec);
  }
  int out = spec->out[0], sum = in[0];
  for (int i = 1; i < count; i++) {
    int pair[2] = {sum, in[i]}, next = out;
    if (pair[1] < 0)
      return gcam_fail(im->err, GCAM_ERR_MODEL, "Sum node '%.96s' lacks an input", spec->name);
    if (i + 1 < count) {
      GCAM_TRY(gcam_state_add_value(im, spec->name, &next));
      im->graph->values[next].of = -1;
    }
    GCAM_TRY(lay_out(im, spec->op, pair, 2, &spec->layout));
    spec->in = pair;
    spec->in_count = 2;
    spec->out = &next;
    GCAM_TRY(gcam_build_node(im, spec));
    sum = next;
  }
  return GCAM_OK;
}

static gcam_status lower_op(gcam_import *im, int n, const gcam_op *op, int *in, int count,
                            bool active) {
  const onnx_node *node = &im->file->nodes[n];
  gcam_graph *graph = im->graph;
  bool sum = !strcmp(node->op, "Sum");
  char label[160], name[1024];
  gcam_state_label(im, n, label, sizeof label);
  if (!sum && (count < op->min_inputs || (op->max_inputs >= 0 && count > op->max_inputs)))
    return gcam_fail(im->err, GCAM_ERR_MODEL, "%s has %d inputs; it takes %d to %d", label, count,
                     op->min_inputs, op->max_inputs);
  for (int i = 0; i < (sum ? 1 : op->min_inputs); i++)
    if (i >= count || in[i] < 0)
      return gcam_fail(im->err, GCAM_ERR_MODEL, "%s: its input %d is left out", label, i);
  /* A constant condition beside activations (Where) is read as numbers, like any other integers. */
  if (active && op->rule != GCAM_RULE_POINTWISE && gcam_state_is_constant(im, in[0]) &&
      !gcam_constant_is_real(&graph->values[in[0]]))
    return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                     "%s: the engine runs it on floating point numbers alone", label);

  /* A name that nobody reads (Dropout's mask) is dropped. */
  bool several = gcam_op_is(op, GCAM_OP_OUTPUTS);
  int outputs = several ? node->output_count : 1;
  int *out = gcam_arena_alloc(&im->scratch, (size_t)node->output_count, sizeof *out);
  if (!out) return gcam_state_no_memory(im);
  for (int i = 0; i < node->output_count; i++) {
    int s = im->node_out[n][i];
    out[i] = -1;
    if (s < 0 || !im->symbols[s].uses) continue;
    if (i && !several)
      return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                       "%s: its output %d, '" GCAM_NAME_FORMAT "', is not supported", label, i,
                       im->symbols[s].name);
    GCAM_TRY(gcam_state_add_value(im, im->symbols[s].name, &out[i]));
    if (node->made) graph->values[out[i]].of = -1;
    im->symbols[s].value = out[i];
  }
  import_node spec = {op,
                      gcam_state_node_name(im, n, name, sizeof name),
                      im->opset,
                      node->attrs,
                      node->attr_count,
                      in,
                      out,
                      count,
                      outputs,
                      GCAM_ROWS};
  if (sum) return lower_sum(im, &spec, in, count);
  GCAM_TRY(old_broadcast(im, n, op, in, count));
  GCAM_TRY(lay_out(im, op, in, count, &spec.layout));
  bool done;
  GCAM_TRY(gcam_shuffle_lower(im, &spec, &done));
  if (done) return GCAM_OK;
  gcam_node shell = {.attrs = node->attrs, .attr_count = node->attr_count};
  if (!is_reduction(op) || gcam_node_int(&shell, "keepdims", 1)) return gcam_build_node(im, &spec);

  gcam_shape shape;
  GCAM_TRY(keep_dims(im, &spec));
  int kept, rows;
  size_t size = strlen(graph->values[out[0]].name) + 16;
  char *kept_name = gcam_arena_alloc(&im->scratch, size, 1);
  if (!kept_name) return gcam_state_no_memory(im);
  snprintf(kept_name, size, "%s.keepdims", graph->values[out[0]].name);
  GCAM_TRY(gcam_state_add_value(im, kept_name, &kept));
  graph->values[kept].of = -1;
  spec.out = &kept;
  GCAM_TRY(gcam_build_node(im, &spec));
  GCAM_TRY(reduced_shape(im, &spec, &shape));
  GCAM_TRY(gcam_build_layout(im, kept, GCAM_ROWS, &rows));
  return gcam_build_reshape_node(im, kept_name, rows, out[0], &shape);
}

/* ---- One node ------------------------------------------------------------------------------- */

const char *gcam_lower_name(int index) {
  static const char *const names[] = {"Sum", "Attention"};
  return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

lower_kind gcam_lower_kind(const onnx_node *node) {
  static const char *const own[] = {"Constant", "Shape", "Size", "DequantizeLinear"};
  if (*node->domain) return LOWER_UNKNOWN;
  for (int i = 0; i < (int)(sizeof own / sizeof *own); i++)
    if (!strcmp(node->op, own[i])) return LOWER_ANY;
  for (int i = 0; gcam_lower_name(i); i++)
    if (!strcmp(node->op, gcam_lower_name(i))) return LOWER_ANY;
  if (gcam_op_find(node->op)) return LOWER_ANY;
  return gcam_fold_knows(node->op) ? LOWER_CONSTANTS : LOWER_UNKNOWN;
}

bool gcam_lower_is_shape(const onnx_node *node) {
  return !*node->domain && (!strcmp(node->op, "Shape") || !strcmp(node->op, "Size"));
}

gcam_status gcam_lower_node(gcam_import *im, int n) {
  const onnx_node *node = &im->file->nodes[n];
  char label[160];
  int count = node->input_count, given = 0, active = -1;
  if (!strcmp(node->op, "Constant")) return lower_constant(im, n);
  GCAM_TRY(check_attrs(im, n));
  while (count && im->node_in[n][count - 1] < 0) count--;
  int *in = gcam_arena_alloc(&im->scratch, (size_t)count, sizeof *in);
  if (!in) return gcam_state_no_memory(im);
  for (int i = 0; i < count; i++) {
    in[i] = -1;
    if (im->node_in[n][i] < 0) continue;
    GCAM_TRY(gcam_state_value(im, im->node_in[n][i], &in[i]));
    given++;
    if (!gcam_state_is_constant(im, in[i])) active = in[i];
  }
  gcam_state_label(im, n, label, sizeof label);
  if (!given) return gcam_fail(im->err, GCAM_ERR_MODEL, "%s has no input", label);
  if (gcam_lower_is_shape(node)) {
    if (in[0] < 0 || !node->output_count || im->node_out[n][0] < 0)
      return gcam_fail(im->err, GCAM_ERR_MODEL, "%s lacks its input or output", label);
    return lower_shape(im, n, in[0]);
  }
  bool done;
  GCAM_TRY(gcam_quantized_lower(im, n, &in, &count, &done));
  if (done) return GCAM_OK;
  if (!strcmp(node->op, "Attention")) return gcam_attention_lower(im, n, in, count);
  /* Of an operator that has two ways the one for constants is asked first. */
  const gcam_op *op = NULL;
  if (active < 0 && gcam_fold_knows(node->op))
    GCAM_TRY(gcam_fold_op(im, node->op, &op));
  else
    op = gcam_op_find(strcmp(node->op, "Sum") ? node->op : "Add");
  if (!op)
    return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                     "%s: the engine runs %.40s on constants alone, but '" GCAM_NAME_FORMAT
                     "' is computed from the picture",
                     label, node->op, im->graph->values[active].name);
  if (!strcmp(node->op, "ConstantOfShape") && in[0] >= 0 && count == 1)
    GCAM_TRY(value_input(im, n, &in, &count));
  GCAM_TRY(lower_op(im, n, op, in, count, active >= 0));
  gcam_quantized_note(im, n);
  return GCAM_OK;
}
