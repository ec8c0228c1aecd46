#include "base/threads.h"

#include "base/memory.h"
#include "base/tensor.h"

struct gcam_work {
  float *data;
  int64_t floats;
};

bool gcam_threads_init(gcam_threads *pool, int threads) {
  pool->threads = threads > 1 ? pthreadpool_create((size_t)threads) : NULL;
  pool->count = pool->threads ? (int)pthreadpool_get_threads_count(pool->threads) : 1;
  pool->work = gcam_alloc_zeroed(1, sizeof *pool->work);
  if (!pool->work) gcam_threads_free(pool);
  return pool->work != NULL;
}

void gcam_threads_free(gcam_threads *pool) {
  if (pool->threads) pthreadpool_destroy(pool->threads);
  if (pool->work) gcam_floats_free(pool->work->data);
  gcam_free(pool->work);
  pool->work = NULL;
  pool->threads = NULL;
  pool->count = 1;
}

float *gcam_threads_work(const gcam_threads *pool, int64_t floats) {
  struct gcam_work *work = pool->work;
  if (work->floats < floats) {
    gcam_floats_free(work->data);
    work->data = gcam_floats_alloc(floats);
    work->floats = work->data ? floats : 0;
  }
  return work->data;
}

void gcam_parallel(const gcam_threads *pool, size_t n, void (*task)(void *context, size_t i),
                   void *context) {
  if (!pool || !pool->threads || n < 2) {
    for (size_t i = 0; i < n; i++) task(context, i);
    return;
  }
  pthreadpool_parallelize_1d(pool->threads, task, context, n, 0);
}

void gcam_parallel_with_thread(const gcam_threads *pool, size_t n,
                               void (*task)(void *context, size_t thread, size_t i),
                               void *context) {
  if (!pool || !pool->threads || n < 2) {
    for (size_t i = 0; i < n; i++) task(context, 0, i);
    return;
  }
  pthreadpool_parallelize_1d_with_thread(pool->threads, task, context, n, 0);
}
