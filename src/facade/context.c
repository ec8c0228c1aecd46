/* A context, its message, the version. */
#include "base/memory.h"
#include "facade/facade.h"

#define GCAM_VERSION "0.1.0"

gcam_context *gcam_context_create(int threads) {
  gcam_context *ctx = gcam_alloc_zeroed(1, sizeof *ctx);
  if (ctx && gcam_threads_init(&ctx->pool, threads)) return ctx;
  gcam_free(ctx);
  return NULL;
}

void gcam_context_free(gcam_context *ctx) {
  if (!ctx) return;
  gcam_threads_free(&ctx->pool);
  gcam_free(ctx);
}

const char *gcam_message(const gcam_context *ctx) { return ctx->err.text; }

gcam_status gcam_last_status(const gcam_context *ctx) { return ctx->err.status; }

int gcam_thread_count(const gcam_context *ctx) { return ctx->pool.count; }

const char *gcam_version(void) { return GCAM_VERSION; }
