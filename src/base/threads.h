/* threads.h: the thread pool, shared by XNNPACK's operators and the engine's own kernels. */
#ifndef GCAM_BASE_THREADS_H
#define GCAM_BASE_THREADS_H

#include <pthreadpool.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gcam_threads {
  pthreadpool_t threads; /* NULL: everything runs on the caller's thread */
  int count;
  struct gcam_work *work; /* see gcam_threads_work */
} gcam_threads;

/* False: out of memory, and nothing is held. Fewer threads than asked for are no failure. */
bool gcam_threads_init(gcam_threads *pool, int threads);
void gcam_threads_free(gcam_threads *pool);

/* Runs task(context, i) for i in [0, n), spread over the pool; returns when all are done. */
void gcam_parallel(const gcam_threads *pool, size_t n, void (*task)(void *context, size_t i),
                   void *context);
/* The same with the number of the thread it runs on, 0 <= thread < pool->count: for work space. */
void gcam_parallel_with_thread(const gcam_threads *pool, size_t n,
                               void (*task)(void *context, size_t thread, size_t i), void *context);

/* Work space for whatever runs now, one piece for all: a network's kernels take turns. Its contents
 * last until the next call. NULL: out of memory. */
float *gcam_threads_work(const gcam_threads *pool, int64_t floats);

#endif
