#include "image/resize.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static int clamp_index(double i, int count) {
  return i < 0 ? 0 : i > count - 1 ? count - 1 : (int)i;
}

static int tap_count(double scale, int how) {
  switch (how) {
    case GCAM_NEAREST:
      return 1;
    case GCAM_BILINEAR:
      return 2;
    case GCAM_BICUBIC:
      return 4;
    case GCAM_RESIZE_AREA:
      return scale > 1 ? (int)ceil(scale) + 1 : 2;
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

/* PIL adds the scale up step by step from its first sample; where that is too far away to walk
 * there, the exact product serves. */
static double nearest_centre(double first, double scale) {
  enum { FAR = 1 << 20 };
  double whole = floor(first), centre = (first - whole + 0.5) * scale;
  if (whole < 0 || whole > FAR) return (first + 0.5) * scale;
  for (int k = 0; k < (int)whole; k++) centre += scale;
  return centre;
}

static void fill_taps(gcam_axis *axis, double start, double scale, int how) {
  const int in = axis->in, taps = axis->taps;
  double centre = nearest_centre(-start, scale);
  for (int i = 0; i < axis->out; i++) {
    int *index = axis->index + (size_t)i * (size_t)taps;
    float *weight = axis->weight + (size_t)i * (size_t)taps;
    if (how == GCAM_NEAREST) {
      if (i - start < 1) centre = nearest_centre(i - start, scale); /* not begun before */
      index[0] = clamp_index(floor(centre), in);
      weight[0] = 1;
      centre += scale;
    } else if (taps == 2) { /* bilinear; area too where nothing shrinks */
      double x = fmax((i + 0.5 - start) * scale - 0.5, 0), t = x - floor(x);
      index[0] = clamp_index(floor(x), in);
      index[1] = clamp_index(floor(x) + 1, in);
      weight[0] = (float)(1 - t);
      weight[1] = (float)t;
    } else if (how == GCAM_BICUBIC) {
      double x = (i + 0.5 - start) * scale - 0.5, first = floor(x);
      for (int k = 0; k < 4; k++) index[k] = clamp_index(first - 1 + k, in);
      cubic_weights(x - first, weight);
    } else {
      double from = (i - start) * scale, to = from + scale, first = floor(from);
      for (int k = 0; k < taps; k++) {
        double covered = fmin(to, first + k + 1) - fmax(from, first + k);
        index[k] = clamp_index(first + k, in);
        weight[k] = (float)(fmax(covered, 0) / scale);
      }
    }
  }
}

gcam_status gcam_axis_place(gcam_axis *axis, int in, int out, double start, double length, int how,
                            gcam_error *err) {
  memset(axis, 0, sizeof *axis);
  if (in < 1 || out < 1)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "Cannot resize %d samples to %d: both must be 1 or more.", in, out);
  if (!isfinite(start) || !isfinite(length) || !(length > 0))
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "Cannot lay %d samples on a part from %g, %g long: it must be longer than 0.",
                     in, start, length);
  double scale = in / length;
  int taps = tap_count(scale, how);
  if (!taps)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "Resize %d is unknown: 0 is nearest, 1 bilinear, 2 bicubic.", how);
  axis->in = in;
  axis->out = out;
  axis->taps = taps;
  axis->index = gcam_alloc(out * (int64_t)taps, sizeof *axis->index);
  axis->weight = gcam_alloc(out * (int64_t)taps, sizeof *axis->weight);
  axis->covered = gcam_alloc(out, sizeof *axis->covered);
  if (!axis->index || !axis->weight || !axis->covered) {
    gcam_axis_free(axis);
    return gcam_fail(err, GCAM_ERR_MEMORY, "Not enough memory to resize %d samples to %d.", in,
                     out);
  }
  for (int i = 0; i < out; i++)
    axis->covered[i] = (float)fmax(fmin(i + 1, start + length) - fmax(i, start), 0);
  fill_taps(axis, start, scale, how);
  return GCAM_OK;
}

gcam_status gcam_axis_create(gcam_axis *axis, int in, int out, int how, gcam_error *err) {
  return gcam_axis_place(axis, in, out, 0, out, how, err);
}

void gcam_axis_free(gcam_axis *axis) {
  gcam_free(axis->index);
  gcam_free(axis->weight);
  gcam_free(axis->covered);
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

gcam_status gcam_axes_place(gcam_axis *x, gcam_axis *y, int in_width, int in_height, int out_width,
                            int out_height, const gcam_view *view, int how, gcam_error *err) {
  gcam_view whole = {0, 0, out_width, out_height};
  if (!view) view = &whole;
  memset(y, 0, sizeof *y);
  GCAM_TRY(gcam_axis_place(x, in_width, out_width, view->x, view->width, how, err));
  gcam_status status = gcam_axis_place(y, in_height, out_height, view->y, view->height, how, err);
  if (status != GCAM_OK) gcam_axis_free(x);
  return status;
}

/* Every row of the map is brought to the new width once, wide [y->in][x->out]; then each new one is
 * a few of those mixed, which compilers do in vectors. For maps that grow. */
static void widen(const float *map, const gcam_axis *x, const gcam_axis *y, float *wide) {
  for (int row = 0; row < y->in; row++, map += x->in) {
    const int *index = x->index;
    const float *weight = x->weight;
    for (int i = 0; i < x->out; i++, index += x->taps, weight += x->taps) {
      float sum = 0;
      for (int k = 0; k < x->taps; k++) sum += weight[k] * map[index[k]];
      *wide++ = sum;
    }
  }
}

static void mix_rows(const float *wide, const gcam_axis *y, int row, int width,
                     float *restrict dst) {
  const int *rows = y->index + (size_t)row * (size_t)y->taps;
  const float *weight = y->weight + (size_t)row * (size_t)y->taps;
  memset(dst, 0, (size_t)width * sizeof *dst);
  for (int k = 0; k < y->taps; k++) {
    const float *from = wide + (size_t)rows[k] * (size_t)width;
    float w = weight[k];
    for (int i = 0; i < width; i++) dst[i] += w * from[i];
  }
}

static bool covers_all(const gcam_axis *axis) {
  bool all = true;
  for (int i = 0; i < axis->out; i++) all &= axis->covered[i] >= 0.5f;
  return all;
}

gcam_status gcam_map_place(const float *map, int width, int height, float *dst, int dst_width,
                           int dst_height, const gcam_view *view, float outside, gcam_resize how,
                           gcam_error *err) {
  if (!map || !dst)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "No map to resize, or no room for it.");
  gcam_axis x, y;
  GCAM_TRY(gcam_axes_place(&x, &y, width, height, dst_width, dst_height, view, (int)how, err));
  gcam_status status = GCAM_OK;
  bool grows = height <= dst_height, gaps = !covers_all(&x) || !covers_all(&y);
  float *work = gcam_alloc(grows ? gcam_size(height, dst_width) : width, sizeof *work);
  if (!work)
    status = gcam_fail(err, GCAM_ERR_MEMORY, "Not enough memory to resize a map of %dx%d.", width,
                       height);
  if (work && grows) widen(map, &x, &y, work);
  for (int row = 0; status == GCAM_OK && row < dst_height; row++, dst += dst_width) {
    if (grows)
      mix_rows(work, &y, row, dst_width, dst);
    else
      gcam_map_row(map, &x, &y, row, work, dst);
    for (int col = 0; gaps && col < dst_width; col++)
      if (x.covered[col] < 0.5f || y.covered[row] < 0.5f) dst[col] = outside;
  }
  gcam_free(work);
  gcam_axis_free(&x);
  gcam_axis_free(&y);
  return status;
}

gcam_status gcam_map_resize_to(const float *map, int width, int height, float *dst, int dst_width,
                               int dst_height, gcam_resize how, gcam_error *err) {
  return gcam_map_place(map, width, height, dst, dst_width, dst_height, NULL, 0, how, err);
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

void gcam_picture_sample_rgba(const gcam_image *image, const gcam_axis *x, const gcam_axis *y,
                              int col, int row, float *rgba) {
  float sum[4] = {0}, hidden[3] = {0};
  for (int j = 0; j < y->taps; j++) {
    size_t line = (size_t)row * (size_t)y->taps + (size_t)j;
    float wy = y->weight[line];
    if (wy == 0) continue;
    const uint8_t *pixels = image->rgba + (size_t)y->index[line] * (size_t)image->width * 4;
    for (int i = 0; i < x->taps; i++) {
      size_t tap = (size_t)col * (size_t)x->taps + (size_t)i;
      const uint8_t *p = pixels + (size_t)x->index[tap] * 4;
      float w = wy * x->weight[tap], wa = w * (float)p[3];
      for (int c = 0; c < 3; c++) {
        sum[c] += wa * (float)p[c];
        hidden[c] += w * (float)p[c];
      }
      sum[3] += wa;
    }
  }
  for (int c = 0; c < 3; c++) rgba[c] = sum[3] > 0 ? sum[c] / sum[3] : hidden[c];
  rgba[3] = sum[3];
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
      for (int col = 0; col < width; col++, dst += 4) {
        float rgba[4];
        gcam_picture_sample_rgba(image, &x, &y, col, row, rgba);
        for (int c = 0; c < 4; c++) dst[c] = gcam_to_byte(rgba[c]);
      }
    *out = resized;
  } else {
    gcam_picture_free(resized);
  }
  gcam_axis_free(&x);
  gcam_axis_free(&y);
  return status;
}
