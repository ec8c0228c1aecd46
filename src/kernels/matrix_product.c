/* matrix_product.c: see the header.
 *
 * A task makes a block of c, at most ROWS_A_TASK x COLUMNS_A_TASK. For a slice of the sum's terms
 * at a time it packs its columns of b in groups of eight, [group][depth][8], and ROWS_AT_ONCE of
 * a's rows for the tiles of tiles.h: both then lie in the caches, in the order in which they are
 * read. Nothing is kept from run to run: packing b costs one step in ROWS_A_TASK, packing a one in
 * COLUMNS_A_TASK, and weights are there once. */
#include "kernels/matrix_product.h"

#include "kernels/simd.h"
#include "kernels/tiles.h"
#include "ops/weight.h"

enum {
  ROWS = GCAM_TILE_ROWS,
  COLUMNS = GCAM_TILE_COLUMNS,
  DEPTH = GCAM_TILE_DEPTH,
  ROWS_AT_ONCE = 36, /* whose piece of a stays in the first cache while all of b's groups pass */
  ROWS_A_TASK = 256,
  COLUMNS_A_TASK = 128,
  TASKS_A_THREAD = 4,
  SMALL = 1 << 17 /* multiplications below which a thread's wake-up costs more than it saves */
};

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

/* to[group][depth][8]: columns [j, j + columns) of rows [k, k + depth). What is behind the
 * last column makes sums that nobody stores. */
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
    for (int q = 0; q < 4; q++)
      from[q] = n + q < columns ? line_of(p, b, j + n + q, k, depth, buffer[q]) : zeros;
    gcam_tile_pack(from, depth, to + n / COLUMNS * COLUMNS * depth + n % COLUMNS);
  }
}

/* to[rows][DEPTH]: numbers [0, depth) of each row of a. */
static void pack_a(const gcam_products *p, const float *a, int64_t rows, int64_t depth, float *to) {
  for (int64_t r = 0; r < rows; r++) gcam_tile_copy(to + r * DEPTH, a + r * p->a.row, depth);
}

/* The same where its columns lie together. */
static void pack_a_down(const gcam_products *p, const float *a, int64_t rows, int64_t depth,
                        float *to) {
  for (int64_t r = 0; r < rows; r += 4)
    for (int64_t i = 0; i < depth; i += 4) {
      gcam_f4 v[4];
      for (int q = 0; q < 4; q++)
        v[q] = i + q < depth ? gcam_f4_load_part(a + (i + q) * p->a.column + r, rows - r, 0)
                             : gcam_f4_splat(0);
      gcam_f4_transpose(v);
      for (int q = 0; q < 4 && r + q < rows; q++) gcam_f4_store(to + (r + q) * DEPTH + i, v[q]);
    }
}

/* ---- Multiplying ----------------------------------------------------------------------------- */

/* Through a buffer of whole rows: where columns are missing at the end, or what is in c and a bias
 * are both to be added. */
static void strip_apart(const gcam_products *p, int64_t rows, int64_t depth, const float *a,
                        const float *b, int64_t columns, const float *bias, bool add, float *c) {
  float sums[ROWS_AT_ONCE][COLUMNS];
  for (int64_t r = 0; r < rows; r++)
    for (int64_t n = 0; n < COLUMNS; n++)
      sums[r][n] = n < columns ? (bias ? bias[n] : 0) + (add ? c[r * p->N + n] : 0) : 0;
  gcam_tiles(rows, depth, a, b, (gcam_tile_target){sums[0], COLUMNS, sums[0], COLUMNS, NULL});
  for (int64_t r = 0; r < rows; r++) memcpy(c + r * p->N, sums[r], (size_t)columns * sizeof(float));
}

static void block_task(void *context, size_t index) {
  static const float zeros[COLUMNS];
  const job *t = context;
  const gcam_products *p = t->p;
  float packed[DEPTH * COLUMNS_A_TASK], rows_packed[ROWS_AT_ONCE * DEPTH];
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
  const int64_t slice = gcam_tile_slice(p->K);
  for (int64_t k = 0; k < p->K || !k; k += slice) {
    const int64_t depth = p->K - k < slice ? p->K - k : slice;
    (p->b.column == 1 ? pack_rows : pack_columns)(p, b, j, columns, k, depth, packed);
    if (p->alpha != 1)
      for (int64_t n = 0; n < depth * columns_packed; n++) packed[n] *= p->alpha;
    for (int64_t r = 0; r < rows; r += ROWS_AT_ONCE) {
      const int64_t few = rows - r < ROWS_AT_ONCE ? rows - r : ROWS_AT_ONCE;
      (p->a.column == 1 ? pack_a : pack_a_down)(p, a + r * p->a.row + k * p->a.column, few, depth,
                                                rows_packed);
      for (int64_t n = 0; n < columns; n += COLUMNS) {
        const float *bias = p->bias && !k ? p->bias + j + n : NULL, *u = packed + n * depth;
        const bool add = p->add || k;
        float *y = c + r * p->N + n;
        if (columns - n < COLUMNS || (add && bias))
          strip_apart(p, few, depth, rows_packed, u, columns - n < COLUMNS ? columns - n : COLUMNS,
                      bias, add, y);
        else
          gcam_tiles(few, depth, rows_packed, u,
                     (gcam_tile_target){add    ? y
                                        : bias ? bias
                                               : zeros,
                                        add ? p->N : 0, y, p->N, NULL});
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
