#include "cam/attention.h"

#include <string.h>

#include "base/memory.h"
#include "ops/op.h"
#include "ops/reach.h"

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the blocks of the network");
}

/* Side of the square matrices that the node's softmax makes rows of; 0: it makes others. */
static int64_t side_of(const gcam_graph *g, const gcam_node *node) {
  int y = node->outputs[0];
  if (y < 0 || !gcam_op_is(node->op, GCAM_OP_SOFTMAX)) return 0;
  const gcam_value *v = &g->values[y];
  int rank = v->shape.rank;
  if (rank < 3 || v->layout != GCAM_ROWS) return 0;
  int64_t n = v->shape.dim[rank - 1];
  if (gcam_value_axis(v, gcam_node_int(node, "axis", node->opset < 13 ? 1 : -1)) != rank - 1)
    return 0;
  return n > 1 && v->shape.dim[rank - 2] == n ? n : 0;
}

/* A sum of two activations that holds tokens x channels. */
static bool is_sum_of_tokens(const gcam_graph *g, const gcam_node *node, int64_t tokens) {
  if (node->op != &gcam_op_add || node->outputs[0] < 0) return false;
  const gcam_shape *s = &g->values[node->outputs[0]].shape;
  return s->rank == 3 && s->dim[0] * s->dim[1] == tokens && (s->dim[0] == 1 || s->dim[1] == 1) &&
         !g->values[node->inputs[0]].weight && !g->values[node->inputs[1]].weight;
}

/* last_use[v]: the last node on the way to the logits that reads it, -1: none. */
static void find_uses(const gcam_graph *g, const bool *on_path, int *last_use) {
  for (int v = 0; v < g->value_count; v++) last_use[v] = -1;
  for (int n = 0; n < g->node_count; n++) {
    const gcam_node *node = &g->nodes[n];
    bool reads = false;
    for (int i = 0; i < node->output_count; i++)
      reads |= node->outputs[i] >= 0 && on_path[node->outputs[i]];
    for (int i = 0; reads && i < node->input_count; i++)
      if (node->inputs[i] >= 0) last_use[node->inputs[i]] = n;
  }
}

/* A block's stream is the last sum of tokens before the next attention that everything flows
 * through: what was made before it is read by nobody behind it. */
static void find_blocks(const gcam_graph *g, const bool *on_path, const int *last_use,
                        gcam_blocks *b) {
  int latest = -1;
  for (int i = 0; i < g->input_count; i++)
    if (last_use[g->inputs[i]] > latest) latest = last_use[g->inputs[i]];
  for (int n = 0; n < g->node_count; n++) {
    const gcam_node *node = &g->nodes[n];
    int y = node->outputs[0];
    bool path = y >= 0 && on_path[y];
    if (path && side_of(g, node) == b->tokens) {
      int64_t heads = gcam_numel(&g->values[y].shape) / (b->tokens * b->tokens);
      b->list[b->count++] = (gcam_block){y, heads, -1};
    } else if (path && b->count && latest <= n && is_sum_of_tokens(g, node, b->tokens)) {
      b->list[b->count - 1].stream = y;
    }
    for (int i = 0; i < node->output_count; i++)
      if (node->outputs[i] >= 0 && last_use[node->outputs[i]] > latest)
        latest = last_use[node->outputs[i]];
  }
  for (int i = b->count - 2; i >= 0; i--) /* several attentions side by side share one sum */
    if (b->list[i].stream < 0) b->list[i].stream = b->list[i + 1].stream;
}

/* What there is instead of attention over all tokens. */
static gcam_status fail_without(const gcam_graph *g, const bool *on_path,
                                const gcam_token_grid *grid, gcam_error *err) {
  int64_t side = 0;
  bool windows = grid->H != 0;
  for (int n = 0; n < g->node_count; n++) {
    int y = g->nodes[n].outputs[0];
    if (y < 0 || !on_path[y]) continue;
    if (!side_of(g, &g->nodes[n])) continue;
    side = side_of(g, &g->nodes[n]);
    const gcam_shape *s = &g->values[y].shape;
    windows |= s->rank > 3 && s->dim[0] > 1; /* of one picture */
  }
  if (side && windows)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "the network attends within windows of %lld tokens, not over the whole "
                     "picture, which is what this method reads: use gradcam",
                     (long long)side);
  if (side)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "the network attends over %lld tokens, but how they lie on the picture is not "
                     "known: say the grid, rows and columns and how many tokens are before it",
                     (long long)side);
  return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                   "the network has no attention, which is what this method reads: use gradcam");
}

gcam_status gcam_blocks_find(const gcam_graph *g, int logits, const gcam_token_grid *grid,
                             gcam_blocks *blocks, gcam_error *err) {
  gcam_blocks b = {.grid = *grid, .tokens = grid->H ? grid->H * grid->W + grid->skip : -1};
  int64_t n = (int64_t)g->value_count + 1;
  bool *on_path = gcam_alloc(n, sizeof *on_path);
  int *last_use = gcam_alloc(n, sizeof *last_use);
  b.list = gcam_alloc((int64_t)g->node_count + 1, sizeof *b.list);
  gcam_status status = on_path && last_use && b.list ? GCAM_OK : no_memory(err);
  if (!status) {
    gcam_reach_up(g, logits, on_path);
    find_uses(g, on_path, last_use);
    find_blocks(g, on_path, last_use, &b);
    if (!b.count) status = fail_without(g, on_path, grid, err);
  }
  gcam_free(on_path);
  gcam_free(last_use);
  if (status)
    gcam_blocks_free(&b);
  else
    *blocks = b;
  return status;
}

void gcam_blocks_free(gcam_blocks *blocks) {
  gcam_free(blocks->list);
  blocks->list = NULL;
}
