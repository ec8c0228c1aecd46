/* external.h: tensors whose data lies outside of the ONNX file ("external data") and is pushed. */
#ifndef GCAM_ONNX_EXTERNAL_H
#define GCAM_ONNX_EXTERNAL_H

#include "onnx/model.h"

/* A length the file leaves open is worked out from the shape. Out of range: NULL and 0. */
int gcam_onnx_external_count(const gcam_onnx *file);
const char *gcam_onnx_external_location(const gcam_onnx *file, int index);
int64_t gcam_onnx_external_offset(const gcam_onnx *file, int index);
int64_t gcam_onnx_external_length(const gcam_onnx *file, int index);
/* Bytes [offset, offset + size) of `location`, in any order and any cut; every tensor that wants
 * some of them copies its part. Bytes that no tensor wants are ignored. */
gcam_status gcam_onnx_push(gcam_onnx *file, const char *location, int64_t offset, const void *bytes,
                           size_t size, gcam_error *err);
/* Did all of its bytes come? */
bool gcam_onnx_external_complete(const onnx_external *external);

#endif
