#include "onnx/contrib.h"

#include <stdio.h>
#include <string.h>

#include "ops/op.h"

#define MICROSOFT "com.microsoft"

static const char *in(const gcam_expansion *e, int i) { return gcam_expansion_input(e, i); }

static const char *out(const gcam_expansion *e, int i) {
  return i < e->node->output_count ? e->node->outputs[i] : "";
}

/* The node's output i, or a name for what nobody reads by one. */
static const char *output_or_name(gcam_expansion *e, int i) {
  return *out(e, i) ? out(e, i) : gcam_expansion_name(e);
}

static const char *one(gcam_expansion *e, const char *op, const char *x, const char *y,
                       const gcam_attr *attr) {
  return gcam_expansion_add(e, op, &x, 1, y, attr);
}

static const char *two(gcam_expansion *e, const char *op, const char *a, const char *b,
                       const char *y) {
  return gcam_expansion_add(e, op, (const char *const[]){a, b}, 2, y, NULL);
}

static float number(const gcam_expansion *e, const char *name, float otherwise) {
  const gcam_attr *attr = gcam_expansion_attr(e->node, name, GCAM_ATTR_FLOAT);
  return attr ? attr->f : otherwise;
}

static int64_t integer(const gcam_expansion *e, const char *name) {
  const gcam_attr *attr = gcam_expansion_attr(e->node, name, GCAM_ATTR_INT);
  return attr ? attr->i : 0;
}

/* ---- Activations ---------------------------------------------------------------------------- */

/* Gelu(x + bias), by erf or by tanh. */
static bool write_gelu(gcam_expansion *e, const char *approximate) {
  gcam_attr how = {.name = "approximate", .kind = GCAM_ATTR_STRING, .s = approximate};
  const char *x = in(e, 0), *bias = in(e, 1);
  if (*bias) x = two(e, "Add", x, bias, gcam_expansion_name(e));
  one(e, "Gelu", x, out(e, 0), &how);
  return true;
}

static bool write_erf_gelu(gcam_expansion *e) { return write_gelu(e, "none"); }
static bool write_tanh_gelu(gcam_expansion *e) { return write_gelu(e, "tanh"); }

/* x sigmoid(alpha x) */
static bool write_quick_gelu(gcam_expansion *e) {
  gcam_attr alpha = {.name = "alpha", .kind = GCAM_ATTR_FLOAT, .f = number(e, "alpha", 1.702f)};
  one(e, "Swish", in(e, 0), out(e, 0), &alpha);
  return true;
}

/* What may follow a convolution or product in one node, and the names of its parameters. */
static const struct activation {
  const char *op, *parameters[2];
} activations[] = {{"Relu", {0}},
                   {"Tanh", {0}},
                   {"Sigmoid", {0}},
                   {"LeakyRelu", {"alpha"}},
                   {"Clip", {"min", "max"}},
                   {"HardSigmoid", {"alpha", "beta"}}};

static const struct activation *activation_of(const gcam_expansion *e) {
  const gcam_attr *name = gcam_expansion_attr(e->node, "activation", GCAM_ATTR_STRING);
  for (int i = 0; name && i < (int)(sizeof activations / sizeof *activations); i++)
    if (!strcmp(activations[i].op, name->s)) return &activations[i];
  return NULL;
}

/* Parameters come as a list (FusedConv) or by their names (FusedGemm). */
static void activate(gcam_expansion *e, const struct activation *a, const char *x) {
  const gcam_attr *list = gcam_expansion_attr(e->node, "activation_params", GCAM_ATTR_FLOATS);
  const char *inputs[3] = {x, "", ""};
  gcam_attr attrs[2];
  int count = 0;
  for (; count < 2 && a->parameters[count]; count++) {
    char name[64];
    snprintf(name, sizeof name, "activation_%s", a->parameters[count]);
    bool listed = list && count < list->count;
    const gcam_attr *own = gcam_expansion_attr(e->node, name, GCAM_ATTR_FLOAT);
    if (!listed && !own) break; /* the operator's own default */
    attrs[count] = (gcam_attr){.name = a->parameters[count],
                               .kind = GCAM_ATTR_FLOAT,
                               .f = listed ? list->floats[count] : own->f};
  }
  bool limits = !strcmp(a->op, "Clip"); /* its parameters are inputs */
  for (int i = 0; limits && i < count; i++) inputs[1 + i] = gcam_expansion_number(e, attrs[i].f);
  gcam_expansion_add(e, a->op, inputs, limits ? 1 + count : 1, out(e, 0), NULL);
  if (!limits) gcam_expansion_attributes(e, attrs, count);
}

/* The operator on the first inputs, [+ another,] activation. */
static bool write_fused(gcam_expansion *e, const char *op, int inputs, const char *more) {
  const struct activation *a = activation_of(e);
  bool plain = !gcam_expansion_attr(e->node, "activation", GCAM_ATTR_STRING);
  if (!a && !plain) return false; /* as unknown as any other operator */
  const char *real[3] = {in(e, 0), in(e, 1), in(e, 2)};
  const char *y = *more || a ? gcam_expansion_name(e) : out(e, 0);
  gcam_expansion_add_real(e, op, real, inputs, y);
  if (*more) y = two(e, "Add", y, more, a ? gcam_expansion_name(e) : out(e, 0));
  if (a) activate(e, a, y);
  return true;
}

static bool write_conv(gcam_expansion *e) { return write_fused(e, "Conv", 3, in(e, 3)); }
static bool write_gemm(gcam_expansion *e) { return write_fused(e, "Gemm", 3, ""); }

/* ---- Products ------------------------------------------------------------------------------- */

/* alpha A' B'; A' is A with its last two axes turned. */
static bool write_matmul(gcam_expansion *e) {
  if (integer(e, "transBatchA") || integer(e, "transBatchB")) return false;
  bool turned[2] = {integer(e, "transA") != 0, integer(e, "transB") != 0};
  float alpha = number(e, "alpha", 1);
  const char *x[2] = {in(e, 0), in(e, 1)};
  for (int i = 0; i < 2; i++) {
    /* ...ij -> ...ji */
    gcam_attr equation = {.name = "equation", .kind = GCAM_ATTR_STRING, .s = "...ij->...ji"};
    if (turned[i]) x[i] = one(e, "Einsum", x[i], gcam_expansion_name(e), &equation);
  }
  const char *y = two(e, "MatMul", x[0], x[1], alpha != 1 ? gcam_expansion_name(e) : out(e, 0));
  if (alpha != 1) two(e, "Mul", y, gcam_expansion_number(e, alpha), out(e, 0));
  return true;
}

/* Attention without a cache and paddings; keys and values of three axes. */
static bool write_attention(gcam_expansion *e) {
  bool plain = !*in(e, 3) && !*in(e, 4); /* no bias to q, k and v, nothing padded */
  for (int i = 6; i < e->node->input_count; i++) plain = plain && !*in(e, i);
  int64_t heads = integer(e, "num_heads");
  float scale = number(e, "scale", 0);
  if (!plain || !*in(e, 1) || !*in(e, 2)) return false; /* as unknown as any other operator */
  const char *const inputs[] = {in(e, 0), in(e, 1), in(e, 2), in(e, 5)};
  const gcam_attr attrs[] = {
      {.name = "q_num_heads", .kind = GCAM_ATTR_INT, .i = heads},
      {.name = "kv_num_heads", .kind = GCAM_ATTR_INT, .i = heads},
      {.name = "is_causal", .kind = GCAM_ATTR_INT, .i = integer(e, "unidirectional")},
      {.name = "scale", .kind = GCAM_ATTR_FLOAT, .f = scale}};
  gcam_expansion_add(e, "Attention", inputs, *in(e, 5) ? 4 : 3, out(e, 0), NULL);
  gcam_expansion_attributes(e, attrs, scale != 0 ? 4 : 3);
  return true;
}

/* ---- Normalisation -------------------------------------------------------------------------- */

/* Normalisation of x + skip + bias; the sum is output 3. */
static bool write_skip(gcam_expansion *e, const char *op, int scales, int bias) {
  bool biased = *in(e, bias) != 0;
  const char *sum =
      two(e, "Add", in(e, 0), in(e, 1), biased ? gcam_expansion_name(e) : output_or_name(e, 3));
  if (biased) sum = two(e, "Add", sum, in(e, bias), output_or_name(e, 3));
  gcam_attr epsilon = {
      .name = "epsilon", .kind = GCAM_ATTR_FLOAT, .f = number(e, "epsilon", 1e-12f)};
  gcam_expansion_add(e, op, (const char *const[]){sum, in(e, 2), in(e, 3)}, 1 + scales, out(e, 0),
                     &epsilon);
  return true;
}

static bool write_skip_layer(gcam_expansion *e) {
  return write_skip(e, "LayerNormalization", *in(e, 3) ? 2 : 1, 4);
}
static bool write_skip_rms(gcam_expansion *e) { return write_skip(e, "RMSNormalization", 1, 3); }

static bool write_rms(gcam_expansion *e) {
  gcam_expansion_add_real(e, "RMSNormalization", (const char *const[]){in(e, 0), in(e, 1)}, 2,
                          out(e, 0));
  return true;
}

/* [N][H][W][C], normalised over groups of channels, scaled, shifted, and by x sigmoid(x). */
static bool write_group(gcam_expansion *e) {
  static const int64_t to_onnx[] = {0, 3, 1, 2}, back[] = {0, 2, 3, 1};
  const gcam_attr *last = gcam_expansion_attr(e->node, "channels_last", GCAM_ATTR_INT);
  if (last && !last->i) return false; /* as unknown as any other operator */
  gcam_attr turn = {.name = "perm", .kind = GCAM_ATTR_INTS, .ints = to_onnx, .count = 4};
  const gcam_attr how[] = {
      {.name = "epsilon", .kind = GCAM_ATTR_FLOAT, .f = number(e, "epsilon", 1e-5f)},
      {.name = "num_groups", .kind = GCAM_ATTR_INT, .i = integer(e, "groups")}};
  const char *x = one(e, "Transpose", in(e, 0), gcam_expansion_name(e), &turn);
  /* its own scale is for each group or each channel, by opset */
  const char *const plain[] = {x, gcam_expansion_number(e, 1), gcam_expansion_number(e, 0)};
  x = gcam_expansion_add(e, "GroupNormalization", plain, 3, gcam_expansion_name(e), NULL);
  gcam_expansion_attributes(e, how, 2);
  turn.ints = back;
  x = one(e, "Transpose", x, gcam_expansion_name(e), &turn);
  x = two(e, "Mul", x, in(e, 1), gcam_expansion_name(e));
  bool swish = integer(e, "activation") == 1;
  x = two(e, "Add", x, in(e, 2), swish ? gcam_expansion_name(e) : out(e, 0));
  if (swish) one(e, "Swish", x, out(e, 0), NULL);
  return true;
}

/* ---- The same under another domain ---------------------------------------------------------- */

static bool write_same(gcam_expansion *e) {
  gcam_expansion_same(e)->domain = "";
  return true;
}

/* ONNX's type of a tensor of the file; 0: a node makes it. */
static int64_t type_of(const gcam_onnx *file, const char *name) {
  for (int i = 0; i < file->tensor_count; i++)
    if (!strcmp(file->tensors[i].name, name)) return file->tensors[i].type;
  for (int i = 0; i < file->input_count; i++)
    if (!strcmp(file->inputs[i].name, name)) return file->inputs[i].type;
  return 0;
}

/* Like what a node makes: of the floats that come from a picture there is one type here. */
static bool write_cast_like(gcam_expansion *e) {
  int64_t type = type_of(e->file, in(e, 1));
  gcam_attr to = {.name = "to", .kind = GCAM_ATTR_INT, .i = type};
  one(e, type ? "Cast" : "Identity", in(e, 0), out(e, 0), type ? &to : NULL);
  return true;
}

static const struct contrib_row {
  const char *op, *domain;
  gcam_expansion_writer write;
} table[] = {{"Gelu", MICROSOFT, write_erf_gelu},
             {"BiasGelu", MICROSOFT, write_erf_gelu},
             {"FastGelu", MICROSOFT, write_tanh_gelu},
             {"QuickGelu", MICROSOFT, write_quick_gelu},
             {"FusedConv", MICROSOFT, write_conv},
             {"FusedGemm", MICROSOFT, write_gemm},
             {"FusedMatMul", MICROSOFT, write_matmul},
             {"TransposeMatMul", MICROSOFT, write_matmul},
             {"SkipLayerNormalization", MICROSOFT, write_skip_layer},
             {"SkipSimplifiedLayerNormalization", MICROSOFT, write_skip_rms},
             {"SimplifiedLayerNormalization", "", write_rms},
             {"SimplifiedLayerNormalization", MICROSOFT, write_rms},
             {"GroupNorm", MICROSOFT, write_group},
             {"MultiHeadAttention", MICROSOFT, write_attention},
             {"LayerNormalization", MICROSOFT, write_same},
             {"CastLike", "", write_cast_like}};

enum { ROWS = sizeof table / sizeof *table };

bool gcam_contrib_write(gcam_expansion *e) {
  for (int i = 0; i < ROWS; i++)
    if (!strcmp(table[i].op, e->node->op) && !strcmp(table[i].domain, e->node->domain))
      return table[i].write(e);
  return false;
}

const char *gcam_contrib_name(int index) {
  for (int i = 0; i < ROWS; i++) { /* some have two domains, or the name of an operator of ONNX */
    bool named = i && !strcmp(table[i].op, table[i - 1].op);
    if (!named && !gcam_op_find(table[i].op) && index-- == 0) return table[i].op;
  }
  return NULL;
}
