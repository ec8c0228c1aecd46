/* DepthToSpace and SpaceToDepth: blocks of pixels become channels, and back. Channels-last, both
 * are an order of axes; i and j are the row and the column inside a block of b x b:
 *
 *   SpaceToDepth       x [N][H][i][W][j][C]   y [N][H][W][i][j][C]
 *   DepthToSpace, DCR  x [N][H][W][i][j][C]   y [N][H][i][W][j][C]
 *   DepthToSpace, CRD  x [N][H][W][C][i][j]   y [N][H][i][W][j][C]   (torch's pixel_shuffle) */
#include <string.h>

#include "ops/transpose.h"

static gcam_status blocks_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  static const int dcr[] = {0, 1, 3, 2, 4, 5}, crd[] = {0, 1, 4, 2, 5, 3};
  char text[96];
  const gcam_shape *x = gcam_in_shape(graph, node, 0);
  int64_t b = gcam_node_int(node, "blocksize", 0);
  const char *mode = gcam_node_string(node, "mode", "DCR");
  bool to_space = node->op == &gcam_op_depth_to_space, columns = !strcmp(mode, "CRD");
  gcam_permutation *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  if (to_space && !columns && strcmp(mode, "DCR"))
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "mode '%.40s' is neither DCR nor CRD", mode);
  bool fits = x->rank == 4 && b >= 1 && b <= 4096;
  if (fits) fits = to_space ? x->dim[3] % (b * b) == 0 : x->dim[1] % b == 0 && x->dim[2] % b == 0;
  if (!fits)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                          "an input of %s (channels last) has no blocks of %lld",
                          gcam_shape_text(x, text, sizeof text), (long long)b);
  int64_t N = x->dim[0], H = x->dim[1], W = x->dim[2], C = x->dim[3];
  gcam_shape from = {6, {N, H, W, b, b, C / (b * b)}}, out = {4, {N, H * b, W * b, C / (b * b)}};
  if (to_space && columns) from = (gcam_shape){6, {N, H, W, C / (b * b), b, b}};
  if (!to_space) {
    from = (gcam_shape){6, {N, H / b, b, W / b, b, C}};
    out = (gcam_shape){4, {N, H / b, W / b, C * b * b}};
  }
  gcam_permutation_set(p, &from, to_space && columns ? crd : dcr);
  return gcam_node_set_shape(graph, node, 0, &out, err);
}

const gcam_op gcam_op_depth_to_space = {"DepthToSpace",
                                        GCAM_RULE_SPATIAL,
                                        1,
                                        1,
                                        blocks_shape,
                                        gcam_permutation_forward,
                                        gcam_permutation_backward,
                                        .traits = GCAM_OP_SAMPLES};
const gcam_op gcam_op_space_to_depth = {"SpaceToDepth",
                                        GCAM_RULE_SPATIAL,
                                        1,
                                        1,
                                        blocks_shape,
                                        gcam_permutation_forward,
                                        gcam_permutation_backward,
                                        .traits = GCAM_OP_SAMPLES};
