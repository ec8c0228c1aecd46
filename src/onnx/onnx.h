/* onnx.h: from the bytes of an ONNX file to a graph.
 *
 *   gcam_onnx_open      reads the ModelProto: names, nodes, where the weights lie
 *   gcam_onnx_push      brings weights that the file keeps elsewhere (ONNX "external data")
 *   gcam_onnx_import    folds constants, fixes every shape, lays tensors out; makes the graph
 *   gcam_onnx_close     after the graph is freed
 *
 * What is read: ONNX of IR 3 and later, opset 1 to 24 of the default domain, weights embedded or
 * external, float32, float16, bfloat16, float64 or int8/uint8 with DequantizeLinear. Activations
 * are float32; a file with float16 activations runs in float32. Every size in a file is taken for
 * a lie until checked: a broken file gives GCAM_ERR_MODEL, one that asks for what the engine does
 * not do GCAM_ERR_UNSUPPORTED, both with words.
 * Source: onnx.proto, IR.md and Operators.md of github.com/onnx/onnx. */
#ifndef GCAM_ONNX_ONNX_H
#define GCAM_ONNX_ONNX_H

#include "base/status.h"
#include "ops/graph.h"

enum { GCAM_OPSET_MIN = 1, GCAM_OPSET_MAX = 24 };

typedef struct gcam_onnx gcam_onnx;

/* GCAM_TAKE: the bytes came from malloc and belong to the file from now on, even when opening
 * fails. GCAM_COPY: the caller keeps them, unchanged, until gcam_onnx_import has returned. */
gcam_status gcam_onnx_open(gcam_onnx **file, const void *bytes, size_t size, gcam_ownership own,
                           gcam_error *err);
/* NULL is accepted. Free the graph first: its attributes lie in the file, and so do weights that
 * are used in place (external data; large ones of GCAM_TAKE). */
void gcam_onnx_close(gcam_onnx *file);

/* For reports. */
const char *gcam_onnx_producer(const gcam_onnx *file); /* "pytorch 1.13.1"; "" when not said */
int64_t gcam_onnx_ir_version(const gcam_onnx *file);
/* Opset of a domain ("" is ONNX's own); 0: the file imports none. */
int64_t gcam_onnx_opset(const gcam_onnx *file, const char *domain);

/* Tensors whose data lies outside of the file. A length the file leaves open is worked out from
 * the shape. Out of range: NULL and 0. */
int gcam_onnx_external_count(const gcam_onnx *file);
const char *gcam_onnx_external_location(const gcam_onnx *file, int index);
int64_t gcam_onnx_external_offset(const gcam_onnx *file, int index);
int64_t gcam_onnx_external_length(const gcam_onnx *file, int index);
/* Bytes [offset, offset + size) of `location`, in any order and any cut; every tensor that wants
 * some of them copies its part. Bytes that no tensor wants are ignored. */
gcam_status gcam_onnx_push(gcam_onnx *file, const char *location, int64_t offset, const void *bytes,
                           size_t size, gcam_error *err);

typedef struct gcam_input_override {
  const char *input; /* name; NULL: the first */
  gcam_shape shape;  /* ONNX order */
} gcam_input_override;

/* Once per file. `graph` must be zeroed; it is again when importing fails. */
gcam_status gcam_onnx_import(gcam_onnx *file, const gcam_input_override *overrides,
                             int override_count, gcam_graph *graph, gcam_error *err);

#endif
