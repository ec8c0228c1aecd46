/* attention.c: Attention (scaled dot products), for one forward pass without a cache.
 *
 *   s_ij = scale q_i . k_j       with softcap: softcap tanh(s_ij / softcap)
 *   p_i  = softmax over j of s_ij + mask_ij       y_i = sum_j p_ij v_j
 *   dv_j += p_ij dy_i    ds_ij = p_ij (dy_i . v_j - sum_k p_ik dy_i . v_k) (1 - tanh^2)
 *   dq_i += scale ds_ij k_j    dk_j += scale ds_ij q_i
 *
 * is_causal: j <= i alone. A row in which everything is masked gives 0. Several heads of q may
 * share one of k and v.
 *
 * q [B][heads][L][D], k [B][kv heads][S][D], v [B][kv heads][S][E], y [B][heads][L][E]; with three
 * axes [B][L][heads D] and so on, and attributes for the numbers of heads. mask: constant, numbers
 * to add or truth values, broadcast to [B][heads][L][S].
 * https://onnx.ai/onnx/operators/onnx__Attention.html */
#include <math.h>
#include <string.h>

#include "ops/op.h"
#include "ops/product.h"

/* Row i of head h of batch b lies at b * batch + h * head + i * row. */
typedef struct heads {
  int64_t count, length, size; /* heads, rows, numbers in a row */
  int64_t batch, head, row;
} heads;

typedef struct attention_params {
  int64_t B;
  heads q, k, v, y;
  int64_t mask[4]; /* steps of the mask along B, heads, L, S; 0: it stands still */
  bool masked, truth, causal;
  double scale, softcap;
} attention_params;

/* Reads what input `input` is; `count` of heads for three axes. */
static bool read_heads(const gcam_shape *x, int64_t count, heads *h) {
  if (x->rank == 4) {
    *h = (heads){x->dim[1], x->dim[2], x->dim[3], 0, x->dim[2] * x->dim[3], x->dim[3]};
  } else {
    if (x->rank != 3 || count < 1 || x->dim[2] % count) return false;
    *h = (heads){count, x->dim[1], x->dim[2] / count, 0, x->dim[2] / count, x->dim[2]};
  }
  h->batch = h->count * h->length * h->size;
  return true;
}

static gcam_status read_mask(const gcam_graph *graph, const gcam_node *node, attention_params *p,
                             gcam_error *err) {
  char text[96];
  if (!gcam_node_has_input(node, 3)) return GCAM_OK;
  const gcam_value *mask = &graph->values[node->inputs[3]];
  const gcam_shape *m = &mask->shape;
  const int64_t sizes[4] = {p->B, p->q.count, p->q.length, p->k.length};
  int64_t step = 1;
  bool fits = m->rank >= 1 && m->rank <= 4;
  if (!mask->weight)
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED, "its mask '%.80s' must be a constant",
                          mask->name);
  for (int i = m->rank - 1; fits && i >= 0; i--) {
    int axis = 4 - m->rank + i;
    fits = m->dim[i] == 1 || m->dim[i] == sizes[axis];
    p->mask[axis] = m->dim[i] == 1 ? 0 : step;
    step *= m->dim[i];
  }
  if (!fits)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "a mask of %s does not fit %lldx%lld scores",
                          gcam_shape_text(m, text, sizeof text), (long long)p->q.length,
                          (long long)p->k.length);
  p->masked = true;
  p->truth = mask->weight->dtype == GCAM_BOOL;
  return GCAM_OK;
}

static gcam_status attention_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char label[160], text[3][96];
  const gcam_shape *q = gcam_in_shape(graph, node, 0);
  const gcam_shape *k = gcam_in_shape(graph, node, 1), *v = gcam_in_shape(graph, node, 2);
  attention_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  gcam_node_label(node, label, sizeof label);
  for (int i = 4; i < node->input_count; i++)
    if (gcam_node_has_input(node, i))
      return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                            "past keys, past values and padded lengths are not supported");
  int64_t kv_heads = gcam_node_int(node, "kv_num_heads", 0);
  bool fits = read_heads(q, gcam_node_int(node, "q_num_heads", 0), &p->q) &&
              read_heads(k, kv_heads, &p->k) && read_heads(v, kv_heads, &p->v) &&
              q->rank == k->rank && q->rank == v->rank && q->dim[0] == k->dim[0] &&
              q->dim[0] == v->dim[0] && p->q.size == p->k.size && p->k.length == p->v.length &&
              p->k.count == p->v.count && p->k.count && p->q.count % p->k.count == 0;
  if (!fits)
    return gcam_node_fail(
        node, err, GCAM_ERR_MODEL, "its inputs do not fit together: %s, %s and %s",
        gcam_shape_text(q, text[0], sizeof text[0]), gcam_shape_text(k, text[1], sizeof text[1]),
        gcam_shape_text(v, text[2], sizeof text[2]));
  p->B = q->dim[0];
  p->causal = gcam_node_int(node, "is_causal", 0) != 0;
  p->softcap = gcam_node_float(node, "softcap", 0);
  p->scale = gcam_node_float(node, "scale", 0);
  if (!gcam_node_attr(node, "scale")) p->scale = 1 / sqrt((double)p->q.size);
  GCAM_TRY(read_mask(graph, node, p, err));
  gcam_shape y = {4, {p->B, p->q.count, p->q.length, p->v.size}};
  if (q->rank == 3) {
    GCAM_TRY(gcam_shape_check(&y, label, err)); /* before its sizes are multiplied */
    y = (gcam_shape){3, {p->B, p->q.length, p->q.count * p->v.size}};
  }
  GCAM_TRY(gcam_node_set_shape(graph, node, 0, &y, err));
  read_heads(&y, p->q.count, &p->y);
  node->scratch_floats = 3 * p->k.length;
  return GCAM_OK;
}

/* One row of scores: a batch, a head and a query. */
typedef struct score_row {
  int64_t q, k, v, y;    /* where the query and the rows of its head begin */
  float *p, *slope, *ds; /* [S] */
} score_row;

static score_row row_of(const gcam_args *a, int64_t index) {
  const attention_params *p = a->node->params;
  int64_t i = index % p->q.length, h = index / p->q.length % p->q.count;
  int64_t b = index / p->q.length / p->q.count, group = h / (p->q.count / p->k.count);
  int64_t S = p->k.length;
  score_row r = {.q = b * p->q.batch + h * p->q.head + i * p->q.row,
                 .k = b * p->k.batch + group * p->k.head,
                 .v = b * p->v.batch + group * p->v.head,
                 .y = b * p->y.batch + h * p->y.head + i * p->y.row,
                 .p = a->scratch,
                 .slope = a->scratch + S,
                 .ds = a->scratch + 2 * S};
  double most = -INFINITY, sum = 0;
  for (int64_t j = 0; j < S; j++) {
    double s = p->scale * gcam_dot(a->in[0] + r.q, a->in[1] + r.k + j * p->k.row, p->q.size);
    r.slope[j] = 1;
    if (p->softcap > 0) {
      double t = tanhf((float)(s / p->softcap));
      s = p->softcap * t;
      r.slope[j] = (float)(1 - t * t);
    }
    if (p->masked) {
      float m = a->in[3][b * p->mask[0] + h * p->mask[1] + i * p->mask[2] + j * p->mask[3]];
      s += p->truth ? (m != 0 ? 0 : -INFINITY) : m;
    }
    if (p->causal && j > i) s = -INFINITY;
    r.p[j] = (float)s;
    if (s > most) most = s;
  }
  for (int64_t j = 0; j < S; j++)
    sum += r.p[j] = most == -INFINITY ? 0 : expf((float)(r.p[j] - most));
  for (int64_t j = 0; j < S && sum > 0; j++) r.p[j] = (float)(r.p[j] / sum);
  return r;
}

static void attention_forward(const gcam_args *a) {
  const attention_params *p = a->node->params;
  for (int64_t index = 0; index < p->B * p->q.count * p->q.length; index++) {
    score_row r = row_of(a, index);
    for (int64_t e = 0; e < p->v.size; e++) {
      double sum = 0;
      for (int64_t j = 0; j < p->k.length; j++)
        if (r.p[j] != 0) sum += (double)r.p[j] * a->in[2][r.v + j * p->v.row + e];
      a->out[0][r.y + e] = (float)sum;
    }
  }
}

static void attention_backward(const gcam_args *a) {
  const attention_params *p = a->node->params;
  int64_t S = p->k.length;
  if (!a->dout[0]) return;
  for (int64_t index = 0; index < p->B * p->q.count * p->q.length; index++) {
    score_row r = row_of(a, index);
    const float *q = a->in[0] + r.q, *k = a->in[1] + r.k, *v = a->in[2] + r.v;
    for (int b = 0; b < a->B; b++) {
      const float *dy = a->dout[0] + b * p->B * p->y.batch + r.y;
      float *dq = a->din[0] ? a->din[0] + b * p->B * p->q.batch + r.q : NULL;
      float *dk = a->din[1] ? a->din[1] + b * p->B * p->k.batch + r.k : NULL;
      float *dv = a->din[2] ? a->din[2] + b * p->B * p->v.batch + r.v : NULL;
      double mean = 0;
      for (int64_t j = 0; j < S; j++) {
        double dp = gcam_dot(dy, v + j * p->v.row, p->v.size);
        r.ds[j] = (float)dp;
        mean += r.p[j] * dp;
      }
      for (int64_t j = 0; j < S; j++) {
        double ds = r.p[j] * (r.ds[j] - mean) * r.slope[j] * p->scale;
        for (int64_t e = 0; dq && e < p->q.size; e++) dq[e] += (float)(ds * k[j * p->k.row + e]);
        for (int64_t e = 0; dk && e < p->q.size; e++) dk[j * p->k.row + e] += (float)(ds * q[e]);
        for (int64_t e = 0; dv && e < p->v.size; e++) dv[j * p->v.row + e] += r.p[j] * dy[e];
      }
    }
  }
}

const gcam_op gcam_op_attention = {
    "Attention",        GCAM_RULE_ROWS,  3, 7, attention_shape, attention_forward,
    attention_backward, .data_inputs = 3};
