/* depthwise.c: depthwise convolutions, and their input gradients with strides:
 *   y[oy,ox,c] = bias[c] + sum over taps (i,j) of  x[..,..,c] W[i,j,c]
 *   dx[h,w,c] = sum over taps (i,j) with s | h + p - i d  of  dy[..,..,c] W[i,j,c]
 *
 * Both are sums over rows of pixels. For RUN outputs at once and four channels, the sums and a row
 * of weights stay in registers, and each pixel of the row is loaded once and goes into all the sums
 * that it belongs to. Where the pixels are is found once for all channels; those of the padding are
 * at `zeros`. So borders, dilations and the last, shorter run are nobody's special case. */
#include "kernels/depthwise.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/simd.h"

enum {
  LANES = 4,
  XNNPACK_TAPS = 4, /* up to which its kernels are quicker */
  RUN = 7, /* outputs: V8 has 15 vector registers, for 7 sums, up to 7 weights and a pixel */
  MAX_TAPS = 1024, /* where pixels are is kept on the stack */
  MAX_PIXELS = MAX_TAPS * RUN
};

/* Loops unroll whose bounds are constants, which they are once these are inlined. */
#define ALWAYS_INLINE __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL
#endif

typedef struct depthwise_kernel {
  gcam_kernel base;
  gcam_conv_spec spec;
  int side;       /* taps of one row of pixels: kw, or each for itself: 1 */
  int step;       /* pixels from one output to the next */
  int pixels;     /* of a row: (RUN - 1) step + side */
  float *weights; /* of each four channels: bias [4], [kh][kw][4]. The last four overlap. */
  float *zeros;   /* [C + 4], behind the weights */
} depthwise_kernel;

/* What makes `count` <= RUN outputs, out_step floats apart. */
typedef struct output_run {
  int rows, count;
  float *out;
  size_t out_step;
  uint32_t weight[MAX_TAPS]; /* of each row: offset of its weights, in bytes */
  const float *pixel[MAX_PIXELS];
} output_run;

typedef struct rows_task {
  const depthwise_kernel *k;
  const float *in;
  float *out;
} rows_task;

/* ---- Sums ------------------------------------------------------------------------------------ */

static inline ALWAYS_INLINE void sum_up(int side, int step, const depthwise_kernel *k,
                                        const output_run *run) {
  const size_t end = (size_t)k->spec.C * sizeof(float), four = LANES * sizeof(float);
  const size_t weights_step = (size_t)(k->spec.kh * k->spec.kw + 1) * four;
  const gcam_f4 lo = gcam_f4_splat(k->spec.lo), hi = gcam_f4_splat(k->spec.hi);
  const char *weights = (const char *)k->weights;
  const int rows = run->rows, count = run->count;
  const size_t out_step = run->out_step * sizeof(float);
  char *to = (char *)run->out;
  for (size_t c = 0; c < end; c += four, weights += weights_step) {
    if (c > end - four) c = end - four; /* some again: they come out the same */
    gcam_f4 sum[RUN];
    UNROLL for (int r = 0; r < RUN; r++) sum[r] = gcam_f4_load((const float *)weights);
    const float *const *pixel = run->pixel;
    for (int i = 0; i < rows; i++, pixel += (RUN - 1) * step + side) {
      const float *from = (const float *)(weights + run->weight[i]);
      gcam_f4 weight[RUN];
      UNROLL for (int j = 0; j < side; j++) weight[j] = gcam_f4_load(from + j * LANES);
      UNROLL for (int x = 0; x < (RUN - 1) * step + side; x++) {
        gcam_f4 value = gcam_f4_load((const float *)((const char *)pixel[x] + c));
        UNROLL for (int r = 0; r < RUN; r++) {
          int j = x - r * step;
          if (j >= 0 && j < side) sum[r] = gcam_f4_madd(value, weight[j], sum[r]);
        }
        /* Else LLVM loads all pixels first, more than there are registers. */
        __asm__ volatile("" ::: "memory");
      }
    }
    char *out = to + c;
    UNROLL for (int r = 0; r < RUN; r++, out += out_step) {
      if (r < count) gcam_f4_store((float *)out, gcam_f4_clamp(sum[r], lo, hi));
    }
  }
}

static void end_run(const depthwise_kernel *k, output_run *run) {
  float *out = run->out, spare[RUN * LANES];
  const size_t out_step = run->out_step;
  const bool few = k->spec.C < LANES;
  if (few) run->out = spare, run->out_step = LANES;
  if (k->side == 1)
    sum_up(1, 1, k, run);
  else if (k->side == 3)
    k->step == 1 ? sum_up(3, 1, k, run) : sum_up(3, 2, k, run);
  else if (k->side == 5)
    k->step == 1 ? sum_up(5, 1, k, run) : sum_up(5, 2, k, run);
  else
    sum_up(7, 1, k, run);
  for (int r = 0; few && r < run->count; r++, out += out_step)
    memcpy(out, spare + r * LANES, (size_t)k->spec.C * sizeof *out);
}

/* The row of weights from tap `tap` on, and its pixels of `in` [width][C]: x, x + step, ... A row
 * of padding alone is left out. */
static void add_row(const depthwise_kernel *k, output_run *run, int64_t tap, const float *in,
                    int64_t width, int64_t x, int64_t step) {
  const float **pixel = run->pixel + run->rows * k->pixels;
  const float *zeros = k->zeros;
  int n = 0, pixels = k->pixels;
  for (; n < pixels && x < 0; x += step) pixel[n++] = zeros;
  if (n == pixels || x >= width) return;
  size_t at = (size_t)(x * k->spec.C), at_step = (size_t)(step * k->spec.C);
  for (; n < pixels && x < width; x += step, at += at_step) pixel[n++] = in + at;
  while (n < pixels) pixel[n++] = zeros;
  run->weight[run->rows++] = (uint32_t)((1 + tap) * LANES * (int64_t)sizeof(float));
}

static void begin_run(output_run *run, float *out, int64_t out_step, int64_t count) {
  run->rows = 0;
  run->count = count < RUN ? (int)count : RUN;
  run->out = out;
  run->out_step = (size_t)out_step;
}

/* ---- Forward --------------------------------------------------------------------------------- */

static void forward_row(void *context, size_t index) {
  const rows_task *t = context;
  const depthwise_kernel *k = t->k;
  const gcam_conv_spec *s = &k->spec;
  int64_t b = (int64_t)index / s->OH, oy = (int64_t)index % s->OH;
  float *out = t->out + (int64_t)index * s->OW * s->out_stride;
  output_run run;
  for (int64_t ox = 0; ox < s->OW; ox += RUN) {
    begin_run(&run, out + ox * s->out_stride, s->out_stride, s->OW - ox);
    for (int64_t i = 0; i < s->kh; i++) {
      int64_t y = oy * s->sh - s->pt + i * s->dh;
      if (y < 0 || y >= s->H) continue;
      const float *in = t->in + (b * s->H + y) * s->W * s->C;
      for (int64_t j = 0; j < s->kw; j += k->side)
        add_row(k, &run, i * s->kw + j, in, s->W, ox * s->sw - s->pl + j * s->dw,
                k->side == 1 ? s->sw : 1);
    }
    end_run(k, &run);
  }
}

/* ---- Gradient -------------------------------------------------------------------------------- */

/* A run has every sw-th pixel: they have the same taps. */
static void gradient_row(void *context, size_t index) {
  const rows_task *t = context;
  const depthwise_kernel *k = t->k;
  const gcam_conv_spec *s = &k->spec;
  int64_t b = (int64_t)index / s->H, h = (int64_t)index % s->H;
  float *dx = t->out + (int64_t)index * s->W * s->C;
  output_run run;
  for (int64_t phase = 0; phase < s->sw; phase++)
    for (int64_t w = phase; w < s->W; w += s->sw * RUN) {
      begin_run(&run, dx + w * s->C, s->sw * s->C, (s->W - w + s->sw - 1) / s->sw);
      for (int64_t i = 0; i < s->kh; i++) {
        int64_t y = h + s->pt - i * s->dh;
        if (y < 0 || y % s->sh || y / s->sh >= s->OH) continue;
        const float *dy = t->in + (b * s->OH + y / s->sh) * s->OW * s->C;
        for (int64_t j = 0; j < s->kw; j++) {
          int64_t x = w + s->pl - j * s->dw;
          if (x % s->sw == 0) add_row(k, &run, i * s->kw + j, dy, s->OW, x / s->sw, 1);
        }
      }
      end_run(k, &run);
    }
}

/* ---- Both ------------------------------------------------------------------------------------ */

static gcam_status forward_run(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
                               const gcam_threads *pool, gcam_error *err) {
  (void)err;
  rows_task task = {(depthwise_kernel *)kernel, in, out};
  gcam_parallel(pool, (size_t)(batch * task.k->spec.OH), forward_row, &task);
  return GCAM_OK;
}

static gcam_status gradient_run(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
                                const gcam_threads *pool, gcam_error *err) {
  (void)err;
  rows_task task = {(depthwise_kernel *)kernel, in, out};
  gcam_parallel(pool, (size_t)(batch * task.k->spec.H), gradient_row, &task);
  return GCAM_OK;
}

static void depthwise_free(gcam_kernel *kernel) {
  gcam_free(((depthwise_kernel *)kernel)->weights);
  gcam_free(kernel);
}

static void pack(const gcam_conv_spec *c, const float *weights, const float *bias, float *packed) {
  int64_t taps = c->kh * c->kw;
  for (int64_t first = 0; first < c->C; first += LANES) {
    if (first > c->C - LANES && c->C >= LANES) first = c->C - LANES;
    for (int64_t tap = -1; tap < taps; tap++)
      for (int64_t ch = first; ch < first + LANES; ch++, packed++)
        if (ch < c->C) *packed = tap >= 0 ? weights[ch * taps + tap] : bias ? bias[ch] : 0;
  }
}

static depthwise_kernel *depthwise_new(const gcam_conv_spec *c, const float *weights,
                                       const float *bias, gcam_error *err) {
  int64_t packed = (c->C + LANES - 1) / LANES * LANES * (c->kh * c->kw + 1);
  depthwise_kernel *k = gcam_alloc_zeroed(1, sizeof *k);
  int64_t floats = packed + c->C + LANES;
  float *w = gcam_alloc_zeroed(floats, sizeof *w);
  if (!k || !w) {
    gcam_free(k);
    gcam_free(w);
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution");
    return NULL;
  }
  pack(c, weights, bias, w);
  k->weights = w;
  k->zeros = w + packed;
  k->side = k->step = 1;
  k->pixels = RUN;
  k->base.free = depthwise_free;
  k->base.bytes = (size_t)floats * sizeof *w;
  k->spec = *c;
  return k;
}

static bool is_depthwise(const gcam_conv_spec *c, int64_t min_taps) {
  int64_t taps = c->kh * c->kw;
  return c->groups == c->C && c->C == c->K && taps >= min_taps && taps <= MAX_TAPS;
}

/* Our time / that of XNNPACK's kernels, which load a pixel and a weight for each multiply-add
 * (WebAssembly, one thread, interleaved in one process, best of many):
 *   3x3, stride 1    0.54 (112x112x32) to 0.35 (7x7x960); 0.75 where 11 MB go in and out
 *   3x3, stride 2    0.83 (112x112x96) to 0.50 (28x28x116)
 *   5x5              0.19 to 0.31
 *   others           dilated 3x3 0.6, stride 3 0.9, 4x4 0.3, 1x11 0.2, 9x9 0.8; gradients below 0.7
 *   2x2, 3x1         1.0, 1.15: XNNPACK's. */
bool gcam_depthwise_fits(const gcam_conv_spec *c) { return is_depthwise(c, XNNPACK_TAPS + 1); }

bool gcam_depthwise_gradient_fits(const gcam_conv_spec *c) { return is_depthwise(c, 1); }

gcam_kernel *gcam_depthwise_kernel(const gcam_conv_spec *c, const float *weights, const float *bias,
                                   gcam_error *err) {
  depthwise_kernel *k = depthwise_new(c, weights, bias, err);
  if (!k) return NULL;
  k->base.run = forward_run;
  bool neighbours = c->dw == 1 && (c->sw == 1 || (c->sw == 2 && c->kw < 7));
  if (neighbours && (c->kw == 3 || c->kw == 5 || c->kw == 7)) {
    k->side = (int)c->kw;
    k->step = (int)c->sw;
    k->pixels = (RUN - 1) * k->step + k->side;
  }
  return &k->base;
}

gcam_kernel *gcam_depthwise_gradient_kernel(const gcam_conv_spec *c, const float *weights,
                                            gcam_error *err) {
  depthwise_kernel *k = depthwise_new(c, weights, NULL, err);
  if (!k) return NULL;
  k->base.run = gradient_run;
  k->spec.lo = -INFINITY, k->spec.hi = INFINITY;
  return &k->base;
}
