/* RotaryEmbedding (arXiv 2104.09864): pairs of numbers of a token turned by angles of its position.
 *
 *   y1 = x1 cos - x2 sin    y2 = x2 cos + x1 sin    the gradient is turned back
 *
 * A pair: x[j] and x[j + r / 2] of the first r = rotary_embedding_dim numbers (0: all), or with
 * `interleaved` x[2 j] and x[2 j + 1]; the others stay. x [N][heads][L][D] or [N][L][heads D]. cos
 * and sin are constants: [positions][r / 2] with position_ids [N][L], or [N][L][r / 2]. */
#include <string.h>

#include "ops/op.h"

typedef struct rotary_params {
  int64_t N, L, heads, D, pairs;
  int64_t head, row; /* steps in x */
  int64_t *position; /* [N][L]: rows of cos and sin; NULL: in order */
  bool interleaved;
} rotary_params;

static gcam_status rotary_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char xs[96], cs[96];
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  const gcam_shape *c = gcam_in_shape(graph, node, 1), *s = gcam_in_shape(graph, node, 2);
  rotary_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  for (int i = 1; i < 3; i++)
    if (!graph->values[node->inputs[i]].weight)
      return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED,
                            "its angles (input %d) must be constants", i);
  bool ids = gcam_node_has_input(node, 3), fits = x->rank == 4;
  if (fits) {
    p->heads = x->dim[1], p->L = x->dim[2], p->D = x->dim[3];
    p->head = p->L * p->D, p->row = p->D;
  } else if (x->rank == 3) {
    p->heads = gcam_node_int(node, "num_heads", 0);
    fits = p->heads >= 1 && x->dim[2] % p->heads == 0;
    p->L = x->dim[1], p->D = fits ? x->dim[2] / p->heads : 0;
    p->head = p->D, p->row = x->dim[2];
  }
  int64_t turned = gcam_node_int(node, "rotary_embedding_dim", 0);
  if (!turned) turned = p->D;
  p->N = x->rank ? x->dim[0] : 0;
  p->pairs = turned / 2;
  p->interleaved = gcam_node_int(node, "interleaved", 0) != 0;
  fits = fits && turned > 0 && turned <= p->D && turned % 2 == 0 && gcam_shape_equal(c, s) &&
         c->rank == (ids ? 2 : 3) && c->dim[c->rank - 1] == p->pairs &&
         (ids || (c->dim[0] == p->N && c->dim[1] == p->L));
  if (!fits)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "angles of %s do not fit an input of %s",
                          gcam_shape_text(c, cs, sizeof cs), gcam_shape_text(x, xs, sizeof xs));
  if (ids) {
    const gcam_shape *at = gcam_in_shape(graph, node, 3);
    GCAM_TRY(gcam_node_indices(graph, node, "position_ids", 3, &p->position, err));
    fits = at->rank == 2 && at->dim[0] == p->N && at->dim[1] == p->L;
    for (int64_t i = 0; fits && i < p->N * p->L; i++)
      fits = p->position[i] >= 0 && p->position[i] < c->dim[0];
    if (!fits)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                            "position_ids are not %lldx%lld rows of its %lld angles",
                            (long long)p->N, (long long)p->L, (long long)c->dim[0]);
  }
  return gcam_node_set_shape(graph, node, 0, x, err);
}

/* to += from turned by sign * angle. */
static void turn(const gcam_args *a, const float *from, float sign, float *to) {
  const rotary_params *p = a->node->params;
  for (int64_t n = 0; n < p->N; n++)
    for (int64_t l = 0; l < p->L; l++) {
      int64_t token = n * p->L + l, angle = (p->position ? p->position[token] : token) * p->pairs;
      const float *cosine = a->in[1] + angle, *sine = a->in[2] + angle;
      for (int64_t h = 0; h < p->heads; h++) {
        int64_t at = n * p->heads * p->L * p->D + h * p->head + l * p->row;
        for (int64_t j = 0; j < p->pairs; j++) {
          int64_t one = at + (p->interleaved ? 2 * j : j);
          int64_t two = p->interleaved ? one + 1 : one + p->pairs;
          to[one] += from[one] * cosine[j] - sign * from[two] * sine[j];
          to[two] += from[two] * cosine[j] + sign * from[one] * sine[j];
        }
        for (int64_t j = 2 * p->pairs; j < p->D; j++) to[at + j] += from[at + j];
      }
    }
}

static void rotary_forward(const gcam_args *a) {
  int64_t n = gcam_numel(gcam_in_shape(a->graph, a->node, 0));
  memset(a->out[0], 0, (size_t)n * sizeof(float));
  turn(a, a->in[0], 1, a->out[0]);
}

static void rotary_backward(const gcam_args *a) {
  int64_t n = gcam_numel(gcam_in_shape(a->graph, a->node, 0));
  for (int b = 0; a->dout[0] && a->din[0] && b < a->B; b++)
    turn(a, a->dout[0] + b * n, -1, a->din[0] + b * n);
}

const gcam_op gcam_op_rotary_embedding = {
    "RotaryEmbedding", GCAM_RULE_ROWS,  3, 4, rotary_shape, rotary_forward,
    rotary_backward,   .data_inputs = 1};
