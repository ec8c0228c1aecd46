/* test_targets.c: layers that are tokens, heads of every kind and targets that are cotangents,
 * against PyTorch (tests/golden/targets.json, made by make_targets.py beside it); what is said
 * where there is nothing to explain; and that a failed allocation costs nothing but the answer. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "cam/head.h"
#include "gradcam.h"
#include "support/files.h"
#include "support/json.h"
#include "support/onnx_writer.h"

static int passed, failed;
static gcam_context *ctx;

static void check(bool ok, const char *network, const char *what, double value) {
  if (ok)
    passed++;
  else
    failed++;
  if (!ok) printf("FAIL %s: %s: %g (%s)\n", network, what, value, gcam_message(ctx));
}

static float *floats_of(const json *list, int *count) {
  *count = json_count(list);
  float *values = malloc((size_t)(*count + 1) * sizeof *values);
  int i = 0;
  for (const json *v = list ? list->first : NULL; v; v = v->next) values[i++] = (float)v->number;
  return values;
}

/* Largest difference, as a part of the largest value. */
static double apart(const float *got, const float *want, int count) {
  double error = 0, largest = 0;
  for (int i = 0; i < count; i++) {
    error = fmax(error, fabs((double)got[i] - want[i]));
    largest = fmax(largest, fabs((double)want[i]));
    if (isnan(got[i]) && !isnan(want[i])) return INFINITY;
  }
  return largest > 0 ? error / largest : error;
}

static const json *golden;

static gcam_model *load(const char *name) {
  char path[200];
  size_t size = 0;
  int count;
  snprintf(path, sizeof path, "tests/golden/targets/%s.onnx", name);
  void *onnx = read_file(path, &size);
  gcam_model *net = gcam_model_create(ctx);
  float *x = floats_of(json_get(json_get(golden, name), "input"), &count);
  bool ok = onnx && !gcam_model_load(net, onnx, size, GCAM_TAKE) && !gcam_model_finish(net) &&
            !gcam_model_set_input(net, NULL, x, (size_t)count) && !gcam_model_forward(net);
  free(x);
  if (!ok) {
    printf("FAIL %s: %s\n", name, onnx ? gcam_message(ctx) : "no file: run from the root");
    exit(1);
  }
  return net;
}

/* ---- Values --------------------------------------------------------------------------------- */

static gcam_status explain_entry(gcam_model *net, const json *entry) {
  const char *method = json_text(entry, "method"), *layer = json_text(entry, "layer");
  if (json_get(entry, "cotangent")) {
    int count;
    float *cotangent = floats_of(json_get(entry, "cotangent"), &count);
    gcam_status status =
        gcam_explain_cotangents(net, method, layer, json_text(entry, "output"), cotangent, 1);
    free(cotangent);
    return status;
  }
  float *weights = calloc((size_t)gcam_model_class_count(net) + 1, sizeof *weights);
  for (const json *w = json_get(entry, "weights")->first; w; w = w->next)
    weights[atoi(w->key)] = (float)w->number;
  bool logit = !strcmp(json_text(entry, "score"), "logit");
  gcam_status status = gcam_explain_targets(
      net, method, layer, logit ? GCAM_SCORE_LOGIT : GCAM_SCORE_SOFTMAX, weights, 1);
  free(weights);
  return status;
}

static void check_maps(gcam_model *net, const char *name) {
  const json *network = json_get(golden, name);
  for (const json *e = json_get(network, "maps")->first; e; e = e->next) {
    char what[200];
    const char *layer = json_text(e, "layer");
    snprintf(what, sizeof what, "%s at %s", json_text(e, "method"), layer ? layer : "default");
    if (explain_entry(net, e)) {
      check(false, name, what, 0);
      continue;
    }
    int count;
    float *want = floats_of(json_get(e, "map"), &count);
    int H = gcam_map_height(net), W = gcam_map_width(net);
    bool size = H == (int)json_number(e, "H") && W == (int)json_number(e, "W");
    check(size, name, "the map's size", H);
    double error = size ? apart(gcam_map_data(net, 0), want, count) : INFINITY;
    check(error < 1e-4, name, what, error);
    free(want);
  }
}

static void check_outputs(gcam_model *net, const char *name) {
  for (const json *o = json_get(json_get(golden, name), "outputs")->first; o; o = o->next) {
    int count, dims[6];
    if (gcam_model_shape(net, o->key, dims, 6) < 0) continue; /* fused away */
    float *want = floats_of(o, &count), *got = malloc((size_t)count * sizeof *got);
    check(!gcam_model_read(net, o->key, got, (size_t)count), name, o->key, 0);
    check(apart(got, want, count) < 1e-4, name, o->key, apart(got, want, count));
    free(want);
    free(got);
  }
}

static void check_layers(gcam_model *net, const char *name) {
  const json *list = json_get(json_get(golden, name), "layers");
  const json *grid = json_get(json_get(golden, name), "grid");
  for (const json *l = list ? list->first : NULL; l; l = l->next) {
    int at = gcam_model_find_layer(net, json_text(l, "name"));
    check(at >= 0, name, json_text(l, "name"), at);
    if (at >= 0 && json_get(l, "standard"))
      check(at == gcam_model_default_layer(net), name,
            gcam_model_layer_name(net, gcam_model_default_layer(net)), at);
    if (at < 0 || !grid) continue;
    check(gcam_model_layer_height(net, at) == (int)json_at(grid, 0)->number &&
              gcam_model_layer_width(net, at) == (int)json_at(grid, 1)->number &&
              gcam_model_layer_skip(net, at) == (int)json_at(grid, 2)->number,
          name, "the grid's size", gcam_model_layer_height(net, at));
  }
}

static gcam_model *check_network(const char *name) {
  gcam_model *net = load(name);
  check_layers(net, name);
  check_outputs(net, name);
  check_maps(net, name);
  return net;
}

static bool warned(gcam_model *net, const char *warning) {
  for (int i = 0; i < gcam_warning_count(net); i++)
    if (!strcmp(gcam_warning_name(net, i), warning)) return true;
  return false;
}

static bool says(const char *words) { return strstr(gcam_message(ctx), words) != NULL; }

/* ---- Tokens --------------------------------------------------------------------------------- */

static void tokens(void) {
  gcam_model *net = check_network("transformer");
  const char *name = "transformer";
  float one[] = {0, 1, 0, 0};
  int layers = gcam_model_layer_count(net);
  check(!gcam_explain_targets(net, NULL, "x2", GCAM_SCORE_LOGIT, one, 1), name, "behind", 0);
  check(warned(net, "zero-gradient"), name, "behind the last attention nothing counts", 0);
  check(gcam_explain_targets(net, "cam", NULL, GCAM_SCORE_LOGIT, one, 1) == GCAM_ERR_UNSUPPORTED,
        name, "no CAM where one token is read", 0);
  /* said by the caller: the same grid turned, and none that fits */
  check(!gcam_model_set_grid(net, 3, 2, 1), name, "a grid can be said", 0);
  check(gcam_model_layer_count(net) == layers, name, "as many layers", layers);
  check(!gcam_explain_targets(net, NULL, NULL, GCAM_SCORE_LOGIT, one, 1), name, "turned", 0);
  check(gcam_map_height(net) == 3 && gcam_map_width(net) == 2, name, "its size", 0);
  check(gcam_model_set_grid(net, 5, 5, 0) == GCAM_ERR_ARGUMENT && says("25 tokens"), name,
        "a grid of no tensor", 0);
  check(gcam_model_set_grid(net, -1, 7, 0) == GCAM_ERR_ARGUMENT, name, "no size", 0);
  check(gcam_map_count(net) == 1, name, "a refused grid changes nothing", 0);
  check(!gcam_model_set_grid(net, 0, 0, 0), name, "found again", 0);
  check_layers(net, name);
  gcam_model_free(net);
  gcam_model_free(check_network("transformer_pooled"));
  gcam_model_free(check_network("transformer_attention"));
}

/* ---- Heads ---------------------------------------------------------------------------------- */

static void one_sigmoid(void) {
  const char *name = "one_sigmoid";
  gcam_model *net = check_network(name);
  float scores[2], p[2];
  int ids[5];
  check(gcam_model_class_count(net) == 2, name, "two classes", gcam_model_class_count(net));
  check(gcam_model_activation(net) == GCAM_ACTIVATION_SIGMOID, name, "sigmoid", 0);
  check(!gcam_model_scores(net, scores, p), name, "scores", 0);
  check(scores[0] == -scores[1], name, "the first's score is the negative", scores[0]);
  check(fabsf(p[0] + p[1] - 1) < 1e-6f, name, "probabilities", p[0] + p[1]);
  float want =
      (float)json_at(json_get(json_get(json_get(golden, name), "outputs"), "y"), 0)->number;
  check(fabsf(p[1] - want) < 1e-5f, name, "the unit is the second class", p[1]);
  check(gcam_model_top(net, 5, ids, scores, p) == 2, name, "top", 0);
  check(ids[0] == (want > 0.5f), name, "the best", ids[0]);
  gcam_model_free(net);
}

static void several_labels(void) {
  const char *name = "labels";
  gcam_model *net = load(name);
  const json *of = json_get(golden, name);
  float p[5], *want;
  int n, at = gcam_model_class_count(net);
  check(at == 5, name, "classes", at);
  want = floats_of(json_get(of, "softmax"), &n);
  check(!gcam_model_scores(net, NULL, p) && apart(p, want, n) < 1e-4, name, "softmax by itself",
        apart(p, want, n));
  free(want);
  check(!gcam_model_set_activation(net, GCAM_ACTIVATION_SIGMOID), name, "sigmoid", 0);
  want = floats_of(json_get(of, "sigmoid"), &n);
  check(!gcam_model_scores(net, NULL, p) && apart(p, want, n) < 1e-4, name, "several labels",
        apart(p, want, n));
  free(want);
  check_maps(net, name);
  check(!gcam_model_set_activation(net, GCAM_ACTIVATION_NONE), name, "none", 0);
  check(!gcam_model_scores(net, NULL, p) && isnan(p[0]), name, "no probability", p[0]);
  check(gcam_model_set_activation(net, (gcam_activation)4) == GCAM_ERR_ARGUMENT, name, "4", 0);
  gcam_model_free(net);
}

static void value(void) {
  const char *name = "value";
  gcam_model *net = check_network(name);
  float score, p[2];
  int id, zero = 0;
  check(gcam_model_activation(net) == GCAM_ACTIVATION_NONE, name, "a value", 0);
  check(gcam_model_class_count(net) == 1, name, "one number", gcam_model_class_count(net));
  check(gcam_model_top(net, 3, &id, &score, p) == 1 && isnan(p[0]), name, "no probability", p[0]);
  check(gcam_explain(net, NULL, NULL, GCAM_SCORE_SOFTMAX, &zero, 1) == GCAM_ERR_ARGUMENT &&
            says("without a probability"),
        name, "no score softmax", 0);
  check(!gcam_model_set_activation(net, GCAM_ACTIVATION_SIGMOID), name, "a logit after all", 0);
  check(gcam_model_class_count(net) == 2, name, "then two classes", gcam_model_class_count(net));
  check(!gcam_model_scores(net, p, NULL) && p[1] == score, name, "the unit is the second", p[1]);
  gcam_model_free(net);
}

static void no_row(void) {
  gcam_model *net = check_network("segmentation");
  const char *name = "segmentation";
  int zero = 0;
  float none = 5, ct[3 * 36];
  check(gcam_model_head_is_picture(net), name, "a picture", 0);
  check(gcam_model_class_count(net) == 0, name, "no classes", gcam_model_class_count(net));
  check(!gcam_model_scores(net, &none, NULL) && none == 5, name, "no scores", none);
  check(gcam_explain(net, NULL, NULL, GCAM_SCORE_LOGIT, &zero, 1) == GCAM_ERR_UNSUPPORTED &&
            says("is a picture of 6x6 with 3 channels"),
        name, "classes of a picture", 0);
  check(strlen(gcam_message(ctx)) <= 300, name, "in few words", 0);
  for (int i = 0; i < 3 * 36; i++) ct[i] = i == 40;
  check(!gcam_explain_cotangents(net, NULL, NULL, NULL, ct, 1), name, "NULL: the head", 0);
  check(gcam_explain_cotangents(net, "finercam", NULL, NULL, ct, 1) == GCAM_ERR_ARGUMENT, name,
        "no contrast of classes", 0);
  check(gcam_explain_cotangents(net, NULL, NULL, "z", ct, 1) == GCAM_ERR_ARGUMENT, name,
        "no such output", 0);
  ct[7] = NAN;
  check(gcam_explain_cotangents(net, NULL, NULL, NULL, ct, 1) == GCAM_ERR_ARGUMENT, name,
        "not a number", 0);
  ct[7] = 0;
  gcam_task *task = gcam_task_create_cotangents(net, "occlusion", NULL, "y", ct, 1);
  check(task != NULL, name, "a task", 0);
  while (task && gcam_task_done(task) < gcam_task_total(task) && !gcam_task_step(task)) continue;
  gcam_task_free(task);
  check(gcam_map_height(net) == 6 && gcam_map_data(net, 0)[4] != 0, name, "by many forwards", 0);
  gcam_model_free(net);

  net = check_network("turned");
  check(gcam_model_class_count(net) == 0, "turned", "no classes", 0);
  check(gcam_explain(net, NULL, NULL, GCAM_SCORE_LOGIT, &zero, 1) == GCAM_ERR_UNSUPPORTED &&
            says("not one row of classes"),
        "turned", "no row", 0);
  gcam_model_free(net);
}

static void two_outputs(void) {
  const char *name = "features_first";
  gcam_model *net = check_network(name);
  check(gcam_model_head(net) == 1, name, "the logits, not the features", gcam_model_head(net));
  check(gcam_model_class_count(net) == 3, name, "classes", gcam_model_class_count(net));
  check(!gcam_model_set_head(net, "features"), name, "the features can be chosen", 0);
  check(gcam_model_class_count(net) == 6, name, "they are six", gcam_model_class_count(net));
  check(gcam_model_set_head(net, "feature") == GCAM_ERR_ARGUMENT && says("the first is 'features'"),
        name, "no such output", 0);
  check(gcam_model_class_count(net) == 6, name, "a refusal changes nothing", 0);
  check(!gcam_model_set_head(net, NULL) && gcam_model_head(net) == 1, name, "by itself", 0);
  gcam_model_free(net);
}

static void guided(void) {
  const char *name = "silu";
  gcam_model *net = check_network(name);
  check(warned(net, "nothing-to-guide"), name, "said that there was nothing to guide", 0);
  check(gcam_warning_count(net) == 1, name, "once", gcam_warning_count(net));
  gcam_model_free(net);
  net = load("gem"); /* has a ReLU */
  int zero = 0;
  check(!gcam_explain(net, "guided", NULL, GCAM_SCORE_LOGIT, &zero, 1), "gem", "guided", 0);
  check(!warned(net, "nothing-to-guide"), "gem", "there was something to guide", 0);
  gcam_model_free(net);
}

/* ---- Warnings ------------------------------------------------------------------------------- */

static void warnings(void) {
  gcam_model *net = load("labels");
  float x[3 * 36];
  int ids[] = {0, 1};
  gcam_model_set_option(net, "smooth", 40);
  gcam_model_set_option(net, "steps", 1);
  gcam_model_set_option(net, "noise", 3);
  check(!gcam_explain(net, "integrated", NULL, GCAM_SCORE_SOFTMAX, ids, 2), "labels", "noisy", 0);
  check(warned(net, "incomplete") && gcam_warning_count(net) <= 4, "labels",
        "each warning is told once, not for each copy", gcam_warning_count(net));
  gcam_model_set_option(net, "smooth", 0);
  for (int i = 0; i < 3 * 36; i++) x[i] = i == 50 ? NAN : 1;
  gcam_model_set_input(net, NULL, x, 3 * 36);
  gcam_model_forward(net);
  check(warned(net, "non-finite-scores"), "labels", "scores of NaN", 0);
  for (int fused = 0; fused < 2; fused++) {
    check(!gcam_explain(net, "hirescam", fused ? "c,layer" : "c", GCAM_SCORE_LOGIT, ids, 1),
          "labels", "explained", 0);
    check(gcam_map_data(net, 0)[0] == 0, "labels", "no NaN leaves", gcam_map_data(net, 0)[0]);
    check(warned(net, "non-finite"), "labels", "and it is said", fused);
  }
  gcam_model_free(net);
}

/* ---- Arithmetic of scores ------------------------------------------------------------------- */

/* Several classes under a softmax: sum over i of p_i (w_j - w_i), by its definition, in long
 * double. */
static void softmax_precision(void) {
  enum { N = 7 };
  static const float logits[][N] = {{60, 0, 1, -2, 3, 0.5f, 0},
                                    {0, 0, 0, 0, 0, 0, 0},
                                    {-80, 80, 79, -3, 2, 1, 0},
                                    {30, 30, -30, 1, 2, 3, 4}};
  static const float weights[][N] = {{1, 2, 0, 0, 0, 0, 0},    {1, -1, 0, 0, 0, 0, 0},
                                     {1, 1, 1, 0, 0, 0, 0},    {3, 0, -2, 0.5f, 0.5f, 0, 1},
                                     {1, 1, 1, 1, 1, 1, 1.5f}, {0, 1, 1, 0, 0, 0, 0}};
  gcam_head head = {.units = N, .classes = N, .activation = GCAM_ACTIVATION_SOFTMAX};
  for (size_t l = 0; l < sizeof logits / sizeof *logits; l++)
    for (size_t w = 0; w < sizeof weights / sizeof *weights; w++) {
      long double e[N], sum = 0, most = -INFINITY, exact[N];
      float got[N];
      double scale, error = 0;
      gcam_error err = {0};
      for (int i = 0; i < N; i++) most = fmaxl(most, logits[l][i]);
      for (int i = 0; i < N; i++) sum += e[i] = expl(logits[l][i] - most);
      for (int j = 0; j < N; j++) {
        exact[j] = 0;
        for (int i = 0; i < N; i++)
          exact[j] += e[i] / sum * ((long double)weights[w][j] - weights[w][i]);
        exact[j] *= e[j] / sum;
      }
      gcam_head_cotangent(&head, GCAM_SCORE_SOFTMAX, logits[l], weights[w], got, &scale, &err);
      for (int j = 0; j < N; j++) { /* to digits of each, not of the largest */
        long double have = (long double)got[j] * scale, size = fabsl(exact[j]);
        if (size > 1e-30L * scale) error = fmax(error, (double)(fabsl(have - exact[j]) / size));
      }
      check(error < 1e-6, "softmax", "every digit of a sum of classes", error);
    }
}

/* Quadratic work would take a minute. */
static void softmax_cost(void) {
  enum { N = 200000 };
  float *logits = malloc(N * sizeof *logits), *weights = malloc(N * sizeof *weights);
  float *cotangent = malloc(N * sizeof *cotangent);
  gcam_head head = {.units = N, .classes = N, .activation = GCAM_ACTIVATION_SOFTMAX};
  gcam_error err = {0};
  double scale, sum = 0, size = 0;
  for (int i = 0; i < N; i++) {
    logits[i] = (float)sin(i * 12.9898);
    weights[i] = (float)cos(i * 78.233);
  }
  clock_t start = clock();
  check(!gcam_head_cotangent(&head, GCAM_SCORE_SOFTMAX, logits, weights, cotangent, &scale, &err),
        "softmax", "200,000 classes", 0);
  double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
  check(seconds < 5, "softmax", "seconds for 200,000 weighed classes", seconds);
  for (int i = 0; i < N; i++) {
    sum += cotangent[i];
    size += fabs((double)cotangent[i]);
  }
  check(fabs(sum) < 1e-6 * size, "softmax", "probabilities sum to 1, their gradient to 0", sum);
  free(logits);
  free(weights);
  free(cotangent);
}

/* ---- The input ------------------------------------------------------------------------------ */

static gcam_model *load_made(make_graph *g, int opset) {
  wire file = make_model(g, opset);
  gcam_model *net = gcam_model_create(ctx);
  check(!gcam_model_load(net, file.data, file.size, GCAM_COPY) && !gcam_model_finish(net), "made",
        "loaded", 0);
  wire_free(&file);
  return net;
}

/* A convolution reads 11 channels of a picture 6 high and 1 wide: no grey picture of 11 x 6. */
static void narrow_input(void) {
  const int64_t x[] = {1, 11, 6, 1}, w[] = {2, 11, 3, 1}, pads[] = {1, 0, 1, 0};
  float weights[2 * 11 * 3], values[66];
  int one = 1;
  make_graph g = {0};
  for (int i = 0; i < 66; i++) weights[i] = sinf((float)i), values[i] = cosf((float)i);
  make_input(&g, "x", 1, x, 4);
  make_weight(&g, "w", 1, w, 4, weights, sizeof weights);
  make_node(&g, "Conv", "conv", "x w", "layer");
  make_ints(&g, "pads", pads, 4);
  make_node(&g, "GlobalAveragePool", "pool", "layer", "p");
  make_node(&g, "Flatten", "flat", "p", "y");
  make_output(&g, "y");
  gcam_model *net = load_made(&g, 13);
  check(!gcam_model_set_input(net, NULL, values, 66) && !gcam_model_forward(net), "narrow", "run",
        0);
  check(!gcam_explain(net, "gradient", NULL, GCAM_SCORE_LOGIT, &one, 1), "narrow", "explained", 0);
  check(gcam_map_height(net) == 6 && gcam_map_width(net) == 1, "narrow", "6 x 1",
        gcam_map_height(net));
  check(gcam_map_channels(net) == 11, "narrow", "11 channels", gcam_map_channels(net));
  uint8_t rgba[11 * 6 * 4] = {0};
  gcam_image *image = gcam_image_from_rgba(ctx, rgba, 6, 11);
  gcam_preprocess pre = {.order = GCAM_GREY, .std = {1, 1, 1, 1}};
  check(gcam_model_set_image(net, image, &pre) != GCAM_OK, "narrow", "no grey picture", 0);
  gcam_image_free(image);
  gcam_model_free(net);
}

/* Nothing has height and width: what can be asked for is said. */
static void no_layer(void) {
  const int64_t x[] = {1, 3, 2, 2}, w[] = {12, 2};
  float weights[24], values[12];
  int one = 1;
  make_graph g = {0};
  for (int i = 0; i < 24; i++) weights[i] = sinf((float)i), values[i / 2] = cosf((float)i);
  make_input(&g, "x", 1, x, 4);
  make_weight(&g, "w", 1, w, 2, weights, sizeof weights);
  make_node(&g, "Flatten", "flat", "x", "f");
  make_node(&g, "Gemm", "dense", "f w", "y");
  make_output(&g, "y");
  gcam_model *net = load_made(&g, 13);
  check(!gcam_model_set_input(net, NULL, values, 12) && !gcam_model_forward(net), "no layer", "run",
        0);
  check(gcam_explain(net, "gradcam", NULL, GCAM_SCORE_LOGIT, &one, 1) != GCAM_OK, "no layer",
        "refused", 0);
  check(strstr(gcam_message(ctx), "use gradient, occlusion or rise") != NULL, "no layer",
        "says what to do", 0);
  check(!gcam_explain(net, "gradient", NULL, GCAM_SCORE_LOGIT, &one, 1), "no layer", "explained",
        0);
  gcam_model_free(net);
}

/* N, H, W, C with four channels, which nobody could guess: maps lie as the picture was laid. */
static void four_channels_last(void) {
  const int64_t x[] = {1, 5, 6, 4}, w[] = {2, 4, 1, 1}, turn[] = {0, 3, 1, 2};
  float weights[8];
  int one = 1;
  make_graph g = {0};
  for (int i = 0; i < 8; i++) weights[i] = sinf((float)i + 1);
  make_input(&g, "x", 1, x, 4);
  make_weight(&g, "w", 1, w, 4, weights, sizeof weights);
  make_node(&g, "Transpose", "turn", "x", "t");
  make_ints(&g, "perm", turn, 4);
  make_node(&g, "Conv", "conv", "t w", "layer");
  make_node(&g, "GlobalAveragePool", "pool", "layer", "p");
  make_node(&g, "Flatten", "flat", "p", "y");
  make_output(&g, "y");
  gcam_model *net = load_made(&g, 13);
  uint8_t rgba[30 * 4];
  for (int i = 0; i < 120; i++) rgba[i] = (uint8_t)(i * 37);
  gcam_image *image = gcam_image_from_rgba(ctx, rgba, 6, 5);
  gcam_preprocess pre = {.order = GCAM_RGBA, .std = {1, 1, 1, 1}, .axes = GCAM_AXES_NHWC};
  check(!gcam_model_set_image(net, image, &pre) && !gcam_model_forward(net), "RGBA", "run", 0);
  check(!gcam_explain(net, "gradientxinput", NULL, GCAM_SCORE_LOGIT, &one, 1), "RGBA", "map", 0);
  check(gcam_map_height(net) == 5 && gcam_map_width(net) == 6 && gcam_map_channels(net) == 4,
        "RGBA", "5 x 6 x 4", gcam_map_height(net));
  gcam_image_free(image);
  gcam_model_free(net);
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* Each request of an explanation fails in turn: a status and words, and the same call afterwards
 * gives the same map. */
static void every_allocation(const char *name, const char *method, bool cotangents) {
  gcam_model *net = load(name);
  float *reference = NULL, ct[200], before[8], after[8];
  int classes = gcam_model_class_count(net), one = classes > 1, pixels = 0, sites = 0;
  gcam_model_set_option(net, "samples", 3);
  gcam_model_set_option(net, "steps", 2);
  gcam_model_set_option(net, "smooth", !strcmp(method, "smoothgrad") ? 2 : 0);
  for (int i = 0; i < 200; i++) ct[i] = i == 2;
  for (int64_t n = 0;; n++) {
    if (classes > 0) gcam_model_scores(net, before, NULL);
    gcam_model_forward(net); /* nothing kept from before */
    gcam_memory_fail_at(n);
    int64_t first = gcam_memory_requests();
    gcam_status status = cotangents ? gcam_explain_cotangents(net, method, NULL, NULL, ct, 1)
                                    : gcam_explain(net, method, NULL, GCAM_SCORE_LOGIT, &one, 1);
    bool reached = n > 0 && gcam_memory_requests() - first >= n;
    gcam_memory_fail_at(0);
    if (status) {
      check(status == GCAM_ERR_MEMORY && gcam_message(ctx)[0], name, method, (double)n);
      status = cotangents ? gcam_explain_cotangents(net, method, NULL, NULL, ct, 1)
                          : gcam_explain(net, method, NULL, GCAM_SCORE_LOGIT, &one, 1);
    }
    check(!status, name, "the same call afterwards", (double)n);
    if (!reference) {
      pixels = gcam_map_height(net) * gcam_map_width(net);
      reference = malloc((size_t)pixels * sizeof *reference);
      memcpy(reference, gcam_map_data(net, 0), (size_t)pixels * sizeof *reference);
    }
    check(!status && !memcmp(reference, gcam_map_data(net, 0), (size_t)pixels * sizeof *reference),
          name, method, (double)n);
    if (classes > 0) {
      gcam_model_scores(net, after, NULL);
      check(!memcmp(before, after, (size_t)classes * sizeof *after), name, "scores", (double)n);
    }
    if (n > 0 && !reached) break;
    sites++;
  }
  check(sites > 5, name, "sites", sites);
  free(reference);
  gcam_model_free(net);
}

/* ---- Files that went wrong ------------------------------------------------------------------ */

/* shared/cases: how each ends, and where its map belongs. */
static const struct shared_case {
  const char *file, *head, *layer; /* layer NULL: not asked */
  int classes;
  gcam_activation activation;
  bool picture;
} cases[] = {
    {"two-outputs-features-first/two_out1", "logits", NULL, 5, GCAM_ACTIVATION_SOFTMAX, false},
    {"two-outputs-features-first/two_out0", "logits", NULL, 5, GCAM_ACTIVATION_SOFTMAX, false},
    {"two-outputs-features-first/agegender", "gender", NULL, 2, GCAM_ACTIVATION_SOFTMAX, false},
    {"segmentation/seg1", "output", NULL, 0, GCAM_ACTIVATION_SIGMOID, true},
    {"segmentation/seg3", "output", NULL, 0, GCAM_ACTIVATION_NONE, true},
    {"multi-label/multilabel", "output", NULL, 5, GCAM_ACTIVATION_SOFTMAX, false},
    {"multi-label/multilabel_sig", "output", NULL, 5, GCAM_ACTIVATION_SIGMOID, false},
    {"regression-percent/age", "output", NULL, 1, GCAM_ACTIVATION_NONE, false},
    {"regression-percent/steer", "output", NULL, 1, GCAM_ACTIVATION_NONE, false},
    {"gem-default-layer/gem", NULL, "/Relu_1_output_0", 5, GCAM_ACTIVATION_SOFTMAX, false},
    {"scores-of-4d-output/model", "y", NULL, 0, GCAM_ACTIVATION_NONE, true},
    {"scores-of-3d-output/squeezed", "y", NULL, 0, GCAM_ACTIVATION_NONE, false},
    {"scores-of-3d-output/flat", "y", NULL, 12, GCAM_ACTIVATION_SOFTMAX, false},
};

static int shared_cases(void) {
  int skipped = 0;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct shared_case *c = &cases[i];
    char path[400];
    size_t size = 0;
    snprintf(path, sizeof path, "%s/cases/%s.onnx", shared_folder(), c->file);
    void *onnx = read_file(path, &size);
    if (!onnx) {
      printf("SKIPPED: no %s\n", path);
      skipped++;
      continue;
    }
    gcam_model *net = gcam_model_create(ctx);
    bool ok = !gcam_model_load(net, onnx, size, GCAM_TAKE) && !gcam_model_finish(net);
    check(ok, c->file, "loaded", 0);
    if (ok) {
      const char *head = gcam_model_output_name(net, gcam_model_head(net));
      const char *layer = gcam_model_layer_name(net, gcam_model_default_layer(net));
      check(!c->head || !strcmp(head, c->head), c->file, head, 0);
      check(!c->layer || !strcmp(layer, c->layer), c->file, layer, 0);
      check(gcam_model_class_count(net) == c->classes, c->file, "classes",
            gcam_model_class_count(net));
      check(gcam_model_activation(net) == c->activation, c->file, "activation",
            gcam_model_activation(net));
      check(gcam_model_head_is_picture(net) == c->picture, c->file, "a picture", c->picture);
    }
    gcam_model_free(net);
  }
  return skipped;
}

int main(void) {
  size_t size = 0;
  char *text = read_file("tests/golden/targets.json", &size);
  json *all = text ? json_parse(text) : NULL;
  if (!all) {
    printf("FAIL tests/golden/targets.json is missing: run from the repository root\n");
    return 1;
  }
  golden = all;
  ctx = gcam_context_create(1);
  tokens();
  one_sigmoid();
  several_labels();
  value();
  no_row();
  two_outputs();
  gcam_model_free(check_network("constants_first"));
  gcam_model_free(check_network("gem"));
  guided();
  warnings();
  narrow_input();
  no_layer();
  four_channels_last();
  softmax_precision();
  softmax_cost();
  for (int i = 0; i < gcam_method_count(); i++) /* of pictures: test_memory.c */
    every_allocation(strcmp(gcam_method_name(i), "cam") ? "transformer" : "transformer_pooled",
                     gcam_method_name(i), false);
  every_allocation("segmentation", "gradcam", true);
  int skipped = shared_cases();
  gcam_context_free(ctx);
  json_free(all);
  free(text);
  printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed != 0;
}
