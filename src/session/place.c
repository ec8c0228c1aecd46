/* place.c: every value that is not hidden gets memory of its own, but for
 *   - a view, which lies where its input does;
 *   - a convolution whose only reader is one input of a Concat along the channels: it writes
 *     straight into its part of the result. */
#include "session/place.h"

#include "base/memory.h"

static int64_t last_dim(const gcam_value *v) {
  return v->shape.rank ? v->shape.dim[v->shape.rank - 1] : 1;
}

static gcam_status own_memory(const gcam_graph *g, gcam_slot *slots, const gcam_slot *before,
                              int value, gcam_error *err) {
  gcam_slot *slot = &slots[value];
  const gcam_value *v = &g->values[value];
  slot->stride = last_dim(v);
  slot->owner = value;
  if (slot->data) return GCAM_OK;
  slot->shared = before && gcam_slot_owns(before, value);
  slot->data = slot->shared ? before[value].data : gcam_floats_alloc(gcam_numel(&v->shape));
  return slot->data ? GCAM_OK
                    : gcam_fail(err, GCAM_ERR_MEMORY,
                                "out of memory for activations; close other models or use a "
                                "smaller input");
}

static void part_of(gcam_slot *slots, int value, int owner, float *data, int64_t stride) {
  gcam_slot *slot = &slots[value];
  slot->data = data;
  slot->owner = owner;
  slot->stride = stride;
}

/* The convolution that may write `value` into the result of `concat`; NULL: it cannot be. */
static gcam_step *writes_in_place(const gcam_graph *g, gcam_step *steps, int step_count,
                                  const gcam_node *concat, int value) {
  const gcam_value *v = &g->values[value];
  if (v->weight || !gcam_read_once(g, concat, value) ||
      g->values[concat->outputs[0]].shape.rank != v->shape.rank)
    return NULL;
  gcam_step *step = gcam_step_making(g, steps, step_count, value);
  return step && step->kind == GCAM_STEP_CONV ? step : NULL;
}

gcam_status gcam_place(const gcam_graph *g, gcam_step *steps, int step_count, gcam_slot *slots,
                       const gcam_slot *before, gcam_error *err) {
  for (int i = 0; i < g->input_count; i++)
    GCAM_TRY(own_memory(g, slots, before, g->inputs[i], err));
  /* Concatenations first: they decide where their inputs lie. In topological order an inner
   * concatenation could be asked for by an outer one; it then keeps its own memory. */
  for (int i = 0; i < step_count; i++) {
    if (steps[i].kind != GCAM_STEP_CONCAT) continue;
    const gcam_node *node = gcam_step_last(g, &steps[i]);
    int y = node->outputs[0];
    GCAM_TRY(own_memory(g, slots, before, y, err));
    int64_t offset = 0, stride = slots[y].stride;
    for (int k = 0; k < node->input_count; k++) {
      int x = node->inputs[k];
      gcam_step *writer = writes_in_place(g, steps, step_count, node, x);
      if (writer) {
        part_of(slots, x, y, slots[y].data + offset, stride);
        writer->spec.out_stride = stride;
      }
      offset += last_dim(&g->values[x]);
    }
  }
  for (int i = 0; i < step_count; i++) {
    const gcam_node *last = gcam_step_last(g, &steps[i]);
    for (int k = 0; k < last->output_count; k++) {
      int y = last->outputs[k];
      if (y < 0 || slots[y].data) continue;
      int x = gcam_step_input(g, &steps[i]);
      if (steps[i].kind == GCAM_STEP_VIEW)
        part_of(slots, y, slots[x].owner, slots[x].data, last_dim(&g->values[y]));
      else
        GCAM_TRY(own_memory(g, slots, before, y, err));
    }
  }
  return GCAM_OK;
}

void gcam_place_free(const gcam_graph *g, gcam_slot *slots) {
  for (int v = 0; slots && v < g->value_count; v++)
    if (gcam_slot_owns(slots, v) && !slots[v].shared) gcam_floats_free(slots[v].data);
  gcam_free(slots);
}

int64_t gcam_place_bytes(const gcam_graph *g, const gcam_slot *slots) {
  int64_t bytes = 0;
  for (int v = 0; v < g->value_count; v++)
    if (gcam_slot_owns(slots, v)) bytes += gcam_numel(&g->values[v].shape) * (int64_t)sizeof(float);
  return bytes;
}
