/* test_threads.c: the scheduler that stands behind pthreadpool's interface. Every shape of loop
 * calls its task with just the arguments that pthreadpool.h's own snippets would; a worker that
 * does not come holds nobody up, and one that costs more than it saves is left out and comes back.
 * What is slow is told by events and by a clock of the test's own, never by the machine's. */
#include <pthread.h>
#include <pthreadpool.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/scheduler.h"
#include "support/slow_build.h"

static int passed, failed;

static void check(bool ok, const char *what, int at) {
  if (ok)
    passed++;
  else
    failed++;
  if (!ok) printf("FAIL %s (%d)\n", what, at);
}

/* ---- Shapes ---------------------------------------------------------------------------------- */

enum { MAX_CALLS = 4000, ARGUMENTS = 8, THREADS = 8, UARCH = 7 };

/* Sets of calls, compared without order. */
typedef struct call {
  size_t argument[ARGUMENTS];
} call;

typedef struct record {
  atomic_size_t count;
  size_t threads;
  atomic_bool in_use[THREADS]; /* by a task that runs */
  atomic_bool wrong;           /* a thread that is none, or two tasks at once with the same */
  call calls[MAX_CALLS];
} record;

static void note(record *r, const call *c) {
  size_t at = atomic_fetch_add(&r->count, 1);
  if (at < MAX_CALLS) r->calls[at] = *c;
}

#define NOTE(...) note(r, &(call){{__VA_ARGS__}})

static void task_1(record *r, size_t a) { NOTE(a); }
static void task_2(record *r, size_t a, size_t b) { NOTE(a, b); }
static void task_3(record *r, size_t a, size_t b, size_t c) { NOTE(a, b, c); }
static void task_4(record *r, size_t a, size_t b, size_t c, size_t d) { NOTE(a, b, c, d); }
static void task_5(record *r, size_t a, size_t b, size_t c, size_t d, size_t e) {
  NOTE(a, b, c, d, e);
}
static void task_6(record *r, size_t a, size_t b, size_t c, size_t d, size_t e, size_t f) {
  NOTE(a, b, c, d, e, f);
}
static void task_7(record *r, size_t a, size_t b, size_t c, size_t d, size_t e, size_t f,
                   size_t g) {
  NOTE(a, b, c, d, e, f, g);
}
static void task_8(record *r, size_t a, size_t b, size_t c, size_t d, size_t e, size_t f, size_t g,
                   size_t h) {
  NOTE(a, b, c, d, e, f, g, h);
}

static void p1(void *r, size_t a) { task_1(r, a); }
static void p2(void *r, size_t a, size_t b) { task_2(r, a, b); }
static void p3(void *r, size_t a, size_t b, size_t c) { task_3(r, a, b, c); }
static void p4(void *r, size_t a, size_t b, size_t c, size_t d) { task_4(r, a, b, c, d); }
static void p5(void *r, size_t a, size_t b, size_t c, size_t d, size_t e) {
  task_5(r, a, b, c, d, e);
}
static void p6(void *r, size_t a, size_t b, size_t c, size_t d, size_t e, size_t f) {
  task_6(r, a, b, c, d, e, f);
}
static void p7(void *r, size_t a, size_t b, size_t c, size_t d, size_t e, size_t f, size_t g) {
  task_7(r, a, b, c, d, e, f, g);
}
static void p8(void *r, size_t a, size_t b, size_t c, size_t d, size_t e, size_t f, size_t g,
               size_t h) {
  task_8(r, a, b, c, d, e, f, g, h);
}

static void begin_with(record *r, size_t thread) {
  if (thread >= r->threads || atomic_exchange(&r->in_use[thread], true)) r->wrong = true;
}
static void end_with(record *r, size_t thread) {
  atomic_store(&r->in_use[thread % THREADS], false);
}

static void t1(void *r, size_t thread, size_t a) {
  begin_with(r, thread), task_1(r, a), end_with(r, thread);
}
static void t2(void *r, size_t thread, size_t a, size_t b) {
  begin_with(r, thread), task_2(r, a, b), end_with(r, thread);
}
static void t4(void *r, size_t thread, size_t a, size_t b, size_t c, size_t d) {
  begin_with(r, thread), task_4(r, a, b, c, d), end_with(r, thread);
}
/* The kind of core leads the row; a plain loop has it there as well. */
static void u4(void *r, uint32_t u, size_t a, size_t b, size_t c) { task_4(r, u, a, b, c); }
static void u5(void *r, uint32_t u, size_t a, size_t b, size_t c, size_t d) {
  task_5(r, u, a, b, c, d);
}
static void u6(void *r, uint32_t u, size_t a, size_t b, size_t c, size_t d, size_t e) {
  task_6(r, u, a, b, c, d, e);
}
static void u7(void *r, uint32_t u, size_t a, size_t b, size_t c, size_t d, size_t e, size_t f) {
  task_7(r, u, a, b, c, d, e, f);
}
static void ut5(void *r, uint32_t u, size_t thread, size_t a, size_t b, size_t c, size_t d) {
  begin_with(r, thread), task_5(r, u, a, b, c, d), end_with(r, thread);
}

typedef enum shape {
  S_1D,
  S_1D_TILE_1D,
  S_2D,
  S_2D_TILE_1D,
  S_2D_TILE_2D,
  S_3D,
  S_3D_TILE_1D,
  S_3D_TILE_2D,
  S_4D,
  S_4D_TILE_2D,
  S_5D,
  S_5D_TILE_2D,
  S_6D_TILE_2D,
  S_1D_THREAD,
  S_2D_THREAD,
  S_3D_TILE_1D_THREAD,
  S_2D_TILE_1D_UARCH,
  S_2D_TILE_2D_UARCH,
  S_3D_TILE_1D_UARCH,
  S_3D_TILE_2D_UARCH,
  S_4D_TILE_2D_UARCH,
  S_3D_TILE_1D_UARCH_THREAD,
  SHAPES
} shape;

/* Dimensions, and how many of the last ones are in tiles. */
static const struct {
  int rank, tiled;
  bool uarch;
} shapes[SHAPES] = {{1, 0, 0}, {1, 1, 0}, {2, 0, 0}, {2, 1, 0}, {2, 2, 0}, {3, 0, 0},
                    {3, 1, 0}, {3, 2, 0}, {4, 0, 0}, {4, 2, 0}, {5, 0, 0}, {5, 2, 0},
                    {6, 2, 0}, {1, 0, 0}, {2, 0, 0}, {3, 1, 0}, {2, 1, 1}, {2, 2, 1},
                    {3, 1, 1}, {3, 2, 1}, {4, 2, 1}, {3, 1, 1}};

/* n: sizes; a, b: tiles of the last dimension but one and of the last. */
static void run_shape(shape s, pthreadpool_t pool, record *r, const size_t *n, size_t a, size_t b) {
  switch (s) {
    case S_1D:
      pthreadpool_parallelize_1d(pool, p1, r, n[0], 0);
      break;
    case S_1D_TILE_1D:
      pthreadpool_parallelize_1d_tile_1d(pool, p2, r, n[0], b, 0);
      break;
    case S_2D:
      pthreadpool_parallelize_2d(pool, p2, r, n[0], n[1], 0);
      break;
    case S_2D_TILE_1D:
      pthreadpool_parallelize_2d_tile_1d(pool, p3, r, n[0], n[1], b, 0);
      break;
    case S_2D_TILE_2D:
      pthreadpool_parallelize_2d_tile_2d(pool, p4, r, n[0], n[1], a, b, 0);
      break;
    case S_3D:
      pthreadpool_parallelize_3d(pool, p3, r, n[0], n[1], n[2], 0);
      break;
    case S_3D_TILE_1D:
      pthreadpool_parallelize_3d_tile_1d(pool, p4, r, n[0], n[1], n[2], b, 0);
      break;
    case S_3D_TILE_2D:
      pthreadpool_parallelize_3d_tile_2d(pool, p5, r, n[0], n[1], n[2], a, b, 0);
      break;
    case S_4D:
      pthreadpool_parallelize_4d(pool, p4, r, n[0], n[1], n[2], n[3], 0);
      break;
    case S_4D_TILE_2D:
      pthreadpool_parallelize_4d_tile_2d(pool, p6, r, n[0], n[1], n[2], n[3], a, b, 0);
      break;
    case S_5D:
      pthreadpool_parallelize_5d(pool, p5, r, n[0], n[1], n[2], n[3], n[4], 0);
      break;
    case S_5D_TILE_2D:
      pthreadpool_parallelize_5d_tile_2d(pool, p7, r, n[0], n[1], n[2], n[3], n[4], a, b, 0);
      break;
    case S_6D_TILE_2D:
      pthreadpool_parallelize_6d_tile_2d(pool, p8, r, n[0], n[1], n[2], n[3], n[4], n[5], a, b, 0);
      break;
    case S_1D_THREAD:
      pthreadpool_parallelize_1d_with_thread(pool, t1, r, n[0], 0);
      break;
    case S_2D_THREAD:
      pthreadpool_parallelize_2d_with_thread(pool, t2, r, n[0], n[1], 0);
      break;
    case S_3D_TILE_1D_THREAD:
      pthreadpool_parallelize_3d_tile_1d_with_thread(pool, t4, r, n[0], n[1], n[2], b, 0);
      break;
    case S_2D_TILE_1D_UARCH:
      pthreadpool_parallelize_2d_tile_1d_with_uarch(pool, u4, r, UARCH, UARCH, n[0], n[1], b, 0);
      break;
    case S_2D_TILE_2D_UARCH:
      pthreadpool_parallelize_2d_tile_2d_with_uarch(pool, u5, r, UARCH, UARCH, n[0], n[1], a, b, 0);
      break;
    case S_3D_TILE_1D_UARCH:
      pthreadpool_parallelize_3d_tile_1d_with_uarch(pool, u5, r, UARCH, UARCH, n[0], n[1], n[2], b,
                                                    0);
      break;
    case S_3D_TILE_2D_UARCH:
      pthreadpool_parallelize_3d_tile_2d_with_uarch(pool, u6, r, UARCH, UARCH, n[0], n[1], n[2], a,
                                                    b, 0);
      break;
    case S_4D_TILE_2D_UARCH:
      pthreadpool_parallelize_4d_tile_2d_with_uarch(pool, u7, r, UARCH, UARCH, n[0], n[1], n[2],
                                                    n[3], a, b, 0);
      break;
    case S_3D_TILE_1D_UARCH_THREAD:
      pthreadpool_parallelize_3d_tile_1d_with_uarch_with_thread(pool, ut5, r, UARCH, UARCH, n[0],
                                                                n[1], n[2], b, 0);
      break;
    case SHAPES:
      break;
  }
}

/* The loops of pthreadpool.h's snippets, written out. */
static void run_plainly(shape s, record *r, const size_t *n, size_t a, size_t b) {
  size_t at[6] = {0}, step[6] = {1, 1, 1, 1, 1, 1};
  int rank = shapes[s].rank, tiled = shapes[s].tiled;
  if (tiled > 0) step[rank - 1] = b;
  if (tiled > 1) step[rank - 2] = a;
  for (int d = 0; d < rank; d++)
    if (!n[d]) return;
  for (;;) {
    call c = {{0}};
    int k = 0;
    if (shapes[s].uarch) c.argument[k++] = UARCH;
    for (int d = 0; d < rank; d++) c.argument[k++] = at[d];
    for (int d = rank - tiled; d < rank; d++)
      c.argument[k++] = n[d] - at[d] < step[d] ? n[d] - at[d] : step[d];
    note(r, &c);
    int d = rank - 1;
    while (d >= 0 && (at[d] += step[d]) >= n[d]) at[d--] = 0;
    if (d < 0) return;
  }
}

static int compare(const void *a, const void *b) {
  for (int k = 0; k < ARGUMENTS; k++) {
    size_t x = ((const call *)a)->argument[k], y = ((const call *)b)->argument[k];
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

static bool same_calls(record *a, record *b) {
  if (a->count != b->count || a->count > MAX_CALLS) return false;
  qsort(a->calls, a->count, sizeof(call), compare);
  qsort(b->calls, b->count, sizeof(call), compare);
  return !memcmp(a->calls, b->calls, a->count * sizeof(call));
}

static void begin_record(record *r, size_t threads) {
  r->count = 0;
  r->wrong = false;
  r->threads = threads;
  for (int t = 0; t < THREADS; t++) r->in_use[t] = false;
}

static void check_shapes(void) {
  static record got, expected;
  srand(1);
  for (size_t threads = 0; threads <= 5; threads++) { /* 0: no pool */
    pthreadpool_t pool = threads ? pthreadpool_create(threads) : NULL;
    check(pthreadpool_get_threads_count(pool) == (threads ? threads : 1), "threads", (int)threads);
    for (int round = 0; round < (SLOW_BUILD ? 10 : 60); round++)
      for (int s = 0; s < SHAPES; s++) {
        size_t n[6], most = shapes[s].rank < 3 ? 40 : shapes[s].rank < 5 ? 7 : 4;
        for (int d = 0; d < 6; d++) n[d] = 1 + (size_t)rand() % most;
        if (round % 8 == 7) n[rand() % shapes[s].rank] = 0;
        size_t a = 1 + (size_t)rand() % 5, b = 1 + (size_t)rand() % 9;
        begin_record(&got, threads ? threads : 1);
        begin_record(&expected, 1);
        run_shape((shape)s, pool, &got, n, a, b);
        run_plainly((shape)s, &expected, n, a, b);
        check(same_calls(&got, &expected) && !got.wrong, "shape", s);
      }
    pthreadpool_destroy(pool);
  }
}

/* ---- Calls inside calls, and from many threads ------------------------------------------------
 */

enum { OUTER = 12, INNER = 30 };

typedef struct nest {
  gcam_scheduler *s;
  atomic_int hits[OUTER][INNER];
  size_t outer;
} nest;

typedef struct row {
  nest *of;
  size_t i;
} row;

static void inner_task(const void *p, size_t thread, size_t i) {
  (void)thread;
  const row *r = p;
  atomic_fetch_add(&r->of->hits[r->i][i], 1);
}

static void outer_task(const void *p, size_t thread, size_t i) {
  (void)thread;
  nest *n = *(nest *const *)p;
  gcam_scheduler_run(n->s, INNER, inner_task, &(row){n, i});
}

static void *run_nested(void *p) {
  gcam_scheduler_run(((nest *)p)->s, OUTER, outer_task, &p);
  return NULL;
}

static bool all_hit(nest *n, int times) {
  bool ok = true;
  for (int i = 0; i < OUTER; i++)
    for (int j = 0; j < INNER; j++) ok &= n->hits[i][j] == times;
  return ok;
}

static void check_nesting(void) {
  gcam_scheduler *s = gcam_scheduler_create(3);
  for (int round = 0; round < 50; round++) {
    nest n = {.s = s};
    run_nested(&n);
    check(all_hit(&n, 1), "a call within a call", round);
  }
  /* One scheduler, many callers at once: who finds it taken runs alone. */
  for (int round = 0; round < 10; round++) {
    nest n[4] = {{.s = s}, {.s = s}, {.s = s}, {.s = s}};
    pthread_t callers[4];
    for (int c = 0; c < 4; c++) pthread_create(&callers[c], NULL, run_nested, &n[c]);
    bool ok = true;
    for (int c = 0; c < 4; c++) {
      pthread_join(callers[c], NULL);
      ok &= all_hit(&n[c], 1);
    }
    check(ok, "many callers", round);
  }
  gcam_scheduler_free(s);
}

static void check_many(void) {
  for (int round = 0; round < (SLOW_BUILD ? 5 : 30); round++) {
    enum { POOLS = 6 };
    gcam_scheduler *s[POOLS];
    for (int k = 0; k < POOLS; k++) s[k] = gcam_scheduler_create(1 + (size_t)k % 4);
    for (int k = 0; k < POOLS; k++) {
      nest n = {.s = s[k]};
      if (k != round % POOLS) run_nested(&n); /* one is freed as it was made */
      check(all_hit(&n, k != round % POOLS), "many pools", k);
    }
    for (int k = 0; k < POOLS; k++) gcam_scheduler_free(s[k]);
  }
}

/* Short loops behind each other, with and without time between them for the workers to fall asleep:
 * what one loop writes plainly the next reads plainly. */
enum { CELLS = 64 };

static void add_neighbour(const void *p, size_t thread, size_t i) {
  (void)thread;
  uint32_t *const *cells = p;
  cells[1][i] = cells[0][i] + cells[0][(i + 1) % CELLS];
}

static void check_stress(void) {
  static uint32_t cells[2][CELLS], plain[2][CELLS];
  for (size_t threads = 2; threads <= 4; threads++) {
    gcam_scheduler *s = gcam_scheduler_create(threads);
    for (int i = 0; i < CELLS; i++) cells[0][i] = plain[0][i] = (uint32_t)i;
    for (int round = 0; round < (SLOW_BUILD ? 3000 : 20000); round++) {
      uint32_t *way[2] = {cells[round % 2], cells[1 - round % 2]};
      uint32_t *same[2] = {plain[round % 2], plain[1 - round % 2]};
      gcam_scheduler_run(s, CELLS, add_neighbour, way);
      for (size_t i = 0; i < CELLS; i++) add_neighbour(same, 0, i);
      if (round % 100 == 99) usleep(300);
    }
    check(!memcmp(cells, plain, sizeof cells), "loops behind each other", (int)threads);
    gcam_scheduler_free(s);
  }
}

/* ---- Workers that are late --------------------------------------------------------------------
 */

static atomic_int waiting_outside;
static atomic_bool held;

/* A worker without a core: it has seen its gate open, and gets no further. */
static void hold(size_t thread) {
  (void)thread;
  atomic_fetch_add(&waiting_outside, 1);
  while (held) sched_yield();
  atomic_fetch_sub(&waiting_outside, 1);
}

typedef struct tally {
  atomic_size_t by[THREADS];
} tally;

static void count_thread(const void *p, size_t thread, size_t i) {
  (void)i;
  atomic_fetch_add(&(*(tally *const *)p)->by[thread], 1);
}

static void check_absent_worker(void) {
  held = true;
  gcam_scheduler_set_hooks((gcam_scheduler_hooks){.entering = hold});
  gcam_scheduler *s = gcam_scheduler_create(3);
  gcam_scheduler_set_hooks((gcam_scheduler_hooks){0});
  tally t = {{0}}, *p = &t;
  size_t loops = 0;
  /* Were one of them waited for, this would never end. */
  while (loops < 2000 || waiting_outside < 2) {
    gcam_scheduler_run(s, 10, count_thread, &p);
    loops++;
    if (loops >= 2000) sched_yield();
  }
  check(t.by[0] == 10 * loops && !t.by[1] && !t.by[2], "workers outside hold nobody up", 0);
  held = false;
  for (loops = 0; !(t.by[1] && t.by[2]); loops++) {
    gcam_scheduler_run(s, 10, count_thread, &p);
    sched_yield();
  }
  check(true, "and take part when they come", (int)loops);
  gcam_scheduler_free(s);
}

static _Atomic double test_clock;
static atomic_int clock_reads;
static double read_test_clock(void) {
  atomic_fetch_add(&clock_reads, 1);
  return test_clock;
}

typedef struct trial {
  size_t late;    /* the worker that loses its core; 0: none */
  double late_by; /* ms */
  atomic_bool in[THREADS];
  tally tally;
} trial;

/* The caller's tasks take a millisecond each, and it does not begin before the workers expected are
 * inside; a late one then ends last of all. */
static void timed_task(const void *p, size_t thread, size_t i) {
  (void)i;
  trial *t = *(trial *const *)p;
  atomic_fetch_add(&t->tally.by[thread], 1);
  if (thread) {
    atomic_store(&t->in[thread], true);
    if (thread == t->late) {
      while (clock_reads < 2) sched_yield(); /* the caller has nothing left, and waits */
      test_clock = test_clock + t->late_by;
    }
    return;
  }
  while (t->late && !t->in[t->late]) sched_yield();
  test_clock = test_clock + 1;
}

static atomic_int waits, patient_waits;
static void count_wait(size_t thread, bool patient) {
  (void)thread;
  if (patient) atomic_fetch_add(&patient_waits, 1);
  atomic_fetch_add(&waits, 1);
}

/* A worker that is late by so many ms stays out for `rest` ms, and comes back. It
 * then sleeps as soon as there is nothing to do, until it has saved 100 ms. */
static void check_account(double late_by, double rest) {
  test_clock = 0;
  clock_reads = 0;
  waits = patient_waits = 0;
  gcam_scheduler_set_hooks((gcam_scheduler_hooks){.now = read_test_clock, .waiting = count_wait});
  gcam_scheduler *s = gcam_scheduler_create(2);
  gcam_scheduler_set_hooks((gcam_scheduler_hooks){0});
  trial first = {.late = 1, .late_by = late_by}, *of = &first;
  gcam_scheduler_run(s, 10, timed_task, &of);
  check(first.tally.by[1] == 1 && first.tally.by[0] == 9, "a late worker", (int)late_by);
  while (waits < 2) sched_yield();
  int patient = patient_waits;
  check(patient >= 1, "which looked for work before", patient);
  double out = test_clock;
  tally t = {{0}}, *p = &t;
  for (int k = 0; k < 1000; k++) {
    test_clock = out + rest * k / 1001;
    gcam_scheduler_run(s, 10, count_thread, &p);
    if (k % 100 == 0) usleep(100);
  }
  check(t.by[0] == 10000 && !t.by[1], "stays out", (int)late_by);
  test_clock = out + rest + 0.001;
  while (!t.by[1]) {
    gcam_scheduler_run(s, 10, count_thread, &p);
    sched_yield();
  }
  check(true, "and comes back", (int)late_by);
  for (trial next = {0}, *it = &next; patient_waits == patient;) {
    gcam_scheduler_run(s, 10, timed_task, &it);
    sched_yield();
    if (patient_waits != patient)
      check(next.tally.by[1] >= 100, "and looks for work again", next.tally.by[1]);
  }
  gcam_scheduler_free(s);
}

/* Of ten tasks it runs one: it saves a millisecond, and is then waited for. */
static void check_accounts(void) {
  check_account(41, 16 * 40);
  check_account(3600e3, 2000); /* a laptop that was shut */
}

/* ---- Memory -----------------------------------------------------------------------------------
 */

static void check_memory(void) {
  gcam_memory_fail_at(1);
  check(!pthreadpool_create(4), "no memory", 0);
  check(!pthreadpool_create(SIZE_MAX / 64), "too many threads to count", 0);
  pthreadpool_destroy(NULL);
  pthreadpool_t none = pthreadpool_create(0);
  check(pthreadpool_get_threads_count(none) == 1, "at least the caller", 0);
  pthreadpool_destroy(none);
}

int main(void) {
  alarm(120); /* a thread that is waited for and never comes */
  check_shapes();
  check_nesting();
  check_many();
  check_stress();
  check_absent_worker();
  check_accounts();
  check_memory();
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
