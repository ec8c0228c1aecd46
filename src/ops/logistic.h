/* logistic.h: functions that several activations are made of. */
#ifndef GCAM_OPS_LOGISTIC_H
#define GCAM_OPS_LOGISTIC_H

#include <math.h>

/* 1 / (1 + e^-x). Both forms keep exp's argument <= 0, so that it cannot overflow. */
static inline float gcam_logistic(float x) {
  float e = expf(-fabsf(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* log(1 + e^x) */
static inline float gcam_softplus(float x) { return (x < 0 ? 0 : x) + log1pf(expf(-fabsf(x))); }

#endif
