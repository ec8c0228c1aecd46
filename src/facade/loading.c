/* Settings, the file, its weights, and what of it is not known. */
#include <string.h>

#include "base/memory.h"
#include "facade/facade.h"
#include "onnx/external.h"
#include "onnx/known.h"

static gcam_status settings_open(const gcam_model *net, gcam_error *err) {
  return net->file
             ? gcam_fail(err, GCAM_ERR_STATE, "settings must be given before the model is loaded")
             : GCAM_OK;
}

gcam_status gcam_model_set_input_shape(gcam_model *net, const char *input, const int *dims,
                                       int rank) {
  gcam_error *err = gcam_fresh(net->ctx);
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
  gcam_error *err = gcam_fresh(net->ctx);
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
  gcam_error *err = gcam_fresh(net->ctx);
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
  gcam_error *err = gcam_fresh(net->ctx);
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
  gcam_error *err = gcam_fresh(net->ctx);
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
  gcam_error *err = gcam_fresh(net->ctx);
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
