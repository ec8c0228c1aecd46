/* quantized.c: see quantized.h. Order: the table, writing out, integers of the picture. Semantics:
 * Operators.md of ONNX, ContribOperators.md of onnxruntime (domain com.microsoft). */
#include "onnx/quantized.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "onnx/build.h"
#include "onnx/constant.h"
#include "ops/quantize.h"

/* ---- The table ------------------------------------------------------------------------------ */

#define MICROSOFT "com.microsoft"

typedef struct quantized_row {
  const char *op, *domain;
  const char *real; /* the operator on floats */
  /* Its inputs, in the file's order:
   *   q  integers, their scale, their zero point;  *  the q before it again and again
   *   f  as it is
   *   b  a bias: integers whose scale is the product of the first two q's
   *   o  scale and zero point of the output; it stays in floats without
   *   i  a, b, zero point of a, zero point of b
   *   m  a, b, their scales, their zero points, a bias
   *   d  a in floats, b, its scale, its zero point, a bias
   *   =  all as it is */
  const char *inputs;
} quantized_row;

static const quantized_row table[] = {
    {"QLinearConv", "", "Conv", "qqob"},
    {"QLinearMatMul", "", "MatMul", "qqo"},
    {"ConvInteger", "", "Conv", "i"},
    {"MatMulInteger", "", "MatMul", "i"},
    {"QGemm", MICROSOFT, "Gemm", "qqbo"},
    {"QLinearAdd", MICROSOFT, "Add", "qqo"},
    {"QLinearMul", MICROSOFT, "Mul", "qqo"},
    {"QLinearSigmoid", MICROSOFT, "Sigmoid", "qo"},
    {"QLinearLeakyRelu", MICROSOFT, "LeakyRelu", "qo"},
    {"QLinearSoftmax", MICROSOFT, "Softmax", "qo"},
    {"QLinearAveragePool", MICROSOFT, "AveragePool", "qo"},
    {"QLinearGlobalAveragePool", MICROSOFT, "GlobalAveragePool", "qo"},
    {"QLinearReduceMean", MICROSOFT, "ReduceMean", "qo"},
    {"QLinearConcat", MICROSOFT, "Concat", "oq*"},
    {"QLinearWhere", MICROSOFT, "Where", "fqqo"},
    {"MatMulIntegerToFloat", MICROSOFT, "MatMul", "m"},
    {"DynamicQuantizeMatMul", MICROSOFT, "MatMul", "d"},
    {"DequantizeLinear", MICROSOFT, "DequantizeLinear", "="},
    {"QuantizeLinear", MICROSOFT, "QuantizeLinear", "="}};

enum { ROWS = sizeof table / sizeof *table };

const char *gcam_quantized_name(int index) {
  return index >= 0 && index < ROWS - 2 ? table[index].op
                                        : NULL; /* the last two are ONNX's as well */
}

static const quantized_row *row_of(const onnx_node *node) {
  const gcam_attr *last = gcam_expansion_attr(node, "channels_last", GCAM_ATTR_INT);
  if (last && last->i) return NULL; /* another order of axes: as unknown as any other operator */
  for (int i = 0; i < ROWS; i++)
    if (!strcmp(table[i].op, node->op) && !strcmp(table[i].domain, node->domain)) return &table[i];
  return NULL;
}

/* ---- Writing out ---------------------------------------------------------------------------- */

static const char *dequantize(gcam_expansion *e, const char *q, const char *scale, const char *zero,
                              int axis) {
  gcam_attr attr = {.name = "axis", .kind = GCAM_ATTR_INT, .i = axis};
  return gcam_expansion_add(e, "DequantizeLinear", (const char *const[]){q, scale, zero}, 3,
                            gcam_expansion_name(e), &attr);
}

static const char *multiply(gcam_expansion *e, const char *a, const char *b) {
  return gcam_expansion_add(e, "Mul", (const char *const[]){a, b}, 2, gcam_expansion_name(e), NULL);
}

/* Along which axis may there be a scale for each index: of the first or second operand. */
static int scale_axis(const gcam_expansion *e, const quantized_row *row, int operand) {
  const gcam_attr *turned = gcam_expansion_attr(e->node, "transB", GCAM_ATTR_INT);
  if (!strcmp(row->real, "Conv")) return operand ? 0 : 1;
  if (!strcmp(row->real, "MatMul")) return operand ? -1 : -2;
  if (!strcmp(row->real, "Gemm")) return operand && !(turned && turned->i) ? 1 : 0;
  return 1;
}

/* The scale of what a product of the two adds up. */
static const char *bias_scale(gcam_expansion *e, const char *a, const char *b) {
  const gcam_attr *alpha = gcam_expansion_attr(e->node, "alpha", GCAM_ATTR_FLOAT);
  const char *product = multiply(e, a, b);
  return alpha && alpha->f != 1 ? multiply(e, product, gcam_expansion_number(e, alpha->f))
                                : product;
}

/* a b without scales, or with them, and a bias. */
static void expand_product(gcam_expansion *e, const quantized_row *row) {
  const char *out = e->node->outputs[0], *a = gcam_expansion_input(e, 0), *scale = "", *zero = "",
             *bias = "", *b;
  if (*row->inputs == 'i') {
    const char *one = gcam_expansion_number(e, 1);
    a = dequantize(e, a, one, gcam_expansion_input(e, 2), scale_axis(e, row, 0));
    b = dequantize(e, gcam_expansion_input(e, 1), one, gcam_expansion_input(e, 3),
                   scale_axis(e, row, 1));
  } else if (*row->inputs == 'm') {
    a = dequantize(e, a, gcam_expansion_input(e, 2), gcam_expansion_input(e, 4),
                   scale_axis(e, row, 0));
    scale = gcam_expansion_input(e, 3), zero = gcam_expansion_input(e, 5),
    bias = gcam_expansion_input(e, 6);
    b = dequantize(e, gcam_expansion_input(e, 1), scale, zero, scale_axis(e, row, 1));
  } else {
    const char *q = gcam_expansion_add(e, "DynamicQuantizeLinear", (const char *const[]){a}, 1,
                                       gcam_expansion_name(e), NULL);
    scale = gcam_expansion_input(e, 2), zero = gcam_expansion_input(e, 3),
    bias = gcam_expansion_input(e, 4);
    a = dequantize(e, q, gcam_expansion_number(e, 1), "", 0);
    b = dequantize(e, gcam_expansion_input(e, 1), scale, zero, scale_axis(e, row, 1));
  }
  const char *product = *bias ? gcam_expansion_name(e) : out;
  gcam_expansion_add_real(e, row->real, (const char *const[]){a, b}, 2, product);
  if (*bias) gcam_expansion_add(e, "Add", (const char *const[]){product, bias}, 2, out, NULL);
}

static void expand_node(gcam_expansion *e, const quantized_row *row) {
  int room = e->node->input_count + 1, count = 0, at = 0, operands = 0;
  const char **real = gcam_arena_alloc(&e->file->arena, (size_t)room, sizeof *real);
  const char *scales[2] = {"", ""}, *out_scale = "", *out_zero = "", *out = e->node->outputs[0];
  if (!real) {
    e->failed = true;
    return;
  }
  for (const char *part = row->inputs; *part && count < room; part++) {
    const char *q = gcam_expansion_input(e, at), *scale = gcam_expansion_input(e, at + 1),
               *zero = gcam_expansion_input(e, at + 2);
    if (*part == '*' && at < e->node->input_count) part--; /* once more */
    switch (*part) {
      case 'q':
        if (operands < 2) scales[operands] = scale;
        real[count++] = dequantize(e, q, scale, zero, scale_axis(e, row, operands++));
        at += 3;
        break;
      case 'b':
        if (*q) real[count++] = dequantize(e, q, bias_scale(e, scales[0], scales[1]), "", 0);
        at += 1;
        break;
      case 'f':
        real[count++] = q;
        at += 1;
        break;
      case 'o':
        out_scale = q;
        out_zero = scale;
        at += 2;
        break;
      default:
        break;
    }
  }
  const char *y = *out_scale ? gcam_expansion_name(e) : out;
  gcam_expansion_add_real(e, row->real, real, count, y);
  if (*out_scale)
    gcam_expansion_add(e, "QuantizeLinear", (const char *const[]){y, out_scale, out_zero}, 3, out,
                       NULL);
}

bool gcam_quantized_write(gcam_expansion *e) {
  const quantized_row *row = row_of(e->node);
  if (!row) return false;
  if (strchr("imd", *row->inputs))
    expand_product(e, row);
  else if (*row->inputs != '=')
    expand_node(e, row);
  else
    gcam_expansion_same(e)->domain = "";
  return true;
}

/* ---- Integers that come from the picture ---------------------------------------------------- */

static const gcam_op dequantize_op = {.name = "DequantizeLinear"};

/* The symbol behind input i, where it stands for integers; NULL: it does not. */
static const import_symbol *integers(const gcam_import *im, int n, int i) {
  int s = i < im->file->nodes[n].input_count ? im->node_in[n][i] : -1;
  return s >= 0 && im->symbols[s].grid ? &im->symbols[s] : NULL;
}

/* A constant number that stands beside value x. */
static gcam_status number_beside(gcam_import *im, int x, float number, int *result) {
  int v;
  GCAM_TRY(gcam_state_add_value(im, "number", &v));
  gcam_value *value = &im->graph->values[v];
  const gcam_value *beside = &im->graph->values[x];
  gcam_weight *weight = gcam_arena_alloc(&im->graph->arena, 1, sizeof *weight);
  if (!weight || !(weight->data = gcam_floats_alloc(1))) return gcam_state_no_memory(im);
  memcpy(weight->data, &number, sizeof number);
  weight->dtype = GCAM_F32;
  value->weight = weight;
  value->layout = beside->layout;
  value->shape.rank = beside->shape.rank;
  for (int i = 0; i < beside->shape.rank; i++) value->shape.dim[i] = 1;
  *result = v;
  return GCAM_OK;
}

/* out = op(x, number): Mul or Add; op Identity: without number. */
static gcam_status build(gcam_import *im, int n, const char *op, int x, const float *number,
                         int out) {
  char name[1024];
  int in[2] = {x, -1};
  if (number) GCAM_TRY(number_beside(im, x, *number, &in[1]));
  import_node spec = {gcam_op_find(op),
                      gcam_state_node_name(im, n, name, sizeof name),
                      im->opset,
                      NULL,
                      0,
                      in,
                      &out,
                      number ? 2 : 1,
                      1,
                      im->graph->values[x].layout};
  return gcam_build_node(im, &spec);
}

/* The value of a node's output, which is new. */
static gcam_status new_output(gcam_import *im, int n, int output, int *v) {
  int s = output < im->file->nodes[n].output_count ? im->node_out[n][output] : -1;
  *v = -1;
  if (s < 0) return GCAM_OK;
  GCAM_TRY(gcam_state_add_value(im, im->symbols[s].name, v));
  im->symbols[s].value = *v;
  if (im->file->nodes[n].made) im->graph->values[*v].of = -1;
  return GCAM_OK;
}

static bool same_grid(const gcam_grid *a, const gcam_grid *b) {
  if (a->count != b->count || (a->count > 1 && a->axis != b->axis)) return false;
  for (int64_t i = 0; i < a->count; i++)
    if (a->scale[i] != b->scale[i] || a->zero[i] != b->zero[i]) return false;
  return true;
}

/* The node's output: the integers of x, whose grid is `from`, read with another. */
static gcam_status reread(gcam_import *im, int n, int x, const gcam_grid *from,
                          const gcam_grid *to) {
  int out, scaled;
  char label[160];
  GCAM_TRY(new_output(im, n, 0, &out));
  if (out < 0) return GCAM_OK;
  if (same_grid(from, to)) return build(im, n, "Identity", x, NULL, out);
  if (from->count != 1 || to->count != 1)
    return gcam_fail(
        im->err, GCAM_ERR_UNSUPPORTED,
        "%s: reads activations with other scales for their channels than they were quantized with",
        gcam_state_label(im, n, label, sizeof label));
  float factor = to->scale[0] / from->scale[0],
        shift = to->scale[0] * (from->zero[0] - to->zero[0]);
  if (shift == 0) return build(im, n, "Mul", x, &factor, out);
  GCAM_TRY(gcam_state_add_value(im, im->graph->values[out].name, &scaled));
  im->graph->values[scaled].of = -1;
  GCAM_TRY(build(im, n, "Mul", x, &factor, scaled));
  return build(im, n, "Add", scaled, &shift, out);
}

static gcam_status lower_dequantize(gcam_import *im, int n, const int *in, int count) {
  const onnx_node *node = &im->file->nodes[n];
  const import_symbol *q = integers(im, n, 0);
  char name[1024], label[160];
  gcam_grid own;
  gcam_node shell = {.op = &dequantize_op,
                     .name = gcam_state_node_name(im, n, name, sizeof name),
                     .attrs = node->attrs,
                     .attr_count = node->attr_count,
                     .inputs = (int *)(uintptr_t)in,
                     .input_count = count};
  if (!q || count < 2 || in[1] < 0)
    return gcam_fail(im->err, q ? GCAM_ERR_MODEL : GCAM_ERR_UNSUPPORTED,
                     q ? "%s lacks its scale"
                       : "%s: what it reads are no integers that the engine knows the scale of",
                     gcam_state_label(im, n, label, sizeof label));
  GCAM_TRY(gcam_grid_read(im->graph, &shell, &im->graph->values[in[0]], ONNX_UINT8, &own, im->err));
  return reread(im, n, in[0], q->grid, &own);
}

static const float one = 1, nothing = 0;
/* Whole numbers that are what they stand for. */
static const gcam_grid whole = {.count = 1, .scale = &one, .zero = &nothing, .high = 255};

const gcam_grid *gcam_quantized_whole(void) { return &whole; }

/* The rounded tensor in units of the picture; its scale is 1 then, its zero point 0. */
static gcam_status lower_dynamic(gcam_import *im, int n, int x) {
  int out, scale, zero;
  GCAM_TRY(new_output(im, n, 0, &out));
  GCAM_TRY(new_output(im, n, 1, &scale));
  GCAM_TRY(new_output(im, n, 2, &zero));
  for (int i = 1; i < 3; i++) {
    int v = i == 1 ? scale : zero;
    if (v < 0) continue;
    gcam_weight *weight = gcam_arena_alloc(&im->graph->arena, 1, sizeof *weight);
    if (!weight || !(weight->data = gcam_floats_alloc(1))) return gcam_state_no_memory(im);
    memcpy(weight->data, i == 1 ? &one : &nothing, sizeof one);
    weight->dtype = i == 1 ? GCAM_F32 : GCAM_U8;
    im->graph->values[v].weight = weight;
  }
  if (out < 0) return GCAM_OK;
  im->symbols[im->node_out[n][0]].grid = &whole;
  return build(im, n, "DynamicQuantizeLinear", x, NULL, out);
}

static bool is_integer(int64_t type) { return type >= ONNX_UINT8 && type <= ONNX_INT64; }

static gcam_status lower_cast(gcam_import *im, int n, int x) {
  const onnx_node *node = &im->file->nodes[n];
  const gcam_grid *grid = integers(im, n, 0)->grid;
  const gcam_attr *to = gcam_expansion_attr(node, "to", GCAM_ATTR_INT);
  bool stays = to && is_integer(to->i);
  if (stays && node->output_count && im->node_out[n][0] >= 0)
    im->symbols[im->node_out[n][0]].grid = grid;
  return reread(im, n, x, grid, stays ? grid : &whole);
}

/* Does the operator only move, choose or compare its inputs' numbers? */
static bool keeps_integers(const char *name) {
  static const char *const names[] = {"MaxPool",  "GlobalMaxPool", "Relu",      "Clip",  "Max",
                                      "Min",      "ReduceMax",     "ReduceMin", "Where", "Resize",
                                      "Upsample", "Concat",        "Pad",       "Split", "Slice"};
  const gcam_op *op = gcam_op_find(name);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i], name)) return true;
  return op && gcam_op_is(op, GCAM_OP_MOVES | GCAM_OP_VIEW);
}

/* Is input i of the operator one of the numbers, not a shape, an index or a condition? */
static bool is_number(const char *op, int i) {
  if (!strcmp(op, "Pad")) return i == 0 || i == 2;
  if (!strcmp(op, "Where")) return i > 0;
  return i == 0 || !strcmp(op, "Concat") || !strcmp(op, "Clip") || !strcmp(op, "Max") ||
         !strcmp(op, "Min");
}

/* A border of integers that are 0 is not one of values that are 0. */
static gcam_status pad_with_zeros(gcam_import *im, const gcam_grid *grid, int **in, int *count) {
  int *more = gcam_arena_alloc(&im->scratch, 4, sizeof *more);
  if (!more) return gcam_state_no_memory(im);
  for (int i = 0; i < 4; i++) more[i] = i < *count ? (*in)[i] : -1;
  GCAM_TRY(gcam_state_add_value(im, "border", &more[2]));
  gcam_weight *weight = gcam_arena_alloc(&im->graph->arena, 1, sizeof *weight);
  float value = -grid->scale[0] * grid->zero[0];
  if (!weight || !(weight->data = gcam_floats_alloc(1))) return gcam_state_no_memory(im);
  memcpy(weight->data, &value, sizeof value);
  im->graph->values[more[2]].weight = weight;
  *in = more;
  if (*count < 3) *count = 3;
  return GCAM_OK;
}

static gcam_status prepare(gcam_import *im, int n, const gcam_grid *grid, int **in, int *count) {
  const char *op = im->file->nodes[n].op;
  char label[160];
  bool shifted = grid->zero[0] != 0;
  if (grid->count > 1)
    return gcam_fail(
        im->err, GCAM_ERR_UNSUPPORTED,
        "%s: reads activations with a scale for each channel, which are known behind a "
        "DequantizeLinear alone",
        gcam_state_label(im, n, label, sizeof label));
  if (!keeps_integers(op) || (!strcmp(op, "Relu") && shifted))
    return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                     "%s: computes with integers of activations; such an operator is known on "
                     "floats, behind a DequantizeLinear",
                     gcam_state_label(im, n, label, sizeof label));
  for (int i = 0; i < *count; i++) {
    int v = (*in)[i];
    const import_symbol *other = integers(im, n, i);
    if (v < 0 || !is_number(op, i)) continue;
    bool constant = gcam_state_is_constant(im, v);
    if (!constant && (!other || !same_grid(grid, other->grid)))
      return gcam_fail(im->err, GCAM_ERR_UNSUPPORTED,
                       "%s: its inputs are quantized with different scales",
                       gcam_state_label(im, n, label, sizeof label));
    if (constant && !gcam_constant_is_real(&im->graph->values[v]))
      GCAM_TRY(gcam_build_scaled(im, v, grid->scale[0], grid->zero[0], &(*in)[i]));
  }
  if (!strcmp(op, "Pad") && shifted && (*count < 3 || (*in)[2] < 0))
    return pad_with_zeros(im, grid, in, count);
  return GCAM_OK;
}

/* 16 bits are read as 32: the type of the zero point is lost then, and with it the range. */
static gcam_status name_type(gcam_import *im, int n) {
  onnx_node *node = &im->file->nodes[n];
  int s = node->input_count > 2 ? im->node_in[n][2] : -1;
  if (s < 0 || gcam_expansion_attr(node, "output_dtype", GCAM_ATTR_INT)) return GCAM_OK;
  const import_symbol *zero = &im->symbols[s];
  const onnx_node *made = zero->node >= 0 ? &im->file->nodes[zero->node] : NULL;
  const onnx_tensor *tensor = zero->tensor               ? zero->tensor
                              : made && made->attr_count ? made->tensors[0]
                                                         : NULL;
  if (!tensor) return GCAM_OK;
  gcam_attr *attrs =
      gcam_arena_alloc(&im->graph->arena, (size_t)node->attr_count + 1, sizeof *attrs);
  onnx_tensor **tensors =
      gcam_arena_alloc(&im->graph->arena, (size_t)node->attr_count + 1, sizeof *tensors);
  if (!attrs || !tensors) return gcam_state_no_memory(im);
  if (node->attr_count) memcpy(attrs, node->attrs, (size_t)node->attr_count * sizeof *attrs);
  attrs[node->attr_count] =
      (gcam_attr){.name = "output_dtype", .kind = GCAM_ATTR_INT, .i = tensor->type};
  node->attrs = attrs;
  node->tensors = tensors;
  node->attr_count++;
  return GCAM_OK;
}

gcam_status gcam_quantized_lower(gcam_import *im, int n, int **in, int *count, bool *done) {
  const char *op = im->file->nodes[n].op;
  *done = false;
  if (!strcmp(op, "QuantizeLinear")) GCAM_TRY(name_type(im, n));
  if (!*count || (*in)[0] < 0) return GCAM_OK;
  bool active = !gcam_state_is_constant(im, (*in)[0]);
  *done = active;
  if (active && !strcmp(op, "DequantizeLinear")) return lower_dequantize(im, n, *in, *count);
  if (active && !strcmp(op, "DynamicQuantizeLinear")) return lower_dynamic(im, n, (*in)[0]);
  if (integers(im, n, 0) && !strcmp(op, "Cast")) return lower_cast(im, n, (*in)[0]);
  *done = false;
  for (int i = 0; i < *count; i++)
    if (integers(im, n, i)) return prepare(im, n, integers(im, n, i)->grid, in, count);
  return GCAM_OK;
}

void gcam_quantized_note(gcam_import *im, int n) {
  const onnx_node *node = &im->file->nodes[n];
  const gcam_grid *grid = NULL;
  if (!strcmp(node->op, "QuantizeLinear")) {
    int v =
        node->output_count && im->node_out[n][0] >= 0 ? im->symbols[im->node_out[n][0]].value : -1;
    if (v >= 0 && im->graph->values[v].producer >= 0)
      grid = im->graph->nodes[im->graph->values[v].producer].params;
  } else {
    for (int i = 0; i < node->input_count && !grid; i++)
      if (integers(im, n, i)) grid = integers(im, n, i)->grid;
  }
  for (int i = 0; grid && i < node->output_count; i++)
    if (im->node_out[n][i] >= 0) im->symbols[im->node_out[n][i]].grid = grid;
}
