/* random.h: random numbers that depend on a seed and an index alone, so that every build, and every
 * order of asking, gives the same. splitmix64 (Steele et al., OOPSLA 2014, figure 17). */
#ifndef GCAM_CAM_RANDOM_H
#define GCAM_CAM_RANDOM_H

#include <math.h>
#include <stdint.h>

#include "base/elementary.h"

/* 0 <= u < 1 */
static inline double gcam_random_uniform(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Standard normal, by Box and Muller. */
static inline double gcam_random_normal(uint64_t seed, uint64_t index) {
  double radius = sqrt(-2 * log(1 - gcam_random_uniform(seed, 2 * index)));
  return radius * gcam_cosine(6.283185307179586 * gcam_random_uniform(seed, 2 * index + 1));
}

#endif
