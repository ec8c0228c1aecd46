/* import.h: ONNX file -> graph. */
#ifndef GCAM_ONNX_IMPORT_H
#define GCAM_ONNX_IMPORT_H

#include "onnx/known.h"
#include "onnx/model.h"

typedef struct gcam_input_override {
  const char *input; /* name; NULL: the first */
  gcam_shape shape;  /* ONNX order */
} gcam_input_override;

typedef struct gcam_import_request {
  const gcam_input_override *overrides;
  int override_count;
  const char *const
      *outputs;     /* names of tensors that nodes make; only what they need is looked at */
  int output_count; /* 0: the file's outputs */
  gcam_unsupported *unsupported; /* filled where operators are not known. NULL: nobody asks */
} gcam_import_request;

/* Are these outputs of the file, or other tensors that a node makes, none named twice? */
gcam_status gcam_onnx_check_outputs(const gcam_onnx *file, const char *const *names, int count,
                                    gcam_error *err);

/* Writes out the operators that are others together (expand.h). gcam_onnx_import does, too. */
gcam_status gcam_onnx_expand(gcam_onnx *file, gcam_error *err);

/* Once per file. request NULL: nothing special. `graph` must be zeroed; it is again when importing
 * fails. */
gcam_status gcam_onnx_import(gcam_onnx *file, const gcam_import_request *request, gcam_graph *graph,
                             gcam_error *err);

#endif
