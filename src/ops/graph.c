/* Who frees what: everything of a graph lives in its arena, except the `data` of weights that are
 * not borrowed and their `f32` copies. These come from malloc or gcam_floats_alloc, because they
 * are large and may be released early; both end in gcam_free(). */
#include "ops/graph.h"

#include <string.h>

#include "base/memory.h"

int gcam_graph_add_value(gcam_graph *graph, const char *name) {
  if (graph->value_count == graph->value_capacity) {
    /* The old array stays in the arena: doubling keeps that below the size of the new one. */
    int capacity = graph->value_capacity ? graph->value_capacity * 2 : 64;
    if (graph->value_capacity > (1 << 29)) return -1;
    gcam_value *values = gcam_arena_alloc(&graph->arena, (size_t)capacity, sizeof *values);
    if (!values) return -1;
    if (graph->value_count)
      memcpy(values, graph->values, (size_t)graph->value_count * sizeof *values);
    graph->values = values;
    graph->value_capacity = capacity;
  }
  char *copy = gcam_arena_strndup(&graph->arena, name, strlen(name));
  if (!copy) return -1;
  gcam_value *value = &graph->values[graph->value_count];
  memset(value, 0, sizeof *value);
  value->name = copy;
  value->producer = -1;
  value->of = graph->value_count;
  return graph->value_count++;
}

int gcam_graph_find(const gcam_graph *graph, const char *name) {
  for (int i = 0; i < graph->value_count; i++)
    if (!strcmp(graph->values[i].name, name)) return i;
  return -1;
}

void gcam_graph_free(gcam_graph *graph) {
  for (int i = 0; i < graph->value_count; i++) gcam_weight_free(graph->values[i].weight);
  gcam_arena_free(&graph->arena);
  memset(graph, 0, sizeof *graph);
}

int gcam_value_axis(const gcam_value *value, int64_t axis) {
  int rank = value->shape.rank;
  if (axis < -rank || axis >= rank) return -1;
  if (axis < 0) axis += rank;
  if (value->layout == GCAM_ROWS || rank < 3 || axis == 0) return (int)axis;
  return axis == 1 ? rank - 1 : (int)axis - 1;
}

gcam_shape gcam_value_onnx_shape(const gcam_value *value) {
  gcam_shape shape = value->shape;
  for (int i = 0; i < shape.rank; i++) shape.dim[i] = value->shape.dim[gcam_value_axis(value, i)];
  return shape;
}

void gcam_value_from_onnx(const gcam_value *value, const float *from, float *to) {
  gcam_shape shape = gcam_value_onnx_shape(value);
  int perm[GCAM_MAX_RANK];
  for (int i = 0; i < shape.rank; i++) perm[gcam_value_axis(value, i)] = i;
  gcam_permute(to, from, &shape, perm, sizeof *to);
}

void gcam_value_to_onnx(const gcam_value *value, const float *from, float *to) {
  int perm[GCAM_MAX_RANK];
  for (int i = 0; i < value->shape.rank; i++) perm[i] = gcam_value_axis(value, i);
  gcam_permute(to, from, &value->shape, perm, sizeof *to);
}
