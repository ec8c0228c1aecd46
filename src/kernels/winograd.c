/* winograd.c: y = conv3x3(x) by F(4x4, 3x3) (Lavin and Gray, arXiv 1509.09308, section 4):
 *
 *   Y = A^T [ (G g G^T) . (B^T d B) ] A
 *
 * A tile of 6 x 6 input pixels d makes 4 x 4 output pixels Y. Summed over channels, the
 * element-wise product is one matrix product for each of the 36 positions: 36 multiplications where
 * the direct sum takes 144. Transformed weights take 36/9 of the weights' memory, so that they are
 * kept only where they are small; elsewhere each run makes them anew, some output channels at a
 * time.
 *
 * Letters: T tiles in a block, C input channels, K output channels, P = 36 positions.
 *   U [P][K/8][C][8]   transformed weights, columns in groups of 8 (zeros behind K)
 *   V [P][slices][T][272]  transformed input of a block, in slices of C as tiles.h wants them
 *   M [P][T][M_row]    their products; K8 is K rounded up to 8
 *
 * Two ways to walk, by what is read again and again:
 *   small U (it fits the L2 cache): blocks of tiles, each with its own V and M in L2, are spread
 * over the threads; large U: one block as large as the L3 cache likes, whose three phases are
 * spread over the threads, the products by position, or by group of output channels, so that U is
 * read or made once a block. */
#include "kernels/winograd.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/simd.h"
#include "kernels/tiles.h"

enum {
  OUT = 4, /* side of a tile of output pixels */
  IN = 6,  /* and of input pixels */
  P = IN * IN,
  ROWS = GCAM_TILE_ROWS,
  COLUMNS = GCAM_TILE_COLUMNS,
  ROWS_AT_ONCE = 36, /* of V, which stay in the first cache */
  MANY_TILES = 32,   /* from which on a slice of V does not stay in the second */
  WIDE_GROUP = 64,   /* output channels whose weights are then transformed at once */
  GROUPS_A_THREAD = 2,
  STAGE = 32, /* input channels at once: two cache lines */
  LINE = 16,  /* floats of a cache line; so much apart that positions do not share one set of L1 */
  SMALL_U_BYTES = 1280 * 1024,
  LARGE_U_BYTES = 4 * 1024 * 1024,   /* from which on U is not kept */
  PRIVATE_BLOCK_BYTES = 1024 * 1024, /* V and M of one block of one thread */
  SHARED_BLOCK_BYTES = 12 * 1024 * 1024
};

typedef struct winograd_kernel {
  gcam_kernel base;
  gcam_conv_spec spec;
  int64_t K8, tiles_y, tiles_x;
  int64_t slices, slice; /* of the input channels: how many, and channels of one (the last: less) */
  int64_t block;         /* tiles at once */
  bool shared;           /* one block for all threads */
  float *U, *bias;       /* bias [K8] */
  float *zeros;          /* [C]: the padding */
  /* Without U: the weights as they are stored, of which each run makes U, one group at a time. */
  gcam_weight_source source;
  float *gain; /* [a multiple of 8], the source's own gain; NULL: 1 */
} winograd_kernel;

/* From one position to the next in V and M. */
static int64_t V_step(const winograd_kernel *k) {
  return k->slices * k->block * GCAM_TILE_DEPTH + LINE;
}
/* An odd number of cache lines: rows a power of two apart share one place of the first cache. */
static int64_t M_row(const winograd_kernel *k) { return ((k->K8 + LINE - 1) / LINE | 1) * LINE; }
static int64_t M_step(const winograd_kernel *k) { return k->block * M_row(k) + LINE; }
static int64_t work_floats(const winograd_kernel *k) { return P * (V_step(k) + M_step(k)); }

/* ---- Transforms ----------------------------------------------------------------------------- */

/* Interpolation points 0, +-A, +-B and infinity. The usual +-1 and +-2 amplify rounding
 * several times more than points of product near 1 do (Barabasz et al., arXiv 1803.10986); these
 * are exact in binary. */
#define A 0.75f
#define B 1.5f
#define A2 (A * A)
#define B2 (B * B)
#define A2B2 (A2 * B2)

/* B^T d: row p of B^T holds the coefficients of x (x^2 - A^2) (x^2 - B^2) / (x - p). */
static inline void input_1d(const gcam_f4 d[6], gcam_f4 v[6]) {
  const gcam_f4 product = gcam_f4_splat(A2B2), sum = gcam_f4_splat(-(A2 + B2));
  gcam_f4 even_a = gcam_f4_madd(gcam_f4_splat(-B2), d[2], d[4]);
  gcam_f4 odd_a = gcam_f4_splat(A) * gcam_f4_madd(gcam_f4_splat(-B2), d[1], d[3]);
  gcam_f4 even_b = gcam_f4_madd(gcam_f4_splat(-A2), d[2], d[4]);
  gcam_f4 odd_b = gcam_f4_splat(B) * gcam_f4_madd(gcam_f4_splat(-A2), d[1], d[3]);
  v[0] = gcam_f4_madd(product, d[0], gcam_f4_madd(sum, d[2], d[4]));
  v[1] = even_a + odd_a;
  v[2] = even_a - odd_a;
  v[3] = even_b + odd_b;
  v[4] = even_b - odd_b;
  v[5] = gcam_f4_madd(product, d[1], gcam_f4_madd(sum, d[3], d[5]));
}

/* A^T m: row i of A^T is each point's i-th power. */
static inline void output_1d(const gcam_f4 m[6], gcam_f4 y[4]) {
  gcam_f4 sum_a = m[1] + m[2], difference_a = m[1] - m[2];
  gcam_f4 sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  y[0] = m[0] + sum_a + sum_b;
  y[1] = gcam_f4_madd(gcam_f4_splat(B), difference_b, gcam_f4_splat(A) * difference_a);
  y[2] = gcam_f4_madd(gcam_f4_splat(B2), sum_b, gcam_f4_splat(A2) * sum_a);
  y[3] = gcam_f4_madd(gcam_f4_splat(B2 * B), difference_b,
                      gcam_f4_madd(gcam_f4_splat(A2 * A), difference_a, m[5]));
}

/* G g: row p of G is 1, p, p^2 over the product of p's distances to the other points; the row of
 * infinity is 0, 0, 1. Here the rows of p and -p. */
static inline void weights_pair(gcam_f4 g0, gcam_f4 g1, gcam_f4 g2, float p, float distances,
                                gcam_f4 *plus, gcam_f4 *minus) {
  const float a = 1 / distances;
  gcam_f4 even = gcam_f4_madd(gcam_f4_splat(p * p * a), g2, gcam_f4_splat(a) * g0);
  gcam_f4 odd = gcam_f4_splat(p * a) * g1;
  *plus = even + odd;
  *minus = even - odd;
}
#define DISTANCES_A (2 * A2 * (A2 - B2))
#define DISTANCES_B (2 * B2 * (B2 - A2))

/* g G^T, to six places `position` floats apart. */
static inline void weights_row(gcam_f4 g0, gcam_f4 g1, gcam_f4 g2, float *u, int64_t position) {
  gcam_f4 plus, minus;
  gcam_f4_store(u, gcam_f4_splat(1 / A2B2) * g0);
  weights_pair(g0, g1, g2, A, DISTANCES_A, &plus, &minus);
  gcam_f4_store(u += position, plus);
  gcam_f4_store(u += position, minus);
  weights_pair(g0, g1, g2, B, DISTANCES_B, &plus, &minus);
  gcam_f4_store(u += position, plus);
  gcam_f4_store(u += position, minus);
  gcam_f4_store(u += position, g2);
}

/* Where U keeps position p of output channel n, input channel ch. */
static int64_t weight_at(const winograd_kernel *k, int64_t p, int64_t n, int64_t ch) {
  return (p * k->K8 + n / COLUMNS * COLUMNS) * k->spec.C + ch * COLUMNS + n % COLUMNS;
}

/* G backward: g[0] and g[2] stand alone in u[0] and u[5], g[1] in u[1] - u[2]. */
static inline void recover_1d(const double u[IN], double g[3]) {
  g[0] = u[0] * A2B2;
  g[1] = (u[1] - u[2]) * (A * (A2 - B2));
  g[2] = u[5];
}

/* Exact but for U's rounding. */
static void recover_weights(const void *kernel, float *weights) {
  const winograd_kernel *k = kernel;
  const gcam_conv_spec *c = &k->spec;
  double u[IN], half[3][IN], g[3];
  for (int64_t n = 0; n < c->K; n++)
    for (int64_t ch = 0; ch < c->C; ch++) {
      for (int j = 0; j < IN; j++) {
        for (int i = 0; i < IN; i++) u[i] = k->U[weight_at(k, i * IN + j, n, ch)];
        recover_1d(u, g);
        for (int i = 0; i < 3; i++) half[i][j] = g[i];
      }
      for (int i = 0; i < 3; i++) {
        recover_1d(half[i], g);
        for (int j = 0; j < 3; j++) weights[(n * 9 + i * 3 + j) * c->C + ch] = (float)g[j];
      }
    }
}

/* One tile: gathers its pixels (zeros outside of the picture), transforms four channels at a time,
 * `step` floats from slice to slice. */
static void transform_input(const winograd_kernel *k, const float *picture, int64_t tile, float *V,
                            int64_t step) {
  const gcam_conv_spec *c = &k->spec;
  int64_t y0 = tile / k->tiles_x * OUT - c->pt, x0 = tile % k->tiles_x * OUT - c->pl;
  int64_t position = V_step(k);
  const float *pixel[P];
  for (int i = 0; i < P; i++) {
    int64_t y = y0 + i / IN, x = x0 + i % IN;
    bool inside = y >= 0 && y < c->H && x >= 0 && x < c->W;
    pixel[i] = inside ? picture + (y * c->W + x) * c->C : k->zeros;
  }
  int64_t end = k->slice; /* of a slice, whose channels follow each other in V */
  for (int64_t ch = 0; ch < c->C; ch += 4) {
    if (ch == end) {
      V += step - k->slice;
      end += k->slice;
    }
    gcam_f4 half[IN][IN], d[IN], v[IN];
    for (int j = 0; j < IN; j++) {
      for (int i = 0; i < IN; i++) d[i] = gcam_f4_load(pixel[i * IN + j] + ch);
      input_1d(d, v);
      for (int i = 0; i < IN; i++) half[i][j] = v[i];
    }
    for (int i = 0; i < IN; i++) {
      input_1d(half[i], v);
      for (int j = 0; j < IN; j++) gcam_f4_store(V + (i * IN + j) * position + ch, v[j]);
    }
  }
}

static void store(float *to, gcam_f4 value, int64_t count) {
  if (count >= 4)
    gcam_f4_store(to, value);
  else
    for (int64_t n = 0; n < count; n++) to[n] = value[n];
}

static void transform_output(const winograd_kernel *k, const float *M, int64_t tile,
                             float *picture) {
  const gcam_conv_spec *c = &k->spec;
  int64_t y0 = tile / k->tiles_x * OUT, x0 = tile % k->tiles_x * OUT, position = M_step(k);
  int64_t rows = c->OH - y0 < OUT ? c->OH - y0 : OUT;
  int64_t columns = c->OW - x0 < OUT ? c->OW - x0 : OUT;
  const gcam_f4 lo = gcam_f4_splat(c->lo), hi = gcam_f4_splat(c->hi);
  for (int64_t ch = 0; ch < c->K; ch += 4) {
    gcam_f4 half[OUT][IN], in[IN], y[OUT], bias = gcam_f4_load(k->bias + ch);
    for (int j = 0; j < IN; j++) {
      for (int i = 0; i < IN; i++) in[i] = gcam_f4_load(M + (i * IN + j) * position + ch);
      output_1d(in, y);
      for (int i = 0; i < OUT; i++) half[i][j] = y[i];
    }
    for (int64_t i = 0; i < rows; i++) {
      output_1d(half[i], y);
      for (int64_t j = 0; j < columns; j++)
        store(picture + ((y0 + i) * c->OW + x0 + j) * c->out_stride + ch,
              gcam_f4_clamp(y[j] + bias, lo, hi), c->K - ch);
    }
  }
}

/* ---- Matrix product ------------------------------------------------------------------------- */

/* Channels of the slice that begins with ch. */
static int64_t slice_channels(const winograd_kernel *k, int64_t ch) {
  return k->spec.C - ch < k->slice ? k->spec.C - ch : k->slice;
}

/* What that slice adds to `columns` columns of M. Eight columns of U are `group` floats apart; some
 * rows of V stay in the first cache while they pass by. */
static void slice_product(const winograd_kernel *k, int64_t tiles, int64_t ch, const float *V,
                          const float *U, int64_t group, int64_t columns, float *M) {
  static const float zeros[COLUMNS];
  const int64_t step = M_row(k), depth = slice_channels(k, ch);
  for (int64_t rows; tiles > 0; tiles -= rows, V += rows * GCAM_TILE_DEPTH, M += rows * step) {
    rows = tiles < ROWS_AT_ONCE ? tiles : ROWS_AT_ONCE;
    for (int64_t n = 0; n < columns; n += COLUMNS)
      gcam_tiles(rows, depth, V, U + n / COLUMNS * group,
                 (gcam_tile_target){ch ? M + n : zeros, ch ? step : 0, M + n, step, NULL});
  }
}

/* ---- Walking -------------------------------------------------------------------------------- */

typedef struct job {
  const winograd_kernel *k;
  const float *in;
  float *out;
  float *work;      /* V and M of each thread, or of all together; then a group's weights of each */
  int64_t tiles;    /* of all pictures */
  int64_t first, n; /* the shared block */
  int64_t width;    /* output channels of a group */
} job;

/* Tile t of the n that begin with the first. */
static void input_tile(const job *j, float *V, int64_t first, int64_t n, int64_t t) {
  const winograd_kernel *k = j->k;
  int64_t per_picture = k->tiles_y * k->tiles_x, tile = first + t;
  const float *picture = j->in + tile / per_picture * k->spec.H * k->spec.W * k->spec.C;
  transform_input(k, picture, tile % per_picture, V + t * GCAM_TILE_DEPTH, n * GCAM_TILE_DEPTH);
}

/* With U kept. */
static void position_product(const job *j, const float *V, float *M, int64_t n, int64_t p) {
  const winograd_kernel *k = j->k;
  const float *U = k->U + p * k->K8 * k->spec.C;
  V += p * V_step(k);
  M += p * M_step(k);
  for (int64_t ch = 0; ch < k->spec.C; ch += k->slice, V += n * GCAM_TILE_DEPTH)
    slice_product(k, n, ch, V, U + ch * COLUMNS, k->spec.C * COLUMNS, k->K8, M);
}

static void output_tile(const job *j, const float *M, int64_t first, int64_t t) {
  const winograd_kernel *k = j->k;
  int64_t per_picture = k->tiles_y * k->tiles_x, tile = first + t;
  float *picture = j->out + tile / per_picture * k->spec.OH * k->spec.OW * k->spec.out_stride;
  const float *from = M + t * M_row(k);
  transform_output(k, from, tile % per_picture, picture);
}

static float *block_V(const job *j, size_t worker) {
  return j->work + (int64_t)worker * work_floats(j->k);
}

static float *block_M(const job *j, size_t worker) { return block_V(j, worker) + P * V_step(j->k); }

static void private_block(void *context, size_t thread, size_t index) {
  const job *j = context;
  int64_t first = (int64_t)index * j->k->block;
  int64_t n = j->tiles - first < j->k->block ? j->tiles - first : j->k->block;
  float *V = block_V(j, thread), *M = block_M(j, thread);
  for (int64_t t = 0; t < n; t++) input_tile(j, V, first, n, t);
  for (int64_t p = 0; p < P; p++) position_product(j, V, M, n, p);
  for (int64_t t = 0; t < n; t++) output_tile(j, M, first, t);
}

static void shared_input(void *context, size_t t) {
  const job *j = context;
  input_tile(j, block_V(j, 0), j->first, j->n, (int64_t)t);
}

static void shared_product(void *context, size_t p) {
  const job *j = context;
  position_product(j, block_V(j, 0), block_M(j, 0), j->n, (int64_t)p);
}

static void shared_output(void *context, size_t t) {
  const job *j = context;
  output_tile(j, block_M(j, 0), j->first, (int64_t)t);
}

/* ---- Weights -------------------------------------------------------------------------------- */

/* Weights [9] of output channel n and input channel ch: at[n * out + tap * tap_step + ch * in]. */
typedef struct weight_view {
  const float *at;
  int64_t out, tap, in;
  const float *gain; /* of the convolution's output channels; NULL: 1 */
} weight_view;

/* As a convolution has them, [n][9][C]. */
static weight_view forward_view(const float *weights, int64_t C) {
  return (weight_view){weights, 9 * C, C, 1, NULL};
}

/* As its gradient sees them: [ch][9][columns], from the last tap to the first. */
static weight_view gradient_view(const float *weights, int64_t columns) {
  return (weight_view){weights + 8 * columns, 1, -columns, 9 * columns, NULL};
}

/* to[channel][4 outputs]: one tap of outputs n to n + 3 and of `count` channels from ch on (a
 * multiple of 4). */
static void stage(const weight_view *view, int64_t n, int tap, int64_t ch, int64_t count,
                  gcam_f4 *to) {
  const float *from = view->at + n * view->out + tap * view->tap + ch * view->in;
  if (view->out == 1) { /* a gradient: its channels are the convolution's outputs */
    for (int64_t c = 0; c < count; c++) {
      to[c] = gcam_f4_load(from + c * view->in);
      if (view->gain) to[c] *= gcam_f4_splat(view->gain[ch + c]);
    }
    return;
  }
  for (int64_t c = 0; c < count; c += 4) {
    gcam_f4 row[4];
    for (int q = 0; q < 4; q++) row[q] = gcam_f4_load(from + q * view->out + c);
    gcam_f4_transpose(row);
    gcam_f4 gain = view->gain ? gcam_f4_load(view->gain + n) : gcam_f4_splat(1);
    for (int q = 0; q < 4; q++) to[c + q] = row[q] * gain;
  }
}

/* u = G g G^T for four output channels at once; u's positions lie `position` floats apart. Row by
 * row, so that what is not stored yet stays in registers. */
static inline void transform_four(const gcam_f4 *g, float *u, int64_t position) {
  const int64_t row = IN * position;
  const float points[2] = {A, B}, distances[2] = {DISTANCES_A, DISTANCES_B};
  const gcam_f4 first = gcam_f4_splat(1 / A2B2);
  const gcam_f4 *g1 = g + 3 * STAGE, *g2 = g + 6 * STAGE;
  weights_row(first * g[0], first * g[STAGE], first * g[2 * STAGE], u, position);
  for (int i = 0; i < 2; i++) {
    gcam_f4 plus[3], minus[3];
    for (int j = 0; j < 3; j++)
      weights_pair(g[j * STAGE], g1[j * STAGE], g2[j * STAGE], points[i], distances[i], &plus[j],
                   &minus[j]);
    weights_row(plus[0], plus[1], plus[2], u += row, position);
    weights_row(minus[0], minus[1], minus[2], u += row, position);
  }
  weights_row(g2[0], g2[STAGE], g2[2 * STAGE], u + row, position);
}

/* A piece of U, [P][columns / 8][channels][8]: `position` floats from one of P to the next, `group`
 * from eight output channels to the next. Of input channels [first, first + channels). */
typedef struct weight_piece {
  float *U;
  int64_t position, group, columns, first, channels;
} weight_piece;

/* A gradient's weights lie pages apart from channel to channel, and a cache line of them is a
 * group's outputs: all are taken before the next channels are. */
static void transform_weights(weight_view view, const weight_piece *piece) {
  gcam_f4 g[9 * STAGE];
  for (int64_t from = 0; from < piece->channels; from += STAGE)
    for (int64_t n = 0; n < piece->columns; n += 4) {
      int64_t count = piece->channels - from < STAGE ? piece->channels - from : STAGE;
      for (int tap = 0; tap < 9; tap++)
        stage(&view, n, tap, piece->first + from, count, g + tap * STAGE);
      float *u = piece->U + n / COLUMNS * piece->group + from * COLUMNS + n % COLUMNS;
      for (int64_t c = 0; c < count; c++, u += COLUMNS) transform_four(g + c, u, piece->position);
    }
}

/* U of whole groups of output channels from `first` on, of all input channels, where it is kept. */
static void transform_kept(const winograd_kernel *k, weight_view view, int64_t first,
                           int64_t columns) {
  int64_t C = k->spec.C;
  transform_weights(view, &(weight_piece){k->U + first * C, k->K8 * C, C * COLUMNS, columns, 0, C});
}

/* Output channels whose weights are transformed at once. Where tiles are few, that what is
 * transformed stays in the caches; where they are many, as many as make V's way from the third
 * cache worth it, but some groups for each thread. A gradient's are read by lines of them. */
static int64_t group_columns(const winograd_kernel *k, int64_t threads) {
  int64_t least = k->source.gradient ? LINE : COLUMNS;
  int64_t width = k->block > MANY_TILES ? WIDE_GROUP : least;
  while (width > least && k->K8 < width * threads * GROUPS_A_THREAD) width -= least;
  return width;
}
static int64_t group_position(const winograd_kernel *k, int64_t width) {
  return width * k->slice + LINE;
}
/* Floats of a group's weights: as they are, then one slice transformed. */
static int64_t group_floats(const winograd_kernel *k, int64_t width) {
  return 9 * width * k->spec.C + P * group_position(k, width);
}

/* The stored weights of output channels [first, first + columns), in place where they are floats,
 * else read into buffer; zeros behind the last. */
static weight_view group_weights(const winograd_kernel *k, int64_t first, int64_t columns,
                                 float *buffer) {
  const gcam_weight_source *s = &k->source;
  int64_t C = k->spec.C, K = k->spec.K, real = K - first < columns ? K - first : columns;
  bool in_place = s->weight->dtype == GCAM_F32 && real == columns;
  const float *data = s->weight->data;
  weight_view view;
  if (!in_place && real < columns) memset(buffer, 0, (size_t)(9 * columns * C) * sizeof *buffer);
  if (s->gradient) {
    view = in_place ? gradient_view(data, K) : gradient_view(buffer, columns);
    if (in_place) view.at += first;
    for (int64_t row = 0; !in_place && row < 9 * C; row++)
      gcam_weight_read(s->weight, s->shape, row * K + first, real, buffer + row * columns);
    view.gain = k->gain;
  } else {
    view = forward_view(in_place ? data + first * 9 * C : buffer, C);
    if (!in_place) gcam_weight_read(s->weight, s->shape, first * 9 * C, real * 9 * C, buffer);
    view.gain = k->gain ? k->gain + first : NULL;
  }
  return view;
}

/* The weights of one group, and its part of the product: no more of U than a slice of a group is
 * ever there. */
static void group_product(void *context, size_t thread, size_t group) {
  const job *j = context;
  const winograd_kernel *k = j->k;
  int64_t width = j->width, first = (int64_t)group * width;
  int64_t columns = k->K8 - first < width ? k->K8 - first : width;
  float *buffer = j->work + work_floats(k) + (int64_t)thread * group_floats(k, width);
  weight_view view = group_weights(k, first, columns, buffer);
  weight_piece piece = {.U = buffer + 9 * width * k->spec.C,
                        .position = group_position(k, width),
                        .columns = columns};
  const float *V = block_V(j, 0);
  for (int64_t ch = 0; ch < k->spec.C; ch += k->slice, V += j->n * GCAM_TILE_DEPTH) {
    piece.first = ch;
    piece.channels = slice_channels(k, ch);
    piece.group = COLUMNS * piece.channels;
    transform_weights(view, &piece);
    for (int64_t p = 0; p < P; p++)
      slice_product(k, j->n, ch, V + p * V_step(k), piece.U + p * piece.position, piece.group,
                    columns, block_M(j, 0) + p * M_step(k) + first);
  }
}

static gcam_status winograd_run(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
                                const gcam_threads *pool, gcam_error *err) {
  winograd_kernel *k = (winograd_kernel *)kernel;
  int64_t floats = work_floats(k) * (k->shared ? 1 : pool->count);
  const int64_t width = group_columns(k, pool->count);
  if (k->source.weight) floats += group_floats(k, width) * pool->count;
  float *work = gcam_threads_work(pool, floats);
  if (!work) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution's work space");
  job j = {k, in, out, work, batch * k->tiles_y * k->tiles_x, 0, 0, width};
  if (!k->shared) {
    gcam_parallel_with_thread(pool, (size_t)((j.tiles + k->block - 1) / k->block), private_block,
                              &j);
    return GCAM_OK;
  }
  for (; j.first < j.tiles; j.first += j.n) {
    j.n = j.tiles - j.first < k->block ? j.tiles - j.first : k->block;
    gcam_parallel(pool, (size_t)j.n, shared_input, &j);
    if (k->source.weight)
      gcam_parallel_with_thread(pool, (size_t)((k->K8 + width - 1) / width), group_product, &j);
    else
      gcam_parallel(pool, (size_t)P, shared_product, &j);
    gcam_parallel(pool, (size_t)j.n, shared_output, &j);
  }
  return GCAM_OK;
}

static void winograd_free(gcam_kernel *kernel) {
  winograd_kernel *k = (winograd_kernel *)kernel;
  gcam_floats_free(k->U);
  gcam_floats_free(k->bias);
  gcam_floats_free(k->zeros);
  gcam_floats_free(k->gain);
  gcam_free(k);
}

bool gcam_winograd_fits(const gcam_conv_spec *c) {
  if (c->direct || c->kh != 3 || c->kw != 3 || c->sh != 1 || c->sw != 1 || c->dh != 1 ||
      c->dw != 1 || c->groups != 1 || c->C % 4 || c->pt < 0 || c->pl < 0 || c->pb < 0 || c->pr < 0)
    return false;
  /* Below these sizes the transforms and the remainders of tiles eat the gain (npm run bench). */
  return c->C >= 16 && c->K >= 16 && c->OH * c->OW >= 36;
}

static int64_t U_bytes(const gcam_conv_spec *c) {
  int64_t K8 = (c->K + COLUMNS - 1) / COLUMNS * COLUMNS;
  return P * K8 * c->C * (int64_t)sizeof(float);
}

static void choose_walk(winograd_kernel *k) {
  const gcam_conv_spec *c = &k->spec;
  k->tiles_y = (c->OH + OUT - 1) / OUT;
  k->tiles_x = (c->OW + OUT - 1) / OUT;
  int64_t tiles = k->tiles_y * k->tiles_x;
  k->slices = (c->C + GCAM_TILE_DEPTH - 1) / GCAM_TILE_DEPTH;
  k->slice = gcam_tile_slice(c->C);
  int64_t few = GCAM_TILE_DEPTH / 3; /* channels below which memory counts, not the cache */
  int64_t per_tile = P * ((c->C > few ? c->C : few) + k->K8) * (int64_t)sizeof(float);
  k->shared = k->source.weight || U_bytes(c) > SMALL_U_BYTES;
  k->block = (k->shared ? SHARED_BLOCK_BYTES : PRIVATE_BLOCK_BYTES) / per_tile / ROWS * ROWS;
  if (k->block < 2 * ROWS) k->block = 2 * ROWS;
  if (k->block > tiles) k->block = tiles;
  if (k->shared) { /* blocks of one size rather than a small last one */
    int64_t blocks = (tiles + k->block - 1) / k->block;
    k->block = (tiles + blocks - 1) / blocks;
  }
}

/* Without U where source is given. */
static winograd_kernel *make(const gcam_conv_spec *c, const gcam_weight_source *source,
                             const float *bias, gcam_error *err) {
  winograd_kernel *k = gcam_alloc_zeroed(1, sizeof *k);
  if (!k) goto no_memory;
  k->base.run = winograd_run;
  k->base.free = winograd_free;
  k->spec = *c;
  k->K8 = (c->K + COLUMNS - 1) / COLUMNS * COLUMNS;
  if (source) k->source = *source;
  choose_walk(k);
  if (!source) {
    k->base.recover = recover_weights;
    k->base.bytes = (size_t)U_bytes(c);
    k->U = gcam_floats_alloc(P * k->K8 * c->C);
  }
  k->bias = gcam_floats_alloc(k->K8);
  k->zeros = gcam_floats_alloc(c->C);
  if ((!k->U && !source) || !k->bias || !k->zeros) goto no_memory;
  memset(k->zeros, 0, (size_t)c->C * sizeof(float));
  memset(k->bias, 0, (size_t)k->K8 * sizeof(float));
  if (bias) memcpy(k->bias, bias, (size_t)c->K * sizeof(float));
  if (source && source->gain) {
    int64_t count = source->gradient ? c->C : c->K, padded = (count + 7) / 8 * 8;
    k->gain = gcam_floats_alloc(padded);
    if (!k->gain) goto no_memory;
    memset(k->gain, 0, (size_t)padded * sizeof(float));
    memcpy(k->gain, source->gain, (size_t)count * sizeof(float));
  }
  return k;
no_memory:
  if (k) winograd_free(&k->base);
  gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution");
  return NULL;
}

gcam_kernel *gcam_winograd_kernel(const gcam_conv_spec *c, const float *weights, const float *bias,
                                  gcam_error *err) {
  winograd_kernel *k = make(c, NULL, bias, err);
  if (!k) return NULL;
  int64_t whole = c->K / COLUMNS * COLUMNS, C = c->C;
  transform_kept(k, forward_view(weights, C), 0, whole);
  if (whole < c->K) { /* the last group, with zeros behind it */
    float *last = gcam_alloc_zeroed(COLUMNS * 9 * C, sizeof *last);
    if (!last) {
      winograd_free(&k->base);
      gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution");
      return NULL;
    }
    memcpy(last, weights + whole * 9 * C, (size_t)((c->K - whole) * 9 * C) * sizeof *last);
    transform_kept(k, forward_view(last, C), whole, COLUMNS);
    gcam_free(last);
  }
  return &k->base;
}

bool gcam_winograd_lean(const gcam_conv_spec *c) { return U_bytes(c) >= LARGE_U_BYTES; }

gcam_kernel *gcam_winograd_lean_kernel(const gcam_conv_spec *c, const gcam_weight_source *source,
                                       const float *bias, gcam_error *err) {
  return (gcam_kernel *)make(c, source, bias, err);
}
