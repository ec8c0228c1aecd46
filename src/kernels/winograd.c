/* winograd.c: y = conv3x3(x) by F(m x m, 3x3) (Lavin and Gray, arXiv 1509.09308, section 4):
 *
 *   Y = A^T [ (G g G^T) . (B^T d B) ] A
 *
 * A tile of (m+2)^2 input pixels d makes m^2 output pixels Y. Summed over channels, the element-wise
 * product is one matrix product for each of the (m+2)^2 positions.
 *   m = 4   36 multiplications where the direct sum takes 144; weights take 36/9 of their memory
 *   m = 2   16 multiplications where the direct sum takes 36; weights take 16/9 of their memory
 * m = 2 where the weights are large: those layers wait for memory as much as for multiplications.
 *
 * Letters: T tiles in a block, C input channels, K output channels, t = m + 2, P = t^2 positions.
 *   U [P][K/8][C][8]   transformed weights, columns in groups of 8 (zeros behind K)
 *   V [P][T][C]        transformed input of a block
 *   M [P][T][K8]       their products; K8 is K rounded up to 8
 *
 * Two ways to walk, by what is read again and again:
 *   small U (it fits the L2 cache): blocks of tiles, each with its own V and M in L2, are spread over
 *   the threads;
 *   large U: one block as large as the L3 cache likes, whose three phases are spread over the threads,
 *   the products by position, so that U is read once a block. */
#include "kernels/winograd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/simd.h"

enum {
  MOST_T = 6,
  ROWS = 4, /* of the matrix product's register tile, 4 x 8 floats: with more, V8 spills */
  COLUMNS = 8,
  SMALL_U_BYTES = 1280 * 1024,
  LARGE_U_BYTES = 12 * 1024 * 1024, /* of m = 4, from which on m is 2 */
  LEAN_U_BYTES = 4 * 1024 * 1024,   /* below, U is kept even where its source is small */
  PRIVATE_BLOCK_BYTES = 1024 * 1024, /* V and M of one block of one thread */
  SHARED_BLOCK_BYTES = 12 * 1024 * 1024
};

/* Loops over t unroll where t is a constant, which it is once these are inlined. */
#define ALWAYS_INLINE __attribute__((always_inline))

typedef struct winograd_kernel {
  gcam_kernel base;
  gcam_conv_spec spec;
  int m, t, P;
  int64_t K8, tiles_y, tiles_x;
  int64_t block;   /* tiles at once */
  bool shared;     /* one block for all threads */
  float *U, *bias; /* bias [K8] */
  float *zeros;    /* [C]: the padding */
  /* Without U: the weights as they are stored, of which each run makes U, one group at a time. */
  const gcam_weight *source;
  const gcam_shape *source_shape;
} winograd_kernel;

static int64_t work_floats(const winograd_kernel *k) {
  return k->P * k->block * (k->spec.C + k->K8);
}

/* ---- Transforms ----------------------------------------------------------------------------------- */

/* m = 4: interpolation points 0, +-A, +-B and infinity. The usual +-1 and +-2 amplify rounding
 * several times more than points of product near 1 do (Barabasz et al., arXiv 1803.10986); these are
 * exact in binary. m = 2: 0, +-1 and infinity. */
#define A 0.75f
#define B 1.5f
#define A2 (A * A)
#define B2 (B * B)
#define A2B2 (A2 * B2)

/* B^T d: row p of B^T holds the coefficients of x (x^2 - A^2) (x^2 - B^2) / (x - p). */
static inline void input_6(const gcam_f4 d[6], gcam_f4 v[6]) {
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

/* Of x (x^2 - 1) / (x - p), the first row with its sign changed: G has it too. */
static inline void input_4(const gcam_f4 d[4], gcam_f4 v[4]) {
  v[0] = d[0] - d[2];
  v[1] = d[1] + d[2];
  v[2] = d[2] - d[1];
  v[3] = d[3] - d[1];
}

/* A^T m: row i of A^T is each point's i-th power. */
static inline void output_6(const gcam_f4 m[6], gcam_f4 y[4]) {
  gcam_f4 sum_a = m[1] + m[2], difference_a = m[1] - m[2];
  gcam_f4 sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  y[0] = m[0] + sum_a + sum_b;
  y[1] = gcam_f4_madd(gcam_f4_splat(B), difference_b, gcam_f4_splat(A) * difference_a);
  y[2] = gcam_f4_madd(gcam_f4_splat(B2), sum_b, gcam_f4_splat(A2) * sum_a);
  y[3] = gcam_f4_madd(gcam_f4_splat(B2 * B), difference_b,
                      gcam_f4_madd(gcam_f4_splat(A2 * A), difference_a, m[5]));
}

static inline void output_4(const gcam_f4 m[4], gcam_f4 y[2]) {
  y[0] = m[0] + m[1] + m[2];
  y[1] = m[1] - m[2] + m[3];
}

/* G [t][3]: row p is 1, p, p^2 over the product of p's distances to the other points; the row of
 * infinity is 0, 0, 1. */
static void weight_matrix(int t, double G[MOST_T][3]) {
  static const double points_6[5] = {0, A, -A, B, -B}, points_4[3] = {0, 1, -1};
  const double *point = t == 6 ? points_6 : points_4;
  for (int i = 0; i < t - 1; i++) {
    double distance = 1;
    for (int j = 0; j < t - 1; j++)
      if (j != i) distance *= point[i] - point[j];
    if (t == 4 && i == 0) distance = -distance; /* see input_4 */
    for (int j = 0; j < 3; j++)
      G[i][j] = (j == 0 ? 1 : j == 1 ? point[i] : point[i] * point[i]) / distance;
  }
  G[t - 1][0] = G[t - 1][1] = 0;
  G[t - 1][2] = 1;
}

/* R [3][t] with R G = 1: R = (G^T G)^-1 G^T. */
static void weight_inverse(int t, double R[3][MOST_T]) {
  double G[MOST_T][3], S[3][3] = {{0}}, inverse[3][3];
  weight_matrix(t, G);
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      for (int p = 0; p < t; p++) S[i][j] += G[p][i] * G[p][j];
  double det = 0;
  for (int i = 0; i < 3; i++)
    det += S[0][i] * (S[1][(i + 1) % 3] * S[2][(i + 2) % 3] - S[1][(i + 2) % 3] * S[2][(i + 1) % 3]);
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      inverse[j][i] = (S[(i + 1) % 3][(j + 1) % 3] * S[(i + 2) % 3][(j + 2) % 3] -
                       S[(i + 1) % 3][(j + 2) % 3] * S[(i + 2) % 3][(j + 1) % 3]) / det;
  for (int i = 0; i < 3; i++)
    for (int p = 0; p < t; p++)
      R[i][p] = inverse[i][0] * G[p][0] + inverse[i][1] * G[p][1] + inverse[i][2] * G[p][2];
}

/* out[r][r] = L in L^T for L [r][n], in [n][n], in doubles; rows of L and in lie `width` apart. */
static void sandwich(int r, int n, const double *L, int width, const double *in, double *out) {
  double half[MOST_T][MOST_T];
  for (int i = 0; i < r; i++)
    for (int j = 0; j < n; j++) {
      half[i][j] = 0;
      for (int q = 0; q < n; q++) half[i][j] += L[i * width + q] * in[q * n + j];
    }
  for (int i = 0; i < r; i++)
    for (int j = 0; j < r; j++) {
      out[i * r + j] = 0;
      for (int q = 0; q < n; q++) out[i * r + j] += half[i][q] * L[j * width + q];
    }
}

/* Where U keeps position p of output channel n, input channel ch. */
static int64_t weight_at(const winograd_kernel *k, int64_t p, int64_t n, int64_t ch) {
  return (p * k->K8 + n / COLUMNS * COLUMNS) * k->spec.C + ch * COLUMNS + n % COLUMNS;
}

static void transform_weights(const winograd_kernel *k, const float *weights) {
  const gcam_conv_spec *c = &k->spec;
  double G[MOST_T][3], g[9], u[MOST_T * MOST_T];
  weight_matrix(k->t, G);
  memset(k->U, 0, (size_t)(k->P * k->K8 * c->C) * sizeof *k->U);
  for (int64_t n = 0; n < c->K; n++)
    for (int64_t ch = 0; ch < c->C; ch++) {
      for (int i = 0; i < 9; i++) g[i] = weights[(n * 9 + i) * c->C + ch];
      sandwich(k->t, 3, G[0], 3, g, u);
      for (int p = 0; p < k->P; p++) k->U[weight_at(k, p, n, ch)] = (float)u[p];
    }
}

/* g = R U R^T, exact but for U's rounding. */
static void recover_weights(const void *kernel, float *weights) {
  const winograd_kernel *k = kernel;
  const gcam_conv_spec *c = &k->spec;
  double R[3][MOST_T], g[9], u[MOST_T * MOST_T];
  weight_inverse(k->t, R);
  for (int64_t n = 0; n < c->K; n++)
    for (int64_t ch = 0; ch < c->C; ch++) {
      for (int p = 0; p < k->P; p++) u[p] = k->U[weight_at(k, p, n, ch)];
      sandwich(3, k->t, R[0], MOST_T, u, g);
      for (int i = 0; i < 9; i++) weights[(n * 9 + i) * c->C + ch] = (float)g[i];
    }
}

/* One tile: gathers t x t pixels (zeros outside of the picture), transforms four channels at a time. */
static inline ALWAYS_INLINE void transform_input(const winograd_kernel *k, int t,
                                                 const float *picture, int64_t tile, float *V) {
  const gcam_conv_spec *c = &k->spec;
  int64_t y0 = tile / k->tiles_x * (t - 2) - c->pt, x0 = tile % k->tiles_x * (t - 2) - c->pl;
  int64_t position = k->block * c->C;
  const float *pixel[MOST_T * MOST_T];
  for (int i = 0; i < t * t; i++) {
    int64_t y = y0 + i / t, x = x0 + i % t;
    bool inside = y >= 0 && y < c->H && x >= 0 && x < c->W;
    pixel[i] = inside ? picture + (y * c->W + x) * c->C : k->zeros;
  }
  for (int64_t ch = 0; ch < c->C; ch += 4) {
    gcam_f4 half[MOST_T][MOST_T], d[MOST_T], v[MOST_T];
    for (int j = 0; j < t; j++) {
      for (int i = 0; i < t; i++) d[i] = gcam_f4_load(pixel[i * t + j] + ch);
      t == 6 ? input_6(d, v) : input_4(d, v);
      for (int i = 0; i < t; i++) half[i][j] = v[i];
    }
    for (int i = 0; i < t; i++) {
      t == 6 ? input_6(half[i], v) : input_4(half[i], v);
      for (int j = 0; j < t; j++) gcam_f4_store(V + (i * t + j) * position + ch, v[j]);
    }
  }
}

static void store(float *to, gcam_f4 value, int64_t count) {
  if (count >= 4)
    gcam_f4_store(to, value);
  else
    for (int64_t n = 0; n < count; n++) to[n] = value[n];
}

static inline ALWAYS_INLINE void transform_output(const winograd_kernel *k, int t, const float *M,
                                                  int64_t tile, float *picture) {
  const gcam_conv_spec *c = &k->spec;
  int m = t - 2;
  int64_t y0 = tile / k->tiles_x * m, x0 = tile % k->tiles_x * m, position = k->block * k->K8;
  int64_t rows = c->OH - y0 < m ? c->OH - y0 : m, columns = c->OW - x0 < m ? c->OW - x0 : m;
  const gcam_f4 lo = gcam_f4_splat(c->lo), hi = gcam_f4_splat(c->hi);
  for (int64_t ch = 0; ch < c->K; ch += 4) {
    gcam_f4 half[MOST_T][MOST_T], in[MOST_T], y[MOST_T], bias = gcam_f4_load(k->bias + ch);
    for (int j = 0; j < t; j++) {
      for (int i = 0; i < t; i++) in[i] = gcam_f4_load(M + (i * t + j) * position + ch);
      t == 6 ? output_6(in, y) : output_4(in, y);
      for (int i = 0; i < m; i++) half[i][j] = y[i];
    }
    for (int64_t i = 0; i < rows; i++) {
      t == 6 ? output_6(half[i], y) : output_4(half[i], y);
      for (int64_t j = 0; j < columns; j++)
        store(picture + ((y0 + i) * c->OW + x0 + j) * c->out_stride + ch,
              gcam_f4_clamp(y[j] + bias, lo, hi), c->K - ch);
    }
  }
}

/* ---- Matrix product ------------------------------------------------------------------------------- */

/* out[rows][8] = a[rows][C] u[C][8], rows <= 4 a compile-time constant after inlining. */
static inline ALWAYS_INLINE void tile_product(int rows, int64_t C, const float *a, const float *u,
                                              float *out, int64_t out_step) {
  gcam_f4 s[ROWS][2];
  for (int r = 0; r < rows; r++) s[r][0] = s[r][1] = gcam_f4_splat(0);
  for (int64_t c = 0; c < C; c++, u += COLUMNS) {
    gcam_f4 u0 = gcam_f4_load(u), u1 = gcam_f4_load(u + 4);
    for (int r = 0; r < rows; r++) {
      gcam_f4 x = gcam_f4_splat(a[r * C + c]);
      s[r][0] = gcam_f4_madd(x, u0, s[r][0]);
      s[r][1] = gcam_f4_madd(x, u1, s[r][1]);
    }
  }
  for (int r = 0; r < rows; r++) {
    gcam_f4_store(out + r * out_step, s[r][0]);
    gcam_f4_store(out + r * out_step + 4, s[r][1]);
  }
}

/* Eight columns of M: [tiles][8 of K8] = V[tiles][C] U[C][8]. */
static void column_product(int64_t tiles, int64_t C, int64_t K8, const float *V, const float *U,
                           float *M) {
  int64_t t = 0;
  for (; t + ROWS <= tiles; t += ROWS) tile_product(ROWS, C, V + t * C, U, M + t * K8, K8);
  const float *a = V + t * C;
  float *m = M + t * K8;
  switch (tiles - t) {
    case 3: tile_product(3, C, a, U, m, K8); break;
    case 2: tile_product(2, C, a, U, m, K8); break;
    case 1: tile_product(1, C, a, U, m, K8); break;
    default: break;
  }
}

/* M[tiles][K8] = V[tiles][C] U. */
static void product(int64_t tiles, int64_t C, int64_t K8, const float *V, const float *U,
                    float *M) {
  for (int64_t n = 0; n < K8; n += COLUMNS)
    column_product(tiles, C, K8, V, U + n * C, M + n);
}

/* ---- Walking ------------------------------------------------------------------------------------- */

typedef struct job {
  const winograd_kernel *k;
  const float *in;
  float *out;
  float *work;      /* V and M of each thread, or of all together; then a group's weights of each */
  int64_t tiles;    /* of all pictures */
  int64_t first, n; /* the shared block */
} job;

static void input_tile(const job *j, float *V, int64_t first, int64_t t) {
  const winograd_kernel *k = j->k;
  int64_t per_picture = k->tiles_y * k->tiles_x, tile = first + t;
  const float *picture = j->in + tile / per_picture * k->spec.H * k->spec.W * k->spec.C;
  float *to = V + t * k->spec.C;
  if (k->t == 6)
    transform_input(k, 6, picture, tile % per_picture, to);
  else
    transform_input(k, 4, picture, tile % per_picture, to);
}

static void position_product(const job *j, const float *V, float *M, int64_t n, int64_t p) {
  const winograd_kernel *k = j->k;
  product(n, k->spec.C, k->K8, V + p * k->block * k->spec.C, k->U + p * k->K8 * k->spec.C,
          M + p * k->block * k->K8);
}

static void output_tile(const job *j, const float *M, int64_t first, int64_t t) {
  const winograd_kernel *k = j->k;
  int64_t per_picture = k->tiles_y * k->tiles_x, tile = first + t;
  float *picture = j->out + tile / per_picture * k->spec.OH * k->spec.OW * k->spec.out_stride;
  const float *from = M + t * k->K8;
  if (k->t == 6)
    transform_output(k, 6, from, tile % per_picture, picture);
  else
    transform_output(k, 4, from, tile % per_picture, picture);
}

static float *block_V(const job *j, size_t worker) {
  return j->work + (int64_t)worker * work_floats(j->k);
}

static float *block_M(const job *j, size_t worker) {
  return block_V(j, worker) + j->k->P * j->k->block * j->k->spec.C;
}

static void private_block(void *context, size_t thread, size_t index) {
  const job *j = context;
  int64_t first = (int64_t)index * j->k->block;
  int64_t n = j->tiles - first < j->k->block ? j->tiles - first : j->k->block;
  float *V = block_V(j, thread), *M = block_M(j, thread);
  for (int64_t t = 0; t < n; t++) input_tile(j, V, first, t);
  for (int64_t p = 0; p < j->k->P; p++) position_product(j, V, M, n, p);
  for (int64_t t = 0; t < n; t++) output_tile(j, M, first, t);
}

static void shared_input(void *context, size_t t) {
  const job *j = context;
  input_tile(j, block_V(j, 0), j->first, (int64_t)t);
}

static void shared_product(void *context, size_t p) {
  const job *j = context;
  position_product(j, block_V(j, 0), block_M(j, 0), j->n, (int64_t)p);
}

static void shared_output(void *context, size_t t) {
  const job *j = context;
  output_tile(j, block_M(j, 0), j->first, (int64_t)t);
}

/* ---- Weights made anew ---------------------------------------------------------------------------- */

/* Floats of a group's weights: as they are, [8][9][C], and transformed, [P][C][8]. */
static int64_t group_floats(const winograd_kernel *k) {
  return (9 + k->P) * COLUMNS * k->spec.C;
}

/* u = G g G^T for four output channels at once. g: [9], `step` floats from one channel to the next,
 * C floats from one of the nine to the next; u: positions `position` floats apart. */
static inline ALWAYS_INLINE void transform_four(int t, gcam_f4 G[MOST_T][3], const float *g,
                                                int64_t step, int64_t C, float *u,
                                                int64_t position) {
  gcam_f4 in[9], half[MOST_T][3];
  for (int i = 0; i < 9; i++) {
    const float *x = g + i * C;
    in[i] = (gcam_f4){x[0], x[step], x[2 * step], x[3 * step]};
  }
  for (int i = 0; i < t; i++)
    for (int j = 0; j < 3; j++)
      half[i][j] = G[i][0] * in[j] + G[i][1] * in[3 + j] + G[i][2] * in[6 + j];
  for (int i = 0; i < t; i++)
    for (int j = 0; j < t; j++) {
      gcam_f4 sum = half[i][0] * G[j][0] + half[i][1] * G[j][1] + half[i][2] * G[j][2];
      gcam_f4_store(u + (i * t + j) * position, sum);
    }
}

/* The weights of one group, and its part of the product: no more of U than a group is ever there. */
static void group_product(void *context, size_t thread, size_t group) {
  const job *j = context;
  const winograd_kernel *k = j->k;
  int64_t C = k->spec.C, per_channel = 9 * C, first = (int64_t)group * COLUMNS;
  float *g = j->work + work_floats(k) + (int64_t)thread * group_floats(k);
  float *U = g + per_channel * COLUMNS;
  for (int64_t n = 0; n < COLUMNS; n++)
    if (first + n < k->spec.K)
      gcam_weight_read(k->source, k->source_shape, (first + n) * per_channel, per_channel,
                       g + n * per_channel);
    else
      memset(g + n * per_channel, 0, (size_t)per_channel * sizeof *g);
  double matrix[MOST_T][3];
  gcam_f4 G[MOST_T][3];
  weight_matrix(k->t, matrix);
  for (int i = 0; i < k->t; i++)
    for (int q = 0; q < 3; q++) G[i][q] = gcam_f4_splat((float)matrix[i][q]);
  for (int64_t ch = 0; ch < C; ch++)
    for (int64_t n = 0; n < COLUMNS; n += 4) {
      const float *from = g + n * per_channel + ch;
      float *to = U + ch * COLUMNS + n;
      if (k->t == 6)
        transform_four(6, G, from, per_channel, C, to, C * COLUMNS);
      else
        transform_four(4, G, from, per_channel, C, to, C * COLUMNS);
    }
  for (int64_t p = 0; p < k->P; p++)
    column_product(j->n, C, k->K8, block_V(j, 0) + p * k->block * C, U + p * C * COLUMNS,
                   block_M(j, 0) + p * k->block * k->K8 + first);
}

/* U stays where it is small, and beside float weights of which it is m = 4's: there, time would be
 * spent for little memory. */
static void stay_lean(gcam_kernel *kernel, const gcam_weight *source, const gcam_shape *shape) {
  winograd_kernel *k = (winograd_kernel *)kernel;
  if (!k->shared || kernel->bytes < LEAN_U_BYTES) return;
  if (source->dtype == GCAM_F32 && k->m == 4) return;
  gcam_floats_free(k->U);
  k->U = NULL;
  k->source = source;
  k->source_shape = shape;
  kernel->recover = NULL;
  kernel->bytes = 0;
}

static gcam_status winograd_run(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
                                const gcam_pool *pool, gcam_error *err) {
  winograd_kernel *k = (winograd_kernel *)kernel;
  int64_t floats = work_floats(k) * (k->shared ? 1 : pool->count);
  if (k->source) floats += group_floats(k) * pool->count;
  float *work = gcam_pool_work(pool, floats);
  if (!work)
    return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution's work space");
  job j = {k, in, out, work, batch * k->tiles_y * k->tiles_x, 0, 0};
  if (!k->shared) {
    gcam_parallel_with_thread(pool, (size_t)((j.tiles + k->block - 1) / k->block), private_block,
                              &j);
    return GCAM_OK;
  }
  for (; j.first < j.tiles; j.first += j.n) {
    j.n = j.tiles - j.first < k->block ? j.tiles - j.first : k->block;
    gcam_parallel(pool, (size_t)j.n, shared_input, &j);
    if (k->source)
      gcam_parallel_with_thread(pool, (size_t)(k->K8 / COLUMNS), group_product, &j);
    else
      gcam_parallel(pool, (size_t)k->P, shared_product, &j);
    gcam_parallel(pool, (size_t)j.n, shared_output, &j);
  }
  return GCAM_OK;
}

static void winograd_free(gcam_kernel *kernel) {
  winograd_kernel *k = (winograd_kernel *)kernel;
  gcam_floats_free(k->U);
  gcam_floats_free(k->bias);
  gcam_floats_free(k->zeros);
  free(k);
}

bool gcam_winograd_fits(const gcam_conv_spec *c) {
  if (c->direct || c->kh != 3 || c->kw != 3 || c->sh != 1 || c->sw != 1 || c->dh != 1 || c->dw != 1 ||
      c->groups != 1 || c->C % 4 || c->pt < 0 || c->pl < 0 || c->pb < 0 || c->pr < 0)
    return false;
  /* Below these sizes the transforms and the remainders of tiles eat the gain (npm run bench). */
  return c->C >= 16 && c->K >= 16 && c->OH * c->OW >= 36;
}

static void choose_walk(winograd_kernel *k) {
  const gcam_conv_spec *c = &k->spec;
  int64_t floats = (int64_t)sizeof(float), weights = k->K8 * c->C * floats;
  k->m = 36 * weights > LARGE_U_BYTES ? 2 : 4;
  k->t = k->m + 2;
  k->P = k->t * k->t;
  k->tiles_y = (c->OH + k->m - 1) / k->m;
  k->tiles_x = (c->OW + k->m - 1) / k->m;
  int64_t per_tile = k->P * (c->C + k->K8) * floats, tiles = k->tiles_y * k->tiles_x;
  k->shared = k->P * weights > SMALL_U_BYTES;
  k->block = (k->shared ? SHARED_BLOCK_BYTES : PRIVATE_BLOCK_BYTES) / per_tile / ROWS * ROWS;
  if (k->block < 2 * ROWS) k->block = 2 * ROWS;
  if (k->block > tiles) k->block = tiles;
  if (k->shared) { /* blocks of one size rather than a small last one */
    int64_t blocks = (tiles + k->block - 1) / k->block;
    k->block = (tiles + blocks - 1) / blocks;
  }
}

gcam_kernel *gcam_winograd_kernel(const gcam_conv_spec *c, const float *weights, const float *bias,
                                  gcam_error *err) {
  winograd_kernel *k = calloc(1, sizeof *k);
  if (!k) goto no_memory;
  k->base.run = winograd_run;
  k->base.free = winograd_free;
  k->base.recover = recover_weights;
  k->base.stay_lean = stay_lean;
  k->spec = *c;
  k->K8 = (c->K + COLUMNS - 1) / COLUMNS * COLUMNS;
  choose_walk(k);
  k->base.bytes = (size_t)(k->P * k->K8 * c->C) * sizeof(float);
  k->U = gcam_floats_alloc(k->P * k->K8 * c->C);
  k->bias = gcam_floats_alloc(k->K8);
  k->zeros = gcam_floats_alloc(c->C);
  if (!k->U || !k->bias || !k->zeros) goto no_memory;
  memset(k->zeros, 0, (size_t)c->C * sizeof(float));
  memset(k->bias, 0, (size_t)k->K8 * sizeof(float));
  if (bias) memcpy(k->bias, bias, (size_t)c->K * sizeof(float));
  transform_weights(k, weights);
  return &k->base;
no_memory:
  if (k) winograd_free(&k->base);
  gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution");
  return NULL;
}
