#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

enum { BLOCK_BYTES = 64 * 1024 - 64, ALIGN = 16 };

struct gcam_arena_block {
  gcam_arena_block *next;
  size_t size, used;
  _Alignas(16) unsigned char data[];
};

void *gcam_arena_alloc(gcam_arena *arena, size_t count, size_t size) {
  if (size && count > (SIZE_MAX / 2) / size) return NULL;
  size_t bytes = (count * size + ALIGN - 1) / ALIGN * ALIGN;
  if (!bytes) bytes = ALIGN;
  gcam_arena_block *block = arena->first;
  if (!block || block->size - block->used < bytes) {
    size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    block = gcam_alloc(sizeof *block + capacity, 1);
    if (!block) return NULL;
    block->size = capacity;
    block->used = 0;
    block->next = arena->first;
    arena->first = block;
  }
  void *p = block->data + block->used;
  block->used += bytes;
  arena->used += bytes;
  return memset(p, 0, bytes);
}

char *gcam_arena_strndup(gcam_arena *arena, const char *text, size_t n) {
  char *copy = gcam_arena_alloc(arena, n + 1, 1);
  if (copy && n) memcpy(copy, text, n);
  return copy;
}

void gcam_arena_free(gcam_arena *arena) {
  while (arena->first) {
    gcam_arena_block *next = arena->first->next;
    gcam_free(arena->first);
    arena->first = next;
  }
  arena->used = 0;
}
