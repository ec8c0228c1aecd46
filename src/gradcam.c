/* gradcam.c: the public functions of gradcam.h: lifecycle, argument checks, error text. What they
 * do is done in onnx/, session/, cam/ and image/. */
#include "gradcam.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/pool.h"
#include "cam/job.h"
#include "cam/layers.h"
#include "cam/randomise.h"
#include "image/colormap.h"
#include "image/image.h"
#include "image/preprocess.h"
#include "image/resize.h"
#include "onnx/external.h"
#include "onnx/import.h"
#include "session/session.h"

#define GCAM_VERSION "0.1.0"

struct gcam_context {
  gcam_pool pool;
  gcam_error err;
};

struct gcam_model {
  gcam_context *ctx;
  gcam_precision precision;
  gcam_input_override *overrides;
  int override_count;
  const char **outputs; /* wanted; NULL: the file's */
  int output_count;
  gcam_arena names;             /* of the overrides and outputs */
  gcam_unsupported unsupported; /* of the last finish that failed for it */
  gcam_onnx *file;
  gcam_graph graph;
  gcam_session *session; /* not NULL: finished */
  gcam_head head;
  gcam_axes axes; /* of the first input, as the last picture was laid into it */
  gcam_token_grid grid;
  gcam_layers layers;
  gcam_options options;
  gcam_gradients gradients; /* of the last explanations */
  gcam_maps maps;
  int map_layer;
  gcam_warnings warnings;
};

struct gcam_task {
  gcam_model *net;
  gcam_job *job;
  int layer;
};

/* ---- Context ------------------------------------------------------------------------------------
 */

gcam_context *gcam_context_create(int threads) {
  gcam_context *ctx = gcam_alloc_zeroed(1, sizeof *ctx);
  if (ctx) gcam_pool_init(&ctx->pool, threads);
  return ctx;
}

void gcam_context_free(gcam_context *ctx) {
  if (!ctx) return;
  gcam_pool_free(&ctx->pool);
  gcam_free(ctx);
}

const char *gcam_message(const gcam_context *ctx) { return ctx->err.text; }

gcam_status gcam_last_status(const gcam_context *ctx) { return ctx->err.status; }

int gcam_thread_count(const gcam_context *ctx) { return ctx->pool.count; }

const char *gcam_version(void) { return GCAM_VERSION; }

/* Every fallible function starts with a clean slate: the message is that of the last call. */
static gcam_error *fresh(gcam_context *ctx) {
  ctx->err.status = GCAM_OK;
  ctx->err.text[0] = 0;
  return &ctx->err;
}

/* ---- Model: loading -----------------------------------------------------------------------------
 */

gcam_model *gcam_model_create(gcam_context *ctx) {
  gcam_model *net = gcam_alloc_zeroed(1, sizeof *net);
  if (!net) {
    gcam_fail(fresh(ctx), GCAM_ERR_MEMORY, "out of memory for a model");
    return NULL;
  }
  net->ctx = ctx;
  net->options = gcam_options_standard();
  return net;
}

/* The activations are about to change or go: what was made of them goes too. */
static void forget_maps(gcam_model *net) {
  gcam_maps_free(&net->maps);
  gcam_gradients_clear(&net->gradients);
}

void gcam_model_free(gcam_model *net) {
  if (!net) return;
  forget_maps(net);
  gcam_layers_free(&net->layers);
  gcam_session_free(net->session);
  gcam_graph_free(&net->graph);
  gcam_onnx_close(net->file);
  gcam_free(net->overrides);
  gcam_arena_free(&net->names);
  gcam_unsupported_free(&net->unsupported);
  gcam_free(net);
}

static gcam_status settings_open(const gcam_model *net, gcam_error *err) {
  return net->file
             ? gcam_fail(err, GCAM_ERR_STATE, "settings must be given before the model is loaded")
             : GCAM_OK;
}

gcam_status gcam_model_set_input_shape(gcam_model *net, const char *input, const int *dims,
                                       int rank) {
  gcam_error *err = fresh(net->ctx);
  GCAM_TRY(settings_open(net, err));
  if (rank < 0 || rank > GCAM_MAX_RANK)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "an input shape has 0 to %d sizes, not %d",
                     GCAM_MAX_RANK, rank);
  gcam_input_override item = {.shape = {.rank = rank}}; /* no name: the first input */
  if (input) item.input = gcam_arena_strndup(&net->names, input, strlen(input));
  gcam_input_override *list =
      gcam_alloc_again(net->overrides, net->override_count + 1, sizeof *list);
  if (list) net->overrides = list;
  if (!list || (input && !item.input))
    return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a setting");
  for (int i = 0; i < rank; i++) {
    if (dims[i] < 1)
      return gcam_fail(err, GCAM_ERR_ARGUMENT,
                       "size %d of input '%.100s' is %d; it must be 1 or "
                       "more",
                       i, input ? input : "(the first)", dims[i]);
    item.shape.dim[i] = dims[i];
  }
  net->overrides[net->override_count++] = item;
  return GCAM_OK;
}

gcam_status gcam_model_set_precision(gcam_model *net, gcam_precision precision) {
  gcam_error *err = fresh(net->ctx);
  GCAM_TRY(settings_open(net, err));
  if (precision < GCAM_FAST || precision > GCAM_PLAIN)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "a precision is 0 (fast), 1 (precise) or 2 (plain), "
                     "not %d",
                     (int)precision);
  net->precision = precision;
  return GCAM_OK;
}

gcam_status gcam_model_set_outputs(gcam_model *net, const char *const *names, int count) {
  gcam_error *err = fresh(net->ctx);
  if (net->session)
    return gcam_fail(err, GCAM_ERR_STATE, "outputs are chosen before the model is finished");
  for (int i = 0; i < count; i++)
    if (!names[i]) return gcam_fail(err, GCAM_ERR_ARGUMENT, "the name of output %d is missing", i);
  if (net->file) GCAM_TRY(gcam_onnx_check_outputs(net->file, names, count, err));
  const char **list = gcam_arena_alloc(&net->names, count > 0 ? (size_t)count : 0, sizeof *list);
  for (int i = 0; list && i < count; i++)
    if (!(list[i] = gcam_arena_strndup(&net->names, names[i], strlen(names[i])))) list = NULL;
  if (!list) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a setting");
  net->outputs = list;
  net->output_count = count > 0 ? count : 0;
  return GCAM_OK;
}

gcam_status gcam_model_load(gcam_model *net, const void *onnx, size_t size,
                            gcam_ownership ownership) {
  gcam_error *err = fresh(net->ctx);
  if (net->file) {
    if (ownership == GCAM_TAKE) gcam_free((void *)onnx);
    return gcam_fail(err, GCAM_ERR_STATE, "this model object already holds a model; make another");
  }
  GCAM_TRY(gcam_onnx_open(&net->file, onnx, size, ownership, err));
  gcam_status status = gcam_onnx_check_outputs(net->file, net->outputs, net->output_count, err);
  if (status) {
    gcam_onnx_close(net->file);
    net->file = NULL;
  }
  return status;
}

int gcam_model_external_count(const gcam_model *net) {
  return net->file ? gcam_onnx_external_count(net->file) : 0;
}

const char *gcam_model_external_location(const gcam_model *net, int index) {
  return net->file ? gcam_onnx_external_location(net->file, index) : NULL;
}

double gcam_model_external_offset(const gcam_model *net, int index) {
  return net->file ? (double)gcam_onnx_external_offset(net->file, index) : 0;
}

double gcam_model_external_length(const gcam_model *net, int index) {
  return net->file ? (double)gcam_onnx_external_length(net->file, index) : 0;
}

gcam_status gcam_model_push(gcam_model *net, const char *location, double offset, const void *bytes,
                            size_t size) {
  gcam_error *err = fresh(net->ctx);
  if (!net->file || net->session)
    return gcam_fail(err, GCAM_ERR_STATE, "weights are pushed after load and before finish");
  if (!(offset >= 0) || offset > 0x1p53)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "weights cannot begin at byte %g", offset);
  return gcam_onnx_push(net->file, location, (int64_t)offset, bytes, size, err);
}

static gcam_status find_head_and_layers(gcam_model *net, gcam_error *err) {
  int output = 0;
  GCAM_TRY(gcam_head_output(&net->graph, &output, err));
  net->head = gcam_head_make(&net->graph, output, GCAM_ACTIVATION_AUTO);
  GCAM_TRY(gcam_layers_grid(&net->graph, &net->grid, err));
  return gcam_layers_find(&net->graph, net->head.logits, &net->grid, &net->layers, err);
}

gcam_status gcam_model_finish(gcam_model *net) {
  gcam_error *err = fresh(net->ctx);
  if (!net->file || net->session)
    return gcam_fail(err, GCAM_ERR_STATE,
                     net->session ? "the model is finished already" : "no model is loaded yet");
  gcam_session *session = NULL;
  gcam_import_request request = {net->overrides, net->override_count, net->outputs,
                                 net->output_count, &net->unsupported};
  gcam_unsupported_free(&net->unsupported);
  gcam_status status = gcam_onnx_import(net->file, &request, &net->graph, err);
  if (!status && (net->graph.output_count < 1 || net->graph.input_count < 1))
    status = gcam_fail(err, GCAM_ERR_MODEL, "the model has no %s that depends on its input",
                       net->graph.output_count < 1 ? "output" : "input");
  if (!status) status = find_head_and_layers(net, err);
  if (!status)
    status = gcam_session_create(&session, &net->graph, &net->ctx->pool, net->precision, err);
  if (status) { /* back to an empty object: a failed load leaves nothing behind */
    gcam_graph_free(&net->graph);
    gcam_onnx_close(net->file);
    memset(&net->graph, 0, sizeof net->graph);
    gcam_layers_free(&net->layers);
    net->file = NULL;
    return status;
  }
  net->session = session;
  return GCAM_OK;
}

const char *gcam_model_unsupported(const gcam_model *net, int index) {
  return index >= 0 && index < net->unsupported.count ? net->unsupported.lines[index] : NULL;
}

const char *gcam_operator_name(int index) { return gcam_known_operator(index); }

int gcam_operator_count(void) {
  int n = 0;
  while (gcam_known_operator(n)) n++;
  return n;
}

int gcam_operator_constant(int index) {
  return gcam_known_operator(index) && gcam_known_on_constants_alone(index);
}

/* ---- Model: what is inside ----------------------------------------------------------------------
 */

static const gcam_value *value_at(const gcam_model *net, const int *list, int count, int index) {
  return net->session && index >= 0 && index < count ? &net->graph.values[list[index]] : NULL;
}

int gcam_model_input_count(const gcam_model *net) { return net->graph.input_count; }

const char *gcam_model_input_name(const gcam_model *net, int index) {
  const gcam_value *v = value_at(net, net->graph.inputs, net->graph.input_count, index);
  return v ? v->name : NULL;
}

int gcam_model_output_count(const gcam_model *net) {
  return net->session || !net->file ? net->graph.output_count : gcam_onnx_output_count(net->file);
}

const char *gcam_model_output_name(const gcam_model *net, int index) {
  if (!net->session && net->file) return gcam_onnx_output_name(net->file, index);
  const gcam_value *v = value_at(net, net->graph.outputs, net->graph.output_count, index);
  return v ? v->name : NULL;
}

/* ONNX axis `axis` of the value is stored as which axis? */
static int stored_axis(const gcam_value *v, int axis) {
  return v->layout == GCAM_CHANNELS_LAST ? gcam_value_axis(v, axis) : axis;
}

int gcam_model_shape(const gcam_model *net, const char *tensor, int *dims, int max_rank) {
  int index = net->session ? gcam_graph_find(&net->graph, tensor) : -1;
  if (index < 0) return -1;
  const gcam_value *v = &net->graph.values[index];
  for (int i = 0; i < v->shape.rank && i < max_rank; i++)
    dims[i] = (int)v->shape.dim[stored_axis(v, i)];
  return v->shape.rank;
}

int gcam_model_head(const gcam_model *net) { return net->session ? net->head.output : -1; }

int gcam_model_class_count(const gcam_model *net) { return net->session ? net->head.classes : 0; }

int gcam_model_head_is_picture(const gcam_model *net) { return net->session && net->head.picture; }

gcam_activation gcam_model_activation(const gcam_model *net) {
  return net->session ? net->head.activation : GCAM_ACTIVATION_NONE;
}

int gcam_model_layer_count(const gcam_model *net) { return net->layers.count; }

static const gcam_layer *layer_at(const gcam_model *net, int index) {
  return net->session && index >= 0 && index < net->layers.count ? &net->layers.list[index] : NULL;
}

static const gcam_value *layer_value(const gcam_model *net, int index) {
  const gcam_layer *layer = layer_at(net, index);
  return layer ? &net->graph.values[layer->value] : NULL;
}

const char *gcam_model_layer_name(const gcam_model *net, int index) {
  const gcam_value *v = layer_value(net, index);
  return v ? v->name : NULL;
}

const char *gcam_model_layer_node(const gcam_model *net, int index) {
  const gcam_value *v = layer_value(net, index);
  return v ? net->graph.nodes[v->producer].name : NULL;
}

const char *gcam_model_layer_op(const gcam_model *net, int index) {
  const gcam_value *v = layer_value(net, index);
  return v ? net->graph.nodes[v->producer].op->name : NULL;
}

int gcam_model_layer_height(const gcam_model *net, int index) {
  const gcam_layer *layer = layer_at(net, index);
  return layer ? (int)layer->H : 0;
}

int gcam_model_layer_width(const gcam_model *net, int index) {
  const gcam_layer *layer = layer_at(net, index);
  return layer ? (int)layer->W : 0;
}

int gcam_model_layer_channels(const gcam_model *net, int index) {
  const gcam_layer *layer = layer_at(net, index);
  return layer ? (int)layer->K : 0;
}

int gcam_model_layer_skip(const gcam_model *net, int index) {
  const gcam_layer *layer = layer_at(net, index);
  return layer ? (int)layer->skip : 0;
}

int gcam_model_default_layer(const gcam_model *net) {
  return net->session ? net->layers.standard : -1;
}

static gcam_status finished(const gcam_model *net, gcam_error *err) {
  return net->session ? GCAM_OK : gcam_fail(err, GCAM_ERR_STATE, "no model is loaded and finished");
}

/* The layers of another head or grid; what was made of the ones before goes. */
static gcam_status set_question(gcam_model *net, const gcam_head *head, const gcam_token_grid *grid,
                                gcam_error *err) {
  GCAM_TRY(gcam_layers_find(&net->graph, head->logits, grid, &net->layers, err));
  net->head = *head;
  net->grid = *grid;
  forget_maps(net);
  net->warnings.count = 0;
  return GCAM_OK;
}

gcam_status gcam_model_set_head(gcam_model *net, const char *output) {
  gcam_error *err = fresh(net->ctx);
  int index = 0;
  GCAM_TRY(finished(net, err));
  if (!output) GCAM_TRY(gcam_head_output(&net->graph, &index, err));
  while (output && index < net->graph.output_count &&
         strcmp(gcam_model_output_name(net, index), output))
    index++;
  if (index == net->graph.output_count)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "the model has no output '%.100s'; it has %d, the first is '%.100s'", output,
                     net->graph.output_count, gcam_model_output_name(net, 0));
  gcam_head head = gcam_head_make(&net->graph, index, GCAM_ACTIVATION_AUTO);
  return set_question(net, &head, &net->grid, err);
}

gcam_status gcam_model_set_activation(gcam_model *net, gcam_activation activation) {
  gcam_error *err = fresh(net->ctx);
  GCAM_TRY(finished(net, err));
  if (activation < GCAM_ACTIVATION_AUTO || activation > GCAM_ACTIVATION_NONE)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "an activation is 0 (as the file has it), 1 (softmax), 2 (sigmoid) or 3 "
                     "(none), not %d",
                     (int)activation);
  gcam_head head = gcam_head_make(&net->graph, net->head.output, activation);
  return set_question(net, &head, &net->grid, err);
}

gcam_status gcam_model_set_grid(gcam_model *net, int height, int width, int skip) {
  gcam_error *err = fresh(net->ctx);
  gcam_token_grid grid = {height, width, skip};
  GCAM_TRY(finished(net, err));
  if (!height && !width && !skip) {
    GCAM_TRY(gcam_layers_grid(&net->graph, &grid, err));
  } else if (height < 1 || width < 1 || skip < 0) {
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "a grid has a height and width of at least 1, and 0 or more tokens before "
                     "it, not %d, %d and %d",
                     height, width, skip);
  } else if (!gcam_layers_fit(&net->graph, &grid)) {
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "no tensor of the model holds the %lld tokens of a grid of %dx%d with %d "
                     "before it",
                     (long long)height * width + skip, height, width, skip);
  }
  return set_question(net, &net->head, &grid, err);
}

int gcam_model_find_layer(gcam_model *net, const char *name) {
  gcam_error *err = fresh(net->ctx);
  if (finished(net, err)) return -1;
  return gcam_layers_index(&net->graph, &net->layers, name, err);
}

/* ---- Model: running
 * ------------------------------------------------------------------------------- */

/* Permutation from one order to the other: dst axis i is src axis perm[i]. */
static void order_permutation(const gcam_value *v, bool to_onnx, int perm[GCAM_MAX_RANK]) {
  for (int i = 0; i < v->shape.rank; i++) {
    int stored = stored_axis(v, i); /* ONNX axis i is stored at `stored` */
    if (to_onnx)
      perm[i] = stored;
    else
      perm[stored] = i;
  }
}

static gcam_shape onnx_shape(const gcam_value *v) {
  gcam_shape shape = {.rank = v->shape.rank};
  for (int i = 0; i < shape.rank; i++) shape.dim[i] = v->shape.dim[stored_axis(v, i)];
  return shape;
}

static void to_stored_order(const gcam_value *v, const float *from, float *to) {
  gcam_shape shape = onnx_shape(v);
  int perm[GCAM_MAX_RANK];
  order_permutation(v, false, perm);
  gcam_permute(to, from, &shape, perm, sizeof *to);
}

static void to_onnx_order(const gcam_value *v, const float *from, float *to) {
  int perm[GCAM_MAX_RANK];
  order_permutation(v, true, perm);
  gcam_permute(to, from, &v->shape, perm, sizeof *to);
}

static float *begin_input(gcam_model *net, int index) {
  forget_maps(net);
  net->warnings.count = 0;
  return gcam_session_input(net->session, index);
}

/* The first input as one picture: C, H, W, and whether the channels are its last axis. */
typedef struct picture_input {
  const gcam_value *value;
  bool channels_last;
  int C, H, W;
} picture_input;

static gcam_status find_picture_input(const gcam_model *net, const gcam_preprocess *pre,
                                      picture_input *in, gcam_error *err) {
  GCAM_TRY(finished(net, err));
  if (!pre) return gcam_fail(err, GCAM_ERR_ARGUMENT, "no preprocessing was given");
  const gcam_value *v = &net->graph.values[net->graph.inputs[0]];
  char text[96];
  gcam_shape shape = onnx_shape(v);
  if (shape.rank != 4 || shape.dim[0] != 1)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "the model's input '%.100s' is %s, not one picture "
                     "(1xCxHxW or 1xHxWxC); give its values with set_input",
                     v->name, gcam_shape_text(&shape, text, sizeof text));
  if (pre->axes != GCAM_AXES_GUESS && pre->axes != GCAM_AXES_NCHW && pre->axes != GCAM_AXES_NHWC)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "axes %d are unknown: 0 is a guess, 1 NCHW, 2 NHWC",
                     (int)pre->axes);
  /* TensorFlow's exporters leave pictures as N, H, W, C */
  int64_t C = gcam_order_channels(pre->order);
  bool last = pre->axes == GCAM_AXES_NHWC;
  if (pre->axes == GCAM_AXES_GUESS && !gcam_picture_input_is_nchw(&net->graph))
    last = shape.dim[1] != C && shape.dim[3] == C;
  *in = (picture_input){v, last, (int)shape.dim[last ? 3 : 1], (int)shape.dim[last ? 1 : 2],
                        (int)shape.dim[last ? 2 : 3]};
  return GCAM_OK;
}

gcam_status gcam_model_set_image(gcam_model *net, const gcam_image *image,
                                 const gcam_preprocess *pre) {
  gcam_error *err = fresh(net->ctx);
  picture_input in;
  GCAM_TRY(find_picture_input(net, pre, &in, err));
  gcam_shape stored = {4, {1, in.H, in.W, in.C}};
  float *nhwc = gcam_floats_alloc(gcam_numel(&stored));
  if (!nhwc) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the network's input");
  gcam_status status = gcam_preprocess_image(image, pre, in.H, in.W, in.C, nhwc, err);
  if (!status) {
    float *input = begin_input(net, 0);
    net->axes = in.channels_last ? GCAM_AXES_NHWC : GCAM_AXES_NCHW;
    static const int as_it_is[] = {0, 1, 2, 3}, to_nchw[] = {0, 3, 1, 2}, turned[] = {0, 2, 3, 1};
    bool nhwc_in_memory = in.channels_last == (in.value->layout == GCAM_ROWS);
    /* an NHWC input that is stored channels-last of *its* axes: N, W, C, H */
    const int *order = nhwc_in_memory ? as_it_is : in.channels_last ? turned : to_nchw;
    gcam_permute(input, nhwc, &stored, order, sizeof *input);
  }
  gcam_floats_free(nhwc);
  return status;
}

gcam_status gcam_model_view(gcam_model *net, int width, int height, const gcam_preprocess *pre,
                            gcam_view *view) {
  gcam_error *err = fresh(net->ctx);
  picture_input in;
  GCAM_TRY(find_picture_input(net, pre, &in, err));
  return gcam_preprocess_view(pre, width, height, in.H, in.W, view, err);
}

static gcam_status find_tensor(gcam_model *net, const char *name, size_t count, int *index,
                               gcam_error *err) {
  GCAM_TRY(finished(net, err));
  *index = gcam_graph_find(&net->graph, name);
  if (*index < 0)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "the model has no tensor '%.200s'", name);
  const gcam_value *v = &net->graph.values[*index];
  if ((int64_t)count != gcam_numel(&v->shape)) {
    char text[96];
    gcam_shape shape = onnx_shape(v);
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "tensor '%.200s' is %s: %lld values, not %zu", name,
                     gcam_shape_text(&shape, text, sizeof text), (long long)gcam_numel(&v->shape),
                     count);
  }
  return GCAM_OK;
}

gcam_status gcam_model_set_input(gcam_model *net, const char *input, const float *values,
                                 size_t count) {
  gcam_error *err = fresh(net->ctx);
  GCAM_TRY(finished(net, err));
  int index;
  if (!input) input = net->graph.values[net->graph.inputs[0]].name;
  GCAM_TRY(find_tensor(net, input, count, &index, err));
  for (int i = 0; i < net->graph.input_count; i++)
    if (net->graph.inputs[i] == index) {
      to_stored_order(&net->graph.values[index], values, begin_input(net, i));
      return GCAM_OK;
    }
  return gcam_fail(err, GCAM_ERR_ARGUMENT,
                   "'%.200s' is not an input of the model; the first is '%s'", input,
                   net->graph.values[net->graph.inputs[0]].name);
}

gcam_status gcam_model_forward(gcam_model *net) {
  gcam_error *err = fresh(net->ctx);
  GCAM_TRY(finished(net, err));
  forget_maps(net);
  net->warnings.count = 0;
  GCAM_TRY(gcam_session_forward(net->session, err));
  float *owned;
  const gcam_value *output = &net->graph.values[net->head.logits];
  GCAM_TRY(gcam_session_expose(net->session, net->head.logits, err));
  const float *logits = gcam_session_dense(net->session, net->head.logits, &owned);
  if (!logits) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the scores");
  int64_t n = net->head.units ? net->head.units : gcam_numel(&output->shape);
  for (int64_t i = 0; i < n; i++)
    if (!isfinite(logits[i])) {
      gcam_warn(&net->warnings, "non-finite-scores", -1,
                "score %lld of '%.80s' is not a finite number: weights or preprocessing do not fit",
                (long long)i, output->name);
      break;
    }
  gcam_floats_free(owned);
  return GCAM_OK;
}

static gcam_status after_forward(const gcam_model *net, gcam_error *err) {
  GCAM_TRY(finished(net, err));
  return net->session->done ? GCAM_OK
                            : gcam_fail(err, GCAM_ERR_STATE, "run forward on a picture first");
}

gcam_status gcam_model_read(gcam_model *net, const char *tensor, float *values, size_t count) {
  gcam_error *err = fresh(net->ctx);
  int index;
  GCAM_TRY(after_forward(net, err));
  GCAM_TRY(find_tensor(net, tensor, count, &index, err));
  GCAM_TRY(gcam_session_expose(net->session, index, err));
  float *owned;
  const float *data = gcam_session_dense(net->session, index, &owned);
  if (!data) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for tensor '%.200s'", tensor);
  to_onnx_order(&net->graph.values[index], data, values);
  gcam_floats_free(owned);
  return GCAM_OK;
}

gcam_status gcam_model_scores(gcam_model *net, float *scores, float *probabilities) {
  gcam_error *err = fresh(net->ctx);
  GCAM_TRY(after_forward(net, err));
  if (!net->head.units) return GCAM_OK; /* no classes: nothing to write */
  GCAM_TRY(gcam_session_expose(net->session, net->head.logits, err));
  float *owned;
  const float *logits = gcam_session_dense(net->session, net->head.logits, &owned);
  if (!logits) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the scores");
  if (scores) gcam_head_scores(&net->head, logits, scores);
  if (probabilities) gcam_head_probabilities(&net->head, logits, probabilities);
  gcam_floats_free(owned);
  return GCAM_OK;
}

int gcam_model_top(gcam_model *net, int k, int *ids, float *scores, float *probabilities) {
  int n = gcam_model_class_count(net);
  float *z = gcam_alloc((int64_t)n * 2 + 1, sizeof *z), *p = z ? z + n : NULL;
  if (!z) {
    gcam_fail(fresh(net->ctx), GCAM_ERR_MEMORY, "out of memory for the scores");
    return -1;
  }
  if (gcam_model_scores(net, z, p)) {
    gcam_free(z);
    return -1;
  }
  if (k > n) k = n;
  for (int i = 0; i < k; i++) { /* k is small; of equal scores the smaller id comes first */
    int best = -1;
    for (int c = 0; c < n; c++) {
      bool taken = false;
      for (int j = 0; j < i && !taken; j++) taken = ids[j] == c;
      if (!taken && (best < 0 || z[c] > z[best] || (isnan(z[best]) && !isnan(z[c])))) best = c;
    }
    ids[i] = best;
    scores[i] = z[best];
    probabilities[i] = p[best];
  }
  gcam_free(z);
  return k < 0 ? 0 : k;
}

gcam_status gcam_model_vjp(gcam_model *net, const char *output, const float *cotangents, int B,
                           const char *target, float *gradients) {
  gcam_error *err = fresh(net->ctx);
  GCAM_TRY(after_forward(net, err));
  int from = gcam_graph_find(&net->graph, output), to = gcam_graph_find(&net->graph, target);
  if (from < 0 || to < 0 || net->graph.values[from].weight || net->graph.values[to].weight)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "the model computes no tensor '%.200s'",
                     from < 0 || net->graph.values[from].weight ? output : target);
  if (B < 1 || B > 4096)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "%d cotangents at once; 1 to 4096 can be asked for",
                     B);
  GCAM_TRY(gcam_session_expose(net->session, from, err));
  GCAM_TRY(gcam_session_expose(net->session, to, err));
  const gcam_value *y = &net->graph.values[from], *x = &net->graph.values[to];
  int64_t ny = gcam_numel(&y->shape), nx = gcam_numel(&x->shape);
  float *dy = gcam_floats_alloc(ny * B), *dx = NULL;
  gcam_status status = GCAM_OK;
  if (!dy) status = gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for gradients");
  for (int b = 0; b < B && !status; b++) to_stored_order(y, cotangents + b * ny, dy + b * ny);
  if (!status) status = gcam_session_vjp(net->session, from, dy, B, to, &dx, err);
  for (int b = 0; b < B && !status; b++) to_onnx_order(x, dx + b * nx, gradients + b * nx);
  gcam_floats_free(dy);
  gcam_floats_free(dx);
  return status;
}

/* ---- Explaining
 * ----------------------------------------------------------------------------------- */

static gcam_status explain_arguments(gcam_model *net, const char *method, gcam_score score,
                                     int count, gcam_error *err) {
  GCAM_TRY(after_forward(net, err));
  if (method && !gcam_method_find(method))
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "there is no method '%.100s'; the first is '%s'",
                     method, gcam_method_name(0));
  if (score != GCAM_SCORE_LOGIT && score != GCAM_SCORE_SOFTMAX)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "a score is logit (0) or softmax (1), not %d",
                     (int)score);
  if (count < 1 || count > GCAM_MAX_TARGETS)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "%d classes at once; 1 to %d can be explained", count,
                     GCAM_MAX_TARGETS);
  return GCAM_OK;
}

/* What is asked, before it is checked: weights over the classes, or cotangents of an output. */
typedef struct request {
  const char *method, *layer;
  gcam_score score;
  const float *weights;
  const char *output;
  const float *cotangents;
  int count;
} request;

static gcam_status check_finite(const float *values, int count, int64_t size, const char *what,
                                gcam_error *err) {
  for (int64_t i = 0; i < count * size; i++)
    if (!isfinite(values[i]))
      return gcam_fail(err, GCAM_ERR_ARGUMENT,
                       "target %d: %s %lld is not a finite number", (int)(i / size), what,
                       (long long)(i % size));
  return GCAM_OK;
}

static gcam_status output_targets(gcam_model *net, const request *r, gcam_targets *targets,
                                  gcam_error *err) {
  int v = r->output ? gcam_graph_find(&net->graph, r->output)
                    : net->graph.outputs[net->head.output];
  const gcam_value *value = v >= 0 ? &net->graph.values[v] : NULL;
  if (!value || value->weight)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "the model computes no tensor '%.200s'", r->output);
  int64_t n = gcam_numel(&value->shape);
  GCAM_TRY(check_finite(r->cotangents, r->count, n, "cotangent", err));
  float *stored = gcam_alloc(r->count * n, sizeof *stored);
  if (!stored) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the cotangents");
  for (int b = 0; b < r->count; b++)
    to_stored_order(value, r->cotangents + b * n, stored + b * n);
  gcam_status status = gcam_targets_of_output(targets, net->session, v, stored, r->count, err);
  gcam_free(stored);
  return status;
}

static gcam_status class_targets(gcam_model *net, const request *r, gcam_targets *targets,
                                 gcam_error *err) {
  GCAM_TRY(check_finite(r->weights, r->count, net->head.classes, "the weight of class", err));
  return gcam_targets_of_classes(targets, net->session, &net->head, r->score, r->weights, r->count,
                                 err);
}

static gcam_status ask(gcam_model *net, const request *r, gcam_question *question, int *last,
                       gcam_error *err) {
  int found[GCAM_MAX_LAYERS];
  GCAM_TRY(explain_arguments(net, r->method, r->score, r->count, err));
  GCAM_TRY(gcam_layers_named(&net->graph, &net->layers, r->layer, found, GCAM_MAX_LAYERS,
                             &question->layer_count, err));
  *last = found[question->layer_count - 1];
  for (int i = 0; i < question->layer_count; i++)
    question->layers[i] = net->layers.list[found[i]];
  question->session = net->session;
  question->method = r->method ? gcam_method_find(r->method) : gcam_method_at(0);
  question->options = net->options;
  question->axes = net->axes;
  GCAM_TRY(r->weights ? class_targets(net, r, &question->targets, err)
                      : output_targets(net, r, &question->targets, err));
  return gcam_question_check(question, err);
}

static gcam_status begin_job(gcam_model *net, const request *r, gcam_job **job, int *last,
                             gcam_error *err) {
  gcam_question question = {0};
  gcam_status status = ask(net, r, &question, last, err);
  if (status) {
    gcam_question_free(&question);
    return status;
  }
  return gcam_job_new(job, &question, question.layer_count == 1 ? &net->gradients : NULL, err);
}

static gcam_status advance(gcam_model *net, gcam_job *job, int layer, gcam_error *err) {
  if (job->done == job->total) return GCAM_OK; /* its maps are the model's already */
  GCAM_TRY(gcam_job_advance(job, err));
  if (job->done < job->total) return GCAM_OK;
  gcam_maps_free(&net->maps);
  net->maps = job->maps; /* the job gives them away */
  memset(&job->maps, 0, sizeof job->maps);
  net->map_layer = layer;
  net->warnings = job->findings.warnings;
  return GCAM_OK;
}

/* An error on the way back to the original activations is worth less than the one before it. */
static void end_job(gcam_job *job) {
  gcam_error ignored = {0};
  if (job) gcam_job_restore(job, &ignored);
  gcam_job_delete(job);
}

static gcam_status explain(gcam_model *net, const request *r) {
  gcam_error *err = fresh(net->ctx);
  gcam_job *job = NULL;
  int last;
  gcam_status status = begin_job(net, r, &job, &last, err);
  while (!status && job->done < job->total) status = advance(net, job, last, err);
  end_job(job);
  return status;
}

gcam_status gcam_explain_targets(gcam_model *net, const char *method, const char *layer,
                                 gcam_score score, const float *weights, int count) {
  request r = {method, layer, score, .weights = weights, .count = count};
  return explain(net, &r);
}

gcam_status gcam_explain_cotangents(gcam_model *net, const char *method, const char *layer,
                                    const char *output, const float *cotangents, int count) {
  request r = {method, layer, .output = output, .cotangents = cotangents, .count = count};
  return explain(net, &r);
}

gcam_status gcam_explain(gcam_model *net, const char *method, const char *layer, gcam_score score,
                         const int *classes, int count) {
  gcam_error *err = fresh(net->ctx);
  int n = net->head.classes;
  GCAM_TRY(explain_arguments(net, method, score, count, err));
  for (int i = 0; n && i < count; i++) /* without classes the question says why */
    if (classes[i] < 0 || classes[i] >= n)
      return gcam_fail(err, GCAM_ERR_ARGUMENT, "there is no class %d: the model has %d, 0 to %d",
                       classes[i], n, n - 1);
  float *weights = gcam_alloc_zeroed(count * (int64_t)n, sizeof *weights);
  if (!weights) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the classes");
  for (int i = 0; n && i < count; i++) weights[(int64_t)i * n + classes[i]] = 1;
  gcam_status status = gcam_explain_targets(net, method, layer, score, weights, count);
  gcam_free(weights);
  return status;
}

static gcam_task *create_task(gcam_model *net, const request *r) {
  gcam_error *err = fresh(net->ctx);
  gcam_task *task = gcam_alloc_zeroed(1, sizeof *task);
  if (!task) {
    gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for a task");
    return NULL;
  }
  task->net = net;
  if (begin_job(net, r, &task->job, &task->layer, err)) {
    gcam_free(task);
    return NULL;
  }
  return task;
}

gcam_task *gcam_task_create(gcam_model *net, const char *method, const char *layer,
                            gcam_score score, const float *weights, int count) {
  request r = {method, layer, score, .weights = weights, .count = count};
  return create_task(net, &r);
}

gcam_task *gcam_task_create_cotangents(gcam_model *net, const char *method, const char *layer,
                                       const char *output, const float *cotangents, int count) {
  request r = {method, layer, .output = output, .cotangents = cotangents, .count = count};
  return create_task(net, &r);
}

gcam_status gcam_task_step(gcam_task *task) {
  gcam_error *err = fresh(task->net->ctx);
  return advance(task->net, task->job, task->layer, err);
}

int gcam_task_done(const gcam_task *task) { return (int)task->job->done; }
int gcam_task_total(const gcam_task *task) { return (int)task->job->total; }

void gcam_task_free(gcam_task *task) {
  if (!task) return;
  end_job(task->job);
  gcam_free(task);
}

int gcam_method_count(void) {
  int count = 0;
  while (gcam_method_at(count)) count++;
  return count;
}

const char *gcam_method_name(int index) {
  const gcam_method *method = gcam_method_at(index);
  return method ? method->name : NULL;
}

const char *gcam_method_title(int index) {
  const gcam_method *method = gcam_method_at(index);
  return method ? method->title : NULL;
}

const char *gcam_method_paper(int index) {
  const gcam_method *method = gcam_method_at(index);
  return method ? method->paper : NULL;
}

int gcam_option_count(void) { return GCAM_OPTION_COUNT; }

const char *gcam_option_name(int index) {
  const gcam_option_row *row = gcam_option_at(index);
  return row ? row->name : NULL;
}

const char *gcam_option_text(int index) {
  const gcam_option_row *row = gcam_option_at(index);
  return row ? row->text : NULL;
}

double gcam_option_default(int index) {
  const gcam_option_row *row = gcam_option_at(index);
  return row ? row->standard : 0;
}

gcam_status gcam_model_set_option(gcam_model *net, const char *name, double value) {
  gcam_error *err = fresh(net->ctx);
  int index = gcam_option_find(name);
  if (index < 0)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "there is no option '%.100s'; the first is '%s'", name,
                     gcam_option_name(0));
  const gcam_option_row *row = gcam_option_at(index);
  if (!(value >= row->least && value <= row->most) || (row->whole && value != floor(value)))
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "option '%s' is %g, but must be a %snumber from %g to "
                     "%g",
                     name, value, row->whole ? "whole " : "", row->least, row->most);
  net->options.value[index] = value;
  return GCAM_OK;
}

const char *gcam_model_weight_layer(const gcam_model *net, int index) {
  int n = net->session && index >= 0 ? gcam_weighted_layer(&net->graph, index) : -1;
  return n < 0 ? NULL : net->graph.nodes[n].name;
}

gcam_status gcam_model_randomise(gcam_model *net, int layers, double seed) {
  gcam_error *err = fresh(net->ctx);
  GCAM_TRY(finished(net, err));
  if (!(seed >= 0 && seed <= 0x1p53))
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "a seed is a number from 0 to 2^53, not %g", seed);
  GCAM_TRY(gcam_randomise(net->session, layers, (uint64_t)seed, err));
  forget_maps(net);
  net->warnings.count = 0;
  return GCAM_OK;
}

int gcam_map_count(const gcam_model *net) { return net->maps.count; }
int gcam_map_height(const gcam_model *net) { return (int)net->maps.H; }
int gcam_map_width(const gcam_model *net) { return (int)net->maps.W; }
int gcam_map_layer(const gcam_model *net) { return net->maps.count ? net->map_layer : -1; }

const float *gcam_map_data(const gcam_model *net, int index) {
  if (index < 0 || index >= net->maps.count) return NULL;
  return net->maps.data + index * net->maps.H * net->maps.W;
}

const float *gcam_map_weights(const gcam_model *net, int index) {
  if (index < 0 || index >= net->maps.count || !net->maps.weights) return NULL;
  return net->maps.weights + index * net->maps.K;
}

const float *gcam_map_terms(const gcam_model *net, int index) {
  if (index < 0 || index >= net->maps.count || !net->maps.terms) return NULL;
  return net->maps.terms + index * net->maps.H * net->maps.W * net->maps.K;
}

int gcam_map_channels(const gcam_model *net) { return (int)net->maps.K; }

double gcam_map_delta(const gcam_model *net, int index) {
  return index >= 0 && index < net->maps.count ? net->maps.delta[index] : 0;
}

int gcam_warning_count(const gcam_model *net) { return net->warnings.count; }

const char *gcam_warning_name(const gcam_model *net, int index) {
  return index >= 0 && index < net->warnings.count ? net->warnings.list[index].name : NULL;
}

const char *gcam_warning_text(const gcam_model *net, int index) {
  return index >= 0 && index < net->warnings.count ? net->warnings.list[index].text : NULL;
}

/* ---- Cost
 * ----------------------------------------------------------------------------------------- */

double gcam_model_weight_bytes(const gcam_model *net) {
  double bytes = net->session ? (double)gcam_session_packed_bytes(net->session) : 0;
  for (int v = 0; v < net->graph.value_count; v++) {
    const gcam_value *value = &net->graph.values[v];
    if (!value->weight) continue;
    double n = (double)gcam_numel(&value->shape);
    if (value->weight->data) bytes += n * (double)gcam_dtype_size(value->weight->dtype);
    if (value->weight->f32 && (void *)value->weight->f32 != value->weight->data)
      bytes += n * sizeof(float);
  }
  return bytes;
}

double gcam_model_activation_bytes(const gcam_model *net) {
  return net->session ? (double)gcam_session_activation_bytes(net->session) : 0;
}

/* ---- Pictures
 * ------------------------------------------------------------------------------------- */

gcam_image *gcam_image_decode(gcam_context *ctx, const void *bytes, size_t size) {
  gcam_image *image = NULL;
  gcam_picture_decode(bytes, size, &image, fresh(ctx));
  return image;
}

gcam_image *gcam_image_from_rgba(gcam_context *ctx, const uint8_t *rgba, int width, int height) {
  gcam_image *image = NULL;
  gcam_picture_from_rgba(rgba, width, height, &image, fresh(ctx));
  return image;
}

void gcam_image_free(gcam_image *image) { gcam_picture_free(image); }
int gcam_image_width(const gcam_image *image) { return image->width; }
int gcam_image_height(const gcam_image *image) { return image->height; }
const uint8_t *gcam_image_rgba(const gcam_image *image) { return image->rgba; }

const char *gcam_image_warning_name(const gcam_image *image) { return image->warning_name; }

const char *gcam_image_warning_text(const gcam_image *image) {
  return image->warning_name ? image->warning : NULL;
}

const uint8_t *gcam_image_png(gcam_context *ctx, gcam_image *image, size_t *size) {
  if (gcam_picture_encode_png(image, fresh(ctx))) return NULL;
  *size = image->png_size;
  return image->png;
}

gcam_image *gcam_image_resize(gcam_context *ctx, const gcam_image *image, int width, int height,
                              gcam_resize how) {
  gcam_image *resized = NULL;
  gcam_picture_resize(image, width, height, how, &resized, fresh(ctx));
  return resized;
}

int gcam_colormap_count(void) {
  int count = 0;
  while (gcam_colors_name(count)) count++;
  return count;
}

const char *gcam_colormap_name(int index) { return gcam_colors_name(index); }
const uint8_t *gcam_colormap_rgb(const char *name) { return gcam_colors_rgb(name); }

gcam_status gcam_map_resize(gcam_context *ctx, const float *map, int width, int height, float *dst,
                            int dst_width, int dst_height, const gcam_view *view, float outside,
                            gcam_resize how) {
  return gcam_map_place(map, width, height, dst, dst_width, dst_height, view, outside, how,
                        fresh(ctx));
}

gcam_image *gcam_overlay(gcam_context *ctx, const gcam_image *image, const float *map,
                         int map_width, int map_height, const gcam_view *view, const char *colormap,
                         float alpha, gcam_resize how) {
  gcam_image *out = NULL;
  gcam_picture_overlay(image, map, map_width, map_height, view, colormap, alpha, how, &out,
                       fresh(ctx));
  return out;
}

gcam_image *gcam_grid(gcam_context *ctx, gcam_image *const *tiles, const char *const *titles,
                      int count, int columns, int tile_width) {
  gcam_image *out = NULL;
  gcam_picture_grid(tiles, titles, count, columns, tile_width, &out, fresh(ctx));
  return out;
}
