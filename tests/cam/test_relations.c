/* test_relations.c: what the papers prove about the methods, on a small network made here: no data
 * needed. And what the header promises: tasks can be stopped, options are checked, kept gradients
 * never serve a wrong question. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gradcam.h"
#include "support/onnx_writer.h"

enum { SIZE = 16, C = 3, K1 = 6, K2 = 8, CLASSES = 5, PIXELS = SIZE * SIZE };

static int passed, failed;

static void check(bool ok, const char *what, double value) {
  if (ok)
    passed++;
  else
    failed++;
  if (!ok) printf("FAIL %s: %g\n", what, value);
}

static unsigned state = 12345;
static float noise(void) { /* -1..1 */
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / (float)(1 << 23) - 1;
}

static void add_weight(make_graph *g, const char *name, const int64_t *dims, int rank,
                       float scale) {
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dims[i];
  float *w = malloc((size_t)n * sizeof *w);
  for (int64_t i = 0; i < n; i++) w[i] = scale * noise();
  make_weight(g, name, 1, dims, rank, w, (size_t)n * sizeof *w);
  free(w);
}

/* x -> conv 3x3, relu -> conv 3x3, relu "layer" -> average -> linear [-> relu -> linear] "y" */
static wire small_network(int classes, bool deep_head) {
  make_graph g = {0};
  const int64_t input[] = {1, C, SIZE, SIZE}, w1[] = {K1, C, 3, 3}, w2[] = {K2, K1, 3, 3};
  const int64_t b1[] = {K1}, b2[] = {K2}, w3[] = {classes, K2}, w4[] = {classes, classes};
  const int64_t pads[] = {1, 1, 1, 1};
  state = 12345;
  make_input(&g, "x", 1, input, 4);
  add_weight(&g, "w1", w1, 4, 0.4f);
  add_weight(&g, "b1", b1, 1, 0.2f);
  add_weight(&g, "w2", w2, 4, 0.3f);
  add_weight(&g, "b2", b2, 1, 0.2f);
  add_weight(&g, "w3", w3, 2, 1);
  add_weight(&g, "w4", w4, 2, 1);
  make_node(&g, "Conv", "conv1", "x w1 b1", "c1");
  make_ints(&g, "pads", pads, 4);
  make_node(&g, "Relu", "relu1", "c1", "r1");
  make_node(&g, "Conv", "conv2", "r1 w2 b2", "c2");
  make_ints(&g, "pads", pads, 4);
  make_node(&g, "Relu", "relu2", "c2", "layer");
  make_node(&g, "GlobalAveragePool", "average", "layer", "p");
  make_node(&g, "Flatten", "flat", "p", "f");
  make_node(&g, "Gemm", "linear", "f w3", deep_head ? "h" : "y");
  make_int(&g, "transB", 1);
  if (deep_head) {
    make_node(&g, "Relu", "relu3", "h", "hr");
    make_node(&g, "Gemm", "linear2", "hr w4", "y");
    make_int(&g, "transB", 1);
  }
  make_output(&g, "y");
  return make_model(&g, 13);
}

static gcam_context *ctx;

static gcam_model *load(int classes, bool deep_head) {
  wire file = small_network(classes, deep_head);
  gcam_model *net = gcam_model_create(ctx);
  if (gcam_model_load(net, file.data, file.size, GCAM_COPY) || gcam_model_finish(net)) {
    printf("%s\n", gcam_message(ctx));
    exit(1);
  }
  wire_free(&file);
  float x[C * PIXELS];
  state = 777;
  for (int i = 0; i < C * PIXELS; i++) x[i] = noise();
  gcam_model_set_input(net, NULL, x, C * PIXELS);
  gcam_model_forward(net);
  return net;
}

/* The map of one class, copied. */
static void map_of(gcam_model *net, const char *method, const char *layer, gcam_score score,
                   const float *weights, float *map) {
  if (gcam_explain_targets(net, method, layer, score, weights, 1)) {
    printf("%s: %s\n", method, gcam_message(ctx));
    failed++;
    memset(map, 0, PIXELS * sizeof *map);
    return;
  }
  memcpy(map, gcam_map_data(net, 0), PIXELS * sizeof *map);
}

/* max |a - scale b| / max |a| */
static double apart(const float *a, const float *b, double scale) {
  double error = 0, largest = 0;
  for (int i = 0; i < PIXELS; i++) {
    error = fmax(error, fabs(a[i] - scale * b[i]));
    largest = fmax(largest, fabs((double)a[i]));
  }
  return largest > 0 ? error / largest : 1;
}

static void published_relations(gcam_model *net) {
  float gradcam[PIXELS], other[PIXELS], third[PIXELS], one[CLASSES] = {0, 0, 1};
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, one, gradcam);
  map_of(net, "hirescam", NULL, GCAM_SCORE_LOGIT, one, other);
  check(apart(gradcam, other, 1) < 1e-5, "HiResCAM = Grad-CAM on average + linear",
        apart(gradcam, other, 1));
  map_of(net, "cam", NULL, GCAM_SCORE_LOGIT, one, other);
  check(apart(other, gradcam, PIXELS) < 1e-5, "CAM = H W Grad-CAM on average + linear",
        apart(other, gradcam, PIXELS));
  map_of(net, "xgradcam", NULL, GCAM_SCORE_LOGIT, one, other);
  check(apart(gradcam, other, 1) < 1e-5, "XGrad-CAM = Grad-CAM on average + linear",
        apart(gradcam, other, 1));
  map_of(net, "ablationcam", NULL, GCAM_SCORE_LOGIT, one, other);
  float scores[CLASSES];
  gcam_model_scores(net, scores, NULL);
  const float *alpha = gcam_map_weights(net, 0);
  double change = 0;
  for (int k = 0; k < K2; k++) change += alpha[k];
  check(fabs(change - scores[2] / fabs(scores[2])) < 1e-4,
        "Ablation-CAM's weights sum to the score on a linear head without bias", change);

  map_of(net, "counterfactual", NULL, GCAM_SCORE_LOGIT, one, other);
  check(apart(gradcam, other, -1) < 1e-6, "counterfactual = -Grad-CAM", apart(gradcam, other, -1));
  float difference[CLASSES] = {0, -1, 1}, second[CLASSES] = {0, 1};
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, difference, other);
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, second, third);
  for (int i = 0; i < PIXELS; i++) third[i] = gradcam[i] - third[i];
  check(apart(other, third, 1) < 1e-5, "Grad-CAM of a difference = difference of Grad-CAMs",
        apart(other, third, 1));
  /* all classes together: the probabilities sum to 1, whatever the picture */
  float all[CLASSES] = {1, 1, 1, 1, 1};
  map_of(net, "gradcam", NULL, GCAM_SCORE_SOFTMAX, all, other);
  for (int i = 0; i < PIXELS; i++)
    check(fabsf(other[i]) < 1e-6f, "softmax over all classes does not change", other[i]);
}

static void completeness(gcam_model *net) {
  float one[CLASSES] = {0, 1}, map[PIXELS], scores[CLASSES], zero[C * PIXELS] = {0};
  map_of(net, "integrated", NULL, GCAM_SCORE_LOGIT, one, map);
  double sum = 0, delta = gcam_map_delta(net, 0), terms = 0;
  for (int i = 0; i < PIXELS; i++) sum += map[i];
  for (int i = 0; i < PIXELS * C; i++) terms += gcam_map_terms(net, 0)[i];
  check(gcam_map_channels(net) == C, "terms have the input's channels", gcam_map_channels(net));
  check(fabs(sum - terms) < 1e-4, "map = sum of terms", sum - terms);
  gcam_model_scores(net, scores, NULL);
  double at_input = scores[1];
  gcam_model_set_input(net, NULL, zero, C * PIXELS);
  gcam_model_forward(net);
  gcam_model_scores(net, scores, NULL);
  double change = at_input - scores[1];
  check(fabs(sum - change) < 0.02 * fabs(change), "Integrated Gradients: complete within 2 %",
        (sum - change) / change);
  check(fabs(delta - (sum - change)) < 1e-4, "the convergence delta is what is missing", delta);
}

/* One number is a value; said to be a logit, two classes, the first of which is what it is not. */
static void single_logit(void) {
  gcam_model *net = load(1, false);
  float plus[] = {1}, minus[] = {-1}, yes[] = {0, 1}, no[] = {1, 0}, a[PIXELS], b[PIXELS];
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, plus, a);
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, minus, b);
  check(apart(a, b, -1) < 1e-6, "a value: less = -more", apart(a, b, -1));
  check(!gcam_model_set_activation(net, GCAM_ACTIVATION_SIGMOID), "a logit", 0);
  for (int score = 0; score < 2; score++) {
    map_of(net, "gradcam", NULL, (gcam_score)score, yes, a);
    map_of(net, "gradcam", NULL, (gcam_score)score, no, b);
    check(apart(a, b, -1) < 1e-6, "a single logit: no = -yes", apart(a, b, -1));
  }
  gcam_model_free(net);
}

static void deep_head(void) {
  gcam_model *net = load(CLASSES, true);
  int id = 0;
  check(gcam_explain(net, "cam", NULL, GCAM_SCORE_LOGIT, &id, 1) == GCAM_ERR_UNSUPPORTED,
        "no CAM where the head is not linear", 0);
  check(strstr(gcam_message(ctx), "gradcam") != NULL, "and the message says what to do", 0);
  gcam_model_free(net);
}

static void tasks(gcam_model *net) {
  float before[CLASSES], after[CLASSES], one[CLASSES] = {1}, whole[PIXELS], map[PIXELS];
  gcam_model_scores(net, before, NULL);
  check(!gcam_model_set_option(net, "samples", 20), "samples can be 20", 0);
  map_of(net, "rise", NULL, GCAM_SCORE_SOFTMAX, one, whole);
  gcam_task *task = gcam_task_create(net, "rise", NULL, GCAM_SCORE_SOFTMAX, one, 1);
  check(task && gcam_task_total(task) == 20, "a step for each mask", 0);
  for (int i = 0; i < 7; i++) gcam_task_step(task);
  check(gcam_task_done(task) == 7, "steps are counted", gcam_task_done(task));
  gcam_task_free(task); /* stopped */
  gcam_model_scores(net, after, NULL);
  check(!memcmp(before, after, sizeof before), "a stopped task gives the activations back", 0);
  task = gcam_task_create(net, "rise", NULL, GCAM_SCORE_SOFTMAX, one, 1);
  while (gcam_task_done(task) < gcam_task_total(task) && !gcam_task_step(task)) continue;
  check(!gcam_task_step(task), "a step after the last does nothing", 0);
  gcam_task_free(task);
  memcpy(map, gcam_map_data(net, 0), sizeof map);
  check(!memcmp(map, whole, sizeof map), "step by step = at once, bit for bit", 0);
  gcam_task_free(NULL);
}

static void options(gcam_model *net) {
  float one[CLASSES] = {1}, map[PIXELS], mirrored[PIXELS];
  check(gcam_model_set_option(net, "sample", 1) == GCAM_ERR_ARGUMENT, "an unknown option", 0);
  check(gcam_model_set_option(net, "samples", 0) == GCAM_ERR_ARGUMENT, "too few", 0);
  check(gcam_model_set_option(net, "samples", 1.5) == GCAM_ERR_ARGUMENT, "not whole", 0);
  check(gcam_model_set_option(net, "noise", NAN) == GCAM_ERR_ARGUMENT, "not a number", 0);
  one[1] = NAN;
  check(gcam_explain_targets(net, NULL, NULL, GCAM_SCORE_LOGIT, one, 1) == GCAM_ERR_ARGUMENT,
        "a weight that is not a number", 0);
  one[1] = 0;
  gcam_model_set_option(net, "augment", 1);
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, one, map);
  /* augmentation averages over the mirror: a mirrored input gives the mirrored map */
  float x[C * PIXELS], turned[C * PIXELS];
  state = 777;
  for (int i = 0; i < C * PIXELS; i++) x[i] = noise();
  for (int i = 0; i < C * PIXELS; i++) turned[i] = x[i - i % SIZE + SIZE - 1 - i % SIZE];
  gcam_model_set_input(net, NULL, turned, C * PIXELS);
  gcam_model_forward(net);
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, one, mirrored);
  for (int i = 0; i < PIXELS; i++) turned[i] = mirrored[i - i % SIZE + SIZE - 1 - i % SIZE];
  check(apart(map, turned, 1) < 1e-5, "augmentation commutes with the mirror",
        apart(map, turned, 1));
  gcam_model_set_option(net, "augment", 0);
  gcam_model_set_input(net, NULL, x, C * PIXELS);
  gcam_model_forward(net);
}

static void fusion(gcam_model *net) {
  float one[CLASSES] = {0, 0, 0, 1}, map[PIXELS], first[PIXELS], second[PIXELS], want[PIXELS];
  map_of(net, "layercam", "r1", GCAM_SCORE_LOGIT, one, first);
  map_of(net, "layercam", "layer", GCAM_SCORE_LOGIT, one, second);
  map_of(net, "layercam", "r1,layer", GCAM_SCORE_LOGIT, one, map);
  float m1 = 0, m2 = 0;
  for (int i = 0; i < PIXELS; i++) {
    m1 = fmaxf(m1, first[i]);
    m2 = fmaxf(m2, second[i]);
  }
  for (int i = 0; i < PIXELS; i++)
    want[i] =
        0.5f * (fmaxf(first[i], 0) / (m1 > 0 ? m1 : 1) + fmaxf(second[i], 0) / (m2 > 0 ? m2 : 1));
  check(apart(map, want, 1) < 1e-6, "fused = mean of the normalised maps", apart(map, want, 1));
  check(gcam_explain(net, NULL, "r1,nothing", GCAM_SCORE_LOGIT, &(int){0}, 1) == GCAM_ERR_ARGUMENT,
        "an unknown layer among several", 0);
}

/* The same question after another one at the same layer: the kept gradient is the right one. */
static void kept_gradients(gcam_model *net) {
  float a[CLASSES] = {1}, b[CLASSES] = {0, 1}, fresh[PIXELS], map[PIXELS];
  gcam_model_forward(net);
  map_of(net, "layercam", NULL, GCAM_SCORE_LOGIT, b, fresh);
  gcam_model_forward(net);
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, a, map);
  map_of(net, "layercam", NULL, GCAM_SCORE_LOGIT, b, map);
  check(!memcmp(map, fresh, sizeof map), "another class: another gradient", 0);
  map_of(net, "layercam", "r1", GCAM_SCORE_LOGIT, b, map);
  map_of(net, "guided", NULL, GCAM_SCORE_LOGIT, b, map);
  map_of(net, "layercam", NULL, GCAM_SCORE_LOGIT, b, map);
  check(!memcmp(map, fresh, sizeof map), "after other methods: the same map", 0);
}

static bool reads_attention(const char *method) {
  return !strcmp(method, "legrad") || !strcmp(method, "rollout");
}

/* Every row of the table runs, by default options but few samples, and gives a finite map; those
 * that read attention say that there is none. */
static void every_method(gcam_model *net) {
  float one[CLASSES] = {0, 1}, map[PIXELS];
  gcam_model_set_option(net, "samples", 5);
  for (int i = 0; i < gcam_method_count(); i++) {
    bool finite = true, any = false;
    if (reads_attention(gcam_method_name(i))) {
      gcam_status status =
          gcam_explain_targets(net, gcam_method_name(i), NULL, GCAM_SCORE_LOGIT, one, 1);
      check(status == GCAM_ERR_UNSUPPORTED && strstr(gcam_message(ctx), "no attention"),
            gcam_method_name(i), status);
      continue;
    }
    map_of(net, gcam_method_name(i), NULL, GCAM_SCORE_LOGIT, one, map);
    for (int k = 0; k < PIXELS; k++) {
      finite &= isfinite(map[k]);
      any |= map[k] != 0;
    }
    check(finite && any, gcam_method_name(i), 0);
  }
}

/* The preview of target `b` after `steps` of a task, which is then stopped. */
static bool preview_after(gcam_model *net, const char *method, int steps, int b, float *map) {
  float two[2 * CLASSES] = {0, 1, 0, 0, 0, 0, 0, 0, 1};
  gcam_task *task = gcam_task_create(net, method, NULL, GCAM_SCORE_LOGIT, two, 2);
  check(task && !gcam_task_preview(task, 0), "no preview before the first step", 0);
  for (int i = 0; task && i < steps; i++) gcam_task_step(task);
  const float *seen = task ? gcam_task_preview(task, b) : NULL;
  bool right = seen && gcam_task_height(task) == SIZE && gcam_task_width(task) == SIZE;
  if (right) memcpy(map, seen, PIXELS * sizeof *map);
  if (task) check(!gcam_task_preview(task, 2) && !gcam_task_preview(task, -1), "no such map", 0);
  gcam_task_free(task);
  check(right, method, 0);
  return right;
}

/* map = sum over the first n channels of weights[k] A^k, divided by the weights' sum where asked.
 */
static void of_channels(gcam_model *net, const float *weights, int n, bool share, float *map) {
  float A[K2 * PIXELS], sum = 0;
  gcam_model_read(net, "layer", A, K2 * PIXELS);
  for (int k = 0; k < n; k++) sum += weights[k];
  for (int i = 0; i < PIXELS; i++) {
    map[i] = 0;
    for (int k = 0; k < n; k++) map[i] += weights[k] * A[k * PIXELS + i] / (share ? sum : 1);
  }
}

/* What the steps so far say: exactly that, and looking changes nothing. */
static void previews(gcam_model *net) {
  float second[CLASSES] = {0, 0, 0, 1}, map[PIXELS], want[PIXELS], weights[K2];
  static const char *const by_channels[] = {"scorecam", "ablationcam"};
  for (int m = 0; m < 2; m++) {
    map_of(net, by_channels[m], NULL, GCAM_SCORE_LOGIT, second, map);
    memcpy(weights, gcam_map_weights(net, 0), sizeof weights);
    for (int n = 1; n < K2; n += 3) {
      of_channels(net, weights, n, m == 0, want);
      if (preview_after(net, by_channels[m], n, 1, map))
        check(apart(map, want, 1) < 1e-5, "preview of channels", apart(map, want, 1));
    }
  }
  /* the first masks and noises are those of a shorter job */
  gcam_model_set_option(net, "samples", 6);
  map_of(net, "rise", NULL, GCAM_SCORE_LOGIT, second, want);
  gcam_model_set_option(net, "samples", 20);
  if (preview_after(net, "rise", 6, 1, map))
    check(apart(map, want, 1) < 1e-6, "preview of masks", apart(map, want, 1));
  gcam_model_set_option(net, "smooth", 2);
  map_of(net, "gradient", NULL, GCAM_SCORE_LOGIT, second, want);
  gcam_model_set_option(net, "smooth", 5);
  if (preview_after(net, "gradient", 2, 1, map))
    check(apart(map, want, 1) < 1e-6, "preview of noises", apart(map, want, 1));
  gcam_model_set_option(net, "smooth", 0);
  /* all gradients, but for the baseline's score */
  gcam_model_set_option(net, "steps", 4);
  map_of(net, "integrated", NULL, GCAM_SCORE_LOGIT, second, want);
  if (preview_after(net, "integrated", 4, 1, map))
    check(apart(map, want, 1) < 1e-6, "preview of a path", apart(map, want, 1));
  /* squares of 4 beside each other: six of sixteen */
  gcam_model_set_option(net, "window", 4);
  gcam_model_set_option(net, "stride", 4);
  map_of(net, "occlusion", NULL, GCAM_SCORE_LOGIT, second, want);
  for (int i = 0; i < PIXELS; i++)
    if (i / SIZE / 4 * 4 + i % SIZE / 4 >= 6) want[i] = 0;
  if (preview_after(net, "occlusion", 6, 1, map))
    check(!memcmp(map, want, sizeof map), "preview of squares", apart(map, want, 1));
  /* that overlap: all but the last, which covers the last 6 x 6 pixels */
  gcam_model_set_option(net, "window", 6);
  gcam_model_set_option(net, "stride", 3);
  map_of(net, "occlusion", NULL, GCAM_SCORE_LOGIT, second, want);
  if (preview_after(net, "occlusion", 24, 1, map)) {
    for (int i = 0; i < PIXELS; i++)
      if (i / SIZE >= SIZE - 6 && i % SIZE >= SIZE - 6) map[i] = want[i];
    check(apart(map, want, 1) < 1e-6, "preview of squares that overlap", apart(map, want, 1));
  }
  /* looking changes nothing, in a job of several variants and steps either */
  gcam_model_set_option(net, "augment", 1);
  map_of(net, "occlusion", NULL, GCAM_SCORE_LOGIT, second, want);
  gcam_task *task = gcam_task_create(net, "occlusion", NULL, GCAM_SCORE_LOGIT, second, 1);
  bool always = true;
  while (gcam_task_done(task) < gcam_task_total(task) && !gcam_task_step(task)) {
    const float *seen = gcam_task_preview(task, 0);
    always &= (seen != NULL) == (gcam_task_done(task) < gcam_task_total(task));
  }
  check(always, "a preview after every step but the last", 0);
  check(!memcmp(gcam_map_data(net, 0), want, sizeof want), "looking changes nothing", 0);
  gcam_task_free(task);
  for (int i = 0; i < gcam_option_count(); i++)
    gcam_model_set_option(net, gcam_option_name(i), gcam_option_default(i));
}

/* Cascading randomisation: reproducible, from the output on, the rest untouched. */
static void randomisation(void) {
  float one[CLASSES] = {1}, first[PIXELS], again[PIXELS], x[C * PIXELS];
  float before[K2 * PIXELS], after[K2 * PIXELS], learned[CLASSES], scores[CLASSES];
  for (int round = 0; round < 2; round++) {
    gcam_model *net = load(CLASSES, false);
    gcam_model_scores(net, learned, NULL);
    gcam_model_read(net, "layer", before, K2 * PIXELS);
    check(!strcmp(gcam_model_weight_layer(net, 0), "linear"), "the last layer comes first", 0);
    check(!strcmp(gcam_model_weight_layer(net, 2), "conv1"), "and the first last", 0);
    check(!gcam_model_weight_layer(net, 3), "then none", 0);
    check(!gcam_model_randomise(net, 1, 9), "weights can be forgotten", 0);
    check(gcam_explain_targets(net, NULL, NULL, GCAM_SCORE_LOGIT, one, 1) == GCAM_ERR_STATE,
          "then forward must run first", 0);
    state = 777;
    for (int i = 0; i < C * PIXELS; i++) x[i] = noise();
    gcam_model_set_input(net, NULL, x, C * PIXELS);
    gcam_model_forward(net);
    gcam_model_read(net, "layer", after, K2 * PIXELS);
    gcam_model_scores(net, scores, NULL);
    check(!memcmp(before, after, sizeof before), "layers before are as they were", 0);
    check(memcmp(learned, scores, sizeof scores), "the scores are not", 0);
    map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, one, round ? again : first);
    gcam_model_randomise(net, 3, 9);
    gcam_model_set_input(net, NULL, x, C * PIXELS);
    gcam_model_forward(net);
    gcam_model_read(net, "layer", after, K2 * PIXELS);
    check(memcmp(before, after, sizeof before), "all three: nothing is as it was", 0);
    gcam_model_free(net);
  }
  check(!memcmp(first, again, sizeof first), "the same seed, the same weights", 0);
}

/* A layer given other values: with those that another picture has there, the network answers as on
 * that picture; a change of one number moves the scores by the gradient. */
static void other_values(void) {
  float x[C * PIXELS], mine[K2 * PIXELS], theirs[K2 * PIXELS], inner[K1 * PIXELS];
  float one[CLASSES] = {0, 0, 1}, before[CLASSES], wanted[CLASSES], got[CLASSES];
  float map[PIXELS], their_map[PIXELS], gradient[K1 * PIXELS];
  gcam_model *net = load(CLASSES, true);
  gcam_model_read(net, "layer", mine, K2 * PIXELS);
  gcam_model_scores(net, before, NULL);
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, one, map);
  for (int i = 0; i < C * PIXELS; i++) x[i] = noise();
  gcam_model_set_input(net, NULL, x, C * PIXELS);
  check(gcam_model_forward_from(net, "layer", mine, K2 * PIXELS) == GCAM_ERR_STATE,
        "not before a forward", 0);
  gcam_model_forward(net);
  gcam_model_read(net, "layer", theirs, K2 * PIXELS);
  gcam_model_scores(net, wanted, NULL);
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, one, their_map);
  gcam_model_free(net);

  net = load(CLASSES, true);
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, one, map); /* its gradient is kept */
  check(!gcam_model_forward_from(net, "layer", theirs, K2 * PIXELS), "other values", 0);
  check(gcam_map_count(net) == 0, "no map of the old values stays", 0);
  gcam_model_scores(net, got, NULL);
  check(!memcmp(got, wanted, sizeof got), "scores of the other picture", got[0] - wanted[0]);
  map_of(net, "gradcam", NULL, GCAM_SCORE_LOGIT, one, map);
  check(!memcmp(map, their_map, sizeof map), "and its map", 0);
  gcam_model_forward(net);
  gcam_model_scores(net, got, NULL);
  check(!memcmp(got, before, sizeof got), "forward gives the old ones back", 0);

  /* c1 is inside of a fused step; ReLUs behind it are the kinks that the small step avoids. */
  const float h = 1e-2f;
  int at = 0;
  gcam_model_read(net, "r1", inner, K1 * PIXELS);
  gcam_model_vjp(net, "y", one, 1, "r1", gradient);
  for (int i = 0; i < K1 * PIXELS; i++)
    if (inner[i] > h && fabsf(gradient[i]) > fabsf(gradient[at])) at = i;
  inner[at] += h;
  check(!gcam_model_forward_from(net, "r1", inner, K1 * PIXELS), "a layer further back", 0);
  gcam_model_scores(net, got, NULL);
  check(fabs((got[2] - before[2]) / h - gradient[at]) < 0.01 * fabs(gradient[at]),
        "the score moves by the gradient", (got[2] - before[2]) / h / gradient[at]);
  gcam_model_forward(net);
  gcam_model_read(net, "c1", inner, K1 * PIXELS);
  gcam_model_vjp(net, "y", one, 1, "c1", gradient);
  for (int i = 0; i < K1 * PIXELS; i++) inner[i] += i == at ? h : 0;
  check(!gcam_model_forward_from(net, "c1", inner, K1 * PIXELS), "inside of a fused step", 0);
  gcam_model_scores(net, got, NULL);
  check(fabs((got[2] - before[2]) / h - gradient[at]) < 0.01 * fabs(gradient[at]),
        "and by that one's gradient", (got[2] - before[2]) / h / gradient[at]);

  check(gcam_model_forward_from(net, "layer", mine, 7) == GCAM_ERR_ARGUMENT, "too few values", 0);
  check(gcam_model_forward_from(net, "nothing", mine, 7) == GCAM_ERR_ARGUMENT, "no such tensor", 0);
  check(gcam_model_forward_from(net, "b1", mine, K1) == GCAM_ERR_ARGUMENT, "a constant", 0);
  gcam_model_free(net);
}

int main(void) {
  ctx = gcam_context_create(1);
  gcam_model *net = load(CLASSES, false);
  published_relations(net);
  tasks(net);
  options(net);
  fusion(net);
  previews(net);
  kept_gradients(net);
  every_method(net);
  completeness(net);
  gcam_model_free(net);
  single_logit();
  deep_head();
  randomisation();
  other_values();
  gcam_context_free(ctx);
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
