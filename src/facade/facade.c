#include "facade/facade.h"

#include "base/memory.h"

gcam_error *gcam_fresh(gcam_context *ctx) {
  ctx->err.status = GCAM_OK;
  ctx->err.text[0] = 0;
  return &ctx->err;
}

gcam_status gcam_model_finished(const gcam_model *net, gcam_error *err) {
  return net->session ? GCAM_OK : gcam_fail(err, GCAM_ERR_STATE, "no model is loaded and finished");
}

gcam_status gcam_model_ran(const gcam_model *net, gcam_error *err) {
  GCAM_TRY(gcam_model_finished(net, err));
  return net->session->done ? GCAM_OK
                            : gcam_fail(err, GCAM_ERR_STATE, "run forward on a picture first");
}

void gcam_model_forget(gcam_model *net) {
  gcam_maps_free(&net->maps);
  gcam_gradient_cache_clear(&net->gradients);
  net->warnings.count = 0;
}

gcam_model *gcam_model_create(gcam_context *ctx) {
  gcam_model *net = gcam_alloc_zeroed(1, sizeof *net);
  if (!net) {
    gcam_fail(gcam_fresh(ctx), GCAM_ERR_MEMORY, "out of memory for a model");
    return NULL;
  }
  net->ctx = ctx;
  net->options = gcam_options_standard();
  return net;
}

void gcam_model_free(gcam_model *net) {
  if (!net) return;
  gcam_model_forget(net);
  gcam_layers_free(&net->layers);
  gcam_session_free(net->session);
  gcam_graph_free(&net->graph);
  gcam_onnx_close(net->file);
  gcam_free(net->overrides);
  gcam_arena_free(&net->names);
  gcam_unsupported_free(&net->unsupported);
  gcam_free(net);
}
