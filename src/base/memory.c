#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Of all threads: contexts may live on different ones, and a map may be made on one of the pool's. */
static _Atomic int64_t requests, failing;

int64_t gcam_size(int64_t count, int64_t size) {
  int64_t bytes;
  if (count < 0 || size < 0 || __builtin_mul_overflow(count, size, &bytes)) return -1;
  return (uint64_t)bytes <= PTRDIFF_MAX ? bytes : -1;
}

/* Bytes to ask the system for; -1: this request fails. */
static int64_t request(int64_t count, int64_t size) {
  int64_t bytes = gcam_size(count, size);
  int64_t number = atomic_fetch_add_explicit(&requests, 1, memory_order_relaxed) + 1;
  if (number == atomic_load_explicit(&failing, memory_order_relaxed)) return -1;
  return bytes ? bytes : 1;
}

void *gcam_alloc(int64_t count, int64_t size) {
  int64_t bytes = request(count, size);
  return bytes < 0 ? NULL : malloc((size_t)bytes);
}

void *gcam_alloc_zeroed(int64_t count, int64_t size) {
  int64_t bytes = request(count, size);
  return bytes < 0 ? NULL : calloc(1, (size_t)bytes);
}

void *gcam_alloc_again(void *p, int64_t count, int64_t size) {
  int64_t bytes = request(count, size);
  return bytes < 0 ? NULL : realloc(p, (size_t)bytes);
}

void *gcam_alloc_aligned(int64_t count, int64_t size) {
  int64_t bytes = request(count, size);
  if (bytes < 0 || bytes > PTRDIFF_MAX - 63) return NULL;
  return aligned_alloc(64, (size_t)((bytes + 63) / 64 * 64)); /* a whole number of lines */
}

void gcam_free(void *p) { free(p); }

void gcam_memory_fail_at(int64_t nth) { failing = nth > 0 ? requests + nth : 0; }

int64_t gcam_memory_requests(void) { return requests; }
