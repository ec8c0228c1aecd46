#include "cam/maps.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void gcam_warn(gcam_warnings *warnings, const char *name, int target, const char *format, ...) {
  for (int i = 0; i < warnings->count; i++)
    if (warnings->list[i].target == target && !strcmp(warnings->list[i].name, name)) return;
  if (warnings->count == GCAM_MAX_WARNINGS) return;
  gcam_warning *w = &warnings->list[warnings->count++];
  w->name = name;
  w->target = target;
  va_list args;
  va_start(args, format);
  vsnprintf(w->text, sizeof w->text, format, args);
  va_end(args);
}

gcam_status gcam_maps_make(gcam_maps *m, bool weights, bool terms, gcam_error *err) {
  int64_t pixels = m->H * m->W;
  m->data = gcam_alloc_zeroed(m->count * pixels, sizeof *m->data);
  m->delta = gcam_alloc_zeroed(m->count, sizeof *m->delta);
  m->weights = weights ? gcam_alloc_zeroed(m->count * m->K, sizeof *m->weights) : NULL;
  m->terms = terms ? gcam_alloc_zeroed(m->count * gcam_size(pixels, m->K), sizeof *m->terms) : NULL;
  if (m->data && m->delta && (!weights || m->weights) && (!terms || m->terms)) return GCAM_OK;
  gcam_maps_free(m);
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for maps; ask for fewer classes");
}

void gcam_maps_free(gcam_maps *maps) {
  gcam_free(maps->data);
  gcam_free(maps->weights);
  gcam_free(maps->terms);
  gcam_free(maps->delta);
  memset(maps, 0, sizeof *maps);
}

void gcam_maps_clear(gcam_maps *m) {
  size_t maps = (size_t)m->count, pixels = (size_t)(m->H * m->W), K = (size_t)m->K;
  if (m->data) memset(m->data, 0, maps * pixels * sizeof *m->data);
  if (m->delta) memset(m->delta, 0, maps * sizeof *m->delta);
  if (m->weights) memset(m->weights, 0, maps * K * sizeof *m->weights);
  if (m->terms) memset(m->terms, 0, maps * pixels * K * sizeof *m->terms);
}

bool gcam_all_finite(const float *values, int64_t n) {
  bool finite = true; /* no early way out: the loop runs in vector registers */
  for (int64_t i = 0; i < n; i++) finite &= fabsf(values[i]) <= FLT_MAX;
  return finite;
}

void gcam_maps_check(gcam_maps *maps, const bool *dead, const char (*labels)[32],
                     gcam_warnings *warnings) {
  int64_t pixels = maps->H * maps->W;
  for (int b = 0; b < maps->count; b++) {
    float *map = maps->data + b * pixels, largest = -INFINITY;
    float *weights = gcam_maps_weights(maps, b), *terms = gcam_maps_terms(maps, b);
    if (!gcam_all_finite(map, pixels)) {
      memset(map, 0, (size_t)pixels * sizeof *map);
      if (weights) memset(weights, 0, (size_t)maps->K * sizeof *map);
      if (terms) memset(terms, 0, (size_t)(pixels * maps->K) * sizeof *map);
      gcam_warn(warnings, "non-finite", b,
                "%s: activations or gradients are not finite; the map is zero", labels[b]);
      continue;
    }
    for (int64_t i = 0; i < pixels; i++) largest = fmaxf(largest, map[i]);
    if (largest <= 0 && dead[b])
      gcam_warn(warnings, "zero-gradient", b,
                "%s: the score does not change with this layer (a dead layer, or every unit "
                "between is switched off); the map is zero",
                labels[b]);
    else if (largest <= 0)
      gcam_warn(warnings, "no-evidence", b,
                "%s: nothing at this layer speaks for the class; the map after ReLU is zero",
                labels[b]);
  }
}
