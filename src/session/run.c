#include "session/run.h"

#include "base/memory.h"

gcam_status gcam_run_make(gcam_run *run, gcam_graph *g, const gcam_threads *pool, gcam_error *err) {
  int64_t widest = 1, scratch = 0;
  for (int n = 0; n < g->node_count; n++) {
    const gcam_node *node = &g->nodes[n];
    if (node->input_count > widest) widest = node->input_count;
    if (node->output_count > widest) widest = node->output_count;
    if (node->scratch_floats > scratch) scratch = node->scratch_floats;
  }
  run->graph = g;
  run->pool = pool;
  run->in = gcam_alloc_zeroed(widest, sizeof *run->in);
  run->out = gcam_alloc_zeroed(widest, sizeof *run->out);
  run->din = gcam_alloc_zeroed(widest, sizeof *run->din);
  run->dout = gcam_alloc_zeroed(widest, sizeof *run->dout);
  run->scratch = gcam_floats_alloc(scratch);
  if (!run->in || !run->out || !run->din || !run->dout || !run->scratch)
    return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the session; close other models");
  return GCAM_OK;
}

void gcam_run_free(gcam_run *run) {
  gcam_free(run->in);
  gcam_free(run->out);
  gcam_free(run->din);
  gcam_free(run->dout);
  gcam_floats_free(run->scratch);
}

gcam_status gcam_run_bind(gcam_run *run, const gcam_node *node, bool floats, gcam_error *err) {
  const gcam_graph *g = run->graph;
  const gcam_slot *slots = run->plan.slots;
  for (int i = 0; i < node->input_count; i++) {
    int v = node->inputs[i];
    run->in[i] = NULL;
    if (v < 0) continue;
    gcam_weight *weight = g->values[v].weight;
    if (!weight) {
      run->in[i] = slots[v].data;
    } else if (floats || (weight->dtype == GCAM_F32 && !weight->scale)) {
      run->in[i] = gcam_weight_floats(weight, &g->values[v].shape);
      if (!run->in[i])
        return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the weights of node '%.100s'",
                         node->name);
    }
  }
  for (int i = 0; i < node->output_count; i++)
    run->out[i] = node->outputs[i] >= 0 ? slots[node->outputs[i]].data : NULL;
  return GCAM_OK;
}
