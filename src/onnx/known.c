#include "onnx/known.h"

#include <stdio.h>
#include <string.h>

#include "onnx/contrib.h"
#include "onnx/fold.h"
#include "onnx/lower.h"
#include "onnx/quantized.h"
#include "onnx/state.h"

enum {
  MOST_KINDS = 64,
  MOST_TEXT = 300, /* of a message */
  MOST_SHOWN = 4   /* outputs in a message */
};

/* Of operators that are written out as others: some of ONNX's, quantized ones, onnxruntime's. */
static const char *written_out(int index) {
  static const char *(*const names[])(int) = {gcam_lower_name, gcam_quantized_name};
  for (int list = 0; list < 2; list++) {
    int n = 0;
    while (names[list](n)) n++;
    if (index < n) return names[list](index);
    index -= n;
  }
  return gcam_contrib_name(index);
}

static int written_out_count(void) {
  int n = 0;
  while (written_out(n)) n++;
  return n;
}

const char *gcam_known_operator(int index) {
  int real = gcam_op_count(), written = written_out_count();
  if (index < 0) return NULL;
  if (index < real) return gcam_op_at(index)->name;
  if (index < real + written) return written_out(index - real);
  int more = index - real - written;
  for (int i = 0; i <= more && gcam_fold_name(i); i++) /* named above */
    if (!strcmp(gcam_fold_name(i), "DequantizeLinear")) more++;
  return gcam_fold_name(more);
}

bool gcam_known_on_constants_alone(int index) {
  return index >= gcam_op_count() + written_out_count();
}

void gcam_unsupported_free(gcam_unsupported *list) {
  gcam_arena_free(&list->arena);
  memset(list, 0, sizeof *list);
}

/* ---- What is not known ---------------------------------------------------------------------- */

typedef struct unknown {
  const onnx_node *node; /* the first of its kind */
  int first, count;
  bool picture; /* known, but not on what comes from the picture */
} unknown;

typedef struct unknowns {
  unknown kinds[MOST_KINDS];
  int kind_count, nodes;
  bool *spoilt; /* [symbols]: not to be had */
} unknowns;

static void note(unknowns *all, const onnx_node *node, int n, bool picture) {
  all->nodes++;
  for (int i = 0; i < all->kind_count; i++) {
    unknown *kind = &all->kinds[i];
    if (kind->picture != picture || strcmp(kind->node->op, node->op) ||
        strcmp(kind->node->domain, node->domain))
      continue;
    kind->count++;
    return;
  }
  if (all->kind_count < MOST_KINDS) all->kinds[all->kind_count++] = (unknown){node, n, 1, picture};
}

/* One way through the network: what depends on the picture, and on what is not known. */
static gcam_status find_unknowns(gcam_import *im, unknowns *all) {
  bool *active = gcam_arena_alloc(&im->scratch, (size_t)im->symbol_count, sizeof *active);
  all->spoilt = gcam_arena_alloc(&im->scratch, (size_t)im->symbol_count, sizeof *all->spoilt);
  if (!active || !all->spoilt) return gcam_state_no_memory(im);
  for (int s = 0; s < im->symbol_count; s++)
    active[s] = im->symbols[s].input && !im->symbols[s].tensor;
  for (int k = 0; k < im->order_count; k++) {
    int n = im->order[k];
    const onnx_node *node = &im->file->nodes[n];
    lower_kind kind = gcam_lower_kind(node);
    bool picture = false, spoilt = false;
    for (int i = 0; i < node->input_count; i++) {
      int s = im->node_in[n][i];
      if (s < 0) continue;
      picture = picture || active[s];
      spoilt = spoilt || all->spoilt[s];
    }
    if (kind == LOWER_UNKNOWN || (kind == LOWER_CONSTANTS && picture)) {
      note(all, node, n, kind == LOWER_CONSTANTS);
      spoilt = true;
    }
    picture = picture && !gcam_lower_is_shape(node);
    for (int i = 0; i < node->output_count; i++) {
      int s = im->node_out[n][i];
      if (s < 0) continue;
      active[s] = picture;
      all->spoilt[s] = spoilt;
    }
  }
  return GCAM_OK;
}

/* ---- Words ---------------------------------------------------------------------------------- */

/* "Mystery node 'odd' (opset 13), 3 times" */
static int describe(gcam_import *im, const unknown *kind, char *text, size_t size) {
  char label[160], times[32] = "";
  if (kind->count > 1) snprintf(times, sizeof times, ", %d times", kind->count);
  gcam_state_label(im, kind->first, label, sizeof label);
  if (kind->picture)
    return snprintf(text, size, "%.80s (known on constants alone)%s", label, times);
  return snprintf(text, size, "%.80s%s%.40s (opset %lld)%s", label,
                  *kind->node->domain ? " of domain " : "", kind->node->domain,
                  (long long)gcam_onnx_opset(im->file, kind->node->domain), times);
}

static gcam_status fill_list(gcam_import *im, const unknowns *all, gcam_unsupported *list) {
  gcam_unsupported_free(list);
  list->lines = gcam_arena_alloc(&list->arena, (size_t)all->kind_count, sizeof *list->lines);
  for (int i = 0; list->lines && i < all->kind_count; i++) {
    char text[256];
    int n = describe(im, &all->kinds[i], text, sizeof text);
    const char *line = gcam_arena_strndup(&list->arena, text, (size_t)n);
    if (!line) break;
    list->lines[list->count++] = line;
  }
  return list->count == all->kind_count ? GCAM_OK : gcam_state_no_memory(im);
}

/* ". 'boxes' loads without them: name the outputs that are wanted" */
static void describe_outputs(const gcam_import *im, const unknowns *all, char *text, size_t size) {
  int good = 0, used = 0;
  for (int i = 0; i < im->output_count; i++) {
    if (all->spoilt[im->outputs[i]]) continue;
    if (good++ >= MOST_SHOWN) continue;
    used += snprintf(text + used, size - (size_t)used, "%s'%.24s'", good > 1 ? ", " : ". ",
                     im->symbols[im->outputs[i]].name);
  }
  if (good > MOST_SHOWN)
    used += snprintf(text + used, size - (size_t)used, " and %d more", good - MOST_SHOWN);
  if (good)
    snprintf(text + used, size - (size_t)used, " can be had without: name the outputs wanted");
}

gcam_status gcam_known_check(gcam_import *im, gcam_unsupported *list) {
  unknowns all = {0};
  GCAM_TRY(find_unknowns(im, &all));
  if (!all.nodes) return GCAM_OK;
  if (list) GCAM_TRY(fill_list(im, &all, list));
  bool functions = false;
  char tail[256] = "", text[MOST_TEXT + 1] = "";
  describe_outputs(im, &all, tail, sizeof tail);
  for (int i = 0; i < all.kind_count; i++) {
    const onnx_node *node = all.kinds[i].node;
    functions = functions || (*node->domain && im->file->functions);
  }
  const char *hint = functions ? ". Export the file's functions inlined" : "";
  int shown = 0;
  size_t used = 0, room = sizeof text - strlen(tail) - strlen(hint) - sizeof " and 9999 more";
  room -= strlen("unsupported operators: ");
  for (; shown < all.kind_count; shown++) {
    char item[256];
    size_t n = (size_t)describe(im, &all.kinds[shown], item, sizeof item);
    if (shown && used + n + 2 > room) break;
    used += (size_t)snprintf(text + used, room - used, "%s%s", shown ? ", " : "", item);
    if (used >= room) used = room - 1;
  }
  char more[32] = "";
  if (shown < all.kind_count) snprintf(more, sizeof more, " and %d more", all.kind_count - shown);
  return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED, "unsupported operator%s: %s%s%s%s",
                   all.kind_count > 1 ? "s" : "", text, more, hint, tail);
}
