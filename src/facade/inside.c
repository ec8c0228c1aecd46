/* What a finished model is: inputs, outputs, head, layers; and what it costs. */
#include <string.h>

#include "facade/facade.h"

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

int gcam_model_shape(const gcam_model *net, const char *tensor, int *dims, int max_rank) {
  int index = net->session ? gcam_graph_find(&net->graph, tensor) : -1;
  if (index < 0) return -1;
  const gcam_value *v = &net->graph.values[index];
  for (int i = 0; i < v->shape.rank && i < max_rank; i++)
    dims[i] = (int)v->shape.dim[gcam_value_axis(v, i)];
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

const char *gcam_model_layer_name(const gcam_model *net, int index) {
  const gcam_layer *layer = layer_at(net, index);
  return layer ? gcam_layer_tensor(&net->graph, layer)->name : NULL;
}

const char *gcam_model_layer_node(const gcam_model *net, int index) {
  const gcam_layer *layer = layer_at(net, index);
  return layer ? gcam_layer_node(&net->graph, layer)->name : NULL;
}

const char *gcam_model_layer_op(const gcam_model *net, int index) {
  const gcam_layer *layer = layer_at(net, index);
  return layer ? gcam_layer_node(&net->graph, layer)->op->name : NULL;
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

int gcam_model_layer_is_tokens(const gcam_model *net, int index) {
  const gcam_layer *layer = layer_at(net, index);
  return layer && gcam_layer_is_tokens(&net->graph, layer);
}

int gcam_model_layer_skip(const gcam_model *net, int index) {
  const gcam_layer *layer = layer_at(net, index);
  return layer ? (int)layer->skip : 0;
}

int gcam_model_default_layer(const gcam_model *net) {
  return net->session ? net->layers.standard : -1;
}

/* The layers of another head or grid; what was made of the ones before goes. */
static gcam_status set_question(gcam_model *net, const gcam_head *head, const gcam_token_grid *grid,
                                gcam_error *err) {
  GCAM_TRY(gcam_layers_find(&net->graph, head->logits, grid, &net->layers, err));
  net->head = *head;
  net->grid = *grid;
  gcam_model_forget(net);
  net->warnings.count = 0;
  return GCAM_OK;
}

gcam_status gcam_model_set_head(gcam_model *net, const char *output) {
  gcam_error *err = gcam_fresh(net->ctx);
  int index = 0;
  GCAM_TRY(gcam_model_finished(net, err));
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
  gcam_error *err = gcam_fresh(net->ctx);
  GCAM_TRY(gcam_model_finished(net, err));
  if (activation < GCAM_ACTIVATION_AUTO || activation > GCAM_ACTIVATION_NONE)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "an activation is 0 (as the file has it), 1 (softmax), 2 (sigmoid) or 3 "
                     "(none), not %d",
                     (int)activation);
  gcam_head head = gcam_head_make(&net->graph, net->head.output, activation);
  return set_question(net, &head, &net->grid, err);
}

gcam_status gcam_model_set_grid(gcam_model *net, int height, int width, int skip) {
  gcam_error *err = gcam_fresh(net->ctx);
  gcam_token_grid grid = {height, width, skip};
  GCAM_TRY(gcam_model_finished(net, err));
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
  gcam_error *err = gcam_fresh(net->ctx);
  if (gcam_model_finished(net, err)) return -1;
  return gcam_layers_index(&net->graph, &net->layers, name, err);
}

/* ---- Cost ----------------------------------------------------------------------------------- */

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
