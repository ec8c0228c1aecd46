/* test_fold.c: constants are folded as the network would have run: the same shapes, the same
 * elements of any type, the same refusals. Expected values come from ONNX's definitions, written
 * down here as loops over positions. `test_fold --seeds FOLDER` leaves the files for the fuzzer. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gradcam.h"
#include "onnx/constant.h"
#include "onnx/import.h"
#include "support/onnx_writer.h"

static int passed, failed;
static gcam_context *ctx;
static const char *seed_folder;

enum { MAX = 64 };

/* TensorProto.DataType of the types tried, and a byte count of each. */
static const struct {
  int type, bytes;
} types[] = {{1, 4}, {7, 8}, {6, 4}, {2, 1}, {3, 1}, {9, 1}, {11, 8}, {10, 2}, {5, 2}};
enum { TYPES = sizeof types / sizeof *types };

/* Element `value` (0 <= value < 128; bool: 0 or not) in the bytes of a type. */
static void put(int type, int64_t value, uint8_t *to) {
  float f = (float)value;
  double d = (double)value;
  int32_t i32 = (int32_t)value;
  int16_t i16 = (int16_t)value;
  uint16_t half = 0;
  if (value) { /* small whole numbers are exact */
    int e = (int)floor(log2(d));
    half = (uint16_t)((e + 15) << 10 | (int)((d / exp2(e) - 1) * 1024));
  }
  switch (type) {
    case 1:
      memcpy(to, &f, 4);
      return;
    case 7:
      memcpy(to, &value, 8);
      return;
    case 6:
      memcpy(to, &i32, 4);
      return;
    case 5:
      memcpy(to, &i16, 2);
      return;
    case 10:
      memcpy(to, &half, 2);
      return;
    case 11:
      memcpy(to, &d, 8);
      return;
    default:
      *to = (uint8_t)value;
  }
}

static int64_t seen_as(int type, int64_t value) { return type == 9 ? value != 0 : value; }

/* x: values first, first + 1, ... */
static void constant(make_graph *g, const char *name, int t, const int64_t *dims, int rank,
                     int64_t first) {
  uint8_t bytes[MAX * 8];
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dims[i];
  for (int64_t i = 0; i < n; i++) put(types[t].type, first + i, bytes + i * types[t].bytes);
  make_weight(g, name, types[t].type, dims, rank, bytes, (size_t)n * (size_t)types[t].bytes);
}

static void ints(make_graph *g, const char *name, const int64_t *values, int count) {
  make_weight(g, name, 7, &(int64_t){count}, 1, values, (size_t)count * 8);
}

typedef struct wanted {
  bool refused;
  int rank;
  int64_t dims[6], values[MAX];
} wanted;

static void fail(const char *what, const char *how, const char *words) {
  failed++;
  printf("FAIL %s: %s (\"%s\")\n", what, how, words);
}

static void keep_seed(const wire *model) {
  static int count;
  char path[1024];
  if (count++ % 97) return;
  snprintf(path, sizeof path, "%s/fold%04d.onnx", seed_folder, count);
  FILE *f = fopen(path, "wb");
  if (!f) return;
  fwrite(model->data, 1, model->size, f);
  fclose(f);
}

/* The model, whose output is y, is folded whole. */
static void expect_folded(const char *what, wire *model, int type, const wanted *w) {
  gcam_onnx *file = NULL;
  gcam_graph graph = {0};
  gcam_error err = {0};
  gcam_status status = gcam_onnx_open(&file, model->data, model->size, GCAM_COPY, &err);
  if (!status) status = gcam_onnx_import(file, NULL, &graph, &err);
  if (seed_folder) keep_seed(model);
  const gcam_value *y = status ? NULL : &graph.values[graph.outputs[0]];
  bool ok = w->refused ? status != GCAM_OK && err.text[0] : y && y->weight;
  if (ok && y) {
    ok = y->shape.rank == w->rank && y->layout == GCAM_ROWS;
    for (int i = 0; ok && i < w->rank; i++) ok = y->shape.dim[i] == w->dims[i];
    for (int64_t i = 0, n = gcam_numel(&y->shape); ok && i < n; i++)
      ok = gcam_constant_real(y, i) == (double)seen_as(type, w->values[i]);
  }
  if (ok)
    passed++;
  else
    fail(what, "folded", err.text);
  gcam_graph_free(&graph);
  gcam_onnx_close(file);
  wire_free(model);
}

/* The same with x from the picture. Nothing empty comes from there. */
static void expect_run(const char *what, wire *model, int count, int64_t first, const wanted *w) {
  float x[MAX], y[MAX];
  int dims[6], rank = -1;
  int64_t n = 1;
  for (int i = 0; i < w->rank; i++) n *= w->dims[i];
  for (int i = 0; i < count; i++) x[i] = (float)(first + i);
  gcam_model *net = gcam_model_create(ctx);
  gcam_status status = gcam_model_load(net, model->data, model->size, GCAM_COPY);
  if (!status) status = gcam_model_finish(net);
  bool ok;
  if (w->refused || !n) {
    ok = status != GCAM_OK && gcam_message(ctx)[0];
  } else {
    ok = !status && !gcam_model_set_input(net, "x", x, (size_t)count) && !gcam_model_forward(net) &&
         !gcam_model_read(net, "y", y, (size_t)n);
    if (ok) rank = gcam_model_shape(net, "y", dims, 6);
    ok = ok && rank == w->rank;
    for (int i = 0; ok && i < rank; i++) ok = dims[i] == w->dims[i];
    for (int i = 0; ok && i < n; i++) ok = y[i] == (float)w->values[i];
  }
  if (ok)
    passed++;
  else
    fail(what, "run", gcam_message(ctx));
  gcam_model_free(net);
  wire_free(model);
}

/* ---- Slice ---------------------------------------------------------------------------------- */

static int64_t clamp(int64_t v, int64_t low, int64_t high) {
  return v < low ? low : v > high ? high : v;
}

/* Operators.md: what is negative has the size added; then starts are clamped to [0, size] or, with
 * a negative step, [0, size - 1], ends to [0, size] or [-1, size - 1]. */
static void slice(int64_t size, int64_t start, int64_t end, int64_t step, wanted *w) {
  *w = (wanted){.refused = !step, .rank = 1};
  if (start < 0) start += size;
  if (end < 0) end += size;
  start = step > 0 ? clamp(start, 0, size) : clamp(start, 0, size - 1);
  end = step > 0 ? clamp(end, 0, size) : clamp(end, -1, size - 1);
  step = clamp(step, -MAX, MAX); /* as far as any size here */
  for (int64_t i = start; step && size && (step > 0 ? i < end : i > end); i += step)
    w->values[w->dims[0]++] = 1 + i;
}

static wire slice_model(int t, int64_t size, int64_t start, int64_t end, int64_t step) {
  make_graph g = {0};
  if (t < 0)
    make_input(&g, "x", 1, &size, 1);
  else
    constant(&g, "x", t, &size, 1, 1);
  ints(&g, "s", &start, 1);
  ints(&g, "e", &end, 1);
  ints(&g, "a", &(int64_t){-1}, 1);
  ints(&g, "t", &step, 1);
  make_node(&g, "Slice", "cut", "x s e a t", "y");
  make_output(&g, "y");
  return make_model(&g, 13);
}

static void test_slice(void) {
  static const int64_t at[] = {INT64_MIN, INT64_MIN + 1, -100,     -6, -5, -4, -1, 0, 1, 4, 5,
                               6,         100,           INT64_MAX};
  static const int64_t steps[] = {1, -1, 2, -2, 7, -7, 0, INT64_MAX, INT64_MIN};
  enum { AT = sizeof at / sizeof *at, STEPS = sizeof steps / sizeof *steps };
  int t = 0;
  for (int64_t size = 0; size <= 5; size += size ? 4 : 1)
    for (int s = 0; s < AT; s++)
      for (int e = 0; e < AT; e++)
        for (int k = 0; k < STEPS; k++) {
          char what[96];
          wanted w;
          slice(size, at[s], at[e], steps[k], &w);
          snprintf(what, sizeof what, "x[%lld:%lld:%lld] of %lld", (long long)at[s],
                   (long long)at[e], (long long)steps[k], (long long)size);
          wire model = slice_model(t, size, at[s], at[e], steps[k]);
          expect_folded(what, &model, types[t].type, &w);
          t = (t + 1) % TYPES;
          if (!size) continue;
          model = slice_model(-1, size, at[s], at[e], steps[k]);
          expect_run(what, &model, (int)size, 1, &w);
        }
}

/* ---- Split ---------------------------------------------------------------------------------- */

/* sizes NULL: equal parts. The output looked at is the last one. */
static wire split_model(int t, int64_t size, int parts, const int64_t *sizes, int size_count,
                        int64_t num, int64_t axis, int opset) {
  make_graph g = {0};
  char outputs[64] = "";
  for (int i = 0; i < parts; i++) sprintf(outputs + strlen(outputs), i ? " y%d" : "y%d", i);
  if (t < 0)
    make_input(&g, "x", 1, &size, 1);
  else
    constant(&g, "x", t, &size, 1, 1);
  if (sizes) ints(&g, "s", sizes, size_count);
  make_node(&g, "Split", "cut", sizes ? "x s" : "x", outputs);
  make_int(&g, "axis", axis);
  if (num) make_int(&g, "num_outputs", num);
  snprintf(outputs, sizeof outputs, "y%d", parts - 1);
  make_node(&g, "Identity", "last", outputs, "y");
  make_output(&g, "y");
  return make_model(&g, opset);
}

static void test_split(void) {
  static const struct {
    int64_t size;
    int parts;
    int64_t sizes[4];
    int size_count;
    int64_t num, axis;
    int opset;
    int64_t last; /* elements of the last part; -1: refused */
  } cases[] = {{6, 3, {0}, 0, 0, 0, 13, 2},
               {7, 3, {0}, 0, 0, 0, 13, -1},
               {7, 3, {0}, 0, 3, 0, 18, 1},
               {7, 4, {0}, 0, 4, -1, 18, 1},
               {7, 2, {0}, 0, 3, 0, 18, -1},
               {7, 5, {0}, 0, 5, 0, 18, -1},
               {6, 2, {4, 2}, 2, 0, -1, 13, 2},
               {6, 2, {4, 3}, 2, 0, 0, 13, -1},
               {6, 2, {4, 1}, 2, 0, 0, 13, -1},
               {6, 3, {7, -2, 1}, 3, 0, 0, 13, -1},
               {6, 2, {6}, 1, 0, 0, 13, -1},
               {6, 2, {6, 0}, 2, 0, 0, 13, 0},
               {6, 2, {3, 3}, 2, 0, 1, 13, -1},
               {6, 2, {3, 3}, 2, 0, -2, 13, -1},
               {6, 2, {3, 3}, 2, 0, INT64_MIN, 13, -1},
               {0, 2, {0, 0}, 2, 0, 0, 13, 0},
               {6, 2, {INT64_MAX, INT64_MIN + 7}, 2, 0, 0, 13, -1}};
  for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++) {
    char what[32];
    wanted w = {.refused = cases[i].last < 0, .rank = 1, .dims = {cases[i].last}};
    snprintf(what, sizeof what, "Split, case %d", i);
    for (int k = 0; k < cases[i].last; k++) w.values[k] = 1 + cases[i].size - cases[i].last + k;
    for (int t = -1; t < TYPES; t++) {
      if (t < 0 && !cases[i].size) continue;
      wire model =
          split_model(t, cases[i].size, cases[i].parts, cases[i].size_count ? cases[i].sizes : NULL,
                      cases[i].size_count, cases[i].num, cases[i].axis, cases[i].opset);
      if (t < 0)
        expect_run(what, &model, (int)cases[i].size, 1, &w);
      else
        expect_folded(what, &model, types[t].type, &w);
    }
  }
}

/* ---- Pad ------------------------------------------------------------------------------------ */

static int64_t pad_value(const char *mode, int64_t i, int64_t size, int64_t fill) {
  if (i >= 0 && i < size) return 1 + i;
  if (!strcmp(mode, "constant")) return fill;
  if (!strcmp(mode, "edge")) return i < 0 ? 1 : size;
  while (i < 0 || i >= size) i = i < 0 ? -i : 2 * (size - 1) - i; /* reflect */
  return 1 + i;
}

static void test_pad(void) {
  static const char *const modes[] = {"constant", "edge", "reflect"};
  static const int64_t pads[][2] = {{2, 1}, {-1, 2}, {0, -3}, {-2, -2}, {0, 0}, {-3, -3}};
  const int64_t size = 5;
  for (int m = 0; m < 3; m++)
    for (int p = 0; p < 6; p++)
      for (int t = -1; t < TYPES; t++) {
        char what[64];
        snprintf(what, sizeof what, "Pad %s %lld %lld", modes[m], (long long)pads[p][0],
                 (long long)pads[p][1]);
        int64_t n = size + pads[p][0] + pads[p][1];
        wanted w = {.refused = n < 0, .rank = 1, .dims = {n}};
        for (int64_t i = 0; i < n; i++) w.values[i] = pad_value(modes[m], i - pads[p][0], size, 9);
        make_graph g = {0};
        if (t < 0)
          make_input(&g, "x", 1, &size, 1);
        else
          constant(&g, "x", t, &size, 1, 1);
        constant(&g, "v", t < 0 ? 0 : t, NULL, 0, 9);
        ints(&g, "p", pads[p], 2);
        make_node(&g, "Pad", "pad", "x p v", "y");
        make_text(&g, "mode", modes[m]);
        make_output(&g, "y");
        wire model = make_model(&g, 13);
        if (t < 0)
          expect_run(what, &model, (int)size, 1, &w);
        else
          expect_folded(what, &model, types[t].type, &w);
      }
}

/* ---- Concat, Transpose, Gather and the views ------------------------------------------------ */

static void test_concat(void) {
  const int64_t a[] = {2, 1}, b[] = {2, 2}, c[] = {3, 1};
  for (int t = -1; t < TYPES; t++)
    for (int64_t axis = -3; axis <= 2; axis++) {
      bool along = axis == 1 || axis == -1;
      wanted w = {.refused = !along, .rank = 2, .dims = {2, 3}, .values = {1, 10, 11, 2, 12, 13}};
      make_graph g = {0};
      if (t < 0)
        make_input(&g, "x", 1, a, 2);
      else
        constant(&g, "x", t, a, 2, 1);
      constant(&g, "b", t < 0 ? 0 : t, b, 2, 10);
      make_node(&g, "Concat", "join", "x b", "y");
      make_int(&g, "axis", axis);
      make_output(&g, "y");
      wire model = make_model(&g, 13);
      if (t < 0)
        expect_run("Concat", &model, 2, 1, &w);
      else
        expect_folded("Concat", &model, types[t].type, &w);
    }
  for (int t = 1; t < TYPES; t++) { /* of two types, and of sizes that do not fit */
    wanted w = {.refused = true};
    make_graph g = {0};
    constant(&g, "x", t, a, 2, 1);
    constant(&g, "b", t == 1 ? 2 : 1, b, 2, 10);
    constant(&g, "c", t, c, 2, 10);
    make_node(&g, "Concat", "join", types[t].type >= 10 ? "x c" : "x b", "y");
    make_int(&g, "axis", 1);
    make_output(&g, "y");
    wire model = make_model(&g, 13);
    expect_folded("Concat of what does not fit", &model, types[t].type, &w);
  }
}

static void test_transpose(void) {
  const int64_t dims[] = {2, 3, 2},
                perms[][3] = {{2, 0, 1}, {0, 2, 1}, {0, 1, 2}, {2, 2, 0}, {0, 1, 3}};
  for (int p = 0; p < 5; p++)
    for (int t = -1; t < TYPES; t++) {
      const int64_t *q = perms[p];
      wanted w = {.refused = p > 2, .rank = 3};
      if (!w.refused) {
        const int64_t stride[] = {6, 2, 1};
        int n = 0;
        for (int i = 0; i < 3; i++) w.dims[i] = dims[q[i]];
        for (int64_t i = 0; i < w.dims[0]; i++)
          for (int64_t j = 0; j < w.dims[1]; j++)
            for (int64_t k = 0; k < w.dims[2]; k++)
              w.values[n++] = 1 + i * stride[q[0]] + j * stride[q[1]] + k * stride[q[2]];
      }
      make_graph g = {0};
      if (t < 0)
        make_input(&g, "x", 1, dims, 3);
      else
        constant(&g, "x", t, dims, 3, 1);
      make_node(&g, "Transpose", "turn", "x", "y");
      make_ints(&g, "perm", q, 3);
      make_output(&g, "y");
      wire model = make_model(&g, 13);
      if (t < 0)
        expect_run("Transpose", &model, 12, 1, &w);
      else
        expect_folded("Transpose", &model, types[t].type, &w);
    }
}

static void test_gather(void) {
  const int64_t dims[] = {3, 2};
  static const int64_t at[] = {-3, 2, 0, -1};
  for (int t = 0; t < TYPES; t++)
    for (int bad = 0; bad < 3; bad++) {
      int64_t index[4];
      memcpy(index, at, sizeof at);
      if (bad) index[2] = bad == 1 ? 3 : INT64_MIN;
      wanted w = {
          .refused = bad != 0, .rank = 2, .dims = {4, 2}, .values = {1, 2, 5, 6, 1, 2, 5, 6}};
      make_graph g = {0};
      constant(&g, "x", t, dims, 2, 1);
      ints(&g, "i", index, 4);
      make_node(&g, "Gather", "pick", "x i", "y");
      make_int(&g, "axis", -2);
      make_output(&g, "y");
      wire model = make_model(&g, 13);
      expect_folded("Gather", &model, types[t].type, &w);
    }
}

/* Of every type; of nothing, which only constants can be; and what does not fit. */
static void test_repeats(void) {
  static const struct {
    const char *op;
    int64_t dims[2], list[2];
    wanted want;
  } cases[] = {
      {"Expand", {2, 1}, {2, 3}, {.rank = 2, .dims = {2, 3}, .values = {1, 1, 1, 2, 2, 2}}},
      {"Expand", {0, 1}, {1, 3}, {.rank = 2, .dims = {0, 3}}},
      {"Expand", {2, 1}, {3, 1}, {.refused = true}},
      {"Tile", {1, 2}, {2, 2}, {.rank = 2, .dims = {2, 4}, .values = {1, 2, 1, 2, 1, 2, 1, 2}}},
      {"Tile", {1, 2}, {0, 1}, {.rank = 2, .dims = {0, 2}}},
      {"Tile", {0, 2}, {3, 1}, {.rank = 2, .dims = {0, 2}}},
      {"Tile", {1, 2}, {-1, 1}, {.refused = true}},
  };
  for (int k = 0; k < (int)(sizeof cases / sizeof *cases); k++)
    for (int t = 0; t < TYPES; t++) {
      make_graph g = {0};
      constant(&g, "x", t, cases[k].dims, 2, 1);
      ints(&g, "list", cases[k].list, 2);
      make_node(&g, cases[k].op, "again", "x list", "y");
      make_output(&g, "y");
      wire model = make_model(&g, 13);
      expect_folded(cases[k].op, &model, types[t].type, &cases[k].want);
    }
}

static void test_views(void) {
  static const struct {
    const char *op;
    int64_t list[4];
    int count;
    int rank; /* -1: refused */
    int64_t dims[4];
  } cases[] = {{"Squeeze", {-4, -2}, 2, 2, {2, 3}},
               {"Squeeze", {1}, 1, -1, {0}},
               {"Squeeze", {-5}, 1, -1, {0}},
               {"Squeeze", {0, -4}, 2, -1, {0}},
               {"Reshape", {0, -1}, 2, 2, {1, 6}},
               {"Reshape", {3, 2}, 2, 2, {3, 2}},
               {"Reshape", {-1, -1}, 2, -1, {0}},
               {"Reshape", {4, -1}, 2, -1, {0}},
               {"Reshape", {INT64_MIN}, 1, -1, {0}},
               {"Reshape", {-2, -3}, 2, -1, {0}},
               {"Unsqueeze", {-1, 0}, 2, 6, {1, 1, 2, 1}},
               {"Unsqueeze", {0, -6}, 2, -1, {0}}};
  const int64_t dims[] = {1, 2, 1, 3}, unsqueezed[] = {1, 1, 2, 1, 3, 1};
  for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++)
    for (int t = -1; t < TYPES; t++) {
      wanted w = {.refused = cases[i].rank < 0, .rank = cases[i].rank};
      memcpy(w.dims, cases[i].dims, sizeof cases[i].dims);
      if (w.rank == 6) memcpy(w.dims, unsqueezed, sizeof unsqueezed);
      for (int k = 0; k < 6; k++) w.values[k] = 1 + k;
      make_graph g = {0};
      if (t < 0)
        make_input(&g, "x", 1, dims, 4);
      else
        constant(&g, "x", t, dims, 4, 1);
      ints(&g, "l", cases[i].list, cases[i].count);
      make_node(&g, cases[i].op, "view", "x l", "y");
      make_output(&g, "y");
      wire model = make_model(&g, 13);
      if (t < 0)
        expect_run(cases[i].op, &model, 6, 1, &w);
      else
        expect_folded(cases[i].op, &model, types[t].type, &w);
    }
}

/* ---- Arithmetic on integers ----------------------------------------------------------------- */

/* Sums over nothing, and over something; sizes of 1 stay and go. */
static void test_reduce(void) {
  static const struct {
    const char *op;
    int64_t size, keep, value;
  } cases[] = {{"ReduceSum", 0, 1, 0},   {"ReduceSum", 3, 0, 6}, {"ReduceProd", 0, 0, 1},
               {"ReduceProd", 4, 1, 24}, {"ReduceMax", 5, 0, 5}, {"ReduceMin", 5, 1, 1}};
  for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++)
    for (int t = 0; t < TYPES; t++) {
      if (types[t].type == 9) continue; /* no sums of bools */
      wanted w = {.rank = cases[i].keep ? 2 : 1, .dims = {1, 1}, .values = {cases[i].value}};
      make_graph g = {0};
      constant(&g, "x", t, (const int64_t[]){1, cases[i].size}, 2, 1);
      make_node(&g, cases[i].op, "sum", "x", "y");
      if (!strcmp(cases[i].op, "ReduceSum")) {
        g.node.size = 0;
        ints(&g, "a", &(int64_t){-1}, 1);
        make_node(&g, cases[i].op, "sum", "x a", "y");
      } else {
        make_ints(&g, "axes", &(int64_t){-1}, 1);
      }
      make_int(&g, "keepdims", cases[i].keep);
      make_output(&g, "y");
      wire model = make_model(&g, 13);
      expect_folded(cases[i].op, &model, types[t].type, &w);
    }
}

/* What no float holds: 2^53 + 1 and its like. */
static void test_large(void) {
  const int64_t a[] = {9007199254740993, INT64_MIN, 7}, b[] = {1, -1, 0};
  static const struct {
    const char *op;
    int64_t y[3];
    bool refused;
  } cases[] = {{"Add", {9007199254740994, INT64_MAX, 7}, false},
               {"Sub", {9007199254740992, INT64_MIN + 1, 7}, false},
               {"Mul", {9007199254740993, INT64_MIN, 0}, false},
               {"Max", {9007199254740993, -1, 7}, false},
               {"Min", {1, INT64_MIN, 0}, false},
               {"Div", {0}, true}, /* by 0 */
               {"Mod", {0}, true}};
  for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++) {
    make_graph g = {0};
    ints(&g, "a", a, 3);
    ints(&g, "b", b, 3);
    make_node(&g, cases[i].op, "op", "a b", "y");
    make_output(&g, "y");
    wire model = make_model(&g, 13);
    gcam_onnx *file = NULL;
    gcam_graph graph = {0};
    gcam_error err = {0};
    gcam_status status = gcam_onnx_open(&file, model.data, model.size, GCAM_COPY, &err);
    if (!status) status = gcam_onnx_import(file, NULL, &graph, &err);
    bool ok = cases[i].refused ? status == GCAM_ERR_MODEL : !status;
    for (int k = 0; ok && !status && k < 3; k++)
      ok = gcam_constant_int(&graph.values[graph.outputs[0]], k) == cases[i].y[k];
    if (ok)
      passed++;
    else
      fail(cases[i].op, "of large integers", err.text);
    gcam_graph_free(&graph);
    gcam_onnx_close(file);
    wire_free(&model);
  }
}

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "--seeds")) seed_folder = argv[2];
  ctx = gcam_context_create(1);
  if (!ctx) return 1;
  test_slice();
  test_split();
  test_pad();
  test_concat();
  test_transpose();
  test_gather();
  test_repeats();
  test_views();
  test_reduce();
  test_large();
  gcam_context_free(ctx);
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
