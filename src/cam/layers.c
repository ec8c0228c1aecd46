#include "cam/layers.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "ops/op.h"
#include "ops/reach.h"

static bool is_layer(const gcam_graph *g, const gcam_head *head, int v) {
  const gcam_value *value = &g->values[v];
  return !value->weight && value->producer >= 0 && v != head->logits && value->shape.rank == 4 &&
         value->layout == GCAM_CHANNELS_LAST && value->shape.dim[1] * value->shape.dim[2] > 1;
}

gcam_status gcam_layers_find(gcam_graph *g, const gcam_head *head, gcam_layers *layers,
                             gcam_error *err) {
  layers->count = 0;
  layers->standard = -1;
  layers->values = gcam_arena_alloc(&g->arena, (size_t)g->value_count + 1, sizeof(int));
  bool *on_path = gcam_alloc_zeroed(g->value_count + 1, sizeof *on_path);
  if (!layers->values || !on_path) {
    gcam_free(on_path);
    return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the list of layers");
  }
  gcam_reach_up(g, head->logits, on_path);
  for (int n = 0; n < g->node_count; n++)
    for (int i = 0; i < g->nodes[n].output_count; i++) {
      int v = g->nodes[n].outputs[i];
      if (v < 0 || !is_layer(g, head, v)) continue;
      /* a layer that only samples shows what an earlier one found: the map belongs there */
      if (on_path[v] && !gcam_op_is(g->nodes[n].op, GCAM_OP_SAMPLES))
        layers->standard = layers->count;
      layers->values[layers->count++] = v;
    }
  gcam_free(on_path);
  return GCAM_OK;
}

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
      const gcam_value *v = &g->values[layers->values[i]];
      const char *node = g->nodes[v->producer].name;
      if (pass == 0   ? !strcmp(v->name, name)
          : pass == 1 ? !strcmp(node, name)
                      : has_component(v->name, name) || has_component(node, name))
        return i;
    }
  char near[400] = "";
  size_t used = 0;
  for (int i = layers->count - 1, shown = 0; i >= 0 && shown < 6 && used < sizeof near - 1; i--) {
    const char *candidate = g->values[layers->values[i]].name;
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
              layers->standard < 0 ? "none" : g->values[layers->values[layers->standard]].name);
  return -1;
}
