/* depthwise.c: dx[h,w,c] = sum over taps (i,j) with s | h + p - i d  of  dy[..,..,c] W[i,j,c].
 * XNNPACK has a depthwise convolution (used for stride 1), but no depthwise deconvolution: its
 * general one runs every channel as a group of its own, ten times slower than this loop. */
#include "kernels/depthwise.h"

#include <string.h>

#include "base/memory.h"

typedef struct depthwise_kernel {
  gcam_kernel base;
  gcam_conv_spec spec;
  float *weights; /* [kh][kw][C] */
} depthwise_kernel;

typedef struct rows_task {
  const depthwise_kernel *k;
  const float *dy;
  float *dx;
} rows_task;

static void gradient_row(void *context, size_t index) {
  const rows_task *t = context;
  const gcam_conv_spec *c = &t->k->spec;
  int64_t C = c->C, b = (int64_t)index / c->H, h = (int64_t)index % c->H;
  float *row = t->dx + (int64_t)index * c->W * C;
  memset(row, 0, (size_t)(c->W * C) * sizeof *row);
  for (int64_t i = 0; i < c->kh; i++) {
    int64_t y = h + c->pt - i * c->dh;
    if (y < 0 || y % c->sh || y / c->sh >= c->OH) continue;
    const float *dy_row = t->dy + (b * c->OH + y / c->sh) * c->OW * C;
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

static gcam_status depthwise_run(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
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

gcam_kernel *gcam_depthwise_gradient_kernel(const gcam_conv_spec *c, const float *weights,
                                            gcam_error *err) {
  depthwise_kernel *k = gcam_alloc_zeroed(1, sizeof *k);
  float *w = gcam_alloc(c->kh * c->kw * c->C, sizeof *w);
  if (!k || !w) {
    gcam_free(k);
    gcam_free(w);
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution's gradient");
    return NULL;
  }
  for (int64_t ch = 0; ch < c->C; ch++)
    for (int64_t tap = 0; tap < c->kh * c->kw; tap++)
      w[tap * c->C + ch] = weights[ch * c->kh * c->kw + tap];
  k->base.run = depthwise_run;
  k->base.free = depthwise_free;
  k->base.bytes = (size_t)(c->kh * c->kw * c->C) * sizeof *w;
  k->spec = *c;
  k->weights = w;
  return &k->base;
}
