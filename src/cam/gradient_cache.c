#include "cam/gradient_cache.h"

#include <string.h>

#include "base/memory.h"

/* Gradients of one backward pass: as many targets at once as fit in about this many floats. */
#define GRADIENT_FLOATS ((int64_t)1 << 25)
/* Kept for another method at the same layer: gradients of at most this many, each. */
#define KEPT_FLOATS ((int64_t)1 << 21)

static void forget(struct gcam_kept *kept) {
  gcam_floats_free(kept->data);
  gcam_free(kept->cotangents);
  memset(kept, 0, sizeof *kept);
}

void gcam_gradient_cache_clear(gcam_gradient_cache *g) {
  for (int i = 0; i < GCAM_KEPT_GRADIENTS; i++) forget(&g->kept[i]);
  g->oldest = 0;
}

int gcam_gradient_cache_at_once(const gcam_session *s, int value, int count) {
  const gcam_graph *g = s->graph;
  int64_t largest = gcam_numel(&g->values[value].shape);
  for (int v = 0; g->values[value].producer < 0 && v < g->value_count; v++)
    if (!g->values[v].weight && gcam_numel(&g->values[v].shape) > largest)
      largest = gcam_numel(&g->values[v].shape);
  int64_t most = largest < GRADIENT_FLOATS ? GRADIENT_FLOATS / (largest ? largest : 1) : 1;
  return count < most ? count : (int)most;
}

static int64_t cotangent_floats(const gcam_way_back *way) { return way->B * way->size; }

/* From the same score; it may lead elsewhere. */
static bool same_start(const gcam_way_back *a, const gcam_way_back *b) {
  return a->output == b->output && a->B == b->B && a->guided == b->guided &&
         !memcmp(a->cotangents, b->cotangents, (size_t)cotangent_floats(a) * sizeof(float));
}

gcam_status gcam_gradient_cache_get(gcam_gradient_cache *kept, gcam_session *s,
                                    const gcam_way_back *way, float **gradients, gcam_error *err) {
  int64_t n = cotangent_floats(way), floats = gcam_numel(&s->graph->values[way->value].shape);
  bool keep = kept && floats * way->B <= KEPT_FLOATS && n <= KEPT_FLOATS;
  int from = way->output;
  const float *cotangents = way->cotangents;
  for (int i = 0; keep && i < GCAM_KEPT_GRADIENTS; i++) {
    const struct gcam_kept *k = &kept->kept[i];
    if (!k->data || !same_start(&k->way, way)) continue;
    if (k->way.value == way->value) {
      *gradients = k->data;
      kept->oldest = (i + 1) % GCAM_KEPT_GRADIENTS;
      return GCAM_OK;
    }
    if (k->way.value == way->via) from = way->via, cotangents = k->data;
  }
  GCAM_TRY((way->guided ? gcam_session_vjp_guided : gcam_session_vjp)(s, from, cotangents, way->B,
                                                                      way->value, gradients, err));
  float *copy = keep ? gcam_alloc(n, sizeof *copy) : NULL;
  if (!copy) return GCAM_OK; /* then they are not kept */
  memcpy(copy, way->cotangents, (size_t)n * sizeof *copy);
  struct gcam_kept *oldest = &kept->kept[kept->oldest];
  forget(oldest);
  *oldest = (struct gcam_kept){*gradients, copy, *way};
  oldest->way.cotangents = copy;
  kept->oldest = (kept->oldest + 1) % GCAM_KEPT_GRADIENTS;
  return GCAM_OK;
}

void gcam_gradient_cache_done(const gcam_gradient_cache *kept, float *gradients) {
  for (int i = 0; kept && i < GCAM_KEPT_GRADIENTS; i++)
    if (kept->kept[i].data == gradients) return;
  gcam_floats_free(gradients);
}
