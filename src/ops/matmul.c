/* matmul.c: MatMul as numpy.matmul: matrices in the last two axes, the axes before are broadcast; a
 * vector on the left is a row, on the right a column, and that axis is dropped from the output.
 *
 *   y = a b,  da = dy b^T,  db = a^T dy, summed over the axes that were broadcast
 *
 * https://onnx.ai/onnx/operators/onnx__MatMul.html */
#include "ops/matmul.h"

#include "ops/product.h"

/* Size of the batch axis that is `back` axes before the matrix; 1 where the shape is shorter. */
static int64_t batch_dim(const gcam_shape *shape, int back) {
  int axis = shape->rank - 3 - back;
  return axis >= 0 ? shape->dim[axis] : 1;
}

static gcam_status matmul_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *a = gcam_in_shape(graph, node, 0), *b = gcam_in_shape(graph, node, 1);
  char as[96], bs[96];
  gcam_matmul_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while reading the graph");
  bool fits = a->rank >= 1 && b->rank >= 1;
  if (fits) {
    p->M = a->rank > 1 ? a->dim[a->rank - 2] : 1;
    p->K = a->dim[a->rank - 1];
    p->N = b->rank > 1 ? b->dim[b->rank - 1] : 1;
    fits = p->K == (b->rank > 1 ? b->dim[b->rank - 2] : b->dim[0]);
    int rank = a->rank > b->rank ? a->rank : b->rank;
    p->batch_rank = rank > 2 ? rank - 2 : 0;
  }
  int64_t a_step = p->M * p->K, b_step = p->K * p->N;
  for (int i = p->batch_rank - 1, back = 0; i >= 0; i--, back++) {
    int64_t ad = batch_dim(a, back), bd = batch_dim(b, back);
    fits = fits && (ad == bd || ad == 1 || bd == 1);
    p->batch[i] = ad == 1 ? bd : ad;
    p->a_stride[i] = ad == 1 ? 0 : a_step;
    p->b_stride[i] = bd == 1 ? 0 : b_step;
    a_step *= ad;
    b_step *= bd;
  }
  if (!fits)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "cannot multiply %s by %s",
                          gcam_shape_text(a, as, sizeof as), gcam_shape_text(b, bs, sizeof bs));
  gcam_shape y = {0};
  for (int i = 0; i < p->batch_rank; i++) y.dim[y.rank++] = p->batch[i];
  if (a->rank > 1) y.dim[y.rank++] = p->M;
  if (b->rank > 1) y.dim[y.rank++] = p->N;
  return gcam_node_set_shape(graph, node, 0, &y, err);
}

static int64_t batch_count(const gcam_matmul_params *p) {
  int64_t count = 1;
  for (int i = 0; i < p->batch_rank; i++) count *= p->batch[i];
  return count;
}

/* Where matrix `i` of the output takes its factor from. */
static int64_t batch_offset(const gcam_matmul_params *p, const int64_t *stride, int64_t i) {
  int64_t offset = 0;
  for (int axis = p->batch_rank - 1; axis >= 0; axis--) {
    offset += i % p->batch[axis] * stride[axis];
    i /= p->batch[axis];
  }
  return offset;
}

static void matmul_forward(const gcam_args *g) {
  const gcam_matmul_params *p = g->node->params;
  for (int64_t i = 0, count = batch_count(p); i < count; i++) {
    float *y = g->out[0] + i * p->M * p->N;
    for (int64_t j = 0; j < p->M * p->N; j++) y[j] = 0;
    gcam_product_add(
        p->M, p->N, p->K, 1, (gcam_matrix){g->in[0] + batch_offset(p, p->a_stride, i), p->K, 1},
        (gcam_matrix){g->in[1] + batch_offset(p, p->b_stride, i), p->N, 1}, y, p->N, 1);
  }
}

static void matmul_backward(const gcam_args *g) {
  const gcam_matmul_params *p = g->node->params;
  int64_t count = batch_count(p);
  int64_t a_size = gcam_numel(gcam_in_shape(g->graph, g->node, 0));
  int64_t b_size = gcam_numel(gcam_in_shape(g->graph, g->node, 1));
  if (!g->dout[0]) return;
  for (int64_t b = 0; b < g->B; b++)
    for (int64_t i = 0; i < count; i++) {
      gcam_matrix dy = {g->dout[0] + (b * count + i) * p->M * p->N, p->N, 1};
      int64_t from_a = batch_offset(p, p->a_stride, i), from_b = batch_offset(p, p->b_stride, i);
      if (g->din[0])
        gcam_product_add(p->M, p->K, p->N, 1, dy, (gcam_matrix){g->in[1] + from_b, 1, p->N},
                         g->din[0] + b * a_size + from_a, p->K, 1);
      if (g->din[1])
        gcam_product_add(p->K, p->N, p->M, 1, (gcam_matrix){g->in[0] + from_a, 1, p->K}, dy,
                         g->din[1] + b * b_size + from_b, p->N, 1);
    }
}

const gcam_op gcam_op_matmul = {"MatMul",
                                GCAM_RULE_ROWS,
                                2,
                                2,
                                matmul_shape,
                                matmul_forward,
                                matmul_backward,
                                .traits = GCAM_OP_LINEAR | GCAM_OP_WEIGHTED};
