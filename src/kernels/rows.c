#include "kernels/rows.h"

#include "kernels/kernel.h"
#include "kernels/simd.h"
#include "ops/index_map.h"
#include "ops/split.h"

enum {
  CHUNK = 16384,
  LONG = 1024
}; /* numbers a task; of a row from which on memcpy is no slower */

static void copy_rows(void *context, size_t index) {
  const gcam_rows *r = context;
  int64_t each = CHUNK / r->width + 1, first = (int64_t)index * each;
  int64_t end = first + each < r->count ? first + each : r->count, width = r->width;
  const float *from = r->from + first * r->from_step;
  float *to = r->to + first * r->to_step;
  for (int64_t row = first; row < end; row++, from += r->from_step, to += r->to_step) {
    int64_t i = 0;
    if (r->add) {
      for (; i + 4 <= width; i += 4)
        gcam_f4_store(to + i, gcam_f4_load(to + i) + gcam_f4_load(from + i));
      for (; i < width; i++) to[i] += from[i];
    } else if (width < LONG) {
      for (; i + 4 <= width; i += 4) gcam_f4_store(to + i, gcam_f4_load(from + i));
      gcam_f4_store_part(to + i, width - i, gcam_f4_load_part(from + i, width - i, 0));
    } else {
      memcpy(to, from, (size_t)width * sizeof *to);
    }
  }
}

void gcam_rows_copy(const gcam_rows *rows, const gcam_threads *pool) {
  if (!rows->width) return;
  gcam_rows r = *rows;
  gcam_parallel(pool, (size_t)(r.count / (CHUNK / r.width + 1) + 1), copy_rows, &r);
}

/* ---- Slice ---------------------------------------------------------------------------------- */

static bool slice_applies(const gcam_graph *graph, const gcam_node *node) {
  gcam_index_run run;
  (void)graph;
  return gcam_index_map_run(node->params, &run);
}

static void slice_forward(const gcam_args *a, const gcam_threads *pool) {
  gcam_index_run run;
  gcam_index_map_run(a->node->params, &run);
  gcam_rows_copy(
      &(gcam_rows){a->in[0] + run.start, a->out[0], run.in, run.out, run.out, run.count, false},
      pool);
}

static void slice_backward(const gcam_args *a, const gcam_threads *pool) {
  gcam_index_run run;
  gcam_index_map_run(a->node->params, &run);
  if (!a->dout[0] || !a->din[0]) return;
  gcam_rows_copy(&(gcam_rows){a->dout[0], a->din[0] + run.start, run.out, run.in, run.out,
                              a->B * run.count, true},
                 pool);
}

/* ---- Split ---------------------------------------------------------------------------------- */

static bool always(const gcam_graph *graph, const gcam_node *node) {
  (void)graph, (void)node;
  return true;
}

static void split_forward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_split_params *p = a->node->params;
  const float *from = a->in[0];
  for (int k = 0; k < a->node->output_count; k++) {
    int64_t width = p->sizes[k] * p->inner;
    if (a->out[k])
      gcam_rows_copy(&(gcam_rows){from, a->out[k], p->chunk, width, width, p->outer, false}, pool);
    from += width;
  }
}

static void split_backward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_split_params *p = a->node->params;
  float *to = a->din[0];
  for (int k = 0; to && k < a->node->output_count; k++) {
    int64_t width = p->sizes[k] * p->inner;
    if (a->dout[k])
      gcam_rows_copy(&(gcam_rows){a->dout[k], to, width, p->chunk, width, a->B * p->outer, true},
                     pool);
    to += width;
  }
}

/* ---- Concat --------------------------------------------------------------------------------- */

static void concat_forward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_concat_params *p = a->node->params;
  float *to = a->out[0];
  for (int k = 0; k < a->node->input_count; k++) {
    const gcam_shape *in = gcam_in_shape(a->graph, a->node, k);
    int64_t width = gcam_numel_range(in, p->axis, in->rank);
    gcam_rows_copy(&(gcam_rows){a->in[k], to, width, p->chunk, width, p->outer, false}, pool);
    to += width;
  }
}

static void concat_backward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_concat_params *p = a->node->params;
  const float *from = a->dout[0];
  for (int k = 0; from && k < a->node->input_count; k++) {
    const gcam_shape *in = gcam_in_shape(a->graph, a->node, k);
    int64_t width = gcam_numel_range(in, p->axis, in->rank);
    if (a->din[k]) /* targets are outermost in both */
      gcam_rows_copy(&(gcam_rows){from, a->din[k], p->chunk, width, width, a->B * p->outer, true},
                     pool);
    from += width;
  }
}

const gcam_twin gcam_twin_slice = {&gcam_op_slice, slice_applies, .forward = slice_forward,
                                   .backward = slice_backward};
const gcam_twin gcam_twin_split = {&gcam_op_split, always, .forward = split_forward,
                                   .backward = split_backward};
const gcam_twin gcam_twin_concat = {&gcam_op_concat, always, .forward = concat_forward,
                                    .backward = concat_backward};
