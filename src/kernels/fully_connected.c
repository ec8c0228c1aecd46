/* fully_connected.c: Gemm and MatMul by a constant matrix: y[M][N] = alpha x[M][K] B + beta C.
 *
 * At batch 1 these layers are bound by memory: each weight is read once and used once (VGG16's fc1
 * is 411 MB). So one row-major copy, the one in the file, serves both directions, and M rows or B
 * targets share one reading of it:
 *   dot    out[m][r] += alpha * sum_k W[r][k] x[m][k]      (forward with transB, backward without)
 *   axpy   out[m][k] += alpha * sum_r x[m][r] W[r][k]      (the other two); rows r where every
 *          x[m][r] is zero, as ReLU leaves many, are not read at all
 * Half and int8 weights are widened piece by piece in the cache.
 *
 * With more rows than MANY, as a transformer's tokens are, arithmetic is what takes the time: then
 * it is a matrix product (matrix_product.c), from the same copy. */
#include "kernels/fully_connected.h"

#include <string.h>

#include "base/memory.h"
#include "kernels/kernel.h"
#include "kernels/matrix_product.h"
#include "kernels/rows.h"
#include "kernels/vector_math.h"
#include "ops/gemm.h"
#include "ops/matmul.h"

enum {
  PIECE = 1024,     /* floats of a row looked at together: 4 KB, with x's piece well within L1 */
  ROWS_A_TASK = 32, /* dot: rows of W a task */
  ROWS_AT_ONCE = 8, /* axpy: rows of W that are added in one go */
  TARGETS = 8,      /* axpy: rows of out that share one reading of W */
  SUMS = 4,         /* axpy: of these, added to in registers at once */
  MANY = 8,         /* rows of x */
  SMALL = 1 << 15   /* weights below which a thread's wake-up costs more than it saves */
};

typedef struct product {
  const gcam_value *weights;
  int64_t rows, columns; /* of W */
  int64_t piece;         /* axpy: columns a task */
  int64_t M;
  float alpha;
  const float *x;
  float *out;
  bool fresh;        /* out is new memory, and not added to */
  const float *bias; /* then, what is added to each row; NULL: nothing */
} product;

/* W[row][from .. from + n) as floats: in place, or widened into buffer. */
static const float *weight_piece(const product *p, int64_t row, int64_t from, int64_t n,
                                 float *buffer) {
  const gcam_weight *w = p->weights->weight;
  int64_t at = row * p->columns + from;
  if (w->dtype == GCAM_F32 && !w->scale && (uintptr_t)w->data % _Alignof(float) == 0)
    return (const float *)w->data + at;
  gcam_weight_read(w, &p->weights->shape, at, n, buffer);
  return buffer;
}

static float dot(const float *a, const float *b, int64_t n) {
  gcam_f4 s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    s0 += gcam_f4_load(a + i) * gcam_f4_load(b + i);
    s1 += gcam_f4_load(a + i + 4) * gcam_f4_load(b + i + 4);
    s2 += gcam_f4_load(a + i + 8) * gcam_f4_load(b + i + 8);
    s3 += gcam_f4_load(a + i + 12) * gcam_f4_load(b + i + 12);
  }
  float sum = gcam_f4_sum((s0 + s1) + (s2 + s3));
  for (; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static void dot_task(void *context, size_t index) {
  const product *p = context;
  float buffer[PIECE];
  int64_t end = ((int64_t)index + 1) * ROWS_A_TASK;
  if (end > p->rows) end = p->rows;
  for (int64_t r = (int64_t)index * ROWS_A_TASK; r < end; r++)
    for (int64_t k = 0; k < p->columns; k += PIECE) {
      int64_t n = p->columns - k < PIECE ? p->columns - k : PIECE;
      const float *w = weight_piece(p, r, k, n, buffer);
      for (int64_t m = 0; m < p->M; m++)
        p->out[m * p->rows + r] += p->alpha * dot(w, p->x + m * p->columns + k, n);
    }
}

/* Rows of W, all with factors other than zero: W[r][0 .. n) and x[r][m]. */
typedef struct row_batch {
  int rows;
  const float *w[ROWS_AT_ONCE];
  float x[ROWS_AT_ONCE][TARGETS];
} row_batch;

/* out[m] += sum_r x[r][first + m] w[r], for m < targets, a constant after inlining. Eight columns
 * at a time: of four targets that is as many sums as V8 has registers for, and a factor that has
 * been spread over a register serves twice. */
static inline __attribute__((always_inline)) void add_rows(int targets, const row_batch *batch,
                                                           int first, float *out, int64_t step,
                                                           int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    gcam_f4 sum[SUMS][2];
    for (int m = 0; m < targets; m++)
      for (int h = 0; h < 2; h++) sum[m][h] = gcam_f4_load(out + m * step + i + 4 * h);
    for (int r = 0; r < batch->rows; r++) {
      gcam_f4 w0 = gcam_f4_load(batch->w[r] + i), w1 = gcam_f4_load(batch->w[r] + i + 4);
      for (int m = 0; m < targets; m++) {
        gcam_f4 x = gcam_f4_splat(batch->x[r][first + m]);
        sum[m][0] = gcam_f4_madd(x, w0, sum[m][0]);
        sum[m][1] = gcam_f4_madd(x, w1, sum[m][1]);
      }
    }
    for (int m = 0; m < targets; m++)
      for (int h = 0; h < 2; h++) gcam_f4_store(out + m * step + i + 4 * h, sum[m][h]);
  }
  for (; i < n; i++)
    for (int m = 0; m < targets; m++)
      for (int r = 0; r < batch->rows; r++)
        out[m * step + i] += batch->x[r][first + m] * batch->w[r][i];
}

/* One piece of the columns, for `targets` rows of x and out from m on: some rows of W at a time, so
 * that out is read and written less often than W. */
static void axpy_piece(const product *p, int64_t m, int targets, int64_t k, int64_t n) {
  float buffer[ROWS_AT_ONCE][PIECE];
  row_batch batch = {.rows = 0};
  float *out = p->out + m * p->columns + k;
  for (int64_t r = 0; r < p->rows; r++) {
    bool wanted = false;
    for (int i = 0; i < targets; i++) {
      float x = p->x[(m + i) * p->rows + r];
      batch.x[batch.rows][i] = p->alpha * x;
      wanted |= x != 0;
    }
    if (wanted) {
      batch.w[batch.rows] = weight_piece(p, r, k, n, buffer[batch.rows]);
      batch.rows++;
    }
    if (batch.rows < ROWS_AT_ONCE && (r + 1 < p->rows || !batch.rows)) continue;
    int i = 0;
    for (; i + SUMS <= targets; i += SUMS)
      add_rows(SUMS, &batch, i, out + i * p->columns, p->columns, n);
    for (; i < targets; i++) add_rows(1, &batch, i, out + i * p->columns, p->columns, n);
    batch.rows = 0;
  }
}

static void axpy_task(void *context, size_t index) {
  const product *p = context;
  int64_t k = (int64_t)index * p->piece;
  int64_t n = p->columns - k < p->piece ? p->columns - k : p->piece;
  for (int64_t m = 0; m < p->M; m += TARGETS)
    axpy_piece(p, m, p->M - m < TARGETS ? (int)(p->M - m) : TARGETS, k, n);
}

/* by_rows: x times the transpose of W. */
static void multiply_many(const product *p, bool by_rows, const gcam_threads *pool) {
  int64_t K = by_rows ? p->columns : p->rows;
  gcam_products products = {.M = p->M,
                            .N = by_rows ? p->rows : p->columns,
                            .K = K,
                            .a = {p->x, K, 1},
                            .b = {NULL, by_rows ? 1 : p->columns, by_rows ? p->columns : 1},
                            .weights = p->weights,
                            .c = p->out,
                            .alpha = p->alpha,
                            .bias = p->bias,
                            .add = !p->fresh};
  gcam_products_run(&products, pool);
}

static void multiply(product *p, bool by_rows, const gcam_threads *pool);

/* The rows of x that are not 0 everywhere, where these are few: of a gradient that comes from one
 * token (the class token) alone those of this token. False: multiply all. */
static bool multiply_some(const product *p, bool by_rows, const gcam_threads *pool) {
  int64_t K = by_rows ? p->columns : p->rows, N = by_rows ? p->rows : p->columns, count = 0;
  int64_t most = p->M / 2, *rows = gcam_alloc(most, sizeof *rows);
  for (int64_t m = 0; rows && m < p->M && count <= most; m++) {
    if (gcam_row_is_zero(p->x + m * K, K)) continue;
    if (count < most) rows[count] = m;
    count++;
  }
  float *x = rows && count <= most ? gcam_floats_alloc(count * (K + N)) : NULL;
  if (x) {
    product some = *p;
    some.M = count;
    some.x = x;
    some.out = x + count * K;
    some.fresh = true;
    for (int64_t i = 0; i < count; i++)
      memcpy(x + i * K, p->x + rows[i] * K, (size_t)K * sizeof *x);
    if (count) multiply(&some, by_rows, pool);
    for (int64_t i = 0; i < count; i++)
      gcam_rows_copy(&(gcam_rows){some.out + i * N, p->out + rows[i] * N, N, N, N, 1, true}, NULL);
  }
  gcam_floats_free(x);
  gcam_free(rows);
  return x != NULL;
}

/* axpy: are so few of W's weights read that a thread's wake-up costs more than it saves? */
static bool is_short(const product *p) {
  int64_t enough = SMALL / (p->columns ? p->columns : 1), wanted = 0;
  for (int64_t r = 0; r < p->rows && wanted <= enough; r++) {
    bool any = false;
    for (int64_t m = 0; m < p->M && !any; m++) any = p->x[m * p->rows + r] != 0;
    wanted += any;
  }
  return wanted <= enough;
}

static void multiply(product *p, bool by_rows, const gcam_threads *pool) {
  if (p->M > MANY) {
    /* what is added to is a gradient */
    if (p->fresh || !multiply_some(p, by_rows, pool)) multiply_many(p, by_rows, pool);
    return;
  }
  int64_t N = by_rows ? p->rows : p->columns;
  for (int64_t m = 0; p->fresh && m < p->M; m++) {
    if (p->bias)
      memcpy(p->out + m * N, p->bias, (size_t)N * sizeof *p->out);
    else
      memset(p->out + m * N, 0, (size_t)N * sizeof *p->out);
  }
  if (by_rows) {
    bool small = p->rows * p->columns < SMALL;
    size_t tasks = (size_t)((p->rows + ROWS_A_TASK - 1) / ROWS_A_TASK);
    gcam_parallel(small ? NULL : pool, tasks, dot_task, p);
    return;
  }
  if (!p->columns) return;
  bool small = is_short(p);
  /* Pieces of one size, as many for each thread: 1280 columns are not 1024 and 256. */
  int64_t rounds = (p->columns + (int64_t)PIECE * pool->count - 1) / ((int64_t)PIECE * pool->count);
  int64_t pieces = small ? (p->columns + PIECE - 1) / PIECE : rounds * pool->count;
  p->piece = ((p->columns + pieces - 1) / pieces + 3) / 4 * 4;
  size_t tasks = (size_t)((p->columns + p->piece - 1) / p->piece);
  gcam_parallel(small ? NULL : pool, tasks, axpy_task, p);
}

/* ---- Gemm ----------------------------------------------------------------------------------- */

static bool gemm_applies(const gcam_graph *graph, const gcam_node *node) {
  const gcam_gemm_params *p = node->params;
  return graph->values[node->inputs[1]].weight && !graph->values[node->inputs[0]].weight &&
         !p->trans_a && (!gcam_node_has_input(node, 2) || graph->values[node->inputs[2]].weight);
}

static product gemm_product(const gcam_args *a, int64_t M, const float *x, float *out) {
  const gcam_gemm_params *p = a->node->params;
  return (product){.weights = &a->graph->values[a->node->inputs[1]],
                   .rows = p->trans_b ? p->N : p->K,
                   .columns = p->trans_b ? p->K : p->N,
                   .M = M,
                   .alpha = p->alpha,
                   .x = x,
                   .out = out};
}

static void gemm_forward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_gemm_params *p = a->node->params;
  float *y = a->out[0];
  bool biased = gcam_node_has_input(a->node, 2);
  const gcam_value *c = biased ? &a->graph->values[a->node->inputs[2]] : NULL;
  for (int64_t i = 0; biased && i < p->M; i++) {
    float *row = y + i * p->N;
    if (i && !p->c_row)
      memcpy(row, y, (size_t)p->N * sizeof *row);
    else
      for (int64_t j = 0; j < p->N; j++) {
        gcam_weight_read(c->weight, &c->shape, i * p->c_row + j * p->c_column, 1, &row[j]);
        row[j] *= p->beta;
      }
  }
  product job = gemm_product(a, p->M, a->in[0], y);
  job.fresh = !biased;
  multiply(&job, p->trans_b, pool);
}

static void gemm_backward(const gcam_args *a, const gcam_threads *pool) {
  const gcam_gemm_params *p = a->node->params;
  if (!a->dout[0] || !a->din[0]) return;
  product job = gemm_product(a, a->B * p->M, a->dout[0], a->din[0]);
  multiply(&job, !p->trans_b, pool);
}

const gcam_twin gcam_twin_gemm = {&gcam_op_gemm, gemm_applies, gemm_forward, gemm_backward,
                                  .reads_stored_weights = true};

/* ---- MatMul --------------------------------------------------------------------------------- */

/* x [..., K] by a constant matrix [K][N]: all of x's leading axes are rows. */
static bool matmul_applies(const gcam_graph *graph, const gcam_node *node) {
  return graph->values[node->inputs[1]].weight && !graph->values[node->inputs[0]].weight &&
         gcam_in_shape(graph, node, 1)->rank == 2;
}

static int64_t matmul_rows(const gcam_args *a) {
  const gcam_shape *x = gcam_in_shape(a->graph, a->node, 0);
  return gcam_numel_range(x, 0, x->rank - 1);
}

static product matmul_product(const gcam_args *a, int64_t M, const float *x, float *out) {
  const gcam_value *w = &a->graph->values[a->node->inputs[1]];
  return (product){.weights = w,
                   .rows = w->shape.dim[0],
                   .columns = w->shape.dim[1],
                   .M = M,
                   .alpha = 1,
                   .x = x,
                   .out = out};
}

static void matmul_forward(const gcam_args *a, const gcam_threads *pool) {
  product job = matmul_product(a, matmul_rows(a), a->in[0], a->out[0]);
  job.fresh = true;
  job.bias = a->bias;
  multiply(&job, false, pool);
}

static void matmul_backward(const gcam_args *a, const gcam_threads *pool) {
  if (!a->dout[0] || !a->din[0]) return;
  product job = matmul_product(a, a->B * matmul_rows(a), a->dout[0], a->din[0]);
  multiply(&job, true, pool);
}

const gcam_twin gcam_twin_matmul = {&gcam_op_matmul,
                                    matmul_applies,
                                    matmul_forward,
                                    matmul_backward,
                                    .reads_stored_weights = true,
                                    .absorbs = GCAM_ADDS_BIAS};

/* ---- Sums over positions -------------------------------------------------------------------- */

bool gcam_connected_is(const gcam_graph *graph, const gcam_node *node) {
  if (node->input_count < 2 || node->inputs[0] < 0 || node->inputs[1] < 0) return false;
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  bool one_row = x->rank >= 1 && gcam_numel(x) == x->dim[x->rank - 1];
  if (node->op == &gcam_op_gemm) return one_row && gemm_applies(graph, node);
  return node->op == &gcam_op_matmul && one_row && matmul_applies(graph, node);
}

int64_t gcam_connected_row(const gcam_graph *graph, const gcam_node *node, int64_t C) {
  if (node->op != &gcam_op_matmul || !matmul_applies(graph, node)) return 0;
  const gcam_shape *w = gcam_in_shape(graph, node, 1);
  return w->dim[0] == C ? w->dim[1] : 0;
}

void gcam_connected_back(const gcam_graph *graph, const gcam_node *node, int B, const float *y,
                         float *x, const gcam_threads *pool) {
  gcam_args a = {.graph = graph, .node = node};
  product job = matmul_product(&a, B, y, x);
  multiply(&job, true, pool);
}

/* The gradient's way back through the layer, with a row or column of weights for each of `inputs`
 * inputs. *by_rows: how to multiply. */
static product way_back(const gcam_graph *graph, const gcam_node *node, int64_t inputs,
                        const gcam_value *weights, bool *by_rows) {
  const gcam_gemm_params *p = node->op == &gcam_op_gemm ? node->params : NULL;
  int64_t outputs = gcam_numel(&graph->values[node->outputs[0]].shape);
  *by_rows = !p || !p->trans_b;
  return (product){.weights = weights,
                   .rows = *by_rows ? inputs : outputs,
                   .columns = *by_rows ? outputs : inputs,
                   .M = 1,
                   .alpha = p ? p->alpha : 1};
}

typedef struct table_job {
  product p;
  const gcam_channels *channels;
  const float *weights;
  float *table;
} table_job;

/* Row r of W is all inputs of an output. */
static void table_row(void *context, size_t r) {
  const table_job *t = context;
  float buffer[PIECE];
  for (int64_t k = 0; k < t->p.columns; k += PIECE) {
    int64_t n = t->p.columns - k < PIECE ? t->p.columns - k : PIECE;
    gcam_position_sums(t->channels, t->weights, weight_piece(&t->p, (int64_t)r, k, n, buffer), k, n,
                       t->table + (int64_t)r * t->channels->C);
  }
}

/* Row r of W is all outputs of an input: those of channel c are added up. */
static void table_channel(void *context, size_t c) {
  const table_job *t = context;
  const gcam_channels *ch = t->channels;
  float buffer[PIECE];
  for (int64_t i = 0; i < ch->positions; i++) {
    int64_t r = (i / ch->inner * ch->C + (int64_t)c) * ch->inner + i % ch->inner;
    gcam_channels outputs = {.C = t->p.columns, .inner = 1, .positions = 1};
    for (int64_t k = 0; k < t->p.columns; k += PIECE) {
      int64_t n = t->p.columns - k < PIECE ? t->p.columns - k : PIECE;
      gcam_position_sums(&outputs, t->weights + i, weight_piece(&t->p, r, k, n, buffer), k, n,
                         t->table + (int64_t)c * t->p.columns);
    }
  }
}

void gcam_connected_table(const gcam_graph *graph, const gcam_node *node,
                          const gcam_channels *channels, const float *weights, float *table,
                          const gcam_threads *pool) {
  bool by_rows;
  int64_t inputs = channels->C * channels->positions;
  table_job t = {way_back(graph, node, inputs, &graph->values[node->inputs[1]], &by_rows), channels,
                 weights, table};
  gcam_parallel(pool, (size_t)(by_rows ? channels->C : t.p.rows),
                by_rows ? table_channel : table_row, &t);
}

void gcam_connected_sums(const gcam_graph *graph, const gcam_node *node, int64_t C, float *table,
                         int B, const float *gradients, float *sums, const gcam_threads *pool) {
  bool by_rows;
  gcam_weight weight = {.dtype = GCAM_F32, .data = table};
  gcam_value value = {.weight = &weight};
  product job = way_back(graph, node, C, &value, &by_rows);
  value.shape = (gcam_shape){2, {job.rows, job.columns}};
  job.M = B;
  job.x = gradients;
  job.out = sums;
  multiply(&job, by_rows, pool);
}
