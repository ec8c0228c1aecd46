/* fold.c: see fold.h. Order: elements, views, moving elements, arithmetic, the table.
 * Numbers are computed as double or int64 and rounded to the element type once; for float32
 * + - * / and sqrt that gives exactly the float32 result. Semantics: Operators.md of ONNX. */
#include "onnx/fold.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "onnx/model.h"

enum { MAX_VALUES = 4096 }; /* longest list of axes, sizes or splits */

/* ---- Elements ------------------------------------------------------------------------------- */

bool gcam_constant_is_real(const gcam_value *v) {
  gcam_dtype dtype = v->weight->dtype;
  return v->weight->scale || dtype == GCAM_F32 || dtype == GCAM_F16 || dtype == GCAM_F64;
}

static int64_t to_int(double d) {
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
      return to_int(gcam_constant_real(v, i));
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

static void set_int(gcam_value *v, int64_t i, int64_t n) {
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

static void set_real(gcam_value *v, int64_t i, double d) {
  float f = (float)d;
  if (v->weight->dtype == GCAM_F64)
    memcpy((uint8_t *)v->weight->data + (size_t)i * 8, &d, 8);
  else
    memcpy((uint8_t *)v->weight->data + (size_t)i * 4, &f, 4);
}

/* The type a result of `v`'s type has: half and quantized weights become float32. */
static gcam_dtype result_type(const gcam_value *v) {
  return v->weight->scale || v->weight->dtype == GCAM_F16 ? GCAM_F32 : v->weight->dtype;
}

/* dst[i] = src[j]; types may differ. */
static void copy_element(gcam_value *dst, int64_t i, const gcam_value *src, int64_t j) {
  if (!src->weight->scale && src->weight->dtype == dst->weight->dtype) {
    size_t size = gcam_dtype_size(src->weight->dtype);
    memcpy((uint8_t *)dst->weight->data + (size_t)i * size,
           (uint8_t *)src->weight->data + (size_t)j * size, size);
  } else if (gcam_constant_is_real(dst)) {
    set_real(dst, i, gcam_constant_real(src, j));
  } else {
    set_int(dst, i, gcam_constant_int(src, j));
  }
}

static gcam_status bad(const gcam_fold *f, gcam_error *err, gcam_status status, const char *why) {
  char label[224];
  return gcam_fail(err, status, "%.160s: %s", gcam_node_label(f->node, label, sizeof label), why);
}

gcam_status gcam_fold_make(gcam_fold *f, int k, const gcam_shape *shape, gcam_dtype dtype,
                           gcam_error *err) {
  char label[224];
  GCAM_TRY(gcam_shape_check(shape, gcam_node_label(f->node, label, sizeof label), err));
  int64_t n = gcam_numel(shape);
  if (n > *f->budget)
    return bad(f, err, GCAM_ERR_MEMORY, "the constants it makes at load grow too large");
  *f->budget -= n;
  gcam_weight *weight = gcam_arena_alloc(&f->graph->arena, 1, sizeof *weight);
  void *data = weight ? gcam_alloc_zeroed(n ? (size_t)n : 1, gcam_dtype_size(dtype)) : NULL;
  if (!data) return bad(f, err, GCAM_ERR_MEMORY, "out of memory");
  weight->dtype = dtype;
  weight->data = data;
  f->out[k].shape = *shape;
  f->out[k].weight = weight;
  return GCAM_OK;
}

/* ---- Reading a node ------------------------------------------------------------------------- */

static bool given(const gcam_fold *f, int i) {
  return i >= 0 && i < f->node->input_count && f->in[i].weight != NULL;
}

/* A list of integers: attribute, or constant input of any integer type. */
static gcam_status int_list(const gcam_fold *f, const char *name, int input, int64_t *values,
                            int max, int *count, gcam_error *err) {
  *count = 0;
  const gcam_attr *attr = gcam_node_attr(f->node, name);
  if (attr || !given(f, input))
    return gcam_node_ints(f->graph, f->node, name, -1, values, max, count, err);
  const gcam_value *v = &f->in[input];
  int64_t n = gcam_numel(&v->shape);
  if (v->shape.rank > 1 || gcam_constant_is_real(v) || n > max)
    return bad(f, err, GCAM_ERR_MODEL, "an input that should be a short list of integers is not");
  for (int i = 0; i < n; i++) values[i] = gcam_constant_int(v, i);
  *count = (int)n;
  return GCAM_OK;
}

static gcam_status fix_axis(const gcam_fold *f, int64_t *axis, int rank, gcam_error *err) {
  if (*axis < -rank || *axis >= rank)
    return bad(f, err, GCAM_ERR_MODEL, "its axis is outside of the tensor");
  if (*axis < 0) *axis += rank;
  return GCAM_OK;
}

/* ---- Views: another shape for the same data ------------------------------------------------- */

static gcam_status view(gcam_fold *f, const gcam_shape *shape, gcam_error *err) {
  char label[224];
  const gcam_value *x = &f->in[0];
  GCAM_TRY(gcam_shape_check(shape, gcam_node_label(f->node, label, sizeof label), err));
  if (gcam_numel(shape) != gcam_numel(&x->shape))
    return bad(f, err, GCAM_ERR_MODEL, "its new shape has another number of elements");
  if (x->weight->scale_count > 1 && !gcam_shape_equal(shape, &x->shape)) {
    /* The axis of the scales would have to survive; rare enough to pay with float32. */
    GCAM_TRY(gcam_fold_make(f, 0, shape, GCAM_F32, err));
    gcam_weight_read(x->weight, &x->shape, 0, gcam_numel(shape), f->out[0].weight->data);
    return GCAM_OK;
  }
  f->out[0].shape = *shape;
  f->out[0].weight = x->weight;
  f->view = true;
  return GCAM_OK;
}

static gcam_status fold_identity(gcam_fold *f, gcam_error *err) {
  return view(f, &f->in[0].shape, err);
}

static gcam_status fold_reshape(gcam_fold *f, gcam_error *err) {
  int64_t dims[GCAM_MAX_RANK], known = 1;
  int rank, open = -1;
  const gcam_shape *x = &f->in[0].shape;
  GCAM_TRY(int_list(f, "shape", 1, dims, GCAM_MAX_RANK, &rank, err));
  gcam_shape shape = {.rank = rank};
  for (int i = 0; i < rank; i++) {
    shape.dim[i] = dims[i];
    if (dims[i] == 0 && !gcam_node_int(f->node, "allowzero", 0)) {
      if (i >= x->rank) return bad(f, err, GCAM_ERR_MODEL, "copies a size its input lacks");
      shape.dim[i] = x->dim[i];
    }
    if (dims[i] == -1) {
      if (open >= 0) return bad(f, err, GCAM_ERR_MODEL, "leaves two sizes open");
      open = i;
      shape.dim[i] = 1;
    }
    if (shape.dim[i] < 0) return bad(f, err, GCAM_ERR_MODEL, "asks for a negative size");
    if (shape.dim[i] > GCAM_MAX_ELEMENTS ||
        (shape.dim[i] && known > GCAM_MAX_ELEMENTS / shape.dim[i]))
      return bad(f, err, GCAM_ERR_MODEL, "asks for too large a size");
    known *= shape.dim[i];
  }
  if (open >= 0 && known) shape.dim[open] = gcam_numel(x) / known;
  return view(f, &shape, err);
}

static gcam_status fold_flatten(gcam_fold *f, gcam_error *err) {
  const gcam_shape *x = &f->in[0].shape;
  int64_t axis = gcam_node_int(f->node, "axis", 1);
  if (axis < -x->rank || axis > x->rank) return bad(f, err, GCAM_ERR_MODEL, "bad axis");
  if (axis < 0) axis += x->rank;
  gcam_shape shape = {2,
                      {gcam_numel_range(x, 0, (int)axis), gcam_numel_range(x, (int)axis, x->rank)}};
  return view(f, &shape, err);
}

static gcam_status fold_squeeze(gcam_fold *f, gcam_error *err) {
  const gcam_shape *x = &f->in[0].shape;
  int64_t axes[GCAM_MAX_RANK];
  bool drop[GCAM_MAX_RANK] = {false};
  int count;
  GCAM_TRY(int_list(f, "axes", 1, axes, GCAM_MAX_RANK, &count, err));
  bool all = !gcam_node_attr(f->node, "axes") && !given(f, 1);
  for (int i = 0; i < x->rank && all; i++) drop[i] = x->dim[i] == 1;
  for (int i = 0; i < count; i++) {
    GCAM_TRY(fix_axis(f, &axes[i], x->rank, err));
    if (x->dim[axes[i]] != 1) return bad(f, err, GCAM_ERR_MODEL, "drops a size that is not 1");
    drop[axes[i]] = true;
  }
  gcam_shape shape = {0};
  for (int i = 0; i < x->rank; i++)
    if (!drop[i]) shape.dim[shape.rank++] = x->dim[i];
  return view(f, &shape, err);
}

static gcam_status fold_unsqueeze(gcam_fold *f, gcam_error *err) {
  const gcam_shape *x = &f->in[0].shape;
  int64_t axes[GCAM_MAX_RANK];
  bool added[GCAM_MAX_RANK] = {false};
  int count, from = 0;
  GCAM_TRY(int_list(f, "axes", 1, axes, GCAM_MAX_RANK, &count, err));
  gcam_shape shape = {.rank = x->rank + count};
  if (shape.rank > GCAM_MAX_RANK)
    return bad(f, err, GCAM_ERR_UNSUPPORTED, "more than 6 dimensions");
  for (int i = 0; i < count; i++) {
    GCAM_TRY(fix_axis(f, &axes[i], shape.rank, err));
    if (added[axes[i]]) return bad(f, err, GCAM_ERR_MODEL, "names an axis twice");
    added[axes[i]] = true;
  }
  for (int i = 0; i < shape.rank; i++) shape.dim[i] = added[i] ? 1 : x->dim[from++];
  return view(f, &shape, err);
}

static gcam_status fold_cast(gcam_fold *f, gcam_error *err) {
  const gcam_value *x = &f->in[0];
  gcam_dtype to;
  switch (gcam_node_int(f->node, "to", 0)) {
    case ONNX_FLOAT:
    case ONNX_FLOAT16:
    case ONNX_BFLOAT16:
      to = GCAM_F32;
      break; /* logically: see gcam_weight */
    case ONNX_DOUBLE:
      to = GCAM_F64;
      break;
    case ONNX_INT8:
      to = GCAM_I8;
      break;
    case ONNX_UINT8:
      to = GCAM_U8;
      break;
    case ONNX_BOOL:
      to = GCAM_BOOL;
      break;
    case ONNX_INT16:
    case ONNX_UINT16:
    case ONNX_INT32:
      to = GCAM_I32;
      break;
    case ONNX_UINT32:
    case ONNX_UINT64:
    case ONNX_INT64:
      to = GCAM_I64;
      break;
    default:
      return bad(f, err, GCAM_ERR_UNSUPPORTED, "casts to a type the engine does not have");
  }
  /* Half and quantized weights stay as they are stored: they already count as float32. */
  if (to == x->weight->dtype || (to == GCAM_F32 && result_type(x) == GCAM_F32))
    if (!x->weight->scale || to == GCAM_F32) return view(f, &x->shape, err);
  GCAM_TRY(gcam_fold_make(f, 0, &x->shape, to, err));
  for (int64_t i = 0, n = gcam_numel(&x->shape); i < n; i++) {
    if (to == GCAM_BOOL)
      set_int(&f->out[0], i, gcam_constant_real(x, i) != 0);
    else
      copy_element(&f->out[0], i, x, i);
  }
  return GCAM_OK;
}

/* y = (x - zero) * scale. Bytes stay bytes; the weight learns its scale. */
static gcam_status fold_dequantize(gcam_fold *f, gcam_error *err) {
  const gcam_value *x = &f->in[0], *scale = &f->in[1], *zero = given(f, 2) ? &f->in[2] : NULL;
  if (!given(f, 1) || !gcam_constant_is_real(scale) || x->weight->scale || gcam_constant_is_real(x))
    return bad(f, err, GCAM_ERR_MODEL, "needs integers and floating point scales");
  int64_t count = gcam_numel(&scale->shape), axis = gcam_node_int(f->node, "axis", 1);
  if (gcam_node_int(f->node, "block_size", 0) || scale->shape.rank > 1)
    return bad(f, err, GCAM_ERR_UNSUPPORTED, "blocked quantization is not supported");
  if (count == 1)
    axis = 0;
  else {
    GCAM_TRY(fix_axis(f, &axis, x->shape.rank, err));
    if (count != x->shape.dim[axis])
      return bad(f, err, GCAM_ERR_MODEL, "has not one scale for each index of its axis");
  }
  if (!count || (zero && (gcam_numel(&zero->shape) != count || gcam_constant_is_real(zero))))
    return bad(f, err, GCAM_ERR_MODEL, "its zero points do not match its scales");
  if (x->weight->dtype != GCAM_I8 && x->weight->dtype != GCAM_U8) { /* int32: a bias */
    GCAM_TRY(gcam_fold_make(f, 0, &x->shape, GCAM_F32, err));
    int64_t inner = count == 1 ? 1 : gcam_numel_range(&x->shape, (int)axis + 1, x->shape.rank);
    for (int64_t i = 0, n = gcam_numel(&x->shape); i < n; i++) {
      int64_t k = count == 1 ? 0 : i / inner % count;
      double shift = zero ? gcam_constant_real(zero, k) : 0;
      set_real(&f->out[0], i, (gcam_constant_real(x, i) - shift) * gcam_constant_real(scale, k));
    }
    return GCAM_OK;
  }
  gcam_arena *arena = &f->graph->arena;
  gcam_weight *w = gcam_arena_alloc(arena, 1, sizeof *w);
  float *scales = gcam_arena_alloc(arena, (size_t)count, sizeof *scales);
  int8_t *zeros = zero ? gcam_arena_alloc(arena, (size_t)count, 1) : NULL;
  if (!w || !scales || (zero && !zeros)) return bad(f, err, GCAM_ERR_MEMORY, "out of memory");
  for (int64_t i = 0; i < count; i++) {
    scales[i] = (float)gcam_constant_real(scale, i);
    if (zero) zeros[i] = (int8_t)(uint8_t)(uint64_t)gcam_constant_int(zero, i);
  }
  w->dtype = x->weight->dtype;
  w->data = x->weight->data;
  w->borrowed = true;
  w->scale = scales;
  w->zero = zeros;
  w->scale_count = count;
  w->scale_axis = (int)axis;
  f->out[0].shape = x->shape;
  f->out[0].weight = w;
  f->view = true;
  return GCAM_OK;
}

/* ---- Moving elements ------------------------------------------------------------------------ */

/* Shape that a and b broadcast to. */
static gcam_status broadcast(const gcam_fold *f, const gcam_shape *a, const gcam_shape *b,
                             gcam_shape *to, gcam_error *err) {
  gcam_shape shape = {.rank = a->rank > b->rank ? a->rank : b->rank};
  for (int i = 0; i < shape.rank; i++) {
    int ai = i - (shape.rank - a->rank), bi = i - (shape.rank - b->rank);
    int64_t da = ai < 0 ? 1 : a->dim[ai], db = bi < 0 ? 1 : b->dim[bi];
    if (da != db && da != 1 && db != 1)
      return bad(f, err, GCAM_ERR_MODEL, "its inputs do not broadcast to one shape");
    shape.dim[i] = da == 1 ? db : da;
  }
  *to = shape;
  return GCAM_OK;
}

/* Where element i of a tensor of shape `to` comes from in one of shape `from`. */
static int64_t source(const gcam_shape *to, int64_t i, const gcam_shape *from) {
  int64_t at = 0, stride = 1;
  if (gcam_shape_equal(to, from)) return i;
  for (int k = 1; k <= from->rank; k++) {
    int64_t n = from->dim[from->rank - k], m = to->dim[to->rank - k];
    if (n > 1) at += i % m * stride;
    stride *= n;
    i /= m;
  }
  return at;
}

static gcam_status fold_transpose(gcam_fold *f, gcam_error *err) {
  const gcam_value *x = &f->in[0];
  int rank = x->shape.rank, count, perm[GCAM_MAX_RANK];
  int64_t order[GCAM_MAX_RANK];
  bool seen[GCAM_MAX_RANK] = {false};
  GCAM_TRY(int_list(f, "perm", -1, order, GCAM_MAX_RANK, &count, err));
  if (count && count != rank) return bad(f, err, GCAM_ERR_MODEL, "perm does not fit the input");
  gcam_shape shape = {.rank = rank};
  for (int i = 0; i < rank; i++) {
    int64_t from = count ? order[i] : rank - 1 - i;
    GCAM_TRY(fix_axis(f, &from, rank, err));
    if (seen[from]) return bad(f, err, GCAM_ERR_MODEL, "perm names an axis twice");
    seen[from] = true;
    perm[i] = (int)from;
    shape.dim[i] = x->shape.dim[from];
  }
  GCAM_TRY(gcam_fold_make(f, 0, &shape, x->weight->dtype, err));
  gcam_weight *w = f->out[0].weight;
  gcam_permute(w->data, x->weight->data, &x->shape, perm, gcam_dtype_size(w->dtype));
  w->scale = x->weight->scale;
  w->zero = x->weight->zero;
  w->scale_count = x->weight->scale_count;
  for (int i = 0; i < rank; i++)
    if (perm[i] == x->weight->scale_axis) w->scale_axis = i;
  return GCAM_OK;
}

static gcam_status fold_gather(gcam_fold *f, gcam_error *err) {
  const gcam_value *x = &f->in[0], *at = &f->in[1];
  int64_t axis = gcam_node_int(f->node, "axis", 0);
  if (!given(f, 1) || gcam_constant_is_real(at))
    return bad(f, err, GCAM_ERR_MODEL, "its indices are not integers");
  GCAM_TRY(fix_axis(f, &axis, x->shape.rank, err));
  gcam_shape shape = {0};
  if (x->shape.rank - 1 + at->shape.rank > GCAM_MAX_RANK)
    return bad(f, err, GCAM_ERR_UNSUPPORTED, "more than 6 dimensions");
  for (int i = 0; i < axis; i++) shape.dim[shape.rank++] = x->shape.dim[i];
  for (int i = 0; i < at->shape.rank; i++) shape.dim[shape.rank++] = at->shape.dim[i];
  for (int i = (int)axis + 1; i < x->shape.rank; i++) shape.dim[shape.rank++] = x->shape.dim[i];
  GCAM_TRY(gcam_fold_make(f, 0, &shape, result_type(x), err));
  int64_t outer = gcam_numel_range(&x->shape, 0, (int)axis), n = gcam_numel(&at->shape);
  int64_t inner = gcam_numel_range(&x->shape, (int)axis + 1, x->shape.rank);
  int64_t size = x->shape.dim[axis];
  for (int64_t k = 0; k < n; k++) {
    int64_t index = gcam_constant_int(at, k);
    if (index < -size || index >= size)
      return bad(f, err, GCAM_ERR_MODEL, "an index is outside of the tensor");
    if (index < 0) index += size;
    for (int64_t o = 0; o < outer; o++)
      for (int64_t i = 0; i < inner; i++)
        copy_element(&f->out[0], (o * n + k) * inner + i, x, (o * size + index) * inner + i);
  }
  return GCAM_OK;
}

static gcam_status fold_concat(gcam_fold *f, gcam_error *err) {
  const gcam_value *x = &f->in[0];
  int64_t axis = gcam_node_int(f->node, "axis", 1), total = 0, done = 0;
  if (!given(f, 0)) return bad(f, err, GCAM_ERR_MODEL, "an input is missing");
  GCAM_TRY(fix_axis(f, &axis, x->shape.rank, err));
  for (int k = 0; k < f->node->input_count; k++) {
    if (!given(f, k) || f->in[k].shape.rank != x->shape.rank ||
        gcam_constant_is_real(&f->in[k]) != gcam_constant_is_real(x))
      return bad(f, err, GCAM_ERR_MODEL, "its inputs differ in rank or type");
    for (int i = 0; i < x->shape.rank; i++)
      if (i != axis && f->in[k].shape.dim[i] != x->shape.dim[i])
        return bad(f, err, GCAM_ERR_MODEL, "its inputs differ in size beside the axis");
    total += f->in[k].shape.dim[axis];
  }
  gcam_shape shape = x->shape;
  shape.dim[axis] = total;
  GCAM_TRY(gcam_fold_make(f, 0, &shape, result_type(x), err));
  int64_t outer = gcam_numel_range(&shape, 0, (int)axis);
  int64_t inner = gcam_numel_range(&shape, (int)axis + 1, shape.rank);
  for (int k = 0; k < f->node->input_count; k++) {
    int64_t run = f->in[k].shape.dim[axis] * inner;
    for (int64_t o = 0; o < outer; o++)
      for (int64_t i = 0; i < run; i++)
        copy_element(&f->out[0], o * total * inner + done + i, &f->in[k], o * run + i);
    done += run;
  }
  return GCAM_OK;
}

/* Copies the box that starts at `start`, every step-th element. */
static void copy_box(gcam_value *to, const gcam_value *x, const int64_t *start,
                     const int64_t *step) {
  int64_t n = gcam_numel(&to->shape);
  for (int64_t i = 0; i < n; i++) {
    int64_t rest = i, at = 0, stride = 1;
    for (int k = to->shape.rank - 1; k >= 0; k--) {
      at += (start[k] + rest % to->shape.dim[k] * step[k]) * stride;
      rest /= to->shape.dim[k];
      stride *= x->shape.dim[k];
    }
    copy_element(to, i, x, at);
  }
}

static int64_t clamp(int64_t v, int64_t low, int64_t high) {
  return v < low ? low : v > high ? high : v;
}

static gcam_status fold_slice(gcam_fold *f, gcam_error *err) {
  const gcam_value *x = &f->in[0];
  int64_t starts[GCAM_MAX_RANK], ends[GCAM_MAX_RANK], axes[GCAM_MAX_RANK], steps[GCAM_MAX_RANK];
  int64_t start[GCAM_MAX_RANK] = {0}, step[GCAM_MAX_RANK];
  int n, ne, na, ns;
  GCAM_TRY(int_list(f, "starts", 1, starts, GCAM_MAX_RANK, &n, err));
  GCAM_TRY(int_list(f, "ends", 2, ends, GCAM_MAX_RANK, &ne, err));
  GCAM_TRY(int_list(f, "axes", 3, axes, GCAM_MAX_RANK, &na, err));
  GCAM_TRY(int_list(f, "steps", 4, steps, GCAM_MAX_RANK, &ns, err));
  if (ne != n || (na && na != n) || (ns && ns != n))
    return bad(f, err, GCAM_ERR_MODEL, "starts, ends, axes and steps differ in length");
  gcam_shape shape = x->shape;
  for (int i = 0; i < GCAM_MAX_RANK; i++) step[i] = 1;
  for (int i = 0; i < n; i++) {
    int64_t axis = na ? axes[i] : i, by = ns ? steps[i] : 1;
    GCAM_TRY(fix_axis(f, &axis, x->shape.rank, err));
    int64_t size = x->shape.dim[axis], from = starts[i], to = ends[i];
    if (!by || by < -GCAM_MAX_ELEMENTS || by > GCAM_MAX_ELEMENTS)
      by = by < 0 ? -GCAM_MAX_ELEMENTS : by ? GCAM_MAX_ELEMENTS : 0;
    if (!by) return bad(f, err, GCAM_ERR_MODEL, "steps by 0");
    if (from < 0) from = from < -size ? -1 - size : from + size;
    if (to < 0) to = to < -size ? -1 : to + size;
    from = by > 0 ? clamp(from, 0, size) : clamp(from, 0, size - 1);
    to = by > 0 ? clamp(to, 0, size) : clamp(to, -1, size - 1);
    int64_t length = by > 0 ? (to - from + by - 1) / by : (from - to - by - 1) / -by;
    shape.dim[axis] = length < 0 || !size ? 0 : length;
    start[axis] = from;
    step[axis] = by;
  }
  GCAM_TRY(gcam_fold_make(f, 0, &shape, result_type(x), err));
  copy_box(&f->out[0], x, start, step);
  return GCAM_OK;
}

static gcam_status fold_split(gcam_fold *f, gcam_error *err) {
  const gcam_value *x = &f->in[0];
  int outputs = f->node->output_count, count;
  int64_t axis = gcam_node_int(f->node, "axis", 0), sizes[256], total = 0;
  int64_t start[GCAM_MAX_RANK] = {0}, step[GCAM_MAX_RANK] = {1, 1, 1, 1, 1, 1};
  GCAM_TRY(fix_axis(f, &axis, x->shape.rank, err));
  if (outputs < 1 || outputs > 256) return bad(f, err, GCAM_ERR_UNSUPPORTED, "too many outputs");
  GCAM_TRY(int_list(f, "split", 1, sizes, 256, &count, err));
  int64_t size = x->shape.dim[axis], each = (size + outputs - 1) / outputs;
  for (int k = 0; k < outputs && !count; k++) {
    sizes[k] = size - each * k;
    if (sizes[k] > each) sizes[k] = each;
  }
  for (int k = 0; k < (count ? count : outputs); k++) {
    if (sizes[k] < 0 || sizes[k] > size)
      return bad(f, err, GCAM_ERR_MODEL, "a part has a bad size");
    total += sizes[k];
  }
  if ((count && count != outputs) || total != size)
    return bad(f, err, GCAM_ERR_MODEL, "its parts do not add up to the input");
  for (int k = 0; k < outputs; k++) {
    gcam_shape shape = x->shape;
    shape.dim[axis] = sizes[k];
    GCAM_TRY(gcam_fold_make(f, k, &shape, result_type(x), err));
    copy_box(&f->out[k], x, start, step);
    start[axis] += sizes[k];
  }
  return GCAM_OK;
}

static gcam_status sizes_input(const gcam_fold *f, int input, gcam_shape *shape, gcam_error *err) {
  int64_t sizes[GCAM_MAX_RANK];
  *shape = (gcam_shape){0};
  if (!given(f, input)) return bad(f, err, GCAM_ERR_MODEL, "an input is missing");
  GCAM_TRY(int_list(f, "", input, sizes, GCAM_MAX_RANK, &shape->rank, err));
  memcpy(shape->dim, sizes, (size_t)shape->rank * sizeof *sizes);
  return GCAM_OK;
}

static gcam_status fold_expand(gcam_fold *f, gcam_error *err) {
  const gcam_value *x = &f->in[0];
  gcam_shape wish, shape;
  GCAM_TRY(sizes_input(f, 1, &wish, err));
  GCAM_TRY(broadcast(f, &x->shape, &wish, &shape, err));
  GCAM_TRY(gcam_fold_make(f, 0, &shape, result_type(x), err));
  for (int64_t i = 0, n = gcam_numel(&shape); i < n; i++)
    copy_element(&f->out[0], i, x, source(&shape, i, &x->shape));
  return GCAM_OK;
}

static gcam_status fold_tile(gcam_fold *f, gcam_error *err) {
  const gcam_value *x = &f->in[0];
  gcam_shape times, shape = x->shape;
  GCAM_TRY(sizes_input(f, 1, &times, err));
  if (times.rank != shape.rank) return bad(f, err, GCAM_ERR_MODEL, "one repeat per axis is needed");
  for (int i = 0; i < shape.rank; i++) {
    if (times.dim[i] < 0 || times.dim[i] > GCAM_MAX_ELEMENTS)
      return bad(f, err, GCAM_ERR_MODEL, "a repeat is out of range");
    shape.dim[i] *= times.dim[i];
  }
  GCAM_TRY(gcam_fold_make(f, 0, &shape, result_type(x), err));
  for (int64_t i = 0, n = gcam_numel(&shape); i < n; i++) {
    int64_t rest = i, at = 0, stride = 1;
    for (int k = shape.rank - 1; k >= 0; k--) {
      at += rest % shape.dim[k] % x->shape.dim[k] * stride;
      rest /= shape.dim[k];
      stride *= x->shape.dim[k];
    }
    copy_element(&f->out[0], i, x, at);
  }
  return GCAM_OK;
}

static gcam_status fold_constant_of_shape(gcam_fold *f, gcam_error *err) {
  gcam_shape shape;
  GCAM_TRY(sizes_input(f, 0, &shape, err));
  if (f->tensor && gcam_numel(&f->tensor->shape) != 1)
    return bad(f, err, GCAM_ERR_MODEL, "its value is not one number");
  GCAM_TRY(gcam_fold_make(f, 0, &shape, f->tensor ? result_type(f->tensor) : GCAM_F32, err));
  for (int64_t i = 0, n = gcam_numel(&shape); i < n && f->tensor; i++)
    copy_element(&f->out[0], i, f->tensor, 0);
  return GCAM_OK;
}

static gcam_status fold_range(gcam_fold *f, gcam_error *err) {
  for (int i = 0; i < 3; i++)
    if (!given(f, i) || gcam_numel(&f->in[i].shape) != 1)
      return bad(f, err, GCAM_ERR_MODEL, "needs a start, a limit and a step");
  const gcam_value *x = &f->in[0];
  bool real = gcam_constant_is_real(x);
  double start = gcam_constant_real(x, 0), step = gcam_constant_real(&f->in[2], 0);
  double count = ceil((gcam_constant_real(&f->in[1], 0) - start) / step);
  if (step == 0 || !(count <= (double)GCAM_MAX_ELEMENTS))
    return bad(f, err, GCAM_ERR_MODEL, "runs too far");
  gcam_shape shape = {1, {count > 0 ? (int64_t)count : 0}};
  GCAM_TRY(gcam_fold_make(f, 0, &shape, result_type(x), err));
  uint64_t first = (uint64_t)gcam_constant_int(x, 0),
           by = (uint64_t)gcam_constant_int(&f->in[2], 0);
  for (int64_t i = 0; i < shape.dim[0]; i++) {
    if (real)
      set_real(&f->out[0], i, start + (double)i * step);
    else
      set_int(&f->out[0], i, (int64_t)(first + (uint64_t)i * by));
  }
  return GCAM_OK;
}

static gcam_status fold_where(gcam_fold *f, gcam_error *err) {
  const gcam_value *c = &f->in[0], *a = &f->in[1], *b = &f->in[2];
  gcam_shape shape;
  if (!given(f, 1) || !given(f, 2)) return bad(f, err, GCAM_ERR_MODEL, "an input is missing");
  GCAM_TRY(broadcast(f, &a->shape, &b->shape, &shape, err));
  GCAM_TRY(broadcast(f, &c->shape, &shape, &shape, err));
  GCAM_TRY(gcam_fold_make(f, 0, &shape, result_type(a), err));
  for (int64_t i = 0, n = gcam_numel(&shape); i < n; i++) {
    const gcam_value *from = gcam_constant_int(c, source(&shape, i, &c->shape)) ? a : b;
    copy_element(&f->out[0], i, from, source(&shape, i, &from->shape));
  }
  return GCAM_OK;
}

/* ---- Arithmetic ----------------------------------------------------------------------------- */

/* Integers wrap as ONNX's runtimes do; computed unsigned, where wrapping is defined. */
#define WRAP(a, op, b) ((int64_t)((uint64_t)(a)op(uint64_t)(b)))

static double real_add(double a, double b) { return a + b; }
static double real_sub(double a, double b) { return a - b; }
static double real_mul(double a, double b) { return a * b; }
static double real_div(double a, double b) { return a / b; }
static double real_mod(double a, double b) { return a - b * floor(a / b); }
static double real_min(double a, double b) { return isnan(a) || a < b ? a : b; }
static double real_max(double a, double b) { return isnan(a) || a > b ? a : b; }
static double real_equal(double a, double b) { return a == b; }
static double real_less(double a, double b) { return a < b; }
static double real_less_equal(double a, double b) { return a <= b; }
static double real_greater(double a, double b) { return a > b; }
static double real_greater_equal(double a, double b) { return a >= b; }

static int64_t int_add(int64_t a, int64_t b) { return WRAP(a, +, b); }
static int64_t int_sub(int64_t a, int64_t b) { return WRAP(a, -, b); }
static int64_t int_mul(int64_t a, int64_t b) { return WRAP(a, *, b); }
/* Division by 0 is refused before; INT64_MIN / -1 would overflow. */
static int64_t int_div(int64_t a, int64_t b) { return b == -1 ? WRAP(0, -, a) : a / b; }
static int64_t int_mod(int64_t a, int64_t b) {
  int64_t r = b == -1 ? 0 : a % b;
  return r && (r < 0) != (b < 0) ? r + b : r; /* the sign of the divisor, as in Python */
}
static int64_t int_fmod(int64_t a, int64_t b) { return b == -1 ? 0 : a % b; }
static int64_t int_min(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t int_max(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t int_equal(int64_t a, int64_t b) { return a == b; }
static int64_t int_less(int64_t a, int64_t b) { return a < b; }
static int64_t int_less_equal(int64_t a, int64_t b) { return a <= b; }
static int64_t int_greater(int64_t a, int64_t b) { return a > b; }
static int64_t int_greater_equal(int64_t a, int64_t b) { return a >= b; }
static int64_t int_and(int64_t a, int64_t b) { return a && b; }
static int64_t int_or(int64_t a, int64_t b) { return a || b; }
static int64_t int_xor(int64_t a, int64_t b) { return !a != !b; }
static int64_t int_pow(int64_t a, int64_t b) { return to_int(pow((double)a, (double)b)); }

typedef double (*real_fn)(double, double);
typedef int64_t (*int_fn)(int64_t, int64_t);

/* Any number of inputs, two at a time: out = fn(fn(in0, in1), in2), ... */
static gcam_status binary(gcam_fold *f, real_fn real, int_fn integer, bool to_bool,
                          gcam_error *err) {
  const gcam_value *x = &f->in[0];
  gcam_shape shape = x->shape;
  bool is_real = gcam_constant_is_real(x);
  bool divides = integer == int_div || integer == int_mod || integer == int_fmod;
  for (int k = 1; k < f->node->input_count; k++) {
    if (!given(f, k)) return bad(f, err, GCAM_ERR_MODEL, "an input is missing");
    GCAM_TRY(broadcast(f, &shape, &f->in[k].shape, &shape, err));
    if (gcam_constant_is_real(&f->in[k]) && real) is_real = true;
  }
  if (is_real && !real) return bad(f, err, GCAM_ERR_MODEL, "works on integers alone");
  gcam_dtype type = to_bool ? GCAM_BOOL : result_type(x);
  GCAM_TRY(gcam_fold_make(f, 0, &shape, type, err));
  gcam_value *y = &f->out[0];
  bool real_out = gcam_constant_is_real(y);
  for (int64_t i = 0, n = gcam_numel(&shape); i < n; i++) {
    int64_t at = source(&shape, i, &x->shape), whole = 0;
    double d = 0;
    if (is_real)
      d = gcam_constant_real(x, at);
    else
      whole = gcam_constant_int(x, at);
    for (int k = 1; k < f->node->input_count; k++) {
      int64_t from = source(&shape, i, &f->in[k].shape);
      if (is_real) {
        d = real(d, gcam_constant_real(&f->in[k], from));
        continue;
      }
      int64_t other = gcam_constant_int(&f->in[k], from);
      if (divides && !other) return bad(f, err, GCAM_ERR_MODEL, "divides an integer by 0");
      whole = integer(whole, other);
    }
    if (real_out)
      set_real(y, i, is_real ? d : (double)whole);
    else
      set_int(y, i, is_real ? to_int(d) : whole);
  }
  return GCAM_OK;
}

static gcam_status fold_mod(gcam_fold *f, gcam_error *err) {
  return gcam_node_int(f->node, "fmod", 0) ? binary(f, fmod, int_fmod, false, err)
                                           : binary(f, real_mod, int_mod, false, err);
}

#define BINARY(name, real, integer, to_bool)                      \
  static gcam_status fold_##name(gcam_fold *f, gcam_error *err) { \
    return binary(f, real, integer, to_bool, err);                \
  }
BINARY(add, real_add, int_add, false)
BINARY(sub, real_sub, int_sub, false)
BINARY(mul, real_mul, int_mul, false)
BINARY(div, real_div, int_div, false)
BINARY(pow, pow, int_pow, false)
BINARY(min, real_min, int_min, false)
BINARY(max, real_max, int_max, false)
BINARY(equal, real_equal, int_equal, true)
BINARY(less, real_less, int_less, true)
BINARY(less_equal, real_less_equal, int_less_equal, true)
BINARY(greater, real_greater, int_greater, true)
BINARY(greater_equal, real_greater_equal, int_greater_equal, true)
BINARY(and, NULL, int_and, true)
BINARY(or, NULL, int_or, true)
BINARY(xor, NULL, int_xor, true)

static gcam_status unary(gcam_fold *f, double (*real)(double), int64_t (*integer)(int64_t),
                         gcam_error *err) {
  const gcam_value *x = &f->in[0];
  bool is_real = gcam_constant_is_real(x);
  if (is_real ? !real : !integer)
    return bad(f, err, GCAM_ERR_MODEL, "does not work on the type of its input");
  GCAM_TRY(gcam_fold_make(f, 0, &x->shape, result_type(x), err));
  for (int64_t i = 0, n = gcam_numel(&x->shape); i < n; i++) {
    if (is_real)
      set_real(&f->out[0], i, real(gcam_constant_real(x, i)));
    else
      set_int(&f->out[0], i, integer(gcam_constant_int(x, i)));
  }
  return GCAM_OK;
}

static double real_neg(double a) { return -a; }
static double real_reciprocal(double a) { return 1 / a; }
static double real_round(double a) { return nearbyint(a); } /* half to even, as ONNX says */
static double real_sign(double a) { return (a > 0) - (a < 0); }
static int64_t int_neg(int64_t a) { return WRAP(0, -, a); }
static int64_t int_abs(int64_t a) { return a < 0 ? int_neg(a) : a; }
static int64_t int_not(int64_t a) { return !a; }
static int64_t int_sign(int64_t a) { return (a > 0) - (a < 0); }

#define UNARY(name, real, integer)                                \
  static gcam_status fold_##name(gcam_fold *f, gcam_error *err) { \
    return unary(f, real, integer, err);                          \
  }
UNARY(neg, real_neg, int_neg)
UNARY(abs, fabs, int_abs)
UNARY(sign, real_sign, int_sign)
UNARY(not, NULL, int_not)
UNARY(floor, floor, NULL)
UNARY(ceil, ceil, NULL)
UNARY(round, real_round, NULL)
UNARY(sqrt, sqrt, NULL)
UNARY(exp, exp, NULL)
UNARY(log, log, NULL)
UNARY(reciprocal, real_reciprocal, NULL)

static gcam_status reduce(gcam_fold *f, real_fn real, int_fn integer, bool mean, gcam_error *err) {
  const gcam_value *x = &f->in[0];
  int64_t axes[GCAM_MAX_RANK], n = gcam_numel(&x->shape);
  int count;
  bool gone[GCAM_MAX_RANK] = {false}, is_real = gcam_constant_is_real(x);
  GCAM_TRY(int_list(f, "axes", 1, axes, GCAM_MAX_RANK, &count, err));
  if (!count && gcam_node_int(f->node, "noop_with_empty_axes", 0)) return view(f, &x->shape, err);
  for (int i = 0; i < count; i++) {
    GCAM_TRY(fix_axis(f, &axes[i], x->shape.rank, err));
    gone[axes[i]] = true;
  }
  gcam_shape kept = x->shape, shape = {0};
  for (int i = 0; i < x->shape.rank; i++) {
    if (!count) gone[i] = true;
    if (gone[i]) kept.dim[i] = 1;
    if (!gone[i] || gcam_node_int(f->node, "keepdims", 1)) shape.dim[shape.rank++] = kept.dim[i];
  }
  if (!n) return bad(f, err, GCAM_ERR_MODEL, "reduces an empty tensor");
  GCAM_TRY(gcam_fold_make(f, 0, &shape, result_type(x), err));
  int64_t m = gcam_numel(&kept);
  /* Each result is walked on its own, so that it is rounded once, from a double. */
  for (int64_t o = 0; o < m; o++) {
    int64_t base = 0, whole = 0, stride = 1, rest = o, inside = n / m;
    double d = 0;
    for (int k = x->shape.rank - 1; k >= 0; k--) {
      base += rest % kept.dim[k] * stride;
      rest /= kept.dim[k];
      stride *= x->shape.dim[k];
    }
    for (int64_t i = 0; i < inside; i++) {
      int64_t at = base, left = i, step = 1;
      for (int k = x->shape.rank - 1; k >= 0; k--) {
        if (gone[k]) {
          at += left % x->shape.dim[k] * step;
          left /= x->shape.dim[k];
        }
        step *= x->shape.dim[k];
      }
      if (is_real)
        d = i ? real(d, gcam_constant_real(x, at)) : gcam_constant_real(x, at);
      else
        whole = i ? integer(whole, gcam_constant_int(x, at)) : gcam_constant_int(x, at);
    }
    if (is_real)
      set_real(&f->out[0], o, mean ? d / (double)inside : d);
    else
      set_int(&f->out[0], o, mean ? whole / inside : whole);
  }
  return GCAM_OK;
}

#define REDUCE(name, real, integer, mean)                         \
  static gcam_status fold_##name(gcam_fold *f, gcam_error *err) { \
    return reduce(f, real, integer, mean, err);                   \
  }
REDUCE(reduce_sum, real_add, int_add, false)
REDUCE(reduce_prod, real_mul, int_mul, false)
REDUCE(reduce_min, real_min, int_min, false)
REDUCE(reduce_max, real_max, int_max, false)
REDUCE(reduce_mean, real_add, int_add, true)

/* ---- The table ------------------------------------------------------------------------------ */

static const struct {
  const char *name;
  gcam_status (*run)(gcam_fold *f, gcam_error *err);
} table[] = {{"Identity", fold_identity},
             {"Reshape", fold_reshape},
             {"Flatten", fold_flatten},
             {"Squeeze", fold_squeeze},
             {"Unsqueeze", fold_unsqueeze},
             {"Cast", fold_cast},
             {"DequantizeLinear", fold_dequantize},
             {"Transpose", fold_transpose},
             {"Gather", fold_gather},
             {"Concat", fold_concat},
             {"Slice", fold_slice},
             {"Split", fold_split},
             {"Expand", fold_expand},
             {"Tile", fold_tile},
             {"ConstantOfShape", fold_constant_of_shape},
             {"Range", fold_range},
             {"Where", fold_where},
             {"Add", fold_add},
             {"Sum", fold_add},
             {"Sub", fold_sub},
             {"Mul", fold_mul},
             {"Div", fold_div},
             {"Mod", fold_mod},
             {"Pow", fold_pow},
             {"Min", fold_min},
             {"Max", fold_max},
             {"Equal", fold_equal},
             {"Less", fold_less},
             {"LessOrEqual", fold_less_equal},
             {"Greater", fold_greater},
             {"GreaterOrEqual", fold_greater_equal},
             {"And", fold_and},
             {"Or", fold_or},
             {"Xor", fold_xor},
             {"Not", fold_not},
             {"Neg", fold_neg},
             {"Abs", fold_abs},
             {"Sign", fold_sign},
             {"Floor", fold_floor},
             {"Ceil", fold_ceil},
             {"Round", fold_round},
             {"Sqrt", fold_sqrt},
             {"Exp", fold_exp},
             {"Log", fold_log},
             {"Reciprocal", fold_reciprocal},
             {"ReduceSum", fold_reduce_sum},
             {"ReduceProd", fold_reduce_prod},
             {"ReduceMin", fold_reduce_min},
             {"ReduceMax", fold_reduce_max},
             {"ReduceMean", fold_reduce_mean}};

static int find(const char *op) {
  for (int i = 0; i < (int)(sizeof table / sizeof *table); i++)
    if (!strcmp(table[i].name, op)) return i;
  return -1;
}

bool gcam_fold_knows(const char *op) { return find(op) >= 0; }

gcam_status gcam_fold_run(gcam_fold *f, gcam_error *err) {
  int row = find(f->node->op->name);
  if (row < 0) return bad(f, err, GCAM_ERR_UNSUPPORTED, "it cannot be folded");
  if (f->node->output_count < 1 || !given(f, 0))
    return bad(f, err, GCAM_ERR_MODEL, "its first input or its output is missing");
  return table[row].run(f, err);
}
