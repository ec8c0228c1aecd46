/* Operators whose attributes or shapes make no sense are refused when the model is loaded, with a
 * status and words that name the node; the context works afterwards. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gradcam.h"
#include "support/onnx_writer.h"

static int passed, failed;
static gcam_context *ctx;

/* Loads what `w` holds; it must fail with `status` (0: it must work) and mention `words`. */
static void expect(const char *what, make_graph *w, int opset, gcam_status status,
                   const char *words) {
  make_output(w, "y");
  wire model = make_model(w, opset);
  *w = (make_graph){0};
  gcam_model *net = gcam_model_create(ctx);
  gcam_status got = gcam_model_load(net, model.data, model.size, GCAM_COPY);
  if (!got) got = gcam_model_finish(net);
  if (got == status && (!status || strstr(gcam_message(ctx), words))) {
    passed++;
  } else {
    failed++;
    printf("FAILED %s: status %d instead of %d, \"%s\" instead of \"... %s ...\"\n", what, got,
           status, gcam_message(ctx), words);
  }
  gcam_model_free(net);
  wire_free(&model);
}

/* A float weight; its values do not matter here. */
static void weight(make_graph *w, const char *name, const int64_t *dims, int rank) {
  static float zeros[4096];
  size_t size = sizeof *zeros;
  for (int i = 0; i < rank; i++) size *= (size_t)dims[i];
  make_weight(w, name, 1, dims, rank, zeros, size);
}

/* x, w and an open Conv node. */
static make_graph conv(const int64_t *x, int x_rank, const int64_t *k, int k_rank) {
  make_graph w = {0};
  make_input(&w, "x", 1, x, x_rank);
  weight(&w, "w", k, k_rank);
  make_node(&w, "Conv", "", "x w", "y");
  return w;
}

#define X4 ((int64_t[]){1, 4, 8, 8}), 4
#define K4 ((int64_t[]){6, 4, 3, 3}), 4
#define INTS(...) (int64_t[]){__VA_ARGS__}, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8)

static void test_conv(void) {
  make_graph w = conv(X4, K4);
  expect("a good one", &w, 13, GCAM_OK, "");
  w = conv(INTS(1, 4, 3, 8, 8), INTS(6, 4, 1, 3, 3));
  expect("3-D", &w, 13, GCAM_ERR_UNSUPPORTED, "3 spatial axes");
  w = conv(INTS(1, 4), INTS(6, 4));
  expect("no spatial axis", &w, 13, GCAM_ERR_MODEL, "no spatial axis");
  w = conv(X4, INTS(6, 4, 3));
  expect("ranks differ", &w, 13, GCAM_ERR_MODEL, "rank 3");
  w = conv(X4, INTS(6, 5, 3, 3));
  expect("channels differ", &w, 13, GCAM_ERR_MODEL, "do not fit");
  for (int64_t group = -1; group < 4; group++) {
    if (group == 1) continue;
    w = conv(X4, K4);
    make_int(&w, "group", group);
    expect("groups", &w, 13, GCAM_ERR_MODEL, "groups");
  }
  w = conv(X4, INTS(6, 4, 9, 3));
  expect("window over the input", &w, 13, GCAM_ERR_MODEL, "does not fit");
  w = conv(X4, INTS(6, 4, 0, 3));
  expect("an empty kernel", &w, 13, GCAM_ERR_MODEL, "");
  w = conv(X4, K4);
  make_ints(&w, "kernel_shape", INTS(3, 2));
  expect("kernel_shape against the weight", &w, 13, GCAM_ERR_MODEL, "kernel_shape");
  w = conv(X4, K4);
  make_text(&w, "auto_pad", "SOME");
  expect("auto_pad", &w, 13, GCAM_ERR_MODEL, "auto_pad");
  static const char *const lists[] = {"strides", "dilations", "pads"};
  for (int i = 0; i < 3; i++) {
    static const int64_t values[] = {INT64_MIN, -1, INT64_MAX, (int64_t)1 << 32};
    for (int v = 0; v < 4; v++) {
      int64_t list[4] = {1, values[v], 1, 1};
      w = conv(X4, K4);
      make_ints(&w, lists[i], list, i == 2 ? 4 : 2);
      expect(lists[i], &w, 13, i == 2 && values[v] < 0 ? GCAM_ERR_UNSUPPORTED : GCAM_ERR_MODEL,
             lists[i]);
    }
    w = conv(X4, K4);
    make_ints(&w, lists[i], INTS(1, 1, 1));
    expect("a list of another length", &w, 13, GCAM_ERR_MODEL, lists[i]);
    w = conv(X4, K4);
    make_int(&w, lists[i], 1);
    expect("no list", &w, 13, GCAM_ERR_MODEL, lists[i]);
  }
  w = conv(X4, K4);
  make_ints(&w, "pads", INTS(16777215, 16777215, 16777215, 16777215));
  expect("an output over all limits", &w, 13, GCAM_ERR_MEMORY, "too large");
  w = (make_graph){0};
  make_input(&w, "x", 1, X4);
  weight(&w, "w", K4);
  weight(&w, "b", INTS(5));
  make_node(&w, "Conv", "", "x w b", "y");
  expect("bias", &w, 13, GCAM_ERR_MODEL, "bias");
  w = (make_graph){0};
  make_input(&w, "x", 1, X4);
  make_node(&w, "Conv", "", "x", "y");
  expect("no weight", &w, 13, GCAM_ERR_MODEL, "Conv");
}

static make_graph conv_transpose(const int64_t *k, int k_rank) {
  make_graph w = {0};
  make_input(&w, "x", 1, X4);
  weight(&w, "w", k, k_rank);
  make_node(&w, "ConvTranspose", "", "x w", "y");
  return w;
}

static void test_conv_transpose(void) {
  make_graph w = conv_transpose(INTS(4, 6, 3, 3));
  expect("a good one", &w, 13, GCAM_OK, "");
  w = conv_transpose(INTS(6, 4, 3, 3));
  expect("channels differ", &w, 13, GCAM_ERR_MODEL, "do not fit");
  w = conv_transpose(INTS(4, 6, 3, 3));
  make_int(&w, "group", 3);
  expect("groups", &w, 13, GCAM_ERR_MODEL, "groups");
  w = conv_transpose(INTS(4, 6, 3, 3));
  make_ints(&w, "pads", INTS(5, 5, 5, 5));
  expect("nothing is left", &w, 13, GCAM_ERR_MODEL, "nothing is left");
  w = conv_transpose(INTS(4, 6, 3, 3));
  make_ints(&w, "output_shape", INTS(INT64_MAX, 4));
  expect("output_shape", &w, 13, GCAM_ERR_MODEL, "output_shape");
  w = conv_transpose(INTS(4, 6, 3, 3));
  make_ints(&w, "output_padding", INTS(-1, 0));
  expect("output_padding", &w, 13, GCAM_ERR_MODEL, "output_padding");
  w = conv_transpose(INTS(4, 6, 3, 3));
  make_ints(&w, "strides", INTS(16777215, 16777215));
  expect("an output over all limits", &w, 13, GCAM_ERR_MEMORY, "too large");
}

static make_graph single(const char *op, const int64_t *x, int rank, const char *outputs) {
  make_graph w = {0};
  make_input(&w, "x", 1, x, rank);
  make_node(&w, op, "", "x", outputs);
  return w;
}

static void test_pools(void) {
  static const char *const pools[] = {"MaxPool", "AveragePool"};
  for (int i = 0; i < 2; i++) {
    make_graph w = single(pools[i], X4, "y");
    make_ints(&w, "kernel_shape", INTS(3, 3));
    expect("a good one", &w, 13, GCAM_OK, "");
    w = single(pools[i], X4, "y");
    expect("no kernel_shape", &w, 13, GCAM_ERR_MODEL, "kernel_shape");
    w = single(pools[i], X4, "y");
    make_ints(&w, "kernel_shape", INTS(0, 3));
    expect("an empty kernel", &w, 13, GCAM_ERR_MODEL, "kernel_shape");
    w = single(pools[i], X4, "y");
    make_ints(&w, "kernel_shape", INTS(2, 2));
    make_ints(&w, "pads", INTS(2, 0, 0, 0));
    expect("a window of padding alone", &w, 13, GCAM_ERR_UNSUPPORTED, "padding");
    w = single(pools[i], INTS(1, 4, 2, 8, 8), "y");
    make_ints(&w, "kernel_shape", INTS(2, 2, 2));
    expect("3-D", &w, 13, GCAM_ERR_UNSUPPORTED, "3 spatial axes");
  }
  make_graph w = single("MaxPool", X4, "p i");
  make_ints(&w, "kernel_shape", INTS(2, 2));
  make_node(&w, "Add", "", "p i", "y");
  expect("Indices are read", &w, 13, GCAM_OK, "");
  w = single("MaxPool", INTS(1, 4, 2049, 2049), "p i");
  make_ints(&w, "kernel_shape", INTS(2, 2));
  make_node(&w, "Add", "", "p i", "y");
  expect("Indices that floats do not tell apart", &w, 13, GCAM_ERR_UNSUPPORTED, "2^24");
  w = single("MaxPool", X4, "p i");
  make_ints(&w, "kernel_shape", INTS(2, 2));
  make_node(&w, "MaxUnpool", "", "x i", "y");
  make_ints(&w, "kernel_shape", INTS(2, 2));
  expect("places for other values", &w, 13, GCAM_ERR_MODEL, "do not fit");
  w = single("MaxPool", X4, "p i");
  make_ints(&w, "kernel_shape", INTS(2, 2));
  make_node(&w, "MaxUnpool", "", "p i", "y");
  expect("no kernel_shape", &w, 13, GCAM_ERR_MODEL, "kernel_shape");
  w = single("MaxPool", X4, "y i");
  make_ints(&w, "kernel_shape", INTS(2, 2));
  expect("Indices are not read", &w, 13, GCAM_OK, "");
  w = single("GlobalAveragePool", INTS(1, 4), "y");
  expect("no pixels", &w, 13, GCAM_ERR_MODEL, "pixels");
}

static void test_products(void) {
  make_graph w = {0};
  make_input(&w, "x", 1, INTS(2, 4));
  weight(&w, "w", INTS(5, 6));
  make_node(&w, "Gemm", "", "x w", "y");
  expect("Gemm, sizes", &w, 13, GCAM_ERR_MODEL, "cannot multiply");
  make_input(&w, "x", 1, INTS(2, 4, 1));
  weight(&w, "w", INTS(4, 6));
  make_node(&w, "Gemm", "", "x w", "y");
  expect("Gemm, rank", &w, 13, GCAM_ERR_MODEL, "cannot multiply");
  make_input(&w, "x", 1, INTS(2, 4));
  weight(&w, "w", INTS(4, 6));
  weight(&w, "c", INTS(3, 6));
  make_node(&w, "Gemm", "", "x w c", "y");
  expect("Gemm, C", &w, 13, GCAM_ERR_MODEL, "broadcast");
  make_input(&w, "x", 1, INTS(2, 3, 4));
  weight(&w, "w", INTS(5, 6));
  make_node(&w, "MatMul", "", "x w", "y");
  expect("MatMul, sizes", &w, 13, GCAM_ERR_MODEL, "cannot multiply");
  make_input(&w, "x", 1, INTS(2, 3, 4));
  weight(&w, "w", INTS(3, 4, 6));
  make_node(&w, "MatMul", "", "x w", "y");
  expect("MatMul, batches", &w, 13, GCAM_ERR_MODEL, "cannot multiply");
}

static make_graph batch_norm(int64_t channels, const char *outputs) {
  make_graph w = {0};
  make_input(&w, "x", 1, X4);
  weight(&w, "s", INTS(4));
  weight(&w, "v", INTS(channels));
  make_node(&w, "BatchNormalization", "", "x s s s v", outputs);
  return w;
}

static void test_normalisation(void) {
  make_graph w = batch_norm(4, "y");
  expect("a good one", &w, 15, GCAM_OK, "");
  w = batch_norm(5, "y");
  expect("a statistic of another length", &w, 15, GCAM_ERR_MODEL, "4 values");
  w = batch_norm(4, "y");
  make_int(&w, "training_mode", 1);
  expect("training", &w, 15, GCAM_ERR_UNSUPPORTED, "training");
  w = batch_norm(4, "y");
  make_int(&w, "spatial", 0);
  expect("spatial 0", &w, 7, GCAM_ERR_UNSUPPORTED, "spatial");
  w = single("LRN", X4, "y");
  expect("LRN without size", &w, 13, GCAM_ERR_MODEL, "LRN");
  w = single("LRN", X4, "y");
  make_int(&w, "size", INT64_MAX);
  expect("LRN, any size is a window", &w, 13, GCAM_OK, "");
}

static make_graph norm(const char *op, const int64_t *values, int rank) {
  make_graph w = {0};
  make_input(&w, "x", 1, X4);
  weight(&w, "s", values, rank);
  make_node(&w, op, "", strcmp(op, "RMSNormalization") ? "x s s" : "x s", "y");
  return w;
}

static void test_norms(void) {
  make_graph w = norm("LayerNormalization", INTS(8));
  expect("a good one", &w, 17, GCAM_OK, "");
  w = norm("LayerNormalization", INTS(7));
  expect("a scale of another length", &w, 17, GCAM_ERR_MODEL, "8 is needed");
  w = norm("RMSNormalization", INTS(8));
  make_int(&w, "axis", 2);
  expect("a scale for fewer axes", &w, 23, GCAM_ERR_MODEL, "8x8 is needed");
  w = norm("LayerNormalization", INTS(8));
  make_int(&w, "axis", 4);
  expect("an axis outside", &w, 17, GCAM_ERR_MODEL, "axis 4");
  w = norm("InstanceNormalization", INTS(8));
  expect("a scale that is no channel's", &w, 13, GCAM_ERR_MODEL, "4 is needed");
  static const int64_t groups[] = {-2, 0, 3, INT64_MAX};
  for (int i = 0; i < 4; i++) {
    w = norm("GroupNormalization", INTS(4));
    make_int(&w, "num_groups", groups[i]);
    expect("groups", &w, 21, GCAM_ERR_MODEL, "groups");
  }
  w = norm("GroupNormalization", INTS(4));
  make_int(&w, "num_groups", 2);
  expect("a scale for each channel in opset 18", &w, 18, GCAM_ERR_MODEL, "2 is needed");
}

static make_graph indexed(const char *op, const int64_t *dims, int rank, const int64_t *values) {
  make_graph w = {0};
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dims[i];
  make_input(&w, "x", 1, INTS(3, 4));
  make_weight(&w, "i", 7, dims, rank, values, (size_t)n * sizeof *values);
  bool scatters = !strncmp(op, "Scatter", 7);
  if (scatters) weight(&w, "u", INTS(2, 4));
  make_node(&w, op, "", scatters ? "x i u" : "x i", "y");
  return w;
}

static void test_indices(void) {
  make_graph w = indexed("Gather", INTS(2), (int64_t[]){2, -3});
  expect("a good one", &w, 13, GCAM_OK, "");
  static const int64_t outside[] = {3, -4, INT64_MAX, INT64_MIN};
  for (int i = 0; i < 4; i++) {
    int64_t index[] = {0, outside[i]};
    w = indexed("Gather", INTS(2), index);
    expect("an index outside", &w, 13, GCAM_ERR_MODEL, "outside an input of 3x4");
    w = indexed("GatherElements", INTS(2, 1), index);
    expect("an index outside", &w, 13, GCAM_ERR_MODEL, "outside an input of 3x4");
    w = indexed("GatherND", INTS(2, 1), index);
    expect("an index outside", &w, 13, GCAM_ERR_MODEL, "outside an input of 3x4");
    w = indexed("ScatterND", INTS(2, 1), index);
    expect("an index outside", &w, 13, GCAM_ERR_MODEL, "outside an input of 3x4");
  }
  w = indexed("Gather", INTS(2), (int64_t[]){0, 0});
  make_int(&w, "axis", 2);
  expect("an axis outside", &w, 13, GCAM_ERR_MODEL, "axis 2");
  w = indexed("Gather", INTS(1, 1, 1, 1, 1, 1), (int64_t[]){0});
  expect("too many axes", &w, 13, GCAM_ERR_UNSUPPORTED, "rank 7");
  w = indexed("GatherElements", INTS(2), (int64_t[]){0, 0});
  expect("indices of another rank", &w, 13, GCAM_ERR_MODEL, "do not fit");
  w = indexed("GatherND", INTS(1, 3), (int64_t[]){0, 0, 0});
  expect("tuples longer than the rank", &w, 13, GCAM_ERR_MODEL, "do not fit");
  w = indexed("GatherND", INTS(2, 1), (int64_t[]){0, 0});
  make_int(&w, "batch_dims", -1);
  expect("batch_dims", &w, 13, GCAM_ERR_MODEL, "batch axes");
  w = indexed("ScatterND", INTS(3, 1), (int64_t[]){0, 1, 2});
  expect("updates of another shape", &w, 13, GCAM_ERR_MODEL, "updates are 2x4");
  w = indexed("ScatterND", INTS(2, 1), (int64_t[]){0, 1});
  make_text(&w, "reduction", "mul");
  expect("reduction", &w, 16, GCAM_ERR_UNSUPPORTED, "mul");
  make_input(&w, "x", 1, INTS(3, 4));
  make_input(&w, "i", 1, INTS(1));
  make_node(&w, "Gather", "", "x i", "y");
  expect("computed indices", &w, 13, GCAM_ERR_UNSUPPORTED, "must be a constant");
  make_input(&w, "x", 1, INTS(3, 4));
  weight(&w, "i", INTS(1));
  make_node(&w, "Gather", "", "x i", "y");
  expect("indices that are no integers", &w, 13, GCAM_ERR_MODEL, "integers");
  w = indexed("Expand", INTS(2), (int64_t[]){2, 4});
  expect("Expand", &w, 13, GCAM_ERR_MODEL, "expanded to 2x4");
  w = indexed("Expand", INTS(3), (int64_t[]){INT64_MAX, 3, 4});
  expect("Expand, over all limits", &w, 13, GCAM_ERR_MEMORY, "too large");
  w = indexed("Tile", INTS(1), (int64_t[]){2});
  expect("Tile, too few", &w, 13, GCAM_ERR_MODEL, "needs 2 repeats");
  w = indexed("Tile", INTS(2), (int64_t[]){2, INT64_MAX - 4});
  expect("Tile, over all limits", &w, 13, GCAM_ERR_MODEL, "needs 2 repeats");
  w = indexed("Tile", INTS(2), (int64_t[]){-1, INT64_MAX});
  expect("Tile, odd ones", &w, 13, GCAM_ERR_MODEL, "needs 2 repeats");
}

static void test_orders(void) {
  static const int64_t sizes[] = {0, -2, 3, INT64_MAX, INT64_MIN, (int64_t)1 << 32};
  for (int i = 0; i < 6; i++) {
    make_graph w = single("DepthToSpace", X4, "y");
    make_int(&w, "blocksize", sizes[i]);
    expect("blocks", &w, 13, GCAM_ERR_MODEL, "no blocks");
    w = single("SpaceToDepth", X4, "y");
    make_int(&w, "blocksize", sizes[i]);
    expect("blocks", &w, 13, GCAM_ERR_MODEL, "no blocks");
  }
  make_graph w = single("DepthToSpace", X4, "y");
  make_int(&w, "blocksize", 2);
  make_text(&w, "mode", "RDC");
  expect("mode", &w, 13, GCAM_ERR_MODEL, "neither DCR nor CRD");
  static const int64_t axes[] = {2, -3, INT64_MIN};
  for (int i = 0; i < 3; i++) {
    w = indexed("CumSum", INTS(1), &axes[i]);
    expect("an axis outside", &w, 14, GCAM_ERR_MODEL, "outside");
  }
  static const char *const equations[] = {"",           "ij,jk->ik,", "ijk->i",  "ij->k",
                                          "ij->ii",     "i1->i",      "i..j->i", "ij,->ij",
                                          "...i...->i", "abcdefg->a", "ij-i",    "ij->ij->i"};
  for (size_t i = 0; i < sizeof equations / sizeof *equations; i++) {
    make_input(&w, "x", 1, INTS(3, 4));
    make_node(&w, "Einsum", "", "x", "y");
    make_text(&w, "equation", equations[i]);
    expect(equations[i], &w, 13, GCAM_ERR_MODEL, "does not fit");
  }
  make_input(&w, "x", 1, INTS(3, 4));
  weight(&w, "v", INTS(5, 2));
  make_node(&w, "Einsum", "", "x v", "y");
  make_text(&w, "equation", "ij,jk->ik");
  expect("sizes", &w, 13, GCAM_ERR_MODEL, "does not fit");
  make_input(&w, "x", 1, INTS(3, 4));
  make_node(&w, "Einsum", "", "x x x", "y");
  make_text(&w, "equation", "ij,jk,kl->il");
  expect("three operands", &w, 13, GCAM_ERR_MODEL, "3 inputs");
}

/* x of 4 steps, 1 sequence, 3 values; H = 5. */
static make_graph lstm(const int64_t *weights, int rank, const char *inputs) {
  make_graph w = {0};
  static const int64_t lengths[] = {3};
  make_input(&w, "x", 1, INTS(4, 1, 3));
  make_input(&w, "computed", 1, INTS(1, 20, 5));
  weight(&w, "w", weights, rank);
  weight(&w, "r", INTS(1, 20, 5));
  weight(&w, "b", INTS(1, 40));
  make_weight(&w, "len", 7, INTS(1), lengths, sizeof lengths);
  make_node(&w, "LSTM", "", inputs, "- y");
  return w;
}

static void test_recurrent(void) {
  make_graph w = lstm(INTS(1, 20, 3), "x w r b");
  expect("a good one", &w, 14, GCAM_OK, "");
  w = lstm(INTS(1, 20, 4), "x w r b");
  expect("weights for another input", &w, 14, GCAM_ERR_MODEL, "1x20x3 is needed");
  w = lstm(INTS(2, 20, 3), "x w r b");
  make_text(&w, "direction", "bidirectional");
  expect("one direction's weights for two", &w, 14, GCAM_ERR_MODEL, "2x20x5 is needed");
  w = lstm(INTS(1, 20, 3), "x w b");
  expect("weights of another rank", &w, 14, GCAM_ERR_MODEL, "LSTM");
  w = lstm(INTS(1, 20, 3), "x w r r");
  expect("biases", &w, 14, GCAM_ERR_MODEL, "1x40 is needed");
  w = lstm(INTS(1, 20, 3), "x w computed b");
  expect("computed weights", &w, 14, GCAM_ERR_UNSUPPORTED, "must be a constant");
  w = lstm(INTS(1, 20, 3), "x w r b len");
  expect("sequences of other lengths", &w, 14, GCAM_ERR_UNSUPPORTED, "sequence_lens");
  w = lstm(INTS(1, 20, 3), "x w r b");
  make_text(&w, "direction", "upward");
  expect("direction", &w, 14, GCAM_ERR_MODEL, "upward");
  w = lstm(INTS(1, 20, 3), "x w r b");
  make_int(&w, "hidden_size", 4);
  expect("hidden_size", &w, 14, GCAM_ERR_MODEL, "hidden_size is 4");
  static const char *const activations[] = {"Sigmoid,Tanh", "Sigmoid,Tanh,Softsign",
                                            "Sigmoid,,Tanh", "Sigmoid,Tanh,Tanh,Tanh"};
  for (int i = 0; i < 4; i++) {
    w = lstm(INTS(1, 20, 3), "x w r b");
    make_text(&w, "activations", activations[i]);
    expect(activations[i], &w, 14, i ? GCAM_ERR_UNSUPPORTED : GCAM_OK, "activations");
  }
  w = lstm(INTS(1, 20, 3), "x w r b");
  make_real(&w, "clip", 3);
  expect("clip", &w, 14, GCAM_ERR_UNSUPPORTED, "clip");
}

static make_graph sampled(const int64_t *grid, int rank) {
  make_graph w = {0};
  make_input(&w, "x", 1, X4);
  weight(&w, "g", grid, rank);
  make_node(&w, "GridSample", "", "x g", "y");
  return w;
}

static void test_samplers(void) {
  make_graph w = sampled(INTS(1, 5, 5, 2));
  expect("a good one", &w, 16, GCAM_OK, "");
  w = sampled(INTS(2, 5, 5, 2));
  expect("a grid for another batch", &w, 16, GCAM_ERR_MODEL, "does not fit");
  make_input(&w, "g", 1, INTS(1, 5, 5, 2));
  weight(&w, "x", INTS(1, 4, 0, 8));
  make_node(&w, "GridSample", "", "x g", "y");
  expect("an empty picture", &w, 16, GCAM_ERR_MODEL, "does not fit");
  w = sampled(INTS(1, 5, 5, 3));
  expect("a grid of triples", &w, 16, GCAM_ERR_MODEL, "does not fit");
  w = sampled(INTS(1, 5, 5, 2));
  make_text(&w, "mode", "lanczos");
  expect("mode", &w, 16, GCAM_ERR_MODEL, "lanczos");
  w = sampled(INTS(1, 5, 5, 2));
  make_text(&w, "padding_mode", "wrap");
  expect("padding_mode", &w, 16, GCAM_ERR_MODEL, "wrap");
  for (int odd = 0; odd < 4; odd++) {
    static const int64_t pictures[] = {0, 1};
    make_input(&w, "x", 1, X4);
    weight(&w, "b", INTS(2, 4));
    make_weight(&w, "i", 7, &(int64_t){odd == 1 ? 1 : 2}, 1, pictures + (odd == 1),
                odd == 1 ? 8 : 16);
    make_node(&w, "RoiAlign", "", odd == 3 ? "x x i" : "x b i", "y");
    if (odd == 2) make_text(&w, "mode", "sum");
    expect("RoiAlign", &w, 16, odd == 3 ? GCAM_ERR_UNSUPPORTED : GCAM_ERR_MODEL,
           odd == 3   ? "constants"
           : odd == 2 ? "'sum'"
                      : "do not fit");
  }
  static const char *const lp[] = {"LpPool", "GlobalLpPool", "LpNormalization"};
  for (int i = 0; i < 3; i++) {
    w = single(lp[i], X4, "y");
    make_ints(&w, "kernel_shape", INTS(2, 2));
    expect("a good one", &w, 13, GCAM_OK, "");
    w = single(lp[i], X4, "y");
    make_ints(&w, "kernel_shape", INTS(2, 2));
    make_int(&w, "p", 0);
    expect("p", &w, 13, GCAM_ERR_UNSUPPORTED, "between 1 and 64");
  }
  w = single("GlobalLpPool", INTS(1, 4), "y");
  expect("no pixels", &w, 13, GCAM_ERR_MODEL, "no pixels");
  w = single("LpNormalization", X4, "y");
  make_int(&w, "axis", 4);
  expect("an axis outside", &w, 13, GCAM_ERR_MODEL, "axis 4");
}

static make_graph attention(const int64_t *keys, int rank, const char *inputs) {
  make_graph w = {0};
  make_input(&w, "q", 1, INTS(1, 4, 3, 8));
  make_input(&w, "computed", 1, INTS(3, 5));
  weight(&w, "k", keys, rank);
  weight(&w, "m", INTS(3, 5));
  make_node(&w, "Attention", "", inputs, "y");
  return w;
}

static void test_attention(void) {
  make_graph w = attention(INTS(1, 2, 5, 8), "q k k m");
  expect("a good one", &w, 23, GCAM_OK, "");
  w = attention(INTS(1, 3, 5, 8), "q k k");
  expect("heads", &w, 23, GCAM_ERR_MODEL, "do not fit together");
  w = attention(INTS(2, 2, 5, 8), "q k k");
  expect("batch", &w, 23, GCAM_ERR_MODEL, "do not fit together");
  w = attention(INTS(1, 2, 5, 7), "q k k");
  expect("sizes", &w, 23, GCAM_ERR_MODEL, "do not fit together");
  w = attention(INTS(1, 2, 6, 8), "q k k m");
  expect("mask", &w, 23, GCAM_ERR_MODEL, "mask of 3x5");
  w = attention(INTS(1, 2, 5, 8), "q k k computed");
  expect("a computed mask", &w, 23, GCAM_OK, "");
  w = attention(INTS(1, 2, 5, 8), "q k k - k k");
  expect("a cache", &w, 23, GCAM_ERR_UNSUPPORTED, "past keys");
  make_input(&w, "q", 1, INTS(1, 3, 8));
  make_node(&w, "Attention", "", "q q q", "y");
  expect("three axes without heads", &w, 23, GCAM_ERR_MODEL, "do not fit together");
  static const int64_t ids[] = {0, 1, 4};
  for (int odd = 0; odd < 3; odd++) {
    make_input(&w, "x", 1, INTS(1, 2, 3, 8));
    weight(&w, "c", INTS(4, 4));
    weight(&w, "d", INTS(4, 3));
    make_weight(&w, "i", 7, INTS(1, 3), ids, sizeof ids);
    make_node(&w, "RotaryEmbedding", "",
              odd == 0   ? "x d d i"
              : odd == 1 ? "x c c i"
                         : "x x x",
              "y");
    expect("RotaryEmbedding", &w, 23, odd == 2 ? GCAM_ERR_UNSUPPORTED : GCAM_ERR_MODEL,
           odd == 0   ? "do not fit"
           : odd == 1 ? "position_ids"
                      : "constants");
  }
}

static make_graph resize(const int64_t *sizes, int count, const float *scales, int scale_count) {
  make_graph w = {0};
  make_input(&w, "x", 1, X4);
  if (sizes)
    make_weight(&w, "sizes", 7, &(int64_t){count}, 1, sizes, (size_t)count * sizeof *sizes);
  if (scales)
    make_weight(&w, "scales", 1, &(int64_t){scale_count}, 1, scales,
                (size_t)scale_count * sizeof *scales);
  make_node(&w, "Resize", "", sizes ? "x - - sizes" : "x - scales", "y");
  return w;
}

static void test_resize(void) {
  make_graph w = resize(INTS(1, 4, 5, 9), NULL, 0);
  expect("a good one", &w, 13, GCAM_OK, "");
  w = resize(INTS(1, 4, 5), NULL, 0);
  expect("too few sizes", &w, 13, GCAM_ERR_MODEL, "sizes");
  w = resize(INTS(1, 4, 0, 9), NULL, 0);
  expect("a size of 0", &w, 13, GCAM_ERR_MODEL, "cannot resize");
  w = resize(INTS(1, 4, 5, INT64_MAX), NULL, 0);
  expect("a size over all limits", &w, 13, GCAM_ERR_MODEL, "cannot resize");
  w = resize(INTS(1, 1, 1, (int64_t)1 << 24), NULL, 0);
  expect("a long side", &w, 13, GCAM_ERR_MEMORY, "over");
  static const float odd[] = {0, -1, 1e-9f, 1e30f};
  for (int i = 0; i < 4; i++) {
    float scales[] = {1, 1, odd[i], 1};
    w = resize(NULL, 0, scales, 4);
    expect("an odd scale", &w, 13, GCAM_ERR_MODEL, "cannot resize");
  }
  static const struct {
    const char *name, *value;
    gcam_status status;
  } texts[] = {{"mode", "lanczos", GCAM_ERR_UNSUPPORTED},
               {"coordinate_transformation_mode", "tf_crop_and_resize", GCAM_ERR_UNSUPPORTED},
               {"nearest_mode", "up", GCAM_ERR_MODEL},
               {"keep_aspect_ratio_policy", "crop", GCAM_ERR_MODEL}};
  for (int i = 0; i < 4; i++) {
    w = resize(INTS(1, 4, 5, 9), NULL, 0);
    make_text(&w, texts[i].name, texts[i].value);
    expect(texts[i].name, &w, 18, texts[i].status, texts[i].value);
  }
  w = (make_graph){0};
  make_input(&w, "x", 1, X4);
  make_input(&w, "s", 1, INTS(4));
  make_node(&w, "Resize", "", "x - s", "y");
  expect("computed scales", &w, 13, GCAM_ERR_UNSUPPORTED, "constant");
}

static void test_functions(void) {
  make_graph w = single("Gelu", X4, "y");
  expect("a good one", &w, 20, GCAM_OK, "");
  w = single("Gelu", X4, "y");
  make_text(&w, "approximate", "erf");
  expect("Gelu, approximate", &w, 20, GCAM_ERR_MODEL, "neither none nor tanh");
  w = single("Celu", X4, "y");
  make_real(&w, "alpha", 0);
  expect("Celu, alpha", &w, 12, GCAM_ERR_MODEL, "alpha is 0");
  w = single("Swish", X4, "y");
  make_int(&w, "alpha", 1);
  expect("Swish, alpha", &w, 24, GCAM_ERR_MODEL, "wrong type");
  make_input(&w, "x", 1, X4);
  weight(&w, "c", INTS(5, 1, 1));
  make_node(&w, "Where", "", "c x x", "y");
  expect("Where, sizes", &w, 13, GCAM_ERR_MODEL, "do not fit");
  make_input(&w, "x", 1, X4);
  make_node(&w, "Where", "", "x x", "y");
  expect("Where, inputs", &w, 13, GCAM_ERR_MODEL, "inputs");
  make_input(&w, "x", 1, X4);
  weight(&w, "c", INTS(1, 3, 1, 1));
  make_node(&w, "Mean", "", "x c x", "y");
  expect("Mean, sizes", &w, 13, GCAM_ERR_MODEL, "do not fit");
  static const char *const reductions[] = {"ReduceMax", "ReduceProd", "ReduceL2",
                                           "ReduceLogSumExp"};
  for (int i = 0; i < 4; i++) {
    w = single(reductions[i], X4, "y");
    make_ints(&w, "axes", INTS(1, 4));
    expect("an axis outside", &w, 13, GCAM_ERR_MODEL, "axis 4");
    w = single(reductions[i], X4, "y");
    make_ints(&w, "axes", INTS(1, -3));
    expect("an axis twice", &w, 13, GCAM_ERR_MODEL, "twice");
    make_input(&w, "x", 1, X4);
    make_input(&w, "a", 1, INTS(1));
    make_node(&w, reductions[i], "", "x a", "y");
    expect("computed axes", &w, 18, GCAM_ERR_UNSUPPORTED, "constant");
  }
}

int main(void) {
  ctx = gcam_context_create(1);
  if (!ctx) return 1;
  test_conv();
  test_conv_transpose();
  test_pools();
  test_products();
  test_normalisation();
  test_norms();
  test_indices();
  test_orders();
  test_recurrent();
  test_samplers();
  test_attention();
  test_resize();
  test_functions();
  gcam_context_free(ctx);
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
