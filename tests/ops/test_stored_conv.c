/* test_stored_conv.c: convolutions by the weights where they are stored, which networks of more
 * than a gigabyte take, on random shapes: forward against XNNPACK's kernels, and gradients against
 * theirs, where they have any. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernels/conv_xnnpack.h"
#include "kernels/stored_conv.h"

static int passed, failed, compared[2];
static uint64_t state = 88172645463325252ull;

static int pick(int low, int high) { /* xorshift64*, Vigna 2016 */
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return low + (int)((state * 2685821657736338717u) >> 33) % (high - low + 1);
}

static float *noise(int64_t count) {
  float *values = gcam_floats_alloc(count);
  if (!values) exit(1);
  for (int64_t i = 0; i < count; i++) values[i] = (float)pick(-1000, 1000) / 1000;
  return values;
}

static void check(bool ok, const gcam_conv_spec *c, const char *what, double value) {
  if (ok)
    passed++;
  else
    failed++;
  if (!ok)
    printf(
        "FAIL %s: %lldx%lldx%lld to %lldx%lldx%lld, %lldx%lld, groups %lld, strides %lld %lld, "
        "dilations %lld %lld, pads %lld %lld %lld %lld: %g\n",
        what, (long long)c->H, (long long)c->W, (long long)c->C, (long long)c->OH, (long long)c->OW,
        (long long)c->K, (long long)c->kh, (long long)c->kw, (long long)c->groups, (long long)c->sh,
        (long long)c->sw, (long long)c->dh, (long long)c->dw, (long long)c->pt, (long long)c->pl,
        (long long)c->pb, (long long)c->pr, value);
}

static bool random_spec(gcam_conv_spec *c) {
  *c = (gcam_conv_spec){.H = pick(1, 12), .W = pick(1, 12), .kh = pick(1, 3), .kw = pick(1, 3)};
  c->sh = pick(1, 2), c->sw = pick(1, 3), c->dh = pick(1, 2), c->dw = pick(1, 2);
  c->pt = pick(0, 2), c->pl = pick(0, 2), c->pb = pick(0, 2), c->pr = pick(0, 2);
  c->groups = pick(0, 1) ? 1 : pick(2, 4);
  c->C = c->groups * pick(1, 11), c->K = c->groups * pick(1, 11);
  int64_t y = c->H + c->pt + c->pb - (c->kh - 1) * c->dh - 1;
  int64_t x = c->W + c->pl + c->pr - (c->kw - 1) * c->dw - 1;
  c->OH = y / c->sh + 1, c->OW = x / c->sw + 1;
  c->out_stride = c->K + (pick(0, 1) ? 3 : 0);
  c->lo = pick(0, 1) ? 0 : -INFINITY, c->hi = pick(0, 1) ? 1 : INFINITY;
  c->direct = true;
  return x >= 0 && y >= 0 && gcam_conv_kernel_fits(c);
}

/* `kernel` makes what `expected` makes, of n floats of input for each of two pictures. */
static void compare(const gcam_conv_spec *c, gcam_kernel *kernel, gcam_kernel *expected, int64_t n,
                    int64_t pixels, int64_t channels, int64_t stride, const gcam_threads *pool,
                    const char *what) {
  gcam_error err = {0};
  float *in = noise(2 * n), *got = noise(2 * pixels * stride), *wanted = noise(2 * pixels * stride);
  double error = 0;
  float kept = got[channels < stride ? channels : 0];
  check(!kernel->run(kernel, 2, in, got, pool, &err), c, "runs", 0);
  check(!expected->run(expected, 2, in, wanted, pool, &err), c, "XNNPACK runs", 0);
  for (int64_t i = 0; i < 2 * pixels; i++)
    for (int64_t k = 0; k < channels; k++)
      error = fmax(error, fabs((double)got[i * stride + k] - wanted[i * stride + k]));
  check(error <= 1e-5 * sqrt((double)(c->kh * c->kw * (c->C + c->K))), c, what, error);
  if (channels < stride) check(got[channels] == kept, c, "leaves its neighbours", got[channels]);
  gcam_floats_free(in);
  gcam_floats_free(got);
  gcam_floats_free(wanted);
}

static void random_conv(const gcam_threads *pool) {
  gcam_conv_spec c;
  while (!random_spec(&c)) continue;
  gcam_shape shape = {.rank = 4, .dim = {c.K, c.kh, c.kw, c.C / c.groups}};
  float *values = noise(gcam_numel(&shape)), *bias = pick(0, 1) ? noise(c.K) : NULL;
  gcam_weight weight = {.dtype = GCAM_F32, .data = values};
  gcam_error err = {0};
  for (int back = 0; back < 2; back++) {
    gcam_weight_source source = {&weight, &shape, NULL, back, true};
    gcam_kernel *stored = gcam_stored_conv_kernel(&c, &source, back ? NULL : bias, &err);
    gcam_kernel *packed = back ? gcam_conv_backward_kernel(&c, values, &err)
                               : gcam_conv_forward_kernel(&c, values, bias, &err);
    check(!err.status && (stored || back), &c, "is made", err.status);
    if (stored && packed && back)
      compare(&c, stored, packed, c.OH * c.OW * c.K, c.H * c.W, c.C, c.C, pool, "gradient");
    else if (stored && packed)
      compare(&c, stored, packed, c.H * c.W * c.C, c.OH * c.OW, c.K, c.out_stride, pool, "forward");
    compared[back] += stored && packed;
    gcam_kernel_free(stored);
    gcam_kernel_free(packed);
  }
  gcam_floats_free(values);
  gcam_floats_free(bias);
}

int main(void) {
  gcam_threads pool;
  if (!gcam_threads_init(&pool, 2)) return 1;
  for (int i = 0; i < 400; i++) random_conv(&pool);
  check(compared[0] == 400 && compared[1] > 150, &(gcam_conv_spec){0}, "enough", compared[1]);
  gcam_threads_free(&pool);
  printf("%d forward, %d gradients\n%d passed, %d failed, 0 skipped\n", compared[0], compared[1],
         passed, failed);
  return failed != 0;
}
