/* method.h: what a method of the CAM family is: from activations and gradients at a layer to one
 * map. A method is one short file with its equation, and one row of the table in methods.c; the
 * pipeline (explain.c) does the rest.
 *
 * Letters: H W size of the layer, K its channels, A^k its activations, y^c the score of class c. */
#ifndef GCAM_CAM_METHOD_H
#define GCAM_CAM_METHOD_H

#include <stdint.h>

typedef struct gcam_cam {
  int64_t H, W, K;
  const float *activation; /* A: [H][W][K] */
  const float *gradient;   /* dy^c/dA: [H][W][K], of one target */
  float *map;              /* [H][W], to fill: before ReLU */
  float *weights;          /* alpha^c: [K], to fill; zeroed */
} gcam_cam;

typedef struct gcam_method {
  const char *name;  /* as users type it */
  const char *title; /* as papers write it */
  const char *paper;
  void (*map)(const gcam_cam *cam);
  int has_weights; /* fills weights */
} gcam_method;

/* NULL: the method unknown / index out of range. */
const gcam_method *gcam_method_find(const char *name);
const gcam_method *gcam_method_at(int index);

/* map[i] = sum over k of weights[k] A[i][k]: the weighted sum that most methods end with. */
void gcam_cam_weighted_sum(const gcam_cam *cam);

#endif
