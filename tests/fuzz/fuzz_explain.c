/* fuzz_explain.c: any bytes as an ONNX file, all the way: loaded, planned, run, explained, and
 * asked again after whatever failed. Small networks only, so that many are tried. Seeds: those of
 * fuzz_onnx, and what `test_reader --seeds FOLDER` writes. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gradcam.h"

/* Larger networks cost time and show nothing that smaller ones do not. */
enum { MOST_INPUT = 4096, MOST_BYTES = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int ok) {
  if (!ok) abort();
}

static int said(gcam_context *ctx, gcam_status status) {
  expect(status == GCAM_OK || gcam_message(ctx)[0]);
  return status == GCAM_OK;
}

/* The input of the network, as values that repeat neither zeros nor a pattern. */
static int feed(gcam_context *ctx, gcam_model *net) {
  for (int k = 0; k < gcam_model_input_count(net); k++) {
    float values[MOST_INPUT];
    int dims[8], rank = gcam_model_shape(net, gcam_model_input_name(net, k), dims, 8);
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count = count > MOST_INPUT ? count : count * dims[i];
    if (rank < 0 || count > MOST_INPUT) return 0;
    for (int64_t i = 0; i < count; i++) values[i] = sinf((float)i * 12.9898f);
    if (!said(ctx, gcam_model_set_input(net, gcam_model_input_name(net, k), values, (size_t)count)))
      return 0;
  }
  return 1;
}

static void expect_finite(gcam_model *net) {
  size_t cells = (size_t)gcam_map_height(net) * (size_t)gcam_map_width(net);
  const float *map = gcam_map_data(net, 0);
  for (size_t i = 0; i < cells; i++) expect(isfinite(map[i]));
}

/* Every output as the head, with each activation, and by a cotangent of its own. */
static void explain_heads(gcam_context *ctx, gcam_model *net) {
  for (int o = 0; o < gcam_model_output_count(net) && o < 4; o++) {
    float values[MOST_INPUT];
    const char *name = gcam_model_output_name(net, o);
    int dims[8], rank = gcam_model_shape(net, name, dims, 8);
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count = count > MOST_INPUT ? count : count * dims[i];
    if (!said(ctx, gcam_model_set_head(net, name))) continue;
    gcam_activation activation = (gcam_activation)(count & 3);
    if (!said(ctx, gcam_model_set_activation(net, activation))) continue;
    int last = gcam_model_class_count(net) - 1;
    if (said(ctx, gcam_explain(net, "layercam", NULL, GCAM_SCORE_SOFTMAX, &last, 1)))
      expect_finite(net);
    if (count > MOST_INPUT) continue;
    for (int64_t i = 0; i < count; i++) values[i] = cosf((float)i * 78.233f);
    if (said(ctx, gcam_explain_cotangents(net, "gradcam", NULL, name, values, 1)))
      expect_finite(net);
  }
  said(ctx, gcam_model_set_head(net, NULL));
}

/* Tokens of a grid that the file may or may not have. */
static void explain_grids(gcam_context *ctx, gcam_model *net) {
  for (int size = 1; size < 5; size++)
    for (int skip = 0; skip < 2; skip++) {
      int last = gcam_model_class_count(net) - 1;
      if (!said(ctx, gcam_model_set_grid(net, size, 2, skip))) continue;
      if (said(ctx, gcam_explain(net, "ablationcam", NULL, GCAM_SCORE_LOGIT, &last, 1)))
        expect_finite(net);
    }
}

static void explain_all(gcam_context *ctx, gcam_model *net) {
  static const char *const methods[] = {"gradcam", "layercam", "eigencam", "gradientxinput"};
  int last = gcam_model_class_count(net) - 1;
  for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
    int layers = gcam_model_layer_count(net);
    for (int l = layers > 3 ? layers - 3 : 0; l < layers; l++) {
      const char *layer = gcam_model_layer_name(net, l);
      if (!said(ctx, gcam_explain(net, methods[m], layer, (gcam_score)(l & 1), &last, 1))) continue;
      expect_finite(net);
    }
  }
  explain_heads(ctx, net);
  explain_grids(ctx, net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  gcam_context *ctx = gcam_context_create(1);
  if (!ctx) return 0;
  gcam_model *net = gcam_model_create(ctx);
  if (net && said(ctx, gcam_model_load(net, data, size, GCAM_COPY)) &&
      !gcam_model_external_count(net) && said(ctx, gcam_model_finish(net)) &&
      gcam_model_weight_bytes(net) + gcam_model_activation_bytes(net) < MOST_BYTES &&
      feed(ctx, net) && said(ctx, gcam_model_forward(net)))
    explain_all(ctx, net);
  gcam_model_free(net);
  gcam_context_free(ctx);
  return 0;
}
