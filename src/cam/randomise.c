#include "cam/randomise.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cam/random.h"
#include "ops/op.h"

int gcam_weighted_layer(const gcam_graph *g, int index) {
  for (int n = g->node_count - 1; n >= 0; n--) {
    const gcam_node *node = &g->nodes[n];
    if (!gcam_op_is(node->op, GCAM_OP_WEIGHTED) || node->inputs[1] < 0 ||
        !g->values[node->inputs[1]].weight)
      continue;
    if (!index--) return n;
  }
  return -1;
}

/* Weights as they were, while the new ones are in their place. */
typedef struct put_aside {
  gcam_weight *list; /* what was in ... */
  gcam_weight **of;  /* ... these */
  int count;
} put_aside;

static bool is_aside(const put_aside *aside, const gcam_weight *weight) {
  for (int i = 0; i < aside->count; i++)
    if (aside->of[i] == weight) return true;
  return false;
}

/* Normal noise that is spread like `values`, in their place. */
static void forget(float *values, int64_t count, uint64_t seed, uint64_t first) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < count; i++) {
    sum += values[i];
    squares += (double)values[i] * values[i];
  }
  double mean = sum / (double)count,
         deviation = sqrt(fmax(0, squares / (double)count - mean * mean));
  for (int64_t i = 0; i < count; i++)
    values[i] = (float)(deviation * gcam_random_normal(seed, first + (uint64_t)i));
}

static gcam_status new_weights(const gcam_value *v, int layer, uint64_t seed, put_aside *aside,
                               gcam_error *err) {
  int64_t count = gcam_numel(&v->shape);
  if (!is_aside(aside, v->weight)) {
    float *values = gcam_alloc(count, sizeof *values);
    if (!values) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a copy of the weights");
    gcam_weight_read(v->weight, &v->shape, 0, count, values);
    aside->list[aside->count] = *v->weight;
    aside->of[aside->count++] = v->weight;
    *v->weight = (gcam_weight){.dtype = GCAM_F32, .data = values};
  }
  /* layers take far apart stretches of the sequence */
  forget(v->weight->data, count, seed, (uint64_t)layer << 40);
  return GCAM_OK;
}

static gcam_status replace(gcam_session *session, int layers, uint64_t seed, put_aside *aside,
                           bool *stale, gcam_error *err) {
  const gcam_graph *g = session->graph;
  for (int layer = 0; layer < layers; layer++) {
    int n = gcam_weighted_layer(g, layer);
    if (n < 0) break;
    GCAM_TRY(new_weights(&g->values[g->nodes[n].inputs[1]], layer, seed, aside, err));
  }
  for (int v = 0; v < g->value_count; v++)
    stale[v] = g->values[v].weight && is_aside(aside, g->values[v].weight);
  return gcam_session_renew(session, stale, err);
}

gcam_status gcam_randomise(gcam_session *session, int layers, uint64_t seed, gcam_error *err) {
  int64_t nodes = (int64_t)session->graph->node_count + 1;
  put_aside aside = {gcam_alloc(nodes, sizeof *aside.list), gcam_alloc(nodes, sizeof *aside.of), 0};
  bool *stale = gcam_alloc((int64_t)session->graph->value_count + 1, sizeof *stale);
  gcam_status status =
      aside.list && aside.of && stale
          ? replace(session, layers, seed, &aside, stale, err)
          : gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a copy of the weights");
  for (int i = 0; i < aside.count; i++) {
    if (status) { /* back to what was */
      gcam_weight_free(aside.of[i]);
      *aside.of[i] = aside.list[i];
    } else {
      gcam_weight_free(&aside.list[i]);
    }
  }
  gcam_free(aside.list);
  gcam_free(aside.of);
  gcam_free(stale);
  return status;
}
