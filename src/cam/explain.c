#include "cam/explain.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cam/job.h"
#include "cam/methods.h"

/* Gradients of one backward pass: as many targets at once as fit in about this many floats. */
#define GRADIENT_FLOATS ((int64_t)1 << 25)
/* Kept for another method at the same layer: gradients of at most this many, each. */
#define KEPT_FLOATS ((int64_t)1 << 21)
/* Maps of layers smaller than this many floats are made sooner than a thread wakes. */
#define SIZE_FOR_THREADS ((int64_t)1 << 14)

void gcam_warn(gcam_warnings *warnings, const char *name, const char *format, ...) {
  if (warnings->count == GCAM_MAX_WARNINGS) return;
  gcam_warning *w = &warnings->list[warnings->count++];
  w->name = name;
  va_list args;
  va_start(args, format);
  vsnprintf(w->text, sizeof w->text, format, args);
  va_end(args);
}

void gcam_maps_free(gcam_maps *maps) {
  gcam_free(maps->data);
  gcam_free(maps->weights);
  gcam_free(maps->terms);
  gcam_free(maps->delta);
  memset(maps, 0, sizeof *maps);
}

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for maps; ask for fewer classes");
}

/* ---- Checks
 * --------------------------------------------------------------------------------------- */

static bool all_finite(const float *values, int64_t n) {
  bool finite = true; /* no early way out: the loop runs in vector registers */
  for (int64_t i = 0; i < n; i++) finite &= fabsf(values[i]) <= FLT_MAX;
  return finite;
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
static void apply_scale(gcam_job *job, gcam_maps *maps, int b) {
  int64_t pixels = maps->H * maps->W;
  float *map = maps->data + b * pixels;
  double largest = 0, scale = job->scales[b];
  for (int64_t i = 0; i < pixels; i++) largest = fmax(largest, fabs((double)map[i]));
  if (scale == 1 || largest == 0) return;
  /* the smaller values would lose their digits; an average over variants needs the factor */
  if (largest * scale < FLT_MIN * 1e6 && job->variants == 1) {
    gcam_warn(&job->warnings, "saturated-softmax",
              "%s: the probability is so close to 0 or 1 that its gradient vanishes; the map "
              "leaves out the factor p(1-p) = %.3g",
              job->labels[b], scale);
    return;
  }
  scale_by(map, pixels, scale);
  scale_by(maps->weights ? maps->weights + b * maps->K : NULL, maps->K, scale);
  scale_by(maps->terms ? maps->terms + b * pixels * maps->K : NULL, pixels * maps->K, scale);
}

void gcam_check_maps(gcam_job *job) {
  gcam_maps *maps = &job->maps;
  int64_t pixels = maps->H * maps->W;
  for (int b = 0; b < maps->count; b++) {
    float *map = maps->data + b * pixels, largest = -INFINITY;
    if (!all_finite(map, pixels)) {
      memset(map, 0, (size_t)pixels * sizeof *map);
      if (maps->weights) memset(maps->weights + b * maps->K, 0, (size_t)maps->K * sizeof *map);
      if (maps->terms)
        memset(maps->terms + b * pixels * maps->K, 0, (size_t)(pixels * maps->K) * sizeof *map);
      gcam_warn(&job->warnings, "non-finite",
                "%s: activations or gradients are not finite; the map is zero", job->labels[b]);
      continue;
    }
    for (int64_t i = 0; i < pixels; i++) largest = fmaxf(largest, map[i]);
    if (largest <= 0 && job->dead[b])
      gcam_warn(&job->warnings, "zero-gradient",
                "%s: the score does not change with this layer (a dead layer, or every unit "
                "between is switched off); the map is zero",
                job->labels[b]);
    else if (largest <= 0)
      gcam_warn(&job->warnings, "no-evidence",
                "%s: nothing at this layer speaks for the class; the map after ReLU is zero",
                job->labels[b]);
  }
}

/* ---- Gradients
 * ------------------------------------------------------------------------------------ */

gcam_status gcam_explain_cotangents(gcam_job *job, gcam_error *err) {
  float *owned;
  const float *logits = gcam_session_dense(job->session, job->head->logits, &owned);
  if (!logits) return no_memory(err);
  gcam_status status = GCAM_OK;
  for (int b = 0; b < job->count && !status; b++) {
    int64_t at = (int64_t)b * job->head->classes;
    status = gcam_head_cotangent(job->head, job->score, logits, job->weights + at,
                                 job->cotangents + at, &job->scales[b], err);
  }
  gcam_floats_free(owned);
  return status;
}

/* How many targets one backward pass to `value` takes: on the way to the input lie large layers. */
static int targets_at_once(const gcam_job *job, int value, int count) {
  const gcam_graph *g = job->session->graph;
  int64_t largest = gcam_numel(&g->values[value].shape);
  for (int v = 0; g->values[value].producer < 0 && v < g->value_count; v++)
    if (!g->values[v].weight && gcam_numel(&g->values[v].shape) > largest)
      largest = gcam_numel(&g->values[v].shape);
  int64_t most = largest < GRADIENT_FLOATS ? GRADIENT_FLOATS / largest : 1;
  return count < most ? count : (int)most;
}

gcam_status gcam_explain_to_input(gcam_job *job, int first, int *B, float **gradients,
                                  gcam_error *err) {
  *B = targets_at_once(job, job->input.value, *B);
  return gcam_session_vjp(job->session, job->head->logits,
                          job->cotangents + (int64_t)first * job->head->classes, *B,
                          job->input.value, gradients, err);
}

/* To the order [H][W][C]. */
static void input_to_rows(const gcam_picture_input *in, const float *from, float *to) {
  for (int64_t i = 0; i < in->H * in->W; i++)
    for (int64_t c = 0; c < in->C; c++) to[i * in->C + c] = from[gcam_input_at(in, i, c)];
}

static gcam_status backward(gcam_job *job, int value, int first, int B, float **gradients,
                            gcam_error *err) {
  const float *cotangents = job->cotangents + (int64_t)first * job->head->classes;
  return job->method->from == GCAM_FROM_GUIDED
             ? gcam_session_vjp_guided(job->session, job->head->logits, cotangents, B, value,
                                       gradients, err)
             : gcam_session_vjp(job->session, job->head->logits, cotangents, B, value, gradients,
                                err);
}

/* Gradients of targets [first, first + B), from those kept where they are the same. */
static gcam_status gradients_of(gcam_job *job, int value, int first, int B, float **gradients,
                                gcam_error *err) {
  bool guided = job->method->from == GCAM_FROM_GUIDED;
  gcam_gradients *all = job->gradients;
  size_t bytes = (size_t)B * (size_t)job->head->classes * sizeof(float);
  const float *cotangents = job->cotangents + (int64_t)first * job->head->classes;
  int64_t n = gcam_numel(&job->session->graph->values[value].shape) * B;
  bool keep = all && B == job->count && job->variants == 1 && n <= KEPT_FLOATS;
  for (int i = 0; keep && i < GCAM_KEPT_GRADIENTS; i++) {
    const struct gcam_kept *kept = &all->kept[i];
    if (kept->data && kept->value == value && kept->count == B &&
        (kept->from == GCAM_FROM_GUIDED) == guided &&
        !memcmp(kept->cotangents, cotangents, bytes)) {
      *gradients = kept->data;
      all->oldest = (i + 1) % GCAM_KEPT_GRADIENTS;
      return GCAM_OK;
    }
  }
  GCAM_TRY(backward(job, value, first, B, gradients, err));
  if (!keep) return GCAM_OK;
  float *copy = gcam_alloc(bytes, 1);
  if (!copy) return GCAM_OK; /* then it is not kept */
  memcpy(copy, cotangents, bytes);
  struct gcam_kept *oldest = &all->kept[all->oldest];
  gcam_floats_free(oldest->data);
  gcam_free(oldest->cotangents);
  *oldest = (struct gcam_kept){*gradients, copy, value, B, job->method->from};
  all->oldest = (all->oldest + 1) % GCAM_KEPT_GRADIENTS;
  return GCAM_OK;
}

static void done_with(const gcam_job *job, float *gradients) {
  for (int i = 0; job->gradients && i < GCAM_KEPT_GRADIENTS; i++)
    if (job->gradients->kept[i].data == gradients) return;
  gcam_floats_free(gradients);
}

/* ---- Maps
 * ----------------------------------------------------------------------------------------- */

/* Guided Grad-CAM: the Grad-CAM of target b at the layer, into `coarse`. */
static gcam_status coarse_map(gcam_job *job, int b, float *coarse, float *weights, gcam_cam *cam,
                              gcam_error *err) {
  const gcam_shape *s = &job->session->graph->values[job->layers[0]].shape;
  float *owned, *gradient;
  GCAM_TRY(gcam_session_vjp(job->session, job->head->logits,
                            job->cotangents + (int64_t)b * job->head->classes, 1, job->layers[0],
                            &gradient, err));
  const float *activation = gcam_session_dense(job->session, job->layers[0], &owned);
  if (activation) {
    gcam_cam layer = {.H = s->dim[1],
                      .W = s->dim[2],
                      .K = s->dim[3],
                      .activation = activation,
                      .gradient = gradient,
                      .scale = 1,
                      .options = &job->options,
                      .map = coarse,
                      .weights = weights,
                      .terms = job->terms};
    memset(weights, 0, (size_t)s->dim[3] * sizeof *weights);
    gcam_method_gradcam(&layer);
    cam->coarse = coarse;
    cam->coarse_H = s->dim[1];
    cam->coarse_W = s->dim[2];
  }
  gcam_floats_free(gradient);
  gcam_floats_free(owned);
  return activation ? GCAM_OK : no_memory(err);
}

typedef struct targets {
  gcam_job *job;
  gcam_maps *maps;
  const float *activation;
  const float *gradients; /* of the targets from `first`, each `stride` floats; or NULL */
  int64_t stride;
  int first;
} targets;

static gcam_cam cam_of(const targets *t, int b) {
  const gcam_maps *m = t->maps;
  return (gcam_cam){.H = m->H,
                    .W = m->W,
                    .K = m->K,
                    .activation = t->activation,
                    .gradient = t->gradients ? t->gradients + (b - t->first) * t->stride : NULL,
                    .scale = t->job->scales[b],
                    .options = &t->job->options,
                    .map = m->data + b * m->H * m->W,
                    .terms = t->job->terms,
                    .weights = m->weights ? m->weights + b * m->K : NULL};
}

static void one_map(void *context, size_t index) {
  const targets *t = context;
  int b = t->first + (int)index;
  gcam_cam cam = cam_of(t, b);
  t->job->dead[b] = cam.gradient && all_zero(cam.gradient, t->stride);
  t->job->method->map(&cam);
}

/* One backward pass for targets [first, first + B). `rows`: room for one gradient of the input. */
static gcam_status explain_some(gcam_job *job, int value, const float *activation, int first, int B,
                                gcam_maps *maps, float *rows, float *coarse, gcam_error *err) {
  int64_t size = maps->H * maps->W * maps->K;
  const gcam_method *method = job->method;
  float *gradients = NULL;
  if (method->from != GCAM_FROM_NOTHING)
    GCAM_TRY(gradients_of(job, value, first, B, &gradients, err));
  targets t = {
      job,  maps, activation, gradients, gcam_numel(&job->session->graph->values[value].shape),
      first};
  bool shared = rows || coarse || !method->has_weights; /* terms: room for one target */
  if (!shared) {
    const gcam_pool *pool = size < SIZE_FOR_THREADS ? NULL : job->session->pool;
    gcam_parallel(pool, (size_t)B, one_map, &t);
  }
  gcam_status status = GCAM_OK;
  for (int b = first; b < first + B && !status; b++) {
    gcam_cam cam = cam_of(&t, b);
    if (shared) {
      job->dead[b] = cam.gradient && all_zero(cam.gradient, t.stride);
      if (rows) {
        input_to_rows(&job->input, cam.gradient, rows);
        cam.gradient = rows;
      }
      if (coarse) {
        int64_t n = gcam_numel(&job->session->graph->values[job->layers[0]].shape);
        status = coarse_map(job, b, coarse, coarse + n, &cam, err);
      }
      if (status) break;
      method->map(&cam);
      if (maps->terms) memcpy(maps->terms + b * size, cam.terms, (size_t)size * sizeof(float));
    }
    if (method->from != GCAM_FROM_NOTHING) apply_scale(job, maps, b);
  }
  done_with(job, gradients);
  return status;
}

static gcam_status head_of_cam(gcam_job *job, int layer, int *value, gcam_error *err) {
  const gcam_graph *g = job->session->graph;
  *value = gcam_head_pooled(g, job->head, layer);
  if (*value < 0)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "CAM needs a head that averages layer '%.100s' and "
                     "is linear from there to the scores; this one is not: use gradcam, which is "
                     "the same where CAM exists",
                     g->values[layer].name);
  return gcam_session_expose(job->session, *value, err);
}

gcam_status gcam_explain_value(gcam_job *job, int layer, gcam_maps *maps, gcam_error *err) {
  const gcam_method *m = job->method;
  bool to_input = m->from == GCAM_FROM_INPUT || m->from == GCAM_FROM_GUIDED;
  int value = to_input ? job->input.value : layer;
  const gcam_shape *s = &job->session->graph->values[layer].shape;
  gcam_maps made = {.count = job->count, .H = s->dim[1], .W = s->dim[2], .K = s->dim[3]};
  int64_t layer_size = made.H * made.W * made.K;
  if (to_input) made.H = job->input.H, made.W = job->input.W, made.K = job->input.C;
  if (m->from == GCAM_FROM_POOLED) GCAM_TRY(head_of_cam(job, layer, &value, err));
  GCAM_TRY(gcam_explain_cotangents(job, err));
  int64_t pixels = made.H * made.W, size = pixels * made.K;
  float *owned = NULL, *rows = NULL, *input = NULL, *coarse = NULL;
  const float *activation = gcam_session_dense(job->session, to_input ? value : layer, &owned);
  made.data = gcam_alloc_zeroed(job->count * pixels, sizeof *made.data);
  if (m->has_weights) made.weights = gcam_alloc_zeroed(job->count * made.K, sizeof *made.weights);
  if (m->has_terms) made.terms = gcam_alloc_zeroed(job->count * size, sizeof *made.terms);
  if (to_input) {
    rows = gcam_floats_alloc(size);
    input = gcam_floats_alloc(size);
    if (activation && input) input_to_rows(&job->input, activation, input);
    activation = activation ? input : NULL;
  }
  if (m->needs_coarse) coarse = gcam_floats_alloc(layer_size + s->dim[3]);
  gcam_status status = GCAM_OK;
  if (!activation || !made.data || (m->has_weights && !made.weights) ||
      (m->has_terms && !made.terms) || (to_input && !rows) || (m->needs_coarse && !coarse))
    status = no_memory(err);
  int at_once = targets_at_once(job, value, job->count);
  for (int i = 0; i < job->count && !status; i += at_once)
    status =
        explain_some(job, value, activation, i, job->count - i < at_once ? job->count - i : at_once,
                     &made, rows, coarse, err);
  gcam_floats_free(owned);
  gcam_floats_free(rows);
  gcam_floats_free(input);
  gcam_floats_free(coarse);
  if (status)
    gcam_maps_free(&made);
  else
    *maps = made;
  return status;
}
