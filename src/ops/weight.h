/* weight.h: a constant of the network, and where its numbers are.
 *
 * Logically it is float32, unless `dtype` is an integer type without `scale` (shape arithmetic at
 * load; never seen by a kernel). It is stored as the file stores it, so that half or int8 weights
 * cost half or a quarter, in physical order like everything else. Of its five states it is in one:
 *
 *                  data            f32        holder     who may read it
 *   borrowed       in the file     -          -          everybody
 *   own            its own         -          -          everybody
 *   with floats    either          a copy     -          everybody; plain loops read the copy
 *   held           NULL            -          a kernel   whoever asks for all of it: the kernel
 * gives it back, as good as new restored       own, float32    -          -          everybody; its
 * kernel is gone
 *
 *   borrowed --import--> own --a plan is packed--> held --another plan--> restored (= own)
 *      '------------------'--a plain loop asks--> with floats            '--> held by another
 * kernel
 *
 * A weight is held once: packing ends in `held` where the kernel can give the numbers back, because
 * two copies of a large network do not fit. The only ways from state to state are the functions
 * below; a session takes the last two when it changes its plan, and never half of them. */
#ifndef GCAM_OPS_WEIGHT_H
#define GCAM_OPS_WEIGHT_H

#include "base/tensor.h"

typedef struct gcam_weight {
  gcam_dtype dtype; /* of data */
  void *data;       /* numel elements */
  bool borrowed;    /* data points into the model's file buffer */
  /* int8/uint8 only: value = (data - zero) * scale, along scale_axis (physical), or scale_count 1
   */
  float *scale;
  int8_t *zero; /* NULL: zero points are 0. For uint8 the stored byte is reinterpreted. */
  int64_t scale_count;
  int scale_axis;
  float *f32; /* made by gcam_weight_floats when first asked for; NULL while not needed */
  void (*recover)(const void *holder, float *values);
  const void *holder;
} gcam_weight;

/* The weight's logical float32 values, numel of them: data itself where it is float32, else a
 * copy that is made once and kept. NULL without memory. */
const float *gcam_weight_floats(gcam_weight *weight, const gcam_shape *shape);
/* The same where they lie already; NULL: they would have to be copied. */
const float *gcam_weight_floats_in_place(const gcam_weight *weight);
/* Elements [from, from + count) of the logical float32 values, without making or keeping a copy
 * of the whole. Weights that a kernel holds are read whole. */
void gcam_weight_read(const gcam_weight *weight, const gcam_shape *shape, int64_t from,
                      int64_t count, float *dst);

/* own or held -> held, by this kernel from now on. */
void gcam_weight_hold(gcam_weight *weight, const void *holder,
                      void (*recover)(const void *holder, float *values));
/* held -> restored: values are its own from now on (gcam_free). */
void gcam_weight_restore(gcam_weight *weight, float *values);
/* Frees its numbers, as far as they are its own; it may be freed again. */
void gcam_weight_free(gcam_weight *weight);

#endif
