#include "cam/picture.h"

#include "ops/op.h"

/* The value that the node's first input was computed from, as long as that was done element by
 * element or along axes, which leaves the axes' meaning as it is. */
static int origin(const gcam_graph *g, int v) {
  while (g->values[v].producer >= 0) {
    const gcam_node *node = &g->nodes[g->values[v].producer];
    int i = 0;
    if (node->op->rule != GCAM_RULE_POINTWISE && node->op->rule != GCAM_RULE_AXIS) break;
    while (i < node->input_count && (node->inputs[i] < 0 || g->values[node->inputs[i]].weight)) i++;
    if (i == node->input_count) break;
    v = node->inputs[i];
  }
  return v;
}

static bool is_nchw(const gcam_graph *g, int input) {
  for (int n = 0; n < g->node_count; n++)
    if (g->nodes[n].op->rule == GCAM_RULE_SPATIAL && origin(g, g->nodes[n].inputs[0]) == input)
      return true;
  return false;
}

bool gcam_picture_input_find(const gcam_graph *g, gcam_axes axes, int channels,
                             gcam_picture_input *input) {
  int v = g->inputs[0];
  const gcam_value *value = &g->values[v];
  gcam_shape s = gcam_value_onnx_shape(value);
  const int64_t *size = s.dim;
  if (s.rank != 4 || size[0] != 1) return false;
  int64_t apart[4] = {0};
  for (int i = 1; i < 4; i++)
    apart[i] = gcam_numel_range(&value->shape, gcam_value_axis(value, i) + 1, 4);
  bool last = axes == GCAM_AXES_NHWC;
  if (axes == GCAM_AXES_GUESS && !is_nchw(g, v))
    last = channels ? size[3] == channels && size[1] != channels
                    : (size[3] == 1 || size[3] == 3) && size[1] != 1 && size[1] != 3;
  int y = last ? 1 : 2, x = last ? 2 : 3, c = last ? 3 : 1;
  *input = (gcam_picture_input){v, last, size[y], size[x], size[c], apart[y], apart[x], apart[c]};
  return true;
}

void gcam_input_to_rows(const gcam_picture_input *in, const float *from, float *to) {
  for (int64_t y = 0; y < in->H; y++)
    for (int64_t x = 0; x < in->W; x++)
      for (int64_t c = 0; c < in->C; c++)
        *to++ = from[y * in->row + x * in->column + c * in->channel];
}

void gcam_input_from_rows(const gcam_picture_input *in, const float *from, float *to) {
  for (int64_t y = 0; y < in->H; y++)
    for (int64_t x = 0; x < in->W; x++)
      for (int64_t c = 0; c < in->C; c++)
        to[y * in->row + x * in->column + c * in->channel] = *from++;
}
