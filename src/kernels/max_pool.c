/* max_pool.c: MaxPool, any window. Forward runs over all channels of a pixel at once; backward
 * finds the winning tap of each window once and serves all B targets with it. */
#include <string.h>

#include "kernels/kernel.h"
#include "kernels/simd.h"
#include "kernels/vector_math.h"
#include "ops/pooling.h"

enum {
  VECTORS = 4,   /* of channels whose winners stay in registers */
  CHANNELS = 32, /* of a task: whole cache lines of a pixel */
  PARTS = 16
};
#define ALWAYS_INLINE __attribute__((always_inline))

static bool makes_no_indices(const gcam_graph *graph, const gcam_node *node) {
  (void)graph;
  return node->output_count < 2 || node->outputs[1] < 0;
}

typedef struct pool_task {
  const gcam_pooling_params *p;
  const gcam_args *a;
  int64_t parts; /* backward: of the output's rows */
  bool store;    /* backward: dx is written, not added to */
} pool_task;

/* y = max(x, y); NaN wins, as in the plain loop. */
static void max_into(float *restrict y, const float *restrict x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i];
}

static void forward_row(void *context, size_t index) {
  const pool_task *task = context;
  const gcam_pooling_params *p = task->p;
  const gcam_window_axis *wy = &p->window.y, *wx = &p->window.x;
  int64_t n = (int64_t)index / wy->out, oy = (int64_t)index % wy->out, t0, t1, s0, s1;
  const float *x = task->a->in[0] + n * wy->in * wx->in * p->C;
  float *y = task->a->out[0] + (int64_t)index * wx->out * p->C;
  gcam_window_taps(wy, oy, &t0, &t1);
  for (int64_t ox = 0; ox < wx->out; ox++, y += p->C) {
    gcam_window_taps(wx, ox, &s0, &s1);
    for (int64_t t = t0; t < t1; t++)
      for (int64_t s = s0; s < s1; s++) {
        const float *from =
            x + (gcam_window_at(wy, oy, t) * wx->in + gcam_window_at(wx, ox, s)) * p->C;
        if (t == t0 && s == s0)
          memcpy(y, from, (size_t)p->C * sizeof *y);
        else
          max_into(y, from, p->C);
      }
  }
}

static void forward(const gcam_args *a, const gcam_threads *pool) {
  pool_task task = {a->node->params, a, .parts = 1};
  gcam_parallel(pool, (size_t)(task.p->N * task.p->window.y.out), forward_row, &task);
}

/* Every element is in one window, and in one alone. */
static bool tiled(const gcam_window_axis *w) {
  return w->dilation == 1 && w->kernel == w->stride && !w->pad_begin && w->out * w->stride == w->in;
}

/* The taps of one window that lie inside: how many, and floats from one to the next. */
typedef struct taps {
  int64_t rows, columns, row_step, column_step;
} taps;

/* The winning taps of 4 * vectors channels of one window: their numbers. count: of the channels
 * that there are, where vectors is 1. */
static inline ALWAYS_INLINE void find_winners(int vectors, int64_t count, const taps *w,
                                              const float *x, const float *gate, gcam_i4 *winner) {
  gcam_f4 best[VECTORS];
  gcam_i4 tap = {0, 0, 0, 0};
  for (int i = 0; i < vectors; i++) {
    best[i] = gcam_f4_load_part(x + 4 * i, count, 0);
    winner[i] = tap;
  }
  for (int64_t t = 0; t < w->rows; t++, x += w->row_step) {
    const float *v = x;
    for (int64_t s = 0; s < w->columns; s++, v += w->column_step, tap += 1)
      for (int i = 0; i < vectors; i++) {
        gcam_f4 value = gcam_f4_load_part(v + 4 * i, count, 0);
        gcam_i4 better = (value > best[i]) | (value != value);
        best[i] = gcam_f4_select(better, value, best[i]);
        winner[i] = (tap & better) | (winner[i] & ~better);
      }
  }
  if (!gate) return;
  const gcam_f4 lo = gcam_f4_splat(gate[0]), hi = gcam_f4_splat(gate[1]);
  for (int i = 0; i < vectors; i++) winner[i] |= (best[i] <= lo) | (best[i] >= hi); /* -1: none */
}

/* dx of one window: dy where its tap has won, 0 elsewhere; stored, or added. */
static inline ALWAYS_INLINE void give_winners(int vectors, int64_t count, const taps *w, float *x,
                                              const float *dy, bool store, const gcam_i4 *winner) {
  gcam_i4 tap = {0, 0, 0, 0}, won[VECTORS];
  gcam_f4 d[VECTORS];
  for (int i = 0; i < vectors; i++) {
    d[i] = gcam_f4_load_part(dy + 4 * i, count, 0);
    won[i] = winner[i];
  }
  for (int64_t t = 0; t < w->rows; t++, x += w->row_step) {
    float *v = x;
    for (int64_t s = 0; s < w->columns; s++, v += w->column_step, tap += 1)
      for (int i = 0; i < vectors; i++) {
        gcam_f4 given = (gcam_f4)((gcam_i4)d[i] & (won[i] == tap));
        if (!store) given += gcam_f4_load_part(v + 4 * i, count, 0);
        gcam_f4_store_part(v + 4 * i, count, given);
      }
  }
}

/* One task: a block of channels of one picture, some rows of its output. Windows may overlap in
 * space, never in channels. */
static void backward_block(void *context, size_t index) {
  const pool_task *task = context;
  const gcam_pooling_params *p = task->p;
  const gcam_window_axis *wy = &p->window.y, *wx = &p->window.x;
  int64_t part = (int64_t)index % task->parts;
  int64_t first = part * wy->out / task->parts, end = (part + 1) * wy->out / task->parts;
  index /= (size_t)task->parts;
  int64_t blocks = (p->C + CHANNELS - 1) / CHANNELS, n = (int64_t)index / blocks;
  int64_t c0 = (int64_t)index % blocks * CHANNELS;
  int64_t nc = p->C - c0 < CHANNELS ? p->C - c0 : CHANNELS;
  int64_t x_size = wy->in * wx->in * p->C, y_size = wy->out * wx->out * p->C;
  taps w = {.row_step = wy->dilation * wx->in * p->C, .column_step = wx->dilation * p->C};
  for (int64_t oy = first; oy < end; oy++)
    for (int64_t ox = 0; ox < wx->out; ox++) {
      int64_t t0, t1, s0, s1;
      gcam_window_taps(wy, oy, &t0, &t1);
      gcam_window_taps(wx, ox, &s0, &s1);
      w.rows = t1 - t0, w.columns = s1 - s0;
      if (w.rows <= 0 || w.columns <= 0) continue;
      int64_t at = n * x_size + c0 +
                   (gcam_window_at(wy, oy, t0) * wx->in + gcam_window_at(wx, ox, s0)) * p->C;
      int64_t from = n * y_size + c0 + (oy * wx->out + ox) * p->C;
      for (int64_t c = 0; c < nc;) {
        const bool whole = nc - c >= 4 * VECTORS;
        const float *x = task->a->in[0] + at + c;
        gcam_i4 winner[VECTORS] = {{0}};
        if (whole)
          find_winners(VECTORS, 4, &w, x, task->a->gate, winner);
        else
          find_winners(1, nc - c, &w, x, task->a->gate, winner);
        for (int64_t b = 0; b < task->a->B; b++) {
          float *dx = task->a->din[0] + b * p->N * x_size + at + c;
          const float *dy = task->a->dout[0] + b * p->N * y_size + from + c;
          if (whole)
            give_winners(VECTORS, 4, &w, dx, dy, task->store, winner);
          else
            give_winners(1, nc - c, &w, dx, dy, task->store, winner);
        }
        c += whole ? 4 * VECTORS : 4;
      }
    }
}

static void backward(const gcam_args *a, const gcam_threads *pool) {
  pool_task task = {a->node->params, a, .parts = 1};
  const gcam_window_axis *wy = &task.p->window.y;
  if (!a->dout[0] || !a->din[0]) return;
  const gcam_window_axis *wx = &task.p->window.x;
  task.store = a->overwrite && tiled(wy) && tiled(wx);
  if (a->overwrite && !task.store)
    memset(a->din[0], 0, (size_t)(a->B * task.p->N * wy->in * wx->in * task.p->C) * sizeof(float));
  size_t blocks = (size_t)((task.p->C + CHANNELS - 1) / CHANNELS);
  /* Rows of windows that do not overlap are nobody else's: the largest pictures have one block. */
  if (gcam_window_span(wy) <= wy->stride) task.parts = wy->out < PARTS ? wy->out : PARTS;
  gcam_parallel(pool, (size_t)(task.p->N * task.parts) * blocks, backward_block, &task);
}

const gcam_twin gcam_twin_max_pool = {&gcam_op_max_pool,    makes_no_indices,   forward,
                                      .backward = backward, .overwrites = true, .gates = true};
