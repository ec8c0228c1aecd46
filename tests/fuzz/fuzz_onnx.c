/* fuzz_onnx.c: any bytes as an ONNX file: opened and imported; what is accepted must be a graph
 * that holds together. External data is answered with zeros. Seeds: `test_reader --seeds FOLDER`.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/external.h"
#include "onnx/import.h"
#include "ops/op.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int ok) {
  if (!ok) abort();
}

static void check_graph(const gcam_graph *graph) {
  for (int n = 0; n < graph->node_count; n++) {
    const gcam_node *node = &graph->nodes[n];
    for (int i = 0; i < node->input_count; i++) {
      expect(node->inputs[i] >= -1 && node->inputs[i] < graph->value_count);
      if (node->inputs[i] >= 0) expect(graph->values[node->inputs[i]].producer < n);
    }
    for (int i = 0; i < node->output_count; i++)
      if (node->outputs[i] >= 0) expect(graph->values[node->outputs[i]].producer == n);
  }
  for (int v = 0; v < graph->value_count; v++) { /* every byte of every weight can be read */
    const gcam_value *value = &graph->values[v];
    float last;
    if (value->weight && gcam_numel(&value->shape))
      gcam_weight_read(value->weight, &value->shape, gcam_numel(&value->shape) - 1, 1, &last);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t zeros[4096];
  gcam_onnx *file;
  gcam_error err = {0};
  gcam_graph graph = {0};
  gcam_ownership own = size & 1 ? GCAM_TAKE : GCAM_COPY;
  uint8_t *bytes = malloc(size ? size : 1);
  if (!bytes) return 0;
  if (size) memcpy(bytes, data, size);
  gcam_status status = gcam_onnx_open(&file, bytes, size, own, &err);
  if (status == GCAM_OK) {
    for (int i = 0; i < gcam_onnx_external_count(file) && i < 8; i++)
      gcam_onnx_push(file, gcam_onnx_external_location(file, i), gcam_onnx_external_offset(file, i),
                     zeros, sizeof zeros, &err);
    /* Now and then the last output alone, and what is not known listed. */
    gcam_unsupported unsupported = {0};
    const char *last = gcam_onnx_output_name(file, gcam_onnx_output_count(file) - 1);
    gcam_import_request request = {.outputs = &last,
                                   .output_count = size % 3 == 0 && last ? 1 : 0,
                                   .unsupported = &unsupported};
    status = gcam_onnx_import(file, &request, &graph, &err);
    gcam_unsupported_free(&unsupported);
    expect(strlen(err.text) < sizeof err.text - 1);
  }
  if (own == GCAM_COPY) free(bytes);
  if (status == GCAM_OK)
    check_graph(&graph);
  else
    expect(err.status == status && err.text[0]);
  gcam_graph_free(&graph);
  gcam_onnx_close(file);
  return 0;
}
