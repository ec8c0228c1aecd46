/* test_outputs.c: choosing outputs, and what is said of operators that are not known: through the
 * public functions alone. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "gradcam.h"
#include "support/onnx_writer.h"

static int passed, failed;
static gcam_context *ctx;

#define CHECK(condition) check(condition, #condition, __LINE__)

static bool check(bool ok, const char *what, int line) {
  if (ok)
    passed++;
  else
    failed++, printf("FAIL line %d: %s (\"%s\")\n", line, what, gcam_message(ctx));
  return ok;
}

static const int64_t X[] = {1, 2, 4, 4}, W[] = {3, 2, 1, 1};

/* x -> features -> scores, with a second output that only unknown operators make, and a third by an
 * operator that is known on constants alone. */
static wire two_heads(void) {
  static const float w[] = {1, 0, 0, 1, 1, 1};
  make_graph g = {0};
  make_input(&g, "x", 1, X, 4);
  make_input(&g, "ids", 7, X, 1); /* int64: the engine takes none, and nobody needs it */
  make_weight(&g, "w", 1, W, 4, w, sizeof w);
  make_node(&g, "Conv", "conv", "x w", "features");
  make_node(&g, "GlobalAveragePool", "pool", "features", "pooled");
  make_node(&g, "Flatten", "flat", "pooled", "scores");
  make_node(&g, "Mystery", "odd", "features", "m1");
  make_node(&g, "Mystery", "odd2", "m1", "m2");
  make_node(&g, "NonMaxSuppression", "nms", "m2 ids", "boxes");
  make_node(&g, "Range", "count", "scores scores scores", "range");
  make_output(&g, "boxes");
  make_output(&g, "scores");
  make_output(&g, "range");
  return make_model(&g, 13);
}

static gcam_model *load(const wire *model, const char *const *names, int count) {
  gcam_model *net = gcam_model_create(ctx);
  if (count) CHECK(gcam_model_set_outputs(net, names, count) == GCAM_OK);
  CHECK(gcam_model_load(net, model->data, model->size, GCAM_COPY) == GCAM_OK);
  return net;
}

static void test_refused(void) {
  wire model = two_heads();
  gcam_model *net = load(&model, NULL, 0);
  CHECK(gcam_model_output_count(net) == 3 && !strcmp(gcam_model_output_name(net, 2), "range"));
  CHECK(!gcam_model_output_name(net, 3) && !gcam_model_output_name(net, -1));
  CHECK(gcam_model_finish(net) == GCAM_ERR_UNSUPPORTED);
  const char *message = gcam_message(ctx);
  CHECK(strstr(message, "Mystery node 'odd' (opset 13), 2 times"));
  CHECK(strstr(message, "NonMaxSuppression node 'nms'"));
  CHECK(strstr(message, "Range node 'count' (known on constants alone)"));
  CHECK(strstr(message, "'scores' can be had without"));
  CHECK(!strstr(message, "'boxes'") && strlen(message) <= 300);
  int lines = 0;
  while (gcam_model_unsupported(net, lines)) lines++;
  CHECK(lines == 3 && !gcam_model_unsupported(net, -1));
  /* The object is empty again, and takes the same file with what it can have. */
  const char *wanted[] = {"scores"};
  CHECK(gcam_model_set_outputs(net, wanted, 1) == GCAM_OK);
  CHECK(gcam_model_load(net, model.data, model.size, GCAM_COPY) == GCAM_OK);
  CHECK(gcam_model_finish(net) == GCAM_OK && !gcam_model_unsupported(net, 0));
  gcam_model_free(net);
  wire_free(&model);
}

/* Many kinds of operators with long names: the message stays short, the list is whole. */
static void test_many(void) {
  char op[80], name[80], in[16] = "x", out[16];
  make_graph g = {0};
  make_input(&g, "x", 1, X, 4);
  for (int i = 0; i < 40; i++) {
    snprintf(op, sizeof op, "AnOperatorThatNobodyHasEverHeardOf%d", i);
    snprintf(name, sizeof name, "a/rather/long/name/as/exporters/write/them/%d", i);
    snprintf(out, sizeof out, "t%d", i);
    make_node(&g, op, name, in, out);
    strcpy(in, out);
  }
  make_output(&g, out);
  wire model = make_model(&g, 13);
  gcam_model *net = load(&model, NULL, 0);
  CHECK(gcam_model_finish(net) == GCAM_ERR_UNSUPPORTED);
  CHECK(strlen(gcam_message(ctx)) <= 300 && strstr(gcam_message(ctx), " more"));
  int lines = 0;
  while (gcam_model_unsupported(net, lines)) lines++;
  CHECK(lines == 40 && strstr(gcam_model_unsupported(net, 39), "HeardOf39"));
  gcam_model_free(net);
  wire_free(&model);
}

static void read_scores(gcam_model *net, const char *tensor, float *values, int n) {
  float x[32];
  for (int i = 0; i < 32; i++) x[i] = (float)i;
  CHECK(gcam_model_set_input(net, "x", x, 32) == GCAM_OK);
  CHECK(gcam_model_forward(net) == GCAM_OK);
  CHECK(gcam_model_read(net, tensor, values, (size_t)n) == GCAM_OK);
}

static void test_chosen(void) {
  wire model = two_heads();
  const char *wanted[] = {"scores"}, *cut[] = {"pooled", "features"};
  float values[3];
  gcam_model *net = load(&model, wanted, 1);
  CHECK(gcam_model_output_count(net) == 3); /* what the file has */
  CHECK(gcam_model_finish(net) == GCAM_OK);
  CHECK(gcam_model_output_count(net) == 1 && !strcmp(gcam_model_output_name(net, 0), "scores"));
  CHECK(gcam_model_input_count(net) == 1);
  read_scores(net, "scores", values, 3);
  CHECK(values[0] == 7.5f && values[1] == 23.5f && values[2] == 31); /* means of 0..15, 16..31 */
  CHECK(gcam_model_set_outputs(net, cut, 2) == GCAM_ERR_STATE);
  gcam_model_free(net);

  net = load(&model, NULL, 0); /* chosen after reading what there is; any tensor will do */
  CHECK(gcam_model_set_outputs(net, cut, 2) == GCAM_OK);
  CHECK(gcam_model_finish(net) == GCAM_OK);
  CHECK(gcam_model_output_count(net) == 2 && !strcmp(gcam_model_output_name(net, 0), "pooled"));
  int dims[6];
  CHECK(gcam_model_shape(net, "features", dims, 6) == 4 && dims[1] == 3 && dims[3] == 4);
  CHECK(gcam_model_shape(net, "scores", dims, 6) == -1); /* cut off */
  read_scores(net, "pooled", values, 3);
  CHECK(values[0] == 7.5f && values[2] == 31);
  gcam_model_free(net);
  wire_free(&model);
}

static void test_unknown_names(void) {
  wire model = two_heads();
  const char *odd[] = {"scores", "logits"}, *twice[] = {"scores", "scores"}, *input[] = {"x"};
  gcam_model *net = load(&model, NULL, 0);
  CHECK(gcam_model_set_outputs(net, odd, 2) == GCAM_ERR_ARGUMENT);
  CHECK(strstr(gcam_message(ctx),
               "'logits'; the outputs of the file are 'boxes', 'scores', 'range'"));
  CHECK(gcam_model_set_outputs(net, twice, 2) == GCAM_ERR_ARGUMENT);
  CHECK(gcam_model_set_outputs(net, input, 1) == GCAM_ERR_ARGUMENT);
  CHECK(gcam_model_set_outputs(net, odd, 1) == GCAM_OK); /* a failed call changed nothing */
  CHECK(gcam_model_finish(net) == GCAM_OK);
  gcam_model_free(net);
  net = gcam_model_create(ctx);
  CHECK(gcam_model_set_outputs(net, odd, 2) == GCAM_OK); /* nothing is known of the file yet */
  CHECK(gcam_model_load(net, model.data, model.size, GCAM_COPY) == GCAM_ERR_ARGUMENT);
  CHECK(gcam_model_set_outputs(net, NULL, 0) == GCAM_OK);
  CHECK(gcam_model_load(net, model.data, model.size, GCAM_COPY) == GCAM_OK);
  gcam_model_free(net);
  wire_free(&model);
}

/* A value inside a convolution's step: before its ReLU. */
static void test_inside(void) {
  static const float w[] = {1, -1};
  const char *wanted[] = {"features", "raw"};
  float values[16];
  make_graph g = {0};
  make_input(&g, "x", 1, X, 4);
  make_weight(&g, "w", 1, (const int64_t[]){1, 2, 1, 1}, 4, w, sizeof w);
  make_node(&g, "Conv", "conv", "x w", "raw");
  make_node(&g, "Relu", "relu", "raw", "features");
  make_node(&g, "Mystery", "odd", "features", "y");
  make_output(&g, "y");
  wire model = make_model(&g, 13);
  gcam_model *net = load(&model, wanted, 2);
  if (CHECK(gcam_model_finish(net) == GCAM_OK)) {
    read_scores(net, "raw", values, 16);
    CHECK(values[0] == -16 && values[15] == -16);
    CHECK(gcam_model_read(net, "features", values, 16) == GCAM_OK && values[0] == 0);
  }
  gcam_model_free(net);
  wire_free(&model);
}

/* Memory that fails leaves the outputs as they were chosen before. */
static void test_memory(void) {
  static char many[1500][64];
  static const char *names[1500];
  const char *wanted[] = {"scores"};
  wire model = two_heads();
  for (int i = 0; i < 1500; i++) {
    snprintf(many[i], sizeof many[i], "a name that takes some room in memory, number %d", i);
    names[i] = many[i];
  }
  for (int nth = 1;; nth++) {
    gcam_model *net = gcam_model_create(ctx);
    CHECK(gcam_model_set_outputs(net, wanted, 1) == GCAM_OK);
    int64_t before = gcam_memory_requests();
    gcam_memory_fail_at(nth);
    gcam_status status = gcam_model_set_outputs(net, names, 1500);
    gcam_memory_fail_at(0);
    bool reached = gcam_memory_requests() - before >= nth;
    if (reached) {
      CHECK(status == GCAM_ERR_MEMORY && gcam_message(ctx)[0]);
      CHECK(gcam_model_load(net, model.data, model.size, GCAM_COPY) == GCAM_OK);
      CHECK(gcam_model_finish(net) == GCAM_OK && gcam_model_output_count(net) == 1);
    } else {
      CHECK(nth > 1);
    }
    gcam_model_free(net);
    if (!reached) break;
  }
  wire_free(&model);
}

static void test_operators(void) {
  bool conv = false, folded = false;
  int n = gcam_operator_count();
  for (int i = 0; i < n; i++) {
    conv = conv || (!strcmp(gcam_operator_name(i), "Conv") && !gcam_operator_constant(i));
    folded = folded || (!strcmp(gcam_operator_name(i), "Range") && gcam_operator_constant(i));
    for (int j = 0; j < i; j++)
      if (!strcmp(gcam_operator_name(i), gcam_operator_name(j))) CHECK(!"an operator twice");
  }
  CHECK(conv && folded && !gcam_operator_name(n) && !gcam_operator_name(-1));
}

int main(void) {
  ctx = gcam_context_create(1);
  if (!ctx) return 1;
  test_refused();
  test_many();
  test_chosen();
  test_unknown_names();
  test_inside();
  test_memory();
  test_operators();
  gcam_context_free(ctx);
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
