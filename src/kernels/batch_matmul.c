/* batch_matmul.c: MatMul of two activations, as attention has them, and of what fully_connected.c
 * does not take. */
#include "kernels/kernel.h"
#include "kernels/matrix_product.h"
#include "kernels/rows.h"
#include "ops/matmul.h"

static bool always(const gcam_graph *graph, const gcam_node *node) {
  (void)graph, (void)node;
  return true;
}

/* With an axis for the B targets before the others, in which the inputs stand still. */
static gcam_products products_of(const gcam_args *a, int64_t M, int64_t N, int64_t K, gcam_matrix x,
                                 const int64_t *x_step, gcam_matrix y, const int64_t *y_step,
                                 float *c, const int64_t *c_step) {
  const gcam_matmul_params *p = a->node->params;
  gcam_products g = {
      .M = M, .N = N, .K = K, .a = x, .b = y, .c = c, .alpha = 1, .axes = p->batch_rank + 1};
  g.size[0] = 1;
  for (int i = 0; i < p->batch_rank; i++) {
    g.size[i + 1] = p->batch[i];
    g.a_step[i + 1] = x_step[i];
    g.b_step[i + 1] = y_step[i];
    g.c_step[i + 1] = c_step[i];
  }
  return g;
}

/* Steps of the output, which has every matrix; returns its numbers. */
static int64_t output_steps(const gcam_matmul_params *p, int64_t step[GCAM_MAX_RANK]) {
  int64_t size = p->M * p->N;
  for (int i = p->batch_rank; i-- > 0; size *= p->batch[i]) step[i] = size;
  return size;
}

static void forward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_matmul_params *p = a->node->params;
  int64_t step[GCAM_MAX_RANK];
  output_steps(p, step);
  gcam_products g = products_of(a, p->M, p->N, p->K, (gcam_matrix){a->in[0], p->K, 1}, p->a_stride,
                                (gcam_matrix){a->in[1], p->N, 1}, p->b_stride, a->out[0], step);
  gcam_products_run(&g, pool);
}

/* Outside rows [*first, *end) each of `count` matrices is 0: behind the last attention a class
 * token has a gradient, and no other. */
static void find_rows(const float *at, int64_t count, int64_t rows, int64_t width, int64_t *first,
                      int64_t *end) {
  *first = rows;
  *end = 0;
  for (int64_t i = 0, r; i < count; i++, at += rows * width) {
    for (r = rows; r > *end && gcam_row_is_zero(at + (r - 1) * width, width);) r--;
    *end = r;
    for (r = 0; r < *first && gcam_row_is_zero(at + r * width, width);) r++;
    *first = r;
  }
}

static void backward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_matmul_params *p = a->node->params;
  int64_t step[GCAM_MAX_RANK], size = output_steps(p, step);
  if (!a->dout[0] || !size) return;
  int64_t first, end;
  find_rows(a->dout[0], a->B * (size / (p->M * p->N)), p->M, p->N, &first, &end);
  int64_t rows = end - first;
  if (rows <= 0) return;
  const float *dy = a->dout[0] + first * p->N;
  if (a->din[0]) { /* da += dy b^T */
    gcam_products g = products_of(a, rows, p->K, p->N, (gcam_matrix){dy, p->N, 1}, step,
                                  (gcam_matrix){a->in[1], 1, p->N}, p->b_stride,
                                  a->din[0] + first * p->K, p->a_stride);
    g.size[0] = a->B;
    g.a_step[0] = size;
    g.c_step[0] = gcam_numel(gcam_in_shape(a->graph, a->node, 0));
    g.add = true;
    gcam_products_run(&g, pool);
  }
  if (a->din[1]) { /* db += a^T dy */
    gcam_products g =
        products_of(a, p->K, p->N, rows, (gcam_matrix){a->in[0] + first * p->K, 1, p->K},
                    p->a_stride, (gcam_matrix){dy, p->N, 1}, step, a->din[1], p->b_stride);
    g.size[0] = a->B;
    g.b_step[0] = size;
    g.c_step[0] = gcam_numel(gcam_in_shape(a->graph, a->node, 1));
    g.add = true;
    gcam_products_run(&g, pool);
  }
}

const gcam_twin gcam_twin_batch_matmul = {&gcam_op_matmul, always, .forward = forward,
                                          .backward = backward};
