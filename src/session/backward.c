/* backward.c: vector-Jacobian products. Gradients flow from `output` to `target` along the values
 * that lie between the two, step by step in reverse; nothing else is touched.
 *
 * A gradient is [B][numel], made when its first contribution comes and given back when the step
 * that computed the value has used it. Contributions add up: a value read twice has two. */
#include "session/backward.h"

#include <string.h>

#include "base/memory.h"
#include "kernels/rows.h"
#include "kernels/vector_math.h"
#include "ops/conv.h"
#include "ops/reach.h"

typedef struct vjp_state {
  gcam_run *run;
  int B, target;
  bool guided;
  bool *between; /* [value_count]: depends on target */
  float **grad;  /* [value_count] */
  bool *gated;   /* [value_count]: the gradient is 0 where its activation was clamped already */
} vjp_state;

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY,
                   "out of memory for gradients; ask for fewer classes at once");
}

static int64_t gradient_size(const vjp_state *t, int value) {
  return gcam_numel(&t->run->graph->values[value].shape) * t->B;
}

/* The gradient of `value`; when new it is zeroed, unless it will be overwritten. */
static float *gradient(vjp_state *t, int value, bool overwrite) {
  if (!t->grad[value]) {
    int64_t n = gradient_size(t, value);
    t->grad[value] = gcam_floats_alloc(n);
    if (t->grad[value] && !overwrite) memset(t->grad[value], 0, (size_t)n * sizeof(float));
  }
  return t->grad[value];
}

static void drop(vjp_state *t, int value) {
  if (value == t->target) return;
  gcam_floats_free(t->grad[value]);
  t->grad[value] = NULL;
}

/* Fewer floats than this are masked sooner than a thread wakes. */
#define MASK_FLOATS ((int64_t)1 << 15)

typedef struct mask_job {
  const gcam_slot *slot;
  float lo, hi, *dy;
  int64_t K, rows, all, piece; /* rows of the value, of all B gradients, of a task */
} mask_job;

static void mask_rows(void *context, size_t index) {
  const mask_job *j = context;
  int64_t K = j->K, first = (int64_t)index * j->piece, end = first + j->piece;
  float lo = j->lo, hi = j->hi, *restrict dy = j->dy + first * K;
  if (end > j->all) end = j->all;
  for (int64_t r = first; r < end; r++, dy += K) {
    const float *restrict y = j->slot->data + r % j->rows * j->slot->stride;
    int64_t k = 0;
    for (; k + 4 <= K; k += 4) {
      gcam_f4 v = gcam_f4_load(y + k);
      gcam_i4 limited = (v <= gcam_f4_splat(lo)) | (v >= gcam_f4_splat(hi));
      gcam_f4_store(dy + k, (gcam_f4)((gcam_i4)gcam_f4_load(dy + k) & ~limited));
    }
    for (; k < K; k++) dy[k] = y[k] <= lo || y[k] >= hi ? 0 : dy[k];
  }
}

/* dy *= 1 where the activation let the value through: lo < y < hi, or NaN. At the limits it is 0,
 * as in PyTorch's relu and relu6. */
static void mask_clamped(const vjp_state *t, const gcam_step *step, int value) {
  if (t->gated[value]) return;
  const gcam_shape *s = &t->run->graph->values[value].shape;
  int64_t K = s->rank ? s->dim[s->rank - 1] : 1, rows = K ? gcam_numel(s) / K : 0;
  if (!rows) return;
  mask_job j = {.slot = &t->run->plan.slots[value],
                .lo = step->limits[0],
                .hi = step->limits[1],
                .dy = t->grad[value],
                .K = K,
                .rows = rows,
                .all = rows * t->B,
                .piece = MASK_FLOATS / K + 1};
  gcam_parallel(t->run->pool, (size_t)((j.all + j.piece - 1) / j.piece), mask_rows, &j);
}

/* Guided backpropagation: what would lower the unit is not followed. The ReLU's own mask comes
 * after, or came before: the two commute. */
static void drop_negative(const vjp_state *t, int value) {
  int64_t n = gradient_size(t, value);
  float *restrict dy = t->grad[value];
  for (int64_t i = 0; i < n; i++) dy[i] = dy[i] <= 0 ? 0 : dy[i];
}

/* The gradient of `value` becomes that of what the step's activation has clamped. */
static void through_clamp(const vjp_state *t, const gcam_step *step, int value) {
  mask_clamped(t, step, value);
  if (t->guided && step->limits[0] == 0) drop_negative(t, value);
}

/* A ReLU by itself: no input is below its smallest output, 0. */
static bool is_rectifier(const gcam_graph *g, const gcam_node *node) {
  float lo, hi;
  return gcam_node_clamp(g, node, &lo, &hi) && lo == 0;
}

/* The plain loop, for the shapes no kernel takes. */
static gcam_status conv_plain_backward(const gcam_graph *g, const gcam_step *step, int64_t batch,
                                       const float *dy, float *dx, gcam_error *err) {
  const gcam_conv_spec *c = &step->spec;
  gcam_conv_params p = {
      .window = {{c->H, c->OH, c->kh, c->sh, c->dh, c->pt, c->pb},
                 {c->W, c->OW, c->kw, c->sw, c->dw, c->pl, c->pr}},
      .N = batch,
      .C = c->C,
      .K = c->K,
      .groups = c->groups,
  };
  float *weights;
  GCAM_TRY(gcam_pack_read(g, step, &weights, NULL, err));
  memset(dx, 0, (size_t)(batch * c->H * c->W * c->C) * sizeof *dx);
  gcam_conv_adjoint(&p, dy, weights, dx);
  gcam_free(weights);
  return GCAM_OK;
}

static gcam_status conv_backward(vjp_state *t, gcam_step *step, gcam_error *err) {
  const gcam_graph *g = t->run->graph;
  int x = gcam_step_input(g, step), y = gcam_step_output(g, step);
  if (!t->between[x]) return GCAM_OK;
  if (step->clamped) through_clamp(t, step, y);
  GCAM_TRY(gcam_pack_backward(g, step, err));
  bool first = !t->grad[x];
  int64_t n = gradient_size(t, x);
  float *dx = gcam_floats_alloc(n);
  if (!dx) return no_memory(err);
  int64_t batch = g->values[y].shape.dim[0] * t->B;
  gcam_status status =
      step->backward ? step->backward->run(step->backward, batch, t->grad[y], dx, t->run->pool, err)
                     : conv_plain_backward(g, step, batch, t->grad[y], dx, err);
  if (!status && first) {
    t->grad[x] = dx;
    return GCAM_OK;
  }
  int64_t C = step->transposed ? step->spec.K : step->spec.C;
  if (!status) gcam_rows_copy(&(gcam_rows){dx, t->grad[x], C, C, C, n / C, true}, t->run->pool);
  t->gated[x] = false;
  gcam_floats_free(dx);
  return status;
}

/* The limits that an activation fused into the step that makes `value` has clamped it to; NULL:
 * none. */
static const float *limits_of(const gcam_run *run, int value) {
  const gcam_plan *plan = &run->plan;
  const gcam_step *step = gcam_step_making(run->graph, plan->steps, plan->step_count, value);
  return step && step->clamped ? step->limits : NULL;
}

static gcam_status node_backward(vjp_state *t, const gcam_step *step, gcam_error *err) {
  gcam_run *run = t->run;
  const gcam_node *node = &run->graph->nodes[step->nodes[0]];
  const gcam_twin *twin = step->twin && step->twin->backward ? step->twin : NULL;
  GCAM_TRY(gcam_run_bind(run, node, !twin || !twin->reads_stored_weights, err));
  if (t->guided && is_rectifier(run->graph, node)) drop_negative(t, node->outputs[0]);
  for (int i = 0; i < node->output_count; i++)
    run->dout[i] = node->outputs[i] >= 0 ? t->grad[node->outputs[i]] : NULL;
  if (step->node_count > 1) { /* the gradient of an added row's sum is that of its parts */
    int y = gcam_step_output(run->graph, step);
    run->out[0] = run->plan.slots[y].data;
    run->dout[0] = t->grad[y];
    if (step->clamped) through_clamp(t, step, y);
  }
  bool wanted = false;
  bool overwrite = twin && twin->overwrites && !t->grad[node->inputs[0]];
  for (int i = 0; i < node->input_count; i++) {
    int x = node->inputs[i];
    run->din[i] = NULL;
    if (x < 0 || !t->between[x] || run->graph->values[x].weight) continue;
    run->din[i] = gradient(t, x, overwrite);
    t->gated[x] = false;
    if (!run->din[i]) return no_memory(err);
    wanted = true;
  }
  if (!wanted) return GCAM_OK;
  gcam_args args = {.graph = run->graph,
                    .node = node,
                    .in = run->in,
                    .out = run->out,
                    .scratch = run->scratch,
                    .B = t->B,
                    .dout = run->dout,
                    .din = run->din,
                    .overwrite = overwrite,
                    .times_input = step->times_input};
  if (overwrite && twin->gates && node->inputs[0] != t->target) {
    args.gate = limits_of(run, node->inputs[0]);
    t->gated[node->inputs[0]] = args.gate != NULL;
  }
  if (twin)
    twin->backward(&args, run->pool);
  else
    node->op->backward(&args);
  return GCAM_OK;
}

/* A view hands its gradient on: same floats, same order. */
static gcam_status view_backward(vjp_state *t, const gcam_step *step, gcam_error *err) {
  int x = gcam_step_input(t->run->graph, step), y = gcam_step_output(t->run->graph, step);
  if (t->run->graph->values[x].weight || !t->between[x]) return GCAM_OK;
  if (t->grad[x]) return node_backward(t, step, err);
  t->grad[x] = t->grad[y];
  t->grad[y] = NULL;
  return GCAM_OK;
}

static gcam_status step_backward(vjp_state *t, gcam_step *step, gcam_error *err) {
  switch (step->kind) {
    case GCAM_STEP_CONV:
      return conv_backward(t, step, err);
    case GCAM_STEP_VIEW:
      return view_backward(t, step, err);
    default:
      return node_backward(t, step, err);
  }
}

static gcam_status run_backward(vjp_state *t, gcam_error *err) {
  gcam_plan *plan = &t->run->plan;
  for (int i = plan->step_count - 1; i >= 0; i--) {
    gcam_step *step = &plan->steps[i];
    const gcam_node *last = gcam_step_last(t->run->graph, step);
    bool has_gradient = false, is_target = false;
    for (int k = 0; k < last->output_count; k++) {
      int y = last->outputs[k];
      has_gradient |= y >= 0 && t->grad[y];
      is_target |= y == t->target;
    }
    if (is_target) break; /* nothing before the target depends on it */
    if (!has_gradient) continue;
    GCAM_TRY(step_backward(t, step, err));
    for (int k = 0; k < last->output_count; k++)
      if (last->outputs[k] >= 0) drop(t, last->outputs[k]);
  }
  return GCAM_OK;
}

gcam_status gcam_backward(gcam_run *run, bool guided, int output, const float *cotangents, int B,
                          int target, float **gradients, gcam_error *err) {
  const gcam_graph *g = run->graph;
  vjp_state t = {.run = run, .B = B, .target = target, .guided = guided};
  t.between = gcam_alloc_zeroed(g->value_count, sizeof *t.between);
  t.grad = gcam_alloc_zeroed(g->value_count, sizeof *t.grad);
  t.gated = gcam_alloc_zeroed(g->value_count, sizeof *t.gated);
  gcam_status status = GCAM_OK;
  if (!t.between || !t.grad || !t.gated) {
    status = no_memory(err);
  } else {
    gcam_reach_down(g, target, t.between);
    if (!t.between[output])
      status = gcam_fail(err, GCAM_ERR_ARGUMENT,
                         "'%s' does not depend on '%s': there is no gradient between them; choose "
                         "a layer on the way to the output",
                         g->values[output].name, g->values[target].name);
  }
  if (!status) {
    float *start = gradient(&t, output, true);
    if (start)
      memcpy(start, cotangents, (size_t)gradient_size(&t, output) * sizeof *start);
    else
      status = no_memory(err);
  }
  if (!status) status = run_backward(&t, err);
  if (!status && !gradient(&t, target, false)) status = no_memory(err);
  if (!status) {
    *gradients = t.grad[target];
    t.grad[target] = NULL;
  }
  for (int v = 0; t.grad && v < g->value_count; v++) gcam_floats_free(t.grad[v]);
  gcam_free(t.grad);
  gcam_free(t.gated);
  gcam_free(t.between);
  return status;
}
