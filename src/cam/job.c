#include "cam/job.h"

#include <math.h>
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

/* ---- The input ------------------------------------------------------------------------------ */

/* Variant v: contrast and mirror change fastest, noise slowest. */
static gcam_status begin_variant(gcam_job *job, int64_t v, gcam_error *err) {
  const gcam_question *q = &job->question;
  const gcam_picture_input *in = &q->input;
  if (!job->original) return GCAM_OK;
  int64_t n = gcam_input_size(in), kinds = job->variants / (q->noisy ? q->noisy : 1);
  int64_t kind = v % kinds, copy = v / kinds;
  bool mirror = kind >= CONTRASTS;
  float contrast = contrasts[kind % CONTRASTS], lo = INFINITY, hi = -INFINITY;
  job->mirrored = mirror;
  for (int64_t i = 0; i < n; i++) {
    lo = fminf(lo, job->original[i]);
    hi = fmaxf(hi, job->original[i]);
  }
  double sigma = q->options.value[GCAM_OPTION_NOISE] * ((double)hi - lo);
  uint64_t seed = (uint64_t)q->options.value[GCAM_OPTION_SEED];
  for (int64_t y = 0; y < in->H; y++)
    for (int64_t x = 0; x < in->W; x++)
      for (int64_t c = 0; c < in->C; c++) {
        int64_t from = gcam_input_at(in, y * in->W + (mirror ? in->W - 1 - x : x), c);
        double value = (double)job->original[from] * contrast;
        int64_t index = copy * n + (y * in->W + x) * in->C + c;
        if (q->noisy) value += sigma * gcam_random_normal(seed, (uint64_t)index);
        job->trial.base[gcam_input_at(in, y * in->W + x, c)] = (float)value;
      }
  if (job->variants == 1 && !job->trial.touched) return GCAM_OK; /* base is what was run */
  memcpy(gcam_trial_input(&job->trial), job->trial.base, (size_t)n * sizeof(float));
  return gcam_trial_forward(&job->trial, err);
}

gcam_status gcam_job_restore(gcam_job *job, gcam_error *err) {
  if (!job->trial.touched) return GCAM_OK;
  memcpy(gcam_trial_input(&job->trial), job->original,
         (size_t)gcam_input_size(&job->question.input) * sizeof(float));
  GCAM_TRY(gcam_trial_forward(&job->trial, err));
  job->trial.touched = false;
  return GCAM_OK;
}

/* ---- Steps ---------------------------------------------------------------------------------- */

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

static gcam_status explain(gcam_job *job, int layer, gcam_maps *made, gcam_error *err) {
  bool alone = job->variants == 1;
  return gcam_explain_layer(&job->question, layer, alone ? job->kept : NULL, !alone, made,
                            &job->findings, err);
}

static gcam_status one_layer(gcam_job *job, gcam_error *err) {
  gcam_maps made = {0};
  GCAM_TRY(explain(job, 0, &made, err));
  for (int b = 0; b < made.count; b++)
    add_variant(job, b, made.data + b * made.H * made.W, gcam_maps_weights(&made, b),
                gcam_maps_terms(&made, b));
  gcam_maps_free(&made);
  return GCAM_OK;
}

/* After ReLU, divided by the maximum and its share of the fused map. NaN stays: it is told of in
 * the end. */
static void normalise(float *map, int64_t n, int layers) {
  float most = 0;
  bool finite = gcam_all_finite(map, n);
  for (int64_t i = 0; i < n; i++) most = fmaxf(most, map[i]);
  for (int64_t i = 0; i < n; i++)
    map[i] = !finite ? NAN : map[i] > 0 ? map[i] / most / (float)layers : 0;
}

/* Several layers: the mean of their maps after ReLU, each divided by its maximum and brought to the
 * largest layer's size. */
static gcam_status fused_layers(gcam_job *job, gcam_error *err) {
  const gcam_maps *m = &job->maps;
  gcam_status status = GCAM_OK;
  for (int l = 0; l < job->question.layer_count && !status; l++) {
    gcam_maps made = {0};
    status = explain(job, l, &made, err);
    for (int b = 0; b < made.count && !status; b++) {
      float *map = made.data + b * made.H * made.W;
      normalise(map, made.H * made.W, job->question.layer_count);
      status = gcam_map_resize_to(map, (int)made.W, (int)made.H, job->map, (int)m->W, (int)m->H,
                                  GCAM_BILINEAR, err);
      if (!status) add_variant(job, b, job->map, NULL, NULL);
    }
    gcam_maps_free(&made);
  }
  return status;
}

/* Of the layer, at the positions. */
static gcam_status copy_activation(gcam_trial *t, gcam_error *err) {
  float *owned;
  if (!t->activation) return GCAM_OK;
  const float *data = gcam_session_dense(t->session, t->layer.value, &owned);
  if (!data) return no_memory(err);
  memcpy(t->activation, data + gcam_layer_offset(&t->layer),
         (size_t)gcam_layer_size(&t->layer) * sizeof *data);
  gcam_floats_free(owned);
  return GCAM_OK;
}

/* map, weights and terms of the trial's target b, in the job's work space. */
static bool finish_target(gcam_job *job, gcam_trial *trial, int b) {
  const gcam_maps *m = &job->maps;
  gcam_cam cam = {.H = m->H,
                  .W = m->W,
                  .K = m->K,
                  .activation = trial->activation,
                  .scale = 1,
                  .options = &job->question.options,
                  .map = job->map,
                  .terms = job->terms,
                  .weights = m->weights ? job->weights : NULL};
  memset(job->weights, 0, (size_t)m->K * sizeof *job->weights);
  return job->question.method->forwards->finish(trial, b, &cam);
}

static gcam_status finish_trial(gcam_job *job, gcam_error *err) {
  const gcam_maps *m = &job->maps;
  for (int b = 0; b < m->count; b++) {
    if (!finish_target(job, &job->trial, b)) return no_memory(err);
    add_variant(job, b, job->map, m->weights ? job->weights : NULL, m->terms ? job->terms : NULL);
  }
  return GCAM_OK;
}

static gcam_status trial_step(gcam_job *job, int64_t step, gcam_error *err) {
  gcam_trial *t = &job->trial;
  if (step == 0) {
    memset(t->sums, 0, (size_t)(job->maps.count * t->sum_count) * sizeof *t->sums);
    t->has_aside = false;
    GCAM_TRY(copy_activation(t, err));
    GCAM_TRY(gcam_trial_scores(t, t->scores, err));
  }
  GCAM_TRY(job->question.method->forwards->step(t, step, err));
  t->done = step + 1;
  return step == t->steps - 1 ? finish_trial(job, err) : GCAM_OK;
}

/* Where the map is no sum of terms, it is that of the mean, not the mean of those. */
static bool map_of_mean(const gcam_job *job, int b, float *map) {
  const gcam_maps *m = &job->maps;
  const gcam_options *options = &job->question.options;
  bool again = job->question.method->largest || options->value[GCAM_OPTION_EIGEN] != 0;
  gcam_cam cam = {.H = m->H,
                  .W = m->W,
                  .K = m->K,
                  .options = options,
                  .map = map,
                  .terms = gcam_maps_terms(m, b)};
  return !cam.terms || !again || gcam_cam_largest_terms(&cam); /* `eigen`: their projection */
}

static gcam_status attention_maps(gcam_job *job, gcam_error *err) {
  const gcam_question *q = &job->question;
  gcam_maps made = {.count = q->targets.count, .H = q->H, .W = q->W, .K = q->K};
  GCAM_TRY(gcam_maps_make(&made, false, false, err));
  gcam_status status =
      q->method->attention(&job->trial, &q->blocks, made.data, job->findings.dead, err);
  for (int b = 0; b < made.count && !status; b++)
    add_variant(job, b, made.data + b * made.H * made.W, NULL, NULL);
  gcam_maps_free(&made);
  return status;
}

static gcam_status average(gcam_job *job, gcam_error *err) {
  gcam_maps *m = &job->maps;
  float part = 1 / (float)job->variants;
  int64_t n = m->count * m->H * m->W;
  if (job->variants == 1) return GCAM_OK;
  for (int64_t i = 0; i < n; i++) m->data[i] *= part;
  for (int64_t i = 0; m->weights && i < m->count * m->K; i++) m->weights[i] *= part;
  for (int64_t i = 0; m->terms && i < n * m->K; i++) m->terms[i] *= part;
  for (int b = 0; b < m->count; b++) m->delta[b] *= part;
  for (int b = 0; b < m->count; b++)
    if (!map_of_mean(job, b, m->data + b * m->H * m->W)) return no_memory(err);
  return GCAM_OK;
}

static gcam_status next_step(gcam_job *job, gcam_error *err) {
  const gcam_question *q = &job->question;
  int64_t step = job->done % job->trial.steps;
  if (step == 0) GCAM_TRY(begin_variant(job, job->done / job->trial.steps, err));
  GCAM_TRY(q->method->forwards    ? trial_step(job, step, err)
           : q->method->attention ? attention_maps(job, err)
           : q->layer_count > 1   ? fused_layers(job, err)
                                  : one_layer(job, err));
  if (job->done + 1 < job->total) return GCAM_OK;
  GCAM_TRY(average(job, err));
  GCAM_TRY(gcam_job_restore(job, err));
  gcam_maps_check(&job->maps, job->findings.dead, q->targets.labels, &job->findings.warnings);
  return GCAM_OK;
}

/* Nothing done yet. */
static void begin(gcam_job *job) {
  bool gradients = !job->question.method->forwards;
  job->done = 0;
  gcam_maps_clear(&job->maps);
  memset(&job->findings, 0, sizeof job->findings);
  gradients &= job->question.method->from != GCAM_FROM_NOTHING;
  for (int b = 0; b < GCAM_MAX_TARGETS; b++) job->findings.dead[b] = gradients;
}

gcam_status gcam_job_advance(gcam_job *job, gcam_error *err) {
  if (job->done == job->total) return GCAM_OK;
  gcam_status status = next_step(job, err);
  if (!status) {
    job->done++;
    return GCAM_OK;
  }
  gcam_error second = {0}; /* is worth less than the first */
  gcam_job_restore(job, &second);
  begin(job);
  return status;
}

/* ---- On the way ----------------------------------------------------------------------------- */

const float *gcam_job_preview(gcam_job *job, int b) {
  const gcam_maps *m = &job->maps;
  int64_t whole = job->done / job->trial.steps, n = m->H * m->W;
  bool begun = job->done % job->trial.steps != 0;
  if (!job->done || job->done == job->total || b < 0 || b >= m->count) return NULL;
  if (!job->preview) job->preview = gcam_floats_alloc(n);
  float *map = job->preview;
  if (!map) return NULL;
  memcpy(map, m->data + b * n, (size_t)n * sizeof *map);
  if (whole > 0 && !map_of_mean(job, b, map)) return NULL;
  if (begun) {
    gcam_trial trial = job->trial; /* what it finds out is not yet to be told */
    gcam_warnings warnings = {0};
    double delta[GCAM_MAX_TARGETS] = {0};
    trial.warnings = &warnings;
    trial.delta = delta;
    if (!finish_target(job, &trial, b)) return NULL;
    for (int64_t i = 0; i < n; i++)
      map[i] += job->map[job->mirrored ? i - i % m->W + (m->W - 1 - i % m->W) : i];
  }
  float part = 1 / (float)(whole + begun);
  if (!gcam_all_finite(map, n)) part = 0;
  for (int64_t i = 0; i < n; i++) map[i] = part > 0 ? map[i] * part : 0;
  return map;
}

/* ---- Beginning and end ---------------------------------------------------------------------- */

static gcam_status prepare_trial(gcam_job *job, gcam_error *err) {
  const gcam_question *q = &job->question;
  const gcam_forwards *f = q->method->forwards;
  gcam_trial *t = &job->trial;
  t->session = q->session;
  t->targets = &q->targets;
  t->options = &q->options;
  t->input = q->input;
  t->layer = q->layers[0];
  t->delta = job->maps.delta;
  t->warnings = &job->findings.warnings;
  t->steps = f ? f->steps(t) : 1;
  if (q->changes_input) {
    int64_t n = gcam_input_size(&q->input);
    job->original = gcam_floats_alloc(n);
    t->base = gcam_floats_alloc(n);
    if (!job->original || !t->base) return no_memory(err);
    memcpy(job->original, gcam_session_slot(q->session, q->input.value)->data,
           (size_t)n * sizeof(float));
  }
  if (f || q->layer_count > 1) job->map = gcam_floats_alloc(q->H * q->W);
  if (!f) return q->layer_count > 1 && !job->map ? no_memory(err) : GCAM_OK;
  t->sum_count = f->sums(t);
  t->sums = gcam_alloc(job->maps.count * t->sum_count, sizeof *t->sums);
  job->weights = gcam_floats_alloc(q->K);
  job->terms = gcam_floats_alloc(gcam_size(q->H * q->W, q->K));
  if (!f->at_input) t->activation = gcam_floats_alloc(gcam_layer_size(&t->layer));
  bool all = t->sums && job->map && job->weights && job->terms && (f->at_input || t->activation);
  return all ? GCAM_OK : no_memory(err);
}

static gcam_status prepare(gcam_job *job, gcam_error *err) {
  const gcam_question *q = &job->question;
  job->variants = (q->noisy ? q->noisy : 1) * (q->augmented ? 2 * CONTRASTS : 1);
  job->maps = (gcam_maps){.count = q->targets.count, .H = q->H, .W = q->W, .K = q->K};
  GCAM_TRY(gcam_maps_make(&job->maps, q->method->has_weights && q->layer_count == 1,
                          q->method->has_terms, err));
  GCAM_TRY(prepare_trial(job, err));
  job->total = job->trial.steps * job->variants;
  begin(job);
  return GCAM_OK;
}

gcam_status gcam_job_new(gcam_job **made, gcam_question *question, gcam_gradient_cache *kept,
                         gcam_error *err) {
  gcam_job *job = gcam_alloc_zeroed(1, sizeof *job);
  *made = NULL;
  if (!job) {
    gcam_question_free(question);
    return no_memory(err);
  }
  job->question = *question;
  job->kept = kept;
  gcam_status status = prepare(job, err);
  if (status)
    gcam_job_delete(job);
  else
    *made = job;
  return status;
}

void gcam_job_delete(gcam_job *job) {
  if (!job) return;
  gcam_question_free(&job->question);
  gcam_maps_free(&job->maps);
  gcam_free(job->trial.sums);
  gcam_free(job->trial.cotangents.data);
  gcam_floats_free(job->trial.base);
  gcam_floats_free(job->trial.activation);
  gcam_floats_free(job->original);
  gcam_floats_free(job->map);
  gcam_floats_free(job->weights);
  gcam_floats_free(job->terms);
  gcam_floats_free(job->preview);
  gcam_free(job);
}
