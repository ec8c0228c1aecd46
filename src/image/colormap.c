/* colormap.c: 256 colours from cold to hot. To add one: a row in `names`, and either a formula in
 * fill() or a name in make_colormaps.py.
 *
 * jet is MATLAB's and matplotlib's, piecewise linear, in true RGB: dark blue is cold, dark red hot.
 */
#include "image/colormap.h"

#include <pthread.h>
#include <string.h>

#include "image/colormap_data.h"
#include "image/image.h"

enum { SPLINE_COUNT = sizeof splines / sizeof *splines };

static const char *const names[] = {"jet",   "turbo",  "viridis", "inferno",
                                    "magma", "plasma", "cividis", "gray"};
enum { NAME_COUNT = sizeof names / sizeof *names };

static uint8_t tables[NAME_COUNT][256 * 3];
static pthread_once_t filled = PTHREAD_ONCE_INIT;

typedef struct knot {
  float x, value;
} knot;

/* matplotlib's segment data of jet. */
static const knot jet[3][6] = {
    {{0, 0}, {0.35f, 0}, {0.66f, 1}, {0.89f, 1}, {1, 0.5f}, {2, 0}},
    {{0, 0}, {0.125f, 0}, {0.375f, 1}, {0.64f, 1}, {0.91f, 0}, {2, 0}},
    {{0, 0.5f}, {0.11f, 1}, {0.34f, 1}, {0.65f, 0}, {1, 0}, {2, 0}},
};

static float piecewise(const knot *knots, float x) {
  while (knots[1].x < x) knots++;
  return knots[0].value +
         (knots[1].value - knots[0].value) * (x - knots[0].x) / (knots[1].x - knots[0].x);
}

static float spline(const int16_t *control, float x) {
  float u = x * SPLINE_SPANS;
  int k = u < SPLINE_SPANS ? (int)u : SPLINE_SPANS - 1;
  float t = u - (float)k, s = 1 - t;
  control += k;
  return (s * s * s * control[0] + (3 * t * t * t - 6 * t * t + 4) * control[1] +
          (3 * s * s * s - 6 * s * s + 4) * control[2] + t * t * t * control[3]) /
         6;
}

static void fill(void) {
  for (int n = 0; n < NAME_COUNT; n++) {
    const int16_t(*control)[SPLINE_SPANS + 3] = NULL;
    for (int s = 0; s < SPLINE_COUNT; s++)
      if (!strcmp(splines[s].name, names[n])) control = splines[s].control;
    for (int i = 0; i < 256; i++)
      for (int c = 0; c < 3; c++) {
        float x = (float)i / 255;
        float value = control                    ? spline(control[c], x)
                      : !strcmp(names[n], "jet") ? 255 * piecewise(jet[c], x)
                                                 : (float)i;
        tables[n][3 * i + c] = gcam_to_byte(value);
      }
  }
}

const char *gcam_colors_name(int index) {
  return index >= 0 && index < NAME_COUNT ? names[index] : NULL;
}

const uint8_t *gcam_colors_rgb(const char *name) {
  pthread_once(&filled, fill);
  for (int n = 0; name && n < NAME_COUNT; n++)
    if (!strcmp(name, names[n]) || (!strcmp(name, "grey") && !strcmp(names[n], "gray")))
      return tables[n];
  return NULL;
}
