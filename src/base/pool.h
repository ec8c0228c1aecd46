/* pool.h: the thread pool, shared by XNNPACK's operators and the engine's own kernels. */
#ifndef GCAM_BASE_POOL_H
#define GCAM_BASE_POOL_H

#include <pthreadpool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gcam_pool {
  pthreadpool_t threads; /* NULL: everything runs on the caller's thread */
  int count;
  struct gcam_work *work; /* see gcam_pool_work */
} gcam_pool;

void gcam_pool_init(gcam_pool *pool, int threads);
void gcam_pool_free(gcam_pool *pool);

/* Runs task(context, i) for i in [0, n), spread over the pool; returns when all are done. */
void gcam_parallel(const gcam_pool *pool, size_t n, void (*task)(void *context, size_t i),
                   void *context);
/* The same with the number of the thread it runs on, 0 <= thread < pool->count: for work space. */
void gcam_parallel_with_thread(const gcam_pool *pool, size_t n,
                               void (*task)(void *context, size_t thread, size_t i),
                               void *context);

/* Work space for whatever runs now, one piece for all: a network's kernels take turns. Its contents
 * last until the next call. NULL: out of memory. */
float *gcam_pool_work(const gcam_pool *pool, int64_t floats);

#endif
