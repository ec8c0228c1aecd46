/* depthwise.c: what XNNPACK leaves out of depthwise convolutions.
 *
 * More than 25 taps (ConvNeXt's 7x7): it would run every channel as a group of its own. Here some
 * channels of a pixel are summed up in registers:
 *   y[oy,ox,c] = bias[c] + sum over taps (i,j) of  x[..,..,c] W[i,j,c]
 * The input gradient with strides:
 *   dx[h,w,c] = sum over taps (i,j) with s | h + p - i d  of  dy[..,..,c] W[i,j,c]
 * XNNPACK has no depthwise deconvolution, and its general one is ten times slower than this loop.
 */
#include "kernels/depthwise.h"

#include <string.h>

#include "base/memory.h"
#include "kernels/simd.h"

enum {
  XNNPACK_TAPS = 25,
  VECTORS = 8 /* of four channels at a time */
};

typedef struct depthwise_kernel {
  gcam_kernel base;
  gcam_conv_spec spec;
  float *weights; /* [kh][kw][C] */
  float *bias;    /* [C], behind the weights; the gradient has none */
} depthwise_kernel;

typedef struct rows_task {
  const depthwise_kernel *k;
  const float *in;
  float *out;
} rows_task;

/* ---- Forward -------------------------------------------------------------------------------- */

/* Taps [first, end) that begin at `start` in the input lie inside it. */
typedef struct taps {
  int64_t start, first, end;
} taps;

static taps taps_of(int64_t start, int64_t dilation, int64_t kernel, int64_t in) {
  taps t = {start, start < 0 ? (-start + dilation - 1) / dilation : 0, 0};
  if (start < in) t.end = (in - 1 - start) / dilation + 1;
  if (t.end > kernel) t.end = kernel;
  return t;
}

/* One pixel, channels [c, c + 4 vectors), of which n are there. */
static inline __attribute__((always_inline)) void pixel(const depthwise_kernel *k, int vectors,
                                                        const float *in, taps y, taps x, int64_t c,
                                                        int64_t n, float *out) {
  const gcam_conv_spec *s = &k->spec;
  gcam_f4 sum[VECTORS];
  for (int v = 0; v < vectors; v++) sum[v] = gcam_f4_load_part(k->bias + c + v * 4, n - v * 4, 0);
  for (int64_t i = y.first; i < y.end; i++)
    for (int64_t j = x.first; j < x.end; j++) {
      const float *from = in + ((y.start + i * s->dh) * s->W + x.start + j * s->dw) * s->C + c;
      const float *weight = k->weights + (i * s->kw + j) * s->C + c;
      for (int v = 0; v < vectors; v++)
        sum[v] = gcam_f4_madd(gcam_f4_load_part(from + v * 4, n - v * 4, 0),
                              gcam_f4_load_part(weight + v * 4, n - v * 4, 0), sum[v]);
    }
  for (int v = 0; v < vectors; v++)
    gcam_f4_store_part(out + v * 4, n - v * 4,
                       gcam_f4_clamp(sum[v], gcam_f4_splat(s->lo), gcam_f4_splat(s->hi)));
}

static void forward_row(void *context, size_t index) {
  const rows_task *t = context;
  const gcam_conv_spec *s = &t->k->spec;
  int64_t b = (int64_t)index / s->OH, row = (int64_t)index % s->OH;
  const float *in = t->in + b * s->H * s->W * s->C;
  float *out = t->out + (int64_t)index * s->OW * s->out_stride;
  taps y = taps_of(row * s->sh - s->pt, s->dh, s->kh, s->H);
  for (int64_t c = 0, step; c < s->C; c += step) {
    step = s->C - c < VECTORS * 4 ? 4 : VECTORS * 4;
    for (int64_t w = 0; w < s->OW; w++) {
      taps x = taps_of(w * s->sw - s->pl, s->dw, s->kw, s->W);
      if (step == 4)
        pixel(t->k, 1, in, y, x, c, s->C - c, out + w * s->out_stride + c);
      else
        pixel(t->k, VECTORS, in, y, x, c, VECTORS * 4, out + w * s->out_stride + c);
    }
  }
}

/* ---- Gradient ------------------------------------------------------------------------------- */

static void gradient_row(void *context, size_t index) {
  const rows_task *t = context;
  const gcam_conv_spec *c = &t->k->spec;
  int64_t C = c->C, b = (int64_t)index / c->H, h = (int64_t)index % c->H;
  float *row = t->out + (int64_t)index * c->W * C;
  memset(row, 0, (size_t)(c->W * C) * sizeof *row);
  for (int64_t i = 0; i < c->kh; i++) {
    int64_t y = h + c->pt - i * c->dh;
    if (y < 0 || y % c->sh || y / c->sh >= c->OH) continue;
    const float *dy_row = t->in + (b * c->OH + y / c->sh) * c->OW * C;
    for (int64_t w = 0; w < c->W; w++)
      for (int64_t j = 0; j < c->kw; j++) {
        int64_t x = w + c->pl - j * c->dw;
        if (x < 0 || x % c->sw || x / c->sw >= c->OW) continue;
        const float *restrict dy = dy_row + x / c->sw * C;
        const float *restrict weight = t->k->weights + (i * c->kw + j) * C;
        float *restrict dx = row + w * C;
        for (int64_t ch = 0; ch < C; ch++) dx[ch] += dy[ch] * weight[ch];
      }
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

static gcam_kernel *depthwise_new(const gcam_conv_spec *c, const float *weights, const float *bias,
                                  gcam_error *err) {
  int64_t count = c->kh * c->kw;
  depthwise_kernel *k = gcam_alloc_zeroed(1, sizeof *k);
  float *w = gcam_alloc_zeroed((count + 1) * c->C, sizeof *w);
  if (!k || !w) {
    gcam_free(k);
    gcam_free(w);
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution");
    return NULL;
  }
  for (int64_t ch = 0; ch < c->C; ch++)
    for (int64_t tap = 0; tap < count; tap++) w[tap * c->C + ch] = weights[ch * count + tap];
  k->weights = w;
  k->bias = w + count * c->C;
  if (bias) memcpy(k->bias, bias, (size_t)c->C * sizeof *bias);
  k->base.free = depthwise_free;
  k->base.bytes = (size_t)((count + 1) * c->C) * sizeof *w;
  k->spec = *c;
  return &k->base;
}

bool gcam_depthwise_fits(const gcam_conv_spec *c) {
  return c->groups > 1 && c->groups == c->C && c->C == c->K && c->kh * c->kw > XNNPACK_TAPS;
}

gcam_kernel *gcam_depthwise_kernel(const gcam_conv_spec *c, const float *weights, const float *bias,
                                   gcam_error *err) {
  gcam_kernel *k = depthwise_new(c, weights, bias, err);
  if (k) k->run = forward_run;
  return k;
}

gcam_kernel *gcam_depthwise_gradient_kernel(const gcam_conv_spec *c, const float *weights,
                                            gcam_error *err) {
  gcam_kernel *k = depthwise_new(c, weights, NULL, err);
  if (k) k->run = gradient_run;
  return k;
}
