/* fuse.c: [Pad] Conv [BatchNormalization] [Relu | Clip] becomes one step, and so do MatMul [Add],
 * ConvTranspose, BatchNormalization or Add [Relu | Clip], and x Sigmoid(x) or HardSigmoid; the
 * values in between are hidden. A hidden value that somebody asks for is exposed: its step is split
 * there. */
#include "session/fuse.h"

#include <math.h>

#include "base/memory.h"
#include "kernels/conv_xnnpack.h"
#include "kernels/twins.h"
#include "ops/conv.h"

/* The only node that reads `value`, where the value may vanish; -1 otherwise. */
static int any_reader(const gcam_graph *g, const gcam_wishes *w, const int *reader, int value) {
  int n = reader[value];
  return n >= 0 && !w->exposed[value] && gcam_read_once(g, &g->nodes[n], value) ? n : -1;
}

/* The same where it reads `value` as its input 0. */
static int only_reader(const gcam_graph *g, const gcam_wishes *w, const int *reader, int value) {
  int n = any_reader(g, w, reader, value);
  return n >= 0 && g->nodes[n].inputs[0] == value ? n : -1;
}

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

/* Node `next`, where it is an activation that clamps, becomes part of the step. */
static void absorb_clamp(const gcam_graph *g, int next, gcam_step *step) {
  step->limits[0] = -INFINITY, step->limits[1] = INFINITY;
  if (next < 0 || !gcam_node_clamp(g, &g->nodes[next], &step->limits[0], &step->limits[1])) return;
  step->clamped = true;
  step->nodes[step->node_count++] = next;
}

/* Tries to make a fused convolution that begins at node n. */
static bool fuse_conv(const gcam_graph *g, const gcam_wishes *w, const int *reader, int n,
                      gcam_step *step) {
  int64_t border[4] = {0};
  memset(step, 0, sizeof *step);
  step->kind = GCAM_STEP_CONV;
  step->norm_node = -1;
  if (g->nodes[n].op == &gcam_op_pad) {
    if (!zero_border(g, &g->nodes[n], border)) return false;
    step->nodes[step->node_count++] = n;
    n = only_reader(g, w, reader, g->nodes[n].outputs[0]);
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
  step->spec.direct = w->precision != GCAM_FAST;
  step->conv_node = n;
  step->nodes[step->node_count++] = n;
  int next = only_reader(g, w, reader, conv->outputs[0]);
  if (next >= 0 && g->nodes[next].op == &gcam_op_batch_norm &&
      gcam_node_constant_from(g, &g->nodes[next], 1)) {
    step->norm_node = next;
    step->nodes[step->node_count++] = next;
    next = only_reader(g, w, reader, g->nodes[next].outputs[0]);
  }
  absorb_clamp(g, next, step);
  step->spec.lo = step->limits[0], step->spec.hi = step->limits[1];
  return gcam_conv_kernel_fits(&step->spec);
}

/* The same for a transposed convolution: its kernels are those of the convolution, exchanged. */
static bool fuse_conv_transpose(const gcam_graph *g, const gcam_wishes *w, const int *reader, int n,
                                gcam_step *step) {
  const gcam_node *node = &g->nodes[n];
  if (node->op != &gcam_op_conv_transpose || !gcam_node_constant_from(g, node, 1)) return false;
  memset(step, 0, sizeof *step);
  step->kind = GCAM_STEP_CONV;
  step->transposed = true;
  step->norm_node = -1;
  step->conv_node = n;
  step->nodes[step->node_count++] = n;
  conv_spec(node, &step->spec);
  step->spec.out_stride = step->spec.C;
  step->spec.direct = w->precision != GCAM_FAST;
  absorb_clamp(g, only_reader(g, w, reader, node->outputs[0]), step);
  step->spec.lo = step->limits[0], step->spec.hi = step->limits[1];
  return gcam_conv_transpose_fits(&step->spec);
}

static bool is_channel_concat(const gcam_graph *g, const gcam_node *node) {
  if (node->op != &gcam_op_concat) return false;
  const gcam_value *y = &g->values[node->outputs[0]];
  int axis = gcam_value_axis(y, gcam_node_int(node, "axis", 1));
  return y->shape.rank >= 2 && axis == y->shape.rank - 1 && y->shape.dim[axis] > 0;
}

/* Output 0 is input 0's memory, and there is no other output that would have to be written. */
static bool renames(const gcam_graph *g, const gcam_wishes *w, const gcam_node *node) {
  if (!gcam_node_is_view(g, node) || node->outputs[0] < 0 || w->apart[node->outputs[0]] ||
      g->values[node->inputs[0]].weight)
    return false;
  for (int i = 1; i < node->output_count; i++)
    if (node->outputs[i] >= 0) return false;
  return true;
}

/* The constant row that the node adds to each of `value`'s; -1: it does something else. */
static int added_row(const gcam_graph *g, const gcam_node *node, int value) {
  if (node->op != &gcam_op_add) return -1;
  int row = node->inputs[node->inputs[0] == value];
  const gcam_shape *s = &g->values[row].shape, *x = &g->values[value].shape;
  int64_t width = x->rank ? x->dim[x->rank - 1] : 0;
  bool fits = g->values[row].weight && s->rank && s->dim[s->rank - 1] == width &&
              gcam_numel(s) == width && gcam_shape_equal(x, &g->values[node->outputs[0]].shape);
  return fits ? row : -1;
}

/* Does the node multiply `value` with x, element by element? */
static bool multiplies(const gcam_graph *g, const gcam_node *node, int value, int x) {
  return node->op == &gcam_op_mul && node->inputs[node->inputs[0] == value] == x &&
         gcam_shape_equal(&g->values[value].shape, &g->values[x].shape);
}

/* What comes behind the step's node, and its twin does on the way. */
static void absorb(const gcam_graph *g, const gcam_wishes *w, const int *reader, gcam_step *step) {
  const gcam_node *node = &g->nodes[step->nodes[0]];
  int value = node->outputs[0];
  if (value < 0) return;
  if (step->twin->absorbs & GCAM_ADDS_BIAS) {
    int next = any_reader(g, w, reader, value);
    step->bias = next < 0 ? -1 : added_row(g, &g->nodes[next], value);
    if (step->bias < 0) return;
    step->nodes[step->node_count++] = next;
    value = g->nodes[next].outputs[0];
  }
  if (step->twin->absorbs & GCAM_TIMES_INPUT) {
    int next = any_reader(g, w, reader, value);
    step->times_input = next >= 0 && multiplies(g, &g->nodes[next], value, node->inputs[0]);
    if (step->times_input) step->nodes[step->node_count++] = next;
  }
  if (step->twin->absorbs & GCAM_CLAMPS) absorb_clamp(g, only_reader(g, w, reader, value), step);
}

static void one_node(const gcam_graph *g, const gcam_wishes *w, const int *reader, int n,
                     gcam_step *step) {
  const gcam_node *node = &g->nodes[n];
  bool plain = w->precision == GCAM_PLAIN;
  *step = (gcam_step){.kind = GCAM_STEP_NODE, .nodes = {n}, .node_count = 1, .bias = -1};
  if (renames(g, w, node))
    step->kind = GCAM_STEP_VIEW;
  else if (!plain) {
    if (is_channel_concat(g, node)) step->kind = GCAM_STEP_CONCAT;
    step->twin = gcam_twin_find(g, node);
  }
  if (step->twin && step->twin->absorbs) absorb(g, w, reader, step);
}

gcam_status gcam_fuse(const gcam_graph *g, const gcam_wishes *w, gcam_slot *slots,
                      gcam_step **steps, int *count, gcam_error *err) {
  int *reader = gcam_alloc((int64_t)g->value_count + 1, sizeof *reader);
  bool *taken = gcam_alloc_zeroed((int64_t)g->node_count + 1, sizeof *taken);
  gcam_step *made = gcam_alloc_zeroed((int64_t)g->node_count + 1, sizeof *made);
  *count = 0;
  if (!reader || !taken || !made) {
    gcam_free(reader);
    gcam_free(taken);
    gcam_free(made);
    return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the plan; close other models");
  }
  memset(reader, -1, (size_t)g->value_count * sizeof *reader);
  for (int n = 0; n < g->node_count; n++)
    for (int i = 0; i < g->nodes[n].input_count; i++)
      if (g->nodes[n].inputs[i] >= 0) reader[g->nodes[n].inputs[i]] = n;
  for (int n = 0; n < g->node_count; n++) {
    if (taken[n]) continue;
    gcam_step *step = &made[(*count)++];
    if (w->precision == GCAM_PLAIN ||
        !(fuse_conv(g, w, reader, n, step) || fuse_conv_transpose(g, w, reader, n, step)))
      one_node(g, w, reader, n, step);
    for (int i = 0; i < step->node_count; i++) {
      taken[step->nodes[i]] = true;
      if (i + 1 < step->node_count) slots[g->nodes[step->nodes[i]].outputs[0]].hidden = true;
    }
  }
  gcam_free(reader);
  gcam_free(taken);
  *steps = made;
  return GCAM_OK;
}
