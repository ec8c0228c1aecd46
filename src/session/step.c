#include "session/step.h"

int gcam_step_input(const gcam_graph *g, const gcam_step *step) {
  return g->nodes[step->nodes[0]].inputs[0];
}

const gcam_node *gcam_step_last(const gcam_graph *g, const gcam_step *step) {
  return &g->nodes[step->nodes[step->node_count - 1]];
}

int gcam_step_output(const gcam_graph *g, const gcam_step *step) {
  return gcam_step_last(g, step)->outputs[0];
}

gcam_step *gcam_step_making(const gcam_graph *g, gcam_step *steps, int count, int value) {
  for (int i = 0; i < count; i++)
    if (gcam_step_output(g, &steps[i]) == value) return &steps[i];
  return NULL;
}

bool gcam_read_once(const gcam_graph *g, const gcam_node *node, int value) {
  int times = 0;
  for (int i = 0; i < g->output_count; i++)
    if (g->outputs[i] == value) return false;
  for (int i = 0; i < node->input_count; i++) times += node->inputs[i] == value;
  return times == 1 && g->values[value].consumer_count == 1;
}

bool gcam_slot_owns(const gcam_slot *slots, int value) {
  return slots[value].data && slots[value].owner == value;
}
