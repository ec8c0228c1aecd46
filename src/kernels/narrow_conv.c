/* narrow_conv.c: convolutions of few input channels.
 *
 * XNNPACK goes from tap to tap and has three numbers to multiply at each. Here the rows that an
 * output row sees are copied together with their padding first, and in them a row of taps is one
 * piece of kw C numbers. */
#include "kernels/narrow_conv.h"

#include <string.h>

#include "base/memory.h"
#include "kernels/simd.h"

enum {
  CHANNELS = 4,   /* at most, of the input */
  SEEN = 1 << 15, /* floats at most that an output row sees: they are kept on the stack */
  ROWS = 4,       /* of a register tile, 4 x 8 floats */
  COLUMNS = 8
};

#define ALWAYS_INLINE __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

typedef struct narrow_kernel {
  gcam_kernel base;
  gcam_conv_spec spec;
  int row, step, piece; /* floats: of a padded row, from a pixel to the next, of a row of taps */
  float *weights;       /* of each eight outputs: bias [8], [kh][kw][C][8] */
} narrow_kernel;

typedef struct rows_task {
  const narrow_kernel *k;
  const float *in;
  float *out;
} rows_task;

/* y[rows][8] = clamp(sum of x w + bias). */
static inline ALWAYS_INLINE void tile(const narrow_kernel *k, int rows, const float *x,
                                      const float *w, float *y) {
  const int step = k->step, piece = k->piece, row = k->row;
  gcam_f4 sum[ROWS][2];
  for (int r = 0; r < rows; r++) sum[r][0] = gcam_f4_load(w), sum[r][1] = gcam_f4_load(w + 4);
  w += COLUMNS;
  for (int64_t i = k->spec.kh; i > 0; i--, x += row - piece)
    for (const float *end = x + piece; x < end; x++, w += COLUMNS) {
      gcam_f4 w0 = gcam_f4_load(w), w1 = gcam_f4_load(w + 4);
      for (int r = 0; r < rows; r++) {
        gcam_f4 v = gcam_f4_splat(x[r * step]);
        sum[r][0] = gcam_f4_madd(v, w0, sum[r][0]);
        sum[r][1] = gcam_f4_madd(v, w1, sum[r][1]);
      }
    }
  const gcam_f4 lo = gcam_f4_splat(k->spec.lo), hi = gcam_f4_splat(k->spec.hi);
  for (int r = 0; r < rows; r++, y += k->spec.out_stride) {
    gcam_f4_store(y, gcam_f4_clamp(sum[r][0], lo, hi));
    gcam_f4_store(y + 4, gcam_f4_clamp(sum[r][1], lo, hi));
  }
}

/* A function of its own: in a larger one V8 runs out of registers. */
static NOINLINE void tiles(const narrow_kernel *k, const float *x, const float *w, float *y) {
  int64_t pixels = k->spec.OW;
  for (; pixels >= ROWS; pixels -= ROWS, x += ROWS * k->step, y += ROWS * k->spec.out_stride)
    tile(k, ROWS, x, w, y);
  for (; pixels > 0; pixels--, x += k->step, y += k->spec.out_stride) tile(k, 1, x, w, y);
}

/* The last eight overlap those before: some come out twice. */
static int64_t first_output(const gcam_conv_spec *s, int64_t c) {
  return c + COLUMNS > s->K ? s->K - COLUMNS : c;
}

/* The rows that output row oy sees: to[kh][row]. */
static void gather(const narrow_kernel *k, const float *in, int64_t oy, float *to) {
  const gcam_conv_spec *s = &k->spec;
  int64_t before = s->pl * s->C, rest = k->row - before, width = s->W * s->C;
  if (before > k->row) before = k->row;
  int64_t n = rest < 0 ? 0 : rest < width ? rest : width;
  for (int64_t i = 0; i < s->kh; i++, to += k->row) {
    int64_t y = oy * s->sh - s->pt + i * s->dh;
    bool inside = y >= 0 && y < s->H;
    memset(to, 0, (size_t)(inside ? before : k->row) * sizeof *to);
    if (!inside) continue;
    memcpy(to + before, in + y * width, (size_t)n * sizeof *to);
    memset(to + before + n, 0, (size_t)(k->row - before - n) * sizeof *to);
  }
}

static void row_task(void *context, size_t index) {
  const rows_task *t = context;
  const narrow_kernel *k = t->k;
  const gcam_conv_spec *s = &k->spec;
  float seen[SEEN], *out = t->out + (int64_t)index * s->OW * s->out_stride;
  const float *weights = k->weights;
  gather(k, t->in + (int64_t)index / s->OH * s->H * s->W * s->C, (int64_t)index % s->OH, seen);
  for (int64_t c = 0; c < s->K; c += COLUMNS, weights += (s->kh * k->piece + 1) * COLUMNS)
    tiles(k, seen, weights, out + first_output(s, c));
}

static gcam_status narrow_run(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
                              const gcam_threads *pool, gcam_error *err) {
  (void)err;
  rows_task task = {(narrow_kernel *)kernel, in, out};
  gcam_parallel(pool, (size_t)(batch * task.k->spec.OH), row_task, &task);
  return GCAM_OK;
}

static void narrow_free(gcam_kernel *kernel) {
  gcam_free(((narrow_kernel *)kernel)->weights);
  gcam_free(kernel);
}

/* Floats of a row with its padding, as far as taps reach. */
static int64_t padded_row(const gcam_conv_spec *c) { return ((c->OW - 1) * c->sw + c->kw) * c->C; }

bool gcam_narrow_conv_fits(const gcam_conv_spec *c) {
  return c->groups == 1 && c->C <= CHANNELS && c->kw > 1 && c->dw == 1 && c->K >= COLUMNS &&
         padded_row(c) <= SEEN / c->kh;
}

gcam_kernel *gcam_narrow_conv_kernel(const gcam_conv_spec *c, const float *weights,
                                     const float *bias, gcam_error *err) {
  int64_t depth = c->kh * c->kw * c->C;
  int64_t floats = (c->K + COLUMNS - 1) / COLUMNS * COLUMNS * (depth + 1);
  narrow_kernel *k = gcam_alloc_zeroed(1, sizeof *k);
  float *w = gcam_alloc_zeroed(floats, sizeof *w);
  if (!k || !w) {
    gcam_free(k);
    gcam_free(w);
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution");
    return NULL;
  }
  for (int64_t j = 0; j < floats / (depth + 1); j++) {
    float *to = w + j / COLUMNS * COLUMNS * (depth + 1) + j % COLUMNS;
    int64_t out = first_output(c, j / COLUMNS * COLUMNS) + j % COLUMNS;
    *to = bias ? bias[out] : 0;
    for (int64_t i = 0; i < depth; i++) to[(i + 1) * COLUMNS] = weights[out * depth + i];
  }
  k->weights = w;
  k->row = (int)padded_row(c), k->step = (int)(c->sw * c->C), k->piece = (int)(c->kw * c->C);
  k->base.run = narrow_run;
  k->base.free = narrow_free;
  k->base.bytes = (size_t)floats * sizeof *w;
  k->spec = *c;
  return &k->base;
}
