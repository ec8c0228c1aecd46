#include "session/sums.h"

#include <string.h>

#include "base/memory.h"
#include "ops/global_pool.h"
#include "ops/pooling.h"
#include "ops/reach.h"
#include "ops/transpose.h"

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for sums of gradients");
}

/* ---- How far -------------------------------------------------------------------------------- */

/* Of the nodes on the way to the output the only one that reads the value, as its input 0; NULL. */
static const gcam_node *only_reader(const gcam_graph *g, int value, const bool *on_way) {
  const gcam_node *found = NULL;
  for (int n = 0; n < g->node_count; n++) {
    const gcam_node *node = &g->nodes[n];
    bool wanted = false, reads = false;
    for (int i = 0; i < node->output_count; i++)
      wanted |= node->outputs[i] >= 0 && on_way[node->outputs[i]];
    for (int i = 0; wanted && i < node->input_count; i++) {
      if (node->inputs[i] != value) continue;
      if (i || reads || found) return NULL;
      reads = true;
    }
    if (reads) found = node;
  }
  return found && found->outputs[0] >= 0 && on_way[found->outputs[0]] ? found : NULL;
}

static bool all_equal(const float *w, int64_t n) {
  for (int64_t i = 1; i < n; i++)
    if (w[i] != w[0]) return false;
  return true;
}

/* An axis that is the channels, C of them with `inner` elements to each; -1. */
static int channel_axis(const gcam_shape *s, const gcam_channels *ch) {
  int64_t behind = 1;
  for (int i = s->rank - 1; i >= 0; behind *= s->dim[i--])
    if (s->dim[i] == ch->C && behind == ch->inner) return i;
  return -1;
}

/* The channels' axis goes elsewhere, the others stay in order, and so do the positions. */
static bool through_transpose(const gcam_node *node, gcam_channels *ch) {
  const gcam_permutation *p = node->params;
  int axis = channel_axis(&p->from, ch), last = -1;
  int64_t behind = 1;
  if (axis < 0) return false;
  for (int i = 0; i < p->from.rank; i++) {
    int from = p->perm[i];
    if (from == axis) {
      behind = 1;
      continue;
    }
    behind *= p->from.dim[from];
    if (p->from.dim[from] == 1) continue;
    if (from < last) return false;
    last = from;
  }
  ch->inner = behind;
  return true;
}

/* The weights behind a pooling, of a picture of one channel. */
static bool through_pooling(const gcam_graph *g, const gcam_node *node, const gcam_channels *ch,
                            const float *w, float *to) {
  gcam_node one = *node;
  gcam_pooling_params window;
  gcam_global_pool_params whole;
  bool maximum = node->op == &gcam_op_max_pool || node->op == &gcam_op_global_max_pool;
  if (ch->inner != 1 || (maximum && !all_equal(w, ch->positions))) return false;
  if (node->op == &gcam_op_max_pool || node->op == &gcam_op_average_pool) {
    window = *(const gcam_pooling_params *)node->params;
    if (window.C != ch->C || window.N != 1) return false;
    window.C = 1;
    one.params = &window;
  } else if (node->op == &gcam_op_global_average_pool || node->op == &gcam_op_global_max_pool) {
    whole = *(const gcam_global_pool_params *)node->params;
    if (whole.C != ch->C || whole.N != 1) return false;
    whole.C = 1;
    one.params = &whole;
  } else {
    return false;
  }
  one.op->forward(&(gcam_args){.graph = g, .node = &one, .in = &w, .out = &to});
  return true;
}

/* A mean over all positions, one number a channel left. */
static bool through_mean(const gcam_graph *g, const gcam_node *node, const gcam_channels *ch,
                         const float *w, float *to) {
  const gcam_shape *x = gcam_in_shape(g, node, 0), *y = &g->values[node->outputs[0]].shape;
  double sum = 0;
  /* Axes are kept, as the importer has it: then the last one says what was reduced. */
  if (node->op != &gcam_op_reduce_mean || ch->inner != 1 || y->rank != x->rank ||
      gcam_numel(y) != ch->C || y->dim[y->rank - 1] != ch->C)
    return false;
  for (int64_t i = 0; i < ch->positions; i++) sum += w[i];
  to[0] = (float)(sum / (double)ch->positions);
  return true;
}

/* From a value to what the node makes of it; `room` has place for as many weights. */
static bool go_through(gcam_sums *s, const gcam_graph *g, const gcam_node *node, float **room) {
  gcam_channels ch = s->channels;
  if (!gcam_node_is_view(g, node) &&
      !(node->op == &gcam_op_transpose && through_transpose(node, &ch))) {
    if (!through_pooling(g, node, &ch, s->weights, *room) &&
        !through_mean(g, node, &ch, s->weights, *room))
      return false;
    ch.positions = gcam_numel(&g->values[node->outputs[0]].shape) / ch.C;
    float *w = s->weights;
    s->weights = *room;
    *room = w;
  }
  s->channels = ch;
  return true;
}

/* Where the node works on each position by itself: ends there, at what its step makes. */
static bool ends_at_rows(gcam_sums *s, const gcam_run *run, const gcam_node *node) {
  const gcam_graph *g = run->graph;
  int n = (int)(node - g->nodes);
  int64_t N = s->channels.inner == 1 ? gcam_connected_row(g, node, s->channels.C) : 0;
  for (int i = 0; N && i < run->plan.step_count; i++) {
    const gcam_step *step = &run->plan.steps[i];
    if (step->nodes[0] != n || step->clamped) continue;
    s->node = n;
    s->N = N;
    s->value = gcam_step_output(g, step); /* behind a bias, too: the gradient is the same */
    return true;
  }
  return false;
}

gcam_status gcam_sums_find(gcam_sums *s, const gcam_run *run, int output, int value, int64_t C,
                           int64_t skip, gcam_error *err) {
  const gcam_graph *g = run->graph;
  int64_t positions = gcam_numel(&g->values[value].shape) / C;
  *s = (gcam_sums){.value = value, .node = -1, .channels = {C, 1, positions}};
  bool *on_way = gcam_alloc_zeroed((int64_t)g->value_count + 1, sizeof *on_way);
  /* a pooling with padding may have more positions than it reads */
  float *room = gcam_floats_alloc(positions);
  s->weights = gcam_floats_alloc(positions);
  gcam_status status = on_way && room && s->weights ? GCAM_OK : no_memory(err);
  if (!status) {
    for (int64_t i = 0; i < positions; i++) s->weights[i] = i >= skip;
    gcam_reach_up(g, output, on_way);
  }
  while (!status && s->value != output && s->channels.positions > 1) {
    const gcam_node *node = only_reader(g, s->value, on_way);
    if (!node) break;
    if (!gcam_connected_is(g, node) && ends_at_rows(s, run, node)) break;
    if (run->plan.slots[node->outputs[0]].hidden) break;
    if (gcam_connected_is(g, node)) {
      s->node = (int)(node - g->nodes);
    } else if (gcam_numel(&g->values[node->outputs[0]].shape) > C * positions ||
               !go_through(s, g, node, &room)) {
      break;
    }
    s->value = node->outputs[0];
    if (s->node >= 0) break;
  }
  gcam_free(on_way);
  gcam_floats_free(room);
  return status;
}

void gcam_sums_free(gcam_sums *s) {
  gcam_floats_free(s->weights);
  s->weights = NULL;
}

/* ---- Taking them ---------------------------------------------------------------------------- */

void gcam_sums_table_free(gcam_sums_table *t) {
  gcam_floats_free(t->data);
  gcam_floats_free(t->weights);
  *t = (gcam_sums_table){0};
}

static bool is_of(const gcam_sums_table *t, const gcam_sums *s) {
  return t->data && t->node == s->node && !memcmp(&t->channels, &s->channels, sizeof s->channels) &&
         !memcmp(t->weights, s->weights, (size_t)s->channels.positions * sizeof *s->weights);
}

static gcam_status make_table(gcam_sums_table *t, const gcam_sums *s, const gcam_run *run,
                              gcam_error *err) {
  const gcam_graph *g = run->graph;
  const gcam_node *node = &g->nodes[s->node];
  int64_t positions = s->channels.positions;
  int64_t floats = s->channels.C * gcam_numel(&g->values[node->outputs[0]].shape);
  gcam_sums_table_free(t);
  *t = (gcam_sums_table){s->node, s->channels, gcam_floats_alloc(positions),
                         gcam_floats_alloc(floats), positions + floats};
  if (!t->weights || !t->data) {
    gcam_sums_table_free(t);
    return no_memory(err);
  }
  memcpy(t->weights, s->weights, (size_t)positions * sizeof *t->weights);
  memset(t->data, 0, (size_t)floats * sizeof *t->data);
  gcam_connected_table(g, node, &s->channels, s->weights, t->data, run->pool);
  return GCAM_OK;
}

/* Gradients of fewer floats are summed sooner than a thread wakes. */
#define SIZE_FOR_THREADS ((int64_t)1 << 16)

typedef struct sums_job {
  const gcam_sums *s;
  const float *gradients;
  float *result;
} sums_job;

static void sum_one(void *context, size_t b) {
  const sums_job *j = context;
  const gcam_channels *ch = &j->s->channels;
  int64_t n = ch->C * ch->positions;
  gcam_position_sums(ch, j->s->weights, j->gradients + (int64_t)b * n, 0, n,
                     j->result + (int64_t)b * ch->C);
}

static gcam_status take_rows(const gcam_sums *s, const gcam_run *run, const float *gradients, int B,
                             float *result, gcam_error *err) {
  gcam_sums rows = {s->value, -1, 0, {s->N, 1, s->channels.positions}, s->weights};
  float *sums = gcam_floats_alloc(B * s->N);
  gcam_status status =
      sums ? gcam_sums_take(&rows, run, NULL, gradients, B, sums, err) : no_memory(err);
  if (!status)
    gcam_connected_back(run->graph, &run->graph->nodes[s->node], B, sums, result, run->pool);
  gcam_floats_free(sums);
  return status;
}

gcam_status gcam_sums_take(const gcam_sums *s, const gcam_run *run, gcam_sums_table *table,
                           const float *gradients, int B, float *result, gcam_error *err) {
  int64_t C = s->channels.C;
  memset(result, 0, (size_t)(B * C) * sizeof *result);
  if (s->node < 0) {
    sums_job job = {s, gradients, result};
    bool small = B * C * s->channels.positions < SIZE_FOR_THREADS;
    gcam_parallel(small ? NULL : run->pool, (size_t)B, sum_one, &job);
    return GCAM_OK;
  }
  if (s->N) return take_rows(s, run, gradients, B, result, err);
  if (!is_of(table, s)) GCAM_TRY(make_table(table, s, run, err));
  gcam_connected_sums(run->graph, &run->graph->nodes[s->node], C, table->data, B, gradients, result,
                      run->pool);
  return GCAM_OK;
}
