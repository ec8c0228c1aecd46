/* max_unpool.c: MaxUnpool: what MaxPool has taken goes back to where it came from, 0 elsewhere.
 *
 *   y[I[i]] = x[i]          dx[i] += dy[I[i]]
 *
 * I as MaxPool's second output has it: places in ONNX's order of the output's axes, batch and
 * channel included. Of several values for one place the last stays, and each gets its gradient, as
 * in PyTorch; what lies outside of the output is left out. x and I [N][H][W][C], y [N][H'][W'][C];
 * H' by kernel, stride and padding, or what the third input says.
 * https://onnx.ai/onnx/operators/onnx__MaxUnpool.html */
#include <string.h>

#include "ops/pooling.h"

typedef struct unpool_params {
  int64_t x_size, y_size, C, pixels; /* pixels: H' W' */
} unpool_params;

static gcam_status max_unpool_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0), *at = gcam_in_shape(graph, node, 1);
  char text[2][96];
  int64_t kernel[2], asked[GCAM_MAX_RANK];
  int count;
  gcam_window window;
  gcam_auto_pad auto_pad;
  unpool_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  GCAM_TRY(gcam_window_kernel(node, x, kernel, err));
  GCAM_TRY(gcam_window_read(node, x, kernel, &window, &auto_pad, err));
  if (!gcam_shape_equal(x, at))
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "places of %s do not fit values of %s",
                          gcam_shape_text(at, text[0], sizeof text[0]),
                          gcam_shape_text(x, text[1], sizeof text[1]));
  gcam_shape y = *x;
  const gcam_window_axis *axes[2] = {&window.y, &window.x};
  for (int i = 1; i < x->rank - 1; i++) {
    const gcam_window_axis *w = axes[x->rank == 3 ? 1 : i - 1];
    y.dim[i] = (x->dim[i] - 1) * w->stride + w->kernel - w->pad_begin - w->pad_end;
  }
  GCAM_TRY(gcam_node_ints(graph, node, "output_shape", 2, asked, GCAM_MAX_RANK, &count, err));
  if (count) {
    bool fits = count == x->rank && asked[0] == x->dim[0] && asked[1] == x->dim[x->rank - 1];
    if (!fits)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "its output_shape does not have the batch and channels of %s",
                            gcam_shape_text(x, text[1], sizeof text[1]));
    for (int i = 1; i < x->rank - 1; i++) y.dim[i] = asked[i + 1];
  }
  GCAM_TRY(gcam_node_set_shape(graph, node, 0, &y, err));
  GCAM_TRY(gcam_pooling_places_fit(node, &y, err));
  *p = (unpool_params){gcam_numel(x), gcam_numel(&y), y.dim[y.rank - 1],
                       gcam_numel_range(&y, 1, y.rank - 1)};
  return GCAM_OK;
}

/* Where element i goes in y as it is stored; -1: nowhere. */
static int64_t place(const unpool_params *p, const float *places, int64_t i) {
  float at = places[i];
  if (!(at >= 0 && at < (float)p->y_size)) return -1;
  int64_t flat = (int64_t)at, plane = flat / p->pixels;
  return (plane / p->C * p->pixels + flat % p->pixels) * p->C + plane % p->C;
}

static void max_unpool_forward(const gcam_args *a) {
  const unpool_params *p = a->node->params;
  memset(a->out[0], 0, (size_t)p->y_size * sizeof(float));
  for (int64_t i = 0; i < p->x_size; i++) {
    int64_t to = place(p, a->in[1], i);
    if (to >= 0) a->out[0][to] = a->in[0][i];
  }
}

static void max_unpool_backward(const gcam_args *a) {
  const unpool_params *p = a->node->params;
  if (!a->dout[0] || !a->din[0]) return;
  for (int64_t i = 0; i < p->x_size; i++) {
    int64_t to = place(p, a->in[1], i);
    for (int64_t b = 0; to >= 0 && b < a->B; b++)
      a->din[0][b * p->x_size + i] += a->dout[0][b * p->y_size + to];
  }
}

const gcam_op gcam_op_max_unpool = {"MaxUnpool",
                                    GCAM_RULE_SPATIAL,
                                    2,
                                    3,
                                    max_unpool_shape,
                                    max_unpool_forward,
                                    max_unpool_backward,
                                    .traits = GCAM_OP_SAMPLES,
                                    .data_inputs = 2};
