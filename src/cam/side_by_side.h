/* side_by_side.h: the loop of methods that make each channel's weight of all its positions. */
#ifndef GCAM_CAM_SIDE_BY_SIDE_H
#define GCAM_CAM_SIDE_BY_SIDE_H

#include "cam/cam.h"

enum {
  GCAM_SIDE_BY_SIDE = 16,  /* channels: one cache line */
  GCAM_ROWS_IN_FLOATS = 32 /* added up in registers; the sums of these in doubles */
};

/* Fills cam->weights by `weigh`, of channels [first, first + count), count <= GCAM_SIDE_BY_SIDE,
 * and the map as their weighted sum. Inlined, and `weigh` with it, so that all counts but the last
 * are known and the loops over them run in vector registers. False without memory. */
static inline __attribute__((always_inline)) bool gcam_cam_weigh_side_by_side(
    const gcam_cam *cam, void (*weigh)(const gcam_cam *cam, int64_t first, int64_t count)) {
  int64_t first = 0;
  for (; first + GCAM_SIDE_BY_SIDE <= cam->K; first += GCAM_SIDE_BY_SIDE)
    weigh(cam, first, GCAM_SIDE_BY_SIDE);
  weigh(cam, first, cam->K - first);
  return gcam_cam_weighted_sum(cam);
}

#endif
