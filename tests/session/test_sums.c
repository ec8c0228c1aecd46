/* test_sums.c: Grad-CAM's weights where the plan gets them without the gradient at the layer:
 * through poolings, flattening and a fully connected layer.
 *
 * Expected values are the gradient's own (gcam_model_vjp at the layer), added up here, and those of
 * the plain loops. Networks end in every order that the rewriting knows, and in some it must leave
 * alone. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/small_network.h"

enum { SIZE = 12, PIXELS = SIZE * SIZE, C = 12, CLASSES = 10, HIDDEN = 40, MOST = C * PIXELS };

typedef enum numbers { FLOATS, HALVES, INT8 } numbers;

static gcam_context *ctx;
static int passed, failed;

static void check(bool ok, const char *what, const char *which, double value) {
  if (ok)
    passed++;
  else
    failed++;
  if (!ok) printf("FAIL %s: %s: %g\n", which, what, value);
}

static double apart(const float *a, const double *b, int n) {
  double error = 0, largest = 1e-30;
  for (int i = 0; i < n; i++) {
    error = fmax(error, fabs(a[i] - b[i]));
    largest = fmax(largest, fabs(b[i]));
  }
  return error / largest;
}

/* ---- Networks ------------------------------------------------------------------------------- */

static uint16_t to_half(float x) { /* of numbers that halves have, about */
  uint32_t bits;
  memcpy(&bits, &x, 4);
  int exponent = (int)(bits >> 23 & 255) - 112;
  return (uint16_t)(bits >> 16 & 0x8000) |
         (uint16_t)(exponent > 0 ? exponent << 10 | (bits >> 13 & 1023) : 0);
}

static void make_matrix(make_graph *g, const char *name, int64_t rows, int64_t columns,
                        numbers form) {
  const int64_t dims[] = {rows, columns};
  char q[40], scale[40], inputs[90];
  int64_t n = rows * columns;
  if (form == FLOATS) {
    make_noise(g, name, dims, 2, 0.3f);
  } else if (form == HALVES) {
    uint16_t *values = malloc((size_t)n * sizeof *values);
    for (int64_t i = 0; i < n; i++) values[i] = to_half(0.3f * noise());
    make_weight(g, name, 10, dims, 2, values, (size_t)n * sizeof *values);
    free(values);
  } else {
    int8_t *values = malloc((size_t)n);
    float *scales = malloc((size_t)rows * sizeof *scales);
    for (int64_t i = 0; i < n; i++) values[i] = (int8_t)(127 * noise());
    for (int64_t i = 0; i < rows; i++) scales[i] = 0.002f + 0.001f * noise();
    snprintf(q, sizeof q, "%s.q", name);
    snprintf(scale, sizeof scale, "%s.scale", name);
    snprintf(inputs, sizeof inputs, "%s %s", q, scale);
    make_weight(g, q, 3, dims, 2, values, (size_t)n);
    make_weight(g, scale, 1, dims, 1, scales, (size_t)rows * sizeof *scales);
    make_node(g, "DequantizeLinear", "", inputs, name);
    make_int(g, "axis", 0);
    free(values);
    free(scales);
  }
}

static void make_pool(make_graph *g, const char *op, const char *in, const char *out, int kernel,
                      int stride, int pad) {
  const int64_t k[] = {kernel, kernel}, s[] = {stride, stride}, p[] = {pad, pad, pad, pad};
  make_node(g, op, out, in, out);
  make_ints(g, "kernel_shape", k, 2);
  make_ints(g, "strides", s, 2);
  make_ints(g, "pads", p, 4);
}

/* From the row `in` of n numbers by two fully connected layers to the classes. */
static void make_classifier(make_graph *g, const char *in, int n, numbers form) {
  char inputs[60];
  snprintf(inputs, sizeof inputs, "%s fc1.w", in);
  make_matrix(g, "fc1.w", HIDDEN, n, form);
  make_matrix(g, "fc2.w", CLASSES, HIDDEN, FLOATS);
  make_node(g, "Gemm", "fc1", inputs, "fc1.y");
  make_int(g, "transB", 1);
  make_node(g, "Relu", "fc1.relu", "fc1.y", "fc1.r");
  make_node(g, "Gemm", "fc2", "fc1.r fc2.w", "y");
  make_int(g, "transB", 1);
}

static void make_one_matrix(make_graph *g, const char *in, numbers form) {
  char inputs[60];
  snprintf(inputs, sizeof inputs, "%s fc.w", in);
  make_matrix(g, "fc.w", CLASSES, C, form);
  make_node(g, "Gemm", "fc", inputs, "y");
  make_int(g, "transB", 1);
}

/* table: outputs of the fully connected layer whose table is made; positions: of its input. */
static const struct ending {
  const char *name;
  int table, positions;
} endings[] = {{"flattened", HIDDEN, PIXELS},
               {"max pooling, flattened", HIDDEN, PIXELS / 4},
               {"flattened, channels last", HIDDEN, PIXELS / 4},
               {"MatMul", HIDDEN, PIXELS / 4},
               {"MatMul, channels last", HIDDEN, PIXELS / 4},
               {"Gemm not transposed, alpha", HIDDEN, PIXELS / 4},
               {"windows that overlap", HIDDEN, 36},
               {"windows that overlap, average", HIDDEN, 36},
               {"average with padding counted", 0, 0},
               {"that, flattened", HIDDEN, PIXELS},
               {"average, then maximum", 0, 0},
               {"averages one after the other", 0, 0},
               {"global maximum", 0, 0},
               {"ReduceMean", 0, 0},
               {"ReduceMean of rows", 0, 0},
               {"the scores are averages", 0, 0},
               {"hidden, before its ReLU", 0, 0},
               {"read twice", 0, 0},
               {"read by another output, too", HIDDEN, PIXELS / 4},
               {"an output itself", HIDDEN, PIXELS / 4},
               {"views", HIDDEN, PIXELS / 4},
               {"axes in another order", 0, 0},
               {"tokens", 0, 0},
               {"tokens and a bias", 0, 0},
               {"tokens, a bias, a ReLU", 0, 0}};
enum { ENDINGS = sizeof endings / sizeof *endings };

static void make_ending(make_graph *g, int kind, numbers form) {
  const int64_t axes[] = {2, 3}, last[] = {2}, rows[] = {1, C, PIXELS}, nhwc[] = {0, 2, 3, 1},
                nwhc[] = {0, 3, 2, 1}, flat[] = {1, -1}, tokens[] = {0, 2, 1}, second[] = {1},
                three[] = {3}, two[] = {2};
  int quarter = C * PIXELS / 4;
  make_weight(g, "flat", 7, two, 1, flat, sizeof flat);
  make_weight(g, "rows", 7, three, 1, rows, sizeof rows);
  switch (kind) {
    case 0:
      make_node(g, "Flatten", "f", "layer", "f");
      make_classifier(g, "f", C * PIXELS, form);
      break;
    case 2:
    case 4:
      make_pool(g, "MaxPool", "layer", "p", 2, 2, 0);
      make_node(g, "Transpose", "t", "p", "t");
      make_ints(g, "perm", nhwc, 4);
      make_node(g, "Reshape", "f", "t flat", "f");
      if (kind == 2) {
        make_classifier(g, "f", quarter, form);
        break;
      }
      make_matrix(g, "fc1.w", quarter, HIDDEN, form);
      make_node(g, "MatMul", "fc1", "f fc1.w", "h");
      make_matrix(g, "fc2.w", HIDDEN, CLASSES, FLOATS);
      make_node(g, "MatMul", "fc2", "h fc2.w", "y");
      break;
    case 3:
    case 5:
      make_pool(g, "MaxPool", "layer", "p", 2, 2, 0);
      make_node(g, "Flatten", "f", "p", "f");
      make_matrix(g, "fc1.w", quarter, HIDDEN, form);
      make_node(g, kind == 3 ? "MatMul" : "Gemm", "fc1", "f fc1.w", "h");
      if (kind == 5) make_real(g, "alpha", 0.5f);
      make_matrix(g, "fc2.w", HIDDEN, CLASSES, FLOATS);
      make_node(g, "MatMul", "fc2", "h fc2.w", "y");
      break;
    case 6:
    case 7:
      make_pool(g, kind == 6 ? "MaxPool" : "AveragePool", "layer", "p", 3, 2, 1);
      make_node(g, "Flatten", "f", "p", "f");
      make_classifier(g, "f", C * 36, form);
      break;
    case 8:
    case 9:
      make_pool(g, "AveragePool", "layer", "p", 5, 1, 2);
      make_int(g, "count_include_pad", 1);
      if (kind == 8) make_node(g, "GlobalAveragePool", "gap", "p", "g");
      make_node(g, "Flatten", "f", kind == 8 ? "g" : "p", "f");
      if (kind == 8)
        make_one_matrix(g, "f", form);
      else
        make_classifier(g, "f", C * PIXELS, form);
      break;
    case 10:
    case 11:
      make_pool(g, "AveragePool", "layer", "a", 3, 1, 1);
      make_int(g, "count_include_pad", 1);
      make_pool(g, kind == 10 ? "MaxPool" : "AveragePool", "a", "p", 3, 2, 1);
      make_node(g, "GlobalAveragePool", "gap", "p", "g");
      make_node(g, "Flatten", "f", "g", "f");
      make_one_matrix(g, "f", form);
      break;
    case 12:
      make_node(g, "GlobalMaxPool", "gmp", "layer", "g");
      make_node(g, "Flatten", "f", "g", "f");
      make_one_matrix(g, "f", form);
      break;
    case 13:
      make_node(g, "ReduceMean", "mean", "layer", "f");
      make_ints(g, "axes", axes, 2);
      make_int(g, "keepdims", 0);
      make_one_matrix(g, "f", form);
      break;
    case 14:
      make_node(g, "Reshape", "r", "layer rows", "r");
      make_node(g, "ReduceMean", "mean", "r", "f");
      make_ints(g, "axes", last, 1);
      make_int(g, "keepdims", 0);
      make_one_matrix(g, "f", form);
      break;
    case 15:
      make_node(g, "GlobalAveragePool", "gap", "layer", "g");
      make_node(g, "Flatten", "f", "g", "y");
      break;
    case 16:
      make_node(g, "Relu", "relu", "layer", "r");
      make_pool(g, "MaxPool", "r", "p", 2, 2, 0);
      make_node(g, "Flatten", "f", "p", "f");
      make_classifier(g, "f", quarter, form);
      break;
    case 17:
      make_pool(g, "MaxPool", "layer", "p", 2, 2, 0);
      make_pool(g, "AveragePool", "layer", "a", 2, 2, 0);
      make_node(g, "Add", "add", "a p", "s");
      make_node(g, "Flatten", "f", "s", "f");
      make_classifier(g, "f", quarter, form);
      break;
    case 20:
      make_node(g, "Identity", "i", "layer", "i");
      make_node(g, "Dropout", "d", "i", "d");
      make_pool(g, "MaxPool", "d", "p", 2, 2, 0);
      make_node(g, "Identity", "i2", "p", "i2");
      make_node(g, "Flatten", "f", "i2", "f");
      make_classifier(g, "f", quarter, form);
      break;
    case 21:
      make_node(g, "Transpose", "t", "layer", "t");
      make_ints(g, "perm", nwhc, 4);
      make_node(g, "Flatten", "f", "t", "f");
      make_classifier(g, "f", C * PIXELS, form);
      break;
    case 22:
    case 23:
    case 24: /* each position by itself: a transformer's first product */
      make_node(g, "Reshape", "r", "layer rows", "r");
      make_node(g, "Transpose", "t", "r", "t");
      make_ints(g, "perm", tokens, 3);
      make_matrix(g, "in.w", C, HIDDEN, form);
      make_noise(g, "in.b", &(int64_t){HIDDEN}, 1, 1);
      make_node(g, "MatMul", "in", "t in.w", "m");
      if (kind > 22) make_node(g, "Add", "bias", "in.b m", "b");
      make_node(g, kind == 24 ? "Relu" : "Sigmoid", "act", kind > 22 ? "b" : "m", "a");
      make_node(g, "ReduceMean", "mean", "a", "f");
      make_ints(g, "axes", second, 1);
      make_int(g, "keepdims", 0);
      make_matrix(g, "out.w", HIDDEN, CLASSES, FLOATS);
      make_node(g, "MatMul", "out", "f out.w", "y");
      break;
    default: /* 1, 18, 19 */
      make_pool(g, "MaxPool", "layer", "p", 2, 2, 0);
      make_node(g, "Flatten", "f", "p", "f");
      make_classifier(g, "f", quarter, form);
      if (kind != 18) break;
      make_node(g, "GlobalAveragePool", "gap", "layer", "other");
  }
  make_output(g, "y");
  if (kind == 18) make_output(g, "other");
  if (kind == 19) make_output(g, "layer");
}

static gcam_model *make(int kind, numbers form, gcam_precision precision) {
  const int64_t dims[] = {1, 3, SIZE, SIZE};
  float x[3 * PIXELS];
  make_graph g = {0};
  noise_seed(2024 + (unsigned)kind);
  make_input(&g, "x", 1, dims, 4);
  make_conv(&g, "conv", "x", kind == 16 ? "layer" : "c", 3, C, 3, 1, 1);
  if (kind != 16) make_node(&g, "Relu", "relu", "c", "layer");
  make_ending(&g, kind, form);
  gcam_model *net = load_graph(ctx, &g, precision);
  noise_seed(99);
  for (int i = 0; i < 3 * PIXELS; i++) x[i] = noise();
  if (net && !gcam_model_set_input(net, NULL, x, 3 * PIXELS) && !gcam_model_forward(net))
    return net;
  printf("%s\n", gcam_message(ctx));
  gcam_model_free(net);
  return NULL;
}

/* ---- Values --------------------------------------------------------------------------------- */

/* weights[units][C] of every class by the gradient at the layer; for the map of HiResCAM, too. */
static bool by_gradient(gcam_model *net, int units, double *weights, double *hires) {
  float *one = calloc((size_t)(units * units), sizeof *one), A[MOST];
  float *g = malloc((size_t)units * MOST * sizeof *g);
  for (int b = 0; b < units; b++) one[b * units + b] = 1;
  bool ok =
      !gcam_model_vjp(net, "y", one, units, "layer", g) && !gcam_model_read(net, "layer", A, MOST);
  for (int b = 0; ok && b < units; b++)
    for (int i = 0; i < PIXELS; i++) {
      hires[b * PIXELS + i] = 0;
      for (int c = 0; c < C; c++) {
        double d = g[b * MOST + c * PIXELS + i];
        weights[b * C + c] = (i ? weights[b * C + c] : 0) + d / PIXELS;
        hires[b * PIXELS + i] += d * A[c * PIXELS + i];
      }
    }
  free(one);
  free(g);
  return ok;
}

static void compare(gcam_model *net, const char *name, int units, const char *method, int count,
                    double sign) {
  double weights[C * C], hires[C * PIXELS]; /* at most C classes */
  char what[60];
  int ids[C];
  snprintf(what, sizeof what, "%s of %d", method, count);
  for (int b = 0; b < count; b++) ids[b] = b;
  bool ok = by_gradient(net, units, weights, hires);
  for (int i = 0; i < units * C; i++) weights[i] *= sign;
  ok = ok && !gcam_explain(net, method, "layer", GCAM_SCORE_LOGIT, ids, count);
  if (!ok) {
    check(false, what, name, NAN);
    printf("%s\n", gcam_message(ctx));
    return;
  }
  for (int b = 0; b < count; b++) {
    double error = !strcmp(method, "hirescam")
                       ? apart(gcam_map_data(net, b), hires + b * PIXELS, PIXELS)
                       : apart(gcam_map_weights(net, b), weights + b * C, C);
    check(error < 1e-5, what, name, error);
  }
}

/* The table's bytes, as the model reports what it holds. */
static double table_bytes(int kind) {
  const struct ending *e = &endings[kind];
  return e->table ? 4.0 * (e->table * C + e->positions) : 0;
}

static void check_ending(int kind, numbers form, gcam_precision precision) {
  const char *name = endings[kind].name;
  int units = kind == 15 ? C : CLASSES, first = 0;
  gcam_model *net = make(kind, form, precision);
  if (!net) {
    check(false, "no network", name, kind);
    return;
  }
  gcam_explain(net, "eigencam", "layer", GCAM_SCORE_LOGIT, &first, 1); /* splits fused steps */
  gcam_model_forward(net);
  double before = gcam_model_weight_bytes(net), held;
  /* A float copy of other numbers counts, too, where the plain loops ask for it. */
  compare(net, name, units, "gradcam", 1, 1);
  held = gcam_model_weight_bytes(net) - before;
  if (precision != GCAM_PLAIN && form == FLOATS)
    check(held == table_bytes(kind), "bytes of the table", name, held - table_bytes(kind));
  else if (precision == GCAM_PLAIN && form == FLOATS)
    check(held == 0, "the plain loops make no table", name, held);
  compare(net, name, units, "gradcam", units, 1); /* more than share one reading of the weights */
  compare(net, name, units, "gradcam", 8, 1);
  compare(net, name, units, "hirescam", 3, 1);
  compare(net, name, units, "counterfactual", 3, -1);
  /* other weights: a table of the old ones would be wrong */
  if (gcam_model_randomise(net, 1 + kind % 3, 5) || gcam_model_forward(net)) {
    check(false, gcam_message(ctx), name, 0);
  } else {
    if (precision != GCAM_PLAIN && table_bytes(kind) && form == FLOATS)
      check(gcam_model_weight_bytes(net) == before, "the table is gone", name, 0);
    compare(net, name, units, "gradcam", 2, 1);
  }
  gcam_model_free(net);
}

/* A layer whose score does not change with it says so, however its sums were had. */
static void nothing_to_see(void) {
  make_graph g = {0};
  const int64_t dims[] = {1, 3, SIZE, SIZE}, w[] = {CLASSES, C * PIXELS};
  float *zeros = calloc(CLASSES * MOST, sizeof *zeros), x[3 * PIXELS] = {1, 2, 3};
  int id = 0;
  make_input(&g, "x", 1, dims, 4);
  make_conv(&g, "conv", "x", "layer", 3, C, 3, 1, 1);
  make_node(&g, "Flatten", "f", "layer", "f");
  make_weight(&g, "w", 1, w, 2, zeros, (size_t)(CLASSES * MOST) * sizeof *zeros);
  make_node(&g, "Gemm", "fc", "f w", "y");
  make_int(&g, "transB", 1);
  make_output(&g, "y");
  gcam_model *net = load_graph(ctx, &g, GCAM_FAST);
  bool ok = net && !gcam_model_set_input(net, NULL, x, 3 * PIXELS) && !gcam_model_forward(net) &&
            !gcam_explain(net, "gradcam", "layer", GCAM_SCORE_LOGIT, &id, 1);
  check(ok && gcam_warning_count(net) == 1 && !strcmp(gcam_warning_name(net, 0), "zero-gradient"),
        "zero weights", ok ? "warning" : gcam_message(ctx), 0);
  gcam_model_free(net);
  free(zeros);
}

int main(void) {
  for (int threads = 1; threads <= 2; threads++) {
    ctx = gcam_context_create(threads);
    for (int kind = 0; kind < ENDINGS; kind++) {
      for (numbers form = FLOATS; form <= INT8; form++) check_ending(kind, form, GCAM_FAST);
      check_ending(kind, FLOATS, GCAM_PLAIN);
    }
    nothing_to_see();
    gcam_context_free(ctx);
  }
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed > 0;
}
