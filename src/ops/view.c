#include "ops/view.h"

#include <string.h>

void gcam_view_forward(const gcam_args *a) {
  int64_t n = gcam_numel(gcam_in_shape(a->graph, a->node, 0));
  if (a->out[0] && a->out[0] != a->in[0]) memmove(a->out[0], a->in[0], (size_t)n * sizeof(float));
}

void gcam_view_backward(const gcam_args *a) {
  int64_t n = gcam_numel(gcam_in_shape(a->graph, a->node, 0)) * a->B;
  if (!a->dout[0] || !a->din[0]) return;
  for (int64_t i = 0; i < n; i++) a->din[0][i] += a->dout[0][i];
}
