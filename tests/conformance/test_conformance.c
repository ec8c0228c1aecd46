/* test_conformance.c: ONNX's own operator tests (Debian package libonnx-testdata: node, simple,
 * pytorch-operator, pytorch-converted). A case is a model, its inputs and its outputs.
 *
 * Every case is one of
 *   run     float inputs that the operator may get from a picture stay inputs of the network;
 *           weights, shapes and axes become initializers; the network runs, outputs are compared
 *   folded  all inputs become initializers; the importer must come to the outputs by itself
 *   listed  with the reason why the engine does not do it. Reasons are worked out from the file,
 *           not from what the engine answers; the engine must then refuse, with words.
 * A case that is not listed must pass; a listed case that is not refused fails too.
 *
 *   test_conformance [PART OF A NAME, or FOLDER/ OF CASES]     CONFORMANCE_NAMES=1 prints the names
 * behind each reason
 */
#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gradcam.h"
#include "onnx/constant.h"
#include "onnx/fold.h"
#include "onnx/import.h"
#include "onnx/lower.h"
#include "onnx/tensor.h"
#include "support/files.h"
#include "support/onnx_writer.h"

/* ONNX's runner allows 1e-3 relative and 1e-7 absolute. */
static const double RELATIVE = 1e-4, ABSOLUTE = 1e-6;

enum { MAX_TENSORS = 16, MAX_REASONS = 128, MAX_OPS = 256 };

static int passed, failed, skipped, run_count, fold_count, listed_count;
static struct {
  char text[96];
  int count;
  char cases[4096];
} reasons[MAX_REASONS];
static int reason_count;
static int op_cases[MAX_OPS]; /* cases run as a network that hold this operator of the engine */
static bool quiet;            /* the case is expected not to pass */

/* ---- Files ---------------------------------------------------------------------------------- */

/* A TensorProto of its own file, read by the engine's reader as the weight of an empty graph. */
typedef struct tensor_file {
  wire model;
  uint8_t *proto;
  size_t proto_size;
  gcam_onnx *file;
  gcam_arena arena;
  gcam_value value; /* shape and weight; weight NULL: could not be read */
} tensor_file;

static bool read_tensor_file(const char *path, const onnx_value_info *info, tensor_file *t) {
  gcam_error err = {0};
  memset(t, 0, sizeof *t);
  t->proto = read_file(path, &t->proto_size);
  if (!t->proto) return false;
  if (info->type == ONNX_BFLOAT16) { /* numpy has none: such files say uint16 */
    wire patched = {0};
    wire_append(&patched, t->proto, t->proto_size);
    wire_varint(&patched, 2, ONNX_BFLOAT16);
    free(t->proto);
    t->proto = patched.data;
    t->proto_size = patched.size;
  }
  make_graph g = {0};
  wire_bytes(&g.graph, 5, t->proto, t->proto_size);
  make_output(&g, "none");
  t->model = make_model(&g, 13);
  if (gcam_onnx_open(&t->file, t->model.data, t->model.size, GCAM_COPY, &err) == GCAM_OK &&
      gcam_onnx_tensor_load(t->file, &t->file->tensors[0], &t->arena, &t->value.weight, &err) ==
          GCAM_OK)
    t->value.shape = t->file->tensors[0].shape;
  return true;
}

static void free_tensor_file(tensor_file *t) {
  if (t->value.weight && !t->value.weight->borrowed) free(t->value.weight->data);
  gcam_arena_free(&t->arena);
  gcam_onnx_close(t->file);
  wire_free(&t->model);
  free(t->proto);
}

typedef struct test_case {
  char name[256];
  uint8_t *bytes;
  size_t size;
  gcam_onnx *file;
  /* Graph inputs that come from files, in order, and the outputs. */
  tensor_file in[MAX_TENSORS], out[MAX_TENSORS];
  int in_count, out_count;
} test_case;

/* ---- What the engine does not do ------------------------------------------------------------ */

/* Cases whose reason does not show in the file. They must not pass: then they are wrong here. */
static const struct {
  const char *name, *reason;
} exceptions[] = {
    /* ONNX's reference divides by scale * length - 1 = 1.4; the definition speaks of the length
     * of the resized tensor, and so do PyTorch and onnxruntime: 2 - 1. */
    {"node/resize_downsample_scales_cubic_align_corners", "reference rounds lengths differently"},
    {"node/resize_downsample_scales_linear_align_corners", "reference rounds lengths differently"},
    /* ONNX's reference counts places in the size without output_shape; MaxPool, whose places these
     * are, onnxruntime and PyTorch count them in the output. */
    {"node/maxunpool_export_with_output_shape", "reference counts places of another size"},
    {"node/gridsample_bicubic", "expected values of four digits"},
    {"node/roialign_aligned_false", "expected values of four digits"},
    {"node/roialign_aligned_true", "expected values of four digits"},
    /* What the picture is rounded to stays in floats, in its own units: its scale is said to be 1.
     */
    {"node/dynamicquantizelinear", "integers in the picture's units"},
    {"node/dynamicquantizelinear_max_adjusted", "integers in the picture's units"},
    {"node/dynamicquantizelinear_min_adjusted", "integers in the picture's units"},
    {"node/dynamicquantizelinear_expanded", "a scale computed from the picture"},
    {"node/dynamicquantizelinear_max_adjusted_expanded", "a scale computed from the picture"},
    {"node/dynamicquantizelinear_min_adjusted_expanded", "a scale computed from the picture"},
    /* Written out as other operators these take pi for 3.1415. */
    {"node/blackmanwindow_expanded", "a function whose pi is 3.1415"},
    {"node/blackmanwindow_symmetric_expanded", "a function whose pi is 3.1415"},
    {"node/hammingwindow_expanded", "a function whose pi is 3.1415"},
    {"node/hammingwindow_symmetric_expanded", "a function whose pi is 3.1415"},
    {"node/hannwindow_expanded", "a function whose pi is 3.1415"},
    {"node/hannwindow_symmetric_expanded", "a function whose pi is 3.1415"},
};

static const char *exception_of(const test_case *t) {
  for (int i = 0; i < (int)(sizeof exceptions / sizeof *exceptions); i++)
    if (!strcmp(exceptions[i].name, t->name)) return exceptions[i].reason;
  return NULL;
}

static const gcam_attr *attr_of(const onnx_node *node, const char *name) {
  for (int i = 0; i < node->attr_count; i++)
    if (!strcmp(node->attrs[i].name, name)) return &node->attrs[i];
  return NULL;
}

static int64_t int_of(const onnx_node *node, const char *name, int64_t otherwise) {
  const gcam_attr *attr = attr_of(node, name);
  return attr ? attr->i : otherwise;
}

static int input_index(const test_case *t, const char *name) {
  for (int i = 0; i < t->file->input_count; i++)
    if (!strcmp(t->file->inputs[i].name, name)) return i;
  return -1;
}

static bool is_output(const test_case *t, const char *name) {
  for (int i = 0; i < t->file->output_count; i++)
    if (!strcmp(t->file->outputs[i].name, name)) return true;
  return false;
}

static bool is_float(int64_t type) {
  return type == ONNX_FLOAT || type == ONNX_FLOAT16 || type == ONNX_BFLOAT16;
}

/* Does a Dropout drop anything: in training, and not with a ratio of 0? */
static bool drops(const test_case *t, const onnx_node *node) {
  int ratio = node->input_count > 1 ? input_index(t, node->inputs[1]) : -1;
  int training = node->input_count > 2 ? input_index(t, node->inputs[2]) : -1;
  return training >= 0 && training < t->in_count && gcam_constant_int(&t->in[training].value, 0) &&
         (ratio < 0 || ratio >= t->in_count || gcam_constant_real(&t->in[ratio].value, 0) != 0);
}

/* Constants of any type? */
static bool runs_on_integers(const gcam_op *op) {
  static const char *const more[] = {"Add", "Sub", "Mul",  "Div", "Pow",       "Max",
                                     "Min", "Mod", "Sqrt", "Exp", "ReduceSum", "ReduceMean"};
  for (int i = 0; i < (int)(sizeof more / sizeof *more); i++)
    if (!strcmp(op->name, more[i])) return true;
  return gcam_op_is(op, GCAM_OP_MOVES | GCAM_OP_VIEW) || gcam_fold_knows(op->name);
}

static bool is_lowered(const char *name) {
  for (int i = 0; gcam_lower_name(i); i++)
    if (!strcmp(gcam_lower_name(i), name)) return true;
  return false;
}

/* Why the engine does not do this case at all; NULL: it must, at least on constants. */
static const char *reason_of(const test_case *t) {
  static char text[96];
  const gcam_onnx *file = t->file;
  for (int n = 0; n < file->node_count; n++)
    if (!gcam_lower_kind(&file->nodes[n])) {
      snprintf(text, sizeof text, "operator not claimed: %s", file->nodes[n].op);
      return text;
    }
  for (int i = 0; i < file->input_count; i++)
    if (!file->inputs[i].is_tensor) return "sequences and optionals";
  for (int i = 0; i < file->input_count; i++)
    if (file->inputs[i].type == ONNX_STRING) return "text";
  for (int i = 0; i < file->output_count; i++)
    if (file->outputs[i].type == ONNX_STRING) return "text";
  for (int i = 0; i < file->input_count; i++) {
    if (!gcam_onnx_type_bytes(file->inputs[i].type)) return "types below 8 bits, float8";
    if (file->inputs[i].rank > GCAM_MAX_RANK) return "more than 6 dimensions";
  }
  for (int i = 0; i < file->output_count; i++)
    if (!gcam_onnx_type_bytes(file->outputs[i].type)) return "types below 8 bits, float8";
  for (int n = 0; n < file->node_count; n++) {
    const onnx_node *node = &file->nodes[n];
    const gcam_op *op = gcam_op_find(node->op);
    const gcam_attr *reduction = attr_of(node, "reduction");
    const gcam_attr *coordinates = attr_of(node, "coordinate_transformation_mode");
    int x = node->input_count ? input_index(t, node->inputs[0]) : -1;
    if (op && op->rule == GCAM_RULE_SPATIAL && strcmp(node->op, "BatchNormalization") && x >= 0 &&
        file->inputs[x].rank == 5)
      return "three-dimensional pictures";
    if (int_of(node, "training_mode", 0) || (!strcmp(node->op, "Dropout") && drops(t, node)))
      return "training mode";
    const gcam_attr *to = attr_of(node, "to");
    if (to && !gcam_onnx_type_bytes(to->i)) return "types below 8 bits, float8";
    if (int_of(node, "block_size", 0) && !strcmp(node->op, "QuantizeLinear"))
      return "blocked quantization of activations";
    if (!strncmp(node->op, "Scatter", 7) && reduction && strcmp(reduction->s, "none") &&
        strcmp(reduction->s, "add"))
      return "scattering with reduction mul, max, min";
    if (!strcmp(node->op, "Attention"))
      for (int i = 4; i < node->input_count; i++)
        if (*node->inputs[i]) return "Attention with a cache or padded lengths";
    if (coordinates && !strcmp(coordinates->s, "tf_crop_and_resize"))
      return "Resize with tf_crop_and_resize";
    if (op && !runs_on_integers(op) && x >= 0 && !is_float(file->inputs[x].type) &&
        file->inputs[x].type != ONNX_DOUBLE && file->inputs[x].type != ONNX_BOOL)
      return "operator on integers";
    for (int i = 1; i < node->output_count; i++)
      if (*node->outputs[i] && is_output(t, node->outputs[i]) &&
          (op ? !gcam_op_is(op, GCAM_OP_OUTPUTS) : is_lowered(node->op)))
        return "further outputs (indices, mask)";
  }
  return NULL;
}

/* ---- Which inputs come from the picture ----------------------------------------------------- */

/* May this input of the operator come from the picture? Weights are constants in every network. */
static bool may_be_active(const onnx_node *node, int input) {
  const gcam_op *op = gcam_op_find(node->op);
  if (!op || op->rule == GCAM_RULE_POINTWISE) return input < 1 || strcmp(node->op, "Clip");
  if (!strcmp(node->op, "Concat") || !strcmp(node->op, "MatMul")) return true;
  return input == 0;
}

static bool is_active(const test_case *t, int input) {
  const char *name = t->file->inputs[input].name;
  bool read = false;
  if (!is_float(t->file->inputs[input].type)) return false;
  for (int n = 0; n < t->file->node_count; n++) {
    const onnx_node *node = &t->file->nodes[n];
    int x = node->input_count ? input_index(t, node->inputs[0]) : -1;
    for (int i = 0; i < node->input_count; i++) {
      if (strcmp(node->inputs[i], name)) continue;
      read = true;
      if (!may_be_active(node, i)) return false;
      if (x >= 0 && !is_float(t->file->inputs[x].type)) return false; /* integer ** float */
    }
  }
  return read;
}

/* An operator that works on constants alone, but gets what comes from an active input. */
static const char *constant_operator(const test_case *t, const bool *active) {
  static char text[96];
  bool reached[256] = {false}; /* nodes; ONNX demands that they are in order */
  for (int n = 0; n < t->file->node_count && n < 256; n++) {
    const onnx_node *node = &t->file->nodes[n];
    if (!strcmp(node->op, "Shape") || !strcmp(node->op, "Size")) continue;
    for (int i = 0; i < node->input_count; i++) {
      int x = input_index(t, node->inputs[i]);
      if (x >= 0 && x < t->in_count && active[x]) reached[n] = true;
      for (int m = 0; m < n; m++)
        for (int o = 0; reached[m] && o < t->file->nodes[m].output_count; o++)
          if (!strcmp(t->file->nodes[m].outputs[o], node->inputs[i])) reached[n] = true;
    }
    if (!reached[n] || gcam_op_find(node->op) || is_lowered(node->op)) continue;
    snprintf(text, sizeof text, "operator claimed on constants alone: %s", node->op);
    return text;
  }
  return NULL;
}

static bool any_empty(const test_case *t, const bool *active) {
  for (int i = 0; i < t->in_count; i++)
    if (active[i] && !gcam_numel(&t->in[i].value.shape)) return true;
  for (int i = 0; i < t->out_count; i++)
    if (!gcam_numel(&t->out[i].value.shape)) return true;
  return false;
}

static void list(const char *name, const char *reason) {
  int i = 0;
  while (i < reason_count && strcmp(reasons[i].text, reason)) i++;
  if (i == MAX_REASONS) return;
  if (i == reason_count) snprintf(reasons[reason_count++].text, sizeof reasons->text, "%s", reason);
  size_t used = strlen(reasons[i].cases);
  snprintf(reasons[i].cases + used, sizeof reasons->cases - used, " %s", name);
  reasons[i].count++;
  listed_count++;
}

/* ---- Running a case ------------------------------------------------------------------------- */

/* The model with some inputs bound: protobuf merges a second `graph` into the first. */
static wire bind(const test_case *t, const bool *active) {
  wire model = {0}, graph = {0};
  wire_append(&model, t->bytes, t->size);
  for (int i = 0; i < t->in_count; i++) {
    if (active && active[i]) continue;
    wire tensor = {0};
    wire_append(&tensor, t->in[i].proto, t->in[i].proto_size);
    wire_text(&tensor, 8, t->file->inputs[i].name);
    wire_message(&graph, 5, &tensor);
  }
  if (graph.size) wire_message(&model, 7, &graph);
  return model;
}

/* Elements as numbers, compared one by one. Returns false and prints where they differ. */
static bool close_to(const test_case *t, const gcam_value *want, const gcam_shape *shape,
                     const float *got, const gcam_value *folded, double relative) {
  char a[96], b[96];
  if (!gcam_shape_equal(&want->shape, shape)) {
    if (!quiet)
      printf("FAIL %s: shape %s instead of %s\n", t->name, gcam_shape_text(shape, a, sizeof a),
             gcam_shape_text(&want->shape, b, sizeof b));
    return false;
  }
  for (int64_t i = 0, n = gcam_numel(shape); i < n; i++) {
    double w = gcam_constant_real(want, i), g = got ? got[i] : gcam_constant_real(folded, i);
    double allowed = ABSOLUTE + relative * fabs(w);
    if ((isnan(w) && isnan(g)) || w == g || fabs(w - g) <= allowed) continue;
    if (!quiet)
      printf("FAIL %s: element %lld is %.9g instead of %.9g\n", t->name, (long long)i, g, w);
    return false;
  }
  return true;
}

/* Integers computed from the picture are held as the values they stand for: what QuantizeLinear's
 * expected integers stand for, in ONNX's order. */
static void take_values(test_case *t) {
  const onnx_node *node = &t->file->nodes[0];
  tensor_file *y = &t->out[0];
  if (t->file->node_count != 1 || strcmp(node->op, "QuantizeLinear") || t->in_count < 2) return;
  const gcam_value *scale = &t->in[1].value, *zero = t->in_count > 2 ? &t->in[2].value : NULL;
  int64_t n = gcam_numel(&y->value.shape), count = gcam_numel(&scale->shape);
  int axis = gcam_value_axis(&y->value, int_of(node, "axis", 1));
  int64_t inner = count > 1 ? gcam_numel_range(&y->value.shape, axis + 1, y->value.shape.rank) : 1;
  gcam_weight *values = gcam_arena_alloc(&y->arena, 1, sizeof *values);
  values->data = gcam_arena_alloc(&y->arena, (size_t)n, sizeof(float));
  values->borrowed = true;
  for (int64_t i = 0; i < n; i++) {
    int64_t k = i / inner % count;
    double q = gcam_constant_real(&y->value, i) - (zero ? gcam_constant_real(zero, k) : 0);
    ((float *)values->data)[i] = (float)(q * gcam_constant_real(scale, k));
  }
  if (!y->value.weight->borrowed) free(y->value.weight->data);
  y->value.weight = values;
}

/* The engine computes float16 and bfloat16 networks in float32; expected values are rounded. */
static double rounding(const test_case *t) {
  double most = RELATIVE;
  /* Written with 4 digits. */
  if (!strcmp(t->name, "node/averagepool_2d_ceil_last_window_starts_on_pad")) most = 1e-3;
  for (int i = 0; i < t->file->input_count + t->file->output_count; i++) {
    int n = t->file->input_count;
    int64_t type = i < n ? t->file->inputs[i].type : t->file->outputs[i - n].type;
    if (type == ONNX_FLOAT16 && most < 0x1p-10) most = 0x1p-10;
    if (type == ONNX_BFLOAT16) most = 0x1p-7;
  }
  for (int n = 0; n < t->file->node_count; n++)
    if (int_of(&t->file->nodes[n], "to", 0) == ONNX_FLOAT16 && most < 0x1p-10) most = 0x1p-10;
  return most;
}

/* For each case that ran: a line of JSON, then its model, inputs and outputs (float32). */
static FILE *dump;

static void dump_case(const test_case *t, const bool *active, const wire *model) {
  bool first = true;
  fprintf(dump, "{\"name\":\"%s\",\"bytes\":%zu,\"relative\":%g,\"absolute\":%g,\"inputs\":[",
          t->name, model->size, rounding(t), ABSOLUTE);
  for (int i = 0; i < t->in_count; i++) {
    if (!active[i]) continue;
    fprintf(dump, "%s{\"name\":\"%s\",\"count\":%lld}", first ? "" : ",", t->file->inputs[i].name,
            (long long)gcam_numel(&t->in[i].value.shape));
    first = false;
  }
  fprintf(dump, "],\"outputs\":[");
  for (int i = 0; i < t->out_count; i++)
    fprintf(dump, "%s{\"name\":\"%s\",\"count\":%lld}", i ? "," : "", t->file->outputs[i].name,
            (long long)gcam_numel(&t->out[i].value.shape));
  fprintf(dump, "]}\n");
  fwrite(model->data, 1, model->size, dump);
  for (int i = 0; i < t->in_count + t->out_count; i++) {
    const gcam_value *v = i < t->in_count ? &t->in[i].value : &t->out[i - t->in_count].value;
    if (i < t->in_count && !active[i]) continue;
    for (int64_t k = 0; k < gcam_numel(&v->shape); k++) {
      float f = (float)gcam_constant_real(v, k);
      fwrite(&f, sizeof f, 1, dump);
    }
  }
}

/* Through the public interface. Returns 1 passed, 0 failed, -1 refused. */
static int run_active(test_case *t, const bool *active) {
  wire model = bind(t, active);
  gcam_context *ctx = gcam_context_create(1);
  gcam_model *net = gcam_model_create(ctx);
  int result = -1;
  if (gcam_model_load(net, model.data, model.size, GCAM_COPY) || gcam_model_finish(net)) goto end;
  for (int i = 0; i < t->in_count; i++) {
    if (!active[i]) continue;
    const gcam_value *v = &t->in[i].value;
    int64_t n = gcam_numel(&v->shape);
    float *values = malloc((size_t)n * sizeof *values + 1);
    for (int64_t k = 0; k < n; k++) values[k] = (float)gcam_constant_real(v, k);
    gcam_status status = gcam_model_set_input(net, t->file->inputs[i].name, values, (size_t)n);
    free(values);
    if (status) goto end;
  }
  if (gcam_model_forward(net)) goto end;
  result = 1;
  for (int i = 0; i < t->out_count; i++) {
    int dims[GCAM_MAX_RANK];
    const char *name = t->file->outputs[i].name;
    gcam_shape shape = {.rank = gcam_model_shape(net, name, dims, GCAM_MAX_RANK)};
    for (int k = 0; k < shape.rank; k++) shape.dim[k] = dims[k];
    int64_t n = shape.rank < 0 ? 0 : gcam_numel(&shape);
    float *got = malloc((size_t)n * sizeof *got + 1);
    if (shape.rank < 0 || gcam_model_read(net, name, got, (size_t)n)) {
      printf("FAIL %s: output '%s' cannot be read: %s\n", t->name, name, gcam_message(ctx));
      result = 0;
    } else if (!close_to(t, &t->out[i].value, &shape, got, NULL, rounding(t))) {
      result = 0;
    }
    free(got);
  }
  if (dump && result == 1 && !quiet) dump_case(t, active, &model);
end:
  if (result < 0 && !quiet) printf("FAIL %s: refused: %s\n", t->name, gcam_message(ctx));
  gcam_model_free(net);
  gcam_context_free(ctx);
  wire_free(&model);
  return result;
}

/* All inputs constant: the importer alone. */
static int run_folded(test_case *t) {
  wire model = bind(t, NULL);
  gcam_error err = {0};
  gcam_graph graph = {0};
  gcam_onnx *file = NULL;
  int result = -1;
  if (gcam_onnx_open(&file, model.data, model.size, GCAM_COPY, &err) == GCAM_OK &&
      gcam_onnx_import(file, NULL, &graph, &err) == GCAM_OK) {
    result = 1;
    for (int i = 0; i < t->out_count; i++) {
      gcam_value *v = &graph.values[graph.outputs[i]];
      if (!v->weight) {
        printf("FAIL %s: output %d was not folded\n", t->name, i);
        result = 0;
        continue;
      }
      gcam_shape shape = v->shape;
      for (int k = 0; k < shape.rank; k++) shape.dim[k] = v->shape.dim[gcam_value_axis(v, k)];
      int64_t n = gcam_numel(&shape);
      float *got = NULL;
      if (v->layout == GCAM_CHANNELS_LAST) { /* back to ONNX's order */
        int perm[GCAM_MAX_RANK];
        for (int k = 0; k < shape.rank; k++) perm[k] = gcam_value_axis(v, k);
        got = malloc((size_t)n * sizeof *got + 1);
        gcam_permute(got, gcam_weight_floats(v->weight, &v->shape), &v->shape, perm, sizeof *got);
      }
      if (!close_to(t, &t->out[i].value, &shape, got, v, rounding(t))) result = 0;
      free(got);
    }
  }
  if (result < 0 && !quiet) printf("FAIL %s: refused: %s\n", t->name, err.text);
  gcam_graph_free(&graph);
  gcam_onnx_close(file);
  wire_free(&model);
  return result;
}

static void count(int result) {
  if (result == 1)
    passed++;
  else
    failed++;
}

/* The case is listed: it must not pass, and where the engine cannot do it it must say so. */
static void check_listed(test_case *t, const char *reason, int result, bool must_refuse) {
  if (result == 1 || (must_refuse && result == 0))
    printf("FAIL %s: listed (%s), but not refused\n", t->name, reason);
  count(result == 1 || (must_refuse && result == 0) ? 0 : 1);
  list(t->name, reason);
}

static void check_case(test_case *t) {
  bool active[MAX_TENSORS] = {false}, any = false;
  for (int i = 0; i < t->in_count; i++) any |= active[i] = is_active(t, i);
  const char *reason = exception_of(t);
  if (reason) {
    quiet = true;
    check_listed(t, reason, run_active(t, active), false);
    quiet = false;
    return;
  }
  if ((reason = reason_of(t))) {
    quiet = true;
    check_listed(t, reason, any ? run_active(t, active) : run_folded(t), true);
    quiet = false;
    return;
  }
  /* Constants are folded, or run through the operator's own forward(), before there is a session.
   */
  count(run_folded(t));
  fold_count++;
  if (any && (any_empty(t, active) || (reason = constant_operator(t, active)))) {
    quiet = true;
    int result = run_active(t, active);
    if (!reason && result == 1) /* the shape of something is no activation, and may be empty */
      count(result);
    else
      check_listed(t, reason ? reason : "empty tensor from the picture (folded: passed)", result,
                   true);
    quiet = false;
  } else if (any) {
    take_values(t);
    count(run_active(t, active));
    run_count++;
    for (int i = 0; i < gcam_op_count() && i < MAX_OPS; i++) {
      bool used = false;
      for (int n = 0; n < t->file->node_count; n++)
        used = used || !strcmp(t->file->nodes[n].op, gcam_op_at(i)->name);
      op_cases[i] += used;
    }
  }
}

/* ---- All cases ------------------------------------------------------------------------------ */

static int read_tensors(const char *folder, const char *kind, const onnx_value_info *infos,
                        int info_count, tensor_file *to) {
  char path[4096];
  int n = 0;
  for (; n < MAX_TENSORS && n < info_count; n++) {
    snprintf(path, sizeof path, "%s/test_data_set_0/%s_%d.pb", folder, kind, n);
    if (!read_tensor_file(path, &infos[n], &to[n])) break;
  }
  return n;
}

static void check_folder(const char *suite, const char *folder, const char *name) {
  static test_case t;
  char path[4096];
  gcam_error err = {0};
  memset(&t, 0, sizeof t);
  snprintf(path, sizeof path, "%s/model.onnx", folder);
  snprintf(t.name, sizeof t.name, "%.30s/%.200s", suite,
           !strncmp(name, "test_", 5) ? name + 5 : name);
  t.bytes = read_file(path, &t.size);
  if (!t.bytes || gcam_onnx_open(&t.file, t.bytes, t.size, GCAM_COPY, &err)) {
    printf("FAIL %s: %s\n", t.name, t.bytes ? err.text : "no model.onnx");
    failed++;
  } else {
    gcam_onnx_expand(t.file, &err);
    t.in_count = read_tensors(folder, "input", t.file->inputs, t.file->input_count, t.in);
    t.out_count = read_tensors(folder, "output", t.file->outputs, t.file->output_count, t.out);
    if (!t.out_count) {
      printf("FAIL %s: no outputs to compare with\n", t.name);
      failed++;
    } else {
      check_case(&t);
    }
    for (int i = 0; i < t.in_count; i++) free_tensor_file(&t.in[i]);
    for (int i = 0; i < t.out_count; i++) free_tensor_file(&t.out[i]);
  }
  gcam_onnx_close(t.file);
  free(t.bytes);
}

/* Returns how many cases there were. */
static int check_suite(const char *suite, const char *folder, const char *only) {
  char path[2048];
  struct dirent **entries;
  int cases = 0, n = scandir(folder, &entries, NULL, alphasort);
  if (n < 0) printf("FAIL %s: no such folder\n", folder), failed++;
  for (int i = 0; i < n; i++) {
    if (entries[i]->d_name[0] != '.' && (!only || strstr(entries[i]->d_name, only))) {
      snprintf(path, sizeof path, "%.1000s/%.1000s", folder, entries[i]->d_name);
      check_folder(suite, path, entries[i]->d_name);
      cases++;
    }
    free(entries[i]);
  }
  if (n >= 0) free(entries);
  return cases;
}

/* Where fetch.mjs finds them, or puts them. */
static const char *find_data(void) {
  static char cached[4096];
  const char *named = getenv("GRADCAM_ONNX_TESTDATA"), *cache = getenv("GRADCAM_CACHE");
  struct stat info;
  if (named) return named;
  snprintf(cached, sizeof cached, "%s/onnx-testdata/usr/share/libonnx-testdata/data",
           cache && *cache ? cache : ".cache");
  if (!stat(cached, &info)) return cached;
  return stat("/usr/share/libonnx-testdata/data", &info) ? NULL
                                                         : "/usr/share/libonnx-testdata/data";
}

/* The cases of ONNX's newest opsets, which no package has yet. NULL: not here. */
static const char *find_newest(void) {
  static char folder[4096];
  const char *cache = getenv("GRADCAM_CACHE");
  struct stat info;
  snprintf(folder, sizeof folder, "%s/onnx-newest/onnx/backend/test/data/node",
           cache && *cache ? cache : ".cache");
  return stat(folder, &info) ? NULL : folder;
}

int main(int argc, char **argv) {
  static const char *const suites[] = {"node", "simple", "pytorch-operator", "pytorch-converted"};
  bool dumping = argc == 3 && !strcmp(argv[1], "--dump");
  const char *data = find_data(), *only = argc == 2 ? argv[1] : NULL;
  const char *given = only && strchr(only, '/') ? only : NULL;
  int cases = 0;
  if (dumping && !(dump = fopen(argv[2], "wb"))) return 2;
  if (!data && !given) {
    printf(
        "SKIP: ONNX's operator tests are not here; `node tests/conformance/fetch.mjs` brings "
        "them (Debian package libonnx-testdata)\n0 passed, 0 failed, 1 skipped\n");
    return 0;
  }
  const char *newest = given ? NULL : find_newest();
  if (given) {
    cases = check_suite("node", given, NULL);
  } else if (data) {
    for (int s = 0; s < 4; s++) {
      char folder[4200];
      snprintf(folder, sizeof folder, "%s/%s", data, suites[s]);
      cases += check_suite(suites[s], folder, only);
    }
  }
  if (newest) {
    int more = check_suite("node", newest, only);
    printf("%d of the cases are of the newest opsets\n", more);
    cases += more;
  } else if (!given) {
    printf("SKIP: the cases of the newest opsets (../shared/data/onnx-node) are not here\n");
    skipped++;
  }
  if (dump) fclose(dump);
  printf("\nListed, not done by the engine, and refused with words:\n");
  for (int i = 0; i < reason_count; i++) printf("%4d  %s\n", reasons[i].count, reasons[i].text);
  if (getenv("CONFORMANCE_NAMES"))
    for (int i = 0; i < reason_count; i++) printf("%s:%s\n", reasons[i].text, reasons[i].cases);
  printf("\nCases run as a network, per operator:");
  for (int i = 0; i < gcam_op_count() && i < MAX_OPS; i++)
    printf("%s %s %d", i ? "," : "", gcam_op_at(i)->name, op_cases[i]);
  printf(
      "\n\n%d cases: %d pass (%d of them run as networks, the rest are folded at load), %d "
      "listed\n%d of those that pass are listed too: they work on constants alone\n",
      cases, fold_count, run_count, cases - fold_count, fold_count + listed_count - cases);
  printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed ? 1 : 0;
}
