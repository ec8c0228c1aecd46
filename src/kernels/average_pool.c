/* average_pool.c: AveragePool without dilation. Both directions are sums over a rectangle of
 * pixels, some channels at a time in registers: y[o] = sum over taps of x / m,  dx[i] += sum over
 * the outputs that read i of dy / m so that windows that overlap need no second look at what they
 * have written. */
#include "kernels/kernel.h"
#include "kernels/simd.h"
#include "ops/pooling.h"

enum {
  VECTORS = 8,    /* of four channels at a time */
  SMALL = 1 << 15 /* additions below which a thread's wake-up costs more than it saves */
};

typedef struct job {
  const gcam_pooling_params *p;
  const float *from;
  float *to;
  bool back, add; /* towards x; to what is there already */
} job;

typedef struct range {
  int64_t first, end;
} range;

/* What element i of the destination sums up, along one axis. */
static range sources(const gcam_window_axis *w, int64_t i, bool back) {
  int64_t at = i + w->pad_begin;
  range r = {i * w->stride - w->pad_begin, 0};
  if (back) r.first = at < w->kernel ? 0 : (at - w->kernel) / w->stride + 1;
  r.end = back ? at / w->stride + 1 : r.first + w->kernel;
  if (r.first < 0) r.first = 0;
  if (r.end > (back ? w->out : w->in)) r.end = back ? w->out : w->in;
  return r;
}

/* One pixel, channels [c, c + 4 vectors), of which n are there. */
static inline __attribute__((always_inline)) void gather(const job *j, int vectors, range y,
                                                         range x, int64_t width, int64_t c,
                                                         int64_t n, float scale, float *to) {
  const gcam_pooling_params *p = j->p;
  gcam_f4 sum[VECTORS];
  for (int v = 0; v < vectors; v++) sum[v] = gcam_f4_splat(0);
  for (int64_t h = y.first; h < y.end; h++) {
    const float *from = j->from + (h * width + x.first) * p->C + c;
    for (int64_t w = x.first; w < x.end; w++, from += p->C) {
      gcam_f4 share = gcam_f4_splat(j->back ? p->share_y[h] * p->share_x[w] : 1);
      for (int v = 0; v < vectors; v++)
        sum[v] = gcam_f4_madd(gcam_f4_load_part(from + v * 4, n - v * 4, 0), share, sum[v]);
    }
  }
  for (int v = 0; v < vectors; v++, to += 4, n -= 4) {
    gcam_f4 s = sum[v] * gcam_f4_splat(scale);
    if (j->add) s += gcam_f4_load_part(to, n, 0);
    gcam_f4_store_part(to, n, s);
  }
}

static void row_task(void *context, size_t index) {
  job j = *(const job *)context;
  const gcam_pooling_params *p = j.p;
  const gcam_window_axis *wy = &p->window.y, *wx = &p->window.x;
  int64_t height = j.back ? wy->in : wy->out, width = j.back ? wx->in : wx->out;
  int64_t from_height = j.back ? wy->out : wy->in, from_width = j.back ? wx->out : wx->in;
  int64_t row = (int64_t)index % height;
  float *to = j.to + (int64_t)index * width * p->C;
  j.from += (int64_t)index / height * from_height * from_width * p->C;
  range y = sources(wy, row, j.back);
  for (int64_t c = 0, step; c < p->C; c += step) {
    step = p->C - c < VECTORS * 4 ? 4 : VECTORS * 4;
    for (int64_t w = 0; w < width; w++) {
      range x = sources(wx, w, j.back);
      float scale = j.back ? 1 : p->share_y[row] * p->share_x[w];
      if (step == 4)
        gather(&j, 1, y, x, from_width, c, p->C - c, scale, to + w * p->C + c);
      else
        gather(&j, VECTORS, y, x, from_width, c, VECTORS * 4, scale, to + w * p->C + c);
    }
  }
}

static void run(const job *j, int64_t pictures, const gcam_threads *pool) {
  const gcam_window *w = &j->p->window;
  int64_t rows = pictures * (j->back ? w->y.in : w->y.out);
  int64_t work = pictures * j->p->C * w->y.out * w->x.out * w->y.kernel * w->x.kernel;
  gcam_parallel(work < SMALL ? NULL : pool, (size_t)rows, row_task, (void *)j);
}

static bool applies(const gcam_graph *graph, const gcam_node *node) {
  const gcam_pooling_params *p = node->params;
  (void)graph;
  return p->window.y.dilation == 1 && p->window.x.dilation == 1;
}

static void forward(const gcam_args *a, const gcam_threads *pool) {
  job j = {a->node->params, a->in[0], a->out[0], false, false};
  run(&j, j.p->N, pool);
}

static void backward(const gcam_args *a, const gcam_threads *pool) {
  if (!a->dout[0] || !a->din[0]) return;
  job j = {a->node->params, a->dout[0], a->din[0], true, !a->overwrite};
  run(&j, j.p->N * a->B, pool); /* the gradient needs no saved value: B more pictures */
}

const gcam_twin gcam_twin_average_pool = {&gcam_op_average_pool, applies, forward, backward,
                                          .overwrites = true};
