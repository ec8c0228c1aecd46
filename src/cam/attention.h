/* attention.h: where a transformer attends: its blocks, each with the shares that every token takes
 * of every other, and with the tokens that it hands on. */
#ifndef GCAM_CAM_ATTENTION_H
#define GCAM_CAM_ATTENTION_H

#include "cam/layers.h"

typedef struct gcam_block {
  int attention; /* value [..., tokens, tokens]: query by key, rows that add up to 1 */
  int64_t heads; /* how many such matrices */
  int stream;    /* value of tokens x channels: the sum that everything behind the block reads; -1:
                    none */
} gcam_block;

typedef struct gcam_blocks {
  gcam_block *list; /* in topological order */
  int count;
  gcam_token_grid grid;
  int64_t tokens;
} gcam_blocks;

/* The blocks on the way to `logits` that attend over all tokens of the grid. None: fails, with what
 * there is instead. To be freed with gcam_blocks_free. */
gcam_status gcam_blocks_find(const gcam_graph *graph, int logits, const gcam_token_grid *grid,
                             gcam_blocks *blocks, gcam_error *err);
void gcam_blocks_free(gcam_blocks *blocks);

#endif
