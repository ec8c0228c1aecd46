/* conv_transpose.c: ConvTranspose, 1-D and 2-D: the transpose of the convolution that takes this
 * operator's output to its input, so the loops are Conv's, run the other way round.
 *
 *   y[n][oy][ox][k] = bias[k] + sum over (t, s, c) of x[n][iy][ix][c] w[c][t][s][k]
 *   for all iy with oy = iy stride - pad + t dilation, ix likewise
 *
 * Inputs: x [N][H][W][C], w [C][kernel y][kernel x][K / groups], bias [K] (optional).
 * In gcam_conv_params the letters are the convolution's: its C is our K, its K our C.
 * https://onnx.ai/onnx/operators/onnx__ConvTranspose.html */
#include "ops/conv.h"

/* `count` values of an attribute from 0 to 2^24, placed at the axes y, x; -1 where it is absent. */
static gcam_status read_sizes(const gcam_node *node, const char *name, int count, int64_t size[2],
                              gcam_error *err) {
  const gcam_attr *attr = gcam_node_attr(node, name);
  size[0] = size[1] = -1;
  if (!attr) return GCAM_OK;
  bool fits = attr->kind == GCAM_ATTR_INTS && attr->count == count;
  for (int i = 0; fits && i < count; i++) {
    size[2 - count + i] = attr->ints[i];
    fits = attr->ints[i] >= 0 && attr->ints[i] < (int64_t)1 << 24;
  }
  if (fits) return GCAM_OK;
  return gcam_node_fail(node, err, GCAM_ERR_MODEL, "attribute '%s' must be a list of %d sizes",
                        name, count);
}

/* ONNX: the output's size follows from the pads, or the pads from the output's size. */
static gcam_status resolve(const gcam_node *node, const gcam_shape *x, const int64_t kernel[2],
                           gcam_window *window, gcam_error *err) {
  gcam_auto_pad auto_pad;
  int64_t extra[2], wanted[2];
  GCAM_TRY(gcam_window_read(node, x, kernel, window, &auto_pad, err));
  GCAM_TRY(read_sizes(node, "output_padding", x->rank - 2, extra, err));
  GCAM_TRY(read_sizes(node, "output_shape", x->rank - 2, wanted, err));
  for (int i = 0; i < 2; i++) {
    gcam_window_axis *w = i ? &window->x : &window->y;
    int64_t size = w->in; /* of this operator's input: the window's positions */
    int64_t full = (size - 1) * w->stride + gcam_window_span(w) + (extra[i] > 0 ? extra[i] : 0);
    bool same = auto_pad == GCAM_PAD_SAME_UPPER || auto_pad == GCAM_PAD_SAME_LOWER;
    if (wanted[i] < 0 && same) wanted[i] = size * w->stride;
    if (wanted[i] >= 0) {
      int64_t total = full > wanted[i] ? full - wanted[i] : 0;
      w->pad_begin = auto_pad == GCAM_PAD_SAME_UPPER ? total / 2 : total - total / 2;
      w->pad_end = total - w->pad_begin;
    } else {
      wanted[i] = full - w->pad_begin - w->pad_end;
    }
    if (wanted[i] < 1)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "nothing is left of its output after the padding");
    w->out = size;
    w->in = wanted[i];
  }
  return GCAM_OK;
}

static gcam_status conv_transpose_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0), *w = gcam_in_shape(graph, node, 1);
  gcam_conv_params *p;
  int64_t kernel[2];
  GCAM_TRY(gcam_conv_read(graph, node, &p, kernel, err));
  GCAM_TRY(resolve(node, x, kernel, &p->window, err));
  p->K = x->dim[x->rank - 1];
  int64_t per_group = w->dim[w->rank - 1];
  if (p->groups < 1 || p->K < 1 || per_group < 1 || p->K % p->groups || w->dim[0] != p->K)
    return gcam_conv_misfit(graph, node, p->groups, err);
  p->C = per_group * p->groups;
  GCAM_TRY(gcam_bias_check(graph, node, 2, p->C, err));
  gcam_shape y = gcam_window_output(x, p->window.y.in, p->window.x.in, p->C);
  return gcam_node_set_shape(graph, node, 0, &y, err);
}

static void conv_transpose_forward(const gcam_args *a) {
  const gcam_conv_params *p = a->node->params;
  int64_t pixels = p->N * p->window.y.in * p->window.x.in;
  gcam_bias_fill(a->node->input_count > 2 ? a->in[2] : NULL, pixels, p->C, a->out[0]);
  gcam_conv_adjoint(p, a->in[0], a->in[1], a->out[0]);
}

static void conv_transpose_backward(const gcam_args *a) { gcam_conv_backward(a, true); }

const gcam_op gcam_op_conv_transpose = {"ConvTranspose",
                                        GCAM_RULE_SPATIAL,
                                        2,
                                        3,
                                        conv_transpose_shape,
                                        conv_transpose_forward,
                                        conv_transpose_backward,
                                        .traits = GCAM_OP_LINEAR | GCAM_OP_WEIGHTED};
