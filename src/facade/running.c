/* A picture or numbers in, forward, tensors, scores and gradients out. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cam/picture.h"
#include "facade/facade.h"
#include "image/preprocess.h"

static float *begin_input(gcam_model *net, int index) {
  gcam_model_forget(net);
  net->warnings.count = 0;
  return gcam_session_input(net->session, index);
}

/* The first input as one picture. */
static gcam_status picture_input(const gcam_model *net, const gcam_preprocess *pre,
                                 gcam_picture_input *in, gcam_error *err) {
  GCAM_TRY(gcam_model_finished(net, err));
  if (!pre) return gcam_fail(err, GCAM_ERR_ARGUMENT, "no preprocessing was given");
  if (pre->axes != GCAM_AXES_GUESS && pre->axes != GCAM_AXES_NCHW && pre->axes != GCAM_AXES_NHWC)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "axes %d are unknown: 0 is a guess, 1 NCHW, 2 NHWC",
                     (int)pre->axes);
  if (gcam_picture_input_find(&net->graph, pre->axes, gcam_order_channels(pre->order), in))
    return GCAM_OK;
  const gcam_value *v = &net->graph.values[net->graph.inputs[0]];
  gcam_shape shape = gcam_value_onnx_shape(v);
  char text[96];
  return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                   "the model's input '%.100s' is %s, not one picture (1xCxHxW or 1xHxWxC); give "
                   "its values with set_input",
                   v->name, gcam_shape_text(&shape, text, sizeof text));
}

gcam_status gcam_model_set_image(gcam_model *net, const gcam_image *image,
                                 const gcam_preprocess *pre) {
  gcam_error *err = gcam_fresh(net->ctx);
  gcam_picture_input in;
  GCAM_TRY(picture_input(net, pre, &in, err));
  float *rows = gcam_floats_alloc(gcam_input_size(&in));
  if (!rows) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the network's input");
  gcam_status status =
      gcam_preprocess_image(image, pre, (int)in.H, (int)in.W, (int)in.C, rows, err);
  if (!status) {
    net->axes = in.channels_last ? GCAM_AXES_NHWC : GCAM_AXES_NCHW;
    gcam_input_from_rows(&in, rows, begin_input(net, 0));
  }
  gcam_floats_free(rows);
  return status;
}

gcam_status gcam_model_view(gcam_model *net, int width, int height, const gcam_preprocess *pre,
                            gcam_view *view) {
  gcam_error *err = gcam_fresh(net->ctx);
  gcam_picture_input in;
  GCAM_TRY(picture_input(net, pre, &in, err));
  return gcam_preprocess_view(pre, width, height, (int)in.H, (int)in.W, view, err);
}

static gcam_status find_tensor(gcam_model *net, const char *name, size_t count, int *index,
                               gcam_error *err) {
  GCAM_TRY(gcam_model_finished(net, err));
  *index = gcam_graph_find(&net->graph, name);
  if (*index < 0)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "the model has no tensor '%.200s'", name);
  const gcam_value *v = &net->graph.values[*index];
  if ((int64_t)count != gcam_numel(&v->shape)) {
    char text[96];
    gcam_shape shape = gcam_value_onnx_shape(v);
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "tensor '%.200s' is %s: %lld values, not %zu", name,
                     gcam_shape_text(&shape, text, sizeof text), (long long)gcam_numel(&v->shape),
                     count);
  }
  return GCAM_OK;
}

gcam_status gcam_model_set_input(gcam_model *net, const char *input, const float *values,
                                 size_t count) {
  gcam_error *err = gcam_fresh(net->ctx);
  GCAM_TRY(gcam_model_finished(net, err));
  int index;
  if (!input) input = net->graph.values[net->graph.inputs[0]].name;
  GCAM_TRY(find_tensor(net, input, count, &index, err));
  for (int i = 0; i < net->graph.input_count; i++)
    if (net->graph.inputs[i] == index) {
      gcam_value_from_onnx(&net->graph.values[index], values, begin_input(net, i));
      return GCAM_OK;
    }
  return gcam_fail(err, GCAM_ERR_ARGUMENT,
                   "'%.200s' is not an input of the model; the first is '%s'", input,
                   net->graph.values[net->graph.inputs[0]].name);
}

/* Scores that are no numbers are said where they came about. */
static gcam_status check_scores(gcam_model *net, gcam_error *err) {
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

gcam_status gcam_model_forward(gcam_model *net) {
  gcam_error *err = gcam_fresh(net->ctx);
  GCAM_TRY(gcam_model_finished(net, err));
  gcam_model_forget(net);
  net->warnings.count = 0;
  GCAM_TRY(gcam_session_forward(net->session, err));
  return check_scores(net, err);
}

/* Dense floats in physical order into the tensor's memory, which may be a part of wider rows. */
static void write_rows(const gcam_session *session, int index, const float *dense, int64_t count) {
  const gcam_slot *slot = gcam_session_slot(session, index);
  const gcam_shape *shape = &session->graph->values[index].shape;
  int64_t C = shape->rank ? shape->dim[shape->rank - 1] : 1;
  for (int64_t r = 0; r < count / C; r++)
    memcpy(slot->data + r * slot->stride, dense + r * C, (size_t)C * sizeof *dense);
}

gcam_status gcam_model_forward_from(gcam_model *net, const char *tensor, const float *values,
                                    size_t count) {
  gcam_error *err = gcam_fresh(net->ctx);
  int index;
  GCAM_TRY(gcam_model_ran(net, err));
  GCAM_TRY(find_tensor(net, tensor, count, &index, err));
  const gcam_value *v = &net->graph.values[index];
  if (v->weight)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "'%.200s' is a constant of the model, not a tensor that it computes", tensor);
  GCAM_TRY(gcam_session_set_apart(net->session, index, err));
  float *dense = gcam_floats_alloc((int64_t)count);
  if (!dense) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for tensor '%.200s'", tensor);
  gcam_value_from_onnx(v, values, dense);
  gcam_model_forget(net);
  net->warnings.count = 0;
  write_rows(net->session, index, dense, (int64_t)count);
  gcam_floats_free(dense);
  GCAM_TRY(gcam_session_forward_from(net->session, index, err));
  return check_scores(net, err);
}

gcam_status gcam_model_read(gcam_model *net, const char *tensor, float *values, size_t count) {
  gcam_error *err = gcam_fresh(net->ctx);
  int index;
  GCAM_TRY(gcam_model_ran(net, err));
  GCAM_TRY(find_tensor(net, tensor, count, &index, err));
  GCAM_TRY(gcam_session_expose(net->session, index, err));
  float *owned;
  const float *data = gcam_session_dense(net->session, index, &owned);
  if (!data) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for tensor '%.200s'", tensor);
  gcam_value_to_onnx(&net->graph.values[index], data, values);
  gcam_floats_free(owned);
  return GCAM_OK;
}

gcam_status gcam_model_scores(gcam_model *net, float *scores, float *probabilities) {
  gcam_error *err = gcam_fresh(net->ctx);
  GCAM_TRY(gcam_model_ran(net, err));
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
    gcam_fail(gcam_fresh(net->ctx), GCAM_ERR_MEMORY, "out of memory for the scores");
    return -1;
  }
  if (gcam_model_scores(net, z, p)) {
    gcam_free(z);
    return -1;
  }
  k = gcam_head_top(z, n, k, ids);
  for (int i = 0; i < k; i++) scores[i] = z[ids[i]], probabilities[i] = p[ids[i]];
  gcam_free(z);
  return k;
}

gcam_status gcam_model_vjp(gcam_model *net, const char *output, const float *cotangents, int B,
                           const char *target, float *gradients) {
  gcam_error *err = gcam_fresh(net->ctx);
  GCAM_TRY(gcam_model_ran(net, err));
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
  for (int b = 0; b < B && !status; b++) gcam_value_from_onnx(y, cotangents + b * ny, dy + b * ny);
  if (!status) status = gcam_session_vjp(net->session, from, dy, B, to, &dx, err);
  for (int b = 0; b < B && !status; b++) gcam_value_to_onnx(x, dx + b * nx, gradients + b * nx);
  gcam_floats_free(dy);
  gcam_floats_free(dx);
  return status;
}
