/* max_pool.c: MaxPool, any window. Forward runs over all channels of a pixel at once; backward
 * finds the winning tap of each window once and serves all B targets with it. */
#include <string.h>

#include "kernels/kernel.h"
#include "ops/pooling.h"

enum {
  CHANNELS = 64, /* a block of channels whose winners fit in registers and L1 */
  PARTS = 16
};

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
  const float *x = task->a->in[0] + n * x_size + c0;
  const float *gate = task->a->gate;
  float best[CHANNELS];
  int32_t winner[CHANNELS]; /* the number of the tap */
  for (int64_t oy = first; oy < end; oy++)
    for (int64_t ox = 0; ox < wx->out; ox++) {
      int64_t t0, t1, s0, s1;
      gcam_window_taps(wy, oy, &t0, &t1);
      gcam_window_taps(wx, ox, &s0, &s1);
      int32_t tap = 0;
      for (int64_t t = t0; t < t1; t++)
        for (int64_t s = s0; s < s1; s++, tap++) {
          const float *v =
              x + (gcam_window_at(wy, oy, t) * wx->in + gcam_window_at(wx, ox, s)) * p->C;
          if (tap == 0) {
            memcpy(best, v, (size_t)nc * sizeof *best);
            memset(winner, 0, sizeof winner);
            continue;
          }
          for (int64_t c = 0; c < nc; c++) {
            bool better = v[c] > best[c] || v[c] != v[c];
            best[c] = better ? v[c] : best[c];
            winner[c] = better ? tap : winner[c];
          }
        }
      if (gate)
        for (int64_t c = 0; c < nc; c++)
          if (best[c] <= gate[0] || best[c] >= gate[1]) winner[c] = -1;
      for (int b = 0; b < task->a->B; b++) {
        int64_t picture = b * p->N + n;
        const float *restrict dy =
            task->a->dout[0] + picture * y_size + (oy * wx->out + ox) * p->C + c0;
        tap = 0;
        for (int64_t t = t0; t < t1; t++)
          for (int64_t s = s0; s < s1; s++, tap++) {
            float *restrict dx =
                task->a->din[0] + picture * x_size + c0 +
                (gcam_window_at(wy, oy, t) * wx->in + gcam_window_at(wx, ox, s)) * p->C;
            if (task->store)
              for (int64_t c = 0; c < nc; c++) dx[c] = winner[c] == tap ? dy[c] : 0;
            else
              for (int64_t c = 0; c < nc; c++) dx[c] += winner[c] == tap ? dy[c] : 0;
          }
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
