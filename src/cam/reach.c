#include "cam/reach.h"

void gcam_reach_ancestors(const gcam_graph *g, int value, bool *on_path) {
  on_path[value] = true;
  for (int n = g->node_count - 1; n >= 0; n--) {
    const gcam_node *node = &g->nodes[n];
    bool any = false;
    for (int i = 0; i < node->output_count; i++)
      any |= node->outputs[i] >= 0 && on_path[node->outputs[i]];
    for (int i = 0; any && i < node->input_count; i++)
      if (node->inputs[i] >= 0) on_path[node->inputs[i]] = true;
  }
}
