/* window.c: see window.h. Sizes as ONNX's operator texts give them; ceil_mode as PyTorch, whose
 * last window must begin inside the input or the padding before it. */
#include "ops/window.h"

#include <string.h>

#define GCAM_WINDOW_LIMIT ((int64_t)1 << 24)

static int spatial_rank(const gcam_shape *in) { return in->rank - 2; }

static gcam_status check_rank(const gcam_node *node, const gcam_shape *in, gcam_error *err) {
  char shape[96];
  if (in->rank == 3 || in->rank == 4) return GCAM_OK;
  if (in->rank > 4)
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                          "its input has %d spatial axes; the engine does 1-D and 2-D only",
                          spatial_rank(in));
  return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its input %s has no spatial axis (N, C, H, W)",
                        gcam_shape_text(in, shape, sizeof shape));
}

/* `count` values of a list attribute, each at least `least`; all `otherwise` when it is absent. */
static gcam_status read_ints(const gcam_node *node, const char *name, int count, int64_t least,
                             int64_t otherwise, int64_t *values, gcam_error *err) {
  char label[160];
  const gcam_attr *attr = gcam_node_attr(node, name);
  for (int i = 0; i < count; i++) values[i] = otherwise;
  if (!attr) return GCAM_OK;
  if (attr->kind != GCAM_ATTR_INTS || attr->count != count)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "attribute '%s' must be a list of %d integers",
                          name, count);
  for (int i = 0; i < count; i++) {
    values[i] = attr->ints[i];
    if (values[i] < least || values[i] >= GCAM_WINDOW_LIMIT)
      return gcam_fail(err, least == 0 && values[i] < 0 ? GCAM_ERR_UNSUPPORTED : GCAM_ERR_MODEL,
                       "%s: attribute '%s' holds %lld; from %lld to %lld is possible",
                       gcam_node_label(node, label, sizeof label), name, (long long)values[i],
                       (long long)least, (long long)GCAM_WINDOW_LIMIT - 1);
  }
  return GCAM_OK;
}

static gcam_status read_auto_pad(const gcam_node *node, gcam_auto_pad *auto_pad, gcam_error *err) {
  const char *text = gcam_node_string(node, "auto_pad", "NOTSET");
  if (!strcmp(text, "NOTSET") || !*text)
    *auto_pad = GCAM_PAD_EXPLICIT;
  else if (!strcmp(text, "VALID"))
    *auto_pad = GCAM_PAD_VALID;
  else if (!strcmp(text, "SAME_UPPER"))
    *auto_pad = GCAM_PAD_SAME_UPPER;
  else if (!strcmp(text, "SAME_LOWER"))
    *auto_pad = GCAM_PAD_SAME_LOWER;
  else
    return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                          "auto_pad is '%.40s'; NOTSET, VALID, SAME_UPPER and SAME_LOWER exist",
                          text);
  return GCAM_OK;
}

gcam_status gcam_window_kernel(const gcam_node *node, const gcam_shape *in, int64_t kernel[2],
                               gcam_error *err) {
  GCAM_TRY(check_rank(node, in, err));
  if (!gcam_node_attr(node, "kernel_shape"))
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "attribute 'kernel_shape' is missing");
  int spatial = spatial_rank(in);
  kernel[0] = 1;
  return read_ints(node, "kernel_shape", spatial, 1, 1, kernel + 2 - spatial, err);
}

gcam_status gcam_window_read(const gcam_node *node, const gcam_shape *in, const int64_t kernel[2],
                             gcam_window *window, gcam_auto_pad *auto_pad, gcam_error *err) {
  int64_t stride[2], dilation[2], pads[4], stated[2];
  GCAM_TRY(check_rank(node, in, err));
  int spatial = spatial_rank(in);
  GCAM_TRY(read_auto_pad(node, auto_pad, err));
  GCAM_TRY(read_ints(node, "strides", spatial, 1, 1, stride, err));
  GCAM_TRY(read_ints(node, "dilations", spatial, 1, 1, dilation, err));
  GCAM_TRY(read_ints(node, "pads", 2 * spatial, 0, 0, pads, err));
  GCAM_TRY(read_ints(node, "kernel_shape", spatial, 1, 0, stated, err));
  *window = (gcam_window){{1, 1, 1, 1, 1, 0, 0}, {1, 1, 1, 1, 1, 0, 0}};
  for (int i = 0; i < spatial; i++) {
    int axis = i + 2 - spatial;
    gcam_window_axis *w = axis ? &window->x : &window->y;
    w->in = in->dim[1 + i];
    w->kernel = kernel[axis];
    w->stride = stride[i];
    w->dilation = dilation[i];
    if (w->in < 1 || w->kernel < 1 || w->kernel >= GCAM_WINDOW_LIMIT)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "an input of %lld under a window of %lld",
                            (long long)w->in, (long long)w->kernel);
    if (stated[i] && stated[i] != w->kernel)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "kernel_shape says %lld, the weight's shape %lld", (long long)stated[i],
                            (long long)w->kernel);
    if (*auto_pad == GCAM_PAD_EXPLICIT) {
      w->pad_begin = pads[i];
      w->pad_end = pads[i + spatial];
    }
  }
  return GCAM_OK;
}

gcam_status gcam_window_resolve(const gcam_node *node, const gcam_shape *in,
                                const int64_t kernel[2], gcam_window *window, gcam_error *err) {
  gcam_auto_pad auto_pad;
  GCAM_TRY(gcam_window_read(node, in, kernel, window, &auto_pad, err));
  bool ceil_mode = gcam_node_int(node, "ceil_mode", 0) != 0;
  for (int i = 0; i < 2; i++) {
    gcam_window_axis *w = i ? &window->x : &window->y;
    int64_t span = gcam_window_span(w);
    if (auto_pad == GCAM_PAD_SAME_UPPER || auto_pad == GCAM_PAD_SAME_LOWER) {
      w->out = (w->in + w->stride - 1) / w->stride;
      int64_t total = (w->out - 1) * w->stride + span - w->in;
      if (total < 0) total = 0;
      w->pad_begin = auto_pad == GCAM_PAD_SAME_UPPER ? total / 2 : total - total / 2;
      w->pad_end = total - w->pad_begin;
      continue;
    }
    int64_t room = w->in + w->pad_begin + w->pad_end - span;
    if (room < 0)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "a window that spans %lld does not fit an input of %lld with "
                            "%lld + %lld of padding",
                            (long long)span, (long long)w->in, (long long)w->pad_begin,
                            (long long)w->pad_end);
    w->out = room / w->stride + 1;
    if (ceil_mode && room % w->stride && w->out * w->stride < w->in + w->pad_begin) w->out++;
  }
  return GCAM_OK;
}

gcam_shape gcam_window_output(const gcam_shape *in, int64_t h, int64_t w, int64_t channels) {
  gcam_shape out = *in;
  if (in->rank == 4) out.dim[1] = h;
  out.dim[in->rank - 2] = w;
  out.dim[in->rank - 1] = channels;
  return out;
}
