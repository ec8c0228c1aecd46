/* Contender: XNNPACK's own float32 operators, natively: the kernels it chooses on this CPU, weights
 * packed beforehand, ReLU fused. Convolutions, max poolings and fully connected layers of a
 * network, in its order, with random weights; neither additions nor anything else. argv: threads.
 *
 * Reads one layer a line, `kind H W C K kh kw sh sw top left bottom right groups lo hi`, kind
 * "conv", "pool" or "fc" (H = W = 1); after the line "end" it answers "ready"; after that every
 * line is answered with the ms of one run and the peak memory in MB.
 *
 * H height, W width, C channels in, K channels out. */
#include <math.h>
#include <pthreadpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <xnnpack.h>

typedef struct layer {
  char kind[8];
  unsigned H, W, C, K, kh, kw, sh, sw, top, left, bottom, right, groups;
  float lo, hi;
  xnn_operator_t op;
  void *workspace;
  size_t out_size;
} layer;

static void check(enum xnn_status status, const char *what) {
  if (status == xnn_status_success) return;
  fprintf(stderr, "XNNPACK status %d at %s\n", (int)status, what);
  exit(1);
}

static float *floats(size_t count, float spread) {
  static unsigned state = 1;
  float *values = malloc(count * sizeof *values + XNN_EXTRA_BYTES);
  if (!values) check(xnn_status_out_of_memory, "weights");
  for (size_t i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    values[i] = spread * ((float)(state >> 8) / (float)(1 << 23) - 1);
  }
  return values;
}

static void pack(layer *l) {
  if (!strcmp(l->kind, "pool")) {
    check(xnn_create_max_pooling2d_nhwc_f32(l->top, l->right, l->bottom, l->left, l->kh, l->kw,
                                            l->sh, l->sw, 1, 1, -INFINITY, INFINITY, 0, &l->op),
          "a pooling");
    return;
  }
  size_t taps = (size_t)l->kh * l->kw * (l->C / l->groups);
  float *kernel = floats(taps * l->K, sqrtf(6 / (float)taps)), *bias = floats(l->K, 0.05f);
  if (!strcmp(l->kind, "fc"))
    check(xnn_create_fully_connected_nc_f32(l->C, l->K, l->C, l->K, kernel, bias, l->lo, l->hi, 0,
                                            NULL, NULL, &l->op),
          "a fully connected layer");
  else
    check(xnn_create_convolution2d_nhwc_f32(l->top, l->right, l->bottom, l->left, l->kh, l->kw,
                                            l->sh, l->sw, 1, 1, l->groups, l->C / l->groups,
                                            l->K / l->groups, l->C, l->K, kernel, bias, l->lo,
                                            l->hi, 0, NULL, NULL, &l->op),
          "a convolution");
  free(kernel);
  free(bias);
}

static void shape(layer *l, pthreadpool_t pool) {
  size_t oh = 1, ow = 1, workspace = 0, alignment = 0;
  if (!strcmp(l->kind, "pool"))
    check(
        xnn_reshape_max_pooling2d_nhwc_f32(l->op, 1, l->H, l->W, l->C, l->C, l->C, &oh, &ow, pool),
        "a pooling's shape");
  else if (!strcmp(l->kind, "fc"))
    check(xnn_reshape_fully_connected_nc_f32(l->op, 1, pool), "a fully connected layer's shape");
  else
    check(xnn_reshape_convolution2d_nhwc_f32(l->op, 1, l->H, l->W, &workspace, &alignment, &oh, &ow,
                                             pool),
          "a convolution's shape");
  if (workspace) l->workspace = aligned_alloc(64, (workspace + 63) / 64 * 64);
  l->out_size = oh * ow * l->K;
}

static void setup(layer *l, const float *in, float *out) {
  if (!strcmp(l->kind, "pool"))
    check(xnn_setup_max_pooling2d_nhwc_f32(l->op, in, out), "a pooling's input");
  else if (!strcmp(l->kind, "fc"))
    check(xnn_setup_fully_connected_nc_f32(l->op, in, out), "a fully connected layer's input");
  else
    check(xnn_setup_convolution2d_nhwc_f32(l->op, l->workspace, in, out), "a convolution's input");
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  static layer layers[512];
  size_t count = 0, largest = 0;
  size_t threads = argc > 1 ? (size_t)atoi(argv[1]) : 1;
  pthreadpool_t pool = threads > 1 ? pthreadpool_create(threads) : NULL;
  check(xnn_initialize(NULL), "its start");

  char line[256];
  while (fgets(line, sizeof line, stdin) && strcmp(line, "end\n") != 0) {
    layer *l = &layers[count++];
    if (count == sizeof layers / sizeof *layers ||
        sscanf(line, "%7s %u %u %u %u %u %u %u %u %u %u %u %u %u %f %f", l->kind, &l->H, &l->W,
               &l->C, &l->K, &l->kh, &l->kw, &l->sh, &l->sw, &l->top, &l->left, &l->bottom,
               &l->right, &l->groups, &l->lo, &l->hi) != 16) {
      fprintf(stderr, "not a layer: %s", line);
      return 1;
    }
    pack(l);
    shape(l, pool);
    size_t in = (size_t)l->H * l->W * l->C;
    largest = in > largest ? in : largest;
    largest = l->out_size > largest ? l->out_size : largest;
  }
  float *ping = floats(largest, 1), *pong = floats(largest, 1);
  for (size_t i = 0; i < count; i++) setup(&layers[i], i % 2 ? pong : ping, i % 2 ? ping : pong);
  printf("ready\n");
  fflush(stdout);

  while (fgets(line, sizeof line, stdin)) {
    double start = now();
    for (size_t i = 0; i < count; i++) check(xnn_run_operator(layers[i].op, pool), "a run");
    double ms = now() - start;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%.4f %.1f\n", ms, (double)usage.ru_maxrss / 1024);
    fflush(stdout);
  }
  return 0;
}
