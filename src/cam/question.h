/* question.h: what is asked, whole and checked, and the same from the first step to the last. */
#ifndef GCAM_CAM_QUESTION_H
#define GCAM_CAM_QUESTION_H

#include "cam/method.h"

enum { GCAM_MAX_LAYERS = 8 };

typedef struct gcam_question {
  gcam_session *session;
  const gcam_method *method;
  gcam_options options;
  gcam_layer layers[GCAM_MAX_LAYERS]; /* several are fused */
  int layer_count;                    /* 0: there is none, and the method needs none */
  gcam_targets targets;
  gcam_token_grid grid;
  gcam_axes axes;           /* of the network's first input, where they are known */
  gcam_blocks blocks;       /* where the method reads attention */
  gcam_picture_input input; /* where the method maps or changes it */
  int64_t H, W, K;          /* of the maps */
  int noisy;                /* noisy copies of the input; 0: none */
  bool augmented;           /* and its mirror at several contrasts */
  bool changes_input;
} gcam_question;

/* Completes a question that has everything but its last six members, `targets` among what is there
 * already, and makes the layers readable. Whatever happens, gcam_question_free is the caller's. */
gcam_status gcam_question_check(gcam_question *question, gcam_error *err);
void gcam_question_free(gcam_question *question);

#endif
