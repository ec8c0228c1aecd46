/* pooling.c: see pooling.h. */
#include "ops/pooling.h"

/* Every position reads at least one element of the input. */
static bool covers(const gcam_window_axis *w) {
  for (int64_t o = 0; o < w->out; o++) {
    int64_t first, end;
    gcam_window_taps(w, o, &first, &end);
    if (first >= end) return false;
  }
  return true;
}

gcam_status gcam_pooling_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  int64_t kernel[2];
  gcam_pooling_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while reading the graph");
  GCAM_TRY(gcam_window_kernel(node, x, kernel, err));
  GCAM_TRY(gcam_window_resolve(node, x, kernel, &p->window, err));
  p->N = x->dim[0];
  p->C = x->dim[x->rank - 1];
  p->count_include_pad = gcam_node_int(node, "count_include_pad", 0) != 0;
  gcam_shape y = gcam_window_output(x, p->window.y.out, p->window.x.out, p->C);
  GCAM_TRY(gcam_node_set_shape(graph, node, 0, &y, err)); /* bounds what covers() loops over */
  if (!covers(&p->window.y) || !covers(&p->window.x))
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                          "its padding is so large that a window holds nothing but padding");
  return GCAM_OK;
}

gcam_status gcam_pooling_places_fit(const gcam_node *node, const gcam_shape *x, gcam_error *err) {
  if (gcam_numel(x) <= 1 << 24) return GCAM_OK;
  return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                        "indices into more than 2^24 numbers are not supported: use a smaller "
                        "picture or batch");
}
