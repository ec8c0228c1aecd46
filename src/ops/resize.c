/* resize.c: Resize and its forerunner Upsample: nearest, linear and cubic along any axes.
 *
 * Every axis is resampled on its own, so y = sum over taps t_0, t_1, ... of the product of their
 * weights times x[index_0][index_1]...; dx is the same sum with x and y exchanged. The tables of
 * weights are made once, from ONNX's attributes:
 *   coordinate_transformation_mode: where output o lies in the input (coordinate());
 *   mode, nearest_mode, cubic_coeff_a, exclude_outside: which elements weigh how much.
 *
 *   antialias: where an axis shrinks, the kernel is stretched until it covers what one output does.
 *
 * Inputs: x of any rank; roi (not used), scales or sizes: constants in ONNX's order of axes.
 * Not supported, and said so: tf_crop_and_resize.
 * https://onnx.ai/onnx/operators/onnx__Resize.html */
#include "ops/resize.h"

#include <math.h>
#include <string.h>

#define GCAM_RESIZE_LIMIT ((int64_t)1 << 20) /* longest side, for the tables */

/* ---- Parameters ----------------------------------------------------------------------------- */

typedef struct resize_mode {
  const char *label; /* of the node, for messages */
  const char *mode, *coordinates, *nearest;
  double cubic_a;
  bool exclude_outside, antialias;
  int keep_ratio; /* 0: sizes are as given; else not larger (-1), not smaller (1) than them */
} resize_mode;

static bool one_of(const char *text, const char *const *names) {
  for (; *names; names++)
    if (!strcmp(text, *names)) return true;
  return false;
}

static gcam_status read_mode(const gcam_node *node, resize_mode *m, gcam_error *err) {
  static const char *const modes[] = {"nearest", "linear", "bilinear", "cubic", NULL};
  static const char *const coordinates[] = {
      "half_pixel", "pytorch_half_pixel",   "align_corners",
      "asymmetric", "half_pixel_symmetric", "tf_half_pixel_for_nn",
      NULL};
  static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil",
                                        NULL};
  /* Upsample and the first Resize are asymmetric; the first Resize rounds up where it shrinks. */
  bool old = !strcmp(node->op->name, "Upsample") || node->opset < 11;
  m->mode = gcam_node_string(node, "mode", "nearest");
  m->coordinates =
      old ? "asymmetric" : gcam_node_string(node, "coordinate_transformation_mode", "half_pixel");
  m->nearest = old ? NULL : gcam_node_string(node, "nearest_mode", "round_prefer_floor");
  m->cubic_a = gcam_node_float(node, "cubic_coeff_a", -0.75f);
  m->exclude_outside = gcam_node_int(node, "exclude_outside", 0) != 0;
  if (!one_of(m->mode, modes))
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED, "%s: mode '%.40s'; nearest, linear, cubic exist",
                     m->label, m->mode);
  if (!one_of(m->coordinates, coordinates))
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "%s: coordinate_transformation_mode '%.40s' is not supported", m->label,
                     m->coordinates);
  if (m->nearest && !one_of(m->nearest, nearest))
    return gcam_fail(err, GCAM_ERR_MODEL, "%s: nearest_mode '%.40s' does not exist", m->label,
                     m->nearest);
  m->antialias = gcam_node_int(node, "antialias", 0) != 0 && strcmp(m->mode, "nearest");
  const char *policy = gcam_node_string(node, "keep_aspect_ratio_policy", "stretch");
  m->keep_ratio = !strcmp(policy, "not_larger") ? -1 : !strcmp(policy, "not_smaller");
  if (!m->keep_ratio && strcmp(policy, "stretch"))
    return gcam_fail(err, GCAM_ERR_MODEL, "%s: keep_aspect_ratio_policy '%.40s' does not exist",
                     m->label, policy);
  return GCAM_OK;
}

/* `scales` as an attribute (Upsample 7) or a constant input; *count 0 when it is not there. */
static gcam_status read_scales(const gcam_graph *graph, const gcam_node *node, int input,
                               const resize_mode *m, float *scale, int *count, gcam_error *err) {
  const gcam_attr *attr = gcam_node_attr(node, "scales");
  *count = 0;
  if (attr && attr->kind == GCAM_ATTR_FLOATS && attr->count <= GCAM_MAX_RANK) {
    *count = attr->count;
    for (int i = 0; i < attr->count; i++) scale[i] = attr->floats[i];
    return GCAM_OK;
  }
  if (!gcam_node_has_input(node, input)) return GCAM_OK;
  const gcam_value *value = &graph->values[node->inputs[input]];
  int64_t n = gcam_numel(&value->shape);
  if (!value->weight || !value->weight->data)
    return n == 0
               ? GCAM_OK
               : gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                           "%s: its scales must be a constant; export with fixed sizes", m->label);
  if (value->shape.rank != 1 || n > GCAM_MAX_RANK || value->weight->dtype != GCAM_F32)
    return gcam_fail(err, GCAM_ERR_MODEL, "%s: its scales are not a list of floats", m->label);
  gcam_weight_read(value->weight, &value->shape, 0, n, scale);
  *count = (int)n;
  return GCAM_OK;
}

/* Where output o of `out` lies among the `in` elements. scale: out per in, 0 when the sizes were
 * given, so that the quotient is exact. */
static double coordinate(const char *mode, double o, double in, double out, double scale) {
  double at = scale > 0 ? o / scale : o * in / out;
  double centre = scale > 0 ? (o + 0.5) / scale : (o + 0.5) * in / out;
  if (!strcmp(mode, "asymmetric")) return at;
  if (!strcmp(mode, "align_corners")) return out > 1 ? o * (in - 1) / (out - 1) : 0;
  if (!strcmp(mode, "tf_half_pixel_for_nn")) return centre;
  if (!strcmp(mode, "pytorch_half_pixel")) return out > 1 ? centre - 0.5 : 0;
  if (!strcmp(mode, "half_pixel_symmetric") && scale > 0)
    return in / 2 * (1 - out / (scale * in)) + centre - 0.5;
  return centre - 0.5; /* half_pixel */
}

/* Scales are float32: 3 / 0.6f is 4.9999998 in double. Rounded to float it is 5 again. */
static double nearest_index(const resize_mode *m, double at, bool shrinks) {
  at = (double)(float)at;
  if (!m->nearest) return shrinks ? ceil(at) : floor(at);
  if (!strcmp(m->nearest, "floor")) return floor(at);
  if (!strcmp(m->nearest, "ceil")) return ceil(at);
  return !strcmp(m->nearest, "round_prefer_ceil") ? floor(at + 0.5) : ceil(at - 0.5);
}

/* What an element at distance d weighs: a tent, or Keys's kernel. */
static double kernel(const resize_mode *m, bool cubic, double d) {
  double a = m->cubic_a;
  d = fabs(d);
  if (!cubic) return d < 1 ? 1 - d : 0;
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* How much closer together the kernel sees an axis's elements. */
static double stretch(const resize_mode *m, const gcam_resize_axis *axis, double scale) {
  double ratio = scale > 0 ? scale : (double)axis->out / (double)axis->in;
  return m->antialias && ratio < 1 ? ratio : 1;
}

static int tap_count(const resize_mode *m, const gcam_resize_axis *axis, double scale) {
  double reach = (!strcmp(m->mode, "cubic") ? 2 : 1) / stretch(m, axis, scale);
  if (!strcmp(m->mode, "nearest")) return 1;
  return reach > (double)axis->in ? 2 * (int)axis->in : 2 * (int)ceil(reach);
}

static void fill_axis(const resize_mode *m, gcam_resize_axis *axis, double scale) {
  bool shrinks = scale > 0 ? scale < 1 : axis->out < axis->in, cubic = !strcmp(m->mode, "cubic");
  double closer = stretch(m, axis, scale), last = (double)axis->in - 1;
  for (int64_t o = 0; o < axis->out; o++) {
    double at = coordinate(m->coordinates, (double)o, (double)axis->in, (double)axis->out, scale);
    double first = axis->taps == 1 ? nearest_index(m, at, shrinks) : floor(at) + 1 - axis->taps / 2;
    double sum = 0;
    float *weight = axis->weight + o * axis->taps;
    for (int t = 0; t < axis->taps; t++) {
      double i = first + t, w = axis->taps == 1 ? 1 : kernel(m, cubic, (i - at) * closer);
      if (m->exclude_outside && (cubic || m->antialias) && (i < 0 || i > last)) w = 0;
      sum += w;
      weight[t] = (float)w;
      axis->index[o * axis->taps + t] = (int32_t)(i < 0 ? 0 : i > last ? last : i);
    }
    for (int t = 0; t < axis->taps; t++) weight[t] = (float)(weight[t] / sum);
  }
}

static gcam_status resize_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_value *x = &graph->values[node->inputs[0]];
  char text[160];
  resize_mode m = {.label = gcam_node_label(node, text, sizeof text)};
  gcam_resize_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while reading the graph");
  GCAM_TRY(read_mode(node, &m, err));

  /* Inputs: x, roi, scales, sizes since opset 11; x, scales before */
  bool inputs_11 = !strcmp(node->op->name, "Resize") && node->opset >= 11;
  float scales[GCAM_MAX_RANK];
  int64_t sizes[GCAM_MAX_RANK], axes[GCAM_MAX_RANK];
  int scale_count = 0, size_count = 0, axis_count;
  if (inputs_11)
    GCAM_TRY(gcam_node_ints(graph, node, "sizes", 3, sizes, GCAM_MAX_RANK, &size_count, err));
  if (!size_count)
    GCAM_TRY(read_scales(graph, node, inputs_11 ? 2 : 1, &m, scales, &scale_count, err));
  GCAM_TRY(gcam_node_ints(graph, node, "axes", -1, axes, GCAM_MAX_RANK, &axis_count, err));
  int count = size_count ? size_count : scale_count;
  if (!count || count != (axis_count ? axis_count : x->shape.rank))
    return gcam_fail(err, GCAM_ERR_MODEL, "%s: %d scales or sizes for an input of rank %d", m.label,
                     count, x->shape.rank);

  gcam_shape y = x->shape;
  double scale_of[GCAM_MAX_RANK] = {0}, common = 0;
  for (int i = 0; i < count && size_count && m.keep_ratio; i++) {
    int axis = gcam_value_axis(x, axis_count ? axes[i] : i);
    double scale = axis < 0 ? 0 : (double)sizes[i] / (double)x->shape.dim[axis];
    if (!i || (scale - common) * m.keep_ratio > 0) common = scale;
  }
  for (int i = 0; i < count; i++) {
    int axis = gcam_value_axis(x, axis_count ? axes[i] : i);
    if (axis < 0)
      return gcam_fail(err, GCAM_ERR_MODEL, "%s: axis %lld is out of range", m.label,
                       (long long)axes[i]);
    double size = common       ? floor(common * (double)y.dim[axis] + 0.5)
                  : size_count ? (double)sizes[i]
                               : floor((float)y.dim[axis] * scales[i]);
    if (!(size >= 1) || size > (double)GCAM_MAX_ELEMENTS || x->shape.dim[axis] < 1)
      return gcam_fail(err, GCAM_ERR_MODEL, "%s: cannot resize %lld elements to %g", m.label,
                       (long long)x->shape.dim[axis], size);
    y.dim[axis] = (int64_t)size;
    scale_of[axis] = size_count ? common : scales[i];
    if (y.dim[axis] == x->shape.dim[axis] && (size_count || scales[i] == 1)) continue;
    p->axis[axis] = (gcam_resize_axis){.in = x->shape.dim[axis], .out = y.dim[axis]};
    p->axis[axis].taps = tap_count(&m, &p->axis[axis], scale_of[axis]);
    if (axis >= p->depth) p->depth = axis + 1;
  }
  GCAM_TRY(gcam_node_set_shape(graph, node, 0, &y, err));

  for (int i = 0; i < p->depth; i++) {
    gcam_resize_axis *axis = &p->axis[i];
    bool same = axis->taps == 0;
    axis->in = x->shape.dim[i];
    axis->out = y.dim[i];
    if (same) axis->taps = 1;
    if (axis->out > GCAM_RESIZE_LIMIT)
      return gcam_fail(err, GCAM_ERR_MEMORY, "%s: a side of %lld is over %lld", m.label,
                       (long long)axis->out, (long long)GCAM_RESIZE_LIMIT);
    int64_t taps = axis->out * axis->taps;
    if (taps > 8 * GCAM_RESIZE_LIMIT)
      return gcam_fail(err, GCAM_ERR_MEMORY, "%s: %lld elements weigh in on one side", m.label,
                       (long long)taps);
    axis->index = gcam_arena_alloc(&graph->arena, (size_t)taps, sizeof *axis->index);
    axis->weight = gcam_arena_alloc(&graph->arena, (size_t)taps, sizeof *axis->weight);
    if (!axis->index || !axis->weight)
      return gcam_fail(err, GCAM_ERR_MEMORY, "%s: out of memory", m.label);
    if (!same) fill_axis(&m, axis, scale_of[i]);
    for (int64_t o = 0; same && o < axis->out; o++) {
      axis->index[o] = (int32_t)o;
      axis->weight[o] = 1;
    }
  }
  p->inner = gcam_numel_range(&y, p->depth, y.rank);
  return GCAM_OK;
}

/* ---- The sums ------------------------------------------------------------------------------- */

/* to[i] += weight * from[i] at the end of every path of taps through the axes. `at` indexes rows of
 * x, [inner] long each; `gather` reads x and writes y, else reads y and adds to x. */
static void follow_taps(const gcam_resize_params *p, const int64_t *o, int axis, int64_t at,
                        double weight, const float *from, float *to, bool gather) {
  if (axis == p->depth) {
    if (gather)
      from += at * p->inner;
    else
      to += at * p->inner;
    for (int64_t i = 0; i < p->inner; i++) to[i] += (float)(weight * from[i]);
    return;
  }
  const gcam_resize_axis *a = &p->axis[axis];
  for (int t = 0; t < a->taps; t++) {
    int64_t tap = o[axis] * a->taps + t;
    follow_taps(p, o, axis + 1, at * a->in + a->index[tap], weight * a->weight[tap], from, to,
                gather);
  }
}

/* Visits every row of y, with its coordinates. */
static void each_row(const gcam_resize_params *p, const float *x_in, float *y_out,
                     const float *dy_in, float *dx_out) {
  int64_t o[GCAM_MAX_RANK] = {0}, rows = 1;
  for (int i = 0; i < p->depth; i++) rows *= p->axis[i].out;
  for (int64_t row = 0; row < rows; row++) {
    int64_t at = row * p->inner;
    if (y_out) {
      for (int64_t i = 0; i < p->inner; i++) y_out[at + i] = 0;
      follow_taps(p, o, 0, 0, 1, x_in, y_out + at, true);
    } else {
      follow_taps(p, o, 0, 0, 1, dy_in + at, dx_out, false);
    }
    for (int i = p->depth - 1; i >= 0 && ++o[i] == p->axis[i].out; i--) o[i] = 0;
  }
}

static void resize_forward(const gcam_args *a) {
  each_row(a->node->params, a->in[0], a->out[0], NULL, NULL);
}

static void resize_backward(const gcam_args *a) {
  int64_t x_size = gcam_numel(gcam_in_shape(a->graph, a->node, 0));
  int64_t y_size = gcam_numel(&a->graph->values[a->node->outputs[0]].shape);
  if (!a->dout[0] || !a->din[0]) return;
  for (int64_t b = 0; b < a->B; b++)
    each_row(a->node->params, NULL, NULL, a->dout[0] + b * y_size, a->din[0] + b * x_size);
}

const gcam_op gcam_op_resize = {"Resize",
                                GCAM_RULE_AXIS,
                                1,
                                4,
                                resize_shape,
                                resize_forward,
                                resize_backward,
                                .traits = GCAM_OP_SAMPLES,
                                .data_inputs = 1};
const gcam_op gcam_op_upsample = {"Upsample",
                                  GCAM_RULE_AXIS,
                                  1,
                                  2,
                                  resize_shape,
                                  resize_forward,
                                  resize_backward,
                                  .traits = GCAM_OP_SAMPLES,
                                  .data_inputs = 1};
