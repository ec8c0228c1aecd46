/* roi_align.c: RoiAlign: boxes of a picture, each brought to one size.
 *
 *   y[r][oy][ox][c] = mean (or maximum) over the samples of a cell of x at (sy, sx), bilinear
 *   mean: dx gets dy / samples times the four weights; maximum: the taps of the sample that won,
 *   each weighted on its own, as ONNX defines it
 *
 * A box is (x1, y1, x2, y2) times spatial_scale, half a pixel to the left and above with
 * half_pixel. A cell is sampled in sampling_ratio^2 places, or with 0 in as many as it has pixels,
 * rounded up. Samples more than a pixel outside are 0.
 *
 * x [N][H][W][C]; boxes [R][4] and the picture of each [R] are constants; y [R][H'][W'][C].
 * https://onnx.ai/onnx/operators/onnx__RoiAlign.html */
#include <math.h>
#include <string.h>

#include "ops/op.h"

typedef struct roi_align_params {
  int64_t N, H, W, C, R, OH, OW, ratio;
  int64_t *picture; /* [R] */
  double scale, shift;
  bool maximum;
} roi_align_params;

static gcam_status roi_align_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char label[160], text[96];
  const gcam_shape *x = gcam_in_shape(graph, node, 0), *boxes = gcam_in_shape(graph, node, 1);
  const char *mode = gcam_node_string(node, "mode", "avg");
  const char *where = gcam_node_string(node, "coordinate_transformation_mode",
                                       node->opset < 16 ? "output_half_pixel" : "half_pixel");
  roi_align_params *p = gcam_node_params(graph, node, sizeof *p);
  if (!p) return gcam_fail(err, GCAM_ERR_MEMORY, "Out of memory for '%s'", node->name);
  gcam_node_label(node, label, sizeof label);
  p->maximum = !strcmp(mode, "max");
  p->shift = strcmp(where, "half_pixel") ? 0 : -0.5;
  if ((!p->maximum && strcmp(mode, "avg")) || (p->shift == 0 && strcmp(where, "output_half_pixel")))
    return gcam_fail(err, GCAM_ERR_MODEL,
                     "%s: mode '%.40s' or coordinate_transformation_mode '%.40s' is unknown", label,
                     mode, where);
  for (int i = 1; i < 3; i++)
    if (!graph->values[node->inputs[i]].weight)
      return gcam_fail(err, GCAM_ERR_UNSUPPORTED, "%s: its boxes (input %d) must be constants",
                       label, i);
  GCAM_TRY(gcam_node_indices(graph, node, "batch_indices", 2, &p->picture, err));
  p->R = boxes->rank == 2 && boxes->dim[1] == 4 ? boxes->dim[0] : -1;
  p->OH = gcam_node_int(node, "output_height", 1);
  p->OW = gcam_node_int(node, "output_width", 1);
  p->ratio = gcam_node_int(node, "sampling_ratio", 0);
  p->scale = gcam_node_float(node, "spatial_scale", 1);
  bool fits = x->rank == 4 && p->R == gcam_numel(gcam_in_shape(graph, node, 2)) && p->OH >= 1 &&
              p->OW >= 1 && p->ratio >= 0 && p->ratio <= 1024 && x->dim[1] > 0 && x->dim[2] > 0;
  for (int64_t r = 0; fits && r < p->R; r++) fits = p->picture[r] >= 0 && p->picture[r] < x->dim[0];
  if (!fits)
    return gcam_fail(err, GCAM_ERR_MODEL,
                     "%s: its boxes, sizes or batch_indices do not fit an input of %s", label,
                     gcam_shape_text(x, text, sizeof text));
  p->N = x->dim[0], p->H = x->dim[1], p->W = x->dim[2], p->C = x->dim[3];
  gcam_shape y = {4, {p->R, p->OH, p->OW, p->C}};
  return gcam_node_set_shape(graph, node, 0, &y, err);
}

/* The four taps of a sample; false: it is outside. */
typedef struct sample {
  int64_t at[4]; /* pixels of one picture */
  double weight[4];
} sample;

static bool find_taps(const roi_align_params *p, double y, double x, sample *s) {
  if (!(y >= -1 && y <= (double)p->H && x >= -1 && x <= (double)p->W)) return false;
  y = fmax(y, 0), x = fmax(x, 0);
  int64_t y0 = (int64_t)y, x0 = (int64_t)x;
  if (y0 >= p->H - 1) y = (double)(y0 = p->H - 1);
  if (x0 >= p->W - 1) x = (double)(x0 = p->W - 1);
  int64_t y1 = y0 + (y0 < p->H - 1), x1 = x0 + (x0 < p->W - 1);
  double fy = y - (double)y0, fx = x - (double)x0;
  *s = (sample){{y0 * p->W + x0, y0 * p->W + x1, y1 * p->W + x0, y1 * p->W + x1},
                {(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx}};
  return true;
}

typedef struct cell {
  double y, x, height, width; /* of the cell */
  int64_t rows, columns;      /* of samples */
} cell;

static int64_t samples(const roi_align_params *p, double size) {
  double count = p->ratio ? (double)p->ratio : ceil(size);
  return count < 1 ? 1 : count > 1024 ? 1024 : (int64_t)count;
}

static cell find_cell(const roi_align_params *p, const float *box, int64_t oy, int64_t ox) {
  double x1 = box[0] * p->scale + p->shift, y1 = box[1] * p->scale + p->shift;
  double width = box[2] * p->scale + p->shift - x1, height = box[3] * p->scale + p->shift - y1;
  if (p->shift == 0) width = fmax(width, 1), height = fmax(height, 1);
  cell c = {.height = height / (double)p->OH, .width = width / (double)p->OW};
  c.y = y1 + (double)oy * c.height;
  c.x = x1 + (double)ox * c.width;
  c.rows = samples(p, c.height);
  c.columns = samples(p, c.width);
  return c;
}

/* Both directions over one cell and channel: its value, or adds to the gradients. */
static double over_cell(const roi_align_params *p, const gcam_args *a, int64_t r, const cell *c,
                        int64_t channel, int64_t element, bool back) {
  int64_t from = p->picture[r] * p->H * p->W, x_size = p->N * p->H * p->W * p->C;
  int64_t y_size = p->R * p->OH * p->OW * p->C, winner = -1;
  double sum = 0, most = 0, n = (double)c->rows * (double)c->columns, won = 0;
  for (int64_t i = 0; i < c->rows * c->columns; i++) {
    sample s;
    double y = c->y + ((double)(i / c->columns) + 0.5) * c->height / (double)c->rows;
    double x = c->x + ((double)(i % c->columns) + 0.5) * c->width / (double)c->columns;
    bool inside = find_taps(p, y, x, &s);
    for (int k = 0; k < 4; k++) {
      int64_t at = inside ? (from + s.at[k]) * p->C + channel : -1;
      double value = inside ? s.weight[k] * a->in[0][at] : 0;
      sum += value;
      if (!(i || k) || value > most) most = value, winner = at, won = inside ? s.weight[k] : 0;
      for (int b = 0; back && !p->maximum && inside && b < a->B; b++)
        a->din[0][b * x_size + at] += (float)(a->dout[0][b * y_size + element] * s.weight[k] / n);
    }
  }
  for (int b = 0; back && p->maximum && winner >= 0 && b < a->B; b++)
    a->din[0][b * x_size + winner] += (float)(a->dout[0][b * y_size + element] * won);
  return p->maximum ? most : sum / n;
}

static void over_boxes(const gcam_args *a, bool back) {
  const roi_align_params *p = a->node->params;
  int64_t element = 0;
  for (int64_t r = 0; r < p->R; r++)
    for (int64_t o = 0; o < p->OH * p->OW; o++) {
      cell c = find_cell(p, a->in[1] + r * 4, o / p->OW, o % p->OW);
      for (int64_t channel = 0; channel < p->C; channel++, element++) {
        double y = over_cell(p, a, r, &c, channel, element, back);
        if (!back) a->out[0][element] = (float)y;
      }
    }
}

static void roi_align_forward(const gcam_args *a) { over_boxes(a, false); }
static void roi_align_backward(const gcam_args *a) {
  if (a->dout[0] && a->din[0]) over_boxes(a, true);
}

const gcam_op gcam_op_roi_align = {"RoiAlign",
                                   GCAM_RULE_SPATIAL,
                                   3,
                                   3,
                                   roi_align_shape,
                                   roi_align_forward,
                                   roi_align_backward,
                                   .traits = GCAM_OP_SAMPLES,
                                   .data_inputs = 1};
