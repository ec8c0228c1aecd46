/* Attention rollout (Abnar & Zuidema, arXiv 2005.00928, eq. 1): how much of each token has come,
 * through all blocks, to those that the head reads. With A_l the mean over the heads of block l's
 * attention, half of what a token hands on is itself, the residual:
 *
 *   A'_l = A_l / 2 + I / 2,   rollout = A'_L ... A'_2 A'_1,   map = r^T rollout at the grid's
 * tokens
 *
 * r: equal shares of the tokens that the score depends on behind the last block: the class token,
 * it and the distillation token, or all that are averaged. No class but for that, no gradient else.
 */
#include <string.h>

#include "base/memory.h"
#include "cam/method.h"

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the attention of the network");
}

/* rows[b][t]: the share of token t in what target b reads of the last stream. */
static gcam_status find_readers(gcam_trial *t, const gcam_blocks *blocks, double *rows,
                                gcam_error *err) {
  int stream = blocks->list[blocks->count - 1].stream;
  int64_t n = blocks->tokens, size = gcam_numel(&t->session->graph->values[stream].shape);
  int64_t K = size / n;
  float *gradients;
  GCAM_TRY(gcam_targets_cotangents(t->targets, t->session, &t->cotangents, err));
  GCAM_TRY(gcam_session_vjp(t->session, t->targets->output, t->cotangents.data, t->targets->count,
                            stream, &gradients, err));
  for (int b = 0; b < t->targets->count; b++) {
    double *row = rows + b * n, readers = 0;
    for (int64_t i = 0; i < n; i++) {
      const float *g = gradients + b * size + i * K;
      row[i] = 0;
      for (int64_t k = 0; k < K && row[i] == 0; k++) row[i] = g[k] != 0;
      readers += row[i];
    }
    /* a score that nothing moves: all alike */
    for (int64_t i = 0; i < n; i++) row[i] = readers > 0 ? row[i] / readers : 1 / (double)n;
  }
  gcam_floats_free(gradients);
  return GCAM_OK;
}

/* row = row A'_l */
static void go_back(double *row, double *next, const float *attention, int64_t heads, int64_t n) {
  memset(next, 0, (size_t)n * sizeof *next);
  for (int64_t h = 0; h < heads; h++)
    for (int64_t i = 0; i < n; i++, attention += n) {
      double share = row[i] / (double)heads;
      for (int64_t j = 0; share != 0 && j < n; j++) next[j] += share * attention[j];
    }
  for (int64_t i = 0; i < n; i++) row[i] = (row[i] + next[i]) / 2;
}

static gcam_status roll_out(gcam_trial *t, const gcam_blocks *blocks, float *maps, bool *dead,
                            gcam_error *err) {
  int64_t n = blocks->tokens, HW = blocks->grid.H * blocks->grid.W;
  int B = t->targets->count;
  double *rows = gcam_alloc((int64_t)(B + 1) * n, sizeof *rows);
  (void)dead;
  gcam_status status = rows ? find_readers(t, blocks, rows, err) : no_memory(err);
  for (int l = blocks->count - 1; l >= 0 && !status; l--) {
    const gcam_block *block = &blocks->list[l];
    float *owned;
    const float *attention = gcam_session_dense(t->session, block->attention, &owned);
    if (!attention) status = no_memory(err);
    for (int b = 0; b < B && !status; b++)
      go_back(rows + b * n, rows + B * n, attention, block->heads, n);
    gcam_floats_free(owned);
  }
  for (int b = 0; b < B && !status; b++)
    for (int64_t p = 0; p < HW; p++) maps[b * HW + p] = (float)rows[b * n + blocks->grid.skip + p];
  gcam_free(rows);
  return status;
}

const gcam_method gcam_method_rollout = {.name = "rollout",
                                         .title = "Attention rollout",
                                         .paper = "arXiv:2005.00928, eq. 1",
                                         .attention = roll_out,
                                         .from = GCAM_FROM_NOTHING};
