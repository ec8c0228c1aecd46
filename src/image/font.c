#include "image/font.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "image/font_data.h"

static const float EMS_PER_UNIT = 10.0f / UNITS_PER_EM_TIMES_10;

size_t gcam_utf8_next(const char *text, size_t bytes, uint32_t *code) {
  const uint8_t *p = (const uint8_t *)text;
  size_t length = p[0] < 0x80 ? 1 : p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
  *code = p[0];
  if (length == 1) return 1;
  *code = 0xFFFD;
  if (p[0] < 0xC2 || p[0] > 0xF4 || length > bytes) return 1;
  uint32_t value = p[0] & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; i++) {
    if ((p[i] & 0xC0) != 0x80) return 1;
    value = value << 6 | (p[i] & 0x3F);
  }
  *code = value;
  return length;
}

/* advance, contour count, contours: see make_font.py */
static const uint8_t *find_glyph(uint32_t code) {
  if (code < 0x20 || code == 0x7F) code = ' ';
  for (size_t i = 1; i < sizeof font_index / sizeof *font_index; i++)
    if (font_index[i][0] == code) return font_data + font_index[i][1];
  return font_data + font_index[0][1];
}

float gcam_text_width(const char *text, size_t bytes, float px) {
  float width = 0;
  for (size_t at = 0; at < bytes;) {
    uint32_t code;
    at += gcam_utf8_next(text + at, bytes - at, &code);
    width += find_glyph(code)[0] * EMS_PER_UNIT * px;
  }
  return width;
}

/* ---- Rasteriser ------------------------------------------------------------------------------ */

/* Exact coverage: every edge adds, per row, the signed area it covers right of itself within its
 * pixels and the signed height it shades from there on; a running sum along the row gives how much
 * of each pixel is inside. (The accumulation buffer of FreeType's and font-rs's "smooth"
 * renderers.) */

typedef struct canvas {
  int width, height;
  float *sum; /* [height][width + 2] */
} canvas;

static void add_edge(canvas *to, float x0, float y0, float x1, float y1) {
  if (y0 == y1) return;
  float sign = 1;
  if (y0 > y1) {
    float t = x0;
    x0 = x1;
    x1 = t;
    t = y0;
    y0 = y1;
    y1 = t;
    sign = -1;
  }
  float slope = (x1 - x0) / (y1 - y0);
  int last = (int)ceilf(y1);
  for (int row = (int)y0; row < last && row < to->height; row++) {
    float top = fmaxf(y0, (float)row), bottom = fminf(y1, (float)row + 1);
    float height = (bottom - top) * sign;
    float xa = x0 + (top - y0) * slope, xb = x0 + (bottom - y0) * slope;
    float left = fminf(xa, xb), right = fmaxf(xa, xb);
    float *line = to->sum + (size_t)row * (size_t)(to->width + 2);
    int first = (int)left, end = (int)ceilf(right);
    if (end <= first + 1) { /* within one column */
      float shaded = 1 - ((left + right) / 2 - (float)first);
      line[first] += height * shaded;
      line[first + 1] += height * (1 - shaded);
      continue;
    }
    float per_column = height / (right - left), before = 0;
    for (int col = first; col < end; col++) {
      /* Area right of the edge, from this column's left side on, were nothing behind it. */
      float a = fmaxf(left, (float)col), b = fminf(right, (float)col + 1);
      float part = per_column * (b - a);
      float shaded = part * (1 - ((a + b) / 2 - (float)col));
      line[col] += shaded + before;
      before = part - shaded;
    }
    line[end] += before;
  }
}

static void add_curve(canvas *to, const float *p0, const float *p1, const float *p2) {
  enum { STEPS = 6 }; /* off by under 1/20 pixel at 40 pixels per em */
  float x = p0[0], y = p0[1];
  for (int i = 1; i <= STEPS; i++) {
    float t = (float)i / STEPS, u = 1 - t;
    float nx = u * u * p0[0] + 2 * u * t * p1[0] + t * t * p2[0];
    float ny = u * u * p0[1] + 2 * u * t * p1[1] + t * t * p2[1];
    add_edge(to, x, y, nx, ny);
    x = nx;
    y = ny;
  }
}

/* One contour: between two control points lies an unwritten point on the curve, half way. */
static void add_contour(canvas *to, const uint8_t *flags, const uint8_t *xy, int count, float scale,
                        float x, float y) {
#define POINT(i) \
  { x + scale *xy[2 * (i)], y - scale *xy[2 * (i) + 1] }
#define ON_CURVE(i) (flags[(i) >> 3] >> ((i)&7) & 1)
  int first = 0;
  while (first < count && !ON_CURVE(first)) first++;
  if (first == count) return; /* the generator's font has no contour of control points alone */
  float start[2] = POINT(first), control[2] = {0}, from[2] = {start[0], start[1]};
  bool has_control = false;
  for (int n = 1; n <= count; n++) {
    int i = (first + n) % count;
    float p[2] = POINT(i);
    if (ON_CURVE(i)) {
      if (has_control)
        add_curve(to, from, control, p);
      else
        add_edge(to, from[0], from[1], p[0], p[1]);
      memcpy(from, p, sizeof from);
      has_control = false;
    } else {
      if (has_control) {
        float half[2] = {(control[0] + p[0]) / 2, (control[1] + p[1]) / 2};
        add_curve(to, from, control, half);
        memcpy(from, half, sizeof from);
      }
      memcpy(control, p, sizeof control);
      has_control = true;
    }
  }
#undef POINT
#undef ON_CURVE
}

static void blend(gcam_image *image, const canvas *glyph, int left, int top, const uint8_t rgb[3]) {
  for (int row = 0; row < glyph->height; row++) {
    if (top + row < 0 || top + row >= image->height) continue;
    const float *line = glyph->sum + (size_t)row * (size_t)(glyph->width + 2);
    float covered = 0;
    for (int col = 0; col < glyph->width; col++) {
      covered += line[col];
      if (left + col < 0 || left + col >= image->width) continue;
      float alpha = fminf(fabsf(covered), 1);
      uint8_t *p =
          image->rgba + ((size_t)(top + row) * (size_t)image->width + (size_t)(left + col)) * 4;
      for (int c = 0; c < 3; c++)
        p[c] = gcam_to_byte((float)p[c] + alpha * ((float)rgb[c] - (float)p[c]));
    }
  }
}

gcam_status gcam_text_draw(gcam_image *image, float x, float baseline, float px, const char *text,
                           size_t bytes, const uint8_t rgb[3], gcam_error *err) {
  if (!(px >= 4 && px <= 400))
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "Font size %g.", (double)px);
  /* Room for any glyph: coordinates are bytes. */
  float scale = EMS_PER_UNIT * px;
  canvas glyph;
  glyph.width = glyph.height = (int)ceilf(256 * scale) + 2;
  size_t room = (size_t)glyph.height * (size_t)(glyph.width + 2);
  glyph.sum = gcam_alloc(room, sizeof *glyph.sum);
  if (!glyph.sum) return gcam_fail(err, GCAM_ERR_MEMORY, "Not enough memory to draw text.");

  for (size_t at = 0; at < bytes && x < (float)image->width;) {
    uint32_t code;
    at += gcam_utf8_next(text + at, bytes - at, &code);
    const uint8_t *data = find_glyph(code);
    int advance = *data++, contours = *data++;
    /* Horizontal positions are kept to the fraction of a pixel, so that letters stay evenly spaced.
     */
    float pen = x - UNITS_LEFT * scale;
    int left = (int)floorf(pen), bottom = (int)floorf(baseline);
    int top = bottom - (int)ceilf((256 - UNITS_BELOW) * scale);
    float y = (float)(bottom - top) + UNITS_BELOW * scale; /* of coordinate 0 */
    if (contours) {
      memset(glyph.sum, 0, room * sizeof *glyph.sum);
      while (contours--) {
        int count = *data++;
        const uint8_t *flags = data, *xy = data + (count + 7) / 8;
        add_contour(&glyph, flags, xy, count, scale, pen - (float)left, y);
        data = xy + 2 * count;
      }
      blend(image, &glyph, left, top, rgb);
    }
    x += (float)advance * scale;
  }
  gcam_free(glyph.sum);
  return GCAM_OK;
}
