#include "base/scheduler.h"

#include <math.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

#ifdef __EMSCRIPTEN__
#include <emscripten/threading.h>
#else
#include <time.h>
#endif
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* How long a thread looks for work before it sleeps. A neighbouring layer's loop comes within some
 * tens of microseconds, and a sleeper needs about as long to be awake again; WebAssembly has no
 * pause, and its futex calls go by JavaScript: there it is worth a fifth of a millisecond. (An idle
 * machine alone would have it a millisecond; one that wants the core for another, none.) */
#ifdef __EMSCRIPTEN__
enum { SPINS = 200000 };
#else
enum { SPINS = 1000 };
#endif
/* What a worker can have in hand: about the time that systems take a core away for, so that one
 * such moment does not stop a worker that was of use before. */
static const double CREDIT_MS = 4;
/* One in debt rests for so many times what it owes, so that no more than a sixteenth of the time is
 * lost; but no longer than two seconds, for it may owe an hour in which a laptop was shut. */
static const double REST = 16, LONGEST_REST_MS = 2000;
/* What it must save after that before it looks for work again between two loops, and does not sleep
 * at once: where cores are taken, looking costs it the turn that the next loop would have needed,
 * or takes the caller's core. */
static const double DOUBT_MS = 100;

/* What a gate can be. Only a worker sets ASLEEP and INSIDE, and CLOSED behind itself; the rest is
 * the caller's. ASLEEP and AWAITED say that somebody sleeps and must be woken. */
enum { CLOSED, ASLEEP, OPEN, INSIDE, AWAITED, STOP };

/* One for each thread, the caller (0) included. */
typedef struct seat {
  alignas(64) _Atomic uint32_t gate;
  size_t taken; /* indices run since the gate opened; the worker's while it is inside */
  double credit, rests_until;
  double doubt; /* to be saved yet */
  atomic_bool doubted;
  gcam_scheduler *owner;
  size_t number;
  pthread_t thread;
  alignas(64) _Atomic size_t next; /* its share of the range; others go on with it */
  size_t end;
} seat;

struct gcam_scheduler {
  void (*task)(const void *context, size_t thread, size_t i);
  const void *context;
  size_t count;
  atomic_bool running;
  gcam_scheduler_hooks hooks;
  seat seats[];
};

static gcam_scheduler_hooks next_hooks;

/* ---- The system ------------------------------------------------------------------------------ */

static double system_now(void) {
#ifdef __EMSCRIPTEN__
  return emscripten_get_now();
#else
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
#endif
}

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Sleeps while the gate is `value`; may wake for nothing. */
#ifdef __EMSCRIPTEN__
static void sleep_while(_Atomic uint32_t *gate, uint32_t value) {
  emscripten_futex_wait(gate, value, INFINITY);
}
static void wake(_Atomic uint32_t *gate) { emscripten_futex_wake(gate, 1); }
#elif defined(__linux__)
static void sleep_while(_Atomic uint32_t *gate, uint32_t value) {
  syscall(SYS_futex, gate, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void wake(_Atomic uint32_t *gate) {
  syscall(SYS_futex, gate, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
#else
static pthread_mutex_t sleepers = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static void sleep_while(_Atomic uint32_t *gate, uint32_t value) {
  pthread_mutex_lock(&sleepers);
  if (atomic_load(gate) == value) pthread_cond_wait(&woken, &sleepers);
  pthread_mutex_unlock(&sleepers);
}
static void wake(_Atomic uint32_t *gate) {
  (void)gate;
  pthread_mutex_lock(&sleepers);
  pthread_cond_broadcast(&woken);
  pthread_mutex_unlock(&sleepers);
}
#endif

/* Waits until the gate is something else than `value`, asleep after a while; `asleep` is what the
 * gate then is, for whoever changes it. Returns what it has become. */
static uint32_t wait_while(_Atomic uint32_t *gate, uint32_t value, uint32_t asleep, int spins) {
  uint32_t seen;
  for (int i = 0; i < spins; i++) {
    if ((seen = atomic_load_explicit(gate, memory_order_acquire)) != value) return seen;
    pause_briefly();
  }
  seen = value;
  if (!atomic_compare_exchange_strong(gate, &seen, asleep)) return seen;
  while ((seen = atomic_load_explicit(gate, memory_order_acquire)) == asleep)
    sleep_while(gate, asleep);
  return seen;
}

/* Returns what the gate was. */
static uint32_t set_gate(_Atomic uint32_t *gate, uint32_t value) {
  uint32_t before = atomic_exchange(gate, value);
  if (before == ASLEEP || before == AWAITED) wake(gate);
  return before;
}

/* ---- Work ------------------------------------------------------------------------------------ */

/* Runs what nobody has taken: of its own share first, which is what it had of the layer before,
 * then of the others'. Returns how many. */
static size_t take_part(gcam_scheduler *s, size_t self) {
  size_t taken = 0;
  for (size_t k = 0; k < s->count; k++) {
    seat *from = &s->seats[self + k < s->count ? self + k : self + k - s->count];
    while (atomic_load_explicit(&from->next, memory_order_relaxed) < from->end) {
      size_t i = atomic_fetch_add_explicit(&from->next, 1, memory_order_relaxed);
      if (i >= from->end) break;
      s->task(s->context, self, i);
      taken++;
    }
  }
  return taken;
}

static void *work(void *argument) {
  seat *own = argument;
  gcam_scheduler *s = own->owner;
  for (;;) {
    bool doubted = atomic_load_explicit(&own->doubted, memory_order_relaxed);
    if (s->hooks.waiting) s->hooks.waiting(own->number, !doubted);
    uint32_t gate = wait_while(&own->gate, CLOSED, ASLEEP, doubted ? 0 : SPINS);
    if (gate == STOP) return NULL;
    if (gate != OPEN) continue;
    if (s->hooks.entering) s->hooks.entering(own->number);
    /* The gate may have been closed again, or closed and opened: the present loop is as good. */
    gate = OPEN;
    if (!atomic_compare_exchange_strong(&own->gate, &gate, INSIDE)) continue;
    own->taken = take_part(s, own->number);
    set_gate(&own->gate, CLOSED);
  }
}

/* Opens the gates of those who do not rest, each with its share of n. Returns how many there are.
 */
static size_t open_gates(gcam_scheduler *s, size_t n, double now) {
  size_t present = 1;
  for (size_t t = 1; t < s->count; t++) present += now >= s->seats[t].rests_until;
  if (present == 1) return 1;
  size_t begin = 0, left = n, shares = present;
  for (size_t t = 0; t < s->count; t++) {
    seat *w = &s->seats[t];
    bool comes = !t || now >= w->rests_until;
    size_t length = comes ? left / shares-- : 0;
    atomic_store_explicit(&w->next, begin, memory_order_relaxed);
    w->end = begin += length;
    w->taken = 0;
    left -= length;
  }
  for (size_t t = 1; t < s->count; t++)
    if (now >= s->seats[t].rests_until) set_gate(&s->seats[t].gate, OPEN);
  return present;
}

/* Nobody comes in any more; waits for the worker where it is inside. */
static void close_gate(seat *w) {
  uint32_t gate = OPEN;
  if (!atomic_compare_exchange_strong(&w->gate, &gate, CLOSED) && gate == INSIDE)
    wait_while(&w->gate, INSIDE, AWAITED, SPINS);
}

static void keep_account(seat *w, double saved, double waited, double now) {
  w->credit += saved - waited;
  w->doubt = fmax(0, w->doubt - (saved - waited));
  if (w->credit > CREDIT_MS) w->credit = CREDIT_MS;
  if (w->credit < 0) {
    w->rests_until = now + fmin(REST * -w->credit, LONGEST_REST_MS);
    w->credit = 0;
    w->doubt = DOUBT_MS;
  }
  atomic_store_explicit(&w->doubted, w->doubt > 0, memory_order_relaxed);
}

void gcam_scheduler_run(gcam_scheduler *s, size_t n,
                        void (*task)(const void *context, size_t thread, size_t i),
                        const void *context) {
  if (!s || s->count < 2 || n < 2 || atomic_exchange(&s->running, true)) {
    for (size_t i = 0; i < n; i++) task(context, 0, i);
    return;
  }
  s->task = task;
  s->context = context;
  double start = s->hooks.now();
  if (open_gates(s, n, start) == 1) {
    for (size_t i = 0; i < n; i++) task(context, 0, i);
  } else {
    size_t taken = take_part(s, 0);
    double now = s->hooks.now(), each = taken ? (now - start) / (double)taken : 0;
    for (size_t t = 1; t < s->count; t++) {
      seat *w = &s->seats[t];
      if (start < w->rests_until) continue;
      double before = now;
      close_gate(w);
      now = s->hooks.now();
      if (taken) keep_account(w, (double)w->taken * each, now - before, now);
    }
  }
  atomic_store(&s->running, false);
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

gcam_scheduler *gcam_scheduler_create(size_t threads) {
  if (threads < 1) threads = 1;
  if (threads > (PTRDIFF_MAX - sizeof(gcam_scheduler)) / sizeof(seat)) return NULL;
  gcam_scheduler *s = gcam_alloc_aligned(1, (int64_t)(sizeof *s + threads * sizeof(seat)));
  if (!s) return NULL;
  *s = (gcam_scheduler){.count = threads, .hooks = next_hooks};
  if (!s->hooks.now) s->hooks.now = system_now;
  for (size_t t = 0; t < threads; t++)
    s->seats[t] = (seat){.owner = s, .number = t, .rests_until = -INFINITY};
  /* Nobody waits for them to arrive. They read count while they work alone, behind an open gate. */
  size_t made = 1;
  while (made < threads && !pthread_create(&s->seats[made].thread, NULL, work, &s->seats[made]))
    made++;
  s->count = made;
  return s;
}

void gcam_scheduler_free(gcam_scheduler *s) {
  if (!s) return;
  for (size_t t = 1; t < s->count; t++) set_gate(&s->seats[t].gate, STOP);
  for (size_t t = 1; t < s->count; t++) pthread_join(s->seats[t].thread, NULL);
  gcam_free(s);
}

size_t gcam_scheduler_threads(const gcam_scheduler *s) { return s ? s->count : 1; }

void gcam_scheduler_set_hooks(gcam_scheduler_hooks hooks) { next_hooks = hooks; }
