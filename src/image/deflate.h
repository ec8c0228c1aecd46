/* deflate.h: packs bytes as a zlib stream (RFC 1950, RFC 1951), fast rather than tight. */
#ifndef GCAM_IMAGE_DEFLATE_H
#define GCAM_IMAGE_DEFLATE_H

#include <stdbool.h>

#include "base/status.h"

/* A growing run of bytes. `failed` is set once memory is out; writes are then dropped. */
typedef struct gcam_bytes {
  uint8_t *data; /* malloc */
  size_t size, capacity;
  bool failed;
} gcam_bytes;

void gcam_bytes_put(gcam_bytes *to, const void *data, size_t size);

typedef struct gcam_deflate gcam_deflate;

/* NULL: out of memory. */
gcam_deflate *gcam_deflate_create(gcam_bytes *to);
/* At most GCAM_DEFLATE_CHUNK bytes at a time; repeats are found within one chunk. */
#define GCAM_DEFLATE_CHUNK ((size_t)1 << 18)
void gcam_deflate_chunk(gcam_deflate *z, const uint8_t *data, size_t size);
/* Writes the end of the stream and frees z. */
void gcam_deflate_finish(gcam_deflate *z);

#endif
