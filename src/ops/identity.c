/* Identity, Dropout and Cast: y = x while a network is used, not trained. */
#include <string.h>

#include "ops/view.h"

static gcam_status identity_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  return gcam_node_set_shape(graph, node, 0, gcam_in_shape(graph, node, 0), err);
}

const gcam_op gcam_op_identity = {
    "Identity",
    GCAM_RULE_AXIS,
    1,
    1,
    identity_shape,
    gcam_view_forward,
    gcam_view_backward,
    .traits = GCAM_OP_VIEW | GCAM_OP_SAMPLES | GCAM_OP_KEEPS_POSITIONS,
    .data_inputs = 1};

/* ---- Dropout: its mask is not supported; the importer drops it where nobody reads it -------- */

static gcam_status dropout_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  char label[160];
  float training = 0, ratio = 0.5f;
  bool found;
  GCAM_TRY(gcam_node_scalar(graph, node, "training_mode", 2, &training, &found, err));
  /* Nothing is dropped with a ratio of 0: torchvision's Swin is exported so. */
  if (training != 0) GCAM_TRY(gcam_node_scalar(graph, node, "ratio", 1, &ratio, &found, err));
  if (training != 0 && ratio != 0)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "%s: it is in training mode; export the model for inference (model.eval())",
                     gcam_node_label(node, label, sizeof label));
  return identity_shape(graph, node, err);
}

const gcam_op gcam_op_dropout = {"Dropout",
                                 GCAM_RULE_AXIS,
                                 1,
                                 3,
                                 dropout_shape,
                                 gcam_view_forward,
                                 gcam_view_backward,
                                 .traits = GCAM_OP_VIEW | GCAM_OP_SAMPLES | GCAM_OP_KEEPS_POSITIONS,
                                 .data_inputs = 1};

/* ---- Cast: activations are float32 inside, whatever float type the file speaks of ----------- */

static gcam_status cast_shape(gcam_graph *graph, gcam_node *node, gcam_error *err) {
  static const struct {
    int64_t type; /* TensorProto.DataType of onnx.proto */
    const char *name;
    bool is_float;
  } types[] = {{1, "FLOAT", true},     {10, "FLOAT16", true}, {11, "DOUBLE", true},
               {16, "BFLOAT16", true}, {2, "UINT8", false},   {3, "INT8", false},
               {4, "UINT16", false},   {5, "INT16", false},   {6, "INT32", false},
               {7, "INT64", false},    {9, "BOOL", false},    {12, "UINT32", false},
               {13, "UINT64", false},  {8, "STRING", false}};
  char label[160];
  int64_t to = gcam_node_int(node, "to", -1);
  const char *to_name = gcam_node_string(node, "to", NULL); /* opset 1 */
  gcam_node_label(node, label, sizeof label);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (to_name ? strcmp(to_name, types[i].name) != 0 : to != types[i].type) continue;
    if (types[i].is_float) return identity_shape(graph, node, err);
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "%s: it turns numbers that are computed while the network runs into %s; the "
                     "engine computes in floats alone",
                     label, types[i].name);
  }
  return gcam_fail(err, GCAM_ERR_MODEL, "%s: its attribute 'to' names no known type", label);
}

const gcam_op gcam_op_cast = {"Cast",
                              GCAM_RULE_AXIS,
                              1,
                              1,
                              cast_shape,
                              gcam_view_forward,
                              gcam_view_backward,
                              .traits = GCAM_OP_VIEW | GCAM_OP_SAMPLES | GCAM_OP_KEEPS_POSITIONS,
                              .data_inputs = 1};
