#include "image/resize.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static int clamp_index(double i, int count) {
  return i < 0 ? 0 : i > count - 1 ? count - 1 : (int)i;
}

static int tap_count(int in, int out, int how) {
  switch (how) {
    case GCAM_NEAREST:
      return 1;
    case GCAM_BILINEAR:
      return 2;
    case GCAM_BICUBIC:
      return 4;
    case GCAM_RESIZE_AREA:
      return out < in ? (int)ceil((double)in / out) + 1 : 2;
    default:
      return 0;
  }
}

/* Keys 1981: distances 1 + t, t, 1 - t, 2 - t. */
static void cubic_weights(double t, float *w) {
  const double a = -0.75;
  double u = 1 - t, far0 = 1 + t, far1 = 2 - t;
  w[0] = (float)(((a * far0 - 5 * a) * far0 + 8 * a) * far0 - 4 * a);
  w[1] = (float)(((a + 2) * t - (a + 3)) * t * t + 1);
  w[2] = (float)(((a + 2) * u - (a + 3)) * u * u + 1);
  w[3] = (float)(((a * far1 - 5 * a) * far1 + 8 * a) * far1 - 4 * a);
}

gcam_status gcam_axis_create(gcam_axis *axis, int in, int out, int how, gcam_error *err) {
  memset(axis, 0, sizeof *axis);
  if (in < 1 || out < 1)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "Cannot resize %d samples to %d: both must be 1 or more.", in, out);
  int taps = tap_count(in, out, how);
  if (!taps)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "Resize %d is unknown: 0 is nearest, 1 bilinear, 2 bicubic.", how);
  axis->in = in;
  axis->out = out;
  axis->taps = taps;
  axis->index = gcam_alloc((int64_t)out * taps, sizeof *axis->index);
  axis->weight = gcam_alloc((int64_t)out * taps, sizeof *axis->weight);
  if (!axis->index || !axis->weight) {
    gcam_axis_free(axis);
    return gcam_fail(err, GCAM_ERR_MEMORY, "Not enough memory to resize %d samples to %d.", in,
                     out);
  }
  double scale = (double)in / out, centre = 0.5 * scale;
  for (int i = 0; i < out; i++, centre += scale) {
    int *index = axis->index + (size_t)i * (size_t)taps;
    float *weight = axis->weight + (size_t)i * (size_t)taps;
    if (how == GCAM_NEAREST) {
      index[0] = clamp_index(floor(centre), in);
      weight[0] = 1;
    } else if (taps == 2) { /* bilinear; area too where nothing shrinks */
      double x = fmax((i + 0.5) * scale - 0.5, 0), t = x - floor(x);
      index[0] = clamp_index(floor(x), in);
      index[1] = clamp_index(floor(x) + 1, in);
      weight[0] = (float)(1 - t);
      weight[1] = (float)t;
    } else if (how == GCAM_BICUBIC) {
      double x = (i + 0.5) * scale - 0.5, first = floor(x);
      for (int k = 0; k < 4; k++) index[k] = clamp_index(first - 1 + k, in);
      cubic_weights(x - first, weight);
    } else {
      double from = i * scale, to = from + scale, first = floor(from);
      for (int k = 0; k < taps; k++) {
        double covered = fmin(to, first + k + 1) - fmax(from, first + k);
        index[k] = clamp_index(first + k, in);
        weight[k] = (float)(fmax(covered, 0) / scale);
      }
    }
  }
  return GCAM_OK;
}

void gcam_axis_free(gcam_axis *axis) {
  gcam_free(axis->index);
  gcam_free(axis->weight);
  memset(axis, 0, sizeof *axis);
}

void gcam_map_row(const float *map, const gcam_axis *x, const gcam_axis *y, int row, float *mixed,
                  float *dst) {
  const int *rows = y->index + (size_t)row * (size_t)y->taps;
  const float *row_weight = y->weight + (size_t)row * (size_t)y->taps;
  for (int i = 0; i < x->in; i++) {
    float sum = 0;
    for (int k = 0; k < y->taps; k++)
      sum += row_weight[k] * map[(size_t)rows[k] * (size_t)x->in + (size_t)i];
    mixed[i] = sum;
  }
  const int *index = x->index;
  const float *weight = x->weight;
  for (int i = 0; i < x->out; i++, index += x->taps, weight += x->taps) {
    float sum = 0;
    for (int k = 0; k < x->taps; k++) sum += weight[k] * mixed[index[k]];
    dst[i] = sum;
  }
}

gcam_status gcam_map_resize_to(const float *map, int width, int height, float *dst, int dst_width,
                               int dst_height, gcam_resize how, gcam_error *err) {
  if (!map || !dst)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "No map to resize, or no room for it.");
  gcam_axis x, y;
  GCAM_TRY(gcam_axis_create(&x, width, dst_width, (int)how, err));
  gcam_status status = gcam_axis_create(&y, height, dst_height, (int)how, err);
  float *mixed = gcam_alloc(width, sizeof *mixed);
  if (status == GCAM_OK && !mixed)
    status = gcam_fail(err, GCAM_ERR_MEMORY, "Not enough memory to resize a map of %dx%d.", width,
                       height);
  if (status == GCAM_OK)
    for (int row = 0; row < dst_height; row++)
      gcam_map_row(map, &x, &y, row, mixed, dst + (size_t)row * (size_t)dst_width);
  gcam_free(mixed);
  gcam_axis_free(&x);
  gcam_axis_free(&y);
  return status;
}

/* As steps from a value to its neighbour, so that flat ground stays flat to the last bit: a max
 * pooling's gradient goes to another pixel where equal values come to differ by rounding. */
static void sample_bilinear(const gcam_image *image, const int *columns, const int *rows, float tx,
                            float ty, float *rgb) {
  const uint8_t *corner[4];
  for (int k = 0; k < 4; k++)
    corner[k] =
        image->rgba + ((size_t)rows[k / 2] * (size_t)image->width + (size_t)columns[k % 2]) * 4;
  for (int c = 0; c < 3; c++) {
    float v[4];
    for (int k = 0; k < 4; k++) v[k] = gcam_over_white(corner[k][c], corner[k][3]);
    float above = v[0] + tx * (v[1] - v[0]), below = v[2] + tx * (v[3] - v[2]);
    rgb[c] = above + ty * (below - above);
  }
}

void gcam_picture_sample(const gcam_image *image, const gcam_axis *x, const gcam_axis *y, int col,
                         int row, float *rgb) {
  const size_t x_taps = (size_t)x->taps, y_taps = (size_t)y->taps, W = (size_t)image->width;
  const int *columns = x->index + (size_t)col * x_taps, *rows = y->index + (size_t)row * y_taps;
  const float *x_weight = x->weight + (size_t)col * x_taps,
              *y_weight = y->weight + (size_t)row * y_taps;
  if (x_taps == 2 && y_taps == 2) {
    sample_bilinear(image, columns, rows, x_weight[1], y_weight[1], rgb);
    return;
  }
  rgb[0] = rgb[1] = rgb[2] = 0;
  for (size_t j = 0; j < y_taps; j++) {
    const uint8_t *line = image->rgba + (size_t)rows[j] * W * 4;
    float wy = y_weight[j];
    for (size_t i = 0; i < x_taps; i++) {
      const uint8_t *p = line + (size_t)columns[i] * 4;
      float w = wy * x_weight[i];
      for (int c = 0; c < 3; c++) rgb[c] += w * gcam_over_white(p[c], p[3]);
    }
  }
}

/* Colours are weighted by their alpha, or transparent pixels' hidden colours would bleed in. */
static void resize_pixel(const gcam_image *image, const gcam_axis *x, const gcam_axis *y, int col,
                         int row, uint8_t *dst) {
  float sum[4] = {0};
  for (int j = 0; j < y->taps; j++) {
    float wy = y->weight[(size_t)row * (size_t)y->taps + (size_t)j];
    if (wy == 0) continue;
    const uint8_t *line =
        image->rgba +
        (size_t)y->index[(size_t)row * (size_t)y->taps + (size_t)j] * (size_t)image->width * 4;
    for (int i = 0; i < x->taps; i++) {
      size_t tap = (size_t)col * (size_t)x->taps + (size_t)i;
      const uint8_t *p = line + (size_t)x->index[tap] * 4;
      float w = wy * x->weight[tap], wa = w * (float)p[3];
      sum[0] += wa * (float)p[0];
      sum[1] += wa * (float)p[1];
      sum[2] += wa * (float)p[2];
      sum[3] += wa;
    }
  }
  float scale = sum[3] > 0 ? 1 / sum[3] : 0;
  for (int c = 0; c < 3; c++) dst[c] = gcam_to_byte(sum[c] * scale);
  dst[3] = gcam_to_byte(sum[3]);
}

gcam_status gcam_picture_resize(const gcam_image *image, int width, int height, gcam_resize how,
                                gcam_image **out, gcam_error *err) {
  *out = NULL;
  if (!image) return gcam_fail(err, GCAM_ERR_ARGUMENT, "No picture to resize.");
  gcam_image *resized;
  GCAM_TRY(gcam_picture_create(width, height, &resized, err));
  gcam_axis x, y = {0};
  gcam_status status = gcam_axis_create(&x, image->width, width, (int)how, err);
  if (status == GCAM_OK) status = gcam_axis_create(&y, image->height, height, (int)how, err);
  if (status == GCAM_OK) {
    uint8_t *dst = resized->rgba;
    for (int row = 0; row < height; row++)
      for (int col = 0; col < width; col++, dst += 4) resize_pixel(image, &x, &y, col, row, dst);
    *out = resized;
  } else {
    gcam_picture_free(resized);
  }
  gcam_axis_free(&x);
  gcam_axis_free(&y);
  return status;
}
