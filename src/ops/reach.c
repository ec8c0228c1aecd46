#include "ops/reach.h"

static bool any(const int *values, int count, const bool *marks) {
  bool found = false;
  for (int i = 0; i < count; i++) found |= values[i] >= 0 && marks[values[i]];
  return found;
}

static void mark(const int *values, int count, bool *marks) {
  for (int i = 0; i < count; i++)
    if (values[i] >= 0) marks[values[i]] = true;
}

/* Nodes are in topological order: one walk is enough. */
void gcam_reach_down(const gcam_graph *g, int value, bool *marks) {
  memset(marks, 0, (size_t)g->value_count * sizeof *marks);
  marks[value] = true;
  for (int n = 0; n < g->node_count; n++) {
    const gcam_node *node = &g->nodes[n];
    if (any(node->inputs, node->input_count, marks)) mark(node->outputs, node->output_count, marks);
  }
}

void gcam_reach_up(const gcam_graph *g, int value, bool *marks) {
  memset(marks, 0, (size_t)g->value_count * sizeof *marks);
  marks[value] = true;
  for (int n = g->node_count - 1; n >= 0; n--) {
    const gcam_node *node = &g->nodes[n];
    if (any(node->outputs, node->output_count, marks)) mark(node->inputs, node->input_count, marks);
  }
}
