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

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a copy of the weights");
}

/* The weight's floats become `values`, which belong to it from now on. */
static void set_values(gcam_weight *w, float *values) {
  if (!w->borrowed) gcam_free(w->data);
  gcam_floats_free(w->f32);
  *w = (gcam_weight){.dtype = GCAM_F32, .data = values};
}

static gcam_status read_values(const gcam_value *v, float **values, gcam_error *err) {
  int64_t n = gcam_numel(&v->shape);
  *values = gcam_alloc(n, sizeof **values);
  if (!*values) return no_memory(err);
  gcam_weight_read(v->weight, &v->shape, 0, n, *values);
  return GCAM_OK;
}

gcam_status gcam_randomise_weights(gcam_graph *g, int layers, uint64_t seed, gcam_error *err) {
  for (int v = 0; v < g->value_count; v++) {
    const gcam_value *value = &g->values[v];
    float *values;
    if (!value->weight || value->weight->data || !value->weight->recover) continue;
    GCAM_TRY(read_values(value, &values, err));
    set_values(value->weight, values);
  }
  for (int layer = 0; layer < layers; layer++) {
    int n = gcam_weighted_layer(g, layer);
    if (n < 0) break;
    const gcam_value *value = &g->values[g->nodes[n].inputs[1]];
    int64_t count = gcam_numel(&value->shape);
    double sum = 0, squares = 0;
    float *values;
    GCAM_TRY(read_values(value, &values, err));
    for (int64_t i = 0; i < count; i++) {
      sum += values[i];
      squares += (double)values[i] * values[i];
    }
    double mean = sum / (double)count,
           deviation = sqrt(fmax(0, squares / (double)count - mean * mean));
    for (int64_t i = 0; i < count; i++) /* layers take far apart stretches of the sequence */
      values[i] =
          (float)(deviation * gcam_random_normal(seed, ((uint64_t)layer << 40) + (uint64_t)i));
    set_values(value->weight, values);
  }
  return GCAM_OK;
}
