/* The helpers of src/ops/op.h and src/ops/graph.h: what every operator relies on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/op.h"

static int passed, failed;

#define CHECK(condition, ...)                               \
  do {                                                      \
    if (condition) {                                        \
      passed++;                                             \
    } else {                                                \
      failed++;                                             \
      printf("FAILED line %d: %s: ", __LINE__, #condition); \
      printf(__VA_ARGS__);                                  \
      printf("\n");                                         \
    }                                                       \
  } while (0)

static gcam_shape shape_of(int rank, int64_t a, int64_t b, int64_t c, int64_t d) {
  gcam_shape s = {rank, {a, b, c, d}};
  return s;
}

/* A constant value; data is copied. */
static int add_constant(gcam_graph *graph, const char *name, gcam_dtype dtype, gcam_shape shape,
                        const void *data) {
  int index = gcam_graph_add_value(graph, name);
  size_t bytes = (size_t)gcam_numel(&shape) * gcam_dtype_size(dtype);
  gcam_weight *weight = gcam_arena_alloc(&graph->arena, 1, sizeof *weight);
  graph->values[index].shape = shape;
  graph->values[index].weight = weight;
  weight->dtype = dtype;
  weight->data = malloc(bytes + 1);
  memcpy(weight->data, data, bytes);
  return index;
}

/* ---- Values --------------------------------------------------------------------------------- */

static void test_values(void) {
  gcam_graph graph = {0};
  char name[32];
  bool all = true;
  for (int i = 0; i < 1000; i++) { /* over several growths of the array */
    snprintf(name, sizeof name, "value%d", i);
    all = all && gcam_graph_add_value(&graph, name) == i;
  }
  CHECK(all, "indices count up");
  for (int i = 0; i < 1000; i++) {
    snprintf(name, sizeof name, "value%d", i);
    all = all && gcam_graph_find(&graph, name) == i && !strcmp(graph.values[i].name, name) &&
          graph.values[i].producer == -1 && !graph.values[i].weight;
  }
  CHECK(all, "every value is found by its name, and starts empty");
  CHECK(gcam_graph_find(&graph, "value") == -1, "a part of a name is no name");

  float data[2] = {1, 2};
  int a = add_constant(&graph, "a", GCAM_F32, shape_of(1, 2, 0, 0, 0), data);
  int b = gcam_graph_add_value(&graph, "b");
  graph.values[b].weight = graph.values[a].weight; /* sanitizers see a double free */
  gcam_graph_free(&graph);
  CHECK(graph.value_count == 0 && !graph.values && !graph.arena.first, "nothing is left");
  gcam_graph_free(&graph);
}

/* ---- Axes ----------------------------------------------------------------------------------- */

static void test_axes(void) {
  gcam_value nhwc = {.shape = {4, {1, 5, 6, 3}}, .layout = GCAM_CHANNELS_LAST};
  gcam_value rows = {.shape = {4, {1, 3, 5, 6}}, .layout = GCAM_ROWS};
  gcam_value nlc = {.shape = {3, {1, 9, 3}}, .layout = GCAM_CHANNELS_LAST};
  gcam_value ndhwc = {.shape = {5, {1, 4, 5, 6, 3}}, .layout = GCAM_CHANNELS_LAST};
  gcam_value table = {.shape = {2, {7, 8}}, .layout = GCAM_CHANNELS_LAST};
  gcam_value scalar = {.shape = {0, {0}}};
  const int want4[] = {0, 3, 1, 2}, want3[] = {0, 2, 1}, want5[] = {0, 4, 1, 2, 3};
  for (int i = 0; i < 4; i++) {
    CHECK(gcam_value_axis(&nhwc, i) == want4[i], "NCHW axis %d", i);
    CHECK(gcam_value_axis(&nhwc, i - 4) == want4[i], "NCHW axis %d", i - 4);
    CHECK(gcam_value_axis(&rows, i) == i, "axis %d in rows", i);
    CHECK(gcam_value_axis(&rows, i - 4) == i, "axis %d in rows", i - 4);
  }
  for (int i = 0; i < 3; i++) CHECK(gcam_value_axis(&nlc, i) == want3[i], "NCL axis %d", i);
  for (int i = 0; i < 5; i++) CHECK(gcam_value_axis(&ndhwc, i) == want5[i], "NCDHW axis %d", i);
  CHECK(gcam_value_axis(&table, 1) == 1 && gcam_value_axis(&table, -2) == 0, "two axes: rows");
  const int64_t bad[] = {4, -5, INT64_MAX, INT64_MIN, (int64_t)1 << 32};
  for (int i = 0; i < 5; i++)
    CHECK(gcam_value_axis(&nhwc, bad[i]) == -1, "axis %lld", (long long)bad[i]);
  CHECK(gcam_value_axis(&scalar, 0) == -1 && gcam_value_axis(&scalar, -1) == -1, "no axis");
}

/* dst[i...] = src[...] by the definition of a permutation, one element at a time. */
static void test_permute(void) {
  static const int perms[][4] = {{0, 2, 3, 1}, {0, 3, 1, 2}, {3, 2, 1, 0},
                                 {0, 1, 2, 3}, {1, 0, 2, 3}, {2, 0, 3, 1}};
  const gcam_shape shapes[] = {shape_of(4, 2, 3, 4, 5), shape_of(4, 1, 7, 1, 3),
                               shape_of(4, 3, 0, 2, 2)};
  static const size_t sizes[] = {1, 2, 4, 8};
  for (size_t s = 0; s < 3; s++) {
    for (size_t p = 0; p < 6; p++) {
      for (size_t e = 0; e < 4; e++) {
        size_t elem = sizes[e], n = (size_t)gcam_numel(&shapes[s]);
        unsigned char *src = malloc(n * elem + 1), *dst = malloc(n * elem + 1);
        for (size_t i = 0; i < n * elem; i++) src[i] = (unsigned char)(i * 31 + i / 251);
        memset(dst, 0xee, n * elem + 1);
        gcam_permute(dst, src, &shapes[s], perms[p], elem);
        bool same = dst[n * elem] == 0xee;
        const int64_t *d = shapes[s].dim;
        int64_t i[4], out = 0;
        for (i[0] = 0; i[0] < d[perms[p][0]]; i[0]++)
          for (i[1] = 0; i[1] < d[perms[p][1]]; i[1]++)
            for (i[2] = 0; i[2] < d[perms[p][2]]; i[2]++)
              for (i[3] = 0; i[3] < d[perms[p][3]]; i[3]++, out++) {
                int64_t at[4];
                for (int k = 0; k < 4; k++) at[perms[p][k]] = i[k];
                int64_t in = ((at[0] * d[1] + at[1]) * d[2] + at[2]) * d[3] + at[3];
                same = same && !memcmp(dst + (size_t)out * elem, src + (size_t)in * elem, elem);
              }
        CHECK(same && (size_t)out == n, "shape %zu, permutation %zu, %zu bytes", s, p, elem);
        free(src);
        free(dst);
      }
    }
  }
  float one = 3, copy = 0;
  gcam_shape scalar = {0, {0}};
  gcam_permute(&copy, &one, &scalar, NULL, sizeof one);
  CHECK(copy == 3, "a scalar");
}

/* ---- Weights -------------------------------------------------------------------------------- */

/* Half precision as IEEE 754 defines it: sign, 5 bits of exponent, 10 of fraction. */
static double half_value(unsigned h) {
  int exponent = h >> 10 & 31, fraction = h & 1023;
  double value = exponent == 31  ? (fraction ? NAN : INFINITY)
                 : exponent == 0 ? ldexp(fraction, -24)
                                 : ldexp(1024 + fraction, exponent - 25);
  return h & 0x8000 ? -value : value;
}

static void test_half(void) {
  int wrong = 0;
  for (unsigned h = 0; h < 65536; h++) {
    float got = gcam_half_to_float((uint16_t)h);
    double want = half_value(h);
    bool same = isnan(want) ? isnan(got) : (double)got == want && !signbit(got) == !signbit(want);
    if (!same && wrong++ < 5) printf("half %04x: %g, not %g\n", h, (double)got, want);
  }
  CHECK(wrong == 0, "%d of 65536 half values", wrong);
}

/* Reads every window of the weight and compares with `want`. */
static void check_reads(gcam_weight *weight, const gcam_shape *shape, const double *want,
                        const char *what) {
  int64_t n = gcam_numel(shape);
  float *got = malloc((size_t)n * sizeof *got + 4);
  bool same = true;
  for (int64_t from = 0; from <= n; from++) {
    for (int64_t count = 0; count <= n - from; count++) {
      for (int64_t i = 0; i < n; i++) got[i] = -12345;
      gcam_weight_read(weight, shape, from, count, got);
      for (int64_t i = 0; i < count; i++) same = same && got[i] == (float)want[from + i];
      for (int64_t i = count; i < n; i++) same = same && got[i] == -12345;
    }
  }
  CHECK(same, "%s: windows", what);
  const float *all = gcam_weight_floats(weight, shape);
  CHECK(all != NULL, "%s: floats", what);
  for (int64_t i = 0; all && i < n; i++) same = same && all[i] == (float)want[i];
  CHECK(same, "%s: floats", what);
  CHECK(gcam_weight_floats(weight, shape) == all, "%s: the copy is made once", what);
  gcam_floats_free(weight->f32);
  weight->f32 = NULL;
  free(got);
}

static void test_weight_types(void) {
  gcam_shape s = shape_of(2, 2, 3, 0, 0);
  double want[6] = {0, 1, -2, 100, -128, 7};
  float f32[6];
  double f64[6];
  int32_t i32[6];
  int64_t i64[6];
  int8_t i8[6];
  for (int i = 0; i < 6; i++) {
    f32[i] = (float)(f64[i] = want[i]);
    i32[i] = (int32_t)(i64[i] = i8[i] = (int8_t)want[i]);
  }
  gcam_weight w = {.dtype = GCAM_F32, .data = f32};
  check_reads(&w, &s, want, "f32");
  CHECK(gcam_weight_floats(&w, &s) == f32, "f32 is used in place");
  w = (gcam_weight){.dtype = GCAM_F64, .data = f64};
  check_reads(&w, &s, want, "f64");
  w = (gcam_weight){.dtype = GCAM_I32, .data = i32};
  check_reads(&w, &s, want, "i32");
  w = (gcam_weight){.dtype = GCAM_I64, .data = i64};
  check_reads(&w, &s, want, "i64");
  w = (gcam_weight){.dtype = GCAM_I8, .data = i8};
  check_reads(&w, &s, want, "i8 without scale");
  uint8_t u8[6] = {0, 1, 127, 128, 254, 255};
  double u8_want[6] = {0, 1, 127, 128, 254, 255}, bool_want[6] = {0, 1, 1, 1, 1, 1};
  w = (gcam_weight){.dtype = GCAM_U8, .data = u8};
  check_reads(&w, &s, u8_want, "u8 without scale");
  w = (gcam_weight){.dtype = GCAM_BOOL, .data = u8};
  check_reads(&w, &s, bool_want, "bool");
  uint16_t f16[6] = {0x0000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x3555};
  double f16_want[6];
  for (int i = 0; i < 6; i++) f16_want[i] = half_value(f16[i]);
  w = (gcam_weight){.dtype = GCAM_F16, .data = f16};
  check_reads(&w, &s, f16_want, "f16");

  /* In a file a tensor may begin at an odd byte. */
  unsigned char bytes[6 * 4 + 1];
  memcpy(bytes + 1, f32, sizeof f32);
  w = (gcam_weight){.dtype = GCAM_F32, .data = bytes + 1, .borrowed = true};
  check_reads(&w, &s, want, "f32 at an odd address");
  w = (gcam_weight){.dtype = GCAM_F32};
  CHECK(gcam_weight_floats(&w, &s) == NULL, "no data yet, no floats");
}

/* value = (q - zero) * scale with one scale and zero point per index of one axis. */
static void test_weight_quantized(void) {
  gcam_shape s = shape_of(3, 2, 3, 4, 0);
  uint8_t bytes[24];
  float scale[4] = {0.5f, 2, 0.25f, 8};
  uint8_t zero_u8[4] = {0, 128, 255, 3};
  int8_t zero_i8[4] = {0, -128, 127, 3};
  for (int i = 0; i < 24; i++) bytes[i] = (uint8_t)(i * 37 + 11);
  for (int is_signed = 0; is_signed < 2; is_signed++) {
    for (int with_zero = 0; with_zero < 2; with_zero++) {
      for (int axis = -1; axis < 3; axis++) { /* -1: one scale for all */
        gcam_weight w = {.dtype = is_signed ? GCAM_I8 : GCAM_U8,
                         .data = bytes,
                         .scale = scale,
                         .scale_count = axis < 0 ? 1 : s.dim[axis],
                         .scale_axis = axis < 0 ? 0 : axis};
        if (with_zero) w.zero = is_signed ? zero_i8 : (int8_t *)zero_u8;
        double want[24];
        for (int i = 0; i < 24; i++) {
          const int at[3] = {i / 12, i / 4 % 3, i % 4};
          int k = axis < 0 ? 0 : at[axis];
          int q = is_signed ? bytes[i] - (bytes[i] > 127 ? 256 : 0) : bytes[i];
          int zero = !with_zero ? 0 : is_signed ? zero_i8[k] : zero_u8[k];
          want[i] = (q - zero) * (double)scale[k];
        }
        char what[64];
        snprintf(what, sizeof what, "%s, axis %d, %s", is_signed ? "int8" : "uint8", axis,
                 with_zero ? "zero points" : "no zero points");
        check_reads(&w, &s, want, what);
      }
    }
  }
}

/* ---- Nodes ---------------------------------------------------------------------------------- */

static void test_op_table(void) {
  CHECK(gcam_op_count() >= 46, "%d operators", gcam_op_count());
  for (int i = 0; i < gcam_op_count(); i++) {
    const gcam_op *op = gcam_op_at(i);
    CHECK(op && gcam_op_find(op->name) == op, "row %d is found by its name, and no name is twice",
          i);
    CHECK(op->shape && op->forward && op->backward, "%s is whole", op->name);
    CHECK(op->min_inputs >= 1 && (op->max_inputs < 0 || op->max_inputs >= op->min_inputs),
          "%s takes inputs", op->name);
  }
  CHECK(!gcam_op_at(-1) && !gcam_op_at(gcam_op_count()), "outside of the table");
  CHECK(!gcam_op_find("relu") && !gcam_op_find("") && !gcam_op_find("NonMaxSuppression"),
        "names are ONNX's, exactly");
}

static void test_attributes(void) {
  const int64_t list[] = {1, 2, 3};
  const gcam_attr attrs[] = {
      {.name = "axis", .kind = GCAM_ATTR_INT, .i = -1},
      {.name = "alpha", .kind = GCAM_ATTR_FLOAT, .f = 0.25f},
      {.name = "mode", .kind = GCAM_ATTR_STRING, .s = "edge"},
      {.name = "pads", .kind = GCAM_ATTR_INTS, .ints = list, .count = 3},
  };
  int inputs[8] = {-1, -1, -1, -1, -1, -1, -1, -1}, outputs[2] = {-1, -1};
  gcam_graph graph = {0};
  gcam_node node = {.op = gcam_op_find("Pad"),
                    .name = "border",
                    .opset = 13,
                    .attrs = attrs,
                    .attr_count = 4,
                    .inputs = inputs,
                    .input_count = 8,
                    .outputs = outputs,
                    .output_count = 2};
  char label[64];
  CHECK(!strcmp(gcam_node_label(&node, label, sizeof label), "Pad node 'border'"), "%s", label);
  CHECK(!strcmp(gcam_node_label(&node, label, 8), "Pad nod"), "cut to fit: %s", label);
  CHECK(gcam_node_int(&node, "axis", 7) == -1 && gcam_node_int(&node, "none", 7) == 7, "int");
  CHECK(gcam_node_int(&node, "alpha", 7) == 7, "of another kind: not there");
  CHECK(gcam_node_float(&node, "alpha", 7) == 0.25f, "float");
  CHECK(gcam_node_float(&node, "beta", 7) == 7, "float");
  CHECK(!strcmp(gcam_node_string(&node, "mode", "x"), "edge"), "string");
  CHECK(!gcam_node_string(&node, "none", NULL), "string");

  int64_t values[4] = {0}, i64[] = {-4, (int64_t)1 << 40, 5, 6, 7};
  int32_t i32[] = {-9, 8};
  float f32[] = {1.5f, 2};
  int count;
  gcam_error err = {0};
  CHECK(!gcam_node_ints(&graph, &node, "pads", -1, values, 4, &count, &err) && count == 3 &&
            values[2] == 3,
        "a list");
  CHECK(!gcam_node_ints(&graph, &node, "axis", -1, values, 4, &count, &err) && count == 1 &&
            values[0] == -1,
        "one int is a list of one");
  CHECK(gcam_node_ints(&graph, &node, "pads", -1, values, 2, &count, &err) == GCAM_ERR_MODEL &&
            strstr(err.text, "Pad node 'border'") == err.text && strstr(err.text, "'pads'"),
        "too many: %s", err.text);
  CHECK(gcam_node_ints(&graph, &node, "mode", -1, values, 4, &count, &err) == GCAM_ERR_MODEL,
        "a string is no list");

  inputs[1] = add_constant(&graph, "i64", GCAM_I64, shape_of(1, 3, 0, 0, 0), i64);
  inputs[2] = add_constant(&graph, "i32", GCAM_I32, shape_of(1, 2, 0, 0, 0), i32);
  inputs[3] = add_constant(&graph, "f32", GCAM_F32, shape_of(1, 2, 0, 0, 0), f32);
  inputs[4] = add_constant(&graph, "one", GCAM_F32, shape_of(4, 1, 1, 1, 1), f32);
  inputs[5] = gcam_graph_add_value(&graph, "activation");
  inputs[6] = add_constant(&graph, "long", GCAM_I64, shape_of(1, 5, 0, 0, 0), i64);
  inputs[7] = add_constant(&graph, "table", GCAM_I64, shape_of(2, 1, 3, 0, 0), i64);
  CHECK(!gcam_node_ints(&graph, &node, "x", 1, values, 4, &count, &err) && count == 3 &&
            values[0] == -4 && values[1] == (int64_t)1 << 40,
        "int64 input");
  CHECK(!gcam_node_ints(&graph, &node, "x", 2, values, 4, &count, &err) && count == 2 &&
            values[0] == -9 && values[1] == 8,
        "int32 input");
  CHECK(!gcam_node_ints(&graph, &node, "x", 0, values, 4, &count, &err) && count == 0, "left out");
  CHECK(!gcam_node_ints(&graph, &node, "x", 99, values, 4, &count, &err) && count == 0, "beyond");
  CHECK(gcam_node_ints(&graph, &node, "x", 3, values, 4, &count, &err) == GCAM_ERR_MODEL, "floats");
  CHECK(gcam_node_ints(&graph, &node, "x", 6, values, 4, &count, &err) == GCAM_ERR_MODEL, "long");
  CHECK(gcam_node_ints(&graph, &node, "x", 7, values, 4, &count, &err) == GCAM_ERR_MODEL, "rank 2");
  CHECK(gcam_node_ints(&graph, &node, "x", 5, values, 4, &count, &err) == GCAM_ERR_UNSUPPORTED &&
            strstr(err.text, "'activation'"),
        "not a constant: %s", err.text);

  float value = 9;
  bool found;
  CHECK(
      !gcam_node_scalar(&graph, &node, "alpha", 1, &value, &found, &err) && found && value == 0.25f,
      "the attribute comes first");
  CHECK(!gcam_node_scalar(&graph, &node, "x", 4, &value, &found, &err) && found && value == 1.5f,
        "an input of one number");
  value = 9;
  CHECK(!gcam_node_scalar(&graph, &node, "x", 0, &value, &found, &err) && !found && value == 9,
        "left out: untouched");
  CHECK(gcam_node_scalar(&graph, &node, "x", 3, &value, &found, &err) == GCAM_ERR_MODEL, "two");
  CHECK(gcam_node_scalar(&graph, &node, "x", 5, &value, &found, &err) == GCAM_ERR_UNSUPPORTED, "x");
  CHECK(gcam_node_scalar(&graph, &node, "mode", 5, &value, &found, &err) == GCAM_ERR_MODEL, "text");
  CHECK(!gcam_node_has_input(&node, 0) && gcam_node_has_input(&node, 1) &&
            !gcam_node_has_input(&node, 8) && !gcam_node_has_input(&node, -1),
        "which inputs are there");

  outputs[0] = gcam_graph_add_value(&graph, "y");
  gcam_shape small = shape_of(2, 3, 4, 0, 0), huge = shape_of(4, 1 << 15, 1 << 15, 1 << 15, 4);
  gcam_shape negative = shape_of(2, 3, -4, 0, 0);
  CHECK(!gcam_node_set_shape(&graph, &node, 0, &small, &err) &&
            gcam_shape_equal(gcam_out_shape(&graph, &node, 0), &small),
        "stored");
  CHECK(gcam_node_set_shape(&graph, &node, 0, &huge, &err) == GCAM_ERR_MEMORY &&
            strstr(err.text, "Pad node 'border'") == err.text,
        "%s", err.text);
  CHECK(gcam_node_set_shape(&graph, &node, 0, &negative, &err) == GCAM_ERR_MODEL, "%s", err.text);
  CHECK(!gcam_node_set_shape(&graph, &node, 1, &small, &err), "nobody reads it");
  CHECK(!gcam_node_set_shape(&graph, &node, 2, &small, &err), "no such output");
  const unsigned char *params = gcam_node_params(&graph, &node, 100);
  bool zero = params && node.params == params;
  for (int i = 0; zero && i < 100; i++) zero = !params[i];
  CHECK(zero, "parameters start as zeros");
  gcam_graph_free(&graph);
}

int main(void) {
  test_values();
  test_axes();
  test_permute();
  test_half();
  test_weight_types();
  test_weight_quantized();
  test_op_table();
  test_attributes();
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
