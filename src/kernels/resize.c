/* resize.c: Resize and Upsample of pictures, [N][H][W][C] along H and W: sums of whole pixels.
 * Forward a task is a row of the output; backward, where pixels share sources, it is some channels
 * of all pixels. */
#include "ops/resize.h"

#include "kernels/kernel.h"
#include "kernels/simd.h"

enum { CHANNELS = 64 }; /* of a task on the way back */

typedef struct job {
  const gcam_resize_params *p;
  const float *from;
  float *to;
  int64_t blocks; /* backward: tasks of one cotangent */
} job;

/* to += weight from, n floats */
static void add_scaled(float *restrict to, const float *restrict from, float weight, int64_t n) {
  gcam_f4 w = gcam_f4_splat(weight);
  for (; n > 0; n -= 4, from += 4, to += 4)
    gcam_f4_store_part(to, n,
                       gcam_f4_madd(w, gcam_f4_load_part(from, n, 0), gcam_f4_load_part(to, n, 0)));
}

/* Row o of y, and what it is made of; channels [c, c + n). y is the destination, or the source. */
static __attribute__((noinline)) void sum_row(const gcam_resize_params *p, int64_t o,
                                              const float *from, float *to, bool back, int64_t n) {
  const gcam_resize_axis *pictures = &p->axis[0], *rows = &p->axis[1], *columns = &p->axis[2];
  int64_t picture = pictures->index[o / rows->out], tap = o % rows->out * rows->taps, C = p->inner;
  for (int i = 0; i < rows->taps; i++) {
    int64_t row = (picture * rows->in + rows->index[tap + i]) * columns->in;
    for (int64_t x = 0, k = 0; x < columns->out; x++)
      for (int j = 0; j < columns->taps; j++, k++) {
        int64_t x_at = (row + columns->index[k]) * C, y_at = (o * columns->out + x) * C;
        add_scaled(to + (back ? x_at : y_at), from + (back ? y_at : x_at),
                   rows->weight[tap + i] * columns->weight[k], n);
      }
  }
}

static void forward_task(void *context, size_t index) {
  const job *j = context;
  int64_t row = j->p->axis[2].out * j->p->inner;
  memset(j->to + (int64_t)index * row, 0, (size_t)row * sizeof *j->to);
  sum_row(j->p, (int64_t)index, j->from, j->to, false, j->p->inner);
}

static void backward_task(void *context, size_t index) {
  const job *j = context;
  const gcam_resize_axis *axis = j->p->axis;
  int64_t b = (int64_t)index / j->blocks, c = (int64_t)index % j->blocks * CHANNELS;
  int64_t C = j->p->inner, rows = axis[0].out * axis[1].out;
  const float *from = j->from + b * rows * axis[2].out * C + c;
  float *to = j->to + b * axis[0].in * axis[1].in * axis[2].in * C + c;
  for (int64_t o = 0; o < rows; o++)
    sum_row(j->p, o, from, to, true, C - c < CHANNELS ? C - c : CHANNELS);
}

static bool applies(const gcam_graph *graph, const gcam_node *node) {
  const gcam_resize_params *p = node->params;
  (void)graph;
  return p->depth == 3 && p->axis[0].taps == 1;
}

static void forward(const gcam_args *a, const gcam_threads *pool) {
  job j = {a->node->params, a->in[0], a->out[0], 0};
  gcam_parallel(pool, (size_t)(j.p->axis[0].out * j.p->axis[1].out), forward_task, &j);
}

static void backward(const gcam_args *a, const gcam_threads *pool) {
  if (!a->dout[0] || !a->din[0]) return;
  job j = {a->node->params, a->dout[0], a->din[0], 0};
  j.blocks = (j.p->inner + CHANNELS - 1) / CHANNELS;
  gcam_parallel(pool, (size_t)(a->B * j.blocks), backward_task, &j);
}

const gcam_twin gcam_twin_resize = {&gcam_op_resize, applies, .forward = forward,
                                    .backward = backward};
const gcam_twin gcam_twin_upsample = {&gcam_op_upsample, applies, .forward = forward,
                                      .backward = backward};
