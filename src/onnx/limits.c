#include "onnx/limits.h"

#include "onnx/constant.h"
#include "ops/op.h"

/* Floats that activations may take together, 2 GiB: VGG16 at 1000 x 1000 needs half of that. */
#define MAX_ACTIVATIONS ((int64_t)1 << 29)
/* Positions of a window times its taps, which a convolution looks up: 15 times that VGG16's. */
#define MAX_TAPS ((int64_t)1 << 27)

/* Values that are likely to be kept in memory of their own: no views, and not what a convolution
 * does on its way out. */
static bool is_kept(const gcam_graph *graph, const gcam_node *node) {
  float lo, hi;
  return !gcam_node_is_view(graph, node) && node->op != &gcam_op_batch_norm &&
         !gcam_node_clamp(graph, node, &lo, &hi);
}

static int64_t window_taps(const gcam_graph *graph, const gcam_node *node) {
  int64_t kernel[GCAM_MAX_RANK], taps = 1;
  int count = 0;
  if (node->op->rule != GCAM_RULE_SPATIAL) return 0;
  if (gcam_op_is(node->op, GCAM_OP_WEIGHTED)) {
    const gcam_shape *w = gcam_in_shape(graph, node, 1); /* K, H, W, C */
    for (int i = 1; i < w->rank - 1; i++) taps *= w->dim[i];
    return taps;
  }
  if (gcam_node_ints(graph, node, "kernel_shape", -1, kernel, GCAM_MAX_RANK, &count, NULL) ||
      !count)
    return 0;
  for (int i = 0; i < count; i++) taps *= kernel[i];
  return taps;
}

gcam_status gcam_limits_window(const gcam_graph *graph, const gcam_node *node, gcam_error *err) {
  char label[160], text[96];
  int v = -1; /* MaxPool's maxima may be unread, and its indices not: they have one shape */
  for (int i = 0; i < node->output_count && v < 0; i++) v = node->outputs[i];
  if (v < 0) return GCAM_OK;
  const gcam_shape *y = &graph->values[v].shape;
  int64_t taps = window_taps(graph, node);
  int64_t size = gcam_numel(y); /* constants may be empty */
  if (!taps || !size || size / y->dim[y->rank - 1] <= MAX_TAPS / taps) return GCAM_OK;
  return gcam_fail(err, GCAM_ERR_MEMORY,
                   "%s: %lld taps at each position of its output (%s) are over the engine's limit; "
                   "give the network a smaller input",
                   gcam_node_label(node, label, sizeof label), (long long)taps,
                   gcam_shape_text(y, text, sizeof text));
}

/* A few bytes can ask for any amount of memory and time: said before anything is allocated. */
static gcam_status check_cost(const gcam_graph *graph, gcam_error *err) {
  char label[160];
  int64_t total = 0;
  for (int i = 0; i < graph->input_count; i++)
    total += gcam_numel(&graph->values[graph->inputs[i]].shape);
  for (int n = 0; n < graph->node_count; n++) {
    const gcam_node *node = &graph->nodes[n];
    for (int i = 0; i < node->output_count; i++) {
      if (node->outputs[i] < 0) continue;
      const gcam_shape *y = &graph->values[node->outputs[i]].shape;
      if (is_kept(graph, node)) total += gcam_numel(y);
    }
    GCAM_TRY(gcam_limits_window(graph, node, err));
    if (total > MAX_ACTIVATIONS)
      return gcam_fail(err, GCAM_ERR_MEMORY,
                       "the network's activations take more than %lld MB at %s; give it a smaller "
                       "input",
                       (long long)(MAX_ACTIVATIONS >> 18),
                       gcam_node_label(node, label, sizeof label));
  }
  return GCAM_OK;
}

/* Weights that are no numbers make scores that are none, at every picture: said at once. Other
 * constants may be infinite: limits, masks. */
static gcam_status check_weights(const gcam_graph *graph, gcam_error *err) {
  char label[160];
  for (int n = 0; n < graph->node_count; n++) {
    const gcam_node *node = &graph->nodes[n];
    if (!gcam_op_is(node->op, GCAM_OP_WEIGHTED) && node->op != &gcam_op_batch_norm) continue;
    for (int i = 1; i < node->input_count; i++) {
      const gcam_value *v = node->inputs[i] < 0 ? NULL : &graph->values[node->inputs[i]];
      int64_t odd = v && v->weight ? gcam_constant_odd(v) : 0;
      if (odd)
        return gcam_fail(
            err, GCAM_ERR_MODEL,
            "%.120s: its weight '%.60s' holds NaN or infinity (%lld of %lld numbers); "
            "the file is damaged, or its training diverged",
            gcam_node_label(node, label, sizeof label), v->name, (long long)odd,
            (long long)(v->weight->scale ? v->weight->scale_count : gcam_numel(&v->shape)));
    }
  }
  return GCAM_OK;
}

gcam_status gcam_limits_check(const gcam_graph *graph, gcam_error *err) {
  GCAM_TRY(check_cost(graph, err));
  return check_weights(graph, err);
}
