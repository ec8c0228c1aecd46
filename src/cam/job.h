/* job.h: one explanation under way: what is asked, what it needs, where it stands. Every method is
 * a job: most take one step, those that run the network forward many times take many, and between
 * two steps the caller may report progress or stop.
 *
 * Letters: H W K size and channels of the layer or input explained, B targets. */
#ifndef GCAM_CAM_JOB_H
#define GCAM_CAM_JOB_H

#include "cam/explain.h"

enum { GCAM_MAX_LAYERS = 8 };

/* The gradients of the last backward passes of single-step explanations: the next method at the
 * same layer and for the same targets takes them from here. Two, because Finer-CAM asks for
 * gradients of its own between methods that share theirs. */
enum { GCAM_KEPT_GRADIENTS = 2 };
typedef struct gcam_gradients {
  struct gcam_kept {
    float *data; /* [count][size]; NULL: none */
    float *cotangents;
    int value, count;
    gcam_from from;
  } kept[GCAM_KEPT_GRADIENTS];
  int oldest;
} gcam_gradients;

void gcam_gradients_clear(gcam_gradients *gradients);

typedef struct gcam_request {
  const gcam_method *method;
  const int *layers; /* values; several are fused */
  int layer_count;
  gcam_score score;
  const float *weights; /* [count][classes]: target b is the sum of weights times scores */
  int count;
  const gcam_options *options;
  gcam_gradients *gradients; /* NULL: do not keep any */
} gcam_request;

/* How the network's first input lies in memory: value (y, x, c) is at y row + x column + c channel.
 */
typedef struct gcam_picture_input {
  int value;
  int64_t H, W, C, row, column, channel;
} gcam_picture_input;

/* Where channel c of pixel i = y W + x is. */
static inline int64_t gcam_input_at(const gcam_picture_input *in, int64_t i, int64_t c) {
  return i / in->W * in->row + i % in->W * in->column + c * in->channel;
}

typedef struct gcam_job {
  gcam_session *session;
  const gcam_head *head;
  const gcam_method *method;
  gcam_options options;
  gcam_score score;
  gcam_gradients *gradients;
  int layers[GCAM_MAX_LAYERS], layer_count;
  int count;
  float *weights;    /* [count][classes] */
  float *cotangents; /* [count][classes] */
  double scales[GCAM_MAX_TARGETS];
  bool dead[GCAM_MAX_TARGETS];       /* its gradient was zero everywhere */
  char labels[GCAM_MAX_TARGETS][32]; /* "class 281", "target 0": for warnings */

  gcam_picture_input input;
  float *original; /* the input as the caller gave it; NULL: the job never changes it */
  float *base;     /* the input of this variant, before a method perturbs it */
  bool touched;    /* the activations are no longer those of `original` */
  int variants, mirrored, noisy;

  /* For methods by many forwards, of this variant: */
  float *activation;               /* [H][W][K] of the layer */
  double scores[GCAM_MAX_TARGETS]; /* of the unperturbed input */
  double aside[GCAM_MAX_TARGETS];  /* a method's own: the score of the baseline */
  bool has_aside;
  double *sums; /* [count][sum_count] */
  int64_t sum_count;

  float *terms; /* [H][W][K] work space */
  int64_t done, total, per_variant;
  gcam_maps maps;
  gcam_warnings warnings;
} gcam_job;

/* Checks, allocates, runs nothing. The session must have done a forward pass. */
gcam_status gcam_job_new(gcam_job **job, gcam_session *session, const gcam_head *head,
                         const gcam_request *request, gcam_error *err);
/* The next step; GCAM_OK also when there is none left. */
gcam_status gcam_job_advance(gcam_job *job, gcam_error *err);
/* Gives the session its input and activations back where the job changed them. */
gcam_status gcam_job_restore(gcam_job *job, gcam_error *err);
void gcam_job_delete(gcam_job *job);

/* ---- For methods by many forwards ---------------------------------------------------------------
 */

static inline double gcam_job_option(const gcam_job *job, gcam_option option) {
  return job->options.value[option];
}
/* The network's input, to be written; then gcam_job_forward. */
float *gcam_job_input(gcam_job *job);
gcam_status gcam_job_forward(gcam_job *job, gcam_error *err);
/* The targets' scores from the session's present logits. */
gcam_status gcam_job_scores(gcam_job *job, double *scores, gcam_error *err);
/* input = base * mask [H][W] of the input's size */
void gcam_job_mask(gcam_job *job, const float *mask);

#endif
