/* tensor.h: the constant that a TensorProto holds. */
#ifndef GCAM_ONNX_TENSOR_H
#define GCAM_ONNX_TENSOR_H

#include "onnx/model.h"

/* An f32/f16/f64/i8/u8/i32/i64/bool weight in `arena`. Where the file's bytes can be used as they
 * are the weight borrows them. */
gcam_status gcam_onnx_tensor_load(const gcam_onnx *file, const onnx_tensor *tensor,
                                  gcam_arena *arena, gcam_weight **weight, gcam_error *err);

#endif
