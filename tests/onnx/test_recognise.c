/* test_recognise.c: LayerNormalization and Gelu as older exporters write them, in many nodes, and
 * the channel shuffle: one operator after loading, with the values and gradients of the many. These
 * run as they are written where a tensor in between is an output too. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gradcam.h"
#include "support/onnx_writer.h"

static int passed, failed;
static gcam_context *ctx;

static bool check(bool ok, const char *what, const char *about) {
  if (ok)
    passed++;
  else
    failed++, printf("FAIL %s: %s (\"%s\")\n", about, what, gcam_message(ctx));
  return ok;
}

enum { C = 6, H = 3, W = 5, COUNT = C * H * W, TARGETS = 3 };

static void number(make_graph *g, const char *name, float value) {
  make_weight(g, name, 1, NULL, 0, &value, sizeof value);
}

/* Numbers that repeat nowhere. */
static void fill(float *values, int count, float step) {
  for (int i = 0; i < count; i++) values[i] = sinf((float)(i + 1) * step) * 1.5f + 0.2f;
}

/* ---- Networks ------------------------------------------------------------------------------- */

/* What a layer normalisation may look like. */
enum {
  BY_CHANNELS = 1, /* over axis 1 of a picture, else over the last axis */
  TIMES_ITSELF = 2,
  TWO_MEANS = 4,
  NO_SHIFT = 8,
  TURNED = 16,     /* constants first */
  OTHER_POWER = 32 /* no layer normalisation */
};

static wire layer_norm(int how) {
  make_graph g = {0};
  int64_t x[] = {1, C, H, W}, by_width[] = {W}, by_channel[] = {C, 1, 1}, w[] = {C, C, 1, 1};
  int64_t axis = how & BY_CHANNELS ? 1 : -1;
  int width = how & BY_CHANNELS ? C : W;
  const int64_t *dims = how & BY_CHANNELS ? by_channel : by_width;
  float row[C], weights[C * C];
  const char *d = how & TWO_MEANS ? "d2" : "d", *v = "x";
  make_input(&g, "x", 1, x, 4);
  if (how & BY_CHANNELS) { /* channels-last inside */
    fill(weights, C * C, 0.7f);
    make_weight(&g, "w", 1, w, 4, weights, sizeof weights);
    make_node(&g, "Conv", "", "x w", "c");
    v = "c";
  }
  fill(row, width, 1.1f);
  make_weight(&g, "scale", 1, dims, how & BY_CHANNELS ? 3 : 1, row, (size_t)width * sizeof *row);
  fill(row, width, 0.4f);
  make_weight(&g, "shift", 1, dims, how & BY_CHANNELS ? 3 : 1, row, (size_t)width * sizeof *row);
  number(&g, "eps", 1e-3f);
  number(&g, "two", how & OTHER_POWER ? 4 : 2);
  char text[32];
  make_node(&g, "ReduceMean", "", v, "m");
  make_ints(&g, "axes", &axis, 1);
  snprintf(text, sizeof text, "%s m", v);
  make_node(&g, "Sub", "", text, "d");
  if (how & TWO_MEANS) {
    make_node(&g, "ReduceMean", "", v, "m2");
    make_ints(&g, "axes", &axis, 1);
    snprintf(text, sizeof text, "%s m2", v);
    make_node(&g, "Sub", "", text, "d2");
  }
  snprintf(text, sizeof text, "%s %s", d, how & TIMES_ITSELF ? d : "two");
  make_node(&g, how & TIMES_ITSELF ? "Mul" : "Pow", "", text, "square");
  make_node(&g, "ReduceMean", "", "square", "variance");
  make_ints(&g, "axes", &axis, 1);
  make_node(&g, "Add", "", how & TURNED ? "eps variance" : "variance eps", "sum");
  make_node(&g, "Sqrt", "", "sum", "root");
  make_node(&g, "Div", "", "d root", "inner");
  const char *last = how & NO_SHIFT ? "y" : "scaled";
  make_node(&g, "Mul", "", how & TURNED ? "scale inner" : "inner scale", last);
  if (!(how & NO_SHIFT))
    make_node(&g, "Add", "", how & TURNED ? "shift scaled" : "scaled shift", "y");
  make_output(&g, "y");
  return make_model(&g, 13);
}

/* order: 0 (x p) 0.5, 1 (p 0.5) x, 2 p (x 0.5), 3 as 0 with the constants first. */
static wire gelu(int order, bool multiplied, float half) {
  make_graph g = {0};
  int64_t x[] = {1, C, H, W};
  make_input(&g, "x", 1, x, 4);
  number(&g, "root", multiplied ? 0.707106769f : 1.41421354f);
  number(&g, "one", 1);
  number(&g, "half", half);
  make_node(&g, multiplied ? "Mul" : "Div", "", "x root", "t");
  make_node(&g, "Erf", "", "t", "inner");
  make_node(&g, "Add", "", order == 3 ? "one inner" : "inner one", "p");
  static const char *const first[] = {"x p", "p half", "x half", "p x"};
  static const char *const second[] = {"q half", "x q", "p q", "half q"};
  make_node(&g, "Mul", "", first[order], "q");
  make_node(&g, "Mul", "", second[order], "y");
  make_output(&g, "y");
  return make_model(&g, 13);
}

/* A channel shuffle in g groups, and what is none. */
enum { SHUFFLE, OTHER_ORDER, OTHER_SHAPE, IN_ROWS, SHUFFLES };

static wire shuffle(int kind, int g) {
  make_graph w = {0};
  const int64_t x[] = {1, C, H, W},
                joined[] = {1, C, kind == OTHER_SHAPE ? W : H, kind == OTHER_SHAPE ? H : W};
  const int64_t split[] = {1, g, C / g, H, W}, other[] = {0, 2, 1, 4, 3}, usual[] = {0, 2, 1, 3, 4};
  make_input(&w, "x", 1, x, 4);
  make_weight(&w, "split", 7, &(int64_t){5}, 1, split, sizeof split);
  make_weight(&w, "joined", 7, &(int64_t){4}, 1, joined, sizeof joined);
  make_node(&w, kind == IN_ROWS ? "Identity" : "MaxPool", "", "x", "a");
  if (kind != IN_ROWS) make_ints(&w, "kernel_shape", (int64_t[]){1, 1}, 2);
  make_node(&w, "Reshape", "", "a split", "blocks");
  make_node(&w, "Transpose", "", "blocks", "inner");
  make_ints(&w, "perm", kind == OTHER_ORDER ? other : usual, 5);
  make_node(&w, "Reshape", "", "inner joined", "b");
  make_node(&w, "MaxPool", "", "b", "y");
  make_ints(&w, "kernel_shape", (int64_t[]){1, 1}, 2);
  make_output(&w, "y");
  return make_model(&w, 13);
}

/* ---- Comparing ------------------------------------------------------------------------------ */

/* y and its gradients for TARGETS cotangents; apart: node by node. */
static bool run(const wire *model, gcam_precision precision, bool apart, bool *inner, float *y,
                float *dx) {
  static const char *const both[] = {"y", "inner"};
  float x[COUNT], dy[TARGETS * COUNT];
  int dims[8];
  fill(x, COUNT, 0.37f);
  fill(dy, TARGETS * COUNT, 0.61f);
  gcam_model *net = gcam_model_create(ctx);
  bool good = net && !gcam_model_set_precision(net, precision) &&
              (!apart || !gcam_model_set_outputs(net, both, 2)) &&
              !gcam_model_load(net, model->data, model->size, GCAM_COPY) &&
              !gcam_model_finish(net) && !gcam_model_set_input(net, "x", x, COUNT) &&
              !gcam_model_forward(net) && !gcam_model_read(net, "y", y, COUNT) &&
              !gcam_model_vjp(net, "y", dy, TARGETS, "x", dx);
  *inner = good && gcam_model_shape(net, "inner", dims, 8) >= 0;
  gcam_model_free(net);
  return good;
}

static double difference(const float *a, const float *b, int count) {
  double most = 0;
  for (int i = 0; i < count; i++) {
    double d = fabs((double)a[i] - b[i]) / (1 + fabs(b[i]));
    if (!(d <= most)) most = d;
  }
  return most;
}

static void compare(wire model, bool recognised, const char *about) {
  float y[COUNT], dx[TARGETS * COUNT], y2[COUNT], dx2[TARGETS * COUNT];
  bool inner;
  if (check(run(&model, GCAM_PLAIN, true, &inner, y2, dx2), "runs node by node", about))
    for (int p = GCAM_FAST; p <= GCAM_PLAIN; p++) {
      if (!check(run(&model, (gcam_precision)p, false, &inner, y, dx), "runs", about)) continue;
      check(inner != recognised, "the tensor in between is there, or not", about);
      check(difference(y, y2, COUNT) < 1e-5, "values", about);
      check(difference(dx, dx2, TARGETS * COUNT) < 2e-5, "gradients", about);
    }
  wire_free(&model);
}

int main(void) {
  char about[64];
  ctx = gcam_context_create(1);
  if (!ctx) return 1;
  for (int how = 0; how < 2 * OTHER_POWER; how++) {
    if (how & OTHER_POWER && how & TIMES_ITSELF) continue;
    snprintf(about, sizeof about, "layer normalisation %d", how);
    compare(layer_norm(how), !(how & OTHER_POWER), about);
  }
  for (int order = 0; order < 4; order++)
    for (int kind = 0; kind < 4; kind++) {
      snprintf(about, sizeof about, "gelu %d %d", order, kind);
      compare(gelu(order, kind & 1, kind & 2 ? 0.4f : 0.5f), !(kind & 2), about);
    }
  for (int g = 1; g <= C; g++)
    for (int kind = 0; C % g == 0 && kind < SHUFFLES; kind++) {
      snprintf(about, sizeof about, "shuffle of kind %d in %d groups", kind, g);
      compare(shuffle(kind, g), kind == SHUFFLE, about);
    }
  gcam_context_free(ctx);
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
