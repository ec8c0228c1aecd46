/* conv_xnnpack.c: convolutions and their input gradients on XNNPACK's NHWC float operators.
 *
 * Letters: H W C input, OH OW K output, G groups, s stride, d dilation, p padding.
 *
 * Forward: winograd.c, depthwise.c or dense_conv.c where they are faster; else, for groups and few
 * channels, one operator of XNNPACK's.
 *
 * Input gradient, dx[h] = sum over taps t of W[t]^T dy[(h + p - t d) / s]:
 *   - stride 1: convolution of dy with the kernel flipped and transposed, padding (k - 1) d - p
 *   - depthwise, strided: depthwise.c
 *   - otherwise by phases: every s-th pixel is reached by the same taps, so that such a convolution
 *     of stride 1 makes these pixels, which are then scattered to where they belong. (XNNPACK's
 *     deconvolution takes one pixel at a time where the batch is one.)
 * ConvTranspose likewise. */
#include "kernels/conv_xnnpack.h"

#include <math.h>
#include <string.h>
#include <xnnpack.h>

#include "base/memory.h"
#include "kernels/dense_conv.h"
#include "kernels/depthwise.h"
#include "kernels/rows.h"
#include "kernels/stored_conv.h"
#include "kernels/winograd.h"

/* Floats that are scattered sooner than a thread wakes. */
#define SCATTERED_ALONE ((int64_t)1 << 15)

typedef struct conv_kernel {
  gcam_kernel base;
  gcam_conv_spec spec;
  xnn_operator_t op;
  int64_t batch; /* the operator is shaped for; 0: not yet */
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
  if (k->op) xnn_delete_operator(k->op);
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
  size_t need = 0, alignment = 0, oh, ow;
  enum xnn_status status = xnn_reshape_convolution2d_nhwc_f32(
      k->op, (size_t)batch, (size_t)c->H, (size_t)c->W, &need, &alignment, &oh, &ow, pool->threads);
  if (status != xnn_status_success) return xnn_failed(err, "shaping", status);
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
  enum xnn_status status = xnn_setup_convolution2d_nhwc_f32(k->op, k->workspace, in, out);
  if (status == xnn_status_success) status = xnn_run_operator(k->op, pool->threads);
  return status == xnn_status_success ? GCAM_OK : xnn_failed(err, "running", status);
}

/* dx[a + s i] = small[i], by phases a: what a strided convolution is the transpose of. */
typedef struct phase {
  gcam_kernel *conv;  /* dy to small */
  int64_t y, x, H, W; /* its first pixel and how many */
  int64_t row, first; /* of small: pixels in a row, and the first that counts */
  int64_t pixels;     /* in all */
} phase;

typedef struct phased_kernel {
  gcam_kernel base;
  gcam_conv_spec spec;
  float *rest;  /* [C], where no tap comes */
  float *small; /* [batch][pixels][C] of the largest phase */
  int64_t batch, largest;
  bool whole; /* all pixels are of a phase */
  int count;
  phase phases[];
} phased_kernel;

typedef struct scatter_job {
  const phased_kernel *k;
  const phase *p;
  float *out;
} scatter_job;

static void scatter_row(void *context, size_t index) {
  const scatter_job *j = context;
  const gcam_conv_spec *c = &j->k->spec;
  const phase *p = j->p;
  int64_t b = (int64_t)index / p->H, y = (int64_t)index % p->H;
  gcam_rows_copy(
      &(gcam_rows){.from = j->k->small + (b * p->pixels + p->first + y * p->row) * c->C,
                   .to = j->out + ((b * c->H + p->y + y * c->sh) * c->W + p->x) * c->out_stride,
                   .from_step = c->C,
                   .to_step = c->sw * c->out_stride,
                   .width = c->C,
                   .count = p->W},
      NULL);
}

static gcam_status phased_run(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
                              const gcam_threads *pool, gcam_error *err) {
  phased_kernel *k = (phased_kernel *)kernel;
  const gcam_conv_spec *c = &k->spec;
  if (k->batch != batch) {
    gcam_floats_free(k->small);
    k->batch = 0;
    k->small = gcam_floats_alloc(batch * k->largest * c->C);
    if (!k->small)
      return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution's gradient");
    k->batch = batch;
  }
  if (!k->whole)
    gcam_rows_copy(&(gcam_rows){.from = k->rest,
                                .to = out,
                                .to_step = c->out_stride,
                                .width = c->C,
                                .count = batch * c->H * c->W},
                   pool);
  for (int i = 0; i < k->count; i++) {
    const phase *p = &k->phases[i];
    bool few = batch * p->pixels * c->C < SCATTERED_ALONE;
    GCAM_TRY(p->conv->run(p->conv, batch, in, k->small, pool, err));
    gcam_parallel(few ? NULL : pool, (size_t)(batch * p->H), scatter_row,
                  &(scatter_job){k, p, out});
  }
  return GCAM_OK;
}

static void phased_free(gcam_kernel *kernel) {
  phased_kernel *k = (phased_kernel *)kernel;
  for (int i = 0; i < k->count; i++) gcam_kernel_free(k->phases[i].conv);
  gcam_floats_free(k->rest);
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

static gcam_kernel *xnnpack_kernel(const gcam_conv_spec *c, const float *weights, const float *bias,
                                   gcam_error *err) {
  conv_kernel *k = gcam_alloc_zeroed(1, sizeof *k);
  if (!k) {
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution");
    return NULL;
  }
  k->base.run = conv_run;
  k->base.free = conv_free;
  k->base.bytes = (size_t)(c->K * (c->kh * c->kw * (c->C / c->groups) + 1)) * sizeof(float);
  k->spec = *c;
  enum xnn_status status = xnn_create_convolution2d_nhwc_f32(
      (uint32_t)c->pt, (uint32_t)c->pr, (uint32_t)c->pb, (uint32_t)c->pl, (uint32_t)c->kh,
      (uint32_t)c->kw, (uint32_t)c->sh, (uint32_t)c->sw, (uint32_t)c->dh, (uint32_t)c->dw,
      (uint32_t)c->groups, (size_t)(c->C / c->groups), (size_t)(c->K / c->groups), (size_t)c->C,
      (size_t)c->out_stride, weights, bias, c->lo, c->hi, 0, NULL, NULL, &k->op);
  status = made(status, k->op);
  if (status == xnn_status_success) return &k->base;
  xnn_failed(err, "packing", status);
  conv_free(&k->base);
  return NULL;
}

gcam_kernel *gcam_conv_forward_kernel(const gcam_conv_spec *c, const float *weights,
                                      const float *bias, gcam_error *err) {
  if (gcam_winograd_fits(c)) return gcam_winograd_kernel(c, weights, bias, err);
  if (gcam_depthwise_fits(c)) return gcam_depthwise_kernel(c, weights, bias, err);
  if (gcam_dense_conv_fits(c)) return gcam_dense_conv_kernel(c, weights, bias, err);
  return xnnpack_kernel(c, weights, bias, err);
}

/* Along one axis the taps first, first + step, ... of a convolution, which alone reach pixels a, a
 * + s, ... of its input, and the convolution of stride 1 that makes those of its output. It makes
 * more where it would pad by less than nothing: `skip` of them come first. */
typedef struct axis {
  int64_t first, step, taps, dilation;
  int64_t size, skip, made; /* pixels wanted, not wanted, and in all */
  int64_t before, after;    /* padding */
} axis;

static axis axis_of(int64_t size, int64_t out, int64_t k, int64_t s, int64_t d, int64_t p,
                    int64_t a) {
  axis x = {.step = 1, .size = (size - a + s - 1) / s};
  while (x.step * d % s) x.step++;
  while (x.first < x.step && (a + p - x.first * d) % s) x.first++;
  if (x.first == x.step || x.first >= k) return x; /* no taps */
  x.taps = (k - x.first + x.step - 1) / x.step;
  x.dilation = x.step * d / s;
  int64_t span = (x.taps - 1) * x.dilation, before = span - (a + p - x.first * d) / s;
  int64_t after = x.size - out - before + span;
  x.before = before > 0 ? before : 0;
  x.after = after > 0 ? after : 0;
  x.skip = x.before - before;
  x.made = x.size + x.skip + x.after - after;
  return x;
}

static axis axis_y(const gcam_conv_spec *c, int64_t a) {
  return axis_of(c->H, c->OH, c->kh, c->sh, c->dh, c->pt, a);
}
static axis axis_x(const gcam_conv_spec *c, int64_t a) {
  return axis_of(c->W, c->OW, c->kw, c->sw, c->dw, c->pl, a);
}

/* [K][kh][kw][C/G] to [C][y->taps][x->taps][K/G], per group, from the last tap to the first. */
static float *transpose_weights(const gcam_conv_spec *c, const float *w, const axis *y,
                                const axis *x) {
  int64_t Cg = c->C / c->groups, Kg = c->K / c->groups, taps = y->taps * x->taps;
  float *t = gcam_alloc(c->K * taps * Cg, sizeof *t);
  if (!t) return NULL;
  for (int64_t k = 0; k < c->K; k++)
    for (int64_t tap = 0; tap < taps; tap++) {
      int64_t row = y->first + tap / x->taps * y->step;
      const float *src = w + ((k * c->kh + row) * c->kw + x->first + tap % x->taps * x->step) * Cg;
      float *to = t + (k / Kg * Cg * taps + taps - 1 - tap) * Kg + k % Kg;
      for (int64_t ch = 0; ch < Cg; ch++) to[ch * taps * Kg] = src[ch];
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

/* The convolution that makes of dx what these axes say. */
static gcam_conv_spec part_spec(const gcam_conv_spec *c, const axis *y, const axis *x) {
  gcam_conv_spec t = *c;
  t.H = c->OH, t.W = c->OW, t.C = c->K;
  t.OH = y->made, t.OW = x->made, t.K = c->C;
  t.kh = y->taps, t.kw = x->taps;
  t.dh = y->dilation, t.dw = x->dilation;
  t.pt = y->before, t.pl = x->before;
  t.pb = y->after, t.pr = x->after;
  t.sh = t.sw = 1;
  return t;
}

static gcam_kernel *part_kernel(const gcam_conv_spec *c, const gcam_conv_spec *part, const axis *y,
                                const axis *x, const float *weights, const float *bias,
                                gcam_error *err) {
  float *flipped = transpose_weights(c, weights, y, x);
  if (!flipped) {
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution's gradient");
    return NULL;
  }
  gcam_kernel *kernel = gcam_conv_forward_kernel(part, flipped, bias, err);
  gcam_free(flipped);
  if (kernel) kernel->recover = NULL; /* it would give the flipped weights back */
  return kernel;
}

static gcam_status make_phase(phased_kernel *k, int64_t a, int64_t b, const float *weights,
                              const float *bias, gcam_error *err) {
  const gcam_conv_spec *c = &k->spec;
  axis y = axis_y(c, a), x = axis_x(c, b);
  if (!y.taps || !x.taps) {
    k->whole = false;
    return GCAM_OK;
  }
  gcam_conv_spec part = part_spec(c, &y, &x);
  part.out_stride = part.K;
  phase *p = &k->phases[k->count];
  *p = (phase){.y = a, .x = b, .H = y.size, .W = x.size, .row = x.made};
  p->first = y.skip * x.made + x.skip;
  p->pixels = y.made * x.made;
  if (p->pixels > k->largest) k->largest = p->pixels;
  p->conv = part_kernel(c, &part, &y, &x, weights, bias, err);
  if (!p->conv) return err->status;
  k->base.bytes += p->conv->bytes;
  k->count++;
  return GCAM_OK;
}

static gcam_kernel *phased_kernel_new(const gcam_conv_spec *c, const float *weights,
                                      const float *bias, gcam_error *err) {
  int64_t rows = c->sh < c->H ? c->sh : c->H, columns = c->sw < c->W ? c->sw : c->W;
  int64_t head = (int64_t)(sizeof(phased_kernel) / sizeof(phase)) + 1;
  phased_kernel *k = gcam_alloc_zeroed(head + rows * columns, sizeof(phase));
  float *rest = gcam_floats_alloc(c->C);
  if (!k || !rest) {
    gcam_free(k);
    gcam_floats_free(rest);
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution's gradient");
    return NULL;
  }
  k->base.run = phased_run;
  k->base.free = phased_free;
  k->spec = *c;
  k->rest = rest;
  k->whole = true;
  for (int64_t i = 0; i < c->C; i++) rest[i] = fminf(fmaxf(bias ? bias[i] : 0, c->lo), c->hi);
  gcam_status status = GCAM_OK;
  for (int64_t a = 0; a < rows * columns && !status; a++)
    status = make_phase(k, a / columns, a % columns, weights, bias, err);
  if (!status) return &k->base;
  phased_free(&k->base);
  return NULL;
}

/* Does one convolution make all of dx, and no more? */
static bool is_whole(const gcam_conv_spec *c, const gcam_conv_spec *part) {
  return c->sh == 1 && c->sw == 1 && part->OH == c->H && part->OW == c->W;
}

/* dx of dy, or what a ConvTranspose makes. */
static gcam_kernel *transpose_kernel(const gcam_conv_spec *c, const float *weights,
                                     const float *bias, gcam_error *err) {
  axis y = axis_y(c, 0), x = axis_x(c, 0);
  gcam_conv_spec part = part_spec(c, &y, &x);
  return is_whole(c, &part) ? part_kernel(c, &part, &y, &x, weights, bias, err)
                            : phased_kernel_new(c, weights, bias, err);
}

gcam_kernel *gcam_conv_backward_kernel(const gcam_conv_spec *spec, const float *weights,
                                       gcam_error *err) {
  gcam_conv_spec bare = bare_gradient(spec), *c = &bare;
  bool strided = c->sh > 1 || c->sw > 1;
  err->status = GCAM_OK;
  if (!pads_fit(c) || !fits_u32(c) || !xnnpack_ready()) return NULL;
  if (strided && gcam_depthwise_gradient_fits(c))
    return gcam_depthwise_gradient_kernel(c, weights, err);
  return transpose_kernel(c, weights, NULL, err);
}

/* The rows and columns of the input that no tap reaches are fewer than a stride: the convolution of
 * an input of that size, a ConvTranspose's gradient, has the output's size. */
static bool sizes_agree(const gcam_conv_spec *c) {
  int64_t ah = c->H - ((c->OH - 1) * c->sh + (c->kh - 1) * c->dh + 1 - c->pt - c->pb);
  int64_t aw = c->W - ((c->OW - 1) * c->sw + (c->kw - 1) * c->dw + 1 - c->pl - c->pr);
  return ah >= 0 && aw >= 0 && ah < c->sh && aw < c->sw;
}

bool gcam_conv_transpose_fits(const gcam_conv_spec *c) {
  bool strided = c->sh > 1 || c->sw > 1;
  return gcam_conv_kernel_fits(c) && sizes_agree(c) &&
         !(strided && gcam_depthwise_gradient_fits(c));
}

gcam_kernel *gcam_conv_transpose_kernel(const gcam_conv_spec *c, const float *weights,
                                        const float *bias, gcam_error *err) {
  return transpose_kernel(c, weights, bias, err);
}

gcam_kernel *gcam_conv_lean_kernel(const gcam_conv_spec *c, const gcam_weight_source *source,
                                   const float *bias, gcam_error *err) {
  gcam_conv_spec spec = *c;
  err->status = GCAM_OK;
  if (source->gradient) {
    gcam_conv_spec bare = bare_gradient(c);
    axis y = axis_y(&bare, 0), x = axis_x(&bare, 0);
    spec = part_spec(&bare, &y, &x);
    spec.direct |= !is_whole(&bare, &spec); /* phases are not made of stored weights */
  }
  if (gcam_winograd_fits(&spec) && gcam_winograd_lean(&spec))
    return gcam_winograd_lean_kernel(&spec, source, bias, err);
  return source->scarce ? gcam_stored_conv_kernel(c, source, bias, err) : NULL;
}

void gcam_kernel_free(gcam_kernel *kernel) {
  if (kernel) kernel->free(kernel);
}
