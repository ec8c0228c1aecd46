#include "kernels/rows.h"

#include "kernels/kernel.h"
#include "kernels/vector_math.h"
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
      if (i == width) continue;
      gcam_f4 rest = gcam_f4_load_part(to + i, width - i, 0);
      gcam_f4_store_part(to + i, width - i, rest + gcam_f4_load_part(from + i, width - i, 0));
    } else if (width < LONG) {
      for (; i + 4 <= width; i += 4) gcam_f4_store(to + i, gcam_f4_load(from + i));
      if (i < width)
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

bool gcam_row_is_zero(const float *row, int64_t n) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    gcam_i4 any = gcam_f4_load(row + i) != 0;
    for (int k = 4; k < 16; k += 4) any |= gcam_f4_load(row + i + k) != 0;
    if (any[0] | any[1] | any[2] | any[3]) return false;
  }
  for (; i < n; i++)
    if (row[i] != 0) return false;
  return true;
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

/* ---- Split and Concat ----------------------------------------------------------------------- */

static bool always(const gcam_graph *graph, const gcam_node *node) {
  (void)graph, (void)node;
  return true;
}

/* Split's input and Concat's output are `count` chunks, each of which has a piece of every part; a
 * part that nobody wants is NULL. Forward a Split takes apart and a Concat joins, backward the
 * other way round, for B targets, which are outermost in all. */
static void parts(const gcam_args *a, const gcam_threads *pool, bool back) {
  bool split = a->node->op == &gcam_op_split;
  const gcam_split_params *s = a->node->params;
  const gcam_concat_params *c = a->node->params;
  float *const *in = back ? a->din : (float *const *)a->in;
  float *const *out = back ? (float *const *)a->dout : a->out;
  float *whole = split ? in[0] : out[0], *const *part = split ? out : in;
  int64_t chunk = split ? s->chunk : c->chunk, count = split ? s->outer : c->outer;
  int n = split ? a->node->output_count : a->node->input_count;
  for (int k = 0; whole && k < n; k++) {
    const gcam_shape *x = split ? NULL : gcam_in_shape(a->graph, a->node, k);
    int64_t width = split ? s->sizes[k] * s->inner : gcam_numel_range(x, c->axis, x->rank);
    gcam_rows r = {part[k], whole, width, chunk, width, back ? a->B * count : count, back};
    if (split != back) r = (gcam_rows){whole, part[k], chunk, width, width, r.count, back};
    if (part[k]) gcam_rows_copy(&r, pool);
    whole += width;
  }
}

static void parts_forward(const gcam_args *a, const gcam_threads *pool) { parts(a, pool, false); }
static void parts_backward(const gcam_args *a, const gcam_threads *pool) { parts(a, pool, true); }

const gcam_twin gcam_twin_slice = {&gcam_op_slice, slice_applies, .forward = slice_forward,
                                   .backward = slice_backward};
const gcam_twin gcam_twin_split = {&gcam_op_split, always, .forward = parts_forward,
                                   .backward = parts_backward};
const gcam_twin gcam_twin_concat = {&gcam_op_concat, always, .forward = parts_forward,
                                    .backward = parts_backward};
