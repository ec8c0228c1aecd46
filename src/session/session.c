#include "session/session.h"

#include <string.h>

#include "base/memory.h"
#include "ops/op.h"
#include "session/backward.h"
#include "session/forward.h"
#include "session/place.h"

/* ---- Beginning and end ---------------------------------------------------------------------- */

static gcam_status set_up(gcam_session *s, gcam_error *err) {
  int64_t values = (int64_t)s->graph->value_count + 1;
  s->wishes.exposed = gcam_alloc_zeroed(values, sizeof *s->wishes.exposed);
  s->wishes.apart = gcam_alloc_zeroed(values, sizeof *s->wishes.apart);
  s->inputs_set = gcam_alloc_zeroed((int64_t)s->graph->input_count + 1, sizeof *s->inputs_set);
  if (!s->wishes.exposed || !s->wishes.apart || !s->inputs_set)
    return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the session; close other models");
  GCAM_TRY(gcam_run_make(&s->run, s->graph, s->pool, err));
  return gcam_plan_make(&s->run.plan, s->graph, &s->wishes, NULL, NULL, err);
}

gcam_status gcam_session_create(gcam_session **session, gcam_graph *graph, const gcam_threads *pool,
                                gcam_precision precision, gcam_error *err) {
  gcam_session *s = gcam_alloc_zeroed(1, sizeof *s);
  *session = NULL;
  if (!s)
    return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the session; close other models");
  s->graph = graph;
  s->pool = pool;
  s->wishes.precision = precision;
  gcam_status status = set_up(s, err);
  if (status)
    gcam_session_free(s);
  else
    *session = s;
  return status;
}

void gcam_session_free(gcam_session *s) {
  if (!s) return;
  gcam_plan_free(&s->run.plan, s->graph);
  gcam_run_free(&s->run);
  gcam_sums_table_free(&s->table);
  gcam_free(s->wishes.exposed);
  gcam_free(s->wishes.apart);
  gcam_free(s->inputs_set);
  gcam_free(s);
}

/* ---- Running -------------------------------------------------------------------------------- */

float *gcam_session_input(gcam_session *s, int index) {
  s->inputs_set[index] = true;
  s->done = false;
  return s->run.plan.slots[s->graph->inputs[index]].data;
}

gcam_status gcam_session_forward(gcam_session *s, gcam_error *err) {
  for (int i = 0; i < s->graph->input_count; i++)
    if (!s->inputs_set[i])
      return gcam_fail(err, GCAM_ERR_STATE,
                       "input '%.100s' has no values yet; give a picture, or its values with "
                       "set_input",
                       s->graph->values[s->graph->inputs[i]].name);
  s->done = false;
  GCAM_TRY(gcam_forward(&s->run, err));
  s->done = true;
  return GCAM_OK;
}

gcam_status gcam_session_forward_from(gcam_session *s, int value, gcam_error *err) {
  gcam_status status = gcam_forward_from(&s->run, value, err);
  if (status) s->done = false;
  return status;
}

/* ---- Other plans ---------------------------------------------------------------------------- */

/* The plan that the wishes ask for now, run as far as the present one has been. */
static gcam_status plan_anew(gcam_session *s, const bool *stale, gcam_error *err) {
  gcam_run next = s->run; /* its work arrays serve both */
  GCAM_TRY(gcam_plan_make(&next.plan, s->graph, &s->wishes, &s->run.plan, stale, err));
  gcam_status status = s->done && !stale ? gcam_forward_new(&next, err) : GCAM_OK;
  if (status) {
    gcam_plan_free(&next.plan, s->graph);
    return status;
  }
  gcam_plan_replace(&s->run.plan, &next.plan, s->graph);
  return GCAM_OK;
}

gcam_status gcam_session_expose(gcam_session *s, int value, gcam_error *err) {
  if (!s->run.plan.slots[value].hidden) return GCAM_OK;
  s->wishes.exposed[value] = true;
  gcam_status status = plan_anew(s, NULL, err);
  if (status) s->wishes.exposed[value] = false;
  return status;
}

static bool is_concat(const gcam_graph *g, int value) {
  int n = g->values[value].producer;
  return n >= 0 && g->nodes[n].op == &gcam_op_concat;
}

/* Does anybody see the memory of this value but those who read the value, through views or not? */
static bool is_seen_elsewhere(const gcam_session *s, int value) {
  const gcam_graph *g = s->graph;
  const gcam_slot *slots = s->run.plan.slots;
  int v = value;
  while (slots[v].owner != v) {
    if (is_concat(g, v)) return true; /* and so is part of another */
    const gcam_node *view = &g->nodes[g->values[v].producer];
    if (view->outputs[0] != v || !gcam_node_is_view(g, view)) return false; /* in a Concat */
    v = view->inputs[0];
    if (!gcam_read_once(g, view, v)) return true;
  }
  if (!is_concat(g, v)) return false;
  for (int u = 0; u < g->value_count; u++) {
    if (u == v || !slots[u].data || slots[u].owner != v) continue;
    bool is_view = gcam_node_is_view(g, &g->nodes[g->values[u].producer]);
    if (!is_view && !gcam_read_once(g, &g->nodes[g->values[v].producer], u)) return true;
  }
  return false;
}

gcam_status gcam_session_set_apart(gcam_session *s, int value, gcam_error *err) {
  GCAM_TRY(gcam_session_expose(s, value, err));
  if (!is_seen_elsewhere(s, value)) return GCAM_OK;
  s->wishes.apart[value] = true;
  gcam_status status = plan_anew(s, NULL, err);
  if (status) s->wishes.apart[value] = false;
  return status;
}

gcam_status gcam_session_renew(gcam_session *s, const bool *stale, gcam_error *err) {
  GCAM_TRY(plan_anew(s, stale, err));
  gcam_sums_table_free(&s->table);
  s->done = false;
  return GCAM_OK;
}

/* ---- Asking --------------------------------------------------------------------------------- */

const gcam_slot *gcam_session_slot(const gcam_session *s, int value) {
  return &s->run.plan.slots[value];
}

const float *gcam_session_dense(const gcam_session *s, int value, float **owned) {
  const gcam_value *v = &s->graph->values[value];
  const gcam_slot *slot = gcam_session_slot(s, value);
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

static gcam_status vjp(gcam_session *s, bool guided, int output, const float *cotangents, int B,
                       int target, float **gradients, gcam_error *err) {
  if (!s->done)
    return gcam_fail(err, GCAM_ERR_STATE, "no forward pass to run backward from; run one first");
  return gcam_backward(&s->run, guided, output, cotangents, B, target, gradients, err);
}

gcam_status gcam_session_vjp(gcam_session *s, int output, const float *cotangents, int B,
                             int target, float **gradients, gcam_error *err) {
  return vjp(s, false, output, cotangents, B, target, gradients, err);
}

gcam_status gcam_session_vjp_guided(gcam_session *s, int output, const float *cotangents, int B,
                                    int target, float **gradients, gcam_error *err) {
  return vjp(s, true, output, cotangents, B, target, gradients, err);
}

gcam_status gcam_session_sums(const gcam_session *s, int output, int value, int64_t C, int64_t skip,
                              gcam_sums *sums, gcam_error *err) {
  /* the specification takes the gradient where it is asked about */
  bool plain = s->wishes.precision == GCAM_PLAIN;
  return gcam_sums_find(sums, &s->run, plain ? value : output, value, C, skip, err);
}

gcam_status gcam_session_take_sums(gcam_session *s, const gcam_sums *sums, const float *gradients,
                                   int B, float *result, gcam_error *err) {
  return gcam_sums_take(sums, &s->run, &s->table, gradients, B, result, err);
}

int64_t gcam_session_packed_bytes(const gcam_session *s) {
  return gcam_pack_bytes(s->run.plan.steps, s->run.plan.step_count) +
         s->table.floats * (int64_t)sizeof(float);
}

int64_t gcam_session_activation_bytes(const gcam_session *s) {
  return gcam_place_bytes(s->graph, s->run.plan.slots);
}
