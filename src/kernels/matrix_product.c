/* matrix_product.c: see the header.
 *
 * A task makes a block of c, at most ROWS_A_TASK x COLUMNS_A_TASK. For DEPTH of the sum's terms at
 * a time it packs its columns of b in groups of eight, [group][DEPTH][8], which then lie in the
 * caches, in the order in which they are read; a is read where it is, transposed or not. Nothing is
 * kept from run to run: packing costs one step in ROWS_A_TASK, and weights are there once. */
#include "kernels/matrix_product.h"

#include "kernels/simd.h"
#include "ops/weight.h"

enum {
  ROWS = 4, /* of a register tile, 4 x 8 floats: with more, V8 spills */
  COLUMNS = 8,
  DEPTH = 192,
  ROWS_AT_ONCE = 32, /* whose piece of a stays in the first cache while all of b's groups pass */
  ROWS_A_TASK = 256,
  COLUMNS_A_TASK = 128,
  TASKS_A_THREAD = 4,
  SMALL = 1 << 17 /* multiplications below which a thread's wake-up costs more than it saves */
};

#define ALWAYS_INLINE __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

typedef struct job {
  const gcam_products *p;
  int64_t row_blocks, column_blocks, rows, columns; /* the latter two: of a block */
  int64_t first;                                    /* product */
} job;

/* ---- Packing --------------------------------------------------------------------------------- */

/* Numbers [from, from + n) of row `line` of b as it is stored. */
static const float *line_of(const gcam_products *p, const float *b, int64_t line, int64_t from,
                            int64_t n, float *buffer) {
  int64_t at = line * (p->b.column == 1 ? p->b.row : p->b.column) + from;
  if (!p->weights) return b + at;
  const gcam_weight *w = p->weights->weight;
  if (w->dtype == GCAM_F32 && !w->scale && (uintptr_t)w->data % _Alignof(float) == 0)
    return (const float *)w->data + at;
  gcam_weight_read(w, &p->weights->shape, at, n, buffer);
  return buffer;
}

/* to[group][depth][8]: columns [j, j + columns) of rows [k, k + depth). What is behind the last
 * column makes sums that nobody stores. */
static void pack_rows(const gcam_products *p, const float *b, int64_t j, int64_t columns, int64_t k,
                      int64_t depth, float *to) {
  float buffer[COLUMNS_A_TASK];
  for (int64_t i = 0; i < depth; i++) {
    const float *from = line_of(p, b, k + i, j, columns, buffer);
    float *u = to + i * COLUMNS;
    if (columns % COLUMNS == 0) { /* nearly always */
      for (int64_t n = 0; n < columns; n += COLUMNS, u += COLUMNS * depth) {
        gcam_f4 v0 = gcam_f4_load(from + n), v1 = gcam_f4_load(from + n + 4);
        gcam_f4_store(u, v0);
        gcam_f4_store(u + 4, v1);
      }
      continue;
    }
    for (int64_t n = 0; n < columns; n += 4)
      gcam_f4_store(to + n / COLUMNS * COLUMNS * depth + i * COLUMNS + n % COLUMNS,
                    gcam_f4_load_part(from + n, columns - n, 0));
  }
}

/* The same where columns are stored one after the other. */
static void pack_columns(const gcam_products *p, const float *b, int64_t j, int64_t columns,
                         int64_t k, int64_t depth, float *to) {
  static const float zeros[DEPTH];
  float buffer[4][DEPTH];
  for (int64_t n = 0; n < columns; n += 4) {
    const float *from[4];
    float *u = to + n / COLUMNS * COLUMNS * depth + n % COLUMNS;
    for (int q = 0; q < 4; q++)
      from[q] = n + q < columns ? line_of(p, b, j + n + q, k, depth, buffer[q]) : zeros;
    for (int64_t i = 0; i < depth; i += 4) {
      gcam_f4 v[4];
      for (int q = 0; q < 4; q++) v[q] = gcam_f4_load_part(from[q] + i, depth - i, 0);
      gcam_f4_transpose(v);
      for (int q = 0; q < 4 && i + q < depth; q++) gcam_f4_store(u + (i + q) * COLUMNS, v[q]);
    }
  }
}

/* ---- Multiplying ----------------------------------------------------------------------------- */

/* What a strip's sums begin with, and where they go: rows of eight, so far apart. A step of 0:
 * every row begins with the same. */
typedef struct target {
  const float *from;
  int64_t from_step;
  float *c;
  int64_t c_step;
} target;

/* c[rows][8] = from[rows][8] + a[rows][depth] b[depth][8]; rows and down are constants after
 * inlining. down: a's columns lie together. */
static inline ALWAYS_INLINE void tile(const gcam_products *p, int rows, bool down, int64_t depth,
                                      const float *a, const float *b, const target *to) {
  gcam_f4 s[ROWS + 1][2];
  const float *x[ROWS + 1];
  for (int r = 0; r < rows; r++) {
    s[r][0] = gcam_f4_load(to->from + r * to->from_step);
    s[r][1] = gcam_f4_load(to->from + r * to->from_step + 4);
    x[r] = a + r * (down ? 1 : p->a.row);
  }
  /* One index for all rows, and as wide as a pointer: four of 64 bits are more instructions than
   * the products (winograd.c has the same). */
  const size_t step = down ? (size_t)p->a.column : 1, end = (size_t)depth * step;
  for (size_t k = 0; k < end; k += step, b += COLUMNS) {
    gcam_f4 u0 = gcam_f4_load(b), u1 = gcam_f4_load(b + 4);
    for (int r = 0; r < rows; r++) {
      gcam_f4 v = gcam_f4_splat(x[r][k]);
      s[r][0] = gcam_f4_madd(v, u0, s[r][0]);
      s[r][1] = gcam_f4_madd(v, u1, s[r][1]);
    }
  }
  for (int r = 0; r < rows; r++) {
    gcam_f4_store(to->c + r * to->c_step, s[r][0]);
    gcam_f4_store(to->c + r * to->c_step + 4, s[r][1]);
  }
}

/* One row left over takes as long as four: the last five go together. */
static inline ALWAYS_INLINE void strip_of(const gcam_products *p, bool down, int64_t rows,
                                          int64_t depth, const float *a, const float *b,
                                          target to) {
  for (int64_t done; rows > 0; rows -= done, a += done * (down ? 1 : p->a.row)) {
    done = rows < ROWS ? 1 : rows == ROWS + 1 && !down ? rows : ROWS;
    if (done == ROWS)
      tile(p, ROWS, down, depth, a, b, &to);
    else if (done == 1)
      tile(p, 1, down, depth, a, b, &to);
    else
      tile(p, ROWS + 1, false, depth, a, b, &to);
    to.from += done * to.from_step;
    to.c += done * to.c_step;
  }
}

/* A function of its own for each: in one large one V8 runs out of registers. */
static NOINLINE void strip(const gcam_products *p, int64_t rows, int64_t depth, const float *a,
                           const float *b, const target *to) {
  strip_of(p, false, rows, depth, a, b, *to);
}

static NOINLINE void strip_down(const gcam_products *p, int64_t rows, int64_t depth, const float *a,
                                const float *b, const target *to) {
  strip_of(p, true, rows, depth, a, b, *to);
}

/* Through a buffer of whole rows: where columns are missing at the end, or what is in c and a bias
 * are both to be added. */
static NOINLINE void strip_apart(const gcam_products *p, int64_t rows, int64_t depth,
                                 const float *a, const float *b, int64_t columns, const float *bias,
                                 bool add, float *c) {
  float sums[ROWS_AT_ONCE + 1][COLUMNS];
  for (int64_t r = 0; r < rows; r++)
    for (int64_t n = 0; n < COLUMNS; n++)
      sums[r][n] = n < columns ? (bias ? bias[n] : 0) + (add ? c[r * p->N + n] : 0) : 0;
  target to = {sums[0], COLUMNS, sums[0], COLUMNS};
  (p->a.column == 1 ? strip : strip_down)(p, rows, depth, a, b, &to);
  for (int64_t r = 0; r < rows; r++) memcpy(c + r * p->N, sums[r], (size_t)columns * sizeof(float));
}

static void block_task(void *context, size_t index) {
  static const float zeros[COLUMNS];
  const job *t = context;
  const gcam_products *p = t->p;
  float packed[DEPTH * COLUMNS_A_TASK];
  int64_t i = (int64_t)index, j = i % t->column_blocks * t->columns;
  i /= t->column_blocks;
  int64_t row = i % t->row_blocks * t->rows, product = t->first + i / t->row_blocks;
  int64_t rows = p->M - row < t->rows ? p->M - row : t->rows;
  int64_t columns = p->N - j < t->columns ? p->N - j : t->columns;
  const int64_t columns_packed = (columns + COLUMNS - 1) / COLUMNS * COLUMNS;
  const float *a = p->a.at + row * p->a.row, *b = p->b.at;
  float *c = p->c + row * p->N + j;
  for (int axis = p->axes; axis-- > 0; product /= p->size[axis]) {
    int64_t at = product % p->size[axis];
    a += at * p->a_step[axis];
    if (b) b += at * p->b_step[axis];
    c += at * p->c_step[axis];
  }
  for (int64_t k = 0; k < p->K || !k; k += DEPTH) {
    int64_t depth = p->K - k < DEPTH ? p->K - k : DEPTH;
    (p->b.column == 1 ? pack_rows : pack_columns)(p, b, j, columns, k, depth, packed);
    if (p->alpha != 1)
      for (int64_t n = 0; n < depth * columns_packed; n++) packed[n] *= p->alpha;
    for (int64_t r = 0, few; r < rows; r += few) {
      few = rows - r <= ROWS_AT_ONCE + 1 ? rows - r : ROWS_AT_ONCE;
      const float *x = a + r * p->a.row + k * p->a.column;
      for (int64_t n = 0; n < columns; n += COLUMNS) {
        const float *bias = p->bias && !k ? p->bias + j + n : NULL, *u = packed + n * depth;
        const bool add = p->add || k;
        float *y = c + r * p->N + n;
        target to = {add ? y : bias ? bias : zeros, add ? p->N : 0, y, p->N};
        if (columns - n < COLUMNS || (add && bias))
          strip_apart(p, few, depth, x, u, columns - n < COLUMNS ? columns - n : COLUMNS, bias, add,
                      y);
        else
          (p->a.column == 1 ? strip : strip_down)(p, few, depth, x, u, &to);
      }
    }
  }
}

void gcam_products_run(const gcam_products *p, const gcam_threads *pool) {
  int64_t count = 1, blocks = (p->M + ROWS_A_TASK - 1) / ROWS_A_TASK;
  bool shared = false; /* products that add to one matrix take turns */
  for (int axis = 0; axis < p->axes; axis++) {
    count *= p->size[axis];
    shared |= p->size[axis] > 1 && !p->c_step[axis];
  }
  if (!blocks || !p->N || !count) return;
  job j = {.p = p, .columns = COLUMNS_A_TASK};
  j.rows = ((p->M + blocks - 1) / blocks + ROWS - 1) / ROWS * ROWS;
  j.row_blocks = (p->M + j.rows - 1) / j.rows;
  int64_t together = shared ? 1 : count, work = together * p->M * p->N * p->K;
  /* Wide blocks read b in longer pieces; but every thread is to have some. */
  if (together * j.row_blocks * p->N < TASKS_A_THREAD * pool->count * j.columns) j.columns /= 2;
  j.column_blocks = (p->N + j.columns - 1) / j.columns;
  int64_t tasks = together * j.row_blocks * j.column_blocks;
  for (; j.first < (shared ? count : 1); j.first++)
    gcam_parallel(work < SMALL ? NULL : pool, (size_t)tasks, block_task, &j);
}
