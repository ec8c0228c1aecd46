#include "cam/question.h"

#include "base/memory.h"

/* The target as the method sees it: Finer-CAM's contrast with the classes most like it. */
static gcam_status adapt_targets(gcam_question *q, gcam_error *err) {
  gcam_targets *t = &q->targets;
  float *scores;
  if (!q->method->target) return GCAM_OK;
  if (!t->weights)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "'%s' contrasts classes with each other: ask about classes, or contrast in "
                     "the cotangent and use gradcam",
                     q->method->name);
  GCAM_TRY(gcam_class_scores(q->session, t->head, &scores, err));
  for (int b = 0; b < t->count; b++)
    q->method->target(t->weights + (int64_t)b * t->head->classes, scores, t->head->classes,
                      &q->options);
  gcam_free(scores);
  return GCAM_OK;
}

static gcam_status find_input(gcam_question *q, gcam_error *err) {
  const gcam_graph *g = q->session->graph;
  if (gcam_picture_input_find(g, q->axes, 0, &q->input)) return GCAM_OK;
  const gcam_value *value = &g->values[g->inputs[0]];
  gcam_shape shape = gcam_value_onnx_shape(value);
  char text[96];
  return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                   "'%s' changes the picture or maps it, but the model's input '%.100s' is %s, "
                   "not one picture",
                   q->method->name, value->name, gcam_shape_text(&shape, text, sizeof text));
}

static gcam_status check_layers(gcam_question *q, gcam_error *err) {
  q->H = q->W = 0;
  for (int l = 0; l < q->layer_count; l++) {
    const gcam_layer *layer = &q->layers[l];
    const gcam_shape *s = &q->session->graph->values[layer->value].shape;
    GCAM_TRY(gcam_session_expose(q->session, layer->value, err));
    if (s->dim[0] != 1)
      return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                       "maps are made for one picture at a time, the model was loaded for a batch "
                       "of %lld",
                       (long long)s->dim[0]);
    if (layer->H * layer->W > q->H * q->W) q->H = layer->H, q->W = layer->W, q->K = layer->K;
  }
  if (q->layer_count > 1 &&
      (gcam_method_to_input(q->method) || q->method->forwards || q->method->attention))
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "'%s' takes one layer; several can be fused with the methods that make a map "
                     "from one gradient at the layer",
                     q->method->name);
  return GCAM_OK;
}

/* The blocks, readable. */
static gcam_status find_blocks(gcam_question *q, gcam_error *err) {
  gcam_session *s = q->session;
  GCAM_TRY(gcam_blocks_find(s->graph, q->targets.output, &q->grid, &q->blocks, err));
  const gcam_blocks *b = &q->blocks;
  if (b->list[b->count - 1].stream < 0)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "'%s' needs the tokens that the network's last block hands on, a sum that "
                     "everything behind it reads; there is none: use gradcam",
                     q->method->name);
  for (int i = 0; i < b->count; i++) {
    GCAM_TRY(gcam_session_expose(s, b->list[i].attention, err));
    GCAM_TRY(gcam_session_expose(s, b->list[i].stream, err));
  }
  q->H = b->grid.H, q->W = b->grid.W, q->K = 1;
  return GCAM_OK;
}

gcam_status gcam_question_check(gcam_question *q, gcam_error *err) {
  const gcam_method *m = q->method;
  int smooth = (int)q->options.value[GCAM_OPTION_SMOOTH];
  q->noisy = smooth ? smooth : m->smooth;
  q->augmented = q->options.value[GCAM_OPTION_AUGMENT] != 0;
  q->changes_input = q->noisy || q->augmented || m->forwards;
  GCAM_TRY(adapt_targets(q, err));
  if (gcam_method_to_input(m) || q->changes_input) GCAM_TRY(find_input(q, err));
  GCAM_TRY(check_layers(q, err));
  if (gcam_method_to_input(m)) q->H = q->input.H, q->W = q->input.W, q->K = q->input.C;
  return m->attention ? find_blocks(q, err) : GCAM_OK;
}

void gcam_question_free(gcam_question *q) {
  gcam_targets_free(&q->targets);
  gcam_blocks_free(&q->blocks);
}
