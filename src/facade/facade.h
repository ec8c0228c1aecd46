/* facade.h: what stands behind gcam_context and gcam_model, and what every public function of
 * theirs begins with. */
#ifndef GCAM_FACADE_FACADE_H
#define GCAM_FACADE_FACADE_H

#include "base/threads.h"
#include "cam/gradient_cache.h"
#include "cam/head.h"
#include "cam/layers.h"
#include "cam/maps.h"
#include "cam/options.h"
#include "gradcam.h"
#include "onnx/import.h"
#include "session/session.h"

struct gcam_context {
  gcam_threads pool;
  gcam_error err;
};

struct gcam_model {
  gcam_context *ctx;
  gcam_precision precision;
  gcam_input_override *overrides;
  int override_count;
  const char **outputs; /* wanted; NULL: the file's */
  int output_count;
  gcam_arena names;             /* of the overrides and outputs */
  gcam_unsupported unsupported; /* of the last finish that failed for it */
  gcam_onnx *file;
  gcam_graph graph;
  gcam_session *session; /* not NULL: finished */
  gcam_head head;
  gcam_axes axes; /* of the first input, as the last picture was laid into it */
  gcam_token_grid grid;
  gcam_layers layers;
  gcam_options options;
  gcam_gradient_cache gradients; /* of the last explanations */
  gcam_maps maps;
  int map_layer;
  gcam_warnings warnings;
};

/* A clean slate: the message is that of the last call. */
gcam_error *gcam_fresh(gcam_context *ctx);
/* GCAM_ERR_STATE, unless the model is finished; unless it has run on a picture, too. */
gcam_status gcam_model_finished(const gcam_model *net, gcam_error *err);
gcam_status gcam_model_ran(const gcam_model *net, gcam_error *err);
/* The activations are about to change or go: what was made of them goes too. */
void gcam_model_forget(gcam_model *net);

#endif
