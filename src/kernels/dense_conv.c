/* dense_conv.c: y = clamp(conv(x) + bias) as one product of all pixels by all weights:
 *
 *   y[pixel][K] = a[pixel][kh kw C] w[kh kw C][K]
 *
 * where a row of a is what a pixel's taps see. A task gathers some pixels' rows, a slice of their
 * depth at a time, into the first cache, as the tiles of tiles.h want them, and multiplies them by
 * some of the weights, which were packed when the kernel was made: [K / 8][depth][8]. */
#include "kernels/dense_conv.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/tiles.h"

enum {
  COLUMNS = GCAM_TILE_COLUMNS,
  DEPTH = GCAM_TILE_DEPTH,
  ROWS = 42,                /* of a task: with a slice's depth they fill most of the first cache */
  BLOCK_BYTES = 640 * 1024, /* of weights, which stay in the second while all pixels pass by */
  MIN_BLOCK = 64,           /* columns, of which gathering is a small part */
  TASKS_A_THREAD = 4,
  /* Below these gathering, or beginning and ending a tile, takes more than XNNPACK's narrower tile
   * loses, which reads pixels where they are. */
  LEAST_PIXELS = 6,
  LEAST_COLUMNS = 64,
  LEAST_DEPTH = 96
};

typedef struct dense_conv {
  gcam_kernel base;
  gcam_conv_spec spec;
  int64_t depth, slice; /* kh kw C; and at once, a multiple of 4 */
  int64_t K8;           /* K rounded up to 8 */
  float *weights;       /* [K8 / 8][depth][8], zeros behind K */
  float *bias;          /* [K8] */
} dense_conv;

typedef struct job {
  const dense_conv *k;
  const float *in;
  float *out;
  int64_t pixels;           /* of all pictures */
  int64_t rows, row_blocks; /* of one task, and how many such */
  int64_t columns;          /* of one task */
} job;

/* to[0, depth): numbers [from, from + depth) of what the taps of the pixel at (y, x), as the
 * kernel's first tap sees it, see. */
static void gather_pixel(const gcam_conv_spec *c, const float *picture, int64_t y, int64_t x,
                         int64_t from, int64_t depth, float *to) {
  /* Taps of one row that lie together are one piece. */
  const bool joined = c->dw == 1 && x >= 0 && x + c->kw <= c->W;
  const int64_t piece = joined ? c->kw * c->C : c->C, step = joined ? c->kw : 1;
  int64_t tap = from / piece * step, at = from % piece;
  for (int64_t n; depth > 0; depth -= n, to += n, tap += step, at = 0) {
    int64_t py = y + tap / c->kw * c->dh, px = x + tap % c->kw * c->dw;
    n = piece - at < depth ? piece - at : depth;
    if (py >= 0 && py < c->H && px >= 0 && px < c->W)
      gcam_tile_copy(to, picture + (py * c->W + px) * c->C + at, n);
    else
      memset(to, 0, (size_t)n * sizeof *to);
  }
}

/* to[rows][DEPTH]: that of pixels [pixel, pixel + rows). */
static void gather(const job *j, int64_t pixel, int64_t rows, int64_t from, int64_t depth,
                   float *to) {
  const gcam_conv_spec *c = &j->k->spec;
  if (c->kh == 1 && c->kw == 1 && c->sh == 1 && c->sw == 1 && c->OH == c->H && c->OW == c->W) {
    const float *a = j->in + pixel * c->C + from;
    for (; rows > 0; rows--, a += c->C, to += DEPTH) gcam_tile_copy(to, a, depth);
    return;
  }
  int64_t x = pixel % c->OW, y = pixel / c->OW % c->OH;
  const float *picture = j->in + pixel / (c->OW * c->OH) * c->H * c->W * c->C;
  for (; rows > 0; rows--, to += DEPTH) {
    gather_pixel(c, picture, y * c->sh - c->pt, x * c->sw - c->pl, from, depth, to);
    if (++x < c->OW) continue;
    x = 0;
    if (++y < c->OH) continue;
    y = 0;
    picture += c->H * c->W * c->C;
  }
}

static void block_task(void *context, size_t index) {
  const job *j = context;
  const dense_conv *k = j->k;
  const gcam_conv_spec *c = &k->spec;
  float a[ROWS * DEPTH], last[ROWS * COLUMNS];
  const int64_t pixel = (int64_t)index % j->row_blocks * j->rows;
  const int64_t rows = j->pixels - pixel < j->rows ? j->pixels - pixel : j->rows;
  const int64_t first = (int64_t)index / j->row_blocks * j->columns;
  const int64_t end = k->K8 - first < j->columns ? k->K8 : first + j->columns;
  const float limits[2] = {c->lo, c->hi};
  const bool clamps = c->lo > -INFINITY || c->hi < INFINITY;
  float *out = j->out + pixel * c->out_stride;
  for (int64_t from = 0; from < k->depth; from += k->slice) {
    const int64_t depth = k->depth - from < k->slice ? k->depth - from : k->slice;
    gather(j, pixel, rows, from, depth, a);
    for (int64_t n = first; n < end; n += COLUMNS) {
      const bool whole = n + COLUMNS <= c->K;
      gcam_tile_target t = {.to = whole ? out + n : last,
                            .to_step = whole ? c->out_stride : COLUMNS};
      t.from = from ? t.to : k->bias + n;
      t.from_step = from ? t.to_step : 0;
      t.limits = clamps && from + depth == k->depth ? limits : NULL;
      gcam_tiles(rows, depth, a, k->weights + n * k->depth + from * COLUMNS, t);
    }
  }
  if (end > c->K) {
    const int64_t n = k->K8 - COLUMNS;
    for (int64_t r = 0; r < rows; r++)
      gcam_tile_copy(out + r * c->out_stride + n, last + r * COLUMNS, c->K - n);
  }
}

static gcam_status dense_run(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
                             const gcam_threads *pool, gcam_error *err) {
  const dense_conv *k = (const dense_conv *)kernel;
  (void)err;
  job j = {.k = k, .in = in, .out = out, .pixels = batch * k->spec.OH * k->spec.OW};
  j.row_blocks = (j.pixels + ROWS - 1) / ROWS;
  j.rows = (j.pixels + j.row_blocks - 1) / j.row_blocks;
  if (j.row_blocks > 1) j.rows = (j.rows + GCAM_TILE_ROWS - 1) / GCAM_TILE_ROWS * GCAM_TILE_ROWS;
  j.row_blocks = (j.pixels + j.rows - 1) / j.rows;
  int64_t bytes = k->K8 * k->depth * (int64_t)sizeof(float);
  int64_t blocks = (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES, most = k->K8 / MIN_BLOCK;
  while (blocks * j.row_blocks < TASKS_A_THREAD * pool->count && pool->count > 1) blocks++;
  if (blocks > most) blocks = most > 0 ? most : 1;
  j.columns = ((k->K8 + blocks - 1) / blocks + COLUMNS - 1) / COLUMNS * COLUMNS;
  blocks = (k->K8 + j.columns - 1) / j.columns;
  gcam_parallel(pool, (size_t)(blocks * j.row_blocks), block_task, &j);
  return GCAM_OK;
}

static void dense_free(gcam_kernel *kernel) {
  dense_conv *k = (dense_conv *)kernel;
  gcam_floats_free(k->weights);
  gcam_floats_free(k->bias);
  gcam_free(k);
}

static void recover(const void *kernel, float *weights) {
  const dense_conv *k = kernel;
  for (int64_t n = 0; n < k->spec.K; n++)
    for (int64_t d = 0; d < k->depth; d++)
      weights[n * k->depth + d] =
          k->weights[n / COLUMNS * COLUMNS * k->depth + d * COLUMNS + n % COLUMNS];
}

static gcam_status pack(dense_conv *k, const float *weights) {
  float *zeros = gcam_alloc_zeroed(k->depth, sizeof *zeros); /* behind K */
  for (int64_t n = 0; zeros && n < k->K8; n += 4) {
    const float *from[4];
    for (int q = 0; q < 4; q++) from[q] = n + q < k->spec.K ? weights + (n + q) * k->depth : zeros;
    gcam_tile_pack(from, k->depth, k->weights + n / COLUMNS * COLUMNS * k->depth + n % COLUMNS);
  }
  gcam_free(zeros);
  return zeros ? GCAM_OK : GCAM_ERR_MEMORY;
}

bool gcam_dense_conv_fits(const gcam_conv_spec *c) {
  return c->groups == 1 && c->OH * c->OW >= LEAST_PIXELS && c->K >= LEAST_COLUMNS &&
         c->kh * c->kw * c->C >= LEAST_DEPTH;
}

gcam_kernel *gcam_dense_conv_kernel(const gcam_conv_spec *c, const float *weights,
                                    const float *bias, gcam_error *err) {
  dense_conv *k = gcam_alloc_zeroed(1, sizeof *k);
  if (!k) goto no_memory;
  k->base.run = dense_run;
  k->base.free = dense_free;
  k->base.recover = recover;
  k->spec = *c;
  k->depth = c->kh * c->kw * c->C;
  k->slice = gcam_tile_slice(k->depth);
  k->K8 = (c->K + COLUMNS - 1) / COLUMNS * COLUMNS;
  k->base.bytes = (size_t)(k->K8 * (k->depth + 1)) * sizeof(float);
  k->weights = gcam_floats_alloc(k->K8 * k->depth);
  k->bias = gcam_floats_alloc(k->K8);
  if (!k->weights || !k->bias || pack(k, weights)) goto no_memory;
  memset(k->bias, 0, (size_t)k->K8 * sizeof(float));
  if (bias) memcpy(k->bias, bias, (size_t)c->K * sizeof(float));
  return &k->base;
no_memory:
  if (k) dense_free(&k->base);
  gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution");
  return NULL;
}
