/* test_networks.c: real ImageNet networks on real photos, natively, against float64 PyTorch:
 * ../shared/data/golden/golden.json (made by the script beside it).
 *
 * Given the same pixels: the same top-5, probabilities within 1e-4, maps within 1e-3 of their
 * maximum, or 10 x the error that float32 PyTorch itself has, where that is larger. Every
 * combination of precision and threads; under sanitizers, which are slow, a part of them. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gradcam.h"
#include "support/files.h"
#include "support/json.h"
#include "support/slow_build.h"

static int passed, failed, skipped;

static void check(int ok, const char *what, const char *model, const char *photo, double value,
                  double limit) {
  if (ok)
    passed++;
  else
    failed++;
  if (!ok) printf("FAIL %s %s %s: %g, allowed %g\n", model, photo, what, value, limit);
}

static gcam_preprocess preprocess_of(const json *input) {
  const char *order = json_text(input, "order");
  gcam_preprocess pre = {.resize = GCAM_BILINEAR,
                         .order = !strcmp(order, "RGB")   ? GCAM_RGB
                                  : !strcmp(order, "BGR") ? GCAM_BGR
                                                          : GCAM_GREY};
  for (int i = 0; i < 3; i++) {
    const json *mean = json_at(json_get(input, "mean"), i), *std = json_at(json_get(input, "std"), i);
    pre.mean[i] = mean ? (float)mean->number : 0;
    pre.std[i] = std ? (float)std->number : 1;
  }
  return pre;
}

static const char *tensor_of(const json *model, const char *layer) {
  for (const json *l = json_get(model, "layers")->first; l; l = l->next)
    if (!strcmp(json_text(l, "name"), layer)) return json_text(l, "onnx_tensor");
  return NULL;
}

static void check_maps(gcam_context *ctx, gcam_model *net, const json *model, const json *entry) {
  const char *name = json_text(model, "model"), *photo = json_text(entry, "photo");
  for (const json *m = json_get(entry, "maps")->first; m; m = m->next) {
    char what[200];
    int id = (int)json_number(m, "class");
    const char *score = json_text(m, "score"), *layer = tensor_of(model, json_text(m, "layer"));
    snprintf(what, sizeof what, "map %s class %d %s", json_text(m, "layer"), id, score);
    if (gcam_explain(net, "gradcam", layer,
                     strcmp(score, "logit") ? GCAM_SCORE_SOFTMAX : GCAM_SCORE_LOGIT, &id, 1)) {
      printf("%s\n", gcam_message(ctx));
      check(0, what, name, photo, 0, 0);
      continue;
    }
    const float *map = gcam_map_data(net, 0);
    double largest = 0, error = 0;
    const json *want = json_get(m, "map")->first;
    for (int i = 0; want; want = want->next, i++) {
      double got = map[i] > 0 ? map[i] : 0;
      largest = fmax(largest, fabs(want->number));
      error = fmax(error, fabs(got - want->number));
    }
    double allowed = fmax(1e-3, 10 * json_number(m, "float32_error"));
    check(error <= allowed * largest, what, name, photo, error / largest, allowed);
  }
}

static void check_photo(gcam_context *ctx, gcam_model *net, const json *model, const json *entry) {
  const char *name = json_text(model, "model"), *photo = json_text(entry, "photo");
  char path[400], base[100];
  size_t size = 0;
  snprintf(base, sizeof base, "%s", photo);
  if (strchr(base, '.')) *strchr(base, '.') = 0;
  snprintf(path, sizeof path, "%s/data/golden/decoded/%s.png", shared_folder(), base);
  void *bytes = read_file(path, &size);
  if (!bytes) { /* both.png is a PNG as it is */
    snprintf(path, sizeof path, "%s/data/photos/%s.png", shared_folder(), base);
    bytes = read_file(path, &size);
  }
  if (!bytes) return; /* zebra.jpg has no decoded form; the JPEG test covers it */
  gcam_image *image = gcam_image_decode(ctx, bytes, size);
  free(bytes);
  gcam_preprocess pre = preprocess_of(json_get(model, "input"));
  if (!image || gcam_model_set_image(net, image, &pre) || gcam_model_forward(net)) {
    printf("%s\n", gcam_message(ctx));
    check(0, "forward", name, photo, 0, 0);
    gcam_image_free(image);
    return;
  }
  int ids[5];
  float scores[5], probabilities[5];
  int n = gcam_model_top(net, 5, ids, scores, probabilities), i = 0;
  for (const json *t = json_get(entry, "top5")->first; t && i < n; t = t->next, i++) {
    double error = fabs(probabilities[i] - json_number(t, "probability"));
    check(ids[i] == (int)json_number(t, "class"), "class of the top 5", name, photo, ids[i],
          json_number(t, "class"));
    check(error <= 1e-4, "probability", name, photo, error, 1e-4);
  }
  check_maps(ctx, net, model, entry);
  gcam_image_free(image);
}

static void check_model(const json *model, gcam_precision precision, int threads) {
  const char *name = json_text(model, "model"), *file = json_text(model, "onnx");
  char path[400];
  size_t size = 0;
  int before = failed;
  if (!file) return;
  snprintf(path, sizeof path, "%s/data/%s", shared_folder(), file);
  void *onnx = read_file(path, &size);
  gcam_context *ctx = gcam_context_create(threads);
  gcam_model *net = gcam_model_create(ctx);
  gcam_model_set_precision(net, precision);
  if (gcam_model_load(net, onnx, size, GCAM_TAKE) || gcam_model_finish(net)) {
    printf("%s: %s\n", name, gcam_message(ctx));
    failed++;
  } else {
    const char *standard = gcam_model_layer_name(net, gcam_model_default_layer(net));
    const char *last = json_text(json_at(json_get(model, "layers"), 0), "onnx_tensor");
    check(!strcmp(standard, last), standard, name, "default layer", 0, 0);
    int photos = 0;
    for (const json *e = json_get(model, "photos")->first; e; e = e->next)
      if (!SLOW_BUILD || photos++ < 1) check_photo(ctx, net, model, e);
  }
  gcam_model_free(net);
  gcam_context_free(ctx);
  printf("%-22s precision %d, %d thread%s: %s\n", name, (int)precision, threads,
         threads > 1 ? "s" : "", failed == before ? "as PyTorch" : "DIFFERS");
}

int main(void) {
  char path[400];
  size_t size = 0;
  snprintf(path, sizeof path, "%s/data/golden/golden.json", shared_folder());
  char *text = read_file(path, &size);
  if (!text) {
    printf("SKIPPED: no reference numbers at %s\n", path);
    skipped++;
  } else {
    json *golden = json_parse(text);
    const json *models = json_get(json_get(golden, "reference"), "models");
    for (const json *m = models ? models->first : NULL; m; m = m->next)
      for (int precision = GCAM_FAST; precision <= GCAM_PLAIN; precision++)
        for (int threads = 1; threads <= 2; threads++) {
          /* the plain loops know no threads; under sanitizers they take minutes */
          bool plain = precision == GCAM_PLAIN, small = strstr(json_text(m, "model"), "fer2013");
          if (plain && (threads > 1 || (SLOW_BUILD && !small))) continue;
          if (SLOW_BUILD && !plain && threads == 1) continue;
          check_model(m, (gcam_precision)precision, threads);
        }
    if (!models) failed++;
    json_free(golden);
    free(text);
  }
  printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed != 0;
}
