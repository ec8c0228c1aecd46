#include "session/forward.h"

#include "base/memory.h"
#include "kernels/rows.h"
#include "ops/reach.h"

/* Floats from one row of the value, its last dimension, to the next. */
static int64_t row_stride(const gcam_run *run, int value) {
  const gcam_value *v = &run->graph->values[value];
  return v->weight ? v->shape.dim[v->shape.rank - 1] : run->plan.slots[value].stride;
}

static gcam_status node_forward(gcam_run *run, const gcam_step *step, gcam_error *err) {
  const gcam_node *node = &run->graph->nodes[step->nodes[0]];
  const gcam_twin *twin = step->twin && step->twin->forward ? step->twin : NULL;
  gcam_args args = {.graph = run->graph,
                    .node = node,
                    .in = run->in,
                    .out = run->out,
                    .scratch = run->scratch,
                    .times_input = step->times_input};
  if (twin && twin->strides) args.in_stride = row_stride(run, node->inputs[0]);
  GCAM_TRY(gcam_run_bind(run, node, !twin || !twin->reads_stored_weights, err));
  if (step->node_count > 1) run->out[0] = run->plan.slots[gcam_step_output(run->graph, step)].data;
  if (step->clamped) args.limits = step->limits;
  if (step->bias >= 0) {
    const gcam_value *bias = &run->graph->values[step->bias];
    args.bias = gcam_weight_floats(bias->weight, &bias->shape);
    if (!args.bias) return gcam_node_no_memory(node, err);
  }
  if (twin)
    twin->forward(&args, run->pool);
  else
    node->op->forward(&args);
  return GCAM_OK;
}

/* Copies the inputs that their producers could not write in place. */
static gcam_status concat_forward(gcam_run *run, const gcam_step *step, gcam_error *err) {
  const gcam_graph *g = run->graph;
  const gcam_node *node = &g->nodes[step->nodes[0]];
  const gcam_slot *slots = run->plan.slots;
  int y = node->outputs[0];
  const gcam_shape *shape = &g->values[y].shape;
  int64_t stride = slots[y].stride, rows = gcam_numel_range(shape, 0, shape->rank - 1), c = 0;
  float *out = slots[y].data;
  GCAM_TRY(gcam_run_bind(run, node, true, err));
  for (int i = 0; i < node->input_count; i++) {
    const gcam_value *x = &g->values[node->inputs[i]];
    int64_t C = x->shape.dim[x->shape.rank - 1];
    int64_t from = row_stride(run, node->inputs[i]);
    if (c >= step->written && run->in[i] != out + c)
      gcam_rows_copy(&(gcam_rows){run->in[i], out + c, from, stride, C, rows, false}, run->pool);
    c += C;
  }
  return GCAM_OK;
}

static gcam_status conv_forward(gcam_run *run, const gcam_step *step, gcam_error *err) {
  const gcam_slot *slots = run->plan.slots;
  int x = gcam_step_input(run->graph, step), y = gcam_step_output(run->graph, step);
  return step->forward->run(step->forward, run->graph->values[y].shape.dim[0], slots[x].data,
                            slots[y].data, run->pool, err);
}

static gcam_status step_forward(gcam_run *run, const gcam_step *step, gcam_error *err) {
  switch (step->kind) {
    case GCAM_STEP_VIEW:
      return GCAM_OK;
    case GCAM_STEP_CONCAT:
      return concat_forward(run, step, err);
    case GCAM_STEP_NODE:
      return node_forward(run, step, err);
    case GCAM_STEP_CONV:
      return conv_forward(run, step, err);
  }
  return GCAM_OK;
}

gcam_status gcam_forward(gcam_run *run, gcam_error *err) {
  for (int i = 0; i < run->plan.step_count; i++)
    GCAM_TRY(step_forward(run, &run->plan.steps[i], err));
  return GCAM_OK;
}

gcam_status gcam_forward_from(gcam_run *run, int value, gcam_error *err) {
  const gcam_graph *g = run->graph;
  bool *depends = gcam_alloc(g->value_count, sizeof *depends);
  if (!depends) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a forward pass");
  gcam_reach_down(g, value, depends);
  gcam_status status = GCAM_OK;
  for (int i = 0; i < run->plan.step_count && !status; i++) {
    const gcam_node *last = gcam_step_last(g, &run->plan.steps[i]);
    bool again = false, makes_it = false;
    for (int k = 0; k < last->output_count; k++) {
      int y = last->outputs[k];
      again |= y >= 0 && depends[y];
      makes_it |= y == value;
    }
    if (again && !makes_it) status = step_forward(run, &run->plan.steps[i], err);
  }
  gcam_free(depends);
  return status;
}

gcam_status gcam_forward_new(gcam_run *run, gcam_error *err) {
  const gcam_slot *slots = run->plan.slots;
  for (int i = 0; i < run->plan.step_count; i++) {
    const gcam_node *last = gcam_step_last(run->graph, &run->plan.steps[i]);
    bool fresh = false;
    for (int k = 0; k < last->output_count; k++) {
      int y = last->outputs[k];
      fresh |= y >= 0 && slots[y].data && !slots[slots[y].owner].shared;
    }
    if (fresh) GCAM_TRY(step_forward(run, &run->plan.steps[i], err));
  }
  return GCAM_OK;
}
