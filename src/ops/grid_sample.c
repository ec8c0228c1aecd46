/* grid_sample.c: GridSample, 2-D: the picture read at places that a grid names.
 *
 *   y[n][h][w][c] = sum over taps (i, j) of wy_i wx_j x[n][pad(iy + i)][pad(ix + j)][c]
 *   dx gets dy wy_i wx_j;  dgrid gets dy (wy_i wx_j' sx, wy_i' wx_j sy) x, s: pixels per grid unit
 *
 * grid[n][h][w] = (x, y) in [-1, 1]: with align_corners the centres of the outermost pixels, else
 * their outer edges. Weights along an axis by mode: nearest 1 tap, linear 2, cubic 4 (a = -3/4).
 * Taps outside read 0 (zeros), the edge (border), or the mirrored picture (reflection).
 *
 * Input x [N][H][W][C], grid [N][H'][W'][2]; output y [N][H'][W'][C].
 * https://onnx.ai/onnx/operators/onnx__GridSample.html */
#include <math.h>
#include <string.h>

#include "ops/op.h"

typedef enum padding { ZEROS, BORDER, REFLECTION } padding;

typedef struct grid_sample_params {
  int64_t N, H, W, C, OH, OW;
  int taps; /* 1, 2, 4 */
  padding pad;
  bool align;
} grid_sample_params;

static gcam_status grid_sample_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  /* Opset 20 has other names; both are known in either. */
  static const struct {
    const char *name;
    int taps;
  } modes[] = {{"nearest", 1}, {"linear", 2}, {"bilinear", 2}, {"cubic", 4}, {"bicubic", 4}};
  static const char *const paddings[] = {"zeros", "border", "reflection"};
  char xs[96], gs[96];
  const gcam_shape *x = gcam_in_shape(graph, node, 0), *grid = gcam_in_shape(graph, node, 1);
  const char *mode = gcam_node_string(node, "mode", "linear");
  const char *pad = gcam_node_string(node, "padding_mode", "zeros");
  grid_sample_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_node_no_memory(node, err);
  int known = 0;
  for (int i = 0; i < 5; i++)
    if (!strcmp(mode, modes[i].name)) p->taps = modes[i].taps;
  while (known < 3 && strcmp(pad, paddings[known])) known++;
  if (!p->taps || known == 3)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL,
                          "mode '%.40s' or padding_mode '%.40s' is unknown", mode, pad);
  if (x->rank != 4)
    return gcam_node_fail(node, err, GCAM_ERR_UNSUPPORTED, "its input has rank %d; pictures have 4",
                          x->rank);
  if (grid->rank != 4 || grid->dim[3] != 2 || grid->dim[0] != x->dim[0] || x->dim[1] < 1 ||
      x->dim[2] < 1)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "a grid of %s does not fit an input of %s",
                          gcam_shape_text(grid, gs, sizeof gs), gcam_shape_text(x, xs, sizeof xs));
  p->N = x->dim[0], p->H = x->dim[1], p->W = x->dim[2], p->C = x->dim[3];
  p->OH = grid->dim[1], p->OW = grid->dim[2];
  p->pad = (padding)known;
  p->align = gcam_node_int(node, "align_corners", 0) != 0;
  gcam_shape y = {4, {p->N, p->OH, p->OW, p->C}};
  return gcam_node_set_shape(graph, node, 0, &y, err);
}

/* The taps along one axis. */
typedef struct axis_taps {
  int64_t at[4]; /* -1: reads 0 */
  double weight[4], slope[4];
} axis_taps;

static int64_t pad_index(const grid_sample_params *p, int64_t i, int64_t size) {
  if (i >= 0 && i < size) return i;
  if (p->pad == ZEROS) return -1;
  if (p->pad == BORDER) return i < 0 ? 0 : size - 1;
  if (p->align) { /* about the outermost centres: 1 | 0 1 2 | 1 */
    int64_t period = 2 * (size - 1);
    if (!period) return 0;
    i = (i % period + period) % period;
    return i < size ? i : period - i;
  }
  int64_t period = 2 * size; /* about their outer edges: 0 | 0 1 2 | 2 */
  i = (i % period + period) % period;
  return i < size ? i : period - 1 - i;
}

/* Keys' cubic for a distance d >= 0, and its slope. */
static double cubic(double d, double *slope) {
  const double a = -0.75;
  *slope = d < 1 ? (3 * (a + 2) * d - 2 * (a + 3)) * d : (3 * a * d - 10 * a) * d + 8 * a;
  return d < 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

static axis_taps find_taps(const grid_sample_params *p, float grid, int64_t size, double *scale) {
  axis_taps t;
  *scale = (double)(p->align ? size - 1 : size) / 2;
  double x = p->align ? (grid + 1.0) * *scale : (grid + 1.0) * *scale - 0.5;
  if (!(fabs(x) < 1e9)) x = x > 0 ? 1e9 : -1e9; /* NaN, too: far outside */
  double base = p->taps == 1 ? nearbyint(x) : floor(x), d = x - base;
  int64_t first = (int64_t)base - (p->taps == 4);
  for (int i = 0; i < p->taps; i++) {
    t.at[i] = pad_index(p, first + i, size);
    if (p->taps == 1) {
      t.weight[i] = 1;
      t.slope[i] = 0;
    } else if (p->taps == 2) {
      t.weight[i] = i ? d : 1 - d;
      t.slope[i] = i ? 1 : -1;
    } else {
      double distance = d + 1 - i, slope;
      t.weight[i] = cubic(fabs(distance), &slope);
      t.slope[i] = distance < 0 ? -slope : slope;
    }
  }
  return t;
}

static void grid_sample_forward(const gcam_args *a) {
  const grid_sample_params *p = a->node->params;
  for (int64_t pixel = 0; pixel < p->N * p->OH * p->OW; pixel++) {
    const float *grid = a->in[1] + pixel * 2;
    const float *x = a->in[0] + pixel / (p->OH * p->OW) * p->H * p->W * p->C;
    double sx, sy;
    axis_taps tx = find_taps(p, grid[0], p->W, &sx), ty = find_taps(p, grid[1], p->H, &sy);
    for (int64_t c = 0; c < p->C; c++) {
      double sum = 0;
      for (int i = 0; i < p->taps; i++)
        for (int j = 0; j < p->taps; j++)
          if (ty.at[i] >= 0 && tx.at[j] >= 0)
            sum += ty.weight[i] * tx.weight[j] * x[(ty.at[i] * p->W + tx.at[j]) * p->C + c];
      a->out[0][pixel * p->C + c] = (float)sum;
    }
  }
}

static void grid_sample_backward(const gcam_args *a) {
  const grid_sample_params *p = a->node->params;
  int64_t pixels = p->N * p->OH * p->OW, x_size = p->N * p->H * p->W * p->C;
  if (!a->dout[0]) return;
  for (int64_t pixel = 0; pixel < pixels; pixel++) {
    const float *grid = a->in[1] + pixel * 2;
    int64_t from = pixel / (p->OH * p->OW) * p->H * p->W * p->C;
    double sx, sy;
    axis_taps tx = find_taps(p, grid[0], p->W, &sx), ty = find_taps(p, grid[1], p->H, &sy);
    for (int b = 0; b < a->B; b++) {
      const float *dy = a->dout[0] + (b * pixels + pixel) * p->C;
      double gx = 0, gy = 0;
      for (int i = 0; i < p->taps; i++)
        for (int j = 0; j < p->taps; j++) {
          if (ty.at[i] < 0 || tx.at[j] < 0) continue;
          int64_t at = from + (ty.at[i] * p->W + tx.at[j]) * p->C;
          double dot = 0;
          for (int64_t c = 0; c < p->C; c++) {
            if (a->din[0])
              a->din[0][b * x_size + at + c] += (float)(ty.weight[i] * tx.weight[j] * dy[c]);
            dot += (double)dy[c] * a->in[0][at + c];
          }
          gx += ty.weight[i] * tx.slope[j] * dot;
          gy += ty.slope[i] * tx.weight[j] * dot;
        }
      if (!a->din[1]) continue;
      a->din[1][(b * pixels + pixel) * 2] += (float)(gx * sx);
      a->din[1][(b * pixels + pixel) * 2 + 1] += (float)(gy * sy);
    }
  }
}

const gcam_op gcam_op_grid_sample = {"GridSample",
                                     GCAM_RULE_SPATIAL,
                                     2,
                                     2,
                                     grid_sample_shape,
                                     grid_sample_forward,
                                     grid_sample_backward,
                                     .traits = GCAM_OP_SAMPLES,
                                     .data_inputs = 1};
