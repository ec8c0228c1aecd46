#include "ops/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const gcam_op *const table[] = {
#define GCAM_OP(symbol) &gcam_op_##symbol,
#include "ops/op_list.h"
#undef GCAM_OP
};

int gcam_op_count(void) { return (int)(sizeof table / sizeof *table); }

const gcam_op *gcam_op_at(int index) {
  return index >= 0 && index < gcam_op_count() ? table[index] : NULL;
}

const gcam_op *gcam_op_find(const char *name) {
  for (int i = 0; i < gcam_op_count(); i++)
    if (!strcmp(table[i]->name, name)) return table[i];
  return NULL;
}

bool gcam_op_is(const gcam_op *op, unsigned trait) { return (op->traits & trait) != 0; }

int gcam_op_data_inputs(const gcam_op *op, int count) {
  return op->data_inputs && op->data_inputs < count ? op->data_inputs : count;
}

bool gcam_node_is_view(const gcam_graph *graph, const gcam_node *node) {
  if (node->op->view) return node->op->view(graph, node);
  return gcam_op_is(node->op, GCAM_OP_VIEW);
}

bool gcam_node_clamp(const gcam_graph *graph, const gcam_node *node, float *lo, float *hi) {
  return node->op->clamp && node->op->clamp(graph, node, lo, hi);
}

bool gcam_node_constant_from(const gcam_graph *graph, const gcam_node *node, int from) {
  for (int i = from; i < node->input_count; i++)
    if (node->inputs[i] >= 0 && !graph->values[node->inputs[i]].weight) return false;
  return true;
}

const char *gcam_node_label(const gcam_node *node, char *text, size_t size) {
  snprintf(text, size, "%s node '%s'", node->op ? node->op->name : "Unknown", node->name);
  return text;
}

/* ---- Attributes ----------------------------------------------------------------------------- */

const gcam_attr *gcam_node_attr(const gcam_node *node, const char *name) {
  for (int i = 0; i < node->attr_count; i++)
    if (!strcmp(node->attrs[i].name, name)) return &node->attrs[i];
  return NULL;
}

int64_t gcam_node_int(const gcam_node *node, const char *name, int64_t otherwise) {
  const gcam_attr *attr = gcam_node_attr(node, name);
  return attr && attr->kind == GCAM_ATTR_INT ? attr->i : otherwise;
}

float gcam_node_float(const gcam_node *node, const char *name, float otherwise) {
  const gcam_attr *attr = gcam_node_attr(node, name);
  return attr && attr->kind == GCAM_ATTR_FLOAT ? attr->f : otherwise;
}

const char *gcam_node_string(const gcam_node *node, const char *name, const char *otherwise) {
  const gcam_attr *attr = gcam_node_attr(node, name);
  return attr && attr->kind == GCAM_ATTR_STRING && attr->s ? attr->s : otherwise;
}

/* The constant behind input `input`; fails when the input is computed while the network runs. */
static gcam_status constant_input(const gcam_graph *graph, const gcam_node *node, const char *name,
                                  int input, const gcam_value **value, gcam_error *err) {
  *value = &graph->values[node->inputs[input]];
  if (!(*value)->weight || !(*value)->weight->data)
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                          "its input %d ('%s') must be a constant, but '%s' is computed while the "
                          "network runs; export the model with fixed shapes",
                          input, name, (*value)->name);
  return GCAM_OK;
}

/* All elements of an integer constant. */
static gcam_status constant_ints(const gcam_node *node, const char *name, int input,
                                 const gcam_value *value, int64_t *values, gcam_error *err) {
  const unsigned char *data = value->weight->data;
  int64_t n = gcam_numel(&value->shape);
  for (int64_t i = 0; i < n; i++) {
    if (value->weight->dtype == GCAM_I64) {
      memcpy(&values[i], data + (size_t)i * 8, 8);
    } else if (value->weight->dtype == GCAM_I32) {
      int32_t v;
      memcpy(&v, data + (size_t)i * 4, 4);
      values[i] = v;
    } else {
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its input %d ('%s') does not hold integers",
                            input, name);
    }
  }
  return GCAM_OK;
}

gcam_status gcam_node_ints(const gcam_graph *graph, const gcam_node *node, const char *name,
                           int input, int64_t *values, int max, int *count, gcam_error *err) {
  const gcam_attr *attr = gcam_node_attr(node, name);
  *count = 0;
  if (attr) {
    const int64_t *ints = attr->kind == GCAM_ATTR_INT ? &attr->i : attr->ints;
    int n = attr->kind == GCAM_ATTR_INT ? 1 : attr->count;
    if (attr->kind != GCAM_ATTR_INT && attr->kind != GCAM_ATTR_INTS)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "its attribute '%s' is not a list of integers", name);
    if (n > max)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "its attribute '%s' has %d values, at most %d fit", name, n, max);
    if (n > 0) memcpy(values, ints, (size_t)n * sizeof *values);
    *count = n;
    return GCAM_OK;
  }
  if (input < 0 || !gcam_node_has_input(node, input)) return GCAM_OK;

  const gcam_value *value;
  GCAM_TRY(constant_input(graph, node, name, input, &value, err));
  int64_t n = gcam_numel(&value->shape);
  if (value->shape.rank > 1)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its input %d ('%s') has rank %d, not 1",
                          input, name, value->shape.rank);
  if (n > max)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                          "its input %d ('%s') has %lld values, at most %d fit", input, name,
                          (long long)n, max);
  *count = (int)n;
  return constant_ints(node, name, input, value, values, err);
}

gcam_status gcam_node_indices(gcam_graph *graph, const gcam_node *node, const char *name, int input,
                              int64_t **values, gcam_error *err) {
  const gcam_value *value;
  GCAM_TRY(constant_input(graph, node, name, input, &value, err));
  *values = gcam_arena_alloc(&graph->arena, (size_t)gcam_numel(&value->shape) + 1, sizeof **values);
  if (!*values) return gcam_node_no_memory(node, err);
  return constant_ints(node, name, input, value, *values, err);
}

gcam_status gcam_node_scalar(const gcam_graph *graph, const gcam_node *node, const char *name,
                             int input, float *value, bool *found, gcam_error *err) {
  const gcam_attr *attr = gcam_node_attr(node, name);
  *found = false;
  if (attr) {
    if (attr->kind != GCAM_ATTR_FLOAT && attr->kind != GCAM_ATTR_INT)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its attribute '%s' is not a number", name);
    *value = attr->kind == GCAM_ATTR_FLOAT ? attr->f : (float)attr->i;
    *found = true;
    return GCAM_OK;
  }
  if (input < 0 || !gcam_node_has_input(node, input)) return GCAM_OK;

  const gcam_value *source;
  GCAM_TRY(constant_input(graph, node, name, input, &source, err));
  if (gcam_numel(&source->shape) != 1)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                          "its input %d ('%s') must hold one number, not %lld", input, name,
                          (long long)gcam_numel(&source->shape));
  gcam_weight_read(source->weight, &source->shape, 0, 1, value);
  *found = true;
  return GCAM_OK;
}

/* ---- Shapes --------------------------------------------------------------------------------- */

bool gcam_node_has_input(const gcam_node *node, int input) {
  return input >= 0 && input < node->input_count && node->inputs[input] >= 0;
}

const gcam_shape *gcam_in_shape(const gcam_graph *graph, const gcam_node *node, int i) {
  return &graph->values[node->inputs[i]].shape;
}

gcam_shape *gcam_out_shape(gcam_graph *graph, const gcam_node *node, int i) {
  return &graph->values[node->outputs[i]].shape;
}

gcam_status gcam_node_fail(const gcam_node *node, gcam_error *err, gcam_status status,
                           const char *format, ...) {
  char label[160], text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return gcam_fail(err, status, "%s: %s", gcam_node_label(node, label, sizeof label), text);
}

gcam_status gcam_node_no_memory(const gcam_node *node, gcam_error *err) {
  return gcam_node_fail(node, err, GCAM_ERR_MEMORY, "out of memory");
}

gcam_status gcam_node_set_shape(gcam_graph *graph, gcam_node *node, int output,
                                const gcam_shape *shape, gcam_error *err) {
  char label[160], what[224];
  if (output < 0 || output >= node->output_count) return GCAM_OK;
  snprintf(what, sizeof what, "%s: its output %d", gcam_node_label(node, label, sizeof label),
           output);
  GCAM_TRY(gcam_shape_check(shape, what, err));
  if (node->outputs[output] >= 0) *gcam_out_shape(graph, node, output) = *shape;
  return GCAM_OK;
}

void *gcam_node_params(gcam_graph *graph, gcam_node *node, size_t size) {
  return node->params = gcam_arena_alloc(&graph->arena, 1, size);
}
