#include "support/small_network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned state = 1;

void noise_seed(unsigned seed) { state = seed; }

float noise(void) {
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / (float)(1 << 23) - 1;
}

void make_noise(make_graph *g, const char *name, const int64_t *dims, int rank, float scale) {
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dims[i];
  float *w = malloc((size_t)n * sizeof *w + 1);
  for (int64_t i = 0; i < n; i++) w[i] = scale * noise();
  make_weight(g, name, 1, dims, rank, w, (size_t)n * sizeof *w);
  free(w);
}

void make_conv(make_graph *g, const char *name, const char *in, const char *out, int C, int K,
               int side, int stride, int groups) {
  char w[64], b[64], inputs[256];
  const int64_t weight[] = {K, C / groups, side, side}, bias[] = {K};
  const int64_t pads[] = {side / 2, side / 2, side / 2, side / 2}, strides[] = {stride, stride};
  snprintf(w, sizeof w, "%s.w", name);
  snprintf(b, sizeof b, "%s.b", name);
  snprintf(inputs, sizeof inputs, "%s %s %s", in, w, b);
  make_noise(g, w, weight, 4, sqrtf(3.0f / (float)(C / groups * side * side)));
  make_noise(g, b, bias, 1, 0.2f);
  make_node(g, "Conv", name, inputs, out);
  make_ints(g, "pads", pads, 4);
  make_ints(g, "strides", strides, 2);
  make_int(g, "group", groups);
}

void make_norm(make_graph *g, const char *name, const char *in, const char *out, int C) {
  char part[64], inputs[400];
  int used = snprintf(inputs, sizeof inputs, "%s", in);
  const char *const parts[] = {"gamma", "beta", "mean", "variance"};
  const int64_t dims[] = {C};
  for (int p = 0; p < 4; p++) {
    snprintf(part, sizeof part, "%s.%s", name, parts[p]);
    used += snprintf(inputs + used, sizeof inputs - (size_t)used, " %s", part);
    float *v = malloc((size_t)C * sizeof *v);
    for (int k = 0; k < C; k++) v[k] = p == 1 || p == 2 ? 0.2f * noise() : 1 + 0.5f * noise();
    make_weight(g, part, 1, dims, 1, v, (size_t)C * sizeof *v);
    free(v);
  }
  make_node(g, "BatchNormalization", name, inputs, out);
}

void make_head(make_graph *g, const char *in, int C, int classes) {
  const int64_t w[] = {classes, C};
  make_noise(g, "head.w", w, 2, 1);
  make_node(g, "GlobalAveragePool", "average", in, "pooled");
  make_node(g, "Flatten", "flat", "pooled", "features");
  make_node(g, "Gemm", "head", "features head.w", "y");
  make_int(g, "transB", 1);
  make_output(g, "y");
}

gcam_model *load_graph(gcam_context *ctx, make_graph *g, gcam_precision precision) {
  wire file = make_model(g, 13);
  gcam_model *net = gcam_model_create(ctx);
  gcam_status status = gcam_model_set_precision(net, precision);
  if (!status) status = gcam_model_load(net, file.data, file.size, GCAM_COPY);
  if (!status) status = gcam_model_finish(net);
  wire_free(&file);
  if (!status) return net;
  printf("FAIL loading: %s\n", gcam_message(ctx));
  gcam_model_free(net);
  return NULL;
}
