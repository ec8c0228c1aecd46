/* expand.h: operators that are written out as others before anything else looks at the file, as
 * their definitions do: quantized ones (quantized.c), those of onnxruntime's optimiser (contrib.c).
 */
#ifndef GCAM_ONNX_EXPAND_H
#define GCAM_ONNX_EXPAND_H

#include "onnx/model.h"

typedef struct gcam_expansion {
  gcam_onnx *file;
  onnx_node *nodes;
  int count, room;
  const onnx_node *node; /* that is written out */
  int made;              /* names */
  bool failed;           /* no memory */
} gcam_expansion;

/* Writes the present node out; false: it is none of its own. */
typedef bool (*gcam_expansion_writer)(gcam_expansion *expansion);

/* Every node of the file through the first writer that takes it. */
gcam_status gcam_expand(gcam_onnx *file, const gcam_expansion_writer *writers, int count,
                        gcam_error *err);

/* ---- For writers. What fails for memory is noted; names are then "". ----------------------- */

/* The node's input i; "": it has none. */
const char *gcam_expansion_input(const gcam_expansion *expansion, int i);
/* NULL: the node has no such attribute. */
const gcam_attr *gcam_expansion_attr(const onnx_node *node, const char *name, gcam_attr_kind kind);
/* A name of a tensor between the nodes of one. */
const char *gcam_expansion_name(gcam_expansion *expansion);
/* op(inputs) -> output; returns its name. attr: its only attribute, or NULL. */
const char *gcam_expansion_add(gcam_expansion *expansion, const char *op, const char *const *inputs,
                               int count, const char *output, const gcam_attr *attr);
/* The same with the node's own name and attributes. */
const char *gcam_expansion_add_real(gcam_expansion *expansion, const char *op,
                                    const char *const *inputs, int count, const char *output);
/* Attributes of the node added last. */
void gcam_expansion_attributes(gcam_expansion *expansion, const gcam_attr *attrs, int count);
const char *gcam_expansion_number(gcam_expansion *expansion, float value);
/* The node as it is, to be changed. */
onnx_node *gcam_expansion_same(gcam_expansion *expansion);

#endif
