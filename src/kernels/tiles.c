/* tiles.c: see the header.
 *
 * Measured in the V8 of Node 20 and of Node 26, packed numbers in the first cache: six rows come to
 * 1.12 and 1.2 times the rate of four, which wait for the latency of their eight sums. Steps
 * unrolled by hand are slower in both: V8 loads for all of them first and runs out of registers. */
#include "kernels/tiles.h"

#include <stddef.h>

#include "kernels/simd.h"

#define ALWAYS_INLINE __attribute__((always_inline))

enum { ROWS = GCAM_TILE_ROWS, COLUMNS = GCAM_TILE_COLUMNS, DEPTH = GCAM_TILE_DEPTH };

void gcam_tile_copy(float *to, const float *from, int64_t count) {
  size_t n = (size_t)count;
  for (; n >= 16; n -= 16, to += 16, from += 16) {
    gcam_f4 v[4];
    for (int i = 0; i < 4; i++) v[i] = gcam_f4_load(from + 4 * i);
    for (int i = 0; i < 4; i++) gcam_f4_store(to + 4 * i, v[i]);
  }
  for (; n >= 4; n -= 4, to += 4, from += 4) gcam_f4_store(to, gcam_f4_load(from));
  for (; n; n--) *to++ = *from++;
}

void gcam_tile_pack(const float *const from[4], int64_t depth, float *to) {
  for (int64_t i = 0; i < depth; i += 4) {
    gcam_f4 v[4];
    for (int q = 0; q < 4; q++) v[q] = gcam_f4_load_part(from[q] + i, depth - i, 0);
    gcam_f4_transpose(v);
    for (int q = 0; q < 4 && i + q < depth; q++) gcam_f4_store(to + (i + q) * COLUMNS, v[q]);
  }
}

/* `count` tiles one below the other; `rows` is a constant after inlining. */
static inline ALWAYS_INLINE void tiles_of(int rows, int64_t count, int64_t depth, const float *a,
                                          const float *b, gcam_tile_target *t) {
  const float *from = t->from, *limits = t->limits;
  float *to = t->to;
  const size_t from_step = (size_t)t->from_step, to_step = (size_t)t->to_step;
  const float *const end = b + depth * COLUMNS;
  for (size_t n = (size_t)count; n; n--, a += rows * DEPTH) {
    gcam_f4 s[ROWS][2];
    for (int r = 0; r < rows; r++) {
      s[r][0] = gcam_f4_load(from + r * from_step);
      s[r][1] = gcam_f4_load(from + r * from_step + 4);
    }
    const float *x = a;
    for (const float *u = b; u != end; u += COLUMNS, x++) {
      gcam_f4 u0 = gcam_f4_load(u), u1 = gcam_f4_load(u + 4);
      for (int r = 0; r < rows; r++) {
        gcam_f4 v = gcam_f4_splat(x[r * DEPTH]);
        s[r][0] = gcam_f4_madd(v, u0, s[r][0]);
        s[r][1] = gcam_f4_madd(v, u1, s[r][1]);
      }
    }
    if (limits) {
      const gcam_f4 lo = gcam_f4_splat(limits[0]), hi = gcam_f4_splat(limits[1]);
      for (int r = 0; r < rows; r++)
        for (int h = 0; h < 2; h++) s[r][h] = gcam_f4_clamp(s[r][h], lo, hi);
    }
    for (int r = 0; r < rows; r++) {
      gcam_f4_store(to + r * to_step, s[r][0]);
      gcam_f4_store(to + r * to_step + 4, s[r][1]);
    }
    from += rows * from_step;
    to += rows * to_step;
  }
  t->from = from;
  t->to = to;
}

#define TILES(rows)                                                                      \
  static void tiles_##rows(int64_t count, int64_t depth, const float *a, const float *b, \
                           gcam_tile_target *t) {                                        \
    tiles_of(rows, count, depth, a, b, t);                                               \
  }
TILES(1)
TILES(2)
TILES(3)
TILES(4)
TILES(5)
TILES(6)

/* Through a table: no tool then makes one large function of them, in which V8 spills. */
static void (*const tiles[ROWS + 1])(int64_t count, int64_t depth, const float *a, const float *b,
                                     gcam_tile_target *t) = {NULL,    tiles_1, tiles_2, tiles_3,
                                                             tiles_4, tiles_5, tiles_6};

/* As many of six rows as there are; but one or two rows alone take as long as four. */
void gcam_tiles(int64_t rows, int64_t depth, const float *a, const float *b, gcam_tile_target t) {
  int64_t whole = rows / ROWS, rest = rows % ROWS, four = 0;
  if (whole && (rest == 1 || rest == 2)) {
    whole--;
    four = 1;
    rest += ROWS - 4;
  }
  const int64_t of[3] = {ROWS, 4, rest}, count[3] = {whole, four, rest > 0};
  for (int i = 0; i < 3; i++)
    if (count[i]) {
      tiles[of[i]](count[i], depth, a, b, &t);
      a += count[i] * of[i] * DEPTH;
    }
}
