#include "cam/layers.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "ops/quantize.h"
#include "ops/reach.h"

/* Grids beside the first: one for each stage of a network like Swin. */
enum { MOST_STAGES = 8 };

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the list of layers");
}

/* ---- Tokens --------------------------------------------------------------------------------- */

static bool has_shape(const gcam_graph *g, int v, int64_t tokens, int64_t K) {
  const gcam_shape *s = &g->values[v].shape;
  return !g->values[v].weight && s->rank == 3 && s->dim[0] == 1 && s->dim[1] == tokens &&
         (!K || s->dim[2] == K);
}

/* A node that at most moves the floats of its first input. */
static bool only_moves(const gcam_graph *g, const gcam_node *node) {
  return node->op == &gcam_op_transpose || gcam_node_is_view(g, node);
}

/* Output token i depends on input token i alone? */
static bool keeps_tokens(const gcam_graph *g, const gcam_node *node, int64_t tokens) {
  if (node->outputs[0] < 0 || node->inputs[0] < 0) return false;
  if (!has_shape(g, node->outputs[0], tokens, 0)) return false;
  if (gcam_op_is(node->op, GCAM_OP_KEEPS_POSITIONS)) return true;
  if (node->op == &gcam_op_matmul) return gcam_node_constant_from(g, node, 1);
  /* the mean of each token's channels, part of a normalisation */
  if (gcam_op_is(node->op, GCAM_OP_AVERAGES)) return has_shape(g, node->outputs[0], tokens, 1);
  /* along the channels alone: a normalisation, a softmax */
  const gcam_value *x = &g->values[node->inputs[0]];
  return !gcam_op_is(node->op, GCAM_OP_SAMPLES | GCAM_OP_WEIGHTED) &&
         gcam_node_constant_from(g, node, 1) &&
         gcam_shape_equal(&x->shape, &g->values[node->outputs[0]].shape) &&
         gcam_value_axis(x, gcam_node_int(node, "axis", -1)) == 2;
}

/* Follows [1][H][W][K], value v, as far as it only moves: does it become H W tokens? */
static int tokens_from(const gcam_graph *g, int v, int64_t HW, int64_t K, bool *moved) {
  memset(moved, 0, (size_t)g->value_count * sizeof *moved);
  moved[v] = true;
  for (int n = g->values[v].producer + 1; n < g->node_count; n++) {
    const gcam_node *node = &g->nodes[n];
    if (!node->input_count || node->inputs[0] < 0 || !moved[node->inputs[0]]) continue;
    if (!only_moves(g, node) || node->outputs[0] < 0) continue;
    if (has_shape(g, node->outputs[0], HW, K)) return node->outputs[0];
    moved[node->outputs[0]] = true;
  }
  return -1;
}

/* How many tokens does a concatenation put before these? */
static int64_t tokens_before(const gcam_graph *g, int tokens, int64_t HW, int64_t K, bool *same) {
  memset(same, 0, (size_t)g->value_count * sizeof *same);
  same[tokens] = true;
  for (int n = g->values[tokens].producer + 1; n < g->node_count; n++) {
    const gcam_node *node = &g->nodes[n];
    int last = node->input_count ? node->inputs[node->input_count - 1] : -1, y = node->outputs[0];
    bool reads = false;
    for (int i = 0; i < node->input_count; i++)
      reads |= node->inputs[i] >= 0 && same[node->inputs[i]];
    if (!reads || y < 0) continue;
    const gcam_shape *s = &g->values[y].shape;
    if (node->op == &gcam_op_concat && last >= 0 && same[last] && s->rank == 3 && s->dim[1] > HW &&
        s->dim[2] == K)
      return s->dim[1] - HW;
    same[y] = has_shape(g, y, HW, K) && (keeps_tokens(g, node, HW) || gcam_node_is_view(g, node));
  }
  return 0;
}

gcam_status gcam_layers_grid(const gcam_graph *g, gcam_token_grid *grid, gcam_error *err) {
  bool *work = gcam_alloc((int64_t)g->value_count + 1, sizeof *work);
  int tried = 0;
  *grid = (gcam_token_grid){0};
  if (!work) return no_memory(err);
  for (int n = 0; n < g->node_count; n++) {
    int v = g->nodes[n].outputs[0];
    if (v < 0 || !gcam_op_is(g->nodes[n].op, GCAM_OP_WEIGHTED)) continue;
    const gcam_value *value = &g->values[v];
    const int64_t *d = value->shape.dim;
    if (value->shape.rank != 4 || value->layout != GCAM_CHANNELS_LAST || d[0] != 1) continue;
    int64_t HW = d[1] * d[2];
    bool any = false; /* else the search would be as long for each of a thousand convolutions */
    for (int u = 0; u < g->value_count && !any; u++) any = has_shape(g, u, HW, d[3]);
    if (HW < 2 || !any || tried++ == 64) continue;
    int tokens = tokens_from(g, v, HW, d[3], work);
    if (tokens < 0) continue;
    gcam_token_grid found = {d[1], d[2], tokens_before(g, tokens, HW, d[3], work)};
    if (grid->H && memcmp(grid, &found, sizeof found)) {
      *grid = (gcam_token_grid){0};
      break;
    }
    *grid = found;
  }
  gcam_free(work);
  return GCAM_OK;
}

/* ---- The default layer ---------------------------------------------------------------------- */

/* counts[v]: the logits depend on more of the value than the tokens before the grid. Behind the
 * last attention of a transformer that reads its class token, the other tokens are computed and
 * thrown away. */
static void mark_counting(const gcam_graph *g, const gcam_token_grid *grid, int logits,
                          const bool *on_path, bool *counts) {
  int64_t tokens = grid->H * grid->W + grid->skip;
  counts[logits] = true;
  for (int n = g->node_count - 1; n >= 0; n--) {
    const gcam_node *node = &g->nodes[n];
    bool any = false, known = false;
    for (int i = 0; i < node->output_count; i++) {
      int y = node->outputs[i];
      any |= y >= 0 && on_path[y];
      known |= y >= 0 && counts[y];
    }
    for (int i = 0; any && i < node->input_count; i++) {
      int x = node->inputs[i];
      if (x < 0) continue;
      bool token = g->values[x].shape.rank == 3 && g->values[x].shape.dim[1] == tokens;
      bool picks =
          token && node->outputs[0] >= 0 && gcam_op_is(node->op, GCAM_OP_SAMPLES) &&
          !gcam_op_is(node->op, GCAM_OP_AVERAGES) &&
          gcam_numel(&g->values[node->outputs[0]].shape) <= grid->skip * g->values[x].shape.dim[2];
      bool passes = token && !known && keeps_tokens(g, node, tokens);
      if (!picks && !passes) counts[x] = true;
    }
  }
}

/* The last layer of the grid through which everything that counts flows, as wide as what reaches
 * the head: in a transformer of the usual kind what its last attention reads. */
static int last_of_tokens(const gcam_graph *g, const gcam_layers *layers, const bool *on_path,
                          const bool *counts, int *last_use) {
  int64_t width = 0;
  int found = -1, latest = -1, n = 0;
  for (int i = 0; i < layers->count; i++)
    if (g->values[layers->list[i].value].shape.rank == 3 && on_path[layers->list[i].value])
      width = layers->list[i].K;
  for (int v = 0; v < g->value_count; v++) last_use[v] = -1;
  for (int k = 0; k < g->node_count; k++)
    for (int i = 0; i < g->nodes[k].input_count; i++) {
      int x = g->nodes[k].inputs[i], y = g->nodes[k].outputs[0];
      if (x >= 0 && y >= 0 && counts[x] && on_path[y] && counts[y]) last_use[x] = k;
    }
  for (int i = 0; i < g->input_count; i++)
    if (last_use[g->inputs[i]] > latest) latest = last_use[g->inputs[i]];
  for (int i = 0; i < layers->count; i++) {
    const gcam_layer *layer = &layers->list[i];
    int made = g->values[layer->value].producer;
    for (; n < made; n++) /* what nodes before this layer's made, and others use */
      for (int k = 0; k < g->nodes[n].output_count; k++) {
        int y = g->nodes[n].outputs[k];
        if (y >= 0 && last_use[y] > latest) latest = last_use[y];
      }
    bool tokens = g->values[layer->value].shape.rank == 3;
    if (tokens && on_path[layer->value] && counts[layer->value] && layer->K == width &&
        latest <= made)
      found = i;
  }
  return found;
}

static int index_of(const gcam_layers *layers, int value) {
  for (int i = 0; i < layers->count; i++)
    if (layers->list[i].value == value) return i;
  return -1;
}

/* Element by element to some power, as generalised mean pooling has it before its average. */
static bool is_power(const gcam_graph *g, const gcam_node *node) {
  if (node->op == &gcam_op_mul) return node->inputs[0] == node->inputs[1];
  return node->op == &gcam_op_pow && gcam_node_constant_from(g, node, 1);
}

/* Back over a power, and the limit above 0 that keeps its root finite, to what was found. */
static int before_powers(const gcam_graph *g, const gcam_layers *layers, int index) {
  float lo, hi;
  bool power = false;
  while (index >= 0) {
    const gcam_node *node = &g->nodes[g->values[layers->list[index].value].producer];
    bool limit = power && gcam_node_clamp(g, node, &lo, &hi) && lo > 0;
    if (!limit && !is_power(g, node)) break;
    int before = node->inputs[0] >= 0 ? index_of(layers, node->inputs[0]) : -1;
    if (before < 0) break;
    power = true;
    index = before;
  }
  return index;
}

/* Does the node find anything, or only sample what an earlier one found? Rounding stands for the
 * operator on integers that it was written out from; where it cuts off what is below 0 it is a
 * rectifier: quantizers of networks put it there instead of the Relu. */
static bool finds(const gcam_graph *g, const gcam_node *node) {
  float lo, hi;
  if (!gcam_op_rounds(node->op)) return !gcam_op_is(node->op, GCAM_OP_SAMPLES);
  const gcam_grid *grid = node->params;
  const gcam_value *x = &g->values[node->inputs[0]];
  if (x->producer < 0 || gcam_op_is(g->nodes[x->producer].op, GCAM_OP_SAMPLES)) return false;
  if (x->of < 0) return true;
  return grid && grid->count == 1 && grid->low == grid->zero[0] &&
         !gcam_node_clamp(g, &g->nodes[x->producer], &lo, &hi);
}

static int last_of_pictures(const gcam_graph *g, const gcam_layers *layers, const bool *on_path) {
  int last = -1;
  for (int i = 0; i < layers->count; i++) {
    const gcam_value *value = &g->values[layers->list[i].value];
    /* a layer that only samples shows what an earlier one found: the map belongs there */
    if (value->shape.rank == 4 && on_path[layers->list[i].value] &&
        finds(g, &g->nodes[value->producer]))
      last = i;
  }
  return before_powers(g, layers, last);
}

bool gcam_layers_fit(const gcam_graph *g, const gcam_token_grid *grid) {
  for (int v = 0; v < g->value_count; v++)
    if (g->values[v].producer >= 0 && has_shape(g, v, grid->H * grid->W + grid->skip, 0))
      return true;
  return false;
}

/* ---- Pictures in the file's own order ------------------------------------------------------- */

/* at[v]: [1][H][W][K] in the file's order, channels last already: what a convolution found, turned,
 * and what is made of it position by position. Windows put back are so too, added to what never
 * left. stages: grids of tokens [1][H W][K] that are laid out so; returns how many. */
static int mark_pictures(const gcam_graph *g, const gcam_token_grid *grid, bool *at,
                         gcam_token_grid *stages) {
  int count = 0;
  memset(at, 0, (size_t)g->value_count * sizeof *at);
  for (int n = 0; n < g->node_count; n++) {
    const gcam_node *node = &g->nodes[n];
    int y = node->outputs[0], first = node->input_count ? node->inputs[0] : -1;
    if (y < 0 || first < 0) continue;
    const gcam_shape *s = &g->values[y].shape;
    if (s->rank != 4 || s->dim[0] != 1 || g->values[y].layout != GCAM_ROWS) continue;
    const gcam_value *x = &g->values[first];
    bool view = gcam_node_is_view(g, node), pointwise = node->op->rule == GCAM_RULE_POINTWISE;
    if (view && x->shape.rank == 4)
      at[y] = gcam_shape_equal(&x->shape, s) && (at[first] || x->layout == GCAM_CHANNELS_LAST);
    else if (view && grid->H && has_shape(g, first, s->dim[1] * s->dim[2], s->dim[3]))
      at[y] = s->dim[1] > 1 && s->dim[2] > 1;
    else if (pointwise)
      for (int i = 0; i < node->input_count; i++)
        at[y] |= node->inputs[i] >= 0 && at[node->inputs[i]] &&
                 gcam_shape_equal(&g->values[node->inputs[i]].shape, s);
    else if (node->op->rule == GCAM_RULE_AXIS)
      at[y] = at[first];
    else if (gcam_op_is(node->op, GCAM_OP_KEEPS_POSITIONS) || node->op == &gcam_op_matmul ||
             node->op == &gcam_op_layer_norm || node->op == &gcam_op_rms_norm)
      at[y] = at[first] && gcam_node_constant_from(g, node, 1);
    if (!at[y] || !view || x->shape.rank != 3) continue;
    gcam_token_grid stage = {s->dim[1], s->dim[2], 0};
    bool known = false;
    for (int i = 0; i < count; i++) known |= !memcmp(&stages[i], &stage, sizeof stage);
    if (!known && count < MOST_STAGES) stages[count++] = stage;
  }
  return count;
}

/* ---- The list ------------------------------------------------------------------------------- */

/* grids: the network's own, then the stages'. */
static bool layer_of(const gcam_graph *g, const gcam_token_grid *grids, int count, const bool *at,
                     int v, gcam_layer *layer) {
  const gcam_value *value = &g->values[v];
  const int64_t *d = value->shape.dim;
  if (value->weight || value->producer < 0 || value->of < 0) return false;
  /* Where others read the tensor in the file's order, the turned copy has a part of its gradient.
   */
  const gcam_value *tensor = &g->values[value->of];
  if (value->of != v && (tensor->producer < 0 || at[value->of] || tensor->consumer_count > 1))
    return false;
  if (value->shape.rank == 4 && (at[v] || value->layout == GCAM_CHANNELS_LAST) && d[1] * d[2] > 1) {
    *layer = (gcam_layer){v, d[1], d[2], d[3], 0};
    return true;
  }
  if (value->of != v) return false;
  for (int i = 0; i < count; i++) {
    const gcam_token_grid *grid = &grids[i];
    if (!grid->H || !has_shape(g, v, grid->H * grid->W + grid->skip, 0)) continue;
    *layer = (gcam_layer){v, grid->H, grid->W, d[2], grid->skip};
    return true;
  }
  return false;
}

const gcam_value *gcam_layer_tensor(const gcam_graph *g, const gcam_layer *layer) {
  return &g->values[g->values[layer->value].of];
}

const gcam_node *gcam_layer_node(const gcam_graph *g, const gcam_layer *layer) {
  return &g->nodes[gcam_layer_tensor(g, layer)->producer];
}

bool gcam_layer_is_tokens(const gcam_graph *g, const gcam_layer *layer) {
  return g->values[layer->value].shape.rank == 3;
}

gcam_status gcam_layers_find(const gcam_graph *g, int logits, const gcam_token_grid *grid,
                             gcam_layers *layers, gcam_error *err) {
  int64_t n = (int64_t)g->value_count + 1;
  gcam_layers made = {.list = gcam_alloc(n, sizeof *made.list), .standard = -1};
  bool *on_path = gcam_alloc_zeroed(3 * n, sizeof *on_path), *counts = on_path + n;
  bool *pictures = counts + n;
  gcam_token_grid grids[1 + MOST_STAGES] = {*grid};
  int *last_use = gcam_alloc(n, sizeof *last_use);
  if (!made.list || !on_path || !last_use) {
    gcam_free(made.list);
    gcam_free(on_path);
    gcam_free(last_use);
    return no_memory(err);
  }
  gcam_reach_up(g, logits, on_path);
  int stages = mark_pictures(g, grid, pictures, grids + 1);
  for (int k = 0; k < g->node_count; k++)
    for (int i = 0; i < g->nodes[k].output_count; i++) {
      int v = g->nodes[k].outputs[i];
      if (v >= 0 && v != logits &&
          layer_of(g, grids, 1 + stages, pictures, v, &made.list[made.count]))
        made.count++;
    }
  if (grid->H) {
    mark_counting(g, grid, logits, on_path, counts);
    made.standard = last_of_tokens(g, &made, on_path, counts, last_use);
  }
  if (made.standard < 0) made.standard = last_of_pictures(g, &made, on_path);
  gcam_free(on_path);
  gcam_free(last_use);
  gcam_layers_free(layers);
  *layers = made;
  return GCAM_OK;
}

void gcam_layers_free(gcam_layers *layers) {
  gcam_free(layers->list);
  *layers = (gcam_layers){.standard = -1};
}

/* ---- By name -------------------------------------------------------------------------------- */

/* Does `name` hold `part` between separators (the ends, '/' or ':')? */
static bool has_component(const char *name, const char *part) {
  size_t n = strlen(part);
  for (const char *at = strstr(name, part); n && at; at = strstr(at + 1, part)) {
    bool starts = at == name || at[-1] == '/' || at[-1] == ':';
    bool ends = !at[n] || at[n] == '/' || at[n] == ':';
    if (starts && ends) return true;
  }
  return false;
}

static bool contains_ignoring_case(const char *name, const char *part) {
  for (; *name; name++) {
    size_t i = 0;
    while (part[i] && tolower((unsigned char)name[i]) == tolower((unsigned char)part[i])) i++;
    if (!part[i]) return true;
  }
  return false;
}

int gcam_layers_index(const gcam_graph *g, const gcam_layers *layers, const char *name,
                      gcam_error *err) {
  for (int pass = 0; pass < 3; pass++)
    for (int i = layers->count - 1; i >= 0; i--) {
      const gcam_value *v = gcam_layer_tensor(g, &layers->list[i]);
      const char *node = gcam_layer_node(g, &layers->list[i])->name;
      if (pass == 0   ? !strcmp(v->name, name)
          : pass == 1 ? !strcmp(node, name)
                      : has_component(v->name, name) || has_component(node, name))
        return i;
    }
  char near[400] = "";
  size_t used = 0;
  for (int i = layers->count - 1, shown = 0; i >= 0 && shown < 6 && used < sizeof near - 1; i--) {
    const char *candidate = gcam_layer_tensor(g, &layers->list[i])->name;
    if (!contains_ignoring_case(candidate, name)) continue;
    used += (size_t)snprintf(near + used, sizeof near - used, "%s%.80s", shown++ ? ", " : "",
                             candidate);
  }
  if (gcam_graph_find(g, name) >= 0)
    gcam_fail(err, GCAM_ERR_ARGUMENT,
              "tensor '%.100s' has no height and width: choose a layer before the head", name);
  else if (*near)
    gcam_fail(err, GCAM_ERR_ARGUMENT, "there is no layer '%.100s'; did you mean one of: %s", name,
              near);
  else
    gcam_fail(err, GCAM_ERR_ARGUMENT,
              "there is no layer '%.100s'; list the %d layers to choose one, the default is '%s'",
              name, layers->count,
              layers->standard < 0 ? "none"
                                   : gcam_layer_tensor(g, &layers->list[layers->standard])->name);
  return -1;
}

gcam_status gcam_layers_named(const gcam_graph *g, const gcam_layers *layers, const char *names,
                              int *found, int most, int *count, gcam_error *err) {
  *count = 1;
  found[0] = names ? gcam_layers_index(g, layers, names, err) : layers->standard;
  if (!names && found[0] < 0)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "the model has no layer with height and width before its output: nothing to "
                     "lay over the picture; use gradient, occlusion or rise");
  if (found[0] >= 0) return GCAM_OK;
  if (!strchr(names, ',')) return err->status;
  err->status = GCAM_OK;
  err->text[0] = 0;
  for (*count = 0; names; (*count)++) {
    char name[512];
    const char *comma = strchr(names, ',');
    size_t n = comma ? (size_t)(comma - names) : strlen(names);
    if (*count == most || n >= sizeof name)
      return gcam_fail(err, GCAM_ERR_ARGUMENT, "at most %d layers can be fused", most);
    memcpy(name, names, n);
    name[n] = 0;
    found[*count] = gcam_layers_index(g, layers, name, err);
    if (found[*count] < 0) return err->status;
    names = comma ? comma + 1 : NULL;
  }
  return GCAM_OK;
}
