/* Reductions over the axes named (none named: all, or with noop_with_empty_axes none).
 *
 *   Sum, Mean   y = scale * sum of x over the axes    dx_b += scale * dy_b, the same along them
 *               scale: 1 for the sum, 1 / (elements summed) for the mean
 *   L1          y = sum |x|            dy/dx = sign x
 *   L2          y = sqrt(sum x^2)      dy/dx = x / y, 0 where y is
 *   SumSquare   y = sum x^2            dy/dx = 2 x
 *   LogSum      y = log(sum x)         dy/dx = 1 / sum x
 *   LogSumExp   y = log(sum e^x)       dy/dx = e^(x - y)
 *   Max, Min    dy/dx = 1 / m at the m elements that are y, 0 elsewhere (as torch.amax)
 *   Prod        dy/dx = the product of the others
 *
 * Axes are an attribute in old opsets, a constant input in newer ones (sum 13, the others 18). */
#include <math.h>

#include "ops/broadcast.h"

typedef enum reduce_kind {
  REDUCE_SUM,
  REDUCE_MEAN,
  REDUCE_L1,
  REDUCE_L2,
  REDUCE_SUM_SQUARE,
  REDUCE_LOG_SUM,
  REDUCE_LOG_SUM_EXP,
  REDUCE_MAX,
  REDUCE_MIN,
  REDUCE_PROD
} reduce_kind;

typedef struct reduce_params {
  reduce_kind kind;
  gcam_shape kept; /* the output with its reduced axes kept as 1: broadcast to x by backward */
  gcam_broadcast plan;
  float scale;
} reduce_params;

static reduce_kind kind_of(const gcam_op *op) {
  static const gcam_op *const ops[] = {&gcam_op_reduce_sum,         &gcam_op_reduce_mean,
                                       &gcam_op_reduce_l1,          &gcam_op_reduce_l2,
                                       &gcam_op_reduce_sum_square,  &gcam_op_reduce_log_sum,
                                       &gcam_op_reduce_log_sum_exp, &gcam_op_reduce_max,
                                       &gcam_op_reduce_min,         &gcam_op_reduce_prod};
  int kind = 0;
  while (ops[kind] != op) kind++;
  return (reduce_kind)kind;
}

static gcam_status reduce_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char label[160];
  const gcam_value *x = &graph->values[node->inputs[0]];
  int rank = x->shape.rank, count;
  int64_t axes[GCAM_MAX_RANK];
  bool keep = gcam_node_int(node, "keepdims", 1) != 0, reduced[GCAM_MAX_RANK] = {false};
  GCAM_TRY(gcam_node_ints(graph, node, "axes", 1, axes, GCAM_MAX_RANK, &count, err));
  gcam_node_label(node, label, sizeof label);
  for (int i = 0; i < count; i++) {
    int axis = gcam_value_axis(x, axes[i]);
    if (axis < 0 || reduced[axis])
      return gcam_fail(err, GCAM_ERR_MODEL, "%s: axis %lld is %s an input of rank %d", label,
                       (long long)axes[i], axis < 0 ? "outside" : "named twice for", rank);
    reduced[axis] = true;
  }
  bool all = !count && !gcam_node_int(node, "noop_with_empty_axes", 0);
  /* Without the axes that make it a picture a tensor has ONNX's order again, which for more than
   * two of them is not ours. The importer keeps dimensions and reshapes behind. */
  if (!keep && x->layout == GCAM_CHANNELS_LAST && rank >= 3)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED, "%s: keepdims=0 on a channels-last tensor", label);

  gcam_shape out = {0};
  reduce_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "Out of memory for '%s'", node->name);
  p->kind = kind_of(node->op);
  p->kept = x->shape;
  for (int i = 0; i < rank; i++) {
    if (all || reduced[i]) p->kept.dim[i] = 1;
    if (keep || !(all || reduced[i])) out.dim[out.rank++] = p->kept.dim[i];
  }
  int64_t summed = 1;
  for (int i = 0; i < rank; i++) summed *= all || reduced[i] ? x->shape.dim[i] : 1;
  if (p->kind == REDUCE_MEAN && !summed)
    return gcam_fail(err, GCAM_ERR_MODEL, "%s: there is no mean over no elements", label);
  p->scale = p->kind == REDUCE_MEAN ? 1 / (float)summed : 1;
  p->plan = gcam_broadcast_plan(&p->kept, &x->shape);
  /* A double for each result, because a mean may be over 10^5 elements; some need a second. */
  node->scratch_floats = (p->kind > REDUCE_MEAN ? 4 : 2) * gcam_numel(&p->kept);
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

/* ---- Sum and Mean --------------------------------------------------------------------------- */

static void linear_forward(const gcam_args *a) {
  const reduce_params *p = a->node->params;
  const gcam_shape *sx = gcam_in_shape(a->graph, a->node, 0);
  int64_t n = gcam_numel(&p->kept), step = gcam_broadcast_step(&p->plan, &p->kept);
  double *sum = (double *)(void *)a->scratch;
  for (int64_t i = 0; i < n; i++) sum[i] = 0;
  for (int64_t row = 0; row < p->plan.rows; row++) {
    const float *x = a->in[0] + row * p->plan.inner;
    double *to = sum + gcam_broadcast_offset(&p->plan, &p->kept, sx, row);
    for (int64_t i = 0; i < p->plan.inner; i++) to[i * step] += x[i];
  }
  for (int64_t i = 0; i < n; i++) a->out[0][i] = (float)(sum[i] * p->scale);
}

static void linear_backward(const gcam_args *a) {
  const reduce_params *p = a->node->params;
  const gcam_shape *sx = gcam_in_shape(a->graph, a->node, 0);
  int64_t n = gcam_numel(&p->kept), step = gcam_broadcast_step(&p->plan, &p->kept);
  if (!a->dout[0] || !a->din[0]) return;
  for (int b = 0; b < a->B; b++) {
    for (int64_t row = 0; row < p->plan.rows; row++) {
      const float *dy = a->dout[0] + b * n + gcam_broadcast_offset(&p->plan, &p->kept, sx, row);
      float *dx = a->din[0] + (b * p->plan.rows + row) * p->plan.inner;
      for (int64_t i = 0; i < p->plan.inner; i++) dx[i] += p->scale * dy[i * step];
    }
  }
}

/* ---- The others: a state of two numbers for each result ------------------------------------- */

typedef struct state {
  double s, t; /* LogSumExp: sum e^(x - t), t the largest x; others: s is the result so far */
} state;

static void take(reduce_kind kind, double x, state *to) {
  switch (kind) {
    case REDUCE_L1:
      to->s += fabs(x);
      break;
    case REDUCE_LOG_SUM:
      to->s += x;
      break;
    case REDUCE_LOG_SUM_EXP:
      if (x > to->t) {
        to->s = to->s * exp(to->t - x) + 1;
        to->t = x;
      } else {
        to->s += x == to->t ? 1 : exp(x - to->t);
      }
      break;
    case REDUCE_MAX: /* !(x <= s): NaN is passed on */
      if (to->s == to->s && !(x <= to->s)) to->s = x;
      break;
    case REDUCE_MIN:
      if (to->s == to->s && !(x >= to->s)) to->s = x;
      break;
    case REDUCE_PROD:
      to->s *= x;
      break;
    default:
      to->s += x * x;
  }
}

/* What backward needs to know of all elements: Max and Min how many tie (s); Prod the product of
 * those that are not 0 (s) and the number of those that are (t). */
static void take_back(reduce_kind kind, float x, float y, state *to) {
  if (kind != REDUCE_PROD)
    to->s += x == y;
  else if (x != 0)
    to->s *= x;
  else
    to->t++;
}

static double slope(reduce_kind kind, double x, double y, const state *of) {
  switch (kind) {
    case REDUCE_L1:
      return (x > 0) - (x < 0);
    case REDUCE_L2:
      return y > 0 ? x / y : 0;
    case REDUCE_SUM_SQUARE:
      return 2 * x;
    case REDUCE_LOG_SUM:
      return exp(-y);
    case REDUCE_LOG_SUM_EXP:
      return exp(x - y);
    case REDUCE_PROD:
      return of->t == 0 ? of->s / x : of->t == 1 && x == 0 ? of->s : 0;
    default:
      return x == y ? 1 / of->s : 0;
  }
}

static void clear(state *states, int64_t n, state to) {
  for (int64_t i = 0; i < n; i++) states[i] = to;
}

static void reduce_forward(const gcam_args *a) {
  const reduce_params *p = a->node->params;
  const gcam_shape *sx = gcam_in_shape(a->graph, a->node, 0);
  int64_t n = gcam_numel(&p->kept), step = gcam_broadcast_step(&p->plan, &p->kept);
  state *states = (state *)(void *)a->scratch, start = {0, -INFINITY};
  if (p->kind == REDUCE_PROD) start.s = 1;
  if (p->kind == REDUCE_MAX) start.s = -INFINITY;
  if (p->kind == REDUCE_MIN) start.s = INFINITY;
  clear(states, n, start);
  for (int64_t row = 0; row < p->plan.rows; row++) {
    state *to = states + gcam_broadcast_offset(&p->plan, &p->kept, sx, row);
    for (int64_t i = 0; i < p->plan.inner; i++)
      take(p->kind, a->in[0][row * p->plan.inner + i], to + i * step);
  }
  for (int64_t i = 0; i < n; i++) {
    double y = states[i].s;
    if (p->kind == REDUCE_L2) y = sqrt(y);
    if (p->kind == REDUCE_LOG_SUM) y = log(y);
    if (p->kind == REDUCE_LOG_SUM_EXP) y = states[i].t + log(y);
    a->out[0][i] = (float)y;
  }
}

static void reduce_backward(const gcam_args *a) {
  const reduce_params *p = a->node->params;
  const gcam_shape *sx = gcam_in_shape(a->graph, a->node, 0);
  int64_t n = gcam_numel(&p->kept), step = gcam_broadcast_step(&p->plan, &p->kept);
  int64_t inner = p->plan.inner, size = p->plan.rows * inner;
  state *states = (state *)(void *)a->scratch, start = {p->kind == REDUCE_PROD, 0};
  if (!a->dout[0] || !a->din[0]) return;
  clear(states, n, start);
  for (int pass = p->kind < REDUCE_MAX; pass < 2; pass++)
    for (int64_t row = 0; row < p->plan.rows; row++) {
      int64_t at = gcam_broadcast_offset(&p->plan, &p->kept, sx, row);
      for (int64_t i = 0; i < inner; i++) {
        int64_t from = row * inner + i, to = at + i * step;
        float x = a->in[0][from], y = a->out[0][to];
        if (!pass) {
          take_back(p->kind, x, y, &states[to]);
          continue;
        }
        double d = slope(p->kind, x, y, &states[to]);
        for (int b = 0; b < a->B; b++)
          a->din[0][b * size + from] += (float)(a->dout[0][b * n + to] * d);
      }
    }
}

#define REDUCE(symbol, onnx_name, FORWARD, BACKWARD, TRAITS)                \
  const gcam_op gcam_op_##symbol = {onnx_name, GCAM_RULE_AXIS,     1,       \
                                    2,         reduce_shape,       FORWARD, \
                                    BACKWARD,  .traits = (TRAITS), .data_inputs = 1};

/* clang-format off */
REDUCE(reduce_mean, "ReduceMean", linear_forward, linear_backward, GCAM_OP_AVERAGES)
REDUCE(reduce_sum, "ReduceSum", linear_forward, linear_backward, 0)
REDUCE(reduce_max, "ReduceMax", reduce_forward, reduce_backward, 0)
REDUCE(reduce_min, "ReduceMin", reduce_forward, reduce_backward, 0)
REDUCE(reduce_prod, "ReduceProd", reduce_forward, reduce_backward, 0)
REDUCE(reduce_l1, "ReduceL1", reduce_forward, reduce_backward, 0)
REDUCE(reduce_l2, "ReduceL2", reduce_forward, reduce_backward, 0)
REDUCE(reduce_sum_square, "ReduceSumSquare", reduce_forward, reduce_backward, 0)
REDUCE(reduce_log_sum, "ReduceLogSum", reduce_forward, reduce_backward, 0)
REDUCE(reduce_log_sum_exp, "ReduceLogSumExp", reduce_forward, reduce_backward, 0)
/* clang-format on */
