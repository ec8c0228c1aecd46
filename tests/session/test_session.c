/* test_session.c: a session gives the numbers of the definition however its values lie in memory
 * (in a concatenation, as views, hidden in a fused step), and is the same after a failure as
 * before.
 *
 * Expected values are those of the plain loops (GCAM_PLAIN), which know neither fused steps nor
 * concatenation in place, and of networks that say the same with other operators. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/small_network.h"

enum { SIZE = 8, PIXELS = SIZE * SIZE, C = 16, CLASSES = 4, MOST = 64 * PIXELS };

static gcam_context *ctx;
static int passed, failed;

static void check(bool ok, const char *what, double value) {
  if (ok)
    passed++;
  else
    failed++;
  if (!ok) printf("FAIL %s: %g\n", what, value);
}

static void begin(make_graph *g, int channels) {
  const int64_t dims[] = {1, channels, SIZE, SIZE};
  *g = (make_graph){0};
  noise_seed(2024);
  make_input(g, "x", 1, dims, 4);
}

static bool run(gcam_model *net, int channels) {
  float x[C * PIXELS];
  noise_seed(99);
  for (int i = 0; i < channels * PIXELS; i++) x[i] = noise();
  return !gcam_model_set_input(net, NULL, x, (size_t)(channels * PIXELS)) &&
         !gcam_model_forward(net);
}

/* max |a - b| / max |b|; infinite where one is not a number and the other is. */
static double apart(const float *a, const float *b, int n) {
  double error = 0, largest = 1e-30;
  for (int i = 0; i < n; i++) {
    if (isnan(a[i]) != isnan(b[i])) return INFINITY;
    if (isnan(a[i])) continue;
    error = fmax(error, fabs((double)a[i] - b[i]));
    largest = fmax(largest, fabs((double)b[i]));
  }
  return error / largest;
}

static int size_of(gcam_model *net, const char *tensor) {
  int dims[6], n = 1, rank = gcam_model_shape(net, tensor, dims, 6);
  for (int i = 0; i < rank; i++) n *= dims[i];
  return n;
}

/* ---- Concatenations ------------------------------------------------------------------------- */

/* Tensors a, b of one convolution each, and whatever `kind` makes of them: "joined". */
static const char *const joins[] = {
    "one twice",       "in two",          "read elsewhere", "an output too",   "nested",
    "a view of it",    "with a constant", "with the input", "as it should be", "twice, and another",
    "of views of one",
};

static void make_join(make_graph *g, int kind) {
  const int64_t constant[] = {1, 3, SIZE, SIZE};
  const char *in = "a b";
  begin(g, 3);
  make_conv(g, "conv_a", "x", "pre_a", 3, 5, 3, 1, 1);
  make_node(g, "Relu", "relu_a", "pre_a", "a");
  make_conv(g, "conv_b", "x", "b", 3, 7, 1, 1, 1);
  make_noise(g, "constant", constant, 4, 1);
  switch (kind) {
    case 0:
      in = "a a";
      break;
    case 1:
      in = "a first";
      break;
    case 2:
      in = "a more";
      break;
    case 4:
      in = "first x";
      break;
    case 5:
      in = "a_view b";
      break;
    case 6:
      in = "a constant b";
      break;
    case 7:
      in = "x a b";
      break;
    case 9:
      in = "a b a";
      break;
    case 10:
      in = "a_view a_again";
      break;
  }
  if (kind == 1 || kind == 4) {
    make_node(g, "Concat", "join_first", kind == 1 ? "b a" : "a b", "first");
    make_int(g, "axis", 1);
  }
  if (kind == 2) make_node(g, "Sigmoid", "sigmoid", "a", "more");
  if (kind == 5 || kind == 10) make_node(g, "Identity", "view", "a", "a_view");
  if (kind == 10) make_node(g, "Dropout", "again", "a", "a_again");
  make_node(g, "Concat", "join", in, "joined");
  make_int(g, "axis", 1);
}

static void concatenations(void) {
  static float fast[MOST], plain[MOST], slope[2][3 * PIXELS], cotangent[MOST];
  for (int kind = 0; kind < (int)(sizeof joins / sizeof *joins); kind++) {
    int n = 0;
    double error = 0;
    for (int precision = 0; precision < 2; precision++) {
      make_graph g;
      make_join(&g, kind);
      make_output(&g, "joined");
      if (kind == 3) make_output(&g, "a");
      gcam_model *net = load_graph(ctx, &g, precision ? GCAM_PLAIN : GCAM_FAST);
      if (!net || !run(net, 3)) {
        check(false, joins[kind], -1);
        gcam_model_free(net);
        return;
      }
      n = size_of(net, "joined");
      gcam_model_read(net, "joined", precision ? plain : fast, (size_t)n);
      noise_seed(5);
      for (int i = 0; i < n; i++) cotangent[i] = noise();
      gcam_model_vjp(net, "joined", cotangent, 1, "x", slope[precision]);
      if (precision == 0) { /* what lies in place is read, and split up, without moving others */
        float a[2][5 * PIXELS];
        check(!gcam_model_read(net, "a", a[0], 5 * PIXELS), joins[kind], 0);
        check(!gcam_model_read(net, "pre_a", a[1], 5 * PIXELS), joins[kind], 0);
        for (int i = 0; i < 5 * PIXELS; i++) a[1][i] = a[1][i] > 0 ? a[1][i] : 0;
        error = apart(a[0], a[1], 5 * PIXELS);
        check(error < 1e-6, joins[kind], error);
        float again[MOST];
        gcam_model_read(net, "joined", again, (size_t)n);
        check(!memcmp(again, fast, (size_t)n * sizeof *again), joins[kind], n);
        check(!gcam_model_forward(net), joins[kind], 0);
        gcam_model_read(net, "joined", again, (size_t)n);
        error = apart(again, fast, n);
        check(error < 1e-5, joins[kind], error);
      }
      gcam_model_free(net);
    }
    error = apart(fast, plain, n);
    check(error < 1e-5, joins[kind], error);
    error = apart(slope[0], slope[1], 3 * PIXELS);
    check(error < 1e-5, joins[kind], error);
  }
}

/* ---- Dense blocks --------------------------------------------------------------------------- */

/* Each layer reads all that the block has made so far, as DenseNet's do: c0 is x0, c1 is x0 and f1,
 * and so on to c3. */
enum { IN = 6, GROWTH = 5, LAYERS = 3, END = IN + LAYERS * GROWTH };

static const char *const blocks[] = {
    "a dense block",         "each joined to the one before", "behind a pooling",
    "one is an output, too", "a convolution reads one",       "one is joined again, far behind",
};

static void make_block(make_graph *g, int kind) {
  char join[64] = "x0", name[16], norm[16], active[16], layer[16];
  begin(g, 3);
  make_conv(g, "stem", "x", "stem_out", 3, IN, 3, 1, 1);
  make_node(g, kind == 2 ? "MaxPool" : "Relu", "begin", "stem_out", "x0");
  if (kind == 2) {
    make_ints(g, "kernel_shape", (int64_t[]){3, 3}, 2);
    make_ints(g, "pads", (int64_t[]){1, 1, 1, 1}, 4);
  }
  for (int i = 0; i <= LAYERS; i++) {
    int channels = IN + i * GROWTH;
    snprintf(name, sizeof name, "c%d", i), snprintf(norm, sizeof norm, "n%d", i);
    snprintf(active, sizeof active, "r%d", i), snprintf(layer, sizeof layer, "f%d", i + 1);
    make_node(g, "Concat", name, join, name);
    make_int(g, "axis", 1);
    make_norm(g, norm, name, norm, channels);
    make_node(g, "Relu", active, norm, active);
    if (i < LAYERS) make_conv(g, layer, active, layer, channels, GROWTH, i == 1 ? 1 : 3, 1, 1);
    if (kind == 1) strcpy(join, name);
    strcat(strcat(join, " "), layer);
  }
  if (kind == 4) {
    make_conv(g, "side", "c1", "aside", IN + GROWTH, END, 1, 1, 1);
    make_node(g, "Add", "add", "r3 aside", "all");
  }
  if (kind == 5) {
    make_node(g, "Concat", "again", "r3 c1", "longer");
    make_int(g, "axis", 1);
    make_conv(g, "end", "longer", "all", END + IN + GROWTH, END, 1, 1, 1);
  }
  make_head(g, kind >= 4 ? "all" : "r3", END, CLASSES);
  if (kind == 3) make_output(g, "c1");
}

/* What the block gives: its values, their gradients, what becomes of its scores where one value is
 * another, and Ablation-CAM at each. Which comes first decides what the next finds. */
static int block_numbers(gcam_model *net, const char *what, bool last_first, float *to) {
  static const char *const values[] = {"x0", "c0", "f1", "c1", "f2", "c2", "f3", "c3"};
  static float other[MOST];
  static const float one[CLASSES] = {0, 1};
  const int count = (int)(sizeof values / sizeof *values), class = 1;
  float scores[CLASSES], again[CLASSES], *at = to;
  bool ok = !gcam_model_read(net, "y", scores, CLASSES);
  for (int v = 0; ok && v < count; v++, at += size_of(net, values[v - 1]))
    ok = !gcam_model_read(net, values[v], at, (size_t)size_of(net, values[v]));
  for (int v = 0; ok && v < count; v++, at += size_of(net, values[v - 1]))
    ok = !gcam_model_vjp(net, "y", one, 1, values[v], at);
  for (int i = 0; ok && i < count; i++, at += CLASSES) { /* all others stay what they are */
    const char *value = values[last_first ? count - 1 - i : i];
    size_t n = (size_t)size_of(net, value);
    for (size_t k = 0; k < n; k++) other[k] = noise();
    ok = !gcam_model_forward_from(net, value, other, n) &&
         !gcam_model_read(net, "y", at, CLASSES) && run(net, 3) &&
         !gcam_model_read(net, "y", again, CLASSES);
    check(apart(again, scores, CLASSES) < 1e-5, what, i);
  }
  for (int v = 0; ok && v < count; v++) {
    int channels = size_of(net, values[v]) / PIXELS;
    ok = !gcam_explain(net, "ablationcam", values[v], GCAM_SCORE_LOGIT, &class, 1);
    if (ok) memcpy(at, gcam_map_weights(net, 0), (size_t)channels * sizeof *at);
    at += channels;
  }
  check(ok, what, (double)(at - to));
  return (int)(at - to);
}

static void dense_blocks(void) {
  static float numbers[2][4 * MOST];
  double bytes[sizeof blocks / sizeof *blocks];
  for (int i = 0; i < 2 * (int)(sizeof blocks / sizeof *blocks); i++) {
    int kind = i / 2;
    int n[2] = {0};
    for (int precision = 0; precision < 2; precision++) {
      make_graph g;
      make_block(&g, kind);
      gcam_model *net = load_graph(ctx, &g, precision ? GCAM_PLAIN : GCAM_FAST);
      if (net && !precision) bytes[kind] = gcam_model_activation_bytes(net);
      if (net && run(net, 3))
        n[precision] = block_numbers(net, blocks[kind], i % 2, numbers[precision]);
      gcam_model_free(net);
    }
    check(n[0] == n[1] && n[0] > 0, blocks[kind], n[0]);
    double error = apart(numbers[0], numbers[1], n[0]);
    check(error < 1e-5, blocks[kind], error);
  }
  /* Of all that are joined only the last has memory, unless somebody wants another by itself. */
  check(bytes[1] == bytes[0], "bytes of a dense block, nested", bytes[1] - bytes[0]);
  check(bytes[3] - bytes[0] == (IN + GROWTH) * PIXELS * sizeof(float), "bytes of an output",
        bytes[3] - bytes[0]);
}

/* ---- Ablation at views ---------------------------------------------------------------------- */

/* r -> `way` v -> convolution, and r -> another: the sum of both goes to the head. `way` leaves the
 * numbers as they are. */
static bool ablated(const char *way, bool twice, double seen[C]) {
  make_graph g;
  const float one = 1;
  begin(&g, 3);
  make_conv(&g, "conv1", "x", "pre", 3, C, 3, 1, 1);
  make_node(&g, "Relu", "relu", "pre", "r");
  make_weight(&g, "one", 1, NULL, 0, &one, sizeof one);
  if (twice) make_node(&g, "Identity", "before", "r", "r2");
  const char *from = twice ? "r2" : "r";
  char inputs[32];
  snprintf(inputs, sizeof inputs, "%s%s", from, strcmp(way, "Mul") ? "" : " one");
  make_node(&g, way, "way", inputs, "v");
  if (!strcmp(way, "Cast")) make_int(&g, "to", 1);
  make_conv(&g, "conv2", "v", "s", C, C, 3, 1, 1);
  make_conv(&g, "conv3", "r", "t", C, C, 1, 1, 1);
  make_node(&g, "Add", "add", "s t", "both");
  make_node(&g, "Add", "add2", "both r", "all");
  make_head(&g, "all", C, CLASSES);
  gcam_model *net = load_graph(ctx, &g, GCAM_FAST);
  const int class = 1;
  bool ok =
      net && run(net, 3) && !gcam_explain(net, "ablationcam", "v", GCAM_SCORE_LOGIT, &class, 1);
  for (int k = 0; ok && k < C; k++) seen[k] = gcam_map_weights(net, 0)[k];
  if (ok) { /* and nothing stays changed */
    float before[CLASSES], after[CLASSES];
    gcam_model_scores(net, before, NULL);
    run(net, 3);
    gcam_model_scores(net, after, NULL);
    check(!memcmp(before, after, sizeof before), way, after[0] - before[0]);
  }
  gcam_model_free(net);
  return ok;
}

static void views(void) {
  double expected[C], seen[C];
  check(ablated("Mul", false, expected), "ablation at a product by 1", 0);
  const char *const ways[] = {"Identity", "Dropout", "Cast"};
  for (int way = 0; way < 6; way++) {
    check(ablated(ways[way % 3], way >= 3, seen), ways[way % 3], 0);
    double error = 0, largest = 0;
    for (int k = 0; k < C; k++) {
      error = fmax(error, fabs(seen[k] - expected[k]));
      largest = fmax(largest, fabs(expected[k]));
    }
    check(error < 1e-5 * largest && largest > 1e-3, ways[way % 3], error / largest);
  }
}

/* ---- A Split whose first part nobody reads -------------------------------------------------- */

static bool halved(bool split, double seen[C]) {
  make_graph g;
  const int64_t two[] = {2}, one[] = {1}, parts[] = {C / 2, C / 2};
  const int64_t starts[] = {C / 2}, ends[] = {C}, axes[] = {1};
  begin(&g, 3);
  make_conv(&g, "conv1", "x", "pre", 3, C, 3, 1, 1);
  make_node(&g, "Relu", "relu", "pre", "r");
  if (split) {
    make_weight(&g, "parts", 7, two, 1, parts, sizeof parts);
    make_node(&g, "Split", "half", "r parts", "unread v");
    make_int(&g, "axis", 1);
  } else {
    make_weight(&g, "starts", 7, one, 1, starts, sizeof starts);
    make_weight(&g, "ends", 7, one, 1, ends, sizeof ends);
    make_weight(&g, "axes", 7, one, 1, axes, sizeof axes);
    make_node(&g, "Slice", "half", "r starts ends axes", "v");
  }
  make_conv(&g, "conv2", "v", "s", C / 2, C, 3, 1, 1);
  make_head(&g, "s", C, CLASSES);
  gcam_model *net = load_graph(ctx, &g, GCAM_FAST);
  const int class = 2;
  bool ok =
      net && run(net, 3) && !gcam_explain(net, "ablationcam", "r", GCAM_SCORE_LOGIT, &class, 1);
  for (int k = 0; ok && k < C; k++) seen[k] = gcam_map_weights(net, 0)[k];
  gcam_model_free(net);
  return ok;
}

static void unread_part(void) {
  double split[C], slice[C], error = 0, largest = 0;
  check(halved(true, split) && halved(false, slice), "half of the channels", 0);
  for (int k = 0; k < C; k++) {
    error = fmax(error, fabs(split[k] - slice[k]));
    largest = fmax(largest, fabs(split[k]));
  }
  check(largest > 1e-3, "a Split runs again whichever part is read", largest);
  check(error < 1e-6, "as Slice does", error);
}

/* ---- Hidden values without memory ----------------------------------------------------------- */

/* Every kind of fused step: Winograd (whose kernel holds the only copy of the weights), with a
 * norm, with a Pad, and into a concatenation. */
static gcam_model *hidden_network(gcam_precision precision) {
  make_graph g;
  const int64_t pads[] = {0, 0, 1, 1, 0, 0, 1, 1}, eight[] = {8};
  begin(&g, C);
  make_conv(&g, "conv1", "x", "c1", C, C, 3, 1, 1);
  make_node(&g, "Relu", "relu1", "c1", "r1");
  make_conv(&g, "conv2", "r1", "c2", C, C, 3, 1, 1);
  make_norm(&g, "norm2", "c2", "n2", C);
  make_node(&g, "Relu", "relu2", "n2", "r2");
  make_weight(&g, "pads", 7, eight, 1, pads, sizeof pads);
  make_node(&g, "Pad", "pad", "r2 pads", "p3");
  make_conv(&g, "conv3", "p3", "c3", C, C, 1, 1, 1);
  make_node(&g, "Relu", "relu3", "c3", "r3");
  make_conv(&g, "conv5", "r3", "c5", C, C, 3, 1, 1);
  make_node(&g, "Relu", "relu5", "c5", "r5");
  make_conv(&g, "conv6", "r3", "c6", C, C, 1, 1, 1);
  make_node(&g, "Concat", "join", "r5 c6", "joined");
  make_int(&g, "axis", 1);
  make_head(&g, "joined", 2 * C, CLASSES);
  return load_graph(ctx, &g, precision);
}

static void hidden(void) {
  static float expected[C * 100], seen[C * 100];
  const char *const tensors[] = {"c1", "n2", "c2", "p3", "c3", "c5"};
  gcam_model *plain = hidden_network(GCAM_PLAIN);
  if (!plain || !run(plain, C)) {
    check(false, "a network with hidden values", 0);
    return;
  }
  for (int t = 0; t < 6; t++) {
    int n = size_of(plain, tensors[t]), sites = 0;
    gcam_model_read(plain, tensors[t], expected, (size_t)n);
    gcam_model *net = hidden_network(GCAM_FAST);
    float scores[CLASSES], again[CLASSES];
    const int class = 3;
    run(net, C);
    gcam_model_scores(net, scores, NULL);
    for (int at = 1; at < 200; at++) {
      gcam_memory_fail_at(at);
      gcam_status status = gcam_model_read(net, tensors[t], seen, (size_t)n);
      gcam_memory_fail_at(0);
      if (!status) break;
      sites++;
      check(status == GCAM_ERR_MEMORY && *gcam_message(ctx), "a failed read says so", status);
      gcam_model_scores(net, again, NULL);
      check(!memcmp(scores, again, sizeof scores), "the scores are still there", 0);
      if (at % 2) continue; /* fail twice in a row, too */
      check(run(net, C), "forward runs after a failed read", at);
      gcam_model_scores(net, again, NULL);
      check(!memcmp(scores, again, sizeof scores), "and gives the same", again[0] - scores[0]);
      check(!gcam_explain(net, NULL, "r2", GCAM_SCORE_LOGIT, &class, 1), gcam_message(ctx), at);
    }
    check(sites > 3, "places where a read can fail", sites);
    double error = apart(seen, expected, n);
    check(error < 1e-4, tensors[t], error);
    /* the picture may change afterwards, and every other value can still be had */
    check(run(net, C), "forward", t);
    for (int u = 0; u < 6; u++) {
      n = size_of(plain, tensors[u]);
      gcam_model_read(plain, tensors[u], expected, (size_t)n);
      check(!gcam_model_read(net, tensors[u], seen, (size_t)n), tensors[u], 0);
      error = apart(seen, expected, n);
      check(error < 1e-4, tensors[u], error);
    }
    gcam_model_free(net);
  }
  gcam_model_free(plain);
}

/* ---- NaN ------------------------------------------------------------------------------------ */

static void not_a_number(void) {
  float out[2][C * PIXELS], slope[2][3 * PIXELS], cotangent[C * PIXELS];
  for (int precision = 0; precision < 2; precision++) {
    make_graph g;
    begin(&g, 3);
    make_conv(&g, "conv", "x", "c", 3, C, 1, 1, 1);
    make_node(&g, "Relu", "relu", "c", "y");
    make_output(&g, "y");
    gcam_model *net = load_graph(ctx, &g, precision ? GCAM_PLAIN : GCAM_FAST);
    float x[3 * PIXELS];
    noise_seed(3);
    for (int i = 0; i < 3 * PIXELS; i++) x[i] = noise();
    x[17] = NAN;
    for (int i = 0; i < C * PIXELS; i++) cotangent[i] = noise();
    gcam_model_set_input(net, NULL, x, 3 * PIXELS);
    gcam_model_forward(net);
    gcam_model_read(net, "y", out[precision], C * PIXELS);
    gcam_model_vjp(net, "y", cotangent, 1, "x", slope[precision]);
    gcam_model_free(net);
  }
  check(isnan(out[1][17]) && !isnan(out[1][18]), "NaN passes a ReLU", out[1][17]);
  check(apart(out[0], out[1], C * PIXELS) < 1e-5, "fused, too", out[0][17]);
  check(apart(slope[0], slope[1], 3 * PIXELS) < 1e-5, "and the way back", slope[0][17]);
  check(slope[1][17] != 0, "where PyTorch's ReLU lets the gradient through", slope[1][17]);
}

int main(void) {
  ctx = gcam_context_create(1);
  concatenations();
  dense_blocks();
  views();
  unread_part();
  hidden();
  not_a_number();
  gcam_context_free(ctx);
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed ? 1 : 0;
}
