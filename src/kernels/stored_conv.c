/* stored_conv.c: see the header.
 *
 * The input is copied into a grid with its padding, row after row, so that a tap (i, j) sees it
 * moved by i Wp + j pixels, Wp the width of the grid: the sum over one tap is one product of all
 * pixels by its weights. Rows and columns of the sums that lie in the padding, or between strides,
 * are left out on the way to the output.
 *   forward    y[o]  = sum over taps t of W[t] x[o s + t d - p]
 *   gradient   dx[h] = sum over taps t of W[k - 1 - t]^T g[h + t d - ((k - 1) d - p)], where
 *              g[o s] = dy[o], and zero between */
#include "kernels/stored_conv.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/matrix_product.h"

/* Along one axis. */
typedef struct line {
  int64_t in, out, grid;     /* elements */
  int64_t in_step, out_step; /* on the grid */
  int64_t before;            /* grid elements before the first of the input */
  int64_t kernel, dilation;
} line;

typedef struct stored_conv {
  gcam_kernel base;
  line y, x;
  int64_t groups, in, out; /* channels of a group */
  bool back;
  float lo, hi;
  int64_t out_stride;
  const gcam_weight *weight;
  float *bias; /* [groups out], behind the structure; NULL: none */
} stored_conv;

static line make_line(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation,
                      int64_t pad, bool back) {
  line l = {in, out, 0, 1, stride, pad, kernel, dilation};
  if (back) l = (line){out, in, 0, stride, 1, (kernel - 1) * dilation - pad, kernel, dilation};
  l.grid = (l.out - 1) * l.out_step + (kernel - 1) * dilation + 1;
  return l;
}

static void fill_grid(const stored_conv *k, const float *in, float *grid) {
  const line *ly = &k->y, *lx = &k->x;
  int64_t C = k->groups * k->in;
  memset(grid, 0, (size_t)(ly->grid * lx->grid * C) * sizeof *grid);
  for (int64_t y = 0; y < ly->in; y++)
    for (int64_t x = 0; x < lx->in; x++) {
      int64_t row = ly->before + y * ly->in_step, column = lx->before + x * lx->in_step;
      if (row < ly->grid && column < lx->grid)
        memcpy(grid + (row * lx->grid + column) * C, in + (y * lx->in + x) * C,
               (size_t)C * sizeof *grid);
    }
}

/* sums [rows][out] = those of one group */
static void sum_taps(const stored_conv *k, int64_t group, int64_t rows, const float *grid,
                     float *sums, const gcam_threads *pool) {
  int64_t taps = k->y.kernel * k->x.kernel, C = k->groups * k->in;
  int64_t depth = k->back ? k->out : k->in; /* the weights' last axis */
  const float *W = (const float *)k->weight->data + group * k->in * k->out * taps;
  for (int64_t t = 0; t < taps; t++) {
    int64_t i = t / k->x.kernel * k->y.dilation, j = t % k->x.kernel * k->x.dilation;
    gcam_products p = {.M = rows, .N = k->out, .K = k->in, .c = sums, .alpha = 1, .add = t > 0};
    p.a = (gcam_matrix){grid + (i * k->x.grid + j) * C + group * k->in, C, 1};
    p.b = (gcam_matrix){W + (k->back ? taps - 1 - t : t) * depth, k->back ? taps * depth : 1,
                        k->back ? 1 : taps * depth};
    gcam_products_run(&p, pool);
  }
}

static void put_group(const stored_conv *k, int64_t group, const float *sums, float *out) {
  for (int64_t y = 0; y < k->y.out; y++)
    for (int64_t x = 0; x < k->x.out; x++) {
      const float *from = sums + (y * k->y.out_step * k->x.grid + x * k->x.out_step) * k->out;
      float *to = out + (y * k->x.out + x) * k->out_stride + group * k->out;
      for (int64_t c = 0; c < k->out; c++) {
        float v = from[c] + (k->bias ? k->bias[group * k->out + c] : 0);
        to[c] = v < k->lo ? k->lo : v > k->hi ? k->hi : v;
      }
    }
}

static gcam_status stored_conv_run(gcam_kernel *kernel, int64_t batch, const float *in, float *out,
                                   const gcam_threads *pool, gcam_error *err) {
  const stored_conv *k = (const stored_conv *)kernel;
  int64_t C = k->groups * k->in;
  int64_t rows = (k->y.out - 1) * k->y.out_step * k->x.grid + (k->x.out - 1) * k->x.out_step + 1;
  float *grid = gcam_floats_alloc(k->y.grid * k->x.grid * C);
  float *sums = gcam_floats_alloc(rows * k->out);
  for (int64_t b = 0; grid && sums && b < batch; b++) {
    fill_grid(k, in + b * k->y.in * k->x.in * C, grid);
    for (int64_t group = 0; group < k->groups; group++) {
      sum_taps(k, group, rows, grid, sums, pool);
      put_group(k, group, sums, out + b * k->y.out * k->x.out * k->out_stride);
    }
  }
  bool done = grid && sums;
  gcam_floats_free(grid);
  gcam_floats_free(sums);
  return done ? GCAM_OK : gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution");
}

static void stored_conv_free(gcam_kernel *kernel) { gcam_free(kernel); }

gcam_kernel *gcam_stored_conv_kernel(const gcam_conv_spec *c, const gcam_weight_source *source,
                                     const float *bias, gcam_error *err) {
  const gcam_weight *w = source->weight;
  bool back = source->gradient;
  line y = make_line(c->H, c->OH, c->kh, c->sh, c->dh, c->pt, back);
  line x = make_line(c->W, c->OW, c->kw, c->sw, c->dw, c->pl, back);
  err->status = GCAM_OK;
  if (source->gain || w->dtype != GCAM_F32 || w->scale || y.before < 0 || x.before < 0 ||
      (uintptr_t)w->data % _Alignof(float))
    return NULL;
  int64_t channels = back ? c->C : c->K;
  stored_conv *k = gcam_alloc_zeroed(1, (int64_t)sizeof *k + channels * (int64_t)sizeof(float));
  if (!k) {
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a convolution");
    return NULL;
  }
  k->base.run = stored_conv_run, k->base.free = stored_conv_free;
  k->y = y, k->x = x;
  k->groups = c->groups, k->back = back;
  k->in = (back ? c->K : c->C) / c->groups, k->out = channels / c->groups;
  k->lo = back ? -INFINITY : c->lo, k->hi = back ? INFINITY : c->hi;
  k->out_stride = back ? channels : c->out_stride;
  k->weight = w;
  if (bias) k->bias = memcpy(k + 1, bias, (size_t)channels * sizeof *bias);
  return &k->base;
}
