#include "session/pack.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/conv_xnnpack.h"

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY,
                   "out of memory for a convolution's weights; close other models");
}

/* ---- Reading weights ------------------------------------------------------------------------ */

static const gcam_value *weights_of(const gcam_graph *g, const gcam_step *step) {
  return &g->values[g->nodes[step->conv_node].inputs[1]];
}

/* p: scale, shift, mean and variance of channel k. Returns scale / sqrt(variance + epsilon). */
static double norm_gain(const gcam_graph *g, const gcam_node *norm, int64_t k, float p[4]) {
  for (int i = 0; i < 4; i++) {
    const gcam_value *v = &g->values[norm->inputs[i + 1]];
    gcam_weight_read(v->weight, &v->shape, k, 1, &p[i]);
  }
  return p[0] / sqrt(p[3] + (double)gcam_node_float(norm, "epsilon", 1e-5f));
}

gcam_status gcam_pack_read(const gcam_graph *g, const gcam_step *step, float **weights,
                           float **bias, gcam_error *err) {
  const gcam_node *conv = &g->nodes[step->conv_node];
  const gcam_value *w = weights_of(g, step);
  int64_t K = step->transposed ? step->spec.C : step->spec.K; /* of the output */
  int64_t n = gcam_numel(&w->shape), per = n / K;
  float *W = weights ? gcam_alloc(n, sizeof *W) : NULL, *b = gcam_alloc_zeroed(K, sizeof *b);
  if ((weights && !W) || !b) {
    gcam_free(W);
    gcam_free(b);
    return no_memory(err);
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

/* The source weights, where a kernel can be made of them as they are. */
static const float *plain_weights(const gcam_graph *g, const gcam_step *step) {
  const gcam_weight *w = weights_of(g, step)->weight;
  bool plain = step->norm_node < 0 && w->dtype == GCAM_F32 && !w->scale && !w->borrowed;
  return plain ? w->data : NULL;
}

/* ---- Making kernels ------------------------------------------------------------------------- */

/* Packed, each convolution's weights are there a second time, and a third for its gradient: a
 * gigabyte of them would not fit into the four that WebAssembly has. */
static bool memory_is_scarce(const gcam_graph *g, const gcam_value *weights) {
  const int64_t most = (int64_t)1 << 28, few = 1 << 16;
  int64_t floats = 0;
  if (gcam_numel(&weights->shape) < few) return false;
  for (int n = 0; n < g->node_count && floats < most; n++)
    if (g->nodes[n].op == &gcam_op_conv) floats += gcam_numel(gcam_in_shape(g, &g->nodes[n], 1));
  return floats >= most;
}

/* *kernel: one that reads the convolution's weights where they are stored, where that pays; else
 * NULL, without failing. */
static gcam_status lean_kernel(const gcam_graph *g, const gcam_step *step, const float *bias,
                               bool gradient, gcam_kernel **kernel, gcam_error *err) {
  const gcam_value *value = weights_of(g, step);
  const gcam_weight *w = value->weight;
  float *gain = NULL;
  *kernel = NULL;
  if (!w->data || w->borrowed || step->transposed) return GCAM_OK;
  if (step->norm_node >= 0) {
    gain = gcam_alloc(step->spec.K, sizeof *gain);
    if (!gain) return no_memory(err);
    for (int64_t k = 0; k < step->spec.K; k++) {
      float p[4];
      gain[k] = (float)norm_gain(g, &g->nodes[step->norm_node], k, p);
    }
  }
  gcam_weight_source source = {w, &value->shape, gain, gradient, memory_is_scarce(g, value)};
  gcam_error why = {0};
  *kernel = gcam_conv_lean_kernel(&step->spec, &source, bias, &why);
  gcam_free(gain);
  if (!*kernel && why.status) *err = why;
  return why.status;
}

static gcam_status packed_kernel(const gcam_graph *g, gcam_step *step, const float *bias,
                                 gcam_error *err) {
  const float *plain = plain_weights(g, step);
  float *copy = NULL;
  if (!plain) GCAM_TRY(gcam_pack_read(g, step, &copy, NULL, err));
  step->forward = (step->transposed ? gcam_conv_transpose_kernel : gcam_conv_forward_kernel)(
      &step->spec, plain ? plain : copy, bias, err);
  gcam_free(copy);
  return step->forward ? GCAM_OK : err->status;
}

static gcam_status forward_kernel(const gcam_graph *g, gcam_step *step, gcam_error *err) {
  float *bias;
  GCAM_TRY(gcam_pack_read(g, step, NULL, &bias, err));
  gcam_status status = lean_kernel(g, step, bias, false, &step->forward, err);
  if (!status && !step->forward) status = packed_kernel(g, step, bias, err);
  gcam_free(bias);
  return status;
}

gcam_status gcam_pack_backward(const gcam_graph *g, gcam_step *step, gcam_error *err) {
  if (step->backward_tried) return GCAM_OK;
  GCAM_TRY(lean_kernel(g, step, NULL, true, &step->backward, err));
  if (!step->backward) {
    float *weights;
    gcam_error why = {0};
    GCAM_TRY(gcam_pack_read(g, step, &weights, NULL, err));
    if (step->transposed) {
      gcam_conv_spec c = step->spec;
      c.lo = -INFINITY, c.hi = INFINITY, c.out_stride = c.K;
      step->backward = gcam_conv_forward_kernel(&c, weights, NULL, &why);
    } else {
      step->backward = gcam_conv_backward_kernel(&step->spec, weights, &why);
    }
    gcam_free(weights);
    if (!step->backward && why.status) {
      *err = why;
      return why.status;
    }
  }
  step->backward_tried = true;
  return GCAM_OK;
}

/* ---- Weights are held once ------------------------------------------------------------------ */

/* Where the kernel can give float weights back, their source is superfluous, if nobody else reads
 * it. */
static bool can_hold(const gcam_graph *g, const gcam_step *step) {
  const gcam_weight *w = weights_of(g, step)->weight;
  if (!step->forward->recover || step->norm_node >= 0 || w->dtype != GCAM_F32 || w->borrowed)
    return false;
  int readers = 0;
  for (int n = 0; n < g->node_count; n++)
    for (int i = 0; i < g->nodes[n].input_count; i++)
      readers += g->nodes[n].inputs[i] >= 0 && g->values[g->nodes[n].inputs[i]].weight == w;
  return readers == 1;
}

static bool is_held_anew(const gcam_weight_changes *changes, const gcam_weight *w) {
  for (int i = 0; i < changes->count; i++)
    if (changes->list[i].weight == w) return true;
  return false;
}

/* Weights that a kernel of the plan before holds, and none of this plan will. */
static gcam_status restore(const gcam_graph *g, const gcam_step *steps, int step_count,
                           const gcam_step *before, gcam_weight_changes *changes, gcam_error *err) {
  gcam_weight *w = weights_of(g, before)->weight;
  if (w->data || w->holder != before->forward || is_held_anew(changes, w)) return GCAM_OK;
  for (int i = 0; i < step_count; i++)
    if (steps[i].forward == before->forward) return GCAM_OK;
  const gcam_shape *shape = &weights_of(g, before)->shape;
  float *values = gcam_alloc(gcam_numel(shape), sizeof *values);
  if (!values) return no_memory(err);
  gcam_weight_read(w, shape, 0, gcam_numel(shape), values);
  changes->list[changes->count++] = (gcam_weight_change){w, NULL, values};
  return GCAM_OK;
}

void gcam_pack_apply(gcam_weight_changes *changes) {
  for (int i = 0; i < changes->count; i++) {
    const gcam_weight_change *c = &changes->list[i];
    if (c->holder)
      gcam_weight_hold(c->weight, c->holder, c->holder->recover);
    else
      gcam_weight_restore(c->weight, c->restored);
  }
  changes->count = 0;
}

/* ---- A plan's kernels ----------------------------------------------------------------------- */

static bool is_stale(const gcam_graph *g, const gcam_step *step, const bool *stale) {
  for (int k = 0; stale && k < step->node_count; k++) {
    const gcam_node *node = &g->nodes[step->nodes[k]];
    for (int i = 0; i < node->input_count; i++)
      if (node->inputs[i] >= 0 && stale[node->inputs[i]]) return true;
  }
  return false;
}

static bool same_step(const gcam_step *a, const gcam_step *b) {
  if (a->kind != b->kind || a->node_count != b->node_count) return false;
  if (memcmp(a->nodes, b->nodes, sizeof a->nodes)) return false;
  return a->kind != GCAM_STEP_CONV || a->spec.out_stride == b->spec.out_stride;
}

gcam_status gcam_pack(const gcam_graph *g, gcam_step *steps, int step_count,
                      const gcam_step *before, int before_count, const bool *stale,
                      gcam_weight_changes *changes, gcam_error *err) {
  changes->list = gcam_alloc((int64_t)step_count + before_count, sizeof *changes->list);
  if (!changes->list) return no_memory(err);
  /* The last first: they are the largest. */
  for (int i = step_count; i-- > 0;) {
    gcam_step *step = &steps[i];
    if (step->kind != GCAM_STEP_CONV) continue;
    for (int k = 0; k < before_count && !step->forward && !is_stale(g, step, stale); k++)
      if (same_step(step, &before[k])) {
        *step = before[k];
        step->shared = true;
      }
    if (step->forward) continue;
    GCAM_TRY(forward_kernel(g, step, err));
    if (!can_hold(g, step)) continue;
    gcam_weight *w = weights_of(g, step)->weight;
    changes->list[changes->count++] = (gcam_weight_change){w, step->forward, NULL};
    if (!before) gcam_pack_apply(changes);
  }
  for (int k = 0; k < before_count; k++)
    if (before[k].kind == GCAM_STEP_CONV)
      GCAM_TRY(restore(g, steps, step_count, &before[k], changes, err));
  return GCAM_OK;
}

void gcam_pack_free(const gcam_graph *g, gcam_step *steps, int step_count,
                    gcam_weight_changes *changes) {
  for (int i = 0; changes && i < changes->count; i++) gcam_free(changes->list[i].restored);
  for (int i = 0; steps && i < step_count; i++) {
    if (steps[i].shared || steps[i].kind != GCAM_STEP_CONV) continue;
    gcam_weight *w = weights_of(g, &steps[i])->weight;
    if (steps[i].forward && w->holder == steps[i].forward) w->holder = NULL, w->recover = NULL;
    gcam_kernel_free(steps[i].forward);
    gcam_kernel_free(steps[i].backward);
  }
  gcam_free(steps);
  if (changes) {
    gcam_free(changes->list);
    *changes = (gcam_weight_changes){0};
  }
}

int64_t gcam_pack_bytes(const gcam_step *steps, int step_count) {
  int64_t bytes = 0;
  for (int i = 0; i < step_count; i++) {
    if (steps[i].forward) bytes += (int64_t)steps[i].forward->bytes;
    if (steps[i].backward) bytes += (int64_t)steps[i].backward->bytes;
  }
  return bytes;
}
