/* arena.h: memory that is given back all at once. Small things that live as long as their owner
 * (names, nodes, parameters) come from here; tensors are allocated one by one. */
#ifndef GCAM_BASE_ARENA_H
#define GCAM_BASE_ARENA_H

#include <stddef.h>

typedef struct gcam_arena_block gcam_arena_block;
typedef struct gcam_arena {
  gcam_arena_block *first;
  size_t used; /* bytes handed out, for reports */
} gcam_arena;

/* Zeroed memory, aligned to 16 bytes; NULL when there is none. A zeroed gcam_arena is ready. */
void *gcam_arena_alloc(gcam_arena *arena, size_t count, size_t size);
/* A copy of n bytes with a zero byte behind them. */
char *gcam_arena_strndup(gcam_arena *arena, const char *text, size_t n);
void gcam_arena_free(gcam_arena *arena);

#endif
