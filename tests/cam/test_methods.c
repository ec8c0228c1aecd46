/* test_methods.c: every method's values on real networks and photos against PyTorch
 * (tests/golden/methods.json, made by make_methods.py beside it), and what follows from it: nothing
 * of the model changes by explaining. What methods cost is measured by tests/bench.
 *
 * Error: the largest difference, as a part of the map's largest value. Allowed: 1e-3; 2e-3 through
 * guided ReLUs and along Integrated Gradients' path.
 *
 * Strict and bounded. Where a ReLU or a max pooling is within rounding of its kink, the gradient
 * jumps, whoever computes it. make_methods.py finds those units in PyTorch alone, and keeps with
 * every sample what it changes by when they are decided otherwise. A sample that changes by less
 * than half of what is allowed is strict: it must be within 1e-3 (2e-3). Of the others nothing
 * closer is known than that change: there the difference may be as large as allowed and three times
 * the change more, to leave room for sides that the script did not draw. The summary counts both.
 */
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

typedef struct network {
  char name[100], photo[100];
  gcam_context *ctx;
  gcam_model *net;
  const json *model; /* of the reference's golden.json */
} network;

static void check(bool ok, const char *what, double value, double limit) {
  if (ok)
    passed++;
  else
    failed++;
  if (!ok) printf("FAIL %s: %g, allowed %g\n", what, value, limit);
}

static gcam_preprocess preprocess_of(const json *input) {
  const char *order = json_text(input, "order");
  gcam_preprocess pre = {.resize = GCAM_BILINEAR,
                         .order = !strcmp(order, "RGB")   ? GCAM_RGB
                                  : !strcmp(order, "BGR") ? GCAM_BGR
                                                          : GCAM_GREY};
  for (int i = 0; i < 3; i++) {
    const json *mean = json_at(json_get(input, "mean"), i),
               *std = json_at(json_get(input, "std"), i);
    pre.mean[i] = mean ? (float)mean->number : 0;
    pre.std[i] = std ? (float)std->number : 1;
  }
  return pre;
}

static bool load_network(network *n, const json *models, const char *name) {
  char path[400];
  size_t size = 0;
  gcam_model_free(n->net);
  gcam_context_free(n->ctx);
  n->net = NULL;
  n->photo[0] = 0;
  snprintf(n->name, sizeof n->name, "%s", name);
  for (n->model = models->first; n->model; n->model = n->model->next)
    if (!strcmp(json_text(n->model, "model"), name)) break;
  if (!n->model) return false;
  snprintf(path, sizeof path, "%s/data/%s", shared_folder(), json_text(n->model, "onnx"));
  void *onnx = read_file(path, &size);
  n->ctx = gcam_context_create(2);
  n->net = gcam_model_create(n->ctx);
  const char *precision = getenv("GRADCAM_PRECISION"); /* 1: no Winograd; for finding out */
  gcam_model_set_precision(n->net, (gcam_precision)(precision ? atoi(precision) : GCAM_FAST));
  bool ok = onnx && !gcam_model_load(n->net, onnx, size, GCAM_TAKE) && !gcam_model_finish(n->net);
  if (!ok) printf("%s: %s\n", name, gcam_message(n->ctx));
  return ok;
}

/* The first photo of a network, `entry` its first entry. A layer inside a fused step is split off
 * when it is first asked for, after which scores round differently: done here for all of them, so
 * that what they are before and after explaining can be compared. */
static void split_layers(network *n, const json *entry) {
  int best = 0;
  const char *photo = json_text(entry, "photo");
  for (; entry && !strcmp(json_text(entry, "photo"), photo); entry = entry->next)
    gcam_explain(n->net, "eigencam", json_text(entry, "layer"), GCAM_SCORE_LOGIT, &best, 1);
  gcam_model_forward(n->net);
}

static bool run_photo(network *n, const char *photo) {
  char path[400];
  size_t size = 0;
  snprintf(n->photo, sizeof n->photo, "%s", photo);
  snprintf(path, sizeof path, "%s/data/golden/decoded/%s.png", shared_folder(), photo);
  void *bytes = read_file(path, &size);
  if (!bytes) {
    snprintf(path, sizeof path, "%s/data/photos/%s.png", shared_folder(), photo);
    bytes = read_file(path, &size);
  }
  if (!bytes) return false;
  gcam_image *image = gcam_image_decode(n->ctx, bytes, size);
  free(bytes);
  gcam_preprocess pre = preprocess_of(json_get(n->model, "input"));
  bool ok = image && !gcam_model_set_image(n->net, image, &pre) && !gcam_model_forward(n->net);
  gcam_image_free(image);
  return ok;
}

/* options NULL: the defaults. */
static void set_options(network *n, const json *options) {
  for (int i = 0; i < gcam_option_count(); i++)
    gcam_model_set_option(n->net, gcam_option_name(i), gcam_option_default(i));
  for (const json *o = options ? options->first : NULL; o; o = o->next)
    if (gcam_model_set_option(n->net, o->key, o->number)) printf("%s\n", gcam_message(n->ctx));
}

static gcam_status explain_entry(network *n, const json *entry) {
  int classes = gcam_model_class_count(n->net);
  float *weights = calloc((size_t)classes, sizeof *weights);
  for (const json *w = json_get(entry, "weights")->first; w; w = w->next)
    weights[atoi(w->key)] = (float)w->number;
  set_options(n, json_get(entry, "options"));
  gcam_score score =
      strcmp(json_text(entry, "score"), "logit") ? GCAM_SCORE_SOFTMAX : GCAM_SCORE_LOGIT;
  gcam_status status = gcam_explain_targets(n->net, json_text(entry, "method"),
                                            json_text(entry, "layer"), score, weights, 1);
  free(weights);
  return status;
}

/* By method, for the report. */
typedef struct tally {
  char method[40];
  int maps, strict, bounded, beyond; /* samples; beyond: bounded ones that are not within 1e-3 */
  double error, bounded_error;
} tally;
static tally table[40];

static tally *tally_of(const char *method) {
  tally *t = table;
  while (t->method[0] && strcmp(t->method, method)) t++;
  snprintf(t->method, sizeof t->method, "%s", method);
  return t;
}

static void check_entry(network *n, const json *entry, const float *values) {
  const char *method = json_text(entry, "method");
  char what[300];
  snprintf(what, sizeof what, "%s %s %s %s", n->name, n->photo, method, json_text(entry, "layer"));
  if (explain_entry(n, entry)) {
    printf("%s\n", gcam_message(n->ctx));
    check(false, what, 0, 0);
    return;
  }
  int H = gcam_map_height(n->net), W = gcam_map_width(n->net);
  if (H != (int)json_number(entry, "H") || W != (int)json_number(entry, "W")) {
    check(false, what, H, json_number(entry, "H"));
    return;
  }
  int step = (int)json_number(entry, "step"), first = (int)json_number(entry, "first");
  const float *map = gcam_map_data(n->net, 0), *want = values + (int)json_number(entry, "at");
  const float *moves = NULL;
  if (json_get(entry, "moves_at")) moves = values + (int)json_number(entry, "moves_at");
  bool path = !strncmp(method, "guided", 6) || !strcmp(method, "integrated");
  double largest = json_number(entry, "largest"), limit = path ? 2e-3 : 1e-3;
  double strict = 0, excess = 0; /* excess: error over what is allowed there, bounded samples */
  tally *t = tally_of(method);
  t->maps++;
  for (int y = first, i = 0; y < H; y += step)
    for (int x = first; x < W; x += step, i++) {
      double error = fabs((double)map[y * W + x] - want[i]) / (largest > 0 ? largest : 1);
      if (!moves || moves[i] <= limit / 2) {
        strict = fmax(strict, error);
        t->strict++;
      } else {
        excess = fmax(excess, error / (limit + 3 * (double)moves[i]));
        t->bounded_error = fmax(t->bounded_error, error);
        t->beyond += error > limit;
        t->bounded++;
      }
    }
  t->error = fmax(t->error, strict);
  check(strict <= limit, what, strict, limit);
  if (moves) check(excess <= 1, what, excess, 1);
}

static void print_tally(const tally *t) {
  printf(
      "  %-15s %4d maps, %6d strict samples, largest error %.1e; %5d bounded, %4d of them over "
      "the limit, at most %.1e\n",
      t->method, t->maps, t->strict, t->error, t->bounded, t->beyond, t->bounded_error);
}

/* The strict samples must be most of them: nothing is shown by a comparison of bounded ones. */
static void report_and_check_shares(void) {
  tally all = {.method = "together"};
  for (const tally *t = table; t->method[0]; t++) {
    all.maps += t->maps;
    all.strict += t->strict;
    all.bounded += t->bounded;
    all.beyond += t->beyond;
    all.error = fmax(all.error, t->error);
    all.bounded_error = fmax(all.bounded_error, t->bounded_error);
    check(t->strict >= t->bounded, t->method, t->bounded, t->strict);
    print_tally(t);
  }
  print_tally(&all);
}

/* Explaining, by whatever method, leaves the scores bit for bit. */
static void check_unchanged(network *n, const float *before) {
  int classes = gcam_model_class_count(n->net);
  float *after = calloc((size_t)classes, sizeof *after);
  gcam_model_scores(n->net, after, NULL);
  check(!memcmp(before, after, (size_t)classes * sizeof *after), "scores after explaining", 0, 0);
  free(after);
}

/* Methods by many forward passes take minutes: on the first photo, on all with the argument all. */
static bool takes_long(const json *entry) {
  const char *method = json_text(entry, "method");
  return !strcmp(method, "scorecam") || !strcmp(method, "ablationcam") ||
         !strcmp(method, "occlusion") || !strcmp(method, "rise");
}

static void check_all(const json *golden, const json *methods, const float *values, bool all) {
  const json *models = json_get(json_get(golden, "reference"), "models");
  network n = {0};
  float *before = NULL;
  int left = 0;
  for (const json *e = json_get(methods, "entries")->first; e; e = e->next) {
    const char *model = json_text(e, "model"), *photo = json_text(e, "photo");
    bool small = strstr(model, "fer2013");
    if (SLOW_BUILD && (!small || takes_long(e))) continue;
    if (!all && !small && strcmp(photo, "pier") && takes_long(e)) {
      left++;
      continue;
    }
    bool first = strcmp(n.name, model);
    if (first) {
      if (!load_network(&n, models, model)) {
        check(false, "model", 0, 0);
        break;
      }
    }
    if (strcmp(n.photo, photo)) {
      if (!run_photo(&n, photo)) {
        check(false, photo, 0, 0);
        break;
      }
      if (first) split_layers(&n, e);
      int classes = gcam_model_class_count(n.net);
      before = realloc(before, (size_t)classes * sizeof *before);
      gcam_model_scores(n.net, before, NULL);
    }
    check_entry(&n, e, values);
    check_unchanged(&n, before);
  }
  if (left) printf("%d maps by many forward passes left out: test_methods all\n", left);
  gcam_model_free(n.net);
  gcam_context_free(n.ctx);
  free(before);
}

int main(int argc, char **argv) {
  char path[400];
  size_t size = 0;
  snprintf(path, sizeof path, "%s/data/golden/golden.json", shared_folder());
  char *text = read_file(path, &size);
  char *list = read_file("tests/golden/methods.json", &size);
  float *values = read_file("tests/golden/methods.f32", &size);
  if (!list || !values) {
    printf("FAIL tests/golden/methods.json or .f32 is missing: run from the repository root\n");
    failed++;
  } else if (!text) {
    printf("SKIPPED: no networks and photos at %s/data\n", shared_folder());
    skipped++;
  } else {
    json *golden = json_parse(text), *methods = json_parse(list);
    check_all(golden, methods, values, argc > 1 && !strcmp(argv[1], "all"));
    json_free(golden);
    json_free(methods);
  }
  report_and_check_shares();
  free(text);
  free(list);
  free(values);
  printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed != 0;
}
