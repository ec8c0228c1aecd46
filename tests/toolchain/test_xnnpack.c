// The toolchain alone, without the engine: the XNNPACK operators that are built link, choose
// kernels for this CPU and compute what plain loops compute, with and without a thread pool.
//
// N images, H rows, W columns, C input channels, K output channels, R kernel size.
#include <math.h>
#include <pthreadpool.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <xnnpack.h>

enum { H = 19, W = 23, C = 5, K = 37, R = 3 };

static int passed, failed;

static void check(bool good, const char *what, int threads) {
  good ? passed++ : failed++;
  if (!good) printf("FAILED: %s with %d thread(s)\n", what, threads);
}

static float next_random(void) {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / (float)(1 << 23) - 1.0f;
}

static float *random_array(size_t count) {
  float *a = calloc(count + XNN_EXTRA_BYTES / sizeof(float), sizeof *a);
  for (size_t i = 0; a && i < count; i++) a[i] = next_random();
  return a;
}

// The specification: y[h][w][k] = b[k] + sum over r, s, c of x[h + r - 1][w + s - 1][c] *
// f[k][r][s][c].
static float conv_at(const float *x, const float *f, const float *b, int h, int w, int k) {
  double sum = b[k];
  for (int r = 0; r < R; r++)
    for (int s = 0; s < R; s++)
      for (int c = 0; c < C; c++) {
        int i = h + r - 1, j = w + s - 1;
        if (i >= 0 && i < H && j >= 0 && j < W)
          sum += (double)x[(i * W + j) * C + c] * f[((k * R + r) * R + s) * C + c];
      }
  return (float)sum;
}

static void check_convolution(pthreadpool_t pool, int threads) {
  float *x = random_array(H * W * C), *f = random_array(K * R * R * C), *b = random_array(K),
        *y = random_array(H * W * K);
  xnn_operator_t op = NULL;
  size_t workspace = 0, alignment = 0, oh = 0, ow = 0;
  bool ran = xnn_create_convolution2d_nhwc_f32(1, 1, 1, 1, R, R, 1, 1, 1, 1, 1, C, K, C, K, f, b,
                                               -INFINITY, INFINITY, 0, NULL, NULL,
                                               &op) == xnn_status_success &&
             xnn_reshape_convolution2d_nhwc_f32(op, 1, H, W, &workspace, &alignment, &oh, &ow,
                                                pool) == xnn_status_success;
  void *scratch = workspace ? aligned_alloc(64, (workspace + 63) / 64 * 64) : NULL;
  ran = ran && xnn_setup_convolution2d_nhwc_f32(op, scratch, x, y) == xnn_status_success &&
        xnn_run_operator(op, pool) == xnn_status_success;
  check(ran && oh == H && ow == W, "convolution runs", threads);
  float worst = 0;
  for (int h = 0; ran && h < H; h++)
    for (int w = 0; w < W; w++)
      for (int k = 0; k < K; k++)
        worst = fmaxf(worst, fabsf(y[(h * W + w) * K + k] - conv_at(x, f, b, h, w, k)));
  check(ran && worst < 1e-5f, "convolution equals plain loops", threads);
  xnn_delete_operator(op);
  free(scratch), free(x), free(f), free(b), free(y);
}

static void check_max_pooling(pthreadpool_t pool, int threads) {
  enum { P = 2, OH = H / P, OW = W / P };
  float *x = random_array(H * W * C), *y = random_array(OH * OW * C);
  xnn_operator_t op = NULL;
  size_t oh = 0, ow = 0;
  bool ran = xnn_create_max_pooling2d_nhwc_f32(0, 0, 0, 0, P, P, P, P, 1, 1, -INFINITY, INFINITY, 0,
                                               &op) == xnn_status_success &&
             xnn_reshape_max_pooling2d_nhwc_f32(op, 1, H, W, C, C, C, &oh, &ow, pool) ==
                 xnn_status_success &&
             xnn_setup_max_pooling2d_nhwc_f32(op, x, y) == xnn_status_success &&
             xnn_run_operator(op, pool) == xnn_status_success;
  bool same = ran && oh == OH && ow == OW;
  for (int h = 0; same && h < OH; h++)
    for (int w = 0; w < OW; w++)
      for (int c = 0; c < C; c++) {
        const float *p = x + (2 * h * W + 2 * w) * C + c;
        same = same &&
               y[(h * OW + w) * C + c] == fmaxf(fmaxf(p[0], p[C]), fmaxf(p[W * C], p[(W + 1) * C]));
      }
  check(same, "max pooling equals plain loops", threads);
  xnn_delete_operator(op);
  free(x), free(y);
}

int main(void) {
  if (xnn_initialize(NULL) != xnn_status_success) {
    printf("FAILED: xnn_initialize\n0 passed, 1 failed, 0 skipped\n");
    return 1;
  }
  for (int threads = 1; threads <= 2; threads++) {
    pthreadpool_t pool = threads > 1 ? pthreadpool_create((size_t)threads) : NULL;
    check(threads == 1 || pool, "thread pool starts", threads);
    check_convolution(pool, threads);
    check_max_pooling(pool, threads);
    pthreadpool_destroy(pool);
  }
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
