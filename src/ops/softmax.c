/* Softmax and LogSoftmax over `len` elements, `inner` apart, in `outer` groups.
 *
 *   p_i = e^(x_i - m) / sum_j e^(x_j - m)   m = max_j x_j, so that nothing overflows
 *   Softmax     y_i = p_i        dx_i += p_i (dy_i - sum_j p_j dy_j)
 *   LogSoftmax  y_i = log p_i    dx_i += dy_i - p_i sum_j dy_j
 *
 * Since opset 13 along one axis (default: the last); before, over all axes from `axis` (default 1)
 * on, together. */
#include "ops/softmax.h"

#include <math.h>

static gcam_status softmax_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char label[160];
  const gcam_value *x = &graph->values[node->inputs[0]];
  bool one_axis = node->opset >= 13;
  int64_t axis = gcam_node_int(node, "axis", one_axis ? -1 : 1);
  int rank = x->shape.rank, first = gcam_value_axis(x, axis), last = first;
  if (axis < 0) axis += rank;
  if (!one_axis && axis == rank) { /* what is flattened away entirely is one element a group */
    first = rank;
    last = rank - 1;
  } else if (first < 0) {
    return gcam_fail(err, GCAM_ERR_MODEL, "%s: axis %lld is outside an input of rank %d",
                     gcam_node_label(node, label, sizeof label), (long long)axis, rank);
  } else if (!one_axis) {
    /* ONNX's axes [axis, rank) are neighbours in either layout. Channels-last, they are all but
     * the batch (axis 1), or a tail of the spatial axes, with the channels behind it. */
    last = rank - 1;
    if (x->layout == GCAM_CHANNELS_LAST && rank >= 3 && axis >= 2) last = rank - 2;
    if (axis == 1) first = 1;
  }
  gcam_softmax_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "Out of memory for '%s'", node->name);
  p->outer = gcam_numel_range(&x->shape, 0, first);
  p->len = gcam_numel_range(&x->shape, first, last + 1);
  p->inner = gcam_numel_range(&x->shape, last + 1, rank);
  return gcam_node_set_shape(graph, node, 0, &x->shape, err);
}

static void forward(const gcam_args *a, bool logarithm) {
  const gcam_softmax_params p = *(const gcam_softmax_params *)a->node->params;
  for (int64_t group = 0; group < p.outer * p.inner; group++) {
    int64_t at = group / p.inner * p.len * p.inner + group % p.inner;
    const float *x = a->in[0] + at;
    float *y = a->out[0] + at, max = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < p.len; i++)
      if (x[i * p.inner] > max) max = x[i * p.inner];
    for (int64_t i = 0; i < p.len; i++) sum += y[i * p.inner] = expf(x[i * p.inner] - max);
    if (logarithm) {
      float log_sum = (float)log(sum);
      for (int64_t i = 0; i < p.len; i++) y[i * p.inner] = x[i * p.inner] - max - log_sum;
    } else {
      float scale = (float)(1 / sum);
      for (int64_t i = 0; i < p.len; i++) y[i * p.inner] *= scale;
    }
  }
}

static void backward(const gcam_args *a, bool logarithm) {
  const gcam_softmax_params p = *(const gcam_softmax_params *)a->node->params;
  int64_t n = p.outer * p.len * p.inner;
  if (!a->dout[0] || !a->din[0]) return;
  for (int b = 0; b < a->B; b++) {
    for (int64_t group = 0; group < p.outer * p.inner; group++) {
      int64_t at = group / p.inner * p.len * p.inner + group % p.inner;
      const float *y = a->out[0] + at, *dy = a->dout[0] + b * n + at;
      float *dx = a->din[0] + b * n + at;
      double sum = 0;
      for (int64_t i = 0; i < p.len * p.inner; i += p.inner)
        sum += logarithm ? dy[i] : (double)y[i] * dy[i];
      for (int64_t i = 0; i < p.len * p.inner; i += p.inner)
        dx[i] += logarithm ? dy[i] - expf(y[i]) * (float)sum : y[i] * (float)(dy[i] - sum);
    }
  }
}

static void softmax_forward(const gcam_args *a) { forward(a, false); }
static void softmax_backward(const gcam_args *a) { backward(a, false); }
static void log_softmax_forward(const gcam_args *a) { forward(a, true); }
static void log_softmax_backward(const gcam_args *a) { backward(a, true); }

const gcam_op gcam_op_softmax = {
    "Softmax",        GCAM_RULE_AXIS,           1, 1, softmax_shape, softmax_forward,
    softmax_backward, .traits = GCAM_OP_SOFTMAX};
const gcam_op gcam_op_log_softmax = {
    "LogSoftmax",         GCAM_RULE_AXIS,           1, 1, softmax_shape, log_softmax_forward,
    log_softmax_backward, .traits = GCAM_OP_SOFTMAX};
