/* test_memory.c: what happens when memory ends, at every place where it can. Each call of the
 * public interface is made to fail at its first, second, ... request for memory, until one goes
 * through. After each failure there must be a status and words, what stands must still stand, and
 * the same call must then give the same as if nothing had happened. Under AddressSanitizer nothing
 * leaks.
 *
 * The threads' own memory is asked for once, when a context is made: tests/base/test_threads.c. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/files.h"
#include "support/small_network.h"

enum { SIZE = 16, PIXELS = SIZE * SIZE, CLASSES = 4 };

static gcam_context *ctx;
static int passed, failed, all_sites;

static void check(bool ok, const char *what, const char *which, int at) {
  if (ok)
    passed++;
  else
    failed++;
  if (!ok) printf("FAIL %s: %s (request %d): %s\n", what, which, at, ctx ? gcam_message(ctx) : "");
}

/* ---- The harness ---------------------------------------------------------------------------- */

/* What a call gave, as bytes. */
typedef wire result;

static void add_floats(result *r, const float *v, size_t n) {
  if (v) wire_append(r, v, n * sizeof *v);
}

/* Everything a scenario can work on. */
typedef struct world {
  gcam_model *net;
  wire file;
  const char *text; /* a method, a tensor, the name of a file */
  const char *layer;
  gcam_image *image, *made;
  result plain; /* bytes of a picture */
  float scores[64];
} world;

typedef struct scenario {
  const char *name;
  bool (*begin)(world *w, const char *argument);
  gcam_status (*act)(world *w);
  void (*see)(world *w, result *r);    /* the outcome */
  void (*stands)(world *w, result *r); /* what a failure must not touch; may be NULL */
} scenario;

static void end(world *w) {
  gcam_model_free(w->net);
  gcam_image_free(w->image);
  gcam_image_free(w->made);
  wire_free(&w->file);
  wire_free(&w->plain);
  memset(w, 0, sizeof *w);
}

/* To the bit. */
static bool same(const result *a, const result *b) {
  if (a->size != b->size) return false;
  return !a->size || !memcmp(a->data, b->data, a->size);
}

static void fail_each(const scenario *s, const char *argument) {
  result expected = {0};
  world w = {0};
  int sites = 0;
  char name[128];
  snprintf(name, sizeof name, "%s %s", s->name, argument ? argument : "");
  if (!s->begin(&w, argument) || s->act(&w)) {
    check(false, name, "does not work at all", 0);
    end(&w);
    return;
  }
  s->see(&w, &expected);
  end(&w);
  for (int at = 1; at < 5000; at++) {
    result seen = {0}, before = {0}, after = {0};
    if (!s->begin(&w, argument)) {
      check(false, name, "does not begin", at);
      break;
    }
    if (s->stands) s->stands(&w, &before);
    int64_t requests = gcam_memory_requests();
    gcam_memory_fail_at(at);
    gcam_status status = s->act(&w);
    gcam_memory_fail_at(0);
    bool reached = gcam_memory_requests() - requests >= at;
    if (reached) sites++;
    if (status) {
      check(status == GCAM_ERR_MEMORY, name, "another status than out of memory", at);
      const char *words = ctx ? gcam_message(ctx) : "out of memory";
      check(*words && strlen(words) <= 300, name, "no words, or too many", at);
      if (s->stands) s->stands(&w, &after);
      check(same(&before, &after), name, "what stood does not", at);
      status = s->act(&w);
      check(!status, name, "fails for ever", at);
    }
    if (!status) s->see(&w, &seen); /* a request may be one that can be done without */
    check(!status && same(&seen, &expected), name, "not the same", at);
    wire_free(&seen);
    wire_free(&before);
    wire_free(&after);
    end(&w);
    if (!reached) break;
  }
  check(sites > 0, name, "no place", sites);
  printf("%4d  %s\n", sites, name);
  all_sites += sites;
  wire_free(&expected);
}

/* ---- Networks ------------------------------------------------------------------------------- */

static void begin_graph(make_graph *g, int channels) {
  const int64_t dims[] = {1, channels, SIZE, SIZE};
  *g = (make_graph){0};
  noise_seed(31);
  make_input(g, "x", 1, dims, 4);
}

/* Every kind of step and kernel that a small network can have. */
static wire kinds_network(void) {
  make_graph g;
  const int64_t pads[] = {0, 0, 0, 0, 0, 0, 1, 1}, eight[] = {8}, two[] = {2, 2};
  const int64_t up[] = {8, 4, 2, 2}, axes[] = {2, 3}, weight[] = {12, 24}, out[] = {CLASSES, 12};
  const float zero = 0, six = 6;
  uint16_t half[12 * 24];
  begin_graph(&g, 3);
  make_weight(&g, "pads", 7, eight, 1, pads, sizeof pads);
  make_weight(&g, "zero", 1, NULL, 0, &zero, sizeof zero);
  make_weight(&g, "six", 1, NULL, 0, &six, sizeof six);
  make_conv(&g, "stem", "x", "stem.c", 3, 16, 3, 2, 1); /* 8 x 8 */
  make_norm(&g, "stem.norm", "stem.c", "stem.n", 16);
  make_node(&g, "Relu", "stem.relu", "stem.n", "stem.r");
  make_conv(&g, "wino", "stem.r", "wino.c", 16, 16, 3, 1, 1);
  make_node(&g, "Relu", "wino.relu", "wino.c", "wino.r");
  make_conv(&g, "point", "stem.r", "point.c", 16, 4, 1, 1, 1);
  make_node(&g, "Concat", "join", "wino.r point.c stem.r", "join.y");
  make_int(&g, "axis", 1);                                       /* 36 channels */
  make_conv(&g, "depth", "join.y", "depth.c", 36, 36, 3, 2, 36); /* 4 x 4 */
  make_node(&g, "Clip", "depth.clip", "depth.c zero six", "depth.r");
  make_node(&g, "Pad", "pad", "depth.r pads", "pad.y");           /* 5 x 5 */
  make_conv(&g, "strided", "pad.y", "strided.c", 36, 8, 3, 2, 1); /* 3 x 3 */
  make_node(&g, "Sigmoid", "swish", "strided.c", "swish.y");
  make_node(&g, "Mul", "gate", "strided.c swish.y", "gate.y");
  make_noise(&g, "up.w", up, 4, 0.4f);
  make_node(&g, "ConvTranspose", "up", "gate.y up.w", "up.y"); /* 6 x 6 */
  make_ints(&g, "strides", two, 2);
  make_conv(&g, "group", "up.y", "group.c", 4, 8, 3, 1, 2);
  make_conv(&g, "scatter", "group.c", "scatter.c", 8, 24, 1, 2, 1); /* 3 x 3 */
  make_node(&g, "Relu", "scatter.relu", "scatter.c", "last");
  make_node(&g, "ReduceMean", "mean", "last", "mean.y");
  make_ints(&g, "axes", axes, 2);
  make_int(&g, "keepdims", 0);
  for (int i = 0; i < 12 * 24; i++)
    half[i] = (uint16_t)(0x3000 + i * 7 + (i % 24 + i / 24 * 5) % 3 / 2 * 0x8000);
  make_weight(&g, "fc1.w", 10, weight, 2, half, sizeof half); /* float16 */
  make_node(&g, "Gemm", "fc1", "mean.y fc1.w", "fc1.y");
  make_int(&g, "transB", 1);
  make_node(&g, "Relu", "fc1.relu", "fc1.y", "fc1.r");
  make_noise(&g, "fc2.w", out, 2, 1);
  make_node(&g, "Gemm", "fc2", "fc1.r fc2.w", "logits");
  make_int(&g, "transB", 1);
  make_node(&g, "Softmax", "softmax", "logits", "y");
  make_output(&g, "y");
  return make_model(&g, 13);
}

/* One convolution whose packed weights are so large that they are not kept, both ways. */
static wire lean_network(void) {
  make_graph g;
  begin_graph(&g, 1);
  make_conv(&g, "widen", "x", "w.c", 1, 176, 3, 2, 1);
  make_conv(&g, "lean", "w.c", "lean.c", 176, 176, 3, 1, 1);
  make_norm(&g, "lean.norm", "lean.c", "lean.n", 176);
  make_node(&g, "Relu", "lean.relu", "lean.n", "lean.r");
  make_head(&g, "lean.r", 176, CLASSES);
  return make_model(&g, 13);
}

/* Averages and a matrix: a head that CAM can do. */
static wire cam_network(void) {
  make_graph g;
  begin_graph(&g, 3);
  make_conv(&g, "a", "x", "a.c", 3, 8, 3, 2, 1);
  make_node(&g, "Relu", "a.relu", "a.c", "a.r");
  make_conv(&g, "b", "a.r", "b.c", 8, 6, 3, 1, 1);
  make_node(&g, "Relu", "b.relu", "b.c", "b.r");
  make_node(&g, "Identity", "view", "b.r", "b.v");
  make_conv(&g, "c", "b.v", "c.c", 6, 6, 1, 1, 1);
  make_node(&g, "Add", "sum", "c.c b.r", "sum.y");
  make_head(&g, "sum.y", 6, CLASSES);
  return make_model(&g, 13);
}

/* Ends as VGG16 does: weights are summed over positions. */
static wire flat_network(void) {
  make_graph g;
  const int64_t two[] = {2, 2}, fc1[] = {10, 6 * 16}, fc2[] = {CLASSES, 10};
  begin_graph(&g, 3);
  make_conv(&g, "f", "x", "f.c", 3, 6, 3, 2, 1); /* 8 x 8 */
  make_node(&g, "Relu", "f.relu", "f.c", "f.r");
  make_node(&g, "MaxPool", "pool", "f.r", "pool.y");
  make_ints(&g, "kernel_shape", two, 2);
  make_ints(&g, "strides", two, 2);
  make_node(&g, "Flatten", "flat", "pool.y", "flat.y");
  make_noise(&g, "fc1.w", fc1, 2, 0.3f);
  make_node(&g, "Gemm", "fc1", "flat.y fc1.w", "fc1.y");
  make_int(&g, "transB", 1);
  make_node(&g, "Relu", "fc1.relu", "fc1.y", "fc1.r");
  make_noise(&g, "fc2.w", fc2, 2, 1);
  make_node(&g, "Gemm", "fc2", "fc1.r fc2.w", "y");
  make_int(&g, "transB", 1);
  make_output(&g, "y");
  return make_model(&g, 13);
}

static wire network_named(const char *name) {
  return !strcmp(name, "lean")   ? lean_network()
         : !strcmp(name, "cam")  ? cam_network()
         : !strcmp(name, "flat") ? flat_network()
                                 : kinds_network();
}

static bool loaded(world *w, const char *network) {
  if (!w->file.data) w->file = network_named(network);
  w->net = gcam_model_create(ctx);
  return w->net && !gcam_model_load(w->net, w->file.data, w->file.size, GCAM_COPY) &&
         !gcam_model_finish(w->net);
}

static bool give_input(gcam_model *net) {
  float x[3 * PIXELS];
  int dims[4], n = 1;
  gcam_model_shape(net, gcam_model_input_name(net, 0), dims, 4);
  for (int i = 0; i < 4; i++) n *= dims[i];
  noise_seed(7);
  for (int i = 0; i < n; i++) x[i] = noise();
  return !gcam_model_set_input(net, NULL, x, (size_t)n);
}

static bool ready(world *w, const char *network) {
  return loaded(w, network) && give_input(w->net) && !gcam_model_forward(w->net);
}

/* ---- Loading -------------------------------------------------------------------------------- */

static bool begin_context(world *w, const char *argument) {
  (void)w, (void)argument;
  gcam_context_free(ctx);
  ctx = NULL;
  return true;
}

static gcam_status act_context(world *w) {
  (void)w;
  if (!ctx) ctx = gcam_context_create(1);
  return ctx ? GCAM_OK : GCAM_ERR_MEMORY;
}

static void see_context(world *w, result *r) {
  (void)w;
  int threads = gcam_thread_count(ctx);
  wire_append(r, &threads, sizeof threads);
}

/* A context is whole or not there: one without work space would have no memory for good. */
static void test_context(void) {
  for (int nth = 1;; nth++) {
    gcam_memory_fail_at(nth);
    int64_t before = gcam_memory_requests();
    gcam_context *made = gcam_context_create(1);
    bool failed_one = gcam_memory_requests() - before >= nth;
    gcam_memory_fail_at(0);
    check(!made == failed_one, "context", "made whole or not at all", nth);
    gcam_context_free(made);
    if (!failed_one) break;
  }
}

static bool begin_file(world *w, const char *network) {
  w->file = network_named(network);
  w->net = gcam_model_create(ctx);
  return w->net != NULL;
}

/* From the beginning: a failed load or finish leaves an empty model. */
static gcam_status act_load(world *w) {
  gcam_status status = gcam_model_load(w->net, w->file.data, w->file.size, GCAM_COPY);
  return status ? status : gcam_model_finish(w->net);
}

static gcam_status act_load_taken(world *w) {
  void *bytes = malloc(w->file.size);
  memcpy(bytes, w->file.data, w->file.size);
  gcam_status status = gcam_model_load(w->net, bytes, w->file.size, GCAM_TAKE);
  return status ? status : gcam_model_finish(w->net);
}

static void see_scores(world *w, result *r) {
  float scores[CLASSES] = {0};
  if (!give_input(w->net) || gcam_model_forward(w->net)) return;
  gcam_model_scores(w->net, scores, NULL);
  add_floats(r, scores, CLASSES);
}

static bool begin_model(world *w, const char *argument) {
  (void)w, (void)argument;
  return true;
}

static gcam_status act_create(world *w) {
  w->net = gcam_model_create(ctx);
  return w->net ? GCAM_OK : gcam_last_status(ctx);
}

static void see_nothing(world *w, result *r) { (void)w, (void)r; }

static gcam_status act_setting(world *w) {
  const int dims[] = {1, 3, 24, 24};
  gcam_status status = gcam_model_set_input_shape(w->net, "x", dims, 4);
  return status;
}

static void see_setting(world *w, result *r) {
  int dims[4] = {0};
  if (act_load(w)) return;
  gcam_model_shape(w->net, "x", dims, 4);
  wire_append(r, dims, sizeof dims);
}

static gcam_status act_outputs(world *w) {
  const char *const names[] = {"a.r", "y"};
  return gcam_model_set_outputs(w->net, names, 2);
}

static void see_outputs(world *w, result *r) {
  if (act_load(w)) return;
  for (int i = 0; i < gcam_model_output_count(w->net); i++) {
    const char *name = gcam_model_output_name(w->net, i);
    wire_append(r, name, strlen(name));
  }
}

/* ---- External data -------------------------------------------------------------------------- */

enum { OUTSIDE = CLASSES * 3 };

static bool begin_external(world *w, const char *argument) {
  (void)argument;
  make_graph g;
  const int64_t dims[] = {CLASSES, 3};
  wire tensor = {0}, entry = {0};
  begin_graph(&g, 3);
  for (int i = 0; i < 2; i++) wire_varint(&tensor, 1, (uint64_t)dims[i]);
  wire_varint(&tensor, 2, 1);
  wire_text(&tensor, 8, "outside");
  wire_text(&entry, 1, "location");
  wire_text(&entry, 2, "weights.bin");
  wire_message(&tensor, 13, &entry);
  wire_varint(&tensor, 14, 1);
  wire_message(&g.graph, 5, &tensor);
  make_node(&g, "GlobalAveragePool", "average", "x", "p");
  make_node(&g, "Flatten", "flat", "p", "f");
  make_node(&g, "Gemm", "fc", "f outside", "y");
  make_int(&g, "transB", 1);
  make_output(&g, "y");
  w->file = make_model(&g, 13);
  w->net = gcam_model_create(ctx);
  return w->net != NULL;
}

static gcam_status act_external(world *w) {
  float values[OUTSIDE];
  noise_seed(3);
  for (int i = 0; i < OUTSIDE; i++) values[i] = noise();
  gcam_status status = gcam_model_load(w->net, w->file.data, w->file.size, GCAM_COPY);
  for (int half = 0; half < 2 && !status; half++) { /* a failed push is pushed again */
    size_t size = sizeof values / 2;
    const char *bytes = (const char *)values + (size_t)half * size;
    for (int i = 0; i < 2; i++) {
      status = gcam_model_push(w->net, "weights.bin", (double)((size_t)half * size), bytes, size);
      if (status != GCAM_ERR_MEMORY) break;
    }
  }
  return status ? status : gcam_model_finish(w->net);
}

/* ---- Running -------------------------------------------------------------------------------- */

static bool begin_run(world *w, const char *network) { return loaded(w, network); }
static bool begin_forward(world *w, const char *network) {
  return loaded(w, network) && give_input(w->net);
}

static gcam_status act_forward(world *w) { return gcam_model_forward(w->net); }

static void see_last(world *w, result *r) {
  float scores[CLASSES] = {0};
  gcam_model_scores(w->net, scores, NULL);
  add_floats(r, scores, CLASSES);
}

static gcam_status act_picture(world *w) {
  static const gcam_preprocess pre = {.order = GCAM_BGR,
                                      .resize = GCAM_BICUBIC,
                                      .mean = {100, 110, 120, 0},
                                      .std = {50, 60, 70, 1},
                                      .fit = GCAM_PAD};
  if (!w->image) {
    uint8_t rgba[24 * 20 * 4];
    for (size_t i = 0; i < sizeof rgba; i++) rgba[i] = (uint8_t)(i * 37 + i / 11);
    w->image = gcam_image_from_rgba(ctx, rgba, 24, 20);
    if (!w->image) return gcam_last_status(ctx);
  }
  return gcam_model_set_image(w->net, w->image, &pre);
}

static void see_forward(world *w, result *r) {
  if (!gcam_model_forward(w->net)) see_last(w, r);
}

static bool begin_ready(world *w, const char *argument) {
  w->text = argument;
  return ready(w, "kinds");
}

static gcam_status act_top(world *w) {
  int ids[3];
  float probabilities[3];
  if (gcam_model_top(w->net, 3, ids, w->scores, probabilities) < 0) return gcam_last_status(ctx);
  w->scores[3] = (float)ids[0];
  return GCAM_OK;
}

static void see_kept(world *w, result *r) { add_floats(r, w->scores, 64); }

static gcam_status act_read(world *w) {
  int dims[6], n = 1, rank = gcam_model_shape(w->net, w->text, dims, 6);
  for (int i = 0; i < rank; i++) n *= dims[i];
  float *values = malloc((size_t)n * sizeof *values);
  gcam_status status = gcam_model_read(w->net, w->text, values, (size_t)n);
  for (int i = 0; i < n && !status; i++) w->scores[i % 64] += (float)(i % 7 + 1) * values[i];
  free(values);
  return status;
}

static gcam_status act_vjp(world *w) {
  float cotangent[2 * CLASSES] = {1, 0, -1, 0, 0.5f, 2, 0, 0}, *gradient;
  int dims[6], n = 1, rank = gcam_model_shape(w->net, w->text, dims, 6);
  for (int i = 0; i < rank; i++) n *= dims[i];
  gradient = malloc((size_t)(2 * n) * sizeof *gradient);
  gcam_status status = gcam_model_vjp(w->net, "logits", cotangent, 2, w->text, gradient);
  for (int i = 0; i < 2 * n && !status; i++) w->scores[i % 64] += (float)(i % 7 + 1) * gradient[i];
  free(gradient);
  return status;
}

/* After a failure the activations are no forward pass's any more: forward first, as the header
 * says. */
static gcam_status act_forward_from(world *w) {
  int dims[6], n = 1, rank = gcam_model_shape(w->net, w->text, dims, 6);
  for (int i = 0; i < rank; i++) n *= dims[i];
  float *values = malloc((size_t)n * sizeof *values);
  for (int i = 0; i < n; i++) values[i] = (float)(i % 5) - 2;
  gcam_status status = gcam_model_forward(w->net);
  if (!status) status = gcam_model_forward_from(w->net, w->text, values, (size_t)n);
  free(values);
  return status;
}

static gcam_status act_randomise(world *w) {
  return gcam_model_randomise(w->net, w->text[0] - '0', 11);
}

/* ---- Explaining ----------------------------------------------------------------------------- */

static bool begin_explain(world *w, const char *method) {
  const char *at = strchr(method, '@');
  static char name[64], layer[64];
  snprintf(name, sizeof name, "%.*s", at ? (int)(at - method) : 60, method);
  snprintf(layer, sizeof layer, "%s", at ? at + 1 : "");
  w->text = name;
  w->layer = *layer ? layer : NULL;
  bool cam = !strcmp(name, "cam") || (at && !strcmp(at, "@b.v"));
  bool lean = at && !strncmp(at, "@lean", 5);
  if (lean || (at && !strcmp(at, "@w.c"))) return ready(w, "lean");
  if (at && !strcmp(at, "@f.r")) return ready(w, "flat");
  return ready(w, cam ? "cam" : "kinds");
}

static gcam_status act_explain(world *w) {
  const int classes[] = {0, 2};
  static const struct {
    const char *name;
    double value;
  } options[] = {{"samples", 2}, {"steps", 2}, {"window", 8}, {"stride", 8}, {"grid", 2}};
  for (int i = 0; i < 5; i++) gcam_model_set_option(w->net, options[i].name, options[i].value);
  if (!strcmp(w->text, "smoothgrad")) gcam_model_set_option(w->net, "smooth", 2);
  return gcam_explain(w->net, w->text, w->layer, GCAM_SCORE_SOFTMAX, classes, 2);
}

static gcam_status act_augment(world *w) {
  gcam_model_set_option(w->net, "augment", 1);
  gcam_model_set_option(w->net, "eigen", 1);
  return act_explain(w);
}

static gcam_status act_task(world *w) {
  const float weights[CLASSES] = {1, -1, 0.5f, 0};
  gcam_model_set_option(w->net, "steps", 2);
  gcam_task *task = gcam_task_create(w->net, w->text, NULL, GCAM_SCORE_SOFTMAX, weights, 1);
  if (!task) return gcam_last_status(ctx);
  gcam_status status = GCAM_OK;
  while (!status && gcam_task_done(task) < gcam_task_total(task)) {
    status = gcam_task_step(task);
    if (status) status = gcam_task_step(task); /* the same step again */
    gcam_task_preview(task, 0);                /* without memory there is none */
  }
  gcam_task_free(task);
  return status;
}

static void see_maps(world *w, result *r) {
  int H = gcam_map_height(w->net), W = gcam_map_width(w->net), K = gcam_map_channels(w->net);
  for (int b = 0; b < gcam_map_count(w->net); b++) {
    add_floats(r, gcam_map_data(w->net, b), (size_t)(H * W));
    add_floats(r, gcam_map_weights(w->net, b), (size_t)K);
    add_floats(r, gcam_map_terms(w->net, b), (size_t)(H * W * K));
  }
  int warnings = gcam_warning_count(w->net);
  bool empty = true; /* which would be the same whatever went wrong */
  for (int i = 0; i < H * W; i++) empty &= gcam_map_data(w->net, 0)[i] == 0;
  check(!empty, w->text, "an empty map shows nothing", 0);
  wire_append(r, &warnings, sizeof warnings);
  see_last(w, r);
}

/* ---- Pictures ------------------------------------------------------------------------------- */

static void see_image(world *w, result *r) {
  int width = gcam_image_width(w->made), height = gcam_image_height(w->made);
  wire_append(r, &width, sizeof width);
  wire_append(r, gcam_image_rgba(w->made), (size_t)(width * height * 4));
}

static bool begin_decode(world *w, const char *name) {
  char path[128];
  size_t size;
  snprintf(path, sizeof path, "tests/golden/images/%s", name);
  void *bytes = read_file(path, &size);
  if (!bytes) return false;
  wire_append(&w->plain, bytes, size);
  free(bytes);
  return true;
}

static gcam_status act_decode(world *w) {
  w->made = gcam_image_decode(ctx, w->plain.data, w->plain.size);
  return w->made ? GCAM_OK : gcam_last_status(ctx);
}

static bool begin_picture(world *w, const char *argument) {
  w->text = argument;
  return begin_decode(w, "alpha.png") &&
         (w->image = gcam_image_decode(ctx, w->plain.data, w->plain.size)) != NULL;
}

static gcam_status made(world *w, gcam_image *image) {
  w->made = image;
  return image ? GCAM_OK : gcam_last_status(ctx);
}

static gcam_status act_rgba(world *w) {
  return made(w, gcam_image_from_rgba(ctx, gcam_image_rgba(w->image), gcam_image_width(w->image),
                                      gcam_image_height(w->image)));
}

static gcam_status act_resize(world *w) {
  return made(w, gcam_image_resize(ctx, w->image, 13, 21, (gcam_resize)(w->text[0] - '0')));
}

static gcam_status act_overlay(world *w) {
  const float map[] = {0, 0.5f, 1, 0.2f, 0.7f, 0.1f};
  return made(w, gcam_overlay(ctx, w->image, map, 3, 2, NULL, "turbo", 0.5f,
                              (gcam_resize)(w->text[0] - '0')));
}

static gcam_status act_grid(world *w) {
  gcam_image *const tiles[] = {w->image, w->image, w->image};
  const char *const titles[] = {"one", "Zwei \xc3\xa4", NULL};
  return made(w, gcam_grid(ctx, tiles, titles, 3, 2, 40));
}

static gcam_status act_png(world *w) {
  size_t size;
  const uint8_t *png = gcam_image_png(ctx, w->image, &size);
  if (!png) return gcam_last_status(ctx);
  w->plain.size = 0;
  wire_append(&w->plain, png, size);
  return GCAM_OK;
}

static void see_bytes(world *w, result *r) { wire_append(r, w->plain.data, w->plain.size); }

static gcam_status act_map_resize(world *w) {
  const float map[] = {0, 0.5f, 1, 0.2f, 0.7f, 0.1f};
  return gcam_map_resize(ctx, map, 3, 2, w->scores, 8, 8, NULL, 0, GCAM_BICUBIC);
}

/* ---- All of it ------------------------------------------------------------------------------ */

int main(int argc, char **argv) {
  const char *only = argc > 1 ? argv[1] : NULL;
  static const struct {
    scenario scenario;
    const char *arguments[20];
  } table[] = {
      {{"context", begin_context, act_context, see_context, NULL}, {NULL}},
      {{"create", begin_model, act_create, see_nothing, NULL}, {NULL}},
      {{"setting", begin_file, act_setting, see_setting, NULL}, {"cam"}},
      {{"outputs", begin_file, act_outputs, see_outputs, NULL}, {"cam"}},
      {{"load", begin_file, act_load, see_scores, NULL}, {"kinds", "lean", "cam"}},
      {{"load taken", begin_file, act_load_taken, see_scores, NULL}, {"kinds"}},
      {{"external", begin_external, act_external, see_scores, NULL}, {NULL}},
      {{"set_image", begin_run, act_picture, see_forward, NULL}, {"kinds"}},
      {{"forward", begin_forward, act_forward, see_last, NULL}, {"kinds", "lean", "cam"}},
      {{"top", begin_ready, act_top, see_kept, see_last}, {"kinds"}},
      {{"read", begin_ready, act_read, see_kept, see_last},
       {"stem.c", "stem.n", "wino.c", "depth.c", "pad.y", "scatter.c", "wino.w", "fc1.w"}},
      {{"vjp to", begin_ready, act_vjp, see_kept, see_last},
       {"x", "stem.c", "wino.r", "depth.c", "pad.y", "up.y", "fc1.y"}},
      {{"forward from", begin_ready, act_forward_from, see_last, NULL},
       {"stem.c", "wino.r", "depth.c", "pad.y", "up.y", "fc1.y"}},
      {{"randomise", begin_ready, act_randomise, see_scores, see_last}, {"1", "4", "9"}},
      {{"explain", begin_explain, act_explain, see_maps, see_last},
       {"gradcam@wino.c", "gradcam@stem.c,up.y", "gradcam@w.c", "gradcam@lean.r", "gradcam@f.r",
        "ablationcam@b.v", "layercam@depth.c", "scorecam@up.y"}},
      {{"augment", begin_explain, act_augment, see_maps, see_last}, {"hirescam", "gradientxinput"}},
      {{"task", begin_explain, act_task, see_maps, see_last}, {"integrated", "ablationcam"}},
      {{"decode", begin_decode, act_decode, see_image, NULL},
       {"baseline.jpg", "progressive.jpg", "cmyk.jpg", "exif6.jpg", "alpha.png", "interlaced.png",
        "gray16.png", "animated.gif", "24.bmp"}},
      {{"from_rgba", begin_picture, act_rgba, see_image, NULL}, {NULL}},
      {{"resize", begin_picture, act_resize, see_image, NULL}, {"0", "1", "2"}},
      {{"overlay", begin_picture, act_overlay, see_image, NULL}, {"0", "1", "2"}},
      {{"grid", begin_picture, act_grid, see_image, NULL}, {NULL}},
      {{"png", begin_picture, act_png, see_bytes, NULL}, {NULL}},
      {{"map_resize", begin_model, act_map_resize, see_kept, NULL}, {NULL}},
  };
  test_context();
  ctx = gcam_context_create(1);
  for (size_t s = 0; s < sizeof table / sizeof *table; s++) {
    if (only && !strstr(table[s].scenario.name, only)) continue;
    for (int a = 0; a == 0 || (a < 20 && table[s].arguments[a]); a++)
      fail_each(&table[s].scenario, table[s].arguments[a]);
  }
  static const scenario methods = {"explain", begin_explain, act_explain, see_maps, see_last};
  for (int m = 0; m < gcam_method_count() && (!only || strstr("explain", only)); m++)
    if (strcmp(gcam_method_name(m), "legrad") && strcmp(gcam_method_name(m), "rollout"))
      fail_each(&methods, gcam_method_name(m)); /* those two of a transformer: test_targets.c */
  gcam_context_free(ctx);
  printf("%d places where memory can end\n", all_sites);
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed ? 1 : 0;
}
