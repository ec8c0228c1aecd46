/* forward.c: runs the plan once, keeping every activation that is not hidden in a fused step. */
#include <string.h>

#include "base/memory.h"
#include "session/session.h"

gcam_status gcam_session_bind(gcam_session *s, const gcam_node *node, bool floats,
                              gcam_error *err) {
  gcam_graph *g = s->graph;
  for (int i = 0; i < node->input_count; i++) {
    int v = node->inputs[i];
    s->in[i] = NULL;
    if (v < 0) continue;
    gcam_weight *weight = g->values[v].weight;
    if (!weight) {
      s->in[i] = s->slots[v].data;
    } else if (floats || (weight->dtype == GCAM_F32 && !weight->scale)) {
      s->in[i] = gcam_weight_floats(weight, &g->values[v].shape);
      if (!s->in[i])
        return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the weights of node '%s'",
                         node->name);
    }
  }
  for (int i = 0; i < node->output_count; i++)
    s->out[i] = node->outputs[i] >= 0 ? s->slots[node->outputs[i]].data : NULL;
  return GCAM_OK;
}

static gcam_status node_forward(gcam_session *s, const gcam_step *step, gcam_error *err) {
  const gcam_node *node = &s->graph->nodes[step->nodes[0]];
  const gcam_twin *twin = step->twin && step->twin->forward ? step->twin : NULL;
  GCAM_TRY(gcam_session_bind(s, node, !twin || !twin->reads_stored_weights, err));
  gcam_args args = {
      .graph = s->graph, .node = node, .in = s->in, .out = s->out, .scratch = s->scratch};
  if (twin)
    twin->forward(&args, s->pool);
  else
    node->op->forward(&args);
  return GCAM_OK;
}

/* Copies the inputs that their producers could not write in place. */
static void concat_forward(gcam_session *s, const gcam_step *step) {
  const gcam_graph *g = s->graph;
  const gcam_node *node = &g->nodes[step->nodes[0]];
  int y = node->outputs[0];
  int64_t stride = s->slots[y].stride, rows = gcam_numel(&g->values[y].shape) / stride;
  float *out = s->slots[y].data;
  for (int i = 0; i < node->input_count; i++) {
    const gcam_value *x = &g->values[node->inputs[i]];
    int64_t C = x->shape.dim[x->shape.rank - 1];
    if (x->weight || s->slots[node->inputs[i]].owner != y) {
      const float *in =
          x->weight ? gcam_weight_floats(x->weight, &x->shape) : s->slots[node->inputs[i]].data;
      for (int64_t r = 0; in && r < rows; r++)
        memcpy(out + r * stride, in + r * C, (size_t)C * sizeof *out);
    }
    out += C;
  }
}

gcam_status gcam_step_forward(gcam_session *s, gcam_step *step, gcam_error *err) {
  switch (step->kind) {
    case GCAM_STEP_VIEW: {
      int x = gcam_step_input(s, step);
      /* a view of a constant has memory of its own; so has an output asked for twice */
      return s->graph->values[x].weight ? node_forward(s, step, err) : GCAM_OK;
    }
    case GCAM_STEP_CONCAT:
      concat_forward(s, step);
      return GCAM_OK;
    case GCAM_STEP_NODE:
      return node_forward(s, step, err);
    case GCAM_STEP_CONV: {
      int x = gcam_step_input(s, step), y = gcam_step_output(s, step);
      int64_t batch = s->graph->values[y].shape.dim[0];
      return step->forward->run(step->forward, batch, s->slots[x].data, s->slots[y].data, s->pool,
                                err);
    }
  }
  return GCAM_OK;
}

float *gcam_session_input(gcam_session *s, int index) {
  s->inputs_set[index] = true;
  s->done = false;
  return s->slots[s->graph->inputs[index]].data;
}

gcam_status gcam_session_forward(gcam_session *s, gcam_error *err) {
  for (int i = 0; i < s->graph->input_count; i++)
    if (!s->inputs_set[i])
      return gcam_fail(err, GCAM_ERR_STATE, "input '%s' has no values yet; set a picture first",
                       s->graph->values[s->graph->inputs[i]].name);
  for (int i = 0; i < s->step_count; i++) GCAM_TRY(gcam_step_forward(s, &s->steps[i], err));
  s->done = true;
  return GCAM_OK;
}

gcam_status gcam_session_forward_from(gcam_session *s, int value, gcam_error *err) {
  bool *depends = gcam_alloc(s->graph->value_count, sizeof *depends);
  if (!depends) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a forward pass");
  gcam_session_dependents(s, value, depends);
  gcam_status status = GCAM_OK;
  for (int i = 0; i < s->step_count && !status; i++) {
    int y = gcam_step_output(s, &s->steps[i]);
    if (y >= 0 && y != value && depends[y]) status = gcam_step_forward(s, &s->steps[i], err);
  }
  gcam_free(depends);
  return status;
}

const float *gcam_session_dense(const gcam_session *s, int value, float **owned) {
  const gcam_value *v = &s->graph->values[value];
  const gcam_slot *slot = &s->slots[value];
  *owned = NULL;
  if (v->weight) return gcam_weight_floats(v->weight, &v->shape);
  int64_t C = v->shape.rank ? v->shape.dim[v->shape.rank - 1] : 1;
  if (slot->stride == C) return slot->data;
  int64_t n = gcam_numel(&v->shape);
  float *copy = gcam_floats_alloc(n);
  for (int64_t r = 0; copy && r < n / C; r++)
    memcpy(copy + r * C, slot->data + r * slot->stride, (size_t)C * sizeof *copy);
  return *owned = copy;
}
