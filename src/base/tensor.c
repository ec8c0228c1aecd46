#include "base/tensor.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

size_t gcam_dtype_size(gcam_dtype dtype) {
  switch (dtype) {
    case GCAM_F64:
    case GCAM_I64:
      return 8;
    case GCAM_F32:
    case GCAM_I32:
      return 4;
    case GCAM_F16:
      return 2;
    default:
      return 1;
  }
}

int64_t gcam_numel(const gcam_shape *shape) { return gcam_numel_range(shape, 0, shape->rank); }

int64_t gcam_numel_range(const gcam_shape *shape, int from, int to) {
  int64_t n = 1;
  for (int i = from; i < to; i++) n *= shape->dim[i];
  return n;
}

bool gcam_shape_equal(const gcam_shape *a, const gcam_shape *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i]) return false;
  return true;
}

gcam_status gcam_shape_check(const gcam_shape *shape, const char *what, gcam_error *err) {
  char text[96];
  int64_t n = 1;
  if (shape->rank < 0 || shape->rank > GCAM_MAX_RANK)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED, "%s has rank %d; the engine handles up to %d", what,
                     shape->rank, GCAM_MAX_RANK);
  for (int i = 0; i < shape->rank; i++) {
    if (shape->dim[i] < 0)
      return gcam_fail(err, GCAM_ERR_MODEL, "%s has a negative size: %s", what,
                       gcam_shape_text(shape, text, sizeof text));
    int64_t dim =
        shape->dim[i] ? shape->dim[i] : 1; /* products of some of the axes stay in range too */
    if (n > GCAM_MAX_ELEMENTS / dim)
      return gcam_fail(err, GCAM_ERR_MEMORY, "%s is too large: %s is over %lld elements", what,
                       gcam_shape_text(shape, text, sizeof text), (long long)GCAM_MAX_ELEMENTS);
    n *= dim;
  }
  return GCAM_OK;
}

const char *gcam_shape_text(const gcam_shape *shape, char *text, size_t size) {
  size_t used = 0;
  if (!size) return "";
  text[0] = 0;
  if (!shape->rank) snprintf(text, size, "scalar");
  for (int i = 0; i < shape->rank && used < size; i++)
    used +=
        (size_t)snprintf(text + used, size - used, i ? "x%lld" : "%lld", (long long)shape->dim[i]);
  return text;
}

int gcam_permute_axes(const gcam_shape *src_shape, const int *perm, int64_t dim[GCAM_MAX_RANK],
                      int64_t step[GCAM_MAX_RANK]) {
  int count = 0;
  for (int i = 0; i < src_shape->rank; i++) {
    int64_t n = src_shape->dim[perm[i]];
    int64_t hop = gcam_numel_range(src_shape, perm[i] + 1, src_shape->rank);
    if (n == 1) continue;
    if (count && step[count - 1] == n * hop) {
      dim[count - 1] *= n;
      step[count - 1] = hop;
    } else {
      dim[count] = n;
      step[count++] = hop;
    }
  }
  if (!count) dim[count] = step[count] = 1, count++;
  return count;
}

void gcam_permute(void *dst, const void *src, const gcam_shape *src_shape, const int *perm,
                  size_t elem) {
  int64_t n = gcam_numel(src_shape), step[GCAM_MAX_RANK], dim[GCAM_MAX_RANK];
  int64_t at[GCAM_MAX_RANK] = {0};
  if (!n) return;
  int last = gcam_permute_axes(src_shape, perm, dim, step) - 1;
  unsigned char *out = dst;
  const unsigned char *in = src;
  int64_t inner = dim[last], hop = step[last], base = 0;
  for (int64_t done = 0; done < n; done += inner) {
    if (hop == 1) {
      memcpy(out, in + (size_t)base * elem, (size_t)inner * elem);
      out += (size_t)inner * elem;
    } else if (elem == 4) {
      for (int64_t i = 0; i < inner; i++, out += 4)
        memcpy(out, in + (size_t)(base + i * hop) * 4, 4);
    } else {
      for (int64_t i = 0; i < inner; i++, out += elem)
        memcpy(out, in + (size_t)(base + i * hop) * elem, elem);
    }
    for (int i = last - 1; i >= 0; i--) {
      base += step[i];
      if (++at[i] < dim[i]) break;
      base -= step[i] * dim[i];
      at[i] = 0;
    }
  }
}

/* XNNPACK reads up to 16 bytes past the last element. */
float *gcam_floats_alloc(int64_t count) {
  return count < 0 || count > INT64_MAX - 16 ? NULL : gcam_alloc_aligned(count + 16, sizeof(float));
}

void gcam_floats_free(float *p) { gcam_free(p); }
