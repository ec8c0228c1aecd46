/* norm.c: normalisations over groups of elements: LayerNormalization, RMSNormalization,
 * InstanceNormalization, GroupNormalization.
 *
 *   h = (x - m) r,  m = mean of x,  r = 1 / sqrt(mean of (x - m)^2 + epsilon);  RMS: m = 0
 *   y = h scale + shift
 *   dx = r (g - mean g - h mean(g h)),  g = dy scale;  RMS: without mean g
 *   dscale = sum dy h,  dshift = sum dy
 *
 * A group: Layer and RMS all axes from `axis` (default -1) on, in ONNX's order; Instance all pixels
 * of one channel, Group all pixels of C / G neighbouring channels, channels-last. Inputs: x, scale,
 * shift. scale and shift have a value for each element (Layer, RMS), for each channel (Instance;
 * Group since opset 21) or for each group (Group before). */
#include "ops/norm.h"

#include <math.h>

static gcam_status norm_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char label[160], text[96], want[96];
  const gcam_value *x = &graph->values[node->inputs[0]];
  const gcam_shape *s = &x->shape;
  bool by_axes = node->op == &gcam_op_layer_norm || node->op == &gcam_op_rms_norm;
  gcam_shape values = {1, {0}}; /* of scale and shift */
  gcam_norm_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "Out of memory for '%s'", node->name);
  gcam_node_label(node, label, sizeof label);
  p->epsilon = gcam_node_float(node, "epsilon", 1e-5f);
  p->centred = node->op != &gcam_op_rms_norm;
  p->groups = 1;
  if (by_axes) {
    int64_t onnx_axis = gcam_node_int(node, "axis", -1);
    int axis = gcam_value_axis(x, onnx_axis);
    if (axis < 0)
      return gcam_fail(err, GCAM_ERR_MODEL, "%s: axis %lld is outside an input of rank %d", label,
                       (long long)onnx_axis, s->rank);
    p->count = gcam_numel_range(s, 0, axis);
    p->rows = 1;
    p->row = p->width = gcam_numel_range(s, axis, s->rank);
    values.rank = s->rank - axis;
    for (int i = axis; i < s->rank; i++) values.dim[i - axis] = s->dim[i];
  } else {
    if (s->rank < 2)
      return gcam_fail(err, GCAM_ERR_MODEL, "%s: its input %s has no channel axis", label,
                       gcam_shape_text(s, text, sizeof text));
    p->count = s->dim[0];
    p->row = s->dim[s->rank - 1];
    p->rows = gcam_numel_range(s, 1, s->rank - 1);
    p->groups = node->op == &gcam_op_instance_norm ? p->row : gcam_node_int(node, "num_groups", 0);
    if (p->groups < 1 || p->row % p->groups)
      return gcam_fail(err, GCAM_ERR_MODEL, "%s: %lld channels do not make %lld groups", label,
                       (long long)p->row, (long long)p->groups);
    p->width = p->row / p->groups;
    bool each_group = node->op == &gcam_op_group_norm && node->opset < 21;
    values.dim[0] = each_group ? p->groups : p->row;
  }
  for (int k = 1; k < node->input_count; k++) {
    if (!gcam_node_has_input(node, k)) continue;
    const gcam_shape *v = gcam_in_shape(graph, node, k);
    bool one = gcam_numel(v) == 1, fits = v->rank <= values.rank;
    for (int i = 0; fits && !one && i < values.rank; i++)
      fits = values.dim[i] == (i < values.rank - v->rank ? 1 : v->dim[i - values.rank + v->rank]);
    if (!one && !fits)
      return gcam_fail(err, GCAM_ERR_MODEL, "%s: input %d is %s; %s is needed", label, k,
                       gcam_shape_text(v, text, sizeof text),
                       gcam_shape_text(&values, want, sizeof want));
    if (one) continue;
    bool each_group = !by_axes && values.dim[0] != p->row;
    p->step[k] = !each_group;
    p->group_step[k] = by_axes ? 0 : each_group ? 1 : p->width;
  }
  return gcam_node_set_shape(graph, node, 0, s, err);
}

/* The mean (0 where it is not taken away) and r of the group whose first element is x[at]. */
static void norm_moments(const gcam_norm_params *p, const float *x, double *mean, double *r) {
  double n = (double)p->rows * (double)p->width, m = 0, square = 0;
  if (p->centred) {
    for (int64_t i = 0; i < p->rows; i++)
      for (int64_t j = 0; j < p->width; j++) m += x[i * p->row + j];
    m /= n;
  }
  for (int64_t i = 0; i < p->rows; i++)
    for (int64_t j = 0; j < p->width; j++) {
      double d = x[i * p->row + j] - m;
      square += d * d;
    }
  *mean = m;
  *r = 1 / sqrt(square / n + p->epsilon);
}

static void norm_forward(const gcam_args *a) {
  const gcam_norm_params *p = a->node->params;
  bool shifted = gcam_node_has_input(a->node, 2);
  for (int64_t k = 0; k < p->count * p->groups; k++) {
    int64_t g = k % p->groups, at = k / p->groups * p->rows * p->row + g * p->width;
    const float *scale = a->in[1] + g * p->group_step[1];
    const float *shift = shifted ? a->in[2] + g * p->group_step[2] : NULL;
    double m, r;
    norm_moments(p, a->in[0] + at, &m, &r);
    for (int64_t i = 0; i < p->rows; i++)
      for (int64_t j = 0; j < p->width; j++) {
        int64_t e = at + i * p->row + j;
        double y = (a->in[0][e] - m) * r * scale[j * p->step[1]];
        a->out[0][e] = (float)(shift ? y + shift[j * p->step[2]] : y);
      }
  }
}

static void norm_backward(const gcam_args *a) {
  const gcam_norm_params *p = a->node->params;
  int64_t size = p->count * p->rows * p->row,
          scales = gcam_numel(gcam_in_shape(a->graph, a->node, 1));
  bool shifted = gcam_node_has_input(a->node, 2) && a->din[2];
  int64_t shifts = shifted ? gcam_numel(gcam_in_shape(a->graph, a->node, 2)) : 0;
  double n = (double)p->rows * (double)p->width;
  if (!a->dout[0]) return;
  for (int64_t k = 0; k < p->count * p->groups; k++) {
    int64_t g = k % p->groups, at = k / p->groups * p->rows * p->row + g * p->width;
    const float *x = a->in[0], *scale = a->in[1] + g * p->group_step[1];
    double m, r;
    norm_moments(p, x + at, &m, &r);
    for (int b = 0; b < a->B; b++) {
      const float *dy = a->dout[0] + b * size;
      float *dx = a->din[0] ? a->din[0] + b * size : NULL;
      float *ds = a->din[1] ? a->din[1] + b * scales + g * p->group_step[1] : NULL;
      float *dt = shifted ? a->din[2] + b * shifts + g * p->group_step[2] : NULL;
      double sum = 0, moment = 0;
      for (int64_t i = 0; i < p->rows; i++)
        for (int64_t j = 0; j < p->width; j++) {
          int64_t e = at + i * p->row + j;
          double h = (x[e] - m) * r, slope = (double)dy[e] * scale[j * p->step[1]];
          sum += slope;
          moment += slope * h;
          if (ds) ds[j * p->step[1]] += (float)(dy[e] * h);
          if (dt) dt[j * p->step[2]] += dy[e];
        }
      if (!p->centred) sum = 0;
      for (int64_t i = 0; dx && i < p->rows; i++)
        for (int64_t j = 0; j < p->width; j++) {
          int64_t e = at + i * p->row + j;
          double h = (x[e] - m) * r, slope = (double)dy[e] * scale[j * p->step[1]];
          dx[e] += (float)(r * (slope - sum / n - h * moment / n));
        }
    }
  }
}

#define NORM(symbol, onnx_name, RULE, MIN, MAX)                                   \
  const gcam_op gcam_op_##symbol = {onnx_name,  RULE,         MIN,           MAX, \
                                    norm_shape, norm_forward, norm_backward, .data_inputs = 1};

/* clang-format off */
NORM(layer_norm, "LayerNormalization", GCAM_RULE_ROWS, 2, 3)
NORM(rms_norm, "RMSNormalization", GCAM_RULE_ROWS, 2, 2)
NORM(instance_norm, "InstanceNormalization", GCAM_RULE_SPATIAL, 3, 3)
NORM(group_norm, "GroupNormalization", GCAM_RULE_SPATIAL, 3, 3)
/* clang-format on */
