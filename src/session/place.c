/* place.c: every value that is not hidden gets memory of its own, but for
 *   - a view, which lies where its input does;
 *   - a convolution that only Concats along the channels read: it writes straight into its part of
 *     one result;
 *   - a Concat whose result is the beginning of a later one's: it lies there, where its readers can
 *     leap over what follows. Of a dense block, which joins all that it has made again and again,
 *     the last Concat has the only memory, and nothing is copied but what comes into the block. */
#include "session/place.h"

#include "base/memory.h"

/* Who reads a value. */
enum {
  BY_ROWS = 1 << 0, /* steps that take rows at any distance */
  DENSE = 1 << 1    /* others, the user among them; neither: Concats along the channels alone */
};

typedef struct placing {
  const gcam_graph *g;
  gcam_step *steps;
  int step_count;
  gcam_slot *slots;
  const gcam_slot *before;
  const bool *apart;
  char *readers;    /* [value_count] */
  int64_t *written; /* [value_count]: of a Concat's memory, channels that are there by now */
} placing;

static int64_t last_dim(const gcam_value *v) {
  return v->shape.rank ? v->shape.dim[v->shape.rank - 1] : 1;
}

static gcam_status own_memory(const placing *p, int value, gcam_error *err) {
  gcam_slot *slot = &p->slots[value];
  const gcam_value *v = &p->g->values[value];
  slot->stride = last_dim(v);
  slot->owner = value;
  if (slot->data) return GCAM_OK;
  slot->shared = p->before && gcam_slot_owns(p->before, value);
  slot->data = slot->shared ? p->before[value].data : gcam_floats_alloc(gcam_numel(&v->shape));
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

/* ---- Concatenations ------------------------------------------------------------------------- */

static const gcam_node *concat_of(const placing *p, int step) {
  return p->steps[step].kind == GCAM_STEP_CONCAT ? &p->g->nodes[p->steps[step].nodes[0]] : NULL;
}

static void find_readers(const placing *p) {
  for (int i = 0; i < p->g->output_count; i++) p->readers[p->g->outputs[i]] |= DENSE;
  for (int i = 0; i < p->step_count; i++) {
    const gcam_step *step = &p->steps[i];
    bool by_rows = step->twin && step->twin->strides;
    for (int n = 0; n < step->node_count && !concat_of(p, i); n++) {
      const gcam_node *node = &p->g->nodes[step->nodes[n]];
      for (int k = 0; k < node->input_count; k++)
        if (node->inputs[k] >= 0)
          p->readers[node->inputs[k]] |= by_rows && !n && !k ? BY_ROWS : DENSE;
    }
  }
}

/* Is what `first` makes the beginning of what `second` makes? */
static bool begins(const gcam_node *first, const gcam_node *second) {
  if (second->inputs[0] == first->outputs[0]) return true;
  if (first->input_count > second->input_count) return false;
  for (int i = 0; i < first->input_count; i++)
    if (first->inputs[i] != second->inputs[i]) return false;
  return true;
}

/* The result, placed already, of the last Concat that begins with the result of Concat `at`; -1:
 * there is none, or the result must stay by itself. */
static int longer_one(const placing *p, int at) {
  const gcam_node *node = concat_of(p, at), *other;
  if (p->apart[node->outputs[0]] || p->readers[node->outputs[0]] & DENSE) return -1;
  for (int i = p->step_count; --i > at;)
    if ((other = concat_of(p, i)) && !p->apart[other->outputs[0]] && begins(node, other))
      return other->outputs[0];
  return -1;
}

/* The convolution that may write `value` into the result of `concat`; NULL: it cannot be. */
static gcam_step *writes_in_place(const placing *p, const gcam_node *concat, int value) {
  const gcam_value *v = &p->g->values[value];
  int y = concat->outputs[0];
  if (v->weight || p->slots[value].data || p->readers[value] ||
      p->g->values[y].shape.rank != v->shape.rank)
    return NULL;
  if (p->apart[y] && !gcam_read_once(p->g, concat, value)) return NULL;
  gcam_step *step = gcam_step_making(p->g, p->steps, p->step_count, value);
  return step && step->kind == GCAM_STEP_CONV ? step : NULL;
}

/* The Concat's result, and what is written straight into it. */
static gcam_status place_concat(const placing *p, int at, gcam_error *err) {
  const gcam_node *node = concat_of(p, at);
  int y = node->outputs[0], longer = longer_one(p, at);
  gcam_slot *slot = &p->slots[y];
  if (longer >= 0)
    part_of(p->slots, y, p->slots[longer].owner, p->slots[longer].data, p->slots[longer].stride);
  else
    GCAM_TRY(own_memory(p, y, err));
  int64_t offset = 0;
  for (int k = 0; k < node->input_count; k++) {
    int x = node->inputs[k];
    gcam_step *writer = writes_in_place(p, node, x);
    if (writer) {
      part_of(p->slots, x, slot->owner, slot->data + offset, slot->stride);
      writer->spec.out_stride = slot->stride;
    }
    offset += last_dim(&p->g->values[x]);
  }
  return GCAM_OK;
}

/* All that lie in one memory begin where it does. */
static void find_written(const placing *p, int at) {
  int y = concat_of(p, at)->outputs[0];
  int64_t channels = last_dim(&p->g->values[y]), *written = &p->written[p->slots[y].owner];
  p->steps[at].written = *written;
  if (channels > *written) *written = channels;
}

/* ---- All ------------------------------------------------------------------------------------ */

static gcam_status place(const placing *p, gcam_error *err) {
  const gcam_graph *g = p->g;
  for (int i = 0; i < g->input_count; i++) GCAM_TRY(own_memory(p, g->inputs[i], err));
  /* Concatenations first, the last of them first: they decide where their inputs lie. */
  find_readers(p);
  for (int i = p->step_count; i-- > 0;)
    if (concat_of(p, i)) GCAM_TRY(place_concat(p, i, err));
  for (int i = 0; i < p->step_count; i++) {
    if (concat_of(p, i)) find_written(p, i);
    const gcam_node *last = gcam_step_last(g, &p->steps[i]);
    for (int k = 0; k < last->output_count; k++) {
      int y = last->outputs[k];
      if (y < 0 || p->slots[y].data) continue;
      const gcam_slot *x = &p->slots[gcam_step_input(g, &p->steps[i])];
      if (p->steps[i].kind == GCAM_STEP_VIEW)
        part_of(p->slots, y, x->owner, x->data, last_dim(&g->values[y]));
      else
        GCAM_TRY(own_memory(p, y, err));
    }
  }
  return GCAM_OK;
}

gcam_status gcam_place(const gcam_graph *g, gcam_step *steps, int step_count, gcam_slot *slots,
                       const gcam_slot *before, const bool *apart, gcam_error *err) {
  placing p = {g, steps, step_count, slots, before, apart, NULL, NULL};
  p.readers = gcam_alloc_zeroed((int64_t)g->value_count + 1, sizeof *p.readers);
  p.written = gcam_alloc_zeroed((int64_t)g->value_count + 1, sizeof *p.written);
  gcam_status status =
      p.readers && p.written
          ? place(&p, err)
          : gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the plan; close other models");
  gcam_free(p.readers);
  gcam_free(p.written);
  return status;
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
