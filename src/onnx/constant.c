#include "onnx/constant.h"

#include <math.h>
#include <string.h>

bool gcam_constant_is_real(const gcam_value *v) {
  gcam_dtype dtype = v->weight->dtype;
  return v->weight->scale || dtype == GCAM_F32 || dtype == GCAM_F16 || dtype == GCAM_F64;
}

int64_t gcam_constant_round(double d) {
  if (isnan(d)) return 0;
  if (d >= 9223372036854775807.0) return INT64_MAX;
  if (d <= -9223372036854775808.0) return INT64_MIN;
  return (int64_t)d;
}

int64_t gcam_constant_int(const gcam_value *v, int64_t i) {
  const uint8_t *data = v->weight->data;
  int64_t i64;
  int32_t i32;
  switch (v->weight->scale ? GCAM_F32 : v->weight->dtype) {
    case GCAM_I64:
      return memcpy(&i64, data + (size_t)i * 8, 8), i64;
    case GCAM_I32:
      return memcpy(&i32, data + (size_t)i * 4, 4), i32;
    case GCAM_I8:
      return (int8_t)data[i];
    case GCAM_U8:
      return data[i];
    case GCAM_BOOL:
      return data[i] != 0;
    default:
      return gcam_constant_round(gcam_constant_real(v, i));
  }
}

double gcam_constant_real(const gcam_value *v, int64_t i) {
  float f;
  double d;
  if (!gcam_constant_is_real(v)) return (double)gcam_constant_int(v, i);
  if (v->weight->dtype == GCAM_F64)
    return memcpy(&d, (uint8_t *)v->weight->data + (size_t)i * 8, 8), d;
  if (v->weight->dtype == GCAM_F32)
    return memcpy(&f, (uint8_t *)v->weight->data + (size_t)i * 4, 4), (double)f;
  gcam_weight_read(v->weight, &v->shape, i, 1, &f);
  return f;
}

void gcam_constant_set_int(gcam_value *v, int64_t i, int64_t n) {
  uint8_t *data = v->weight->data;
  int32_t i32 = (int32_t)(uint32_t)(uint64_t)n;
  switch (v->weight->dtype) {
    case GCAM_I64:
      memcpy(data + (size_t)i * 8, &n, 8);
      break;
    case GCAM_I32:
      memcpy(data + (size_t)i * 4, &i32, 4);
      break;
    case GCAM_BOOL:
      data[i] = n != 0;
      break;
    default:
      data[i] = (uint8_t)(uint64_t)n;
  }
}

void gcam_constant_set_real(gcam_value *v, int64_t i, double d) {
  float f = (float)d;
  if (v->weight->dtype == GCAM_F64)
    memcpy((uint8_t *)v->weight->data + (size_t)i * 8, &d, 8);
  else
    memcpy((uint8_t *)v->weight->data + (size_t)i * 4, &f, 4);
}

gcam_dtype gcam_constant_type(const gcam_value *v) {
  return v->weight->scale || v->weight->dtype == GCAM_F16 ? GCAM_F32 : v->weight->dtype;
}

void gcam_constant_copy(gcam_value *dst, int64_t i, const gcam_value *src, int64_t j) {
  if (!src->weight->scale && src->weight->dtype == dst->weight->dtype) {
    size_t size = gcam_dtype_size(src->weight->dtype);
    memcpy((uint8_t *)dst->weight->data + (size_t)i * size,
           (uint8_t *)src->weight->data + (size_t)j * size, size);
  } else if (gcam_constant_is_real(dst)) {
    gcam_constant_set_real(dst, i, gcam_constant_real(src, j));
  } else {
    gcam_constant_set_int(dst, i, gcam_constant_int(src, j));
  }
}

/* An exponent of all ones is infinity or NaN: one more, and it runs over into the sign. Two floats
 * at a time; every weight of every network passes here. */
static bool any_odd(const uint8_t *data, int64_t n) {
  const uint64_t exponents = 0x7f8000007f800000u, one = 0x0080000000800000u;
  uint64_t over = 0, two = 0;
  for (int64_t i = 0; i + 1 < n; i += 2) {
    memcpy(&two, data + (size_t)i * 4, 8);
    over |= (two & exponents) + one;
  }
  two = 0;
  if (n & 1) memcpy(&two, data + (size_t)(n - 1) * 4, 4);
  over |= (two & exponents) + one;
  return (over & 0x8000000080000000u) != 0;
}

static int64_t odd_floats(const void *data, int64_t n) {
  int64_t odd = 0;
  float f;
  if (!any_odd(data, n)) return 0;
  for (int64_t i = 0; i < n; i++) {
    memcpy(&f, (const uint8_t *)data + (size_t)i * 4, 4);
    odd += !isfinite(f);
  }
  return odd;
}

int64_t gcam_constant_odd(const gcam_value *v) {
  const gcam_weight *w = v->weight;
  int64_t n = gcam_numel(&v->shape), odd = 0;
  uint16_t half;
  if (w->scale) return odd_floats(w->scale, w->scale_count);
  if (w->dtype == GCAM_F32) return odd_floats(w->data, n);
  if (w->dtype == GCAM_F64)
    for (int64_t i = 0; i < n; i++) odd += !isfinite(gcam_constant_real(v, i));
  for (int64_t i = 0; i < n && w->dtype == GCAM_F16; i++) {
    memcpy(&half, (const uint8_t *)w->data + (size_t)i * 2, 2);
    odd += (half & 0x7c00u) == 0x7c00u;
  }
  return odd;
}
