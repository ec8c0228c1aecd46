#include "cam/explain.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "ops/op.h"
#include "ops/reach.h"

/* Maps of fewer products, of all targets, are made sooner than a thread wakes. */
#define SIZE_FOR_THREADS ((int64_t)1 << 19)

/* One layer of the question on its way to maps. */
typedef struct answer {
  const gcam_question *q;
  gcam_layer layer;
  gcam_gradient_cache *kept;
  bool one_of_many;
  gcam_findings *findings;
  gcam_maps maps;
  gcam_way_back way;    /* to the layer, the average over it, or the input; of all targets */
  int64_t offset, size; /* where a target's gradient begins in what comes back; its floats */
  int64_t apart;        /* from one target's to the next */
  gcam_cotangents cotangents;
  const float *activation, *gradients;
  int first;      /* target that `gradients` begins with */
  gcam_sums sums; /* methods by the mean gradient: how it is had ... */
  float *means;   /* ... and it, [targets at once][K]; NULL: other methods */
  float *owned;   /* a copy of the activation */
  float *input;   /* the input in rows; NULL: the map is at the layer */
  float *rows;    /* the same of one gradient */
  float *terms;   /* work space of one target; NULL: the method has weights */
  float *coarse;  /* Guided Grad-CAM: map and weights of the layer */
  bool failed[GCAM_MAX_TARGETS];
} answer;

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for maps; ask for fewer classes");
}

/* Stops at the first value that is not, which as a rule is among the first. */
static bool all_zero(const float *values, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (values[i] != 0) return false;
  return true;
}

static void scale_by(float *values, int64_t n, double scale) {
  for (int64_t i = 0; values && i < n; i++) values[i] = (float)(values[i] * scale);
}

/* Scales the map by the score's factor, or leaves it out and says so where it would vanish. */
static void apply_scale(answer *a, int b) {
  gcam_maps *maps = &a->maps;
  int64_t pixels = maps->H * maps->W;
  float *map = maps->data + b * pixels;
  double largest = 0, scale = a->cotangents.scales[b];
  for (int64_t i = 0; i < pixels; i++) largest = fmax(largest, fabs((double)map[i]));
  if (scale == 1 || largest == 0) return;
  /* the smaller values would lose their digits; an average over variants needs the factor */
  if (largest * scale < FLT_MIN * 1e6 && !a->one_of_many) {
    gcam_warn(&a->findings->warnings, "saturated-softmax", b,
              "%s: the probability is so close to 0 or 1 that its gradient vanishes; the map "
              "leaves out the factor p(1-p) = %.3g",
              a->q->targets.labels[b], scale);
    return;
  }
  scale_by(map, pixels, scale);
  scale_by(gcam_maps_weights(maps, b), maps->K, scale);
  scale_by(gcam_maps_terms(maps, b), pixels * maps->K, scale);
}

/* ---- One target ----------------------------------------------------------------------------- */

static gcam_cam cam_of(const answer *a, int b) {
  const gcam_maps *m = &a->maps;
  const float *gradient = a->gradients;
  if (a->means)
    gradient = a->means + (b - a->first) * m->K;
  else if (gradient)
    gradient += (b - a->first) * a->apart + a->offset;
  return (gcam_cam){.H = m->H,
                    .W = m->W,
                    .K = m->K,
                    .activation = a->activation,
                    .gradient = gradient,
                    .scale = a->cotangents.scales[b],
                    .options = &a->q->options,
                    .map = m->data + b * m->H * m->W,
                    .terms = a->terms,
                    .weights = gcam_maps_weights(m, b)};
}

static void look_at(const answer *a, int b, const gcam_cam *cam) {
  if (!a->gradients || !a->findings->dead[b]) return;
  const float *gradient = a->gradients + (b - a->first) * a->apart + a->offset;
  bool dead = all_zero(gradient, a->size);
  /* behind a fully connected node: or the node does not look at the layer */
  if (!dead && a->means && a->sums.node >= 0) dead = all_zero(cam->gradient, a->maps.K);
  a->findings->dead[b] = dead;
}

/* Methods with weights need no room of their own: a thread each. */
static void one_map(void *context, size_t index) {
  answer *a = context;
  int b = a->first + (int)index;
  gcam_cam cam = cam_of(a, b);
  look_at(a, b, &cam);
  a->failed[b] = !a->q->method->map(&cam);
}

static gcam_status find_sums(answer *a, gcam_error *err) {
  const gcam_layer *l = &a->layer;
  return gcam_session_sums(a->q->session, a->way.output, l->value, l->K, l->skip, &a->sums, err);
}

/* means[B][K] of what came back for B targets. */
static gcam_status take_means(const answer *a, const float *gradients, int B, float *means,
                              gcam_error *err) {
  const gcam_layer *l = &a->layer;
  GCAM_TRY(gcam_session_take_sums(a->q->session, &a->sums, gradients, B, means, err));
  for (int64_t i = 0; i < B * l->K; i++) means[i] /= (float)(l->H * l->W);
  return GCAM_OK;
}

/* Guided Grad-CAM: the Grad-CAM of target b at the layer. */
static gcam_status coarse_map(answer *a, int b, gcam_cam *cam, gcam_error *err) {
  const gcam_question *q = a->q;
  const gcam_layer *l = &a->layer;
  gcam_way_back way = a->way;
  way.cotangents += b * way.size;
  way.value = a->sums.value;
  way.B = 1;
  way.guided = false;
  float *owned = NULL, *gradient, *weights = a->coarse + l->H * l->W;
  GCAM_TRY(gcam_gradient_cache_get(NULL, q->session, &way, &gradient, err));
  gcam_status status = take_means(a, gradient, 1, weights, err);
  gcam_gradient_cache_done(NULL, gradient);
  if (status) return status;
  const float *activation = gcam_session_dense(q->session, l->value, &owned);
  if (!activation) return no_memory(err);
  gcam_cam layer = {.H = l->H,
                    .W = l->W,
                    .K = l->K,
                    .activation = activation + gcam_layer_offset(l),
                    .options = &q->options,
                    .map = a->coarse,
                    .weights = weights};
  bool made = gcam_cam_weighted_sum(&layer);
  cam->coarse = a->coarse;
  cam->coarse_H = l->H;
  cam->coarse_W = l->W;
  gcam_floats_free(owned);
  return made ? GCAM_OK : no_memory(err);
}

static gcam_status one_map_with_terms(answer *a, int b, gcam_error *err) {
  gcam_cam cam = cam_of(a, b);
  look_at(a, b, &cam);
  if (a->rows) {
    gcam_input_to_rows(&a->q->input, cam.gradient, a->rows);
    cam.gradient = a->rows;
  }
  if (a->coarse) GCAM_TRY(coarse_map(a, b, &cam, err));
  if (!a->q->method->map(&cam)) return no_memory(err);
  int64_t size = cam.H * cam.W * cam.K;
  if (a->maps.terms) memcpy(gcam_maps_terms(&a->maps, b), cam.terms, (size_t)size * sizeof(float));
  return GCAM_OK;
}

/* ---- All targets ---------------------------------------------------------------------------- */

/* One backward pass for targets [first, first + B). */
static gcam_status explain_some(answer *a, int first, int B, gcam_error *err) {
  const gcam_question *q = a->q;
  bool needs_gradient = q->method->from != GCAM_FROM_NOTHING;
  float *gradients = NULL;
  gcam_gradient_cache *kept = B == q->targets.count ? a->kept : NULL;
  if (needs_gradient) {
    gcam_way_back way = a->way;
    way.cotangents += first * way.size;
    way.B = B;
    GCAM_TRY(gcam_gradient_cache_get(kept, q->session, &way, &gradients, err));
  }
  a->gradients = gradients;
  a->first = first;
  gcam_status status = a->means ? take_means(a, gradients, B, a->means, err) : GCAM_OK;
  if (!a->terms && !status) {
    int64_t size = B * a->maps.H * a->maps.W * a->maps.K;
    gcam_parallel(size < SIZE_FOR_THREADS ? NULL : q->session->pool, (size_t)B, one_map, a);
  }
  for (int b = first; b < first + B && !status; b++) {
    if (a->terms)
      status = one_map_with_terms(a, b, err);
    else if (a->failed[b])
      status = no_memory(err);
    if (!status && needs_gradient) apply_scale(a, b);
  }
  if (needs_gradient) gcam_gradient_cache_done(kept, gradients);
  return status;
}

/* Does guided backpropagation find a ReLU on its way? */
static gcam_status look_for_rectifiers(answer *a, gcam_error *err) {
  const gcam_graph *g = a->q->session->graph;
  bool *on_path = gcam_alloc_zeroed((int64_t)g->value_count + 1, sizeof *on_path), any = false;
  float lo, hi;
  if (!on_path) return no_memory(err);
  gcam_reach_up(g, a->way.output, on_path);
  for (int n = 0; n < g->node_count && !any; n++) {
    const gcam_node *node = &g->nodes[n];
    any = node->outputs[0] >= 0 && on_path[node->outputs[0]] &&
          gcam_node_clamp(g, node, &lo, &hi) && lo == 0;
  }
  gcam_free(on_path);
  if (!any)
    gcam_warn(&a->findings->warnings, "nothing-to-guide", -1,
              "'%s': the network has no ReLU, at which gradients could be guided; what comes "
              "back is the plain gradient",
              a->q->method->name);
  return GCAM_OK;
}

static gcam_status find_way(answer *a, gcam_error *err) {
  const gcam_question *q = a->q;
  bool to_input = gcam_method_to_input(q->method);
  a->way = (gcam_way_back){.output = q->targets.output,
                           .value = to_input ? q->input.value : a->layer.value,
                           .cotangents = a->cotangents.data,
                           .size = q->targets.size,
                           .guided = q->method->from == GCAM_FROM_GUIDED};
  a->offset = to_input ? 0 : gcam_layer_offset(&a->layer);
  a->size = to_input ? gcam_input_size(&q->input) : gcam_layer_size(&a->layer);
  if (q->method->from == GCAM_FROM_POOLED) {
    a->way.value =
        a->layer.skip ? -1 : gcam_head_pooled(q->session->graph, a->way.output, a->layer.value);
    if (a->way.value < 0)
      return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                       "CAM needs a head that averages layer '%.100s' and is linear from there to "
                       "the scores; this one is not: use gradcam, which is the same where CAM "
                       "exists",
                       gcam_layer_tensor(q->session->graph, &a->layer)->name);
    a->size = a->layer.K;
    GCAM_TRY(gcam_session_expose(q->session, a->way.value, err));
  }
  a->way.via = a->way.value;
  if (q->method->from == GCAM_FROM_MEANS || q->method->from == GCAM_FROM_LAYER ||
      q->method->needs_coarse)
    GCAM_TRY(find_sums(a, err));
  if (q->method->from == GCAM_FROM_LAYER) a->way.via = a->sums.value;
  if (q->method->from == GCAM_FROM_MEANS && a->sums.value != a->layer.value) {
    a->way.value = a->way.via = a->sums.value;
    a->offset = 0;
    a->size = gcam_numel(&q->session->graph->values[a->way.value].shape);
  }
  a->apart = gcam_numel(&q->session->graph->values[a->way.value].shape);
  return a->way.guided ? look_for_rectifiers(a, err) : GCAM_OK;
}

static gcam_status make_room(answer *a, gcam_error *err) {
  const gcam_question *q = a->q;
  const gcam_method *m = q->method;
  const gcam_layer *l = &a->layer;
  bool to_input = gcam_method_to_input(m);
  a->maps = (gcam_maps){.count = q->targets.count, .H = l->H, .W = l->W, .K = l->K};
  if (to_input) a->maps.H = q->input.H, a->maps.W = q->input.W, a->maps.K = q->input.C;
  GCAM_TRY(gcam_maps_make(&a->maps, m->has_weights, m->has_terms, err));
  int64_t size = gcam_size(a->maps.H * a->maps.W, a->maps.K);
  if (!m->has_weights) a->terms = gcam_floats_alloc(size);
  if (m->from == GCAM_FROM_MEANS) a->means = gcam_floats_alloc(q->targets.count * l->K);
  if (m->needs_coarse) a->coarse = gcam_floats_alloc(l->H * l->W + l->K);
  if (to_input) {
    a->rows = gcam_floats_alloc(size);
    a->input = gcam_floats_alloc(size);
  }
  bool all = (m->has_weights || a->terms) && (!m->needs_coarse || a->coarse) &&
             (m->from != GCAM_FROM_MEANS || a->means) && (!to_input || (a->rows && a->input));
  return all ? GCAM_OK : no_memory(err);
}

static gcam_status read_activation(answer *a, gcam_error *err) {
  const gcam_question *q = a->q;
  int value = a->input ? q->input.value : a->layer.value;
  const float *data = gcam_session_dense(q->session, value, &a->owned);
  if (!data) return no_memory(err);
  if (a->input) gcam_input_to_rows(&q->input, data, a->input);
  a->activation = a->input ? a->input : data + gcam_layer_offset(&a->layer);
  return GCAM_OK;
}

static gcam_status explain(answer *a, gcam_error *err) {
  const gcam_targets *t = &a->q->targets;
  GCAM_TRY(gcam_targets_cotangents(t, a->q->session, &a->cotangents, err));
  GCAM_TRY(find_way(a, err));
  GCAM_TRY(make_room(a, err));
  GCAM_TRY(read_activation(a, err));
  int at_once = gcam_gradient_cache_at_once(a->q->session, a->way.value, t->count);
  for (int b = 0; b < t->count; b += at_once)
    GCAM_TRY(explain_some(a, b, t->count - b < at_once ? t->count - b : at_once, err));
  return GCAM_OK;
}

gcam_status gcam_explain_layer(const gcam_question *q, int layer, gcam_gradient_cache *kept,
                               bool one_of_many, gcam_maps *maps, gcam_findings *findings,
                               gcam_error *err) {
  answer a = {.q = q,
              .layer = q->layers[layer],
              .kept = kept,
              .one_of_many = one_of_many,
              .findings = findings};
  gcam_status status = explain(&a, err);
  gcam_free(a.cotangents.data);
  gcam_floats_free(a.owned);
  gcam_floats_free(a.rows);
  gcam_floats_free(a.input);
  gcam_floats_free(a.terms);
  gcam_floats_free(a.coarse);
  gcam_floats_free(a.means);
  gcam_sums_free(&a.sums);
  if (status)
    gcam_maps_free(&a.maps);
  else
    *maps = a.maps;
  return status;
}
