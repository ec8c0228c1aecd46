/* The fast kernels against the plain loops, on random shapes: networks of one to four operators are
 * run at every gcam_precision, and outputs, values hidden inside fused steps, and gradients for one
 * to eight targets must agree with GCAM_PLAIN's: to 1e-5 at GCAM_PRECISE, to 1e-4 at GCAM_FAST
 * (Winograd: 2e-5 a layer).
 *
 *   test_kernels [seed [rounds]]     prints the seed that it used */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gradcam.h"
#include "support/onnx_writer.h"

static int passed, failed;
static double worst[3];
static uint64_t state;
static const char *const precision_name[] = {"fast", "precise", "plain"};
static const double tolerance[] = {1e-4, 1e-5, 0};

/* ---- Random numbers ------------------------------------------------------------------------- */

static uint64_t next(void) { /* xorshift64*, Vigna 2016 */
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return state * 2685821657736338717u;
}

/* from `low` to `high`, both included */
static int pick(int low, int high) { return low + (int)(next() >> 33) % (high - low + 1); }

static int one_of(const int *choices, int count) { return choices[pick(0, count - 1)]; }

/* Sum of four uniform numbers: close enough to normal, variance 1/3 of `size` squared. */
static float *noise(size_t count, float size) {
  float *values = malloc((count ? count : 1) * sizeof *values);
  if (!values) exit(1);
  for (size_t i = 0; i < count; i++) {
    double sum = -2;
    for (int k = 0; k < 4; k++) sum += (double)(next() >> 11) * 0x1p-53;
    values[i] = (float)sum * size;
  }
  return values;
}

/* ---- Building random networks --------------------------------------------------------------- */

enum { NAME = 16 };

typedef struct network {
  make_graph w;
  char about[512];      /* for the message of a failure */
  char hidden[4][NAME]; /* values between nodes, to be read afterwards */
  int hidden_count, value_count;
  int64_t dims[4]; /* of the newest value, NCHW */
  bool quantized;  /* the next convolution's weights are int8 */
} network;

static void tell(network *net, const char *text) {
  size_t used = strlen(net->about);
  snprintf(net->about + used, sizeof net->about - used, "%s", text);
}

static void add_random(network *net, const char *name, const int64_t *dims, int rank, float size,
                       float offset) {
  size_t count = 1;
  for (int i = 0; i < rank; i++) count *= (size_t)dims[i];
  float *values = noise(count, size);
  for (size_t i = 0; i < count; i++) values[i] = offset ? offset + fabsf(values[i]) : values[i];
  make_weight(&net->w, name, 1, dims, rank, values, count * sizeof *values);
  free(values);
}

static void begin(network *net, int n, int c, int h, int w) {
  memset(net, 0, sizeof *net);
  int64_t dims[] = {n, c, h, w};
  memcpy(net->dims, dims, sizeof dims);
  make_input(&net->w, "x", 1, dims, 4);
  snprintf(net->about, sizeof net->about, "x %dx%dx%dx%d", n, c, h, w);
}

/* The newest value's name, or a new one's. */
static void value_name(int index, char name[NAME]) {
  if (index == 0)
    strcpy(name, "x");
  else
    snprintf(name, NAME, "t%d", index);
}

static void add_node(network *net, const char *op, const char *more_inputs) {
  char in[NAME], out[NAME], inputs[128];
  value_name(net->value_count, in);
  value_name(++net->value_count, out);
  snprintf(inputs, sizeof inputs, "%s%s%s", in, *more_inputs ? " " : "", more_inputs);
  make_node(&net->w, op, "", inputs, out);
  if (net->hidden_count < 4) strcpy(net->hidden[net->hidden_count++], out);
}

typedef struct window {
  int kernel[2], stride[2], dilation[2], pads[4];
} window;

static int64_t positions(int64_t in, const window *v, int axis) {
  int64_t room = in + v->pads[axis] + v->pads[axis + 2] -
                 ((int64_t)(v->kernel[axis] - 1) * v->dilation[axis] + 1);
  return room < 0 ? 0 : room / v->stride[axis] + 1;
}

static void window_attrs(network *net, const window *v, int kernel_too) {
  int64_t a[4];
  char text[96];
  for (int i = 0; i < 2; i++) a[i] = v->kernel[i];
  if (kernel_too) make_ints(&net->w, "kernel_shape", a, 2);
  for (int i = 0; i < 2; i++) a[i] = v->stride[i];
  make_ints(&net->w, "strides", a, 2);
  for (int i = 0; i < 2; i++) a[i] = v->dilation[i];
  make_ints(&net->w, "dilations", a, 2);
  for (int i = 0; i < 4; i++) a[i] = v->pads[i];
  make_ints(&net->w, "pads", a, 4);
  snprintf(text, sizeof text, " k%dx%d s%d,%d d%d,%d p%d,%d,%d,%d", v->kernel[0], v->kernel[1],
           v->stride[0], v->stride[1], v->dilation[0], v->dilation[1], v->pads[0], v->pads[1],
           v->pads[2], v->pads[3]);
  tell(net, text);
  for (int i = 0; i < 2; i++) net->dims[2 + i] = positions(net->dims[2 + i], v, i);
}

/* A window that fits; mostly the shapes that networks use, sometimes anything. */
static window random_window(const network *net, int largest_pad_is_kernel) {
  static const int kernels[] = {1, 1, 2, 3, 3, 3, 5, 7}, strides[] = {1, 1, 1, 2, 2, 3};
  for (;;) {
    window v;
    int square = pick(0, 3) > 0, same = pick(0, 3) > 0;
    for (int i = 0; i < 2; i++) {
      v.kernel[i] = i && square ? v.kernel[0] : one_of(kernels, 8);
      v.stride[i] = i && square ? v.stride[0] : one_of(strides, 6);
      v.dilation[i] = i && square ? v.dilation[0] : pick(0, 4) ? 1 : pick(2, 3);
      v.pads[i] = i && square ? v.pads[0] : pick(0, 2) ? v.kernel[i] / 2 : pick(0, v.kernel[i] - 1);
      v.pads[i + 2] = same ? v.pads[i] : pick(0, v.kernel[i] - 1);
      if (largest_pad_is_kernel) v.dilation[i] = 1;
    }
    if (positions(net->dims[2], &v, 0) > 0 && positions(net->dims[3], &v, 1) > 0) return v;
  }
}

/* Weights in int8 with a scale for each output channel, as a DequantizeLinear node reads them. */
static void add_quantized(network *net, const char *name, const int64_t *dims, int rank,
                          float size) {
  size_t count = 1;
  for (int i = 0; i < rank; i++) count *= (size_t)dims[i];
  int8_t *q = malloc(count);
  float *scale = malloc((size_t)dims[0] * sizeof *scale);
  if (!q || !scale) exit(1);
  for (size_t i = 0; i < count; i++) q[i] = (int8_t)pick(-127, 127);
  for (int64_t k = 0; k < dims[0]; k++) scale[k] = size / 74 * (1 + (float)(k % 5) / 4);
  make_weight(&net->w, "q", 3, dims, rank, q, count);
  make_weight(&net->w, "q_scale", 1, dims, 1, scale, (size_t)dims[0] * sizeof *scale);
  make_node(&net->w, "DequantizeLinear", "", "q q_scale", name);
  make_int(&net->w, "axis", 0);
  free(q);
  free(scale);
}

static void add_conv(network *net, window v, int outputs, int groups, int bias) {
  char weight[NAME], shift[NAME], more[2 * NAME], text[64];
  int64_t c = net->dims[1], dims[] = {outputs, c / groups, v.kernel[0], v.kernel[1]};
  snprintf(weight, sizeof weight, "w%d", net->value_count);
  snprintf(shift, sizeof shift, "b%d", net->value_count);
  snprintf(more, sizeof more, bias ? "%s %s" : "%s", weight, shift);
  float size = 1.7f / sqrtf((float)(dims[1] * dims[2] * dims[3]));
  if (net->quantized)
    add_quantized(net, weight, dims, 4, size);
  else
    add_random(net, weight, dims, 4, size, 0);
  if (bias) add_random(net, shift, dims, 1, 1, 0);
  add_node(net, "Conv", more);
  make_int(&net->w, "group", groups);
  snprintf(text, sizeof text, "; Conv %d groups %d%s", outputs, groups, bias ? " bias" : "");
  tell(net, text);
  window_attrs(net, &v, pick(0, 1));
  net->dims[1] = outputs;
}

static void add_batch_norm(network *net) {
  static const char *const parts[] = {"scale", "shift", "mean", "var"};
  char name[NAME], names[5 * NAME] = "";
  for (int i = 0; i < 4; i++) {
    snprintf(name, sizeof name, "%s%d", parts[i], net->value_count);
    add_random(net, name, &net->dims[1], 1, 1, i == 3 ? 0.5f : 0);
    strcat(strcat(names, i ? " " : ""), name);
  }
  add_node(net, "BatchNormalization", names);
  make_real(&net->w, "epsilon", 1e-3f);
  tell(net, "; BatchNormalization");
}

static void add_activation(network *net) {
  static const char *const ops[] = {"Relu", "LeakyRelu", "Sigmoid", "HardSwish", "Elu"};
  if (pick(0, 2) == 0) {
    float lo = 0, hi = pick(0, 1) ? 6.0f : 0.75f;
    char low[NAME], high[NAME], more[2 * NAME];
    snprintf(low, sizeof low, "lo%d", net->value_count);
    snprintf(high, sizeof high, "hi%d", net->value_count);
    snprintf(more, sizeof more, "%s %s", low, high);
    make_weight(&net->w, low, 1, NULL, 0, &lo, sizeof lo);
    make_weight(&net->w, high, 1, NULL, 0, &hi, sizeof hi);
    add_node(net, "Clip", more);
    tell(net, "; Clip");
    return;
  }
  const char *op = ops[pick(0, 1) ? 0 : pick(0, 4)];
  add_node(net, op, "");
  tell(net, "; ");
  tell(net, op);
}

static void add_border(network *net) {
  int64_t pads[8] = {0, 0, pick(0, 2), pick(0, 2), 0, 0, pick(0, 2), pick(0, 2)};
  make_weight(&net->w, "border", 7, &(int64_t){8}, 1, pads, sizeof pads);
  add_node(net, "Pad", "border");
  tell(net, "; Pad");
  net->dims[2] += pads[2] + pads[6];
  net->dims[3] += pads[3] + pads[7];
}

/* ---- Comparing ------------------------------------------------------------------------------ */

/* What a network gives at one precision. */
typedef struct results {
  size_t count[8];
  float *values[8];
  const char *what[8], *name[8];
  int length;
} results;

static float *keep(results *r, const char *what, const char *name, size_t count) {
  r->what[r->length] = what;
  r->name[r->length] = name;
  r->count[r->length] = count;
  r->values[r->length] = noise(count, 0);
  return r->values[r->length++];
}

static void drop(results *r) {
  while (r->length) free(r->values[--r->length]);
}

static void fail(const network *net, gcam_precision precision, const char *what, const char *name,
                 double error) {
  failed++;
  printf("FAILED (%s) %s %s %g in: %s\n", precision_name[precision], what, name, error, net->about);
}

static size_t size_of(const gcam_model *net, const char *tensor) {
  int dims[8], rank = gcam_model_shape(net, tensor, dims, 8);
  size_t count = rank < 0 ? 0 : 1;
  for (int i = 0; i < rank; i++) count *= (size_t)dims[i];
  return count;
}

static int run(gcam_context *ctx, const network *net, const wire *model, gcam_precision precision,
               const float *x, const float *cotangents, int B, const char *output,
               const char *inner, results *r) {
  gcam_model *m = gcam_model_create(ctx);
  int good = m && !gcam_model_set_precision(m, precision) &&
             !gcam_model_load(m, model->data, model->size, GCAM_COPY) && !gcam_model_finish(m) &&
             !gcam_model_set_input(m, "x", x, size_of(m, "x")) && !gcam_model_forward(m);
  if (good) {
    size_t y = size_of(m, output), in = (size_t)B * size_of(m, "x");
    size_t between = (size_t)B * size_of(m, inner);
    good = !gcam_model_read(m, output, keep(r, "output", output, y), y) &&
           !gcam_model_vjp(m, output, cotangents, B, "x", keep(r, "gradient of", "x", in)) &&
           !gcam_model_vjp(m, output, cotangents, B, inner, keep(r, "gradient of", inner, between));
    for (int i = 0; good && i < net->hidden_count; i++) { /* takes fused steps apart */
      const char *name = net->hidden[i];
      size_t count = size_of(m, name);
      good = !gcam_model_read(m, name, keep(r, "hidden value", name, count), count);
    }
    good = good && !gcam_model_vjp(m, output, cotangents, B, "x",
                                   keep(r, "gradient, steps apart, of", "x", in));
  }
  if (!good) fail(net, precision, "cannot run:", gcam_message(ctx), 0);
  gcam_model_free(m);
  return good;
}

static double difference(const float *got, const float *expected, size_t count) {
  double scale = 0, most = 0;
  for (size_t i = 0; i < count; i++)
    if (fabs(expected[i]) > scale) scale = fabs(expected[i]);
  if (scale < 1e-6) scale = 1;
  for (size_t i = 0; i < count; i++) {
    double error = fabs((double)got[i] - expected[i]) / scale;
    if (!(error <= most)) most = isfinite(got[i]) ? error : INFINITY;
  }
  return most;
}

/* Compares all precisions for one random input; how many results are too far off. Says so only
 * where `report` is set. */
static int attempt(gcam_context *ctx, const network *net, const wire *model, size_t inputs,
                   size_t outputs, const char *output, int report) {
  char inner[NAME];
  int B = pick(1, 8), bad = 0;
  float *x = noise(inputs, 1.7f), *cotangents = noise((size_t)B * outputs, 1.7f);
  results plain = {.length = 0}, other = {.length = 0};
  value_name(pick(0, net->value_count - 1), inner);
  if (!run(ctx, net, model, GCAM_PLAIN, x, cotangents, B, output, inner, &plain)) bad++;
  for (int p = GCAM_FAST; !bad && p < GCAM_PLAIN; p++) {
    if (run(ctx, net, model, (gcam_precision)p, x, cotangents, B, output, inner, &other)) {
      for (int i = 0; i < plain.length; i++) {
        double error = difference(other.values[i], plain.values[i], plain.count[i]);
        if (error <= tolerance[p]) {
          passed++;
          if (error > worst[p]) worst[p] = error;
        } else {
          bad++;
          if (report) fail(net, (gcam_precision)p, plain.what[i], plain.name[i], error);
        }
      }
    } else {
      bad++;
    }
    drop(&other);
  }
  drop(&plain);
  free(x);
  free(cotangents);
  return bad;
}

/* Where a number happens to lie within rounding of a kink (a Relu's 0, two equal maxima), gradients
 * differ and both are right. That does not happen twice: a network that failed gets two other
 * inputs, and must pass with both. */
static void check(gcam_context *ctx, network *net, int opset) {
  char output[NAME];
  value_name(net->value_count, output);
  make_output(&net->w, output);
  wire model = make_model(&net->w, opset);
  gcam_model *probe = gcam_model_create(ctx); /* knows the sizes */
  if (!probe || gcam_model_load(probe, model.data, model.size, GCAM_COPY) ||
      gcam_model_finish(probe)) {
    fail(net, GCAM_FAST, "cannot load:", gcam_message(ctx), 0);
  } else {
    size_t inputs = size_of(probe, "x"), outputs = size_of(probe, output);
    if (attempt(ctx, net, &model, inputs, outputs, output, 0))
      for (int i = 0; i < 2; i++) attempt(ctx, net, &model, inputs, outputs, output, 1);
  }
  gcam_model_free(probe);
  wire_free(&model);
}

/* ---- Kinds of networks ---------------------------------------------------------------------- */

static const int channel_choices[] = {1, 3, 4, 5, 7, 8, 12, 16, 17, 19, 24, 32, 33};

static int channels(void) { return one_of(channel_choices, 13); }

static void random_conv(gcam_context *ctx) {
  network net;
  int kind = pick(0, 4); /* 0 depthwise, 1 groups, else plain */
  int groups = kind == 1 ? pick(2, 4) : 1, c = channels() * groups;
  begin(&net, pick(0, 3) ? 1 : 2, c, pick(1, 14), pick(1, 14));
  if (pick(0, 4) == 0) add_border(&net);
  window v = random_window(&net, 0);
  if (kind == 0)
    add_conv(&net, v, c * (pick(0, 3) ? 1 : 2), c, pick(0, 1));
  else
    add_conv(&net, v, channels() * groups, groups, pick(0, 1));
  if (pick(0, 2) == 0) add_batch_norm(&net);
  if (pick(0, 1)) add_activation(&net);
  check(ctx, &net, 14);
}

/* Windows of all sizes, with padding up to where a window lies in it alone; widths below, at and
 * above what a kernel does at once. */
static void random_depthwise(gcam_context *ctx) {
  static const int kernels[] = {1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 7, 7, 9, 11},
                   strides[] = {1, 1, 2, 3};
  for (int i = 0; i < 4; i++) {
    network net;
    int c = channels(), square = pick(0, 3) > 0, plain = pick(0, 3) > 0;
    begin(&net, pick(1, 2), c, pick(1, 11), pick(1, 24));
    window v;
    do
      for (int k = 0; k < 2; k++) {
        v.kernel[k] = k && square ? v.kernel[0] : one_of(kernels, 14);
        v.stride[k] = k && square ? v.stride[0] : one_of(strides, 4);
        v.dilation[k] = plain ? 1 : pick(1, 3);
        v.pads[k] = plain ? v.kernel[k] / 2 : pick(0, (v.kernel[k] - 1) * v.dilation[k]);
        v.pads[k + 2] = pick(0, 2) ? v.pads[k] : pick(0, (v.kernel[k] - 1) * v.dilation[k]);
      }
    while (positions(net.dims[2], &v, 0) < 1 || positions(net.dims[3], &v, 1) < 1);
    add_conv(&net, v, c, c, pick(0, 1));
    if (pick(0, 2)) add_activation(&net);
    check(ctx, &net, 14);
  }
}

/* The windows that networks have, each by each, with channels below, at and between fours. */
static void usual_depthwise(gcam_context *ctx) {
  for (int side = 3; side <= 7; side += 2)
    for (int stride = 1; stride <= 2; stride++)
      for (int c = 3; c <= 9; c += 3) {
        network net;
        begin(&net, 1, c, 8, 31);
        window v = {{side, side}, {stride, stride}, {1, 1}, {side / 2, side / 2, side / 2, 0}};
        add_conv(&net, v, c, c, 1);
        check(ctx, &net, 14);
      }
}

/* ConvTranspose by the convolution's kernels; two of them may write into a concatenation. */
static void random_transpose(gcam_context *ctx) {
  network net;
  int kind = pick(0, 3); /* 0 depthwise, 1 groups, else plain; 3 many channels, for Winograd */
  int groups = kind == 1 ? pick(2, 4) : 1, in = kind == 3 ? 4 * pick(4, 10) : channels() * groups;
  int out = kind == 0 ? in : kind == 3 ? 4 * pick(4, 10) : channels() * groups;
  if (kind == 0) groups = in;
  begin(&net, pick(0, 3) ? 1 : 2, in, pick(1, 9), pick(1, 9));
  window v;
  int64_t extra[2], size[2];
  do {
    net.dims[2] += 20, net.dims[3] += 20; /* its output is not what must fit */
    v = random_window(&net, 0);
    net.dims[2] -= 20, net.dims[3] -= 20;
    for (int i = 0; i < 2; i++) {
      if (kind == 3) v.kernel[i] = 3, v.stride[i] = v.dilation[i] = v.pads[i] = v.pads[i + 2] = 1;
      int most = v.stride[i] > v.dilation[i] ? v.stride[i] : v.dilation[i];
      extra[i] = pick(0, 1) ? pick(0, most - 1) : 0;
      size[i] = (net.dims[2 + i] - 1) * v.stride[i] + (int64_t)(v.kernel[i] - 1) * v.dilation[i] +
                1 + extra[i] - v.pads[i] - v.pads[i + 2];
    }
  } while (size[0] < 1 || size[1] < 1);
  int64_t dims[] = {in, out / groups, v.kernel[0], v.kernel[1]}, values = out;
  int bias = pick(0, 1), twice = pick(0, 2) == 0;
  char text[96], first[NAME], both[2 * NAME], to[NAME];
  add_random(&net, "w", dims, 4, 1.7f / sqrtf((float)(in / groups * dims[2] * dims[3])), 0);
  add_random(&net, "b", &values, 1, 1, 0);
  snprintf(text, sizeof text, "; ConvTranspose %d groups %d extra %d,%d%s%s", out, groups,
           (int)extra[0], (int)extra[1], bias ? " bias" : "", twice ? " twice" : "");
  tell(&net, text);
  if (twice) {
    make_node(&net.w, "ConvTranspose", "", bias ? "x w b" : "x w", "other");
    window_attrs(&net, &v, 0);
    make_ints(&net.w, "output_padding", extra, 2);
    make_int(&net.w, "group", groups);
  }
  add_node(&net, "ConvTranspose", bias ? "w b" : "w");
  window_attrs(&net, &v, 1);
  make_ints(&net.w, "output_padding", extra, 2);
  make_int(&net.w, "group", groups);
  net.dims[1] = out, net.dims[2] = size[0], net.dims[3] = size[1];
  if (pick(0, 1)) add_activation(&net);
  if (twice) {
    value_name(net.value_count, first);
    snprintf(both, sizeof both, "%s other", first);
    value_name(++net.value_count, to);
    make_node(&net.w, "Concat", "", both, to);
    make_int(&net.w, "axis", 1);
  }
  check(ctx, &net, 14);
}

/* 3x3, stride 1, many channels: where Winograd pays. */
static void random_winograd(gcam_context *ctx) {
  network net;
  begin(&net, pick(1, 2), 4 * pick(4, 10), pick(6, 19), pick(6, 19));
  window v = {{3, 3}, {1, 1}, {1, 1}, {pick(0, 2), pick(0, 2), pick(0, 2), pick(0, 2)}};
  if (pick(0, 1)) v.pads[0] = v.pads[1] = v.pads[2] = v.pads[3] = 1;
  add_conv(&net, v, pick(16, 45), 1, pick(0, 1));
  if (pick(0, 1)) add_activation(&net);
  check(ctx, &net, 14);
}

/* What was added last beside a constant of three channels: before it, or behind it. */
static void join_constant(network *net, bool before) {
  char last[NAME], names[2 * NAME];
  value_name(net->value_count, last);
  snprintf(names, sizeof names, before ? "%s constant" : "constant %s", last);
  add_random(net, "constant", (int64_t[]){net->dims[0], 3, net->dims[2], net->dims[3]}, 4, 1, 0);
  value_name(++net->value_count, last);
  make_node(&net->w, "Concat", "", names, last);
  make_int(&net->w, "axis", 1);
  tell(net, "; joined to a constant");
}

/* Convolutions as products of many rows: depths of one slice and of several, and what is left over
 * by rows, columns and fours; windows of one tap and of more, and a result that may be a part of a
 * concatenation. */
static void random_wide(gcam_context *ctx) {
  network net;
  window v;
  const bool point = pick(0, 1);
  for (int k = 0; k < 2; k++) {
    v.kernel[k] = point ? 1 : pick(1, 4);
    v.stride[k] = pick(0, 2) ? 1 : 2;
    v.dilation[k] = pick(0, 3) ? 1 : 2;
    v.pads[k] = point ? 0 : pick(0, 3), v.pads[k + 2] = point ? 0 : pick(0, 3);
  }
  begin(&net, pick(1, 2), pick(96, 700) / (v.kernel[0] * v.kernel[1]) + 1, pick(7, 15),
        pick(7, 15));
  add_conv(&net, v, pick(64, 90), 1, pick(0, 1));
  if (pick(0, 1)) add_batch_norm(&net);
  if (pick(0, 1)) add_activation(&net);
  if (pick(0, 2) == 0 && v.stride[0] == 1 && v.stride[1] == 1 && point) join_constant(&net, true);
  check(ctx, &net, 14);
}

/* Weights too large for one piece: shared by Winograd's threads. */
static void random_large(gcam_context *ctx) {
  network net;
  begin(&net, 1, 4 * pick(20, 32), pick(7, 9), pick(7, 9));
  int stride = pick(0, 2) ? 1 : 2;
  window v = {{3, 3}, {stride, stride}, {1, 1}, {1, 1, 1, 1}};
  add_conv(&net, v, pick(120, 190), 1, pick(0, 1));
  if (pick(0, 1)) add_activation(&net);
  check(ctx, &net, 14);
}

/* Large weights, which Winograd transforms anew in every run, from floats and from int8; the number
 * of channels is a multiple of what it does at once, or not. */
static void random_lean(gcam_context *ctx) {
  for (int i = 0; i < 4; i++) {
    network net;
    begin(&net, 1, 4 * pick(44, 50), pick(6, 9), pick(6, 9));
    net.quantized = i % 2;
    window v = {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
    tell(&net, net.quantized ? "; int8" : "; float");
    add_conv(&net, v, i < 2 ? 176 : pick(168, 200), 1, pick(0, 1));
    if (pick(0, 1)) add_batch_norm(&net);
    if (pick(0, 1)) add_node(&net, "Relu", ""), tell(&net, "; Relu");
    check(ctx, &net, 14);
  }
}

/* 3x3 of more input channels than one slice has, with few outputs (whose transformed weights are
 * kept) and with many, and of so many tiles that groups of output channels are wide. */
static void random_deep(gcam_context *ctx) {
  static const struct {
    int channels, outputs, side;
  } sizes[] = {{280, 24, 9}, {280, 120, 7}, {136, 232, 22}};
  for (int i = 0; i < 3; i++) {
    network net;
    begin(&net, 1, sizes[i].channels + 4 * pick(0, 2), sizes[i].side + pick(0, 2),
          sizes[i].side + pick(0, 2));
    add_conv(&net, (window){{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, sizes[i].outputs + pick(0, 9), 1,
             pick(0, 1));
    if (pick(0, 1)) add_activation(&net);
    check(ctx, &net, 14);
  }
}

/* Of few channels, as networks begin; pads may be wider than the window, and a result may be a part
 * of a concatenation. */
static void random_first(gcam_context *ctx) {
  network net;
  begin(&net, pick(1, 2), pick(1, 4), pick(1, 40), pick(1, 40));
  window v = random_window(&net, 0);
  v.kernel[1] = pick(2, 7), v.stride[1] = pick(1, 4), v.dilation[1] = 1;
  v.pads[1] = pick(0, 3) ? v.kernel[1] / 2 : pick(0, 12), v.pads[3] = pick(0, 9);
  if (positions(net.dims[3], &v, 1) <= 0) v.pads[3] = v.kernel[1];
  add_conv(&net, v, pick(8, 70), 1, pick(0, 1));
  if (pick(0, 1)) add_batch_norm(&net);
  if (pick(0, 1)) add_activation(&net);
  if (pick(0, 2) == 0) join_constant(&net, false);
  check(ctx, &net, 14);
}

/* Depthwise, pointwise, as MobileNet and Xception have them. */
static void random_separable(gcam_context *ctx) {
  network net;
  int c = channels(), stride = pick(1, 2);
  begin(&net, 1, c, pick(4, 16), pick(4, 16));
  window depth = {{3, 3}, {stride, stride}, {1, 1}, {1, 1, 1, 1}};
  window point = {{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}};
  if (pick(0, 1)) depth.pads[0] = depth.pads[1] = 0;
  add_conv(&net, depth, c, c, pick(0, 1));
  if (pick(0, 1)) add_activation(&net);
  add_conv(&net, point, channels(), 1, pick(0, 1));
  if (pick(0, 1)) add_activation(&net);
  check(ctx, &net, 14);
}

static void random_pool(gcam_context *ctx) {
  network net;
  int average = pick(0, 2) == 0;
  begin(&net, pick(1, 2), channels(), pick(2, 15), pick(2, 15));
  if (pick(0, 1)) { /* its gradient is gated by the pooling's */
    add_conv(&net, (window){{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}}, channels(), 1, pick(0, 1));
    add_activation(&net);
    value_name(net.value_count, net.hidden[net.hidden_count++]);
  }
  window v = random_window(&net, 1);
  for (int i = 0; i < 2; i++) /* PyTorch's limit: no window of padding alone, ceil_mode or not */
    for (int end = 0; end < 3; end += 2)
      if (v.pads[i + end] > v.kernel[i] / 2) v.pads[i + end] = v.kernel[i] / 2;
  if (positions(net.dims[2], &v, 0) < 1 || positions(net.dims[3], &v, 1) < 1) {
    v = (window){{2, 2}, {2, 2}, {1, 1}, {0, 0, 0, 0}};
  }
  add_node(&net, average ? "AveragePool" : "MaxPool", "");
  tell(&net, average ? "; AveragePool" : "; MaxPool");
  if (average) { /* has no dilations before opset 19 */
    int64_t a[4] = {v.kernel[0], v.kernel[1]};
    make_ints(&net.w, "kernel_shape", a, 2);
    a[0] = v.stride[0], a[1] = v.stride[1];
    make_ints(&net.w, "strides", a, 2);
    for (int i = 0; i < 4; i++) a[i] = v.pads[i];
    make_ints(&net.w, "pads", a, 4);
    make_int(&net.w, "count_include_pad", pick(0, 1));
  } else {
    window_attrs(&net, &v, 1);
  }
  if (pick(0, 1)) make_int(&net.w, "ceil_mode", 1), tell(&net, " ceil_mode");
  check(ctx, &net, 14);
}

static void random_resize(gcam_context *ctx) {
  static const char *const modes[] = {"nearest", "linear", "cubic"};
  static const char *const coordinates[] = {"half_pixel", "align_corners", "asymmetric"};
  network net;
  int big = pick(0, 3) == 0; /* more channels than one task takes on the way back */
  const char *mode = modes[pick(0, 2)], *where = coordinates[pick(0, 2)];
  begin(&net, pick(1, 3), big ? pick(60, 140) : channels(), pick(1, 9), pick(1, 9));
  float scales[4] = {1, 1, (float)pick(1, 12) / 4, (float)pick(1, 12) / 4};
  for (int i = 2; i < 4; i++)
    if (scales[i] * (float)net.dims[i] < 1) scales[i] = 2;
  int64_t none = 0, four = 4;
  make_weight(&net.w, "none", 1, &none, 1, scales, 0);
  make_weight(&net.w, "scales", 1, &four, 1, scales, sizeof scales);
  add_node(&net, "Resize", "none scales");
  make_text(&net.w, "mode", mode);
  make_text(&net.w, "coordinate_transformation_mode", where);
  char text[96];
  snprintf(text, sizeof text, "; Resize %s %s by %g, %g", mode, where, (double)scales[2],
           (double)scales[3]);
  tell(&net, text);
  check(ctx, &net, 14);
}

/* Convolutions that write into a concatenation, as SqueezeNet's and Inception's. */
static void random_branches(gcam_context *ctx) {
  network net;
  window point = {{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}};
  begin(&net, pick(1, 2), channels(), pick(3, 12), pick(3, 12));
  add_conv(&net, point, channels(), 1, 1);
  add_activation(&net);
  char squeezed[NAME], names[64] = "";
  value_name(net.value_count, squeezed);
  int branches = pick(2, 3), mid = (int)net.dims[1], total = 0;
  for (int i = 0; i < branches; i++) {
    char w[NAME], b[NAME], out[NAME], act[NAME], inputs[4 * NAME];
    int64_t dims[] = {channels(), mid, i ? 3 : 1, i ? 3 : 1};
    snprintf(w, sizeof w, "bw%d", i), snprintf(b, sizeof b, "bb%d", i);
    snprintf(out, sizeof out, "u%d", i), snprintf(act, sizeof act, "v%d", i);
    add_random(&net, w, dims, 4, 1.7f / sqrtf((float)(mid * dims[2] * dims[3])), 0);
    add_random(&net, b, dims, 1, 1, 0);
    snprintf(inputs, sizeof inputs, "%s %s %s", squeezed, w, b);
    make_node(&net.w, "Conv", "", inputs, out);
    if (i) make_ints(&net.w, "pads", (int64_t[]){1, 1, 1, 1}, 4);
    int relu = pick(0, 3) > 0;
    if (relu) make_node(&net.w, "Relu", "", out, act);
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? " " : "",
             relu ? act : out);
    if (net.hidden_count < 4) strcpy(net.hidden[net.hidden_count++], relu ? act : out);
    total += (int)dims[0];
  }
  char out[NAME];
  value_name(++net.value_count, out);
  make_node(&net.w, "Concat", "", names, out);
  make_int(&net.w, "axis", 1);
  net.dims[1] = total;
  tell(&net, "; branches; Concat");
  if (pick(0, 1))
    add_conv(&net, point, channels(), 1, 1);
  else if (net.dims[2] > 2 && net.dims[3] > 2) {
    window v = {{3, 3}, {2, 2}, {1, 1}, {0, 0, 0, 0}};
    add_node(&net, "MaxPool", "");
    tell(&net, "; MaxPool");
    window_attrs(&net, &v, 1);
  }
  check(ctx, &net, 14);
}

/* Layers that read all that was made before them, joined in a list or each time to the one before,
 * as DenseNet's. */
static void random_dense(gcam_context *ctx) {
  network net;
  begin(&net, pick(1, 2), channels(), pick(1, 9), pick(1, 9));
  if (pick(0, 1)) add_conv(&net, (window){{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}}, channels(), 1, 1);
  char joined[8 * NAME], newest[NAME];
  int nested = pick(0, 2) == 0, total = (int)net.dims[1];
  value_name(net.value_count, joined);
  for (int layers = pick(2, 4); layers; layers--) {
    int side = pick(0, 1) ? 3 : 1;
    window v = {{side, side}, {1, 1}, {1, 1}, {side / 2, side / 2, side / 2, side / 2}};
    if (pick(0, 3)) add_batch_norm(&net);
    if (pick(0, 3)) add_activation(&net);
    add_conv(&net, v, pick(1, 20), 1, pick(0, 1));
    if (pick(0, 1)) add_activation(&net);
    value_name(net.value_count, newest);
    strcat(strcat(joined, " "), newest);
    total += (int)net.dims[1];
    value_name(++net.value_count, newest);
    make_node(&net.w, "Concat", "", joined, newest);
    make_int(&net.w, "axis", 1);
    net.dims[1] = total;
    tell(&net, nested ? "; joined to the last" : "; joined to all");
    if (nested) strcpy(joined, newest);
  }
  if (pick(0, 1)) add_batch_norm(&net);
  check(ctx, &net, 14);
}

/* Pool, flatten, one or two fully connected layers. */
static void random_head(gcam_context *ctx) {
  network net;
  begin(&net, pick(1, 2), channels(), pick(1, 9), pick(1, 9));
  if (pick(0, 1))
    add_node(&net, pick(0, 1) ? "GlobalAveragePool" : "GlobalMaxPool", ""),
        net.dims[2] = net.dims[3] = 1, tell(&net, "; global pool");
  add_node(&net, "Flatten", "");
  int64_t in = net.dims[1] * net.dims[2] * net.dims[3];
  int64_t out = pick(0, 4) ? pick(1, 70) : pick(200, 600);
  int transposed = pick(0, 1), matmul = pick(0, 2) == 0, bias = pick(0, 1);
  int64_t dims[] = {transposed && !matmul ? out : in, transposed && !matmul ? in : out};
  char text[96];
  add_random(&net, "m", dims, 2, 1.7f / sqrtf((float)in), 0);
  add_random(&net, "c", &out, 1, 1, 0);
  add_node(&net, matmul ? "MatMul" : "Gemm", matmul || !bias ? "m" : "m c");
  if (!matmul) {
    make_int(&net.w, "transB", transposed);
    if (pick(0, 2) == 0) make_real(&net.w, "alpha", 0.5f);
    if (pick(0, 2) == 0) make_real(&net.w, "beta", -1.5f);
  }
  snprintf(text, sizeof text, "; %s %lld to %lld%s%s", matmul ? "MatMul" : "Gemm", (long long)in,
           (long long)out, transposed ? " transB" : "", bias ? " bias" : "");
  tell(&net, text);
  if (pick(0, 1)) add_node(&net, pick(0, 1) ? "Relu" : "Softmax", ""), tell(&net, "; activation");
  check(ctx, &net, 14);
}

static void random_lrn(gcam_context *ctx) {
  network net;
  char text[64];
  int size = pick(1, 7), usual = pick(0, 2) > 0;
  /* channels are taken 256 at a time */
  begin(&net, pick(1, 2), pick(0, 2) ? channels() * pick(1, 3) : pick(250, 530), pick(1, 6),
        pick(1, 6));
  add_node(&net, "LRN", "");
  make_int(&net.w, "size", size);
  make_real(&net.w, "alpha", pick(0, 1) ? 1e-4f : 0.9f);
  if (!usual) make_real(&net.w, "beta", 0.6f);
  snprintf(text, sizeof text, "; LRN %d%s", size, usual ? "" : " beta 0.6");
  tell(&net, text);
  check(ctx, &net, 14);
}

/* Functions of one number; any number of values, so that the last vector is not full. */
static void add_function(network *net, int kinds) {
  static const char *const ops[] = {"Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Erf", "Gelu"};
  int op = pick(0, kinds - 1);
  add_node(net, ops[op], "");
  if (op == 1 && pick(0, 1)) {
    make_real(&net->w, "alpha", 1.0f / 6);
    make_real(&net->w, "beta", 0.5f);
  }
  if (op == 3) make_real(&net->w, "alpha", 1.25f);
  if (op == 5 && pick(0, 1)) make_text(&net->w, "approximate", "tanh");
  tell(net, "; ");
  tell(net, ops[op]);
}

static void random_function(gcam_context *ctx) {
  network net;
  begin(&net, pick(1, 2), channels(), pick(1, 40), pick(1, 40));
  add_function(&net, 6);
  check(ctx, &net, 24);
}

/* x Sigmoid(x) and x HardSigmoid(x) of two nodes, in either order; and what looks like it: another
 * factor, a square, an output that somebody else reads. */
static void random_gate(gcam_context *ctx) {
  network net;
  char x[NAME], gate[NAME], out[NAME], inputs[3 * NAME];
  int kind = pick(0, 4), turned = pick(0, 1);
  begin(&net, pick(1, 2), channels(), pick(1, 40), pick(1, 40));
  if (pick(0, 1)) add_conv(&net, (window){{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}}, channels(), 1, 1);
  value_name(net.value_count, x);
  add_function(&net, 2);
  value_name(net.value_count, gate);
  if (kind == 0) {
    int64_t dims[] = {net.dims[1], 1, 1};
    strcpy(x, "other");
    add_random(&net, x, dims, 3, 1, 0);
  }
  if (kind == 1) strcpy(x, gate);
  value_name(++net.value_count, out);
  snprintf(inputs, sizeof inputs, "%s %s", turned ? gate : x, turned ? x : gate);
  make_node(&net.w, "Mul", "", inputs, out);
  if (kind == 2) add_node(&net, "Add", gate);
  tell(&net, kind == 0   ? "; times a constant"
             : kind == 1 ? "; squared"
             : kind == 2 ? "; times x, and read again"
                         : "; times x");
  check(ctx, &net, 14);
}

/* Axes in any order, of a tensor with more of them; blocks of pixels. */
static void random_order(gcam_context *ctx) {
  network net;
  int64_t order[5] = {0, 1, 2, 3, 4}, shape[5];
  int groups = pick(1, 3) > 1 ? 2 : pick(1, 6), b = pick(2, 3), kind = pick(0, 5);
  begin(&net, pick(1, 2), b * b * groups * pick(1, 12), b * pick(1, 9), b * pick(1, 9));
  add_conv(&net, (window){{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}}, (int)net.dims[1], 1, 1);
  if (kind < 2) {
    add_node(&net, kind ? "DepthToSpace" : "SpaceToDepth", "");
    make_int(&net.w, "blocksize", b);
    if (kind && pick(0, 1)) make_text(&net.w, "mode", "CRD");
    tell(&net, "; blocks");
    check(ctx, &net, 14);
    return;
  }
  memcpy(shape, net.dims, sizeof net.dims);
  shape[4] = shape[3], shape[3] = shape[2], shape[1] = groups, shape[2] = net.dims[1] / groups;
  make_weight(&net.w, "split", 7, &(int64_t){5}, 1, shape, sizeof shape);
  make_weight(&net.w, "joined", 7, &(int64_t){4}, 1, net.dims, sizeof net.dims);
  char in[NAME], out[NAME], inputs[2 * NAME];
  value_name(net.value_count, in);
  snprintf(inputs, sizeof inputs, "%s split", in);
  make_node(&net.w, "Reshape", "", inputs, "blocks");
  if (kind < 4) /* a channel shuffle: its tensors in between are none of the network's */
    order[1] = 2, order[2] = 1;
  else
    for (int i = 4; i > 0; i--) {
      int k = pick(0, i);
      int64_t axis = order[i];
      order[i] = order[k], order[k] = axis;
    }
  make_node(&net.w, "Transpose", "", "blocks", "turned");
  make_ints(&net.w, "perm", order, 5);
  value_name(++net.value_count, out);
  make_node(&net.w, "Reshape", "", "turned joined", out);
  tell(&net, kind < 4 ? "; channel shuffle" : "; another order");
  char text[64];
  snprintf(text, sizeof text, " of %d groups", groups);
  tell(&net, text);
  if (pick(0, 1))
    add_conv(&net, (window){{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}}, channels(), 1, pick(0, 1));
  check(ctx, &net, 14);
}

/* No convolution before it: DenseNet's. */
static void random_norm(gcam_context *ctx) {
  network net;
  begin(&net, pick(1, 2), channels(), pick(1, 9), pick(1, 9));
  add_node(&net, "MaxPool", "");
  make_ints(&net.w, "kernel_shape", (int64_t[]){1, 1}, 2);
  add_batch_norm(&net);
  if (pick(0, 2)) add_activation(&net);
  if (pick(0, 1))
    add_conv(&net, (window){{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}}, channels(), 1, pick(0, 1));
  check(ctx, &net, 14);
}

/* x and what is made of it, or a constant, along any of its axes and in either order. */
static void random_arithmetic(gcam_context *ctx) {
  static const char *const ops[] = {"Add", "Sub", "Mul", "Div"};
  network net;
  char text[96], x[NAME], out[NAME];
  const char *op = ops[pick(0, 3)], *other = "other";
  begin(&net, pick(1, 2), channels(), pick(1, 40), pick(0, 3) ? pick(1, 9) : pick(200, 300));
  int64_t axes[4], dims[4];
  int count = 0, constant = pick(0, 1), twice = pick(0, 7) == 0;
  for (int i = 0; i < 4; i++) {
    dims[i] = net.dims[i];
    if (pick(0, 1)) dims[i] = 1, axes[count++] = i;
  }
  add_node(&net, "Sigmoid", ""); /* far enough from 0 to divide by */
  value_name(net.value_count, x);
  if (twice) {
    other = x;
  } else if (constant) {
    add_random(&net, "other", dims, 4, 1, 0.5f);
  } else if (count) {
    make_node(&net.w, "ReduceMean", "", x, "other");
    make_ints(&net.w, "axes", axes, count);
  } else {
    make_node(&net.w, "Sigmoid", "", x, "other");
  }
  int turned = pick(0, 1);
  snprintf(text, sizeof text, "%s %s", turned ? other : x, turned ? x : other);
  value_name(++net.value_count, out);
  make_node(&net.w, op, "", text, out);
  if (net.hidden_count < 4) strcpy(net.hidden[net.hidden_count++], out);
  snprintf(text, sizeof text, "; %s %s, %d axes stand still%s", op,
           twice      ? "with itself"
           : constant ? "with a constant"
                      : "with an activation",
           count, turned ? ", turned" : "");
  tell(&net, text);
  if (pick(0, 1)) add_activation(&net);
  check(ctx, &net, 14);
}

/* A transformer's layers on many rows, [..., tokens][K]: a product by a constant, float or int8,
 * with LayerNormalization, Gelu, Erf, Softmax over the last axis around it. */
static void random_tokens(gcam_context *ctx) {
  network net;
  char text[96];
  begin(&net, pick(1, 2), pick(1, 4), pick(1, 19), pick(0, 3) ? pick(1, 40) : pick(250, 530));
  int64_t in = net.dims[3], out = pick(0, 3) ? pick(1, 70) : pick(200, 600);
  int gemm = pick(0, 1), transposed = gemm && pick(0, 1), int8 = pick(0, 2) == 0,
      shift = pick(0, 1);
  int64_t dims[] = {transposed ? out : in, transposed ? in : out};
  if (pick(0, 1) && in > 1) {
    int rms = pick(0, 2) == 0;
    add_random(&net, "scale", &in, 1, 1, 0);
    add_random(&net, "shift", &in, 1, 1, 0);
    add_node(&net, rms ? "RMSNormalization" : "LayerNormalization",
             shift && !rms ? "scale shift" : "scale");
    make_real(&net.w, "epsilon", 1e-3f);
    tell(&net, rms ? "; RMSNormalization" : "; LayerNormalization");
  }
  if (int8)
    add_quantized(&net, "m", dims, 2, 1.7f / sqrtf((float)in));
  else
    add_random(&net, "m", dims, 2, 1.7f / sqrtf((float)in), 0);
  add_random(&net, "c", &out, 1, 1, 0);
  if (gemm) {
    add_node(&net, "Flatten", "");
    make_int(&net.w, "axis", 3);
    add_node(&net, "Gemm", pick(0, 1) ? "m c" : "m");
    make_int(&net.w, "transB", transposed);
    if (pick(0, 2) == 0) make_real(&net.w, "alpha", 0.5f);
  } else {
    add_node(&net, "MatMul", "m");
    if (pick(0, 1)) add_node(&net, "Add", "c"), tell(&net, "; Add");
  }
  snprintf(text, sizeof text, "; %s %lld to %lld%s%s", gemm ? "Gemm" : "MatMul", (long long)in,
           (long long)out, transposed ? " transB" : "", int8 ? " int8" : "");
  tell(&net, text);
  static const char *const ops[] = {"Gelu", "Gelu", "Erf", "Softmax", "Relu"};
  int op = pick(0, 4);
  add_node(&net, ops[op], "");
  if (op == 0) make_text(&net.w, "approximate", "tanh");
  tell(&net, op ? "; " : "; tanh ");
  tell(&net, ops[op]);
  check(ctx, &net, 23);
}

/* softmax(Q K^T) V; keys and values of each head, or of all heads together. */
static void random_attention(gcam_context *ctx) {
  network net;
  int shared = pick(0, 2) == 0, E = pick(1, 34), T = pick(1, 3) > 1 ? pick(1, 24) : pick(250, 270);
  begin(&net, pick(1, 2), pick(1, 3), T, pick(1, 34));
  int64_t D = net.dims[3], q[] = {D, D}, v[] = {D, E}, order[] = {0, 1, 3, 2};
  char text[96];
  add_random(&net, "wq", q, 2, 2 / sqrtf((float)D), 0);
  add_random(&net, "wv", v, 2, 2 / sqrtf((float)D), 0);
  if (shared) {
    make_node(&net.w, "ReduceMean", "", "x", "keys");
    make_ints(&net.w, "axes", (int64_t[]){1}, 1);
  } else {
    make_node(&net.w, "Sigmoid", "", "x", "keys");
  }
  make_node(&net.w, "Transpose", "", "keys", "turned");
  make_ints(&net.w, "perm", order, 4);
  make_node(&net.w, "MatMul", "", "keys wv", "values");
  add_node(&net, "MatMul", "wq");
  add_node(&net, "MatMul", "turned");
  add_node(&net, "Softmax", "");
  make_int(&net.w, "axis", -1);
  add_node(&net, "MatMul", "values");
  snprintf(text, sizeof text, "; attention to %d%s", E, shared ? ", shared keys" : "");
  tell(&net, text);
  if (pick(0, 1)) { /* what reads some tokens alone, as a class token's head does */
    int first = pick(0, T - 1), end = pick(0, 1) ? first + 1 : pick(first + 1, T);
    int64_t one = 1, numbers[] = {first, end, 2};
    make_weight(&net.w, "first", 7, &one, 1, &numbers[0], sizeof numbers[0]);
    make_weight(&net.w, "end", 7, &one, 1, &numbers[1], sizeof numbers[1]);
    make_weight(&net.w, "axis", 7, &one, 1, &numbers[2], sizeof numbers[2]);
    add_node(&net, "Slice", "first end axis");
    snprintf(text, sizeof text, "; tokens %d to %d", first, end);
    tell(&net, text);
  }
  check(ctx, &net, 17);
}

/* A block whose input is read twice: its gradient is a sum. */
static void random_residual(gcam_context *ctx) {
  network net;
  int c = channels();
  window v = {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
  char skip[NAME];
  begin(&net, pick(1, 2), c, pick(2, 9), pick(2, 9));
  if (pick(0, 1)) add_activation(&net);
  value_name(net.value_count, skip);
  add_conv(&net, v, c, 1, pick(0, 1));
  if (pick(0, 1)) add_batch_norm(&net);
  add_node(&net, pick(0, 2) ? "Add" : "Mul", skip);
  tell(&net, "; with its input");
  if (pick(0, 1)) add_node(&net, "Relu", ""), tell(&net, "; Relu");
  check(ctx, &net, 14);
}

/* Shapes that once went wrong. */
static void known_troubles(gcam_context *ctx) {
  network net;
  /* sides shorter than the stride */
  begin(&net, 1, 7, 1, 10);
  add_conv(&net, (window){{5, 5}, {3, 3}, {1, 1}, {2, 2, 2, 2}}, 5, 1, 0);
  check(ctx, &net, 14);
  begin(&net, 1, 5, 6, 1);
  add_conv(&net, (window){{3, 3}, {3, 3}, {1, 1}, {2, 2, 2, 1}}, 33, 1, 1);
  check(ctx, &net, 14);
  /* phases of a stride: without taps, with fewer pixels than others, dilated against it, padded
   * beyond the kernel */
  static const window strided[] = {
      {{1, 1}, {2, 3}, {1, 1}, {1, 0, 1, 0}}, {{2, 1}, {3, 2}, {1, 1}, {1, 0, 0, 0}},
      {{3, 3}, {4, 2}, {2, 3}, {2, 3, 1, 0}}, {{2, 2}, {2, 2}, {1, 1}, {2, 1, 2, 3}},
      {{1, 2}, {1, 1}, {1, 1}, {2, 3, 0, 1}}, {{4, 4}, {4, 4}, {1, 1}, {0, 0, 0, 0}}};
  for (size_t i = 0; i < sizeof strided / sizeof *strided; i++) {
    begin(&net, 1, 6, 9, 10);
    add_conv(&net, strided[i], 4, i % 2 ? 2 : 1, 1);
    check(ctx, &net, 14);
  }
  /* depthwise windows at and above what the engine's kernel takes */
  for (int side = 32; side <= 33; side++) {
    begin(&net, 1, 5, 9, 19);
    add_conv(&net, (window){{side, 32}, {1, 2}, {1, 1}, {16, 16, 16, 16}}, 5, 5, 1);
    check(ctx, &net, 14);
  }
}

int main(int argc, char **argv) {
  static void (*const kinds[])(gcam_context *) = {
      random_first,      random_conv,      random_conv,      random_conv,  random_depthwise,
      random_winograd,   random_wide,      random_separable, random_pool,  random_pool,
      random_branches,   random_dense,     random_head,      random_lrn,   random_function,
      random_order,      random_order,     random_gate,      random_gate,  random_residual,
      random_tokens,     random_tokens,    random_attention, random_norm,  random_arithmetic,
      random_arithmetic, random_transpose, random_transpose, random_resize};
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20240607;
  int rounds = argc > 2 ? atoi(argv[2]) : 15;
  state = seed * 2862933555777941757u + 3037000493u;
  if (!state) state = 1;
  gcam_context *ctx = gcam_context_create(2);
  if (!ctx) return 1;
  known_troubles(ctx);
  usual_depthwise(ctx);
  for (int i = 0; i < rounds; i++)
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) kinds[kind](ctx);
  for (int i = 0; i < rounds; i += 5) random_large(ctx), random_lean(ctx), random_deep(ctx);
  gcam_context_free(ctx);
  printf("seed %llu: fast kernels differ from the plain loops by at most %.2g, precise ones %.2g\n",
         (unsigned long long)seed, worst[GCAM_FAST], worst[GCAM_PRECISE]);
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
