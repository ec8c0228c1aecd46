/* fold.c: see fold.h. Order: outputs, moving elements, arithmetic, the table.
 * Numbers are computed as double or int64 and rounded to the element type once. Semantics:
 * Operators.md of ONNX. */
#include "onnx/fold.h"

#include <math.h>
#include <string.h>

#include "base/elementary.h"
#include "base/memory.h"
#include "onnx/constant.h"
#include "onnx/limits.h"
#include "ops/broadcast.h"

typedef double (*real_fn)(double, double);
typedef int64_t (*int_fn)(int64_t, int64_t);

typedef struct fold fold;
typedef struct fold_row {
  const char *name;
  gcam_status (*run)(fold *f);
  real_fn real; /* of two numbers, or (unary) of one twice; NULL: on integers alone */
  int_fn integer;
  /* NULL: an operator of the engine, on types that its forward() does not take. Else one, or a way
   * of one, that only constants have. */
  gcam_status (*shape)(gcam_graph *graph, gcam_node *node, gcam_error *err);
  signed char min, max; /* inputs; max < 0: any number */
} fold_row;

struct fold {
  gcam_import *im;
  gcam_node *node;
  const fold_row *row;
};

/* ---- Inputs and outputs --------------------------------------------------------------------- */

static gcam_status bad(const fold *f, gcam_status status, const char *why) {
  return gcam_node_fail(f->node, f->im->err, status, "%s", why);
}

static gcam_value *in(const fold *f, int i) {
  return gcam_node_has_input(f->node, i) ? &f->im->graph->values[f->node->inputs[i]] : NULL;
}

/* NULL: nobody wants it. */
static gcam_value *out(const fold *f, int k) {
  int v = k < f->node->output_count ? f->node->outputs[k] : -1;
  return v >= 0 ? &f->im->graph->values[v] : NULL;
}

/* Memory for output k, whose shape is known. */
static gcam_status make(const fold *f, int k, gcam_dtype dtype) {
  gcam_value *y = out(f, k);
  char label[160];
  gcam_weight *weight = gcam_arena_alloc(&f->im->graph->arena, 1, sizeof *weight);
  if (!weight) return gcam_state_no_memory(f->im);
  weight->data = gcam_state_constant(f->im, gcam_node_label(f->node, label, sizeof label),
                                     gcam_numel(&y->shape) * (int64_t)gcam_dtype_size(dtype));
  if (!weight->data) return f->im->err->status;
  weight->dtype = dtype;
  y->weight = weight;
  return GCAM_OK;
}

/* Output 0 is input 0's numbers. */
static gcam_status share(const fold *f) {
  const gcam_value *x = in(f, 0);
  if (x->weight->scale_count > 1 && !gcam_shape_equal(&out(f, 0)->shape, &x->shape)) {
    /* The axis of the scales would have to survive; rare enough to pay with float32. */
    GCAM_TRY(make(f, 0, GCAM_F32));
    gcam_weight_read(x->weight, &x->shape, 0, gcam_numel(&x->shape), out(f, 0)->weight->data);
    return GCAM_OK;
  }
  gcam_state_share(f->im, f->node->outputs[0], f->node->inputs[0], x->weight);
  return GCAM_OK;
}

/* ---- The operator's own forward() ----------------------------------------------------------- */

typedef struct fold_args {
  const float **in;
  float **out;
  float *scratch;
} fold_args;

static gcam_status new_args(const fold *f, fold_args *a) {
  const gcam_node *node = f->node;
  a->in = gcam_arena_alloc(&f->im->scratch, (size_t)node->input_count, sizeof *a->in);
  a->out = gcam_arena_alloc(&f->im->scratch, (size_t)node->output_count, sizeof *a->out);
  return a->in && a->out ? GCAM_OK : gcam_state_no_memory(f->im);
}

static gcam_status call_forward(const fold *f, fold_args *a) {
  gcam_node *node = f->node;
  float *scratch = NULL;
  GCAM_TRY(gcam_limits_window(f->im->graph, node, f->im->err));
  if (node->scratch_floats > 0 && !(scratch = gcam_floats_alloc(node->scratch_floats)))
    return gcam_state_no_memory(f->im);
  gcam_args args = {
      .graph = f->im->graph, .node = node, .in = a->in, .out = a->out, .scratch = scratch};
  node->op->forward(&args);
  gcam_floats_free(scratch);
  return GCAM_OK;
}

/* A constant's numbers: where they lie, or a copy, which is the caller's to free. A copy that the
 * weight keeps (gcam_weight_floats) would outlive the weight, which an import replaces and drops.
 */
static const float *numbers(const gcam_value *x, float **copy) {
  const float *there = gcam_weight_floats_in_place(x->weight);
  int64_t n = gcam_numel(&x->shape);
  if (there) return there;
  if ((*copy = gcam_floats_alloc(n))) gcam_weight_read(x->weight, &x->shape, 0, n, *copy);
  return *copy;
}

static gcam_status run_floats(const fold *f) {
  fold_args a;
  GCAM_TRY(new_args(f, &a));
  float **copies = gcam_arena_alloc(&f->im->scratch, (size_t)f->node->input_count, sizeof *copies);
  gcam_status status = copies ? GCAM_OK : gcam_state_no_memory(f->im);
  for (int i = 0; i < f->node->input_count && !status; i++) {
    const gcam_value *x = in(f, i);
    if (x && !(a.in[i] = numbers(x, &copies[i]))) status = gcam_state_no_memory(f->im);
  }
  for (int k = 0; k < f->node->output_count && !status; k++) {
    if (!out(f, k)) continue;
    status = make(f, k, GCAM_F32);
    if (!status) a.out[k] = out(f, k)->weight->data;
  }
  if (!status) status = call_forward(f, &a);
  for (int i = 0; copies && i < f->node->input_count; i++) gcam_floats_free(copies[i]);
  return status;
}

/* Word `plane` of each element; elements of 1 or 2 bytes are the low end of one. */
static void take_words(uint32_t *words, const uint8_t *data, int64_t n, size_t size, int plane) {
  size_t part = size < 4 ? size : 4;
  for (int64_t i = 0; i < n; i++) {
    words[i] = 0;
    memcpy(&words[i], data + (size_t)i * size + 4 * (size_t)plane, part);
  }
}

static void put_words(uint8_t *data, const uint32_t *words, int64_t n, size_t size, int plane) {
  size_t part = size < 4 ? size : 4;
  for (int64_t i = 0; i < n; i++)
    memcpy(data + (size_t)i * size + 4 * (size_t)plane, &words[i], part);
}

/* Pad's value is moved like the elements it stands beside. */
static gcam_status pad_with_word(const fold *f, size_t size, int plane) {
  gcam_value *fill = in(f, 2), saved;
  uint32_t word;
  if (f->node->op != &gcam_op_pad || !fill) return GCAM_OK;
  if (fill->weight->dtype != in(f, 0)->weight->dtype || gcam_numel(&fill->shape) != 1)
    return bad(f, GCAM_ERR_MODEL, "its value is not one number of its input's type");
  saved = *fill;
  take_words(&word, fill->weight->data, 1, size, plane);
  gcam_weight as_float = {.dtype = GCAM_F32, .data = &word};
  fill->weight = &as_float;
  gcam_status status = f->node->op->shape(f->im->graph, f->node, f->im->err);
  fill->weight = saved.weight;
  return status;
}

/* Runs forward() once per word of an element: it copies words and does not ask what they mean. */
static gcam_status move_words(const fold *f, int data, gcam_dtype dtype) {
  size_t size = gcam_dtype_size(dtype);
  int planes = size > 4 ? 2 : 1;
  gcam_arena words = {0};
  fold_args a;
  GCAM_TRY(new_args(f, &a));
  gcam_status status = GCAM_OK;
  for (int k = 0; k < f->node->output_count && !status; k++) {
    if (!out(f, k)) continue;
    status = make(f, k, dtype);
    if (status) break;
    a.out[k] = size == 4
                   ? out(f, k)->weight->data
                   : gcam_arena_alloc(&words, (size_t)gcam_numel(&out(f, k)->shape), sizeof(float));
    if (!a.out[k]) status = gcam_state_no_memory(f->im);
  }
  for (int i = 0; i < data && !status; i++) {
    const gcam_value *x = in(f, i);
    if (x && !(a.in[i] = gcam_arena_alloc(&words, (size_t)gcam_numel(&x->shape), sizeof(float))))
      status = gcam_state_no_memory(f->im);
  }
  for (int p = 0; p < planes && !status; p++) {
    for (int i = 0; i < data; i++)
      if (in(f, i))
        take_words((uint32_t *)(uintptr_t)a.in[i], in(f, i)->weight->data,
                   gcam_numel(&in(f, i)->shape), size, p);
    status = pad_with_word(f, size, p);
    if (!status) status = call_forward(f, &a);
    for (int k = 0; k < f->node->output_count && !status && size != 4; k++)
      if (out(f, k))
        put_words(out(f, k)->weight->data, (uint32_t *)(void *)a.out[k],
                  gcam_numel(&out(f, k)->shape), size, p);
  }
  gcam_arena_free(&words);
  return status;
}

/* Bytes stay bytes where a quantized weight is transposed: its scales move with their axis. */
static gcam_status transpose_quantized(const fold *f) {
  const gcam_value *x = in(f, 0);
  int64_t perm[GCAM_MAX_RANK];
  int count, rank = x->shape.rank;
  GCAM_TRY(
      gcam_node_ints(f->im->graph, f->node, "perm", -1, perm, GCAM_MAX_RANK, &count, f->im->err));
  GCAM_TRY(move_words(f, 1, x->weight->dtype));
  gcam_weight *w = out(f, 0)->weight;
  w->scale = x->weight->scale;
  w->zero = x->weight->zero;
  w->scale_count = x->weight->scale_count;
  for (int i = 0; i < rank; i++) {
    int64_t from = count ? perm[i] : rank - 1 - i;
    if ((from < 0 ? from + rank : from) == x->weight->scale_axis) w->scale_axis = i;
  }
  return GCAM_OK;
}

/* ---- Moving elements ------------------------------------------------------------------------ */

static gcam_status same_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  return gcam_node_set_shape(graph, node, 0, gcam_in_shape(graph, node, 0), err);
}

static gcam_status run_cast(fold *f) {
  const gcam_value *x = in(f, 0);
  gcam_value *y = out(f, 0);
  const onnx_type *type = gcam_onnx_type(gcam_node_int(f->node, "to", 0));
  if (!type) return bad(f, GCAM_ERR_UNSUPPORTED, "casts to a type the engine does not have");
  gcam_dtype to = type->stored == GCAM_F16 ? GCAM_F32 : type->stored; /* logically: gcam_weight */
  /* Half and quantized weights stay as they are stored: they already count as float32. */
  if (to == x->weight->dtype || (to == GCAM_F32 && gcam_constant_type(x) == GCAM_F32))
    if (!x->weight->scale || to == GCAM_F32) return share(f);
  GCAM_TRY(make(f, 0, to));
  for (int64_t i = 0, n = gcam_numel(&x->shape); i < n; i++) {
    if (to == GCAM_BOOL)
      gcam_constant_set_int(y, i, gcam_constant_real(x, i) != 0);
    else
      gcam_constant_copy(y, i, x, i);
  }
  return GCAM_OK;
}

/* Which scale belongs to element i of a constant x: one for all, one for each index of an axis, or
 * one for each block of `block` indices of it. */
typedef struct scale_map {
  int64_t count, inner, length, block;
  int axis;
} scale_map;

static int64_t scale_at(const scale_map *map, int64_t i) {
  if (map->count == 1) return 0;
  int64_t a = i / map->inner % map->length;
  if (!map->block) return a;
  int64_t blocks = (map->length + map->block - 1) / map->block;
  return (i / map->inner / map->length * blocks + a / map->block) * map->inner + i % map->inner;
}

static gcam_status read_map(const fold *f, scale_map *map) {
  const gcam_value *x = in(f, 0), *scale = in(f, 1), *zero = in(f, 2);
  int64_t scales = gcam_numel(&scale->shape), zeros = zero ? gcam_numel(&zero->shape) : 1;
  int axis = gcam_value_axis(x, gcam_node_int(f->node, "axis", 1));
  *map = (scale_map){scales > zeros ? scales : zeros, 1, 1, 0, 0};
  if (!gcam_constant_is_real(scale) || (zero && gcam_constant_is_real(zero)))
    return bad(f, GCAM_ERR_MODEL, "needs floating point scales and integer zero points");
  if (!scales || !zeros || (scales != zeros && scales != 1 && zeros != 1))
    return bad(f, GCAM_ERR_MODEL, "its zero points do not match its scales");
  if (map->count == 1) return GCAM_OK;
  if (axis < 0) return bad(f, GCAM_ERR_MODEL, "has no such axis");
  map->axis = axis;
  map->length = x->shape.dim[axis];
  map->inner = gcam_numel_range(&x->shape, axis + 1, x->shape.rank);
  if (scale->shape.rank > 1) {
    map->block = gcam_node_int(f->node, "block_size", 0);
    if (scale->shape.rank != x->shape.rank || map->block < 0)
      return bad(f, GCAM_ERR_MODEL, "has not one scale for each block of its axis");
    if (!map->block && scale->shape.dim[axis] > 0) /* before opset 21 nobody says it */
      map->block = (map->length + scale->shape.dim[axis] - 1) / scale->shape.dim[axis];
    for (int i = 0; i < x->shape.rank; i++) {
      int64_t wanted = i == axis ? (map->length + map->block - 1) / (map->block ? map->block : 1)
                                 : x->shape.dim[i];
      if (scale->shape.dim[i] != wanted || (zero && zeros > 1 && zero->shape.dim[i] != wanted))
        return bad(f, GCAM_ERR_MODEL, "has not one scale for each block of its axis");
    }
  } else if (map->count != map->length) {
    return bad(f, GCAM_ERR_MODEL, "has not one scale for each index of its axis");
  }
  return GCAM_OK;
}

static double number_at(const gcam_value *v, int64_t i) {
  return v ? gcam_constant_real(v, gcam_numel(&v->shape) == 1 ? 0 : i) : 0;
}

/* y = round(x / scale) + zero, cut off at the ends of the integers' range */
static gcam_status run_quantize(fold *f) {
  const gcam_value *x = in(f, 0), *scale = in(f, 1), *zero = in(f, 2);
  scale_map map;
  GCAM_TRY(read_map(f, &map));
  int64_t asked = gcam_node_int(f->node, "output_dtype", 0);
  const onnx_type *type = gcam_onnx_type(asked ? asked : ONNX_UINT8);
  gcam_dtype dtype = zero && !asked ? zero->weight->dtype : type ? type->stored : GCAM_F32;
  if (!gcam_constant_is_real(x) || dtype == GCAM_F32 || dtype == GCAM_F16 || dtype == GCAM_F64)
    return bad(f, GCAM_ERR_UNSUPPORTED,
               "quantizes what are no floats, or to a type that is not read");
  double low = dtype == GCAM_I8 ? -128 : dtype == GCAM_U8 || asked == ONNX_UINT16 ? 0 : -32768;
  double high = dtype == GCAM_I8       ? 127
                : dtype == GCAM_U8     ? 255
                : asked == ONNX_UINT16 ? 65535
                                       : 32767;
  GCAM_TRY(make(f, 0, dtype));
  for (int64_t i = 0, n = gcam_numel(&x->shape); i < n; i++) {
    int64_t k = scale_at(&map, i);
    /* in floats, as the operator says: ties fall differently in doubles */
    float over = (float)gcam_constant_real(x, i) / (float)number_at(scale, k);
    double q = rintf(over) + number_at(zero, k);
    gcam_constant_set_int(out(f, 0), i, gcam_constant_round(q < low ? low : q > high ? high : q));
  }
  return GCAM_OK;
}

/* y = (x - zero) * scale. Bytes stay bytes; the weight learns its scale. */
static gcam_status run_dequantize(fold *f) {
  const gcam_value *x = in(f, 0), *scale = in(f, 1), *zero = in(f, 2);
  scale_map map;
  GCAM_TRY(read_map(f, &map));
  if (gcam_constant_is_real(x)) return bad(f, GCAM_ERR_MODEL, "needs integers");
  /* int32 is a bias; of blocks the kernels know nothing */
  if (map.block || (x->weight->dtype != GCAM_I8 && x->weight->dtype != GCAM_U8)) {
    GCAM_TRY(make(f, 0, GCAM_F32));
    for (int64_t i = 0, n = gcam_numel(&x->shape); i < n; i++) {
      int64_t k = scale_at(&map, i);
      gcam_constant_set_real(out(f, 0), i,
                             (gcam_constant_real(x, i) - number_at(zero, k)) * number_at(scale, k));
    }
    return GCAM_OK;
  }
  gcam_arena *arena = &f->im->graph->arena;
  gcam_weight *w = gcam_arena_alloc(arena, 1, sizeof *w);
  float *scales = gcam_arena_alloc(arena, (size_t)map.count, sizeof *scales);
  int8_t *zeros = zero ? gcam_arena_alloc(arena, (size_t)map.count, 1) : NULL;
  if (!w || !scales || (zero && !zeros)) return gcam_state_no_memory(f->im);
  for (int64_t i = 0; i < map.count; i++) {
    scales[i] = (float)number_at(scale, i);
    if (zero) zeros[i] = (int8_t)(uint8_t)(uint64_t)(int64_t)number_at(zero, i);
  }
  w->dtype = x->weight->dtype;
  w->data = x->weight->data;
  w->borrowed = true;
  w->scale = scales;
  w->zero = zeros;
  w->scale_count = map.count;
  w->scale_axis = map.axis;
  gcam_state_share(f->im, f->node->outputs[0], f->node->inputs[0], w);
  return GCAM_OK;
}

/* Its value, an attribute of the file, is input 1 here (lower.c). */
static gcam_status constant_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  gcam_shape shape = {0};
  GCAM_TRY(gcam_node_ints(graph, node, "", 0, shape.dim, GCAM_MAX_RANK, &shape.rank, err));
  if (gcam_node_has_input(node, 1) && gcam_numel(gcam_in_shape(graph, node, 1)) != 1)
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "its value is not one number");
  return gcam_node_set_shape(graph, node, 0, &shape, err);
}

static gcam_status run_constant(fold *f) {
  const gcam_value *value = in(f, 1);
  GCAM_TRY(make(f, 0, value ? gcam_constant_type(value) : GCAM_F32));
  gcam_value *y = out(f, 0);
  uint8_t *data = y->weight->data;
  size_t size = gcam_dtype_size(y->weight->dtype), all = (size_t)gcam_numel(&y->shape) * size;
  if (!all) return GCAM_OK;
  if (value)
    gcam_constant_copy(y, 0, value, 0);
  else
    memset(data, 0, size);
  for (size_t done = size; done < all; done *= 2)
    memcpy(data + done, data, done < all - done ? done : all - done);
  return GCAM_OK;
}

static gcam_status range_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  double number[3];
  for (int i = 0; i < 3; i++) {
    const gcam_value *v = &graph->values[node->inputs[i]];
    if (gcam_numel(&v->shape) != 1)
      return gcam_node_fail(node, err, GCAM_ERR_MODEL, "needs a start, a limit and a step");
    number[i] = gcam_constant_real(v, 0);
  }
  double count = ceil((number[1] - number[0]) / number[2]);
  if (number[2] == 0 || !(count <= (double)GCAM_MAX_ELEMENTS))
    return gcam_node_fail(node, err, GCAM_ERR_MODEL, "runs too far");
  gcam_shape shape = {1, {count > 0 ? (int64_t)count : 0}};
  return gcam_node_set_shape(graph, node, 0, &shape, err);
}

static gcam_status run_range(fold *f) {
  const gcam_value *x = in(f, 0), *step = in(f, 2);
  bool real = gcam_constant_is_real(x);
  GCAM_TRY(make(f, 0, gcam_constant_type(x)));
  double start = gcam_constant_real(x, 0), hop = gcam_constant_real(step, 0);
  uint64_t first = (uint64_t)gcam_constant_int(x, 0), by = (uint64_t)gcam_constant_int(step, 0);
  for (int64_t i = 0; i < out(f, 0)->shape.dim[0]; i++) {
    if (real)
      gcam_constant_set_real(out(f, 0), i, start + (double)i * hop);
    else
      gcam_constant_set_int(out(f, 0), i, (int64_t)(first + (uint64_t)i * by));
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
static int64_t int_pow(int64_t a, int64_t b) {
  return gcam_constant_round(gcam_power((double)a, (double)b));
}

/* y = fn(u, v) for each element of y, which has the type of u or is bool. */
static gcam_status apply(const fold *f, const gcam_value *u, const gcam_value *v, bool is_real,
                         real_fn real, int_fn integer) {
  const gcam_broadcast *plan = f->node->params;
  gcam_value *y = out(f, 0);
  bool divides = integer == int_div || integer == int_mod || integer == int_fmod;
  bool real_out = gcam_constant_is_real(y);
  int64_t step_u = gcam_broadcast_step(plan, &u->shape),
          step_v = gcam_broadcast_step(plan, &v->shape);
  for (int64_t row = 0; row < plan->rows; row++) {
    int64_t at_u = gcam_broadcast_offset(plan, &u->shape, &y->shape, row);
    int64_t at_v = gcam_broadcast_offset(plan, &v->shape, &y->shape, row);
    for (int64_t i = 0, o = row * plan->inner; i < plan->inner; i++, o++) {
      int64_t j = at_u + i * step_u, k = at_v + i * step_v;
      if (is_real) {
        double d = real(gcam_constant_real(u, j), gcam_constant_real(v, k));
        if (real_out)
          gcam_constant_set_real(y, o, d);
        else
          gcam_constant_set_int(y, o, gcam_constant_round(d));
        continue;
      }
      int64_t b = gcam_constant_int(v, k);
      if (divides && !b) return bad(f, GCAM_ERR_MODEL, "divides an integer by 0");
      gcam_constant_set_int(y, o, integer(gcam_constant_int(u, j), b));
    }
  }
  return GCAM_OK;
}

/* Any number of inputs, two at a time: y = fn(fn(in0, in1), in2), ... */
static gcam_status run_pairs(fold *f, gcam_dtype type, real_fn real, int_fn integer) {
  bool is_real = false;
  int count = f->node->input_count;
  for (int k = 0; k < count && real; k++) is_real = is_real || gcam_constant_is_real(in(f, k));
  if (!real && gcam_constant_is_real(in(f, 0)))
    return bad(f, GCAM_ERR_MODEL, "works on integers alone");
  GCAM_TRY(make(f, 0, type));
  if (count == 1) return apply(f, in(f, 0), in(f, 0), is_real, real, integer);
  for (int k = 1; k < count; k++)
    GCAM_TRY(apply(f, k > 1 ? out(f, 0) : in(f, 0), in(f, k), is_real, real, integer));
  return GCAM_OK;
}

static gcam_status run_binary(fold *f) {
  return run_pairs(f, gcam_constant_type(in(f, 0)), f->row->real, f->row->integer);
}

static gcam_status run_compare(fold *f) {
  return run_pairs(f, GCAM_BOOL, f->row->real, f->row->integer);
}

static gcam_status run_mod(fold *f) {
  bool c = gcam_node_int(f->node, "fmod", 0) != 0;
  return run_pairs(f, gcam_constant_type(in(f, 0)), c ? fmod : real_mod, c ? int_fmod : int_mod);
}

static gcam_status run_where(fold *f) {
  const gcam_broadcast *plan = f->node->params;
  gcam_value *y = out(f, 0);
  if (gcam_constant_is_real(in(f, 1)) != gcam_constant_is_real(in(f, 2)))
    return bad(f, GCAM_ERR_MODEL, "its inputs differ in type");
  GCAM_TRY(make(f, 0, gcam_constant_type(in(f, 1))));
  for (int64_t row = 0; row < plan->rows; row++)
    for (int64_t i = 0; i < plan->inner; i++) {
      const gcam_value *from = in(f, 0);
      int64_t at = gcam_broadcast_offset(plan, &from->shape, &y->shape, row) +
                   i * gcam_broadcast_step(plan, &from->shape);
      from = in(f, gcam_constant_int(from, at) ? 1 : 2);
      at = gcam_broadcast_offset(plan, &from->shape, &y->shape, row) +
           i * gcam_broadcast_step(plan, &from->shape);
      gcam_constant_copy(y, row * plan->inner + i, from, at);
    }
  return GCAM_OK;
}

static double real_neg(double a, double b) { return (void)b, -a; }
static double real_abs(double a, double b) { return (void)b, fabs(a); }
static double real_sign(double a, double b) { return (void)b, (a > 0) - (a < 0); }
static double real_floor(double a, double b) { return (void)b, floor(a); }
static double real_ceil(double a, double b) { return (void)b, ceil(a); }
/* Half to even, as ONNX says. */
static double real_round(double a, double b) { return (void)b, nearbyint(a); }
static double real_sqrt(double a, double b) { return (void)b, sqrt(a); }
static double real_exp(double a, double b) { return (void)b, exp(a); }
static double real_log(double a, double b) { return (void)b, log(a); }
static double real_reciprocal(double a, double b) { return (void)b, 1 / a; }
static int64_t int_neg(int64_t a, int64_t b) { return (void)b, WRAP(0, -, a); }
static int64_t int_abs(int64_t a, int64_t b) { return a < 0 ? int_neg(a, b) : a; }
static int64_t int_sign(int64_t a, int64_t b) { return (void)b, (a > 0) - (a < 0); }
static int64_t int_not(int64_t a, int64_t b) { return (void)b, !a; }

static gcam_status run_unary(fold *f) {
  const gcam_value *x = in(f, 0);
  bool is_real = gcam_constant_is_real(x);
  if (is_real ? !f->row->real : !f->row->integer)
    return bad(f, GCAM_ERR_MODEL, "does not work on the type of its input");
  GCAM_TRY(make(f, 0, gcam_constant_type(x)));
  for (int64_t i = 0, n = gcam_numel(&x->shape); i < n; i++) {
    if (is_real)
      gcam_constant_set_real(out(f, 0), i, f->row->real(gcam_constant_real(x, i), 0));
    else
      gcam_constant_set_int(out(f, 0), i, f->row->integer(gcam_constant_int(x, i), 0));
  }
  return GCAM_OK;
}

/* The importer has reductions keep their axes (lower.c), as sizes of 1. */
static gcam_status run_reduce(fold *f) {
  const gcam_value *x = in(f, 0);
  gcam_value *y = out(f, 0);
  bool is_real = gcam_constant_is_real(x), mean = !strcmp(f->node->op->name, "ReduceMean");
  int64_t n = gcam_numel(&x->shape), m = gcam_numel(&y->shape);
  real_fn fn = f->row->real; /* what it gives for no elements: */
  double start = fn == real_mul ? 1 : fn == real_min ? INFINITY : fn == real_max ? -INFINITY : 0;
  GCAM_TRY(make(f, 0, gcam_constant_type(x)));
  gcam_broadcast plan = gcam_broadcast_plan(&y->shape, &x->shape);
  int64_t step = gcam_broadcast_step(&plan, &y->shape);
  double *real = gcam_alloc(m, sizeof *real); /* rounded once, at the end */
  int64_t *whole = gcam_alloc(m, sizeof *whole);
  for (int64_t o = 0; o < m && real && whole; o++) {
    real[o] = start;
    whole[o] = gcam_constant_round(start);
  }
  for (int64_t row = 0; row < plan.rows && real && whole; row++) {
    int64_t at = gcam_broadcast_offset(&plan, &y->shape, &x->shape, row);
    for (int64_t i = 0; i < plan.inner; i++) {
      int64_t o = at + i * step, from = row * plan.inner + i;
      if (is_real)
        real[o] = fn(real[o], gcam_constant_real(x, from));
      else
        whole[o] = f->row->integer(whole[o], gcam_constant_int(x, from));
    }
  }
  for (int64_t o = 0; o < m && real && whole; o++) {
    if (is_real)
      gcam_constant_set_real(y, o, mean ? real[o] / (double)(n / m) : real[o]);
    else
      gcam_constant_set_int(y, o, mean ? whole[o] / (n / m) : whole[o]);
  }
  bool ok = real && whole;
  gcam_free(real);
  gcam_free(whole);
  return ok ? GCAM_OK : gcam_state_no_memory(f->im);
}

/* ---- The table ------------------------------------------------------------------------------ */

/* clang-format off */
static const fold_row table[] = {
    {"Cast", run_cast, NULL, NULL, same_shape, 1, 1},
    {"QuantizeLinear", run_quantize, NULL, NULL, same_shape, 2, 3},
    {"DequantizeLinear", run_dequantize, NULL, NULL, same_shape, 2, 3},
    {"ConstantOfShape", run_constant, NULL, NULL, constant_shape, 1, 2},
    {"Range", run_range, NULL, NULL, range_shape, 3, 3},
    {"Where", run_where, NULL, NULL, NULL, 0, 0},
    {"Add", run_binary, real_add, int_add, NULL, 0, 0},
    {"Sub", run_binary, real_sub, int_sub, NULL, 0, 0},
    {"Mul", run_binary, real_mul, int_mul, NULL, 0, 0},
    {"Div", run_binary, real_div, int_div, NULL, 0, 0},
    {"Pow", run_binary, gcam_power, int_pow, NULL, 0, 0},
    {"Max", run_binary, real_max, int_max, NULL, 0, 0},
    {"Min", run_binary, real_min, int_min, NULL, 0, 0},
    {"Mod", run_mod, NULL, NULL, NULL, 0, 0},
    {"Equal", run_compare, real_equal, int_equal, gcam_broadcast_shape, 2, 2},
    {"Less", run_compare, real_less, int_less, gcam_broadcast_shape, 2, 2},
    {"LessOrEqual", run_compare, real_less_equal, int_less_equal, gcam_broadcast_shape, 2, 2},
    {"Greater", run_compare, real_greater, int_greater, gcam_broadcast_shape, 2, 2},
    {"GreaterOrEqual", run_compare, real_greater_equal, int_greater_equal, gcam_broadcast_shape, 2, 2},
    {"And", run_compare, NULL, int_and, gcam_broadcast_shape, 2, 2},
    {"Or", run_compare, NULL, int_or, gcam_broadcast_shape, 2, 2},
    {"Xor", run_compare, NULL, int_xor, gcam_broadcast_shape, 2, 2},
    {"Not", run_unary, NULL, int_not, same_shape, 1, 1},
    {"Neg", run_unary, real_neg, int_neg, NULL, 0, 0},
    {"Abs", run_unary, real_abs, int_abs, NULL, 0, 0},
    {"Sign", run_unary, real_sign, int_sign, NULL, 0, 0},
    {"Floor", run_unary, real_floor, NULL, NULL, 0, 0},
    {"Ceil", run_unary, real_ceil, NULL, NULL, 0, 0},
    {"Round", run_unary, real_round, NULL, NULL, 0, 0},
    {"Log", run_unary, real_log, NULL, NULL, 0, 0},
    {"Reciprocal", run_unary, real_reciprocal, NULL, NULL, 0, 0},
    {"Sqrt", run_unary, real_sqrt, NULL, NULL, 0, 0},
    {"Exp", run_unary, real_exp, NULL, NULL, 0, 0},
    {"ReduceSum", run_reduce, real_add, int_add, NULL, 0, 0},
    {"ReduceMean", run_reduce, real_add, int_add, NULL, 0, 0},
    {"ReduceProd", run_reduce, real_mul, int_mul, NULL, 0, 0},
    {"ReduceMin", run_reduce, real_min, int_min, NULL, 0, 0},
    {"ReduceMax", run_reduce, real_max, int_max, NULL, 0, 0}};
/* clang-format on */

enum { ROW_COUNT = sizeof table / sizeof *table };

static const fold_row *find(const char *name) {
  for (int i = 0; i < ROW_COUNT; i++)
    if (!strcmp(table[i].name, name)) return &table[i];
  return NULL;
}

bool gcam_fold_knows(const char *name) {
  const fold_row *row = find(name);
  return row && row->shape;
}

gcam_status gcam_fold_op(gcam_import *im, const char *name, const gcam_op **op) {
  const fold_row *row = find(name);
  gcam_op *made = gcam_arena_alloc(&im->scratch, 1, sizeof *made);
  if (!made) return gcam_state_no_memory(im);
  made->name = row->name;
  made->rule = row->shape == gcam_broadcast_shape ? GCAM_RULE_POINTWISE : GCAM_RULE_ROWS;
  made->min_inputs = row->min;
  made->max_inputs = row->max;
  made->shape = row->shape;
  return *op = made, GCAM_OK;
}

const char *gcam_fold_name(int index) {
  for (int i = 0; i < ROW_COUNT; i++)
    if (!gcam_op_find(table[i].name) && index-- == 0) return table[i].name;
  return NULL;
}

/* The type that all data inputs have as they are stored; false: they differ. */
static bool one_type(const fold *f, int data, gcam_dtype *type) {
  for (int i = 0; i < data; i++) {
    const gcam_value *x = in(f, i);
    if (!x) continue;
    if (x->weight->scale || (i && x->weight->dtype != *type)) return false;
    *type = x->weight->dtype;
  }
  return true;
}

gcam_status gcam_fold_node(gcam_import *im, gcam_node *node) {
  fold f = {im, node, find(node->op->name)};
  int data = gcam_op_data_inputs(node->op, node->input_count);
  gcam_dtype type = GCAM_F32;
  bool floats = node->op->forward != NULL, any_real = false;
  if (!in(&f, 0)) return bad(&f, GCAM_ERR_MODEL, "its first input is missing");
  for (int i = 0; i < data; i++) {
    const gcam_value *x = in(&f, i);
    if (!x) continue;
    bool real = gcam_constant_is_real(x);
    any_real = any_real || real;
    floats = floats && real && x->weight->dtype != GCAM_F64;
  }
  if (gcam_node_is_view(im->graph, node)) return share(&f);
  if (node->op == &gcam_op_transpose && in(&f, 0)->weight->scale) return transpose_quantized(&f);
  /* Halves stay halves (but for Pad's, whose value may be stored otherwise). */
  bool same = one_type(&f, data, &type);
  bool words = !floats || (type == GCAM_F16 && node->op != &gcam_op_pad);
  if (gcam_op_is(node->op, GCAM_OP_MOVES) && words && (same || !floats))
    return same ? move_words(&f, data, type) : bad(&f, GCAM_ERR_MODEL, "its inputs differ in type");
  if (floats) return run_floats(&f);
  if (f.row) return f.row->run(&f);
  if (node->op->forward && any_real) return run_floats(&f); /* float64 */
  return bad(&f, GCAM_ERR_UNSUPPORTED, "the engine runs it on floating point numbers alone");
}
