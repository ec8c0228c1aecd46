/* Every operator against PyTorch, through the public functions alone: reads tests/golden/ops (see
 * make_ops.py there for the format) and checks each small network at every gcam_precision, from the
 * plain loops to the fastest kernels:
 *
 *   outputs     within 1e-5 of PyTorch's, relative to the largest value
 *   gradients   of B = 3 cotangents at once within 1e-5 of PyTorch's, likewise
 *   B = 1       gives the matching row of B = 3
 *   differences the gradient agrees to 1e-3 with finite differences of the engine's own forward
 *
 * and that every row of op_list.h has such a file. Names of operators as arguments: only those. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gradcam.h"
#include "onnx/contrib.h"
#include "ops/op.h"

static int passed, failed;
static double worst_output[3], worst_gradient[3], worst_difference[3];
static const char *const precision_name[] = {"fast", "precise", "plain"};

static void check(int good, const char *symbol, const char *name, gcam_precision precision,
                  const char *what, const char *about, double value) {
  if (good) {
    passed++;
    return;
  }
  failed++;
  printf("FAILED %s / %s (%s): %s %s %g\n", symbol, name, precision_name[precision], what, about,
         value);
}

/* ---- Reading the file ----------------------------------------------------------------------- */

typedef struct reader {
  const unsigned char *at, *end;
} reader;

static void *allocate(size_t bytes) {
  void *p = malloc(bytes ? bytes : 1);
  if (!p) {
    printf("out of memory\n");
    exit(1);
  }
  return p;
}

static const unsigned char *take(reader *r, size_t bytes) {
  const unsigned char *at = r->at;
  if ((size_t)(r->end - r->at) < bytes) {
    printf("a golden file is cut short\n");
    exit(1);
  }
  r->at += bytes;
  return at;
}

static uint32_t take_u32(reader *r) {
  const unsigned char *p = take(r, 4);
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static char *take_text(reader *r) {
  size_t size = take_u32(r);
  const unsigned char *p = take(r, size);
  char *text = allocate(size + 1);
  memcpy(text, p, size);
  text[size] = 0;
  return text;
}

static float *take_floats(reader *r, size_t count) {
  float *values = allocate(count * sizeof *values);
  memcpy(values, take(r, count * 4), count * 4); /* every machine we run on is little-endian */
  return values;
}

enum { MAX_TENSORS = 8, MAX_RANK = 8 };

typedef struct golden_tensor {
  char *name;
  int rank, dims[MAX_RANK];
  size_t count;
  float *values;
} golden_tensor;

typedef struct golden_gradient {
  char *output;
  int B;
  float *cotangents; /* [B][size of output] */
  int target_count;
  char *target[MAX_TENSORS];
  float *expected[MAX_TENSORS]; /* [B][size of target] */
} golden_gradient;

typedef struct golden_case {
  char *name;
  const unsigned char *onnx;
  size_t onnx_size;
  float step;
  int input_count, output_count, gradient_count;
  golden_tensor input[MAX_TENSORS], output[MAX_TENSORS];
  golden_gradient gradient[MAX_TENSORS];
} golden_case;

static int take_count(reader *r) {
  uint32_t count = take_u32(r);
  if (count > MAX_TENSORS) {
    printf("a golden file has %u tensors in a list\n", count);
    exit(1);
  }
  return (int)count;
}

static golden_tensor take_tensor(reader *r) {
  golden_tensor t = {.name = take_text(r)};
  t.rank = take_count(r);
  t.count = 1;
  for (int i = 0; i < t.rank; i++) {
    t.dims[i] = (int)take_u32(r);
    t.count *= (size_t)t.dims[i];
  }
  t.values = take_floats(r, t.count);
  return t;
}

static const golden_tensor *find(const golden_tensor *list, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (!strcmp(list[i].name, name)) return &list[i];
  printf("a golden file names a tensor '%s' that it does not hold\n", name);
  exit(1);
}

static golden_case take_case(reader *r) {
  golden_case c = {.name = take_text(r)};
  c.onnx_size = take_u32(r);
  c.onnx = take(r, c.onnx_size);
  float *step = take_floats(r, 1);
  c.step = *step;
  free(step);
  c.input_count = take_count(r);
  for (int i = 0; i < c.input_count; i++) c.input[i] = take_tensor(r);
  c.output_count = take_count(r);
  for (int i = 0; i < c.output_count; i++) c.output[i] = take_tensor(r);
  c.gradient_count = take_count(r);
  for (int i = 0; i < c.gradient_count; i++) {
    golden_gradient *g = &c.gradient[i];
    g->output = take_text(r);
    g->B = (int)take_u32(r);
    g->cotangents = take_floats(r, (size_t)g->B * find(c.output, c.output_count, g->output)->count);
    g->target_count = take_count(r);
    for (int j = 0; j < g->target_count; j++) {
      g->target[j] = take_text(r);
      g->expected[j] =
          take_floats(r, (size_t)g->B * find(c.input, c.input_count, g->target[j])->count);
    }
  }
  return c;
}

static void free_case(golden_case *c) {
  free(c->name);
  for (int i = 0; i < c->input_count; i++) free(c->input[i].name), free(c->input[i].values);
  for (int i = 0; i < c->output_count; i++) free(c->output[i].name), free(c->output[i].values);
  for (int i = 0; i < c->gradient_count; i++) {
    golden_gradient *g = &c->gradient[i];
    for (int j = 0; j < g->target_count; j++) free(g->target[j]), free(g->expected[j]);
    free(g->output);
    free(g->cotangents);
  }
}

/* ---- Comparing ------------------------------------------------------------------------------ */

static double largest(const float *values, size_t count) {
  double most = 0;
  for (size_t i = 0; i < count; i++)
    if (fabs(values[i]) > most) most = fabs(values[i]);
  return most;
}

/* Largest difference relative to the largest expected value; absolute where that is 0 (x - x).
 * Infinity where a value is not finite. */
static double relative_error(const float *got, const float *expected, size_t count) {
  double scale = largest(expected, count), most = 0;
  if (scale < 1e-6) scale = 1;
  for (size_t i = 0; i < count; i++) {
    double error = fabs((double)got[i] - expected[i]) / scale;
    if (!(error <= most)) most = isfinite(got[i]) ? error : INFINITY;
  }
  return most;
}

static void note(double *worst, double value) {
  if (value > *worst) *worst = value;
}

/* ---- One case ------------------------------------------------------------------------------- */

static int run_forward(gcam_model *net, const golden_case *c) {
  for (int i = 0; i < c->input_count; i++)
    if (gcam_model_set_input(net, c->input[i].name, c->input[i].values, c->input[i].count))
      return 0;
  return gcam_model_forward(net) == GCAM_OK;
}

/* sum over the output of cotangent * value, after forward with element `at` of `input` moved. */
static double moved(gcam_model *net, const golden_case *c, const golden_tensor *input, size_t at,
                    float by, const golden_tensor *output, const float *cotangent, float *buffer) {
  float before = input->values[at];
  input->values[at] = before + by;
  double sum = 0;
  if (!run_forward(net, c) || gcam_model_read(net, output->name, buffer, output->count))
    sum = NAN;
  else
    for (size_t i = 0; i < output->count; i++) sum += (double)cotangent[i] * buffer[i];
  input->values[at] = before;
  return sum;
}

/* Five-point central differences at a few elements against the engine's own gradient. */
static void check_differences(gcam_model *net, const golden_case *c, const golden_gradient *g,
                              const golden_tensor *output, const golden_tensor *input,
                              const float *gradient, const char *symbol, gcam_precision precision) {
  enum { POINTS = 6 };
  float h = c->step, *buffer = allocate(output->count * sizeof *buffer);
  double scale = largest(gradient, input->count), worst = 0;
  if (scale < 1e-6) scale = 1;
  for (int point = 0; point < POINTS && input->count; point++) {
    size_t at = ((size_t)point * 2654435761u + 7) % input->count;
    double f[4];
    const float by[4] = {h, -h, 2 * h, -2 * h};
    for (int k = 0; k < 4; k++)
      f[k] = moved(net, c, input, at, by[k], output, g->cotangents, buffer);
    double slope = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * (double)h);
    double error = fabs(slope - gradient[at]) / scale;
    if (!(error <= worst)) worst = error;
  }
  note(&worst_difference[precision], worst);
  check(worst <= 1e-3, symbol, c->name, precision, "finite differences for", input->name, worst);
  free(buffer);
}

static void check_gradients(gcam_model *net, gcam_context *ctx, const golden_case *c,
                            const golden_gradient *g, const char *symbol,
                            gcam_precision precision) {
  const golden_tensor *output = find(c->output, c->output_count, g->output);
  for (int j = 0; j < g->target_count; j++) {
    const golden_tensor *input = find(c->input, c->input_count, g->target[j]);
    size_t n = input->count;
    float *got = allocate((size_t)g->B * n * sizeof *got), *one = allocate(n * sizeof *one);
    if (gcam_model_vjp(net, g->output, g->cotangents, g->B, g->target[j], got)) {
      check(0, symbol, c->name, precision, "vjp:", gcam_message(ctx), 0);
    } else {
      double error = relative_error(got, g->expected[j], (size_t)g->B * n), apart = 0;
      note(&worst_gradient[precision], error);
      check(error <= 1e-5, symbol, c->name, precision, "gradient of", g->target[j], error);
      for (int b = 0; b < g->B; b++) {
        if (gcam_model_vjp(net, g->output, g->cotangents + (size_t)b * output->count, 1,
                           g->target[j], one))
          apart = INFINITY;
        else
          note(&apart, relative_error(one, got + (size_t)b * n, n));
      }
      check(apart <= 1e-6, symbol, c->name, precision, "B = 1 against B = 3 for", g->target[j],
            apart);
      if (c->step > 0) {
        check_differences(net, c, g, output, input, got, symbol, precision);
        run_forward(net, c); /* back to the activations of the case itself */
      }
    }
    free(got);
    free(one);
  }
}

static void check_case(gcam_context *ctx, const golden_case *c, const char *symbol,
                       gcam_precision precision) {
  gcam_model *net = gcam_model_create(ctx);
  if (gcam_model_set_precision(net, precision) ||
      gcam_model_load(net, c->onnx, c->onnx_size, GCAM_COPY) || gcam_model_finish(net)) {
    check(0, symbol, c->name, precision, "load:", gcam_message(ctx), 0);
  } else if (!run_forward(net, c)) {
    check(0, symbol, c->name, precision, "forward:", gcam_message(ctx), 0);
  } else {
    for (int i = 0; i < c->output_count; i++) {
      const golden_tensor *t = &c->output[i];
      int dims[MAX_RANK], rank = gcam_model_shape(net, t->name, dims, MAX_RANK);
      int same = rank == t->rank && !memcmp(dims, t->dims, (size_t)rank * sizeof *dims);
      float *got = allocate(t->count * sizeof *got);
      check(same, symbol, c->name, precision, "shape of", t->name, rank);
      if (same && gcam_model_read(net, t->name, got, t->count) == GCAM_OK) {
        double error = relative_error(got, t->values, t->count);
        note(&worst_output[precision], error);
        check(error <= 1e-5, symbol, c->name, precision, "output", t->name, error);
      } else if (same) {
        check(0, symbol, c->name, precision, "read:", gcam_message(ctx), 0);
      }
      free(got);
    }
    for (int i = 0; i < c->gradient_count; i++)
      check_gradients(net, ctx, c, &c->gradient[i], symbol, precision);
  }
  gcam_model_free(net);
}

/* ---- One file ------------------------------------------------------------------------------- */

static int contains(const golden_case *c, const char *text) {
  size_t n = strlen(text);
  for (size_t i = 0; i + n <= c->onnx_size; i++)
    if (!memcmp(c->onnx + i, text, n)) return 1;
  return 0;
}

/* Does it hold an operator that is written out as others? */
static int is_written_out(const golden_case *c) {
  for (int i = 0; gcam_contrib_name(i); i++)
    if (contains(c, gcam_contrib_name(i))) return 1;
  return 0;
}

static void check_file(gcam_context *ctx, const char *symbol, const char *op_name) {
  char path[128];
  snprintf(path, sizeof path, "tests/golden/ops/%s.bin", symbol);
  FILE *file = fopen(path, "rb");
  if (!file) {
    check(0, symbol, "(none)", GCAM_PLAIN, "has no golden file:", path, 0);
    return;
  }
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  fseek(file, 0, SEEK_SET);
  unsigned char *bytes = allocate(size);
  size = fread(bytes, 1, size, file);
  fclose(file);

  reader r = {bytes, bytes + size};
  int good = !memcmp(take(&r, 4), "GCOP", 4) && take_u32(&r) == 1;
  uint32_t cases = good ? take_u32(&r) : 0;
  check(cases > 0, symbol, "(none)", GCAM_PLAIN, "has no cases in", path, 0);
  for (uint32_t i = 0; i < cases; i++) {
    golden_case c = take_case(&r);
    check(c.gradient_count > 0, symbol, c.name, GCAM_PLAIN, "has no gradient", "", 0);
    check(contains(&c, op_name) || is_written_out(&c), symbol, c.name, GCAM_PLAIN,
          "does not use operator", op_name, 0);
    for (int p = GCAM_FAST; p <= GCAM_PLAIN; p++) check_case(ctx, &c, symbol, (gcam_precision)p);
    free_case(&c);
  }
  check(r.at == r.end, symbol, "(file)", GCAM_PLAIN, "bytes left over:", "",
        (double)(r.end - r.at));
  free(bytes);
}

#define GCAM_OP(symbol) extern const gcam_op gcam_op_##symbol;
#include "ops/op_list.h"
#undef GCAM_OP

int main(int argc, char **argv) {
  static const struct {
    const char *symbol;
    const gcam_op *op;
  } table[] = {
#define GCAM_OP(symbol) {#symbol, &gcam_op_##symbol},
#include "ops/op_list.h"
#undef GCAM_OP
  };
  gcam_context *ctx = gcam_context_create(2);
  if (!ctx) return 1;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    int wanted = argc < 2;
    for (int j = 1; j < argc; j++) wanted |= !strcmp(argv[j], table[i].symbol);
    if (wanted) check_file(ctx, table[i].symbol, table[i].op->name);
  }
  /* The importer makes several operators of it. */
  if (argc < 2 || !strcmp(argv[1], "attention")) check_file(ctx, "attention", "Attention");
  gcam_context_free(ctx);
  for (int precision = GCAM_FAST; precision <= GCAM_PLAIN; precision++)
    printf("%-7s: largest error of outputs %.2g, of gradients %.2g, against differences %.2g\n",
           precision_name[precision], worst_output[precision], worst_gradient[precision],
           worst_difference[precision]);
  printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed != 0;
}
