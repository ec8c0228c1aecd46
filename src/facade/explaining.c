/* Questions at once or step by step, and what the last answer was. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cam/job.h"
#include "cam/method.h"
#include "facade/facade.h"

struct gcam_task {
  gcam_model *net;
  gcam_job *job;
  int layer;
};

static gcam_status explain_arguments(gcam_model *net, const char *method, gcam_score score,
                                     int count, gcam_error *err) {
  GCAM_TRY(gcam_model_ran(net, err));
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
      return gcam_fail(err, GCAM_ERR_ARGUMENT, "target %d: %s %lld is not a finite number",
                       (int)(i / size), what, (long long)(i % size));
  return GCAM_OK;
}

static gcam_status output_targets(gcam_model *net, const request *r, gcam_targets *targets,
                                  gcam_error *err) {
  int v =
      r->output ? gcam_graph_find(&net->graph, r->output) : net->graph.outputs[net->head.output];
  const gcam_value *value = v >= 0 ? &net->graph.values[v] : NULL;
  if (!value || value->weight)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "the model computes no tensor '%.200s'", r->output);
  int64_t n = gcam_numel(&value->shape);
  GCAM_TRY(check_finite(r->cotangents, r->count, n, "cotangent", err));
  float *stored = gcam_alloc(r->count * n, sizeof *stored);
  if (!stored) return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the cotangents");
  for (int b = 0; b < r->count; b++)
    gcam_value_from_onnx(value, r->cotangents + b * n, stored + b * n);
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
  question->method = r->method ? gcam_method_find(r->method) : gcam_method_at(0);
  *last = -1;
  if (r->layer || net->layers.standard >= 0 || gcam_method_needs_layer(question->method)) {
    GCAM_TRY(gcam_layers_named(&net->graph, &net->layers, r->layer, found, GCAM_MAX_LAYERS,
                               &question->layer_count, err));
    *last = found[question->layer_count - 1];
  }
  for (int i = 0; i < question->layer_count; i++) question->layers[i] = net->layers.list[found[i]];
  question->session = net->session;
  question->grid = net->grid;
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
  gcam_error *err = gcam_fresh(net->ctx);
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
  gcam_error *err = gcam_fresh(net->ctx);
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
  gcam_error *err = gcam_fresh(net->ctx);
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
  gcam_error *err = gcam_fresh(task->net->ctx);
  return advance(task->net, task->job, task->layer, err);
}

int gcam_task_done(const gcam_task *task) { return (int)task->job->done; }
int gcam_task_total(const gcam_task *task) { return (int)task->job->total; }

const float *gcam_task_preview(gcam_task *task, int index) {
  return gcam_job_preview(task->job, index);
}

int gcam_task_height(const gcam_task *task) { return (int)task->job->question.H; }
int gcam_task_width(const gcam_task *task) { return (int)task->job->question.W; }

void gcam_task_free(gcam_task *task) {
  if (!task) return;
  end_job(task->job);
  gcam_free(task);
}

/* ---- The answer ----------------------------------------------------------------------------- */

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
