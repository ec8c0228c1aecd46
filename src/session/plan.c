/* plan.c: which nodes run as one step, by which kernel, and where each value lies in memory.
 *
 * Fusion: [Pad] Conv [BatchNormalization] [Relu | Clip] becomes one kernel; the values in between
 * are hidden. A hidden value that somebody asks for is exposed: its step is split there, everything
 * else, packed weights included, stays.
 *
 * Concatenation: a convolution whose only reader is a Concat along the channels writes straight
 * into its part of the result. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "ops/conv.h"
#include "session/session.h"

static gcam_status no_memory(gcam_error *err, const char *what) {
  return gcam_fail(err, GCAM_ERR_MEMORY,
                   "out of memory for %s; close other models or use a smaller "
                   "input",
                   what);
}

static bool is_output(const gcam_graph *g, int value) {
  for (int i = 0; i < g->output_count; i++)
    if (g->outputs[i] == value) return true;
  return false;
}

/* A value that may vanish inside a fused step. */
static bool may_hide(const gcam_session *s, int value) {
  return s->graph->values[value].consumer_count == 1 && !is_output(s->graph, value) &&
         !s->slots[value].exposed;
}

/* The node that reads `value` as its input 0, where it is the only reader; -1 otherwise. */
static int only_reader(const gcam_session *s, const int *reader, int value) {
  if (!may_hide(s, value)) return -1;
  int n = reader[value];
  return n >= 0 && s->graph->nodes[n].inputs[0] == value ? n : -1;
}

/* ---- Fused convolutions -----------------------------------------------------------------------
 */

static void conv_spec(const gcam_node *node, gcam_conv_spec *spec) {
  const gcam_conv_params *p = node->params;
  const gcam_window_axis *y = &p->window.y, *x = &p->window.x;
  *spec = (gcam_conv_spec){
      .H = y->in,
      .W = x->in,
      .C = p->C,
      .OH = y->out,
      .OW = x->out,
      .K = p->K,
      .groups = p->groups,
      .kh = y->kernel,
      .kw = x->kernel,
      .sh = y->stride,
      .sw = x->stride,
      .dh = y->dilation,
      .dw = x->dilation,
      .pt = y->pad_begin,
      .pl = x->pad_begin,
      .pb = y->pad_end,
      .pr = x->pad_end,
      .lo = -INFINITY,
      .hi = INFINITY,
      .out_stride = p->K,
  };
}

/* A Pad that adds zeros around H and W only. */
static bool zero_border(const gcam_graph *g, const gcam_node *node, int64_t border[4]) {
  const gcam_shape *x = gcam_in_shape(g, node, 0), *y = &g->values[node->outputs[0]].shape;
  int64_t pads[2 * GCAM_MAX_RANK];
  int count;
  float fill;
  bool found;
  if (x->rank != 4 || g->values[node->inputs[0]].layout != GCAM_CHANNELS_LAST) return false;
  if (strcmp(gcam_node_string(node, "mode", "constant"), "constant")) return false;
  if (gcam_node_ints(g, node, "pads", 1, pads, 8, &count, NULL) || count != 8) return false;
  if (gcam_node_scalar(g, node, "value", 2, &fill, &found, NULL) || (found && fill != 0))
    return false;
  if (gcam_node_has_input(node, 3)) return false; /* opset 18: an axes input */
  for (int i = 0; i < 8; i++)
    if (pads[i] < 0) return false;
  if (x->dim[0] != y->dim[0] || x->dim[3] != y->dim[3]) return false;
  border[0] = pads[2], border[1] = pads[3], border[2] = pads[6], border[3] = pads[7];
  return true;
}

/* Tries to make a fused convolution that begins at node n. */
static bool plan_conv(const gcam_session *s, const int *reader, int n, gcam_step *step) {
  const gcam_graph *g = s->graph;
  int64_t border[4] = {0};
  memset(step, 0, sizeof *step);
  step->kind = GCAM_STEP_CONV;
  step->norm_node = -1;
  if (g->nodes[n].op == &gcam_op_pad) {
    if (!zero_border(g, &g->nodes[n], border)) return false;
    step->nodes[step->node_count++] = n;
    n = only_reader(s, reader, g->nodes[n].outputs[0]);
    if (n < 0) return false;
  }
  const gcam_node *conv = &g->nodes[n];
  if (conv->op != &gcam_op_conv || !gcam_node_constant_from(g, conv, 1)) return false;
  conv_spec(conv, &step->spec);
  if (step->node_count) {
    step->spec.H -= border[0] + border[2], step->spec.W -= border[1] + border[3];
    step->spec.pt += border[0], step->spec.pl += border[1];
    step->spec.pb += border[2], step->spec.pr += border[3];
  }
  step->spec.direct = s->precision != GCAM_FAST;
  step->conv_node = n;
  step->nodes[step->node_count++] = n;
  int next = only_reader(s, reader, conv->outputs[0]);
  if (next >= 0 && g->nodes[next].op == &gcam_op_batch_norm &&
      gcam_node_constant_from(g, &g->nodes[next], 1)) {
    step->norm_node = next;
    step->nodes[step->node_count++] = next;
    next = only_reader(s, reader, g->nodes[next].outputs[0]);
  }
  if (next >= 0 && gcam_node_clamp(g, &g->nodes[next], &step->spec.lo, &step->spec.hi)) {
    step->clamped = true;
    step->nodes[step->node_count++] = next;
  }
  return gcam_conv_kernel_fits(&step->spec);
}

/* p: scale, shift, mean and variance of channel k. Returns scale / sqrt(variance + epsilon). */
static double norm_gain(const gcam_graph *g, const gcam_node *norm, int64_t k, float p[4]) {
  for (int i = 0; i < 4; i++) {
    const gcam_value *v = &g->values[norm->inputs[i + 1]];
    gcam_weight_read(v->weight, &v->shape, k, 1, &p[i]);
  }
  return p[0] / sqrt(p[3] + (double)gcam_node_float(norm, "epsilon", 1e-5f));
}

gcam_status gcam_step_conv_weights(const gcam_session *s, const gcam_step *step, float **weights,
                                   float **bias, gcam_error *err) {
  const gcam_graph *g = s->graph;
  const gcam_node *conv = &g->nodes[step->conv_node];
  const gcam_value *w = &g->values[conv->inputs[1]];
  int64_t K = step->spec.K, n = gcam_numel(&w->shape), per = n / K;
  float *W = weights ? gcam_alloc(n, sizeof *W) : NULL, *b = gcam_alloc_zeroed(K, sizeof *b);
  if ((weights && !W) || !b) {
    gcam_free(W);
    gcam_free(b);
    return no_memory(err, "a convolution's weights");
  }
  if (W) gcam_weight_read(w->weight, &w->shape, 0, n, W);
  if (gcam_node_has_input(conv, 2)) {
    const gcam_value *v = &g->values[conv->inputs[2]];
    gcam_weight_read(v->weight, &v->shape, 0, K, b);
  }
  if (step->norm_node >= 0) {
    /* (conv + b - mean) gain + shift, in double: this is done once */
    for (int64_t k = 0; k < K; k++) {
      float p[4];
      double gain = norm_gain(g, &g->nodes[step->norm_node], k, p);
      b[k] = (float)((b[k] - p[2]) * gain + p[1]);
      for (int64_t i = 0; W && i < per; i++) W[k * per + i] = (float)(W[k * per + i] * gain);
    }
  }
  if (weights) *weights = W;
  if (bias)
    *bias = b;
  else
    gcam_free(b);
  return GCAM_OK;
}

/* ---- Steps -------------------------------------------------------------------------------------
 */

static bool is_channel_concat(const gcam_graph *g, const gcam_node *node) {
  if (node->op != &gcam_op_concat) return false;
  const gcam_value *y = &g->values[node->outputs[0]];
  int axis = gcam_value_axis(y, gcam_node_int(node, "axis", 1));
  return y->shape.rank >= 2 && axis == y->shape.rank - 1;
}

int gcam_step_input(const gcam_session *s, const gcam_step *step) {
  return s->graph->nodes[step->nodes[0]].inputs[0];
}

int gcam_step_output(const gcam_session *s, const gcam_step *step) {
  return s->graph->nodes[step->nodes[step->node_count - 1]].outputs[0];
}

static gcam_status plan_steps(gcam_session *s, gcam_error *err) {
  const gcam_graph *g = s->graph;
  bool plain = s->precision == GCAM_PLAIN;
  int *reader = gcam_alloc((size_t)g->value_count + 1, sizeof *reader);
  bool *taken = gcam_alloc_zeroed(g->node_count + 1, sizeof *taken);
  s->steps = gcam_alloc_zeroed(g->node_count + 1, sizeof *s->steps);
  s->step_count = 0;
  if (!reader || !taken || !s->steps) {
    gcam_free(reader);
    gcam_free(taken);
    return no_memory(err, "the plan");
  }
  memset(reader, -1, (size_t)g->value_count * sizeof *reader);
  for (int n = 0; n < g->node_count; n++)
    for (int i = 0; i < g->nodes[n].input_count; i++)
      if (g->nodes[n].inputs[i] >= 0) reader[g->nodes[n].inputs[i]] = n;
  for (int v = 0; v < g->value_count; v++) s->slots[v].hidden = false;
  for (int n = 0; n < g->node_count; n++) {
    if (taken[n]) continue;
    gcam_step *step = &s->steps[s->step_count++];
    if (plain || !plan_conv(s, reader, n, step)) {
      memset(step, 0, sizeof *step);
      step->nodes[0] = n;
      step->node_count = 1;
      step->kind = gcam_node_is_view(g, &g->nodes[n])                       ? GCAM_STEP_VIEW
                   : !plain && is_channel_concat(g, &g->nodes[n]) ? GCAM_STEP_CONCAT
                                                                  : GCAM_STEP_NODE;
      if (!plain && step->kind == GCAM_STEP_NODE) step->twin = gcam_twin_find(g, &g->nodes[n]);
    }
    for (int i = 0; i < step->node_count; i++) {
      taken[step->nodes[i]] = true;
      if (i + 1 < step->node_count) s->slots[g->nodes[step->nodes[i]].outputs[0]].hidden = true;
    }
  }
  gcam_free(reader);
  gcam_free(taken);
  return GCAM_OK;
}

/* The step of the plan that computes `value`; NULL for inputs. */
static gcam_step *producer_step(gcam_session *s, int value) {
  for (int i = 0; i < s->step_count; i++)
    if (gcam_step_output(s, &s->steps[i]) == value) return &s->steps[i];
  return NULL;
}

static bool written_in_place(gcam_session *s, int value, int concat) {
  const gcam_value *v = &s->graph->values[value];
  if (v->weight || v->consumer_count != 1 || is_output(s->graph, value)) return false;
  gcam_step *step = producer_step(s, value);
  return step && step->kind == GCAM_STEP_CONV &&
         s->graph->values[concat].shape.rank == v->shape.rank;
}

/* ---- Memory ------------------------------------------------------------------------------------
 */

static int64_t last_dim(const gcam_value *v) {
  return v->shape.rank ? v->shape.dim[v->shape.rank - 1] : 1;
}

static gcam_status own_memory(gcam_session *s, int value, gcam_error *err) {
  gcam_slot *slot = &s->slots[value];
  const gcam_value *v = &s->graph->values[value];
  slot->stride = last_dim(v);
  if (slot->data && slot->owner == value) return GCAM_OK;
  int64_t n = gcam_numel(&v->shape);
  slot->data = gcam_floats_alloc(n);
  slot->owner = value;
  if (!slot->data) return no_memory(err, "activations");
  s->activation_bytes += (size_t)n * sizeof(float);
  return GCAM_OK;
}

static void part_of(gcam_session *s, int value, int owner, float *data, int64_t stride) {
  gcam_slot *slot = &s->slots[value];
  if (slot->data && slot->owner == value) {
    gcam_floats_free(slot->data);
    s->activation_bytes -= (size_t)gcam_numel(&s->graph->values[value].shape) * sizeof(float);
  }
  slot->data = data;
  slot->owner = owner;
  slot->stride = stride;
}

static gcam_status plan_memory(gcam_session *s, gcam_error *err) {
  const gcam_graph *g = s->graph;
  for (int i = 0; i < g->input_count; i++) GCAM_TRY(own_memory(s, g->inputs[i], err));
  /* Concatenations first: they decide where their inputs lie. In topological order an inner
   * concatenation could be asked for by an outer one; it then keeps its own memory. */
  bool *placed = gcam_alloc_zeroed(g->value_count + 1, sizeof *placed);
  if (!placed) return no_memory(err, "the plan");
  gcam_status status = GCAM_OK;
  for (int i = 0; i < s->step_count && !status; i++) {
    gcam_step *step = &s->steps[i];
    if (step->kind != GCAM_STEP_CONCAT) continue;
    const gcam_node *node = &g->nodes[step->nodes[0]];
    int y = node->outputs[0];
    status = own_memory(s, y, err);
    if (status) break;
    int64_t offset = 0, stride = s->slots[y].stride;
    for (int k = 0; k < node->input_count; k++) {
      int x = node->inputs[k];
      if (written_in_place(s, x, y)) {
        part_of(s, x, y, s->slots[y].data + offset, stride);
        producer_step(s, x)->spec.out_stride = stride;
        placed[x] = true;
      }
      offset += last_dim(&g->values[x]);
    }
  }
  for (int i = 0; i < s->step_count && !status; i++) {
    gcam_step *step = &s->steps[i];
    const gcam_node *last = &g->nodes[step->nodes[step->node_count - 1]];
    for (int k = 0; k < last->output_count && !status; k++) {
      int y = last->outputs[k];
      if (y < 0 || placed[y]) continue;
      int x = gcam_step_input(s, step);
      if (step->kind == GCAM_STEP_VIEW && k == 0 && !g->values[x].weight)
        part_of(s, y, s->slots[x].owner, s->slots[x].data, last_dim(&g->values[y]));
      else
        status = own_memory(s, y, err);
    }
  }
  gcam_free(placed);
  return status;
}

/* ---- Kernels -----------------------------------------------------------------------------------
 */

static void free_steps(gcam_step *steps, int count) {
  for (int i = 0; steps && i < count; i++) {
    gcam_kernel_free(steps[i].forward);
    gcam_kernel_free(steps[i].backward);
  }
  gcam_free(steps);
}

static bool same_step(const gcam_step *a, const gcam_step *b) {
  if (a->kind != b->kind || a->node_count != b->node_count) return false;
  if (memcmp(a->nodes, b->nodes, sizeof a->nodes)) return false;
  return a->kind != GCAM_STEP_CONV || a->spec.out_stride == b->spec.out_stride;
}

gcam_status gcam_step_lean_kernel(const gcam_session *s, const gcam_step *step, const float *bias,
                                  bool gradient, gcam_kernel **kernel, gcam_error *err) {
  const gcam_graph *g = s->graph;
  const gcam_value *value = &g->values[g->nodes[step->conv_node].inputs[1]];
  const gcam_weight *w = value->weight;
  float *gain = NULL;
  *kernel = NULL;
  if (!w->data || w->borrowed) return GCAM_OK;
  if (step->norm_node >= 0) {
    gain = gcam_alloc(step->spec.K, sizeof *gain);
    if (!gain) return no_memory(err, "a convolution's weights");
    for (int64_t k = 0; k < step->spec.K; k++) {
      float p[4];
      gain[k] = (float)norm_gain(g, &g->nodes[step->norm_node], k, p);
    }
  }
  gcam_weight_source source = {w, &value->shape, gain, gradient};
  gcam_error why = {0};
  *kernel = gcam_conv_lean_kernel(&step->spec, &source, bias, &why);
  gcam_free(gain);
  if (!*kernel && why.status) *err = why;
  return why.status;
}

/* Weights are held once: where the kernel can give float weights back, their source is superfluous,
 * and freed where nobody else reads it. weights: what the kernel was made of. */
static gcam_status give_up_source(gcam_session *s, gcam_step *step, const float *weights,
                                  gcam_error *err) {
  gcam_graph *g = s->graph;
  const gcam_value *value = &g->values[g->nodes[step->conv_node].inputs[1]];
  gcam_weight *w = value->weight;
  if (!w->data && !step->forward->recover) { /* given up before, and now wanted again */
    size_t bytes = (size_t)gcam_numel(&value->shape) * sizeof *weights;
    w->data = gcam_alloc(bytes, 1);
    if (!w->data) return no_memory(err, "a convolution's weights");
    memcpy(w->data, weights, bytes);
  }
  if (step->norm_node >= 0) return GCAM_OK;
  if (!step->forward->recover) return GCAM_OK;
  int readers = 0;
  for (int n = 0; n < g->node_count; n++)
    for (int i = 0; i < g->nodes[n].input_count; i++)
      readers += g->nodes[n].inputs[i] >= 0 && g->values[g->nodes[n].inputs[i]].weight == w;
  if (readers != 1 || w->dtype != GCAM_F32 || w->borrowed) return GCAM_OK;
  gcam_free(w->data);
  w->data = NULL;
  w->recover = step->forward->recover;
  w->holder = step->forward;
  return GCAM_OK;
}

/* The source weights, where a kernel can be made of them as they are. */
static const float *plain_weights(const gcam_session *s, const gcam_step *step) {
  const gcam_graph *g = s->graph;
  const gcam_weight *w = g->values[g->nodes[step->conv_node].inputs[1]].weight;
  bool plain = step->norm_node < 0 && w->dtype == GCAM_F32 && !w->scale && !w->borrowed;
  return plain ? w->data : NULL;
}

static gcam_status packed_kernel(gcam_session *s, gcam_step *step, const float *bias,
                                 gcam_error *err) {
  const float *plain = plain_weights(s, step);
  float *copy = NULL;
  if (!plain) GCAM_TRY(gcam_step_conv_weights(s, step, &copy, NULL, err));
  const float *weights = plain ? plain : copy;
  step->forward = gcam_conv_forward_kernel(&step->spec, weights, bias, err);
  gcam_status status = step->forward ? give_up_source(s, step, weights, err) : err->status;
  gcam_free(copy);
  return status;
}

static gcam_status plan_kernel(gcam_session *s, gcam_step *step, gcam_error *err) {
  float *bias;
  GCAM_TRY(gcam_step_conv_weights(s, step, NULL, &bias, err));
  gcam_status status = gcam_step_lean_kernel(s, step, bias, false, &step->forward, err);
  if (!status && !step->forward) status = packed_kernel(s, step, bias, err);
  gcam_free(bias);
  if (!status) s->packed_bytes += step->forward->bytes;
  return status;
}

/* Takes over the kernels of an equal step of the plan before, or packs new ones. */
static gcam_status plan_kernels(gcam_session *s, gcam_step *old, int old_count, gcam_error *err) {
  /* The last first: they are the largest, and what their sources leave free holds the small ones.
   */
  for (int i = s->step_count; i-- > 0;) {
    gcam_step *step = &s->steps[i];
    if (step->kind != GCAM_STEP_CONV) continue;
    for (int k = 0; k < old_count && !step->forward; k++)
      if (same_step(step, &old[k])) {
        *step = old[k];
        old[k].forward = old[k].backward = NULL;
      }
    if (!step->forward) GCAM_TRY(plan_kernel(s, step, err));
  }
  return GCAM_OK;
}

static gcam_status plan(gcam_session *s, gcam_error *err) {
  gcam_step *old = s->steps;
  int old_count = s->step_count;
  s->steps = NULL;
  gcam_status status = plan_steps(s, err);
  if (!status) status = plan_memory(s, err);
  if (!status) status = plan_kernels(s, old, old_count, err);
  for (int i = 0; i < old_count; i++) {
    if (old[i].forward) s->packed_bytes -= old[i].forward->bytes;
    if (old[i].backward) s->packed_bytes -= old[i].backward->bytes;
  }
  free_steps(old, old_count);
  return status;
}

/* ---- Session -----------------------------------------------------------------------------------
 */

static gcam_status session_setup(gcam_session *s, gcam_error *err) {
  const gcam_graph *g = s->graph;
  int widest = 1;
  for (int n = 0; n < g->node_count; n++) {
    const gcam_node *node = &g->nodes[n];
    if (node->input_count > widest) widest = node->input_count;
    if (node->output_count > widest) widest = node->output_count;
    if (node->scratch_floats > s->scratch_floats) s->scratch_floats = node->scratch_floats;
  }
  s->slots = gcam_alloc_zeroed(g->value_count + 1, sizeof *s->slots);
  s->inputs_set = gcam_alloc_zeroed(g->input_count + 1, sizeof *s->inputs_set);
  s->in = gcam_alloc_zeroed(widest, sizeof *s->in);
  s->out = gcam_alloc_zeroed(widest, sizeof *s->out);
  s->din = gcam_alloc_zeroed(widest, sizeof *s->din);
  s->dout = gcam_alloc_zeroed(widest, sizeof *s->dout);
  s->scratch = gcam_floats_alloc(s->scratch_floats);
  if (!s->slots || !s->inputs_set || !s->in || !s->out || !s->din || !s->dout || !s->scratch)
    return no_memory(err, "the session");
  return plan(s, err);
}

gcam_status gcam_session_create(gcam_session **session, gcam_graph *graph, const gcam_pool *pool,
                                gcam_precision precision, gcam_error *err) {
  gcam_session *s = gcam_alloc_zeroed(1, sizeof *s);
  *session = NULL;
  if (!s) return no_memory(err, "the session");
  s->graph = graph;
  s->pool = pool;
  s->precision = precision;
  gcam_status status = session_setup(s, err);
  if (status) {
    gcam_session_free(s);
    return status;
  }
  *session = s;
  return GCAM_OK;
}

void gcam_session_free(gcam_session *s) {
  if (!s) return;
  for (int v = 0; s->slots && v < s->graph->value_count; v++)
    if (s->slots[v].owner == v) gcam_floats_free(s->slots[v].data);
  free_steps(s->steps, s->step_count);
  gcam_floats_free(s->scratch);
  gcam_free(s->slots);
  gcam_free(s->inputs_set);
  gcam_free(s->in);
  gcam_free(s->out);
  gcam_free(s->din);
  gcam_free(s->dout);
  gcam_free(s);
}

gcam_status gcam_session_expose(gcam_session *s, int value, gcam_error *err) {
  if (!s->slots[value].hidden) return GCAM_OK;
  /* the kernels that go away are those of the step that holds the value */
  s->slots[value].exposed = true;
  bool *fresh = gcam_alloc((size_t)s->graph->node_count + 1, 1);
  if (!fresh) return no_memory(err, "the plan");
  memset(fresh, 1, (size_t)s->graph->node_count);
  for (int i = 0; i < s->step_count; i++) {
    const gcam_step *step = &s->steps[i];
    bool holds = false;
    for (int k = 0; k + 1 < step->node_count; k++)
      holds |= s->graph->nodes[step->nodes[k]].outputs[0] == value;
    for (int k = 0; k < step->node_count && !holds; k++) fresh[step->nodes[k]] = false;
  }
  gcam_status status = plan(s, err);
  for (int i = 0; i < s->step_count && !status && s->done; i++)
    if (fresh[s->steps[i].nodes[0]]) status = gcam_step_forward(s, &s->steps[i], err);
  if (status) s->done = false;
  gcam_free(fresh);
  return status;
}
