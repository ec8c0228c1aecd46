/* job.h: one question under way: variants of the input, the steps of each, their average, and the
 * way back. Most methods take one step, those that run the network forward many times take many,
 * and between two steps the caller may report progress or stop. */
#ifndef GCAM_CAM_JOB_H
#define GCAM_CAM_JOB_H

#include "cam/explain.h"

typedef struct gcam_job {
  gcam_question question;
  gcam_gradient_cache *kept;
  gcam_trial trial;
  float *original; /* the input as the caller gave it; NULL: the job never changes it */
  float *map, *weights, *terms; /* of one target of a trial */
  int variants, mirrored;
  int64_t done, total;
  float *preview; /* made when first asked for */
  gcam_maps maps;
  gcam_findings findings;
} gcam_job;

/* Takes the question, checked, over: also when it fails. Allocates, runs nothing. The session must
 * have done a forward pass. kept: gradients of earlier questions, and of this one; or NULL. */
gcam_status gcam_job_new(gcam_job **job, gcam_question *question, gcam_gradient_cache *kept,
                         gcam_error *err);
/* The next step; GCAM_OK also when there is none left. A step that fails gives the session its
 * input and activations back, and puts the job at its beginning. */
gcam_status gcam_job_advance(gcam_job *job, gcam_error *err);
/* What the steps so far say about target b: [H][W], before ReLU, valid until the next call. Between
 * the first step and the last; NULL before and after, and without memory. Changes nothing else. */
const float *gcam_job_preview(gcam_job *job, int b);
/* Gives the session its input and activations back where the job changed them. Without memory for
 * that it has the input, and asks for a forward pass. */
gcam_status gcam_job_restore(gcam_job *job, gcam_error *err);
void gcam_job_delete(gcam_job *job);

#endif
