#include "ops/weight.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"

/* ---- Its numbers ---------------------------------------------------------------------------- */

const float *gcam_weight_floats_in_place(const gcam_weight *weight) {
  if (weight->f32) return weight->f32;
  /* A tensor inside a file may begin at any byte. */
  bool aligned = (uintptr_t)weight->data % _Alignof(float) == 0;
  return weight->dtype == GCAM_F32 && aligned ? weight->data : NULL;
}

const float *gcam_weight_floats(gcam_weight *weight, const gcam_shape *shape) {
  const float *there = gcam_weight_floats_in_place(weight);
  if (there || (!weight->data && !weight->recover)) return there;
  int64_t n = gcam_numel(shape);
  float *copy = gcam_floats_alloc(n);
  if (!copy) return NULL;
  gcam_weight_read(weight, shape, 0, n, copy);
  return weight->f32 = copy;
}

/* memcpy, because the source may lie unaligned in a file. */
#define READ_AS(type, convert)                                 \
  for (int64_t i = 0; i < count; i++) {                        \
    type v;                                                    \
    memcpy(&v, src + (size_t)(from + i) * sizeof v, sizeof v); \
    dst[i] = convert(v);                                       \
  }                                                            \
  break

/* value = (q - zero) * scale, one scale and zero per index of the scaled axis. */
static void read_quantized(const gcam_weight *weight, const gcam_shape *shape, int64_t from,
                           int64_t count, float *dst) {
  const uint8_t *src = weight->data;
  bool is_signed = weight->dtype == GCAM_I8;
  bool per_axis = weight->scale_count > 1;
  int64_t inner = per_axis ? gcam_numel_range(shape, weight->scale_axis + 1, shape->rank) : 1;
  int64_t at = per_axis ? from / inner % weight->scale_count : 0;
  int64_t left = per_axis ? inner - from % inner : count; /* elements until the next scale */
  for (int64_t i = 0; i < count;) {
    int64_t end = left < count - i ? i + left : count;
    float scale = weight->scale[at];
    int zero = !weight->zero ? 0 : is_signed ? weight->zero[at] : (uint8_t)weight->zero[at];
    for (; i < end; i++) {
      int q = is_signed ? (int8_t)src[from + i] : src[from + i];
      dst[i] = (float)(q - zero) * scale;
    }
    left = inner;
    if (per_axis && ++at == weight->scale_count) at = 0;
  }
}

void gcam_weight_read(const gcam_weight *weight, const gcam_shape *shape, int64_t from,
                      int64_t count, float *dst) {
  const unsigned char *src = weight->data;
  if (count <= 0) return;
  if (!src) {
    assert(from == 0 && count == gcam_numel(shape));
    weight->recover(weight->holder, dst);
    return;
  }
  if (weight->scale && (weight->dtype == GCAM_I8 || weight->dtype == GCAM_U8)) {
    read_quantized(weight, shape, from, count, dst);
    return;
  }
  /* clang-format off */
  switch (weight->dtype) {
    case GCAM_F32: memcpy(dst, src + (size_t)from * 4, (size_t)count * 4); break;
    case GCAM_F16: READ_AS(uint16_t, gcam_half_to_float);
    case GCAM_F64: READ_AS(double, (float));
    case GCAM_I32: READ_AS(int32_t, (float));
    case GCAM_I64: READ_AS(int64_t, (float));
    case GCAM_I8: READ_AS(int8_t, (float));
    case GCAM_U8: READ_AS(uint8_t, (float));
    case GCAM_BOOL: READ_AS(uint8_t, (float)!!);
  }
  /* clang-format on */
}

/* ---- From state to state -------------------------------------------------------------------- */

/* Values may share a weight: pointers are cleared, so that each is freed once. */
void gcam_weight_free(gcam_weight *weight) {
  if (!weight) return;
  if (!weight->borrowed) gcam_free(weight->data);
  weight->data = NULL;
  gcam_floats_free(weight->f32);
  weight->f32 = NULL;
}

void gcam_weight_hold(gcam_weight *weight, const void *holder,
                      void (*recover)(const void *holder, float *values)) {
  assert(!weight->borrowed && weight->dtype == GCAM_F32 && !weight->scale);
  gcam_weight_free(weight);
  weight->holder = holder;
  weight->recover = recover;
}

void gcam_weight_restore(gcam_weight *weight, float *values) {
  assert(!weight->data);
  gcam_weight_free(weight);
  weight->data = values;
  weight->holder = NULL;
  weight->recover = NULL;
}
