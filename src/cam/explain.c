#include "cam/explain.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Gradients of one backward pass: as many targets at once as fit in about this many floats. */
#define GRADIENT_FLOATS ((int64_t)1 << 25)

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
  free(maps->data);
  free(maps->weights);
  memset(maps, 0, sizeof *maps);
}

typedef enum finding { FINE, ALL_ZERO, NOT_FINITE } finding;

static finding look_at(const float *values, int64_t n) {
  bool any = false;
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(values[i])) return NOT_FINITE;
    any |= values[i] != 0;
  }
  return any ? FINE : ALL_ZERO;
}

/* Scales the map by the score's factor, or leaves it out and says so where it would vanish. */
static void apply_scale(gcam_maps *maps, int index, double scale, int class_id,
                        gcam_warnings *warnings) {
  int64_t pixels = maps->H * maps->W;
  float *map = maps->data + index * pixels, *weights = maps->weights;
  double largest = 0;
  for (int64_t i = 0; i < pixels; i++) largest = fmax(largest, fabs((double)map[i]));
  if (scale == 1 || largest == 0) return;
  if (largest * scale < FLT_MIN * 1e6) { /* the smaller values would lose their digits */
    gcam_warn(warnings, "saturated-softmax",
              "class %d: the probability is so close to 0 or 1 that its gradient vanishes; the map "
              "leaves out the factor p(1-p) = %.3g", class_id, scale);
    return;
  }
  for (int64_t i = 0; i < pixels; i++) map[i] = (float)(map[i] * scale);
  for (int64_t k = 0; weights && k < maps->K; k++)
    weights[index * maps->K + k] = (float)(weights[index * maps->K + k] * scale);
}

static void check_map(gcam_maps *maps, int index, const float *gradient, int class_id,
                      gcam_warnings *warnings) {
  int64_t pixels = maps->H * maps->W;
  float *map = maps->data + index * pixels, largest = -INFINITY;
  if (look_at(map, pixels) == NOT_FINITE) {
    memset(map, 0, (size_t)pixels * sizeof *map);
    if (maps->weights) memset(maps->weights + index * maps->K, 0, (size_t)maps->K * sizeof *map);
    gcam_warn(warnings, "non-finite",
              "class %d: activations or gradients are not finite; the map is zero", class_id);
    return;
  }
  for (int64_t i = 0; i < pixels; i++) largest = fmaxf(largest, map[i]);
  if (largest <= 0 && look_at(gradient, pixels * maps->K) == ALL_ZERO)
    gcam_warn(warnings, "zero-gradient",
              "class %d: the score does not change with this layer (a dead layer, or every unit "
              "between is switched off); the map is zero", class_id);
  else if (largest <= 0)
    gcam_warn(warnings, "no-evidence",
              "class %d: nothing at this layer speaks for the class; the map after ReLU is zero",
              class_id);
}

/* One backward pass for targets [first, first + B). */
static gcam_status explain_some(gcam_session *s, const gcam_head *head, const gcam_method *method,
                                int layer, const float *activation, const float *cotangents,
                                const double *scales, const int *classes, int first, int B,
                                gcam_maps *maps, gcam_warnings *warnings, gcam_error *err) {
  int64_t pixels = maps->H * maps->W, size = pixels * maps->K;
  float *gradients;
  GCAM_TRY(gcam_session_vjp(s, head->logits, cotangents + (int64_t)first * head->classes, B, layer,
                            &gradients, err));
  for (int b = 0; b < B; b++) {
    int index = first + b;
    gcam_cam cam = {.H = maps->H, .W = maps->W, .K = maps->K, .activation = activation,
                    .gradient = gradients + b * size, .map = maps->data + index * pixels,
                    .weights = maps->weights ? maps->weights + index * maps->K : NULL};
    method->map(&cam);
    apply_scale(maps, index, scales[index], classes[index], warnings);
    check_map(maps, index, cam.gradient, classes[index], warnings);
  }
  gcam_floats_free(gradients);
  return GCAM_OK;
}

gcam_status gcam_explain_maps(gcam_session *s, const gcam_head *head, const gcam_method *method,
                              int layer, gcam_score score, const int *classes, int count,
                              gcam_maps *maps, gcam_warnings *warnings, gcam_error *err) {
  GCAM_TRY(gcam_session_expose(s, layer, err));
  const gcam_shape *shape = &s->graph->values[layer].shape;
  if (shape->dim[0] != 1)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED, "maps are made for one picture at a time, the "
                     "model was loaded for a batch of %lld", (long long)shape->dim[0]);
  gcam_maps made = {.count = count, .H = shape->dim[1], .W = shape->dim[2], .K = shape->dim[3]};
  int64_t pixels = made.H * made.W, size = pixels * made.K;
  int at_once = (int)(size < GRADIENT_FLOATS ? GRADIENT_FLOATS / size : 1);
  if (at_once > count) at_once = count;
  float *owned = NULL, *owned_logits = NULL;
  const float *activation = gcam_session_dense(s, layer, &owned);
  const float *logits = gcam_session_dense(s, head->logits, &owned_logits);
  float *cotangents = calloc((size_t)count * (size_t)head->classes, sizeof *cotangents);
  double scales[GCAM_MAX_TARGETS];
  made.data = calloc((size_t)(count * pixels), sizeof *made.data);
  if (method->has_weights) made.weights = calloc((size_t)(count * made.K), sizeof *made.weights);
  gcam_status status = GCAM_OK;
  if (!activation || !logits || !cotangents || !made.data ||
      (method->has_weights && !made.weights))
    status = gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for maps; ask for fewer classes");
  for (int i = 0; i < count && !status; i++)
    gcam_head_cotangent(head, score, logits, classes[i],
                        cotangents + (int64_t)i * head->classes, &scales[i]);
  for (int i = 0; i < count && !status; i += at_once)
    status = explain_some(s, head, method, layer, activation, cotangents, scales, classes, i,
                          count - i < at_once ? count - i : at_once, &made, warnings, err);
  gcam_floats_free(owned);
  gcam_floats_free(owned_logits);
  free(cotangents);
  if (status) {
    gcam_maps_free(&made);
    return status;
  }
  gcam_maps_free(maps);
  *maps = made;
  return GCAM_OK;
}
