/* transpose.c: axes in another order, and DepthToSpace and SpaceToDepth, which are that too: blocks
 * of 4 x 4 turned in registers, two axes' interleaving (a channel shuffle) by pairs, whole runs
 * copied; spread over threads. What it means: ops/transpose.h. */
#include "ops/transpose.h"

#include "kernels/kernel.h"
#include "kernels/simd.h"

/* The loops, once each. */
#define NOINLINE __attribute__((noinline))

enum { CHUNK = 16384, COLUMNS = 64 }; /* numbers a task; of the rows that a piece turns at once */

/* y is written in order of its axes, of which the last, of `inner` elements `hop` apart in x, is
 * turned against the one that lies together in x: `columns` elements, `row` apart in y. Each piece
 * is COLUMNS of these by all of the last axis, for one element of each of the other axes. */
typedef struct walk {
  const float *from;
  float *to;      /* x, where back */
  bool back, add; /* from y to x; what is there stays */
  int axes;       /* the others */
  int64_t dim[GCAM_MAX_RANK], x_step[GCAM_MAX_RANK], y_step[GCAM_MAX_RANK];
  int64_t inner, hop, columns, row, blocks;
  int64_t pieces, each; /* of all; a task's */
} walk;

static walk walk_of(const gcam_permutation *p) {
  int64_t dim[GCAM_MAX_RANK], step[GCAM_MAX_RANK], y_step = 1;
  int last = gcam_permute_axes(&p->from, p->perm, dim, step) - 1;
  walk w = {.inner = dim[last], .hop = step[last], .columns = 1, .pieces = 1};
  for (int i = last; i >= 0; y_step *= dim[i--]) {
    if (i == last) continue;
    if (step[i] == 1) {
      w.columns = dim[i];
      w.row = y_step;
      continue;
    }
    w.dim[w.axes] = dim[i];
    w.x_step[w.axes] = step[i];
    w.y_step[w.axes++] = y_step;
    w.pieces *= dim[i];
  }
  w.blocks = (w.columns + COLUMNS - 1) / COLUMNS;
  w.pieces *= w.blocks;
  int64_t size = w.inner * (w.columns < COLUMNS ? w.columns : COLUMNS);
  w.each = size < CHUNK ? CHUNK / (size ? size : 1) : 1;
  return w;
}

static inline __attribute__((always_inline)) void put(const walk *w, float *to, gcam_f4 v) {
  if (w->add) v += gcam_f4_load(to);
  gcam_f4_store(to, v);
}

static NOINLINE void copy(const walk *w, const float *from, float *to, int64_t n) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) put(w, to + i, gcam_f4_load(from + i));
  if (i == n) return;
  gcam_f4 rest = gcam_f4_load_part(from + i, n - i, 0);
  if (w->add) rest += gcam_f4_load_part(to + i, n - i, 0);
  gcam_f4_store_part(to + i, n - i, rest);
}

/* Two rows of n that lie apart, and one of pairs. */
static NOINLINE void pairs(const walk *w, int64_t x, int64_t y, int64_t n) {
  int64_t i = 0, hop = w->hop;
  for (; i + 4 <= n; i += 4)
    if (w->back) {
      gcam_f4 a = gcam_f4_load(w->from + y + 2 * i), b = gcam_f4_load(w->from + y + 2 * i + 4);
      put(w, w->to + x + i, __builtin_shufflevector(a, b, 0, 2, 4, 6));
      put(w, w->to + x + hop + i, __builtin_shufflevector(a, b, 1, 3, 5, 7));
    } else {
      gcam_f4 a = gcam_f4_load(w->from + x + i), b = gcam_f4_load(w->from + x + hop + i);
      put(w, w->to + y + 2 * i, __builtin_shufflevector(a, b, 0, 4, 1, 5));
      put(w, w->to + y + 2 * i + 4, __builtin_shufflevector(a, b, 2, 6, 3, 7));
    }
  for (; i < n; i++)
    for (int64_t k = 0; k < 2; k++) {
      int64_t from = w->back ? y + 2 * i + k : x + k * hop + i;
      int64_t to = w->back ? x + k * hop + i : y + 2 * i + k;
      w->to[to] = w->from[from] + (w->add ? w->to[to] : 0);
    }
}

/* to[i * to_step + k] = from[k * from_step + i], i < n, k < m */
static NOINLINE void turn(const walk *w, const float *from, int64_t from_step, float *to,
                          int64_t to_step, int64_t n, int64_t m) {
  for (int64_t i = 0; i < n; i += 4)
    for (int64_t k = 0; k < m; k += 4) {
      const float *f = from + k * from_step + i;
      float *t = to + i * to_step + k;
      if (i + 4 <= n && k + 4 <= m) {
        gcam_f4 r[4] = {gcam_f4_load(f), gcam_f4_load(f + from_step),
                        gcam_f4_load(f + 2 * from_step), gcam_f4_load(f + 3 * from_step)};
        gcam_f4_transpose(r);
        put(w, t, r[0]), put(w, t + to_step, r[1]);
        put(w, t + 2 * to_step, r[2]), put(w, t + 3 * to_step, r[3]);
        continue;
      }
      for (int64_t a = 0; a < 4 && i + a < n; a++)
        for (int64_t b = 0; b < 4 && k + b < m; b++)
          t[a * to_step + b] = f[b * from_step + a] + (w->add ? t[a * to_step + b] : 0);
    }
}

static void task(void *context, size_t index) {
  const walk *w = context;
  int64_t piece = (int64_t)index * w->each, end = piece + w->each, at[GCAM_MAX_RANK], rest;
  if (end > w->pieces) end = w->pieces;
  int64_t block = piece % w->blocks, x = 0, y = 0;
  rest = piece / w->blocks;
  for (int i = 0; i < w->axes; i++) {
    at[i] = rest % w->dim[i];
    rest /= w->dim[i];
    x += at[i] * w->x_step[i];
    y += at[i] * w->y_step[i];
  }
  for (; piece < end; piece++) {
    int64_t first = block * COLUMNS,
            n = w->columns - first < COLUMNS ? w->columns - first : COLUMNS;
    int64_t from_x = x + first, to_y = y + first * w->row;
    if (w->hop == 1)
      copy(w, w->from + (w->back ? y : x), w->to + (w->back ? x : y), w->inner);
    else if (w->inner == 2 && w->row == 2)
      pairs(w, from_x, to_y, n);
    else if (w->back)
      turn(w, w->from + to_y, w->row, w->to + from_x, w->hop, w->inner, n);
    else
      turn(w, w->from + from_x, w->hop, w->to + to_y, w->row, n, w->inner);
    if (++block < w->blocks) continue;
    block = 0;
    for (int i = 0; i < w->axes; i++) {
      x += w->x_step[i];
      y += w->y_step[i];
      if (++at[i] < w->dim[i]) break;
      x -= w->x_step[i] * w->dim[i];
      y -= w->y_step[i] * w->dim[i];
      at[i] = 0;
    }
  }
}

static void run(walk *w, const gcam_threads *pool) {
  gcam_parallel(pool, (size_t)((w->pieces + w->each - 1) / w->each), task, w);
}

static void forward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_permutation *p = a->node->params;
  walk w = walk_of(p);
  w.from = a->in[0];
  w.to = a->out[0];
  if (gcam_numel(&p->from)) run(&w, pool);
}

static void backward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_permutation *p = a->node->params;
  int64_t n = gcam_numel(&p->from);
  if (!a->dout[0] || !a->din[0] || !n) return;
  walk w = walk_of(p);
  w.back = true;
  w.add = !a->overwrite;
  for (int b = 0; b < a->B; b++) {
    w.from = a->dout[0] + b * n;
    w.to = a->din[0] + b * n;
    run(&w, pool);
  }
}

/* What stays in order is copied as it is; where it is a view nobody asks. */
static bool moves(const gcam_graph *graph, const gcam_node *node) {
  (void)graph;
  return !((const gcam_permutation *)node->params)->in_order;
}

const gcam_twin gcam_twin_transpose = {&gcam_op_transpose, moves, forward, backward,
                                       .overwrites = true};
const gcam_twin gcam_twin_depth_to_space = {&gcam_op_depth_to_space, moves, forward, backward,
                                            .overwrites = true};
const gcam_twin gcam_twin_space_to_depth = {&gcam_op_space_to_depth, moves, forward, backward,
                                            .overwrites = true};
