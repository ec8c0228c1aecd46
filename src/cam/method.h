/* method.h: what a method is: from activations and gradients to one map. A method is one short file
 * with its equation and its row, and a line in method_list.h; the pipeline does the rest. */
#ifndef GCAM_CAM_METHOD_H
#define GCAM_CAM_METHOD_H

#include "cam/attention.h"
#include "cam/cam.h"
#include "cam/trial.h"

typedef enum gcam_from {
  GCAM_FROM_LAYER,   /* gradient at the layer */
  GCAM_FROM_MEANS,   /* the mean of that over the positions, [1][1][K]: alpha */
  GCAM_FROM_POOLED,  /* gradient at the average over the layer: CAM's class weights, [1][1][K] */
  GCAM_FROM_NOTHING, /* activations alone */
  GCAM_FROM_INPUT,   /* activation: the network's input, gradient: with respect to it */
  GCAM_FROM_GUIDED   /* the same with guided backpropagation */
} gcam_from;

/* Methods that run the network forward many times. Sums are doubles, [sums] a target, zeroed. */
typedef struct gcam_forwards {
  int64_t (*steps)(const gcam_trial *trial);
  int64_t (*sums)(const gcam_trial *trial);
  gcam_status (*step)(gcam_trial *trial, int64_t step, gcam_error *err);
  /* From the sums of target b to its map (and weights, terms); false without memory. Asked for an
   * early picture, after trial->done of the steps, it is what these say. */
  bool (*finish)(gcam_trial *trial, int b, const gcam_cam *cam);
  bool at_input; /* the map has the size of the input, not of the layer */
} gcam_forwards;

typedef struct gcam_method {
  const char *name;  /* as users type it */
  const char *title; /* as papers write it */
  const char *paper;
  bool (*map)(const gcam_cam *cam); /* false without memory */
  gcam_from from;
  bool has_weights; /* fills weights */
  bool has_terms;   /* methods to the input: terms are the attribution of every channel */
  bool largest;     /* their map is the largest |term|, not the sum */
  bool needs_coarse;
  int smooth; /* noisy copies to average over where the option `smooth` is 0 */
  /* The target as the method sees it, from [classes] weights over the classes; NULL: as it is. */
  void (*target)(float *weights, const float *scores, int classes, const gcam_options *options);
  const gcam_forwards *forwards; /* instead of map */
  /* Instead of map, for methods that read the attention of a transformer: adds to maps [B][H][W] of
   * the grid of tokens, and clears dead[b] where a gradient of target b is not 0. Leaves the
   * activations as they were. */
  gcam_status (*attention)(gcam_trial *trial, const gcam_blocks *blocks, float *maps, bool *dead,
                           gcam_error *err);
} gcam_method;

/* Each in the file that says what it does. */
#define GCAM_METHOD(symbol) extern const gcam_method gcam_method_##symbol;
#include "cam/method_list.h"
#undef GCAM_METHOD

/* NULL: the method unknown / index out of range. */
const gcam_method *gcam_method_find(const char *name);
const gcam_method *gcam_method_at(int index);

static inline bool gcam_method_to_input(const gcam_method *m) {
  return m->from == GCAM_FROM_INPUT || m->from == GCAM_FROM_GUIDED ||
         (m->forwards && m->forwards->at_input);
}

/* Is there no map without a layer? */
static inline bool gcam_method_needs_layer(const gcam_method *m) {
  return m->needs_coarse || (!gcam_method_to_input(m) && !m->attention);
}

#endif
