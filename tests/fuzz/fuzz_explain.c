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

static void explain_all(gcam_context *ctx, gcam_model *net) {
  static const char *const methods[] = {"gradcam", "layercam", "eigencam", "gradientxinput"};
  int last = gcam_model_class_count(net) - 1;
  for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
    int layers = gcam_model_layer_count(net);
    for (int l = layers > 3 ? layers - 3 : 0; l < layers; l++) {
      const char *layer = gcam_model_layer_name(net, l);
      if (!said(ctx, gcam_explain(net, methods[m], layer, (gcam_score)(l & 1), &last, 1))) continue;
      size_t cells = (size_t)gcam_map_height(net) * (size_t)gcam_map_width(net);
      const float *map = gcam_map_data(net, 0);
      for (size_t i = 0; i < cells; i++) expect(isfinite(map[i]));
    }
  }
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
