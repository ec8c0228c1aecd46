/* scheduler.h: threads that share a loop and never make it slower for long. XNNPACK and pool.h
 * reach them by pthreadpool's interface (pthreadpool.c), which has a task for each shape of loop.
 *
 * Each worker has a gate. The caller opens the gates, takes indices as everybody does, closes the
 * gates when none is left, and waits for the workers that are inside alone: one that the system
 * gives no core to costs nothing. One that loses its core inside does cost; so each worker has an
 * account, in milliseconds, of what it saved and how long it was waited for, and one in debt stays
 * out for 16 times what it owes, two seconds at most. Then it sleeps between two loops instead of
 * looking for the next, until it has saved 100 ms. */
#ifndef GCAM_BASE_SCHEDULER_H
#define GCAM_BASE_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct gcam_scheduler gcam_scheduler;

/* With the caller's thread `threads` in all, or as many as the system gives. NULL: out of memory.
 */
gcam_scheduler *gcam_scheduler_create(size_t threads);
/* NULL is accepted. Nothing may be running. */
void gcam_scheduler_free(gcam_scheduler *s);
/* The caller's included; 1 where s is NULL. */
size_t gcam_scheduler_threads(const gcam_scheduler *s);

/* Runs task(context, thread, i) once for each i in [0, n), in any order, and returns when all are
 * done. No two tasks of one call run at once with the same thread, 0 <= thread < threads; the
 * caller is 0. A call from within a task, or from another thread meanwhile, runs on its own thread
 * alone. s may be NULL. */
void gcam_scheduler_run(gcam_scheduler *s, size_t n,
                        void (*task)(const void *context, size_t thread, size_t i),
                        const void *context);

/* ---- For tests ------------------------------------------------------------------------------- */

typedef struct gcam_scheduler_hooks {
  double (*now)(void);             /* the clock, in ms; NULL: the system's */
  void (*entering)(size_t thread); /* a worker that has seen its gate open, before it goes in */
  /* A worker that has nothing to do: does it look for work for a while, before it sleeps? */
  void (*waiting)(size_t thread, bool patient);
} gcam_scheduler_hooks;

/* Of schedulers made from now on. */
void gcam_scheduler_set_hooks(gcam_scheduler_hooks hooks);

#endif
