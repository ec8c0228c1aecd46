#include "ops/broadcast.h"

/* Does the input run along the axis, or stand still? */
static bool runs(const gcam_shape *in, int axis) { return in->dim[axis] != 1; }

/* Moves the first axis of a row as far to the front as this input lets it. */
static int first_axis(const gcam_shape *in, const gcam_shape *out, int axis) {
  int last = out->rank - 1;
  while (last >= 0 && out->dim[last] == 1) last--; /* axes of size 1 fit either way */
  if (last < 0) return axis;
  for (int i = last - 1; i >= axis; i--)
    if (out->dim[i] != 1 && runs(in, i) != runs(in, last)) return i + 1;
  return axis;
}

static void finish(gcam_broadcast *plan, const gcam_shape *out) {
  plan->rows = gcam_numel_range(out, 0, plan->axis);
  plan->inner = gcam_numel_range(out, plan->axis, out->rank);
}

gcam_broadcast gcam_broadcast_plan(const gcam_shape *in, const gcam_shape *out) {
  gcam_broadcast plan = {first_axis(in, out, 0), 0, 0};
  finish(&plan, out);
  return plan;
}

int64_t gcam_broadcast_step(const gcam_broadcast *plan, const gcam_shape *in) {
  return gcam_numel_range(in, plan->axis, in->rank) != 1;
}

int64_t gcam_broadcast_offset(const gcam_broadcast *plan, const gcam_shape *in,
                              const gcam_shape *out, int64_t row) {
  int64_t offset = 0, stride = gcam_numel_range(in, plan->axis, in->rank);
  for (int i = plan->axis - 1; i >= 0; i--) {
    if (runs(in, i)) offset += row % out->dim[i] * stride;
    row /= out->dim[i];
    stride *= in->dim[i];
  }
  return offset;
}

gcam_status gcam_broadcast_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char a[96], b[96];
  gcam_shape out = *gcam_in_shape(graph, node, 0);
  for (int k = 1; k < node->input_count; k++) {
    if (!gcam_node_has_input(node, k))
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its input %d is left out", k);
    const gcam_shape *in = gcam_in_shape(graph, node, k);
    bool fits = in->rank == out.rank;
    for (int i = 0; fits && i < out.rank; i++) {
      fits = in->dim[i] == out.dim[i] || in->dim[i] == 1 || out.dim[i] == 1;
      if (out.dim[i] == 1) out.dim[i] = in->dim[i];
    }
    if (!fits)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "the shapes of its inputs do not fit together: %s and %s",
                            gcam_shape_text(gcam_in_shape(graph, node, 0), a, sizeof a),
                            gcam_shape_text(in, b, sizeof b));
  }
  GCAM_TRY(gcam_node_set_shape(graph, node, 0, &out, err));

  gcam_broadcast *plan = gcam_node_params(graph, node, sizeof *plan);
  if (!plan) return gcam_node_no_memory(node, err);
  for (int k = 0; k < node->input_count; k++)
    plan->axis = first_axis(gcam_in_shape(graph, node, k), &out, plan->axis);
  finish(plan, &out);
  return GCAM_OK;
}
