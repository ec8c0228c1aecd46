/* LeGrad (Bousselham et al., arXiv 2404.03214, section 3): which attention would raise the score.
 * The tokens Z_l that block l hands on are read by the network's own head, as if block l were the
 * last:
 *
 *   s_l = head(Z_l),   E_l[j] = mean over heads and queries i of relu(ds_l / dA_l[i][j])
 *   map = mean over the blocks of E_l at the grid's tokens
 *
 * with A_l the attention of block l after its softmax. */
#include <string.h>

#include "base/memory.h"
#include "cam/method.h"

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the attention of the network");
}

/* Adds block l's E to the maps, the head having read its tokens from `head`. */
static gcam_status add_block(gcam_trial *t, const gcam_blocks *blocks, const gcam_block *block,
                             int head, float *maps, bool *dead, gcam_error *err) {
  const gcam_targets *targets = t->targets;
  int64_t n = blocks->tokens, HW = blocks->grid.H * blocks->grid.W;
  int64_t rows = block->heads * n;
  float *at_tokens, *at_attention;
  GCAM_TRY(gcam_targets_cotangents(targets, t->session, &t->cotangents, err));
  GCAM_TRY(gcam_session_vjp(t->session, targets->output, t->cotangents.data, targets->count, head,
                            &at_tokens, err));
  gcam_status status = gcam_session_vjp(t->session, block->stream, at_tokens, targets->count,
                                        block->attention, &at_attention, err);
  gcam_floats_free(at_tokens);
  if (status) return status;
  for (int b = 0; b < targets->count; b++) {
    double part = t->cotangents.scales[b] / (double)rows / blocks->count;
    const float *g = at_attention + b * rows * n;
    for (int64_t i = 0; i < rows * n && dead[b]; i++) dead[b] = g[i] == 0;
    g += blocks->grid.skip;
    for (int64_t p = 0; p < HW; p++) {
      double sum = 0;
      for (int64_t i = 0; i < rows; i++) sum += g[i * n + p] > 0 ? g[i * n + p] : 0;
      maps[b * HW + p] += (float)(part * sum);
    }
  }
  gcam_floats_free(at_attention);
  return GCAM_OK;
}

/* The tokens of value `from`, which are as many, in the place of those at `to`; then what follows.
 */
static gcam_status put_tokens(gcam_session *s, const float *from, int to, gcam_error *err) {
  const gcam_slot *slot = gcam_session_slot(s, to);
  const gcam_shape *shape = &s->graph->values[to].shape;
  int64_t K = shape->dim[shape->rank - 1], n = gcam_numel(shape) / K;
  for (int64_t i = 0; i < n; i++)
    memcpy(slot->data + i * slot->stride, from + i * K, (size_t)K * sizeof *from);
  return gcam_session_forward_from(s, to, err);
}

static gcam_status add_earlier(gcam_trial *t, const gcam_blocks *blocks, int l, int head,
                               float *maps, bool *dead, gcam_error *err) {
  const gcam_block *block = &blocks->list[l];
  if (block->stream != head) {
    float *owned;
    const float *tokens = gcam_session_dense(t->session, block->stream, &owned);
    if (!tokens) return no_memory(err);
    gcam_status status = put_tokens(t->session, tokens, head, err);
    gcam_floats_free(owned);
    if (status) return status;
  }
  return add_block(t, blocks, block, head, maps, dead, err);
}

static gcam_status map_legrad(gcam_trial *t, const gcam_blocks *blocks, float *maps, bool *dead,
                              gcam_error *err) {
  int head = blocks->list[blocks->count - 1].stream;
  int64_t size = gcam_numel(&t->session->graph->values[head].shape);
  GCAM_TRY(gcam_session_set_apart(t->session, head, err));
  float *owned, *own = gcam_floats_alloc(size);
  const float *last = gcam_session_dense(t->session, head, &owned);
  gcam_status status = own && last ? GCAM_OK : no_memory(err);
  if (!status) memcpy(own, last, (size_t)size * sizeof *own);
  gcam_floats_free(owned);
  for (int l = blocks->count - 1; l >= 0 && !status; l--)
    status = add_earlier(t, blocks, l, head, maps, dead, err);
  gcam_error second = {0}; /* is worth less than the first */
  gcam_status back = GCAM_OK;
  if (own && last) back = put_tokens(t->session, own, head, status ? &second : err);
  if (!t->session->done) back = gcam_session_forward(t->session, status ? &second : err);
  gcam_floats_free(own);
  return status ? status : back;
}

const gcam_method gcam_method_legrad = {.name = "legrad",
                                        .title = "LeGrad",
                                        .paper = "arXiv:2404.03214, sec. 3",
                                        .attention = map_legrad};
