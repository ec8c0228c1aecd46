#include "cam/picture.h"

#include "ops/op.h"

bool gcam_picture_input_is_nchw(const gcam_graph *g) {
  for (int n = 0; n < g->node_count; n++) {
    const gcam_node *node = &g->nodes[n];
    if (node->op->rule == GCAM_RULE_SPATIAL && node->input_count > 0 &&
        node->inputs[0] == g->inputs[0])
      return true;
  }
  return false;
}

gcam_status gcam_picture_input_find(const gcam_graph *g, const char *method, gcam_axes axes,
                                    gcam_picture_input *input, gcam_error *err) {
  int v = g->inputs[0];
  const gcam_shape *s = &g->values[v].shape;
  char text[96];
  if (s->rank != 4 || s->dim[0] != 1)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "'%s' changes the picture or maps it, but the model's input '%.100s' is %s, "
                     "not one picture",
                     method, g->values[v].name, gcam_shape_text(s, text, sizeof text));
  /* sizes and distances of axes 1 to 3 in the file's order, N C H W or N H W C */
  const int64_t *d = s->dim;
  bool moved = g->values[v].layout == GCAM_CHANNELS_LAST;
  int64_t size[3] = {moved ? d[3] : d[1], moved ? d[1] : d[2], moved ? d[2] : d[3]};
  int64_t apart[3] = {moved ? 1 : d[2] * d[3], moved ? d[2] * d[3] : d[3], moved ? d[3] : 1};
  bool last = axes == GCAM_AXES_NHWC;
  if (axes == GCAM_AXES_GUESS && !gcam_picture_input_is_nchw(g))
    last = (size[2] == 1 || size[2] == 3) && size[0] != 1 && size[0] != 3;
  int y = last ? 0 : 1, x = last ? 1 : 2, c = last ? 2 : 0;
  *input = (gcam_picture_input){v, size[y], size[x], size[c], apart[y], apart[x], apart[c]};
  return GCAM_OK;
}

void gcam_input_to_rows(const gcam_picture_input *in, const float *from, float *to) {
  for (int64_t i = 0; i < in->H * in->W; i++)
    for (int64_t c = 0; c < in->C; c++) to[i * in->C + c] = from[gcam_input_at(in, i, c)];
}
