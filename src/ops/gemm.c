/* gemm.c: Gemm, the fully connected layer.
 *
 *   y = alpha A' B' + beta C,  A' = A or its transpose, B' likewise; C is broadcast to y's shape
 *   dA' = alpha dy B'^T,  dB' = alpha A'^T dy,  dC = beta dy summed where C was broadcast
 *
 * Inputs: A [M][K] ([K][M] with transA), B [K][N] ([N][K] with transB), C (optional) a scalar, [N],
 * [1][N], [M][1] or [M][N]. Output y [M][N].
 * https://onnx.ai/onnx/operators/onnx__Gemm.html */
#include "ops/gemm.h"

#include "ops/product.h"

static gcam_status gemm_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  const gcam_shape *a = gcam_in_shape(graph, node, 0), *b = gcam_in_shape(graph, node, 1);
  char as[96], bs[96], cs[96];
  gcam_gemm_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while reading the graph");
  p->trans_a = gcam_node_int(node, "transA", 0) != 0;
  p->trans_b = gcam_node_int(node, "transB", 0) != 0;
  p->alpha = gcam_node_float(node, "alpha", 1);
  p->beta = gcam_node_float(node, "beta", 1);
  if (a->rank != 2 || b->rank != 2 || a->dim[!p->trans_a] != b->dim[p->trans_b])
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "cannot multiply %s%s by %s%s",
                          gcam_shape_text(a, as, sizeof as), p->trans_a ? " transposed" : "",
                          gcam_shape_text(b, bs, sizeof bs), p->trans_b ? " transposed" : "");
  p->M = a->dim[p->trans_a];
  p->K = a->dim[!p->trans_a];
  p->N = b->dim[!p->trans_b];
  p->a_row = p->trans_a ? 1 : p->K;
  p->a_column = p->trans_a ? p->M : 1;
  p->b_row = p->trans_b ? 1 : p->N;
  p->b_column = p->trans_b ? p->K : 1;
  if (gcam_node_has_input(node, 2)) {
    const gcam_shape *c = gcam_in_shape(graph, node, 2);
    int64_t columns = c->rank > 0 ? c->dim[c->rank - 1] : 1;
    int64_t rows = c->rank > 1 ? c->dim[c->rank - 2] : 1;
    if (c->rank > 2 || (rows != 1 && rows != p->M) || (columns != 1 && columns != p->N))
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "C is %s, which does not broadcast to %lldx%lld",
                            gcam_shape_text(c, cs, sizeof cs), (long long)p->M, (long long)p->N);
    p->c_row = rows == 1 ? 0 : columns;
    p->c_column = columns == 1 ? 0 : 1;
  }
  gcam_shape y = {2, {p->M, p->N}};
  return gcam_node_set_shape(graph, node, 0, &y, err);
}

static void gemm_forward(const gcam_args *g) {
  const gcam_gemm_params *p = g->node->params;
  const float *c = g->node->input_count > 2 ? g->in[2] : NULL;
  float *y = g->out[0];
  for (int64_t i = 0; i < p->M; i++)
    for (int64_t j = 0; j < p->N; j++)
      y[i * p->N + j] = c ? p->beta * c[i * p->c_row + j * p->c_column] : 0;
  gcam_product_add(p->M, p->N, p->K, p->alpha, (gcam_matrix){g->in[0], p->a_row, p->a_column},
                   (gcam_matrix){g->in[1], p->b_row, p->b_column}, y, p->N, 1);
}

static void gemm_backward(const gcam_args *g) {
  const gcam_gemm_params *p = g->node->params;
  if (!g->dout[0]) return;
  for (int64_t b = 0; b < g->B; b++) {
    const float *dy = g->dout[0] + b * p->M * p->N;
    if (g->din[0])
      gcam_product_add(p->M, p->K, p->N, p->alpha, (gcam_matrix){dy, p->N, 1},
                       (gcam_matrix){g->in[1], p->b_column, p->b_row}, g->din[0] + b * p->M * p->K,
                       p->a_row, p->a_column);
    if (g->din[1])
      gcam_product_add(p->K, p->N, p->M, p->alpha, (gcam_matrix){g->in[0], p->a_column, p->a_row},
                       (gcam_matrix){dy, p->N, 1}, g->din[1] + b * p->K * p->N, p->b_row,
                       p->b_column);
    if (g->node->input_count > 2 && g->din[2]) {
      float *dc = g->din[2] + b * gcam_numel(gcam_in_shape(g->graph, g->node, 2));
      for (int64_t i = 0; i < p->M; i++)
        for (int64_t j = 0; j < p->N; j++)
          dc[i * p->c_row + j * p->c_column] += p->beta * dy[i * p->N + j];
    }
  }
}

const gcam_op gcam_op_gemm = {"Gemm",
                              GCAM_RULE_ROWS,
                              2,
                              3,
                              gemm_shape,
                              gemm_forward,
                              gemm_backward,
                              .traits = GCAM_OP_LINEAR | GCAM_OP_WEIGHTED};
