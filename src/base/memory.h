/* memory.h: the one place where the engine asks for memory, so that every size is multiplied in a
 * checked way and a test can make any request fail. Small things that live as long as their owner
 * come from an arena (arena.h), which asks here. */
#ifndef GCAM_BASE_MEMORY_H
#define GCAM_BASE_MEMORY_H

#include <stdint.h>

/* count * size, both >= 0; -1 where that is negative or more than a pointer can address. */
int64_t gcam_size(int64_t count, int64_t size);

/* Room for count things of size bytes, 16-byte aligned; NULL: no memory, or gcam_size says -1.
 * Never NULL for an empty request. Freed by gcam_free. */
void *gcam_alloc(int64_t count, int64_t size);
void *gcam_alloc_zeroed(int64_t count, int64_t size);
/* As realloc: NULL leaves p as it was. */
void *gcam_alloc_again(void *p, int64_t count, int64_t size);
/* Aligned to 64 bytes: cache lines, and what XNNPACK asks of its buffers. */
void *gcam_alloc_aligned(int64_t count, int64_t size);
/* NULL is accepted; so are bytes that came from malloc (GCAM_TAKE). */
void gcam_free(void *p);

/* ---- For tests ------------------------------------------------------------------------------ */

/* The nth request from now on fails (1: the next one), once; 0: none does. */
void gcam_memory_fail_at(int64_t nth);
/* Requests since the start, the failed ones too. */
int64_t gcam_memory_requests(void);

#endif
