/* tiles.h: the inner loop of the matrix products, for those who pack for it: winograd.c,
 * dense_conv.c and matrix_product.c.
 *
 * A tile is up to six rows of eight sums, which stay in registers while the depth of the product
 * passes by. Packed rows of a are GCAM_TILE_DEPTH floats apart, however deep they are: that the
 * distance is known to the compiler is what makes six rows possible in V8, which has too few
 * registers for six pointers. A deeper product is several, each added to the one before. b is
 * [depth][8]. */
#ifndef GCAM_KERNELS_TILES_H
#define GCAM_KERNELS_TILES_H

#include <stdint.h>

/* Rows of one tile: twelve vectors of sums, two of b and one of a are all that V8 has. */
#define GCAM_TILE_ROWS 6
#define GCAM_TILE_COLUMNS 8
/* An odd number of cache lines, so that rows of few numbers do not share the same places of the
 * first cache. */
#define GCAM_TILE_DEPTH 272

/* A deep product in as few slices as there have to be, as even as fours can be: the depth of one.
 */
static inline int64_t gcam_tile_slice(int64_t depth) {
  int64_t slices = (depth + GCAM_TILE_DEPTH - 1) / GCAM_TILE_DEPTH;
  return slices ? ((depth + slices - 1) / slices + 3) / 4 * 4 : 4;
}

/* Some numbers of a row; what memcpy becomes in WebAssembly is a call, and slow for so few. */
void gcam_tile_copy(float *to, const float *from, int64_t count);

/* Four columns of b, to[depth][8]: numbers [0, depth) of each, where they are stored one after the
 * other. */
void gcam_tile_pack(const float *const from[4], int64_t depth, float *to);

/* What the sums begin with, and where they go: rows of eight, so far apart. A step of 0 in `from`:
 * every row begins with the same. */
typedef struct gcam_tile_target {
  const float *from;
  int64_t from_step;
  float *to;
  int64_t to_step;
  const float *limits; /* [2]: what is stored is clamped to them; NULL: to none */
} gcam_tile_target;

/* to[rows][8] = from[rows][8] + a[rows][depth] b[depth][8], depth <= GCAM_TILE_DEPTH */
void gcam_tiles(int64_t rows, int64_t depth, const float *a, const float *b,
                gcam_tile_target target);

#endif
