/* conv_xnnpack.c: convolutions and their input gradients on XNNPACK's NHWC float operators.
 *
 * Letters: H W C input, OH OW K output, G groups, s stride, d dilation, p padding.
 *
 * Forward: one operator, or several that each make a slice of the output channels, so that the
 * packed weights of one slice stay in the L2 cache while the whole picture passes by. Depthwise but
 * for a few taps: depthwise.c.
 *
 * Input gradient, dx[h] = sum over taps t of W[t]^T dy[(h + p - t d) / s]:
 *   - stride 1: convolution of dy with the kernel flipped and transposed, padding (k - 1) d - p
 *   - 1x1, stride > 1: pointwise convolution of dy, scattered to every s-th pixel
 *   - depthwise, strided: depthwise.c
 *   - otherwise: XNNPACK's deconvolution (transposed kernel, not flipped) */
#include "kernels/conv_xnnpack.h"

#include <math.h>
#include <string.h>
#include <xnnpack.h>

#include "base/memory.h"
#include "kernels/depthwise.h"
#include "kernels/stored_conv.h"
#include "kernels/winograd.h"

/* Packed weights of one slice: measurements found 0.6-0.8 MB best (L2 is 2 MB, shared
 * with the activations that stream through). */
enum { SLICE_BYTES = 640 * 1024, MIN_SLICE_CHANNELS = 32 };

typedef struct conv_kernel {
  gcam_kernel base;
  gcam_conv_spec spec;
  bool transposed; /* deconvolution operators */
  int op_count;
  xnn_operator_t *ops;
  int64_t *op_channel; /* first output channel of each slice */
  int64_t batch;       /* the operators are shaped for; 0: not yet */
  void *workspace;
  size_t workspace_size;
} conv_kernel;

/* XNNPACK asks for memory where everybody does (base/memory.h). */
static void *xnn_alloc(void *context, size_t size) {
  (void)context;
  return gcam_alloc((int64_t)size, 1);
}

static void *xnn_alloc_again(void *context, void *p, size_t size) {
  (void)context;
  return gcam_alloc_again(p, (int64_t)size, 1);
}

static void *xnn_alloc_aligned(void *context, size_t alignment, size_t size) {
  (void)context;
  return alignment <= 64 ? gcam_alloc_aligned((int64_t)size, 1) : NULL;
}

static void xnn_free(void *context, void *p) {
  (void)context;
  gcam_free(p);
}

static bool xnnpack_ready(void) {
  static const struct xnn_allocator allocator = {NULL,     xnn_alloc,         xnn_alloc_again,
                                                 xnn_free, xnn_alloc_aligned, xnn_free};
  static int state; /* 0 unknown, 1 ready, 2 failed; racing first calls come to the same result */
  if (!state) state = xnn_initialize(&allocator) == xnn_status_success ? 1 : 2;
  return state == 1;
}

static void conv_free(gcam_kernel *kernel) {
  conv_kernel *k = (conv_kernel *)kernel;
  for (int i = 0; k->ops && i < k->op_count; i++)
    if (k->ops[i]) xnn_delete_operator(k->ops[i]);
  gcam_free(k->ops);
  gcam_free(k->op_channel);
  gcam_free(k->workspace);
  gcam_free(k);
}

static gcam_status xnn_failed(gcam_error *err, const char *what, enum xnn_status status) {
  return status == xnn_status_out_of_memory
             ? gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while %s a convolution", what)
             : gcam_fail(err, GCAM_ERR_STATE, "XNNPACK status %d while %s a convolution",
                         (int)status, what);
}

/* Without memory for its row of zeros XNNPACK makes no operator, and says success. */
static enum xnn_status made(enum xnn_status status, xnn_operator_t op) {
  return status == xnn_status_success && !op ? xnn_status_out_of_memory : status;
}

static gcam_status conv_reshape(conv_kernel *k, int64_t batch, const gcam_threads *pool,
                                gcam_error *err) {
  const gcam_conv_spec *c = &k->spec;
  size_t need = 0, oh, ow;
  for (int i = 0; i < k->op_count; i++) {
    size_t workspace = 0, alignment = 0;
    enum xnn_status status;
    if (k->transposed) {
      /* dx rows the last taps do not reach are asked for as XNNPACK's "adjustment" */
      int64_t ah = c->H - ((c->OH - 1) * c->sh + (c->kh - 1) * c->dh + 1 - c->pt - c->pb);
      int64_t aw = c->W - ((c->OW - 1) * c->sw + (c->kw - 1) * c->dw + 1 - c->pl - c->pr);
      status = xnn_reshape_deconvolution2d_nhwc_f32(k->ops[i], (size_t)batch, (size_t)c->OH,
                                                    (size_t)c->OW, (uint32_t)ah, (uint32_t)aw, &oh,
                                                    &ow, pool->threads);
    } else {
      status =
          xnn_reshape_convolution2d_nhwc_f32(k->ops[i], (size_t)batch, (size_t)c->H, (size_t)c->W,
                                             &workspace, &alignment, &oh, &ow, pool->threads);
    }
    if (status != xnn_status_success) return xnn_failed(err, "shaping", status);
    if (workspace > need) need = workspace;
  }
  if (need > k->workspace_size) {
    gcam_free(k->workspace);
    k->workspace_size = 0;
    k->workspace = gcam_alloc_aligned((int64_t)need, 1);
    if (!k->workspace)
      return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution's work space");
    k->workspace_size = need;
  }
  k->batch = batch;
  return GCAM_OK;
}

static gcam_status conv_run(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
                            const gcam_threads *pool, gcam_error *err) {
  conv_kernel *k = (conv_kernel *)kernel;
  if (k->batch != batch) {
    k->batch = 0;
    GCAM_TRY(conv_reshape(k, batch, pool, err));
  }
  for (int i = 0; i < k->op_count; i++) {
    float *slice = out + k->op_channel[i];
    enum xnn_status status =
        k->transposed ? xnn_setup_deconvolution2d_nhwc_f32(k->ops[i], in, slice)
                      : xnn_setup_convolution2d_nhwc_f32(k->ops[i], k->workspace, in, slice);
    if (status == xnn_status_success) status = xnn_run_operator(k->ops[i], pool->threads);
    if (status != xnn_status_success) return xnn_failed(err, "running", status);
  }
  return GCAM_OK;
}

/* dx[s y][s x] = small[y][x], zero elsewhere: the gradient of a strided 1x1 convolution. */
typedef struct scattered_kernel {
  gcam_kernel base;
  gcam_kernel *inner; /* dy to small */
  gcam_conv_spec spec;
  float *small; /* [batch][OH][OW][C] */
  int64_t batch;
} scattered_kernel;

static gcam_status scattered_run(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
                                 const gcam_threads *pool, gcam_error *err) {
  scattered_kernel *k = (scattered_kernel *)kernel;
  const gcam_conv_spec *c = &k->spec;
  if (k->batch != batch) {
    gcam_floats_free(k->small);
    k->batch = 0;
    k->small = gcam_floats_alloc(batch * c->OH * c->OW * c->C);
    if (!k->small)
      return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution's gradient");
    k->batch = batch;
  }
  GCAM_TRY(k->inner->run(k->inner, batch, in, k->small, pool, err));
  memset(out, 0, (size_t)(batch * c->H * c->W * c->C) * sizeof *out);
  const float *from = k->small;
  for (int64_t b = 0; b < batch; b++)
    for (int64_t y = 0; y < c->OH; y++)
      for (int64_t x = 0; x < c->OW; x++, from += c->C)
        memcpy(out + ((b * c->H + y * c->sh) * c->W + x * c->sw) * c->C, from,
               (size_t)c->C * sizeof *out);
  return GCAM_OK;
}

static void scattered_free(gcam_kernel *kernel) {
  scattered_kernel *k = (scattered_kernel *)kernel;
  gcam_kernel_free(k->inner);
  gcam_floats_free(k->small);
  gcam_free(k);
}

static bool pads_fit(const gcam_conv_spec *c) {
  return c->pt >= 0 && c->pl >= 0 && c->pb >= 0 && c->pr >= 0;
}

static bool fits_u32(const gcam_conv_spec *c) {
  const int64_t v[] = {c->H,  c->W,  c->C,  c->OH, c->OW, c->K,  c->groups, c->kh, c->kw,
                       c->sh, c->sw, c->dh, c->dw, c->pt, c->pl, c->pb,     c->pr, c->out_stride};
  for (size_t i = 0; i < sizeof v / sizeof *v; i++)
    if (v[i] > INT32_MAX) return false;
  return c->H > 0 && c->W > 0 && c->C > 0 && c->OH > 0 && c->OW > 0 && c->K > 0;
}

bool gcam_conv_kernel_fits(const gcam_conv_spec *c) {
  /* XNNPACK refuses an empty clamping range */
  return pads_fit(c) && fits_u32(c) && c->lo < c->hi && xnnpack_ready();
}

static int64_t slice_channels(const gcam_conv_spec *c) {
  if (c->groups > 1) return c->K;
  int64_t per_channel = c->kh * c->kw * c->C * (int64_t)sizeof(float);
  int64_t slices = (c->K * per_channel + SLICE_BYTES - 1) / SLICE_BYTES;
  int64_t channels = ((c->K + slices - 1) / slices + 7) / 8 * 8; /* whole GEMM tiles of 8 */
  return channels < MIN_SLICE_CHANNELS ? MIN_SLICE_CHANNELS : channels;
}

static conv_kernel *conv_new(const gcam_conv_spec *c, int op_count) {
  conv_kernel *k = gcam_alloc_zeroed(1, sizeof *k);
  if (!k) return NULL;
  k->base.run = conv_run;
  k->base.free = conv_free;
  k->spec = *c;
  k->op_count = op_count;
  k->ops = gcam_alloc_zeroed(op_count, sizeof *k->ops);
  k->op_channel = gcam_alloc_zeroed(op_count, sizeof *k->op_channel);
  if (!k->ops || !k->op_channel) {
    conv_free(&k->base);
    return NULL;
  }
  return k;
}

gcam_kernel *gcam_conv_forward_kernel(const gcam_conv_spec *c, const float *weights,
                                      const float *bias, gcam_error *err) {
  if (gcam_winograd_fits(c)) return gcam_winograd_kernel(c, weights, bias, err);
  if (gcam_depthwise_fits(c)) return gcam_depthwise_kernel(c, weights, bias, err);
  int64_t step = slice_channels(c);
  conv_kernel *k = conv_new(c, (int)((c->K + step - 1) / step));
  if (!k) {
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution");
    return NULL;
  }
  int64_t taps = c->kh * c->kw * (c->C / c->groups);
  k->base.bytes = (size_t)(c->K * (taps + 1)) * sizeof(float);
  for (int i = 0; i < k->op_count; i++) {
    int64_t from = i * step, channels = c->K - from < step ? c->K - from : step;
    k->op_channel[i] = from;
    int64_t group_out = k->op_count == 1 ? c->K / c->groups : channels;
    enum xnn_status status = xnn_create_convolution2d_nhwc_f32(
        (uint32_t)c->pt, (uint32_t)c->pr, (uint32_t)c->pb, (uint32_t)c->pl, (uint32_t)c->kh,
        (uint32_t)c->kw, (uint32_t)c->sh, (uint32_t)c->sw, (uint32_t)c->dh, (uint32_t)c->dw,
        (uint32_t)c->groups, (size_t)(c->C / c->groups), (size_t)group_out, (size_t)c->C,
        (size_t)c->out_stride, weights + from * taps, bias ? bias + from : NULL, c->lo, c->hi, 0,
        NULL, NULL, &k->ops[i]);
    status = made(status, k->ops[i]);
    if (status != xnn_status_success) {
      xnn_failed(err, "packing", status);
      conv_free(&k->base);
      return NULL;
    }
  }
  return &k->base;
}

/* [K][kh][kw][C/G] to [C][kh][kw][K/G], per group; flipped in kh and kw or not. */
static float *transpose_weights(const gcam_conv_spec *c, const float *w, bool flip) {
  int64_t Cg = c->C / c->groups, Kg = c->K / c->groups, taps = c->kh * c->kw;
  float *t = gcam_alloc(c->K * taps * Cg, sizeof *t);
  if (!t) return NULL;
  for (int64_t g = 0; g < c->groups; g++)
    for (int64_t k = 0; k < Kg; k++)
      for (int64_t tap = 0; tap < taps; tap++) {
        const float *src = w + ((g * Kg + k) * taps + tap) * Cg;
        int64_t at = flip ? taps - 1 - tap : tap;
        for (int64_t ch = 0; ch < Cg; ch++) t[((g * Cg + ch) * taps + at) * Kg + k] = src[ch];
      }
  return t;
}

/* The convolution without what comes behind it: no clamp, and a dense result. */
static gcam_conv_spec bare_gradient(const gcam_conv_spec *c) {
  gcam_conv_spec t = *c;
  t.lo = -INFINITY, t.hi = INFINITY;
  t.out_stride = t.C;
  return t;
}

/* The convolution that makes dx of dy, where the stride is 1. */
static gcam_conv_spec gradient_spec(const gcam_conv_spec *c) {
  gcam_conv_spec t = *c;
  t.H = c->OH, t.W = c->OW, t.C = c->K;
  t.OH = c->H, t.OW = c->W, t.K = c->C;
  t.pt = (c->kh - 1) * c->dh - c->pt;
  t.pl = (c->kw - 1) * c->dw - c->pl;
  t.pb = c->H - c->OH - t.pt + (c->kh - 1) * c->dh;
  t.pr = c->W - c->OW - t.pl + (c->kw - 1) * c->dw;
  return t;
}

static gcam_kernel *stride1_gradient(const gcam_conv_spec *c, const float *weights,
                                     const float *bias, gcam_error *err) {
  gcam_conv_spec t = gradient_spec(c);
  if (!gcam_conv_kernel_fits(&t)) return NULL;
  float *flipped = transpose_weights(c, weights, true);
  if (!flipped) {
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution's gradient");
    return NULL;
  }
  gcam_kernel *kernel = gcam_conv_forward_kernel(&t, flipped, bias, err);
  gcam_free(flipped);
  if (kernel) kernel->recover = NULL; /* it would give the flipped weights back */
  return kernel;
}

static gcam_kernel *pointwise_strided_gradient(const gcam_conv_spec *c, const float *weights,
                                               gcam_error *err) {
  gcam_conv_spec small = *c;
  small.H = c->OH, small.W = c->OW, small.sh = small.sw = 1;
  gcam_kernel *inner = stride1_gradient(&small, weights, NULL, err);
  if (!inner) return NULL;
  scattered_kernel *k = gcam_alloc_zeroed(1, sizeof *k);
  if (!k) {
    gcam_kernel_free(inner);
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution's gradient");
    return NULL;
  }
  k->base.run = scattered_run;
  k->base.free = scattered_free;
  k->base.bytes = inner->bytes;
  k->inner = inner;
  k->spec = *c;
  return &k->base;
}

/* The rows and columns of the input that no tap reaches are fewer than a stride: the convolution of
 * an input of that size has the output's size. */
static bool sizes_agree(const gcam_conv_spec *c) {
  int64_t ah = c->H - ((c->OH - 1) * c->sh + (c->kh - 1) * c->dh + 1 - c->pt - c->pb);
  int64_t aw = c->W - ((c->OW - 1) * c->sw + (c->kw - 1) * c->dw + 1 - c->pl - c->pr);
  return ah >= 0 && aw >= 0 && ah < c->sh && aw < c->sw;
}

/* Does XNNPACK's deconvolution take it? */
static bool deconvolution_fits(const gcam_conv_spec *c) {
  if (!sizes_agree(c)) return false;
  /* A side shorter than the stride makes the size of XNNPACK's sub-convolutions wrap below zero. */
  return c->H >= c->sh && c->W >= c->sw;
}

static gcam_kernel *strided_gradient(const gcam_conv_spec *c, const float *weights,
                                     const float *bias, gcam_error *err) {
  if (!deconvolution_fits(c)) return NULL;
  conv_kernel *k = conv_new(c, 1);
  float *swapped = transpose_weights(c, weights, false);
  if (!k || !swapped) {
    gcam_free(swapped);
    if (k) conv_free(&k->base);
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution's gradient");
    return NULL;
  }
  k->transposed = true;
  k->base.bytes = (size_t)(c->K * c->kh * c->kw * (c->C / c->groups)) * sizeof(float);
  enum xnn_status status = xnn_create_deconvolution2d_nhwc_f32(
      (uint32_t)c->pt, (uint32_t)c->pr, (uint32_t)c->pb, (uint32_t)c->pl, (uint32_t)c->kh,
      (uint32_t)c->kw, (uint32_t)c->sh, (uint32_t)c->sw, (uint32_t)c->dh, (uint32_t)c->dw,
      (uint32_t)c->groups, (size_t)(c->K / c->groups), (size_t)(c->C / c->groups), (size_t)c->K,
      (size_t)c->out_stride, swapped, bias, c->lo, c->hi, 0, NULL, NULL, &k->ops[0]);
  gcam_free(swapped);
  status = made(status, k->ops[0]);
  if (status != xnn_status_success) {
    conv_free(&k->base);
    if (status == xnn_status_out_of_memory) xnn_failed(err, "packing", status);
    return NULL;
  }
  return &k->base;
}

gcam_kernel *gcam_conv_backward_kernel(const gcam_conv_spec *spec, const float *weights,
                                       gcam_error *err) {
  gcam_conv_spec bare = bare_gradient(spec), *c = &bare;
  err->status = GCAM_OK;
  if (!pads_fit(c) || !fits_u32(c) || !xnnpack_ready()) return NULL;
  if (c->sh == 1 && c->sw == 1) return stride1_gradient(c, weights, NULL, err);
  if (gcam_depthwise_gradient_fits(c)) return gcam_depthwise_gradient_kernel(c, weights, err);
  if (c->kh == 1 && c->kw == 1 && !c->pt && !c->pl && !c->pb && !c->pr)
    return pointwise_strided_gradient(c, weights, err);
  return strided_gradient(c, weights, NULL, err);
}

bool gcam_conv_transpose_fits(const gcam_conv_spec *c) {
  gcam_conv_spec stride1 = gradient_spec(c);
  if (!gcam_conv_kernel_fits(c) || !sizes_agree(c)) return false;
  if (c->sh == 1 && c->sw == 1) return gcam_conv_kernel_fits(&stride1);
  return !gcam_depthwise_gradient_fits(c) && deconvolution_fits(c);
}

gcam_kernel *gcam_conv_transpose_kernel(const gcam_conv_spec *c, const float *weights,
                                        const float *bias, gcam_error *err) {
  err->status = GCAM_OK;
  gcam_kernel *kernel = c->sh == 1 && c->sw == 1 ? stride1_gradient(c, weights, bias, err)
                                                 : strided_gradient(c, weights, bias, err);
  if (!kernel && !err->status)
    gcam_fail(err, GCAM_ERR_STATE, "XNNPACK does not take a transposed convolution");
  return kernel;
}

gcam_kernel *gcam_conv_lean_kernel(const gcam_conv_spec *c, const gcam_weight_source *source,
                                   const float *bias, gcam_error *err) {
  gcam_conv_spec bare = bare_gradient(c), spec = source->gradient ? gradient_spec(&bare) : *c;
  err->status = GCAM_OK;
  if (gcam_winograd_fits(&spec) && gcam_winograd_lean(&spec))
    return gcam_winograd_lean_kernel(&spec, source, bias, err);
  return source->scarce ? gcam_stored_conv_kernel(c, source, bias, err) : NULL;
}

void gcam_kernel_free(gcam_kernel *kernel) {
  if (kernel) kernel->free(kernel);
}
