/* method.h: what a method is: from activations and gradients to one map. A method is one short file
 * with its equation, and one row of the table in methods.c; the pipeline does the rest.
 *
 * Letters: H W size of the layer (or of the network's input), K its channels, A^k its activations,
 * y the score of the target, g = dy/dA its gradient. */
#ifndef GCAM_CAM_METHOD_H
#define GCAM_CAM_METHOD_H

#include <stdbool.h>
#include <stdint.h>

#include "cam/options.h"

typedef struct gcam_cam {
  int64_t H, W, K;
  const float *activation; /* A: [H][W][K] */
  const float *gradient;   /* g without the factor `scale`: [H][W][K] of one target */
  double scale; /* for methods that are not linear in g; the pipeline multiplies the map */
  const gcam_options *options;
  float *map;     /* [H][W], to fill: before ReLU */
  float *weights; /* alpha: [K], to fill; zeroed. NULL where the method has none */
  /* [H][W][K]: work space of methods without weights; those to the input leave their attributions
   * here. Methods with weights run for several targets at once and have none. */
  float *terms;
  /* Guided Grad-CAM: the Grad-CAM of the layer, before ReLU */
  const float *coarse;
  int64_t coarse_H, coarse_W;
} gcam_cam;

typedef enum gcam_from {
  GCAM_FROM_LAYER,   /* gradient at the layer */
  GCAM_FROM_POOLED,  /* gradient at the average over the layer: CAM's class weights, [1][1][K] */
  GCAM_FROM_NOTHING, /* activations alone */
  GCAM_FROM_INPUT,   /* activation: the network's input, gradient: with respect to it */
  GCAM_FROM_GUIDED   /* the same with guided backpropagation */
} gcam_from;

struct gcam_job;
struct gcam_error;

/* Methods that run the network forward many times. Sums are doubles, [sums] a target, zeroed. */
typedef struct gcam_forwards {
  int64_t (*steps)(const struct gcam_job *job);
  int64_t (*sums)(const struct gcam_job *job);
  int (*step)(struct gcam_job *job, int64_t step, struct gcam_error *err);
  /* From the sums of target b to its map (and weights, terms). */
  int (*finish)(struct gcam_job *job, int b, const gcam_cam *cam, struct gcam_error *err);
  bool at_input; /* the map has the size of the input, not of the layer */
} gcam_forwards;

typedef struct gcam_method {
  const char *name;  /* as users type it */
  const char *title; /* as papers write it */
  const char *paper;
  void (*map)(const gcam_cam *cam);
  gcam_from from;
  bool has_weights; /* fills weights */
  bool has_terms;   /* methods to the input: terms are the attribution of every channel */
  bool largest;     /* their map is the largest |term|, not the sum */
  bool needs_coarse;
  int smooth; /* noisy copies to average over where the option `smooth` is 0 */
  /* The target as the method sees it, from [classes] weights over the classes; NULL: as it is. */
  void (*target)(float *weights, const float *scores, int classes, const gcam_options *options);
  const gcam_forwards *forwards; /* instead of map */
} gcam_method;

/* NULL: the method unknown / index out of range. */
const gcam_method *gcam_method_find(const char *name);
const gcam_method *gcam_method_at(int index);

/* ---- For methods -------------------------------------------------------------------------------
 */

/* map[i] = sum over k of weights[k] A[i][k]: what most methods end with. */
void gcam_cam_weighted_sum(const gcam_cam *cam);
/* map[i] = sum over k of g[i][k] A[i][k], or of relu(g[i][k]) A[i][k]. Needs terms. */
void gcam_cam_sum_products(const gcam_cam *cam, bool positive);
/* map[i] = sum over k of terms[i][k]. These four project on the first principal direction of their
 * terms instead where the option `eigen` is set (eigen smoothing). */
void gcam_cam_sum_terms(const gcam_cam *cam);
/* map[i] = max over k of |terms[i][k]|: how far the score moves with the pixel. */
void gcam_cam_largest_terms(const gcam_cam *cam);
/* map[i] = terms[i] . v, v the first right singular vector of terms [HW][K] (minus its column means
 * where the option `centre` is set). The sign is the one that agrees with the plain sum over k. */
void gcam_cam_project(const gcam_cam *cam, const float *terms);

#endif
