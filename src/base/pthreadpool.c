/* pthreadpool.c: pthreadpool's interface (its header, not its code) on the project's own threads,
 * for XNNPACK: the shapes of loop that it runs. A loop of up to six dimensions, the last one or two
 * in tiles, is a row of indices.
 *
 * Denormals are computed like other numbers, whatever the flags: as WebAssembly does it. */
#include <pthreadpool.h>
#include <stdint.h>

#include "base/scheduler.h"

typedef void (*any_task)(void);

typedef struct loop {
  any_task task;
  void *context;
  uint32_t uarch; /* one kind of core */
  int rank;
  size_t size[6], tile[6], tiles[6];
} loop;

/* Where a task begins, and how long its tiles of the last dimension but one and the last are. */
typedef struct place {
  size_t at[6], rows, columns;
} place;

static size_t length(const loop *l, int d, size_t at) {
  size_t left = l->size[d] - at;
  return left < l->tile[d] ? left : l->tile[d];
}

static place find(const loop *l, size_t i) {
  place p;
  for (int d = l->rank - 1; d > 0; d--) {
    size_t rest = i / l->tiles[d];
    p.at[d] = (i - rest * l->tiles[d]) * l->tile[d];
    i = rest;
  }
  p.at[0] = i * l->tile[0];
  int last = l->rank - 1;
  p.columns = length(l, last, p.at[last]);
  p.rows = last ? length(l, last - 1, p.at[last - 1]) : 1;
  return p;
}

static void run(pthreadpool_t pool, loop l, size_t rows, size_t columns,
                void (*call)(const void *, size_t, size_t)) {
  size_t n = 1;
  for (int d = 0; d < l.rank; d++) {
    l.tile[d] = d == l.rank - 1 ? columns : d == l.rank - 2 ? rows : 1;
    l.tiles[d] = l.size[d] / l.tile[d] + (l.size[d] % l.tile[d] != 0);
    n *= l.tiles[d];
  }
  gcam_scheduler_run((gcam_scheduler *)pool, n, call, &l);
}

/* What a shape's functions are put together from, each with the comma before it. */
#define SIZES_1 , size_t n0
#define SIZES_2 SIZES_1, size_t n1
#define SIZES_3 SIZES_2, size_t n2
#define SIZES_4 SIZES_3, size_t n3
#define SIZES_5 SIZES_4, size_t n4
#define SIZES_6 SIZES_5, size_t n5
#define SIZE_1 n0
#define SIZE_2 SIZE_1, n1
#define SIZE_3 SIZE_2, n2
#define SIZE_4 SIZE_3, n3
#define SIZE_5 SIZE_4, n4
#define SIZE_6 SIZE_5, n5
#define AT_1 , p.at[0]
#define AT_2 AT_1, p.at[1]
#define AT_3 AT_2, p.at[2]
#define AT_4 AT_3, p.at[3]
#define AT_5 AT_4, p.at[4]
#define AT_6 AT_5, p.at[5]
#define TILES_0
#define TILES_1 , size_t columns
#define TILES_2 , size_t rows, size_t columns
#define TILE_0 1, 1
#define TILE_1 1, columns
#define TILE_2 rows, columns
#define LENGTH_0
#define LENGTH_1 , p.columns
#define LENGTH_2 , p.rows, p.columns
#define THREAD_without
#define THREAD_with , thread
#define UARCH_without
#define UARCH_with , l->uarch
#define UARCHES_without
#define UARCHES_with , uint32_t uarch, uint32_t max_uarch
#define UARCH_OF_without
#define UARCH_OF_with (void)max_uarch, l.uarch = uarch;

#define SHAPE(name, type, rank, tiled, has_uarch, has_thread)                                      \
  static void call_##name(const void *argument, size_t thread, size_t i) {                         \
    const loop *l = argument;                                                                      \
    place p = find(l, i);                                                                          \
    (void)thread;                                                                                  \
    ((type)l->task)(l->context UARCH_##has_uarch THREAD_##has_thread AT_##rank LENGTH_##tiled);    \
  }                                                                                                \
  void pthreadpool_parallelize_##name(                                                             \
      pthreadpool_t pool, type task, void *context UARCHES_##has_uarch SIZES_##rank TILES_##tiled, \
      uint32_t flags) {                                                                            \
    loop l = {(any_task)task, context, 0, rank, .size = {SIZE_##rank}};                            \
    (void)flags;                                                                                   \
    UARCH_OF_##has_uarch run(pool, l, TILE_##tiled, call_##name);                                  \
  }

#define PLAIN(name, rank, tiled) \
  SHAPE(name, pthreadpool_task_##name##_t, rank, tiled, without, without)
#define WITH_THREAD(name, rank, tiled) \
  SHAPE(name##_with_thread, pthreadpool_task_##name##_with_thread_t, rank, tiled, without, with)
#define WITH_UARCH(name, rank, tiled) \
  SHAPE(name##_with_uarch, pthreadpool_task_##name##_with_id_t, rank, tiled, with, without)

PLAIN(1d, 1, 0)
PLAIN(1d_tile_1d, 1, 1)
PLAIN(2d, 2, 0)
PLAIN(2d_tile_1d, 2, 1)
PLAIN(2d_tile_2d, 2, 2)
PLAIN(3d, 3, 0)
PLAIN(3d_tile_1d, 3, 1)
PLAIN(3d_tile_2d, 3, 2)
PLAIN(4d, 4, 0)
PLAIN(4d_tile_2d, 4, 2)
PLAIN(5d, 5, 0)
PLAIN(5d_tile_2d, 5, 2)
PLAIN(6d_tile_2d, 6, 2)
WITH_THREAD(1d, 1, 0)
WITH_THREAD(2d, 2, 0)
WITH_THREAD(3d_tile_1d, 3, 1)
/* Asked for on ARM alone. */
WITH_UARCH(2d_tile_1d, 2, 1)
WITH_UARCH(2d_tile_2d, 2, 2)
WITH_UARCH(3d_tile_1d, 3, 1)
WITH_UARCH(3d_tile_2d, 3, 2)
WITH_UARCH(4d_tile_2d, 4, 2)
SHAPE(3d_tile_1d_with_uarch_with_thread, pthreadpool_task_3d_tile_1d_with_id_with_thread_t, 3, 1,
      with, with)

pthreadpool_t pthreadpool_create(size_t threads) {
  return (pthreadpool_t)gcam_scheduler_create(threads);
}

size_t pthreadpool_get_threads_count(pthreadpool_t pool) {
  return gcam_scheduler_threads((gcam_scheduler *)pool);
}

void pthreadpool_destroy(pthreadpool_t pool) { gcam_scheduler_free((gcam_scheduler *)pool); }
