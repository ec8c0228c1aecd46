/* gradient_cache.h: backward passes of explanations, and the last of them kept: the next method at
 * the same value and for the same cotangents takes its gradients from here. */
#ifndef GCAM_CAM_GRADIENT_CACHE_H
#define GCAM_CAM_GRADIENT_CACHE_H

#include "session/session.h"

/* Two, because Finer-CAM asks for gradients of its own between methods that share theirs. */
enum { GCAM_KEPT_GRADIENTS = 2 };

/* [B][size of output] cotangents in, [B][numel(value)] gradients out. */
typedef struct gcam_way_back {
  int output, value;
  int via; /* a value through which all of the value's gradient comes; or the value itself */
  const float *cotangents;
  int64_t size;
  int B;
  bool guided;
} gcam_way_back;

typedef struct gcam_gradient_cache {
  struct gcam_kept {
    float *data;       /* NULL: none */
    float *cotangents; /* a copy */
    gcam_way_back way; /* its cotangents are the copy */
  } kept[GCAM_KEPT_GRADIENTS];
  int oldest;
} gcam_gradient_cache;

void gcam_gradient_cache_clear(gcam_gradient_cache *gradients);

/* How many targets one backward pass to `value` takes: on the way to an input lie large layers. */
int gcam_gradient_cache_at_once(const gcam_session *session, int value, int count);
/* From `kept` where it has them, on from those at way->via where it has these, and into it where they
 * are small. kept NULL: neither. To be given
 * to gcam_gradient_cache_done. */
gcam_status gcam_gradient_cache_get(gcam_gradient_cache *kept, gcam_session *session,
                                    const gcam_way_back *way, float **gradients, gcam_error *err);
void gcam_gradient_cache_done(const gcam_gradient_cache *kept, float *gradients);

#endif
