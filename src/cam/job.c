/* job.c: the life of an explanation: variants of the input (noise, mirror, contrast), the steps of
 * each, their average, and the way back. */
#include "cam/job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cam/random.h"
#include "image/resize.h"

/* Contrasts of test-time augmentation, each plain and mirrored, as pytorch-grad-cam has them. */
static const float contrasts[] = {1, 0.9f, 1.1f};
enum { CONTRASTS = 3 };

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for maps; ask for fewer classes");
}

void gcam_gradients_clear(gcam_gradients *g) {
  for (int i = 0; i < GCAM_KEPT_GRADIENTS; i++) {
    gcam_floats_free(g->kept[i].data);
    gcam_free(g->kept[i].cotangents);
  }
  memset(g, 0, sizeof *g);
}

/* ---- The input ----------------------------------------------------------------------------------
 */

static gcam_status find_input(gcam_job *job, gcam_error *err) {
  const gcam_graph *g = job->session->graph;
  int v = g->inputs[0];
  const gcam_shape *s = &g->values[v].shape;
  char text[96];
  if (s->rank != 4 || s->dim[0] != 1)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "'%s' changes the picture or maps it, but the "
                     "model's input '%.100s' is %s, not one picture",
                     job->method->name, g->values[v].name, gcam_shape_text(s, text, sizeof text));
  /* sizes and distances of axes 1 to 3 in the file's order, N C H W or N H W C */
  const int64_t *d = s->dim;
  bool moved = g->values[v].layout == GCAM_CHANNELS_LAST;
  int64_t size[3] = {moved ? d[3] : d[1], moved ? d[1] : d[2], moved ? d[2] : d[3]};
  int64_t apart[3] = {moved ? 1 : d[2] * d[3], moved ? d[2] * d[3] : d[3], moved ? d[3] : 1};
  bool last = (size[2] == 1 || size[2] == 3) && size[0] != 1 && size[0] != 3;
  int y = last ? 0 : 1, x = last ? 1 : 2, c = last ? 2 : 0;
  job->input = (gcam_picture_input){v, size[y], size[x], size[c], apart[y], apart[x], apart[c]};
  return GCAM_OK;
}

static int64_t input_size(const gcam_job *job) {
  return job->input.H * job->input.W * job->input.C;
}

float *gcam_job_input(gcam_job *job) {
  job->touched = true;
  return gcam_session_input(job->session, 0);
}

gcam_status gcam_job_forward(gcam_job *job, gcam_error *err) {
  return gcam_session_forward(job->session, err);
}

void gcam_job_mask(gcam_job *job, const float *mask) {
  const gcam_picture_input *in = &job->input;
  float *input = gcam_job_input(job);
  for (int64_t y = 0; y < in->H; y++)
    for (int64_t c = 0; c < in->C; c++) {
      int64_t at = y * in->row + c * in->channel;
      for (int64_t x = 0; x < in->W; x++, at += in->column)
        input[at] = job->base[at] * mask[y * in->W + x];
    }
}

/* Variant v: contrast and mirror change fastest, noise slowest. */
static gcam_status begin_variant(gcam_job *job, int64_t v, gcam_error *err) {
  const gcam_picture_input *in = &job->input;
  if (!job->original) return GCAM_OK;
  int64_t n = input_size(job), kind = v % (job->variants / (job->noisy ? job->noisy : 1));
  int64_t copy = v / (job->variants / (job->noisy ? job->noisy : 1));
  bool mirror = kind >= CONTRASTS;
  float contrast = contrasts[kind % CONTRASTS], lo = INFINITY, hi = -INFINITY;
  job->mirrored = mirror;
  for (int64_t i = 0; i < n; i++) {
    lo = fminf(lo, job->original[i]);
    hi = fmaxf(hi, job->original[i]);
  }
  double sigma = gcam_job_option(job, GCAM_OPTION_NOISE) * ((double)hi - lo);
  uint64_t seed = (uint64_t)gcam_job_option(job, GCAM_OPTION_SEED);
  for (int64_t y = 0; y < in->H; y++)
    for (int64_t x = 0; x < in->W; x++)
      for (int64_t c = 0; c < in->C; c++) {
        int64_t from = gcam_input_at(in, y * in->W + (mirror ? in->W - 1 - x : x), c);
        double value = (double)job->original[from] * contrast;
        int64_t index = copy * n + (y * in->W + x) * in->C + c;
        if (job->noisy) value += sigma * gcam_random_normal(seed, (uint64_t)index);
        job->base[gcam_input_at(in, y * in->W + x, c)] = (float)value;
      }
  if (job->variants == 1 && !job->touched) return GCAM_OK; /* base is what was run */
  memcpy(gcam_job_input(job), job->base, (size_t)n * sizeof(float));
  return gcam_job_forward(job, err);
}

gcam_status gcam_job_restore(gcam_job *job, gcam_error *err) {
  if (!job->touched) return GCAM_OK;
  if (job->original)
    memcpy(gcam_job_input(job), job->original, (size_t)input_size(job) * sizeof(float));
  GCAM_TRY(gcam_job_forward(job, err));
  job->touched = false;
  return GCAM_OK;
}

/* ---- Scores
 * -------------------------------------------------------------------------------------- */

gcam_status gcam_job_scores(gcam_job *job, double *scores, gcam_error *err) {
  float *owned;
  const float *logits = gcam_session_dense(job->session, job->head->logits, &owned);
  if (!logits) return no_memory(err);
  gcam_status status = GCAM_OK;
  for (int b = 0; b < job->count && !status; b++)
    status = gcam_head_score(job->head, job->score, logits,
                             job->weights + (int64_t)b * job->head->classes, &scores[b], err);
  gcam_floats_free(owned);
  return status;
}

/* ---- Steps
 * --------------------------------------------------------------------------------------- */

/* Adds one variant's map of target b to the average. */
static void add_variant(gcam_job *job, int b, const float *map, const float *weights,
                        const float *terms) {
  gcam_maps *m = &job->maps;
  int64_t W = m->W, depth = terms ? m->K : 0;
  for (int64_t i = 0; i < m->H * W; i++) {
    int64_t to = job->mirrored ? i - i % W + (W - 1 - i % W) : i;
    m->data[b * m->H * W + to] += map[i];
    for (int64_t k = 0; k < depth; k++)
      m->terms[(b * m->H * W + to) * depth + k] += terms[i * depth + k];
  }
  for (int64_t k = 0; weights && k < m->K; k++) m->weights[b * m->K + k] += weights[k];
}

static gcam_status one_layer(gcam_job *job, gcam_error *err) {
  gcam_maps made = {0};
  GCAM_TRY(gcam_explain_value(job, job->layers[0], &made, err));
  for (int b = 0; b < job->count; b++) {
    int64_t n = made.H * made.W;
    add_variant(job, b, made.data + b * n, made.weights ? made.weights + b * made.K : NULL,
                made.terms ? made.terms + b * n * made.K : NULL);
  }
  gcam_maps_free(&made);
  return GCAM_OK;
}

/* Several layers: the mean of their maps after ReLU, each divided by its maximum and brought to the
 * largest layer's size. */
static gcam_status fused_layers(gcam_job *job, gcam_error *err) {
  int64_t n = job->maps.H * job->maps.W;
  float *large = gcam_floats_alloc(n);
  gcam_status status = large ? GCAM_OK : no_memory(err);
  for (int l = 0; l < job->layer_count && !status; l++) {
    gcam_maps made = {0};
    status = gcam_explain_value(job, job->layers[l], &made, err);
    for (int b = 0; b < job->count && !status; b++) {
      float *map = made.data + b * made.H * made.W, most = 0;
      for (int64_t i = 0; i < made.H * made.W; i++) most = fmaxf(most, map[i]);
      for (int64_t i = 0; i < made.H * made.W; i++)
        map[i] = map[i] > 0 ? map[i] / most / (float)job->layer_count : 0;
      status = gcam_map_resize_to(map, (int)made.W, (int)made.H, large, (int)job->maps.W,
                                  (int)job->maps.H, GCAM_BILINEAR, err);
      if (!status) add_variant(job, b, large, NULL, NULL);
    }
    gcam_maps_free(&made);
  }
  gcam_floats_free(large);
  return status;
}

static gcam_status copy_activation(gcam_job *job, gcam_error *err) {
  if (!job->activation) return GCAM_OK;
  float *owned;
  const float *data = gcam_session_dense(job->session, job->layers[0], &owned);
  if (!data) return no_memory(err);
  memcpy(job->activation, data,
         (size_t)gcam_numel(&job->session->graph->values[job->layers[0]].shape) * sizeof *data);
  gcam_floats_free(owned);
  return GCAM_OK;
}

static gcam_status finish_forwards(gcam_job *job, gcam_error *err) {
  gcam_maps *m = &job->maps;
  int64_t n = m->H * m->W;
  float *map = gcam_floats_alloc(n), *weights = gcam_floats_alloc(m->K);
  gcam_status status = map && weights ? GCAM_OK : no_memory(err);
  for (int b = 0; b < job->count && !status; b++) {
    gcam_cam cam = {.H = m->H,
                    .W = m->W,
                    .K = m->K,
                    .activation = job->activation,
                    .scale = 1,
                    .options = &job->options,
                    .map = map,
                    .terms = job->terms,
                    .weights = m->weights ? weights : NULL};
    memset(weights, 0, (size_t)m->K * sizeof *weights);
    status = job->method->forwards->finish(job, b, &cam, err);
    if (!status) add_variant(job, b, map, cam.weights, m->terms ? job->terms : NULL);
  }
  gcam_floats_free(map);
  gcam_floats_free(weights);
  return status;
}

static gcam_status forwards_step(gcam_job *job, int64_t step, gcam_error *err) {
  const gcam_forwards *f = job->method->forwards;
  if (step == 0) {
    memset(job->sums, 0, (size_t)(job->count * job->sum_count) * sizeof *job->sums);
    job->has_aside = false;
    GCAM_TRY(copy_activation(job, err));
    GCAM_TRY(gcam_job_scores(job, job->scores, err));
  }
  GCAM_TRY(f->step(job, step, err));
  return step == job->per_variant - 1 ? finish_forwards(job, err) : GCAM_OK;
}

static void average(gcam_job *job) {
  gcam_maps *m = &job->maps;
  float part = 1 / (float)job->variants;
  int64_t n = m->count * m->H * m->W;
  if (job->variants == 1) return;
  for (int64_t i = 0; i < n; i++) m->data[i] *= part;
  for (int64_t i = 0; m->weights && i < m->count * m->K; i++) m->weights[i] *= part;
  for (int64_t i = 0; m->terms && i < n * m->K; i++) m->terms[i] *= part;
  for (int b = 0; b < m->count; b++) m->delta[b] *= part;
  bool again = job->method->largest || gcam_job_option(job, GCAM_OPTION_EIGEN) != 0;
  for (int b = 0; m->terms && again && b < m->count; b++) { /* of the mean, not mean of */
    int64_t pixels = m->H * m->W;
    gcam_cam cam = {.H = m->H,
                    .W = m->W,
                    .K = m->K,
                    .options = &job->options,
                    .map = m->data + b * pixels,
                    .terms = m->terms + b * pixels * m->K};
    gcam_cam_largest_terms(&cam); /* `eigen`: their projection */
  }
}

gcam_status gcam_job_advance(gcam_job *job, gcam_error *err) {
  if (job->done == job->total) return GCAM_OK;
  int64_t variant = job->done / job->per_variant, step = job->done % job->per_variant;
  if (step == 0) GCAM_TRY(begin_variant(job, variant, err));
  GCAM_TRY(job->method->forwards  ? forwards_step(job, step, err)
           : job->layer_count > 1 ? fused_layers(job, err)
                                  : one_layer(job, err));
  if (job->done + 1 == job->total) {
    average(job);
    GCAM_TRY(gcam_job_restore(job, err));
    gcam_check_maps(job);
  }
  job->done++;
  return GCAM_OK;
}

/* ---- Beginning and end
 * ---------------------------------------------------------------------------- */

static gcam_status read_targets(gcam_job *job, const gcam_request *r, gcam_error *err) {
  int n = job->head->classes;
  float *owned;
  const float *logits = gcam_session_dense(job->session, job->head->logits, &owned);
  if (!logits) return no_memory(err);
  memcpy(job->weights, r->weights, (size_t)(r->count * (int64_t)n) * sizeof *job->weights);
  for (int b = 0; b < job->count; b++) {
    float *w = job->weights + (int64_t)b * n;
    int one = -1, others = 0;
    for (int c = 0; c < n; c++)
      if (w[c] != 0) {
        others += one >= 0 || w[c] != 1;
        one = c;
      }
    if (one >= 0 && !others)
      snprintf(job->labels[b], sizeof job->labels[b], "class %d", one);
    else
      snprintf(job->labels[b], sizeof job->labels[b], "target %d", b);
    if (job->method->target) job->method->target(w, logits, n, &job->options);
  }
  gcam_floats_free(owned);
  return GCAM_OK;
}

/* Size of the maps, and what the variants and steps need. */
static gcam_status plan_job(gcam_job *job, gcam_error *err) {
  const gcam_method *m = job->method;
  bool to_input = m->from == GCAM_FROM_INPUT || m->from == GCAM_FROM_GUIDED ||
                  (m->forwards && m->forwards->at_input);
  int smooth = (int)gcam_job_option(job, GCAM_OPTION_SMOOTH);
  job->noisy = smooth ? smooth : m->smooth;
  job->variants = job->noisy ? job->noisy : 1;
  if (gcam_job_option(job, GCAM_OPTION_AUGMENT) != 0) job->variants *= 2 * CONTRASTS;
  bool changes = job->variants > 1 || job->noisy || m->forwards;
  if (to_input || changes) GCAM_TRY(find_input(job, err));
  int64_t layer_size = 0; /* the most floats of any of the layers */
  for (int l = 0; l < job->layer_count; l++) {
    GCAM_TRY(gcam_session_expose(job->session, job->layers[l], err));
    const gcam_shape *s = &job->session->graph->values[job->layers[l]].shape;
    if (s->dim[0] != 1)
      return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                       "maps are made for one picture at a time, the "
                       "model was loaded for a batch of %lld",
                       (long long)s->dim[0]);
    if (gcam_numel(s) > layer_size) layer_size = gcam_numel(s);
    if (s->dim[1] * s->dim[2] > job->maps.H * job->maps.W)
      job->maps = (gcam_maps){.H = s->dim[1], .W = s->dim[2], .K = s->dim[3]};
  }
  if (job->layer_count > 1 && (to_input || m->forwards))
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "'%s' takes one layer; several can be fused with the "
                     "methods that make a map from one gradient at the layer",
                     m->name);
  if (to_input) job->maps = (gcam_maps){.H = job->input.H, .W = job->input.W, .K = job->input.C};
  job->maps.count = job->count;
  int64_t size = job->maps.H * job->maps.W * job->maps.K;
  int64_t pixels = job->maps.H * job->maps.W;
  job->maps.data = gcam_alloc_zeroed(job->count * pixels, sizeof(float));
  job->maps.delta = gcam_alloc_zeroed(job->count, sizeof(double));
  job->terms = gcam_floats_alloc(size > layer_size ? size : layer_size);
  if (m->has_weights && job->layer_count == 1)
    job->maps.weights = gcam_alloc_zeroed(job->count * job->maps.K, sizeof(float));
  if (m->has_terms) job->maps.terms = gcam_alloc_zeroed(job->count * size, sizeof(float));
  if (changes) {
    job->original = gcam_floats_alloc(input_size(job));
    job->base = gcam_floats_alloc(input_size(job));
  }
  if (m->forwards) {
    job->sum_count = m->forwards->sums(job);
    job->sums = gcam_alloc(job->count * job->sum_count, sizeof *job->sums);
    if (!m->forwards->at_input) job->activation = gcam_floats_alloc(layer_size);
  }
  if (!job->maps.data || !job->maps.delta || !job->terms ||
      (m->has_weights && job->layer_count == 1 && !job->maps.weights) ||
      (m->has_terms && !job->maps.terms) || (changes && (!job->original || !job->base)) ||
      (m->forwards && (!job->sums || (!m->forwards->at_input && !job->activation))))
    return no_memory(err);
  if (job->original)
    memcpy(job->original, gcam_session_slot(job->session, job->input.value)->data,
           (size_t)input_size(job) * sizeof(float));
  job->per_variant = m->forwards ? m->forwards->steps(job) : 1;
  job->total = job->per_variant * job->variants;
  return GCAM_OK;
}

gcam_status gcam_job_new(gcam_job **made, gcam_session *session, const gcam_head *head,
                         const gcam_request *r, gcam_error *err) {
  gcam_job *job = gcam_alloc_zeroed(1, sizeof *job);
  *made = NULL;
  if (!job) return no_memory(err);
  job->session = session;
  job->head = head;
  job->method = r->method;
  job->options = *r->options;
  job->score = r->score;
  job->gradients = r->gradients;
  job->count = r->count;
  job->layer_count = r->layer_count;
  memcpy(job->layers, r->layers, (size_t)r->layer_count * sizeof *job->layers);
  size_t n = (size_t)r->count * (size_t)head->classes;
  job->weights = gcam_alloc(n, sizeof *job->weights);
  job->cotangents = gcam_alloc(n, sizeof *job->cotangents);
  gcam_status status = job->weights && job->cotangents ? GCAM_OK : no_memory(err);
  if (!status && gcam_numel(&session->graph->values[head->logits].shape) != head->classes)
    status = gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                       "the scores '%.96s' are not one row of %d classes: a map needs one picture "
                       "and one number a class",
                       session->graph->values[head->logits].name, head->classes);
  if (!status) status = gcam_session_expose(session, head->logits, err);
  if (!status) status = read_targets(job, r, err);
  if (!status) status = plan_job(job, err);
  if (status) {
    gcam_job_delete(job);
    return status;
  }
  *made = job;
  return GCAM_OK;
}

void gcam_job_delete(gcam_job *job) {
  if (!job) return;
  gcam_maps_free(&job->maps);
  gcam_free(job->weights);
  gcam_free(job->cotangents);
  gcam_free(job->sums);
  gcam_floats_free(job->original);
  gcam_floats_free(job->base);
  gcam_floats_free(job->activation);
  gcam_floats_free(job->terms);
  gcam_free(job);
}
