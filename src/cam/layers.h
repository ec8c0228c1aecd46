/* layers.h: the layers a map can be asked for: values that are pictures of channels. */
#ifndef GCAM_CAM_LAYERS_H
#define GCAM_CAM_LAYERS_H

#include "cam/head.h"
#include "ops/graph.h"

typedef struct gcam_layers {
  int *values; /* in topological order */
  int count;
  int standard; /* index of the default layer; -1: none */
} gcam_layers;

/* Every activation [N][H][W][C] with H W > 1 that a node computes. Memory from the graph's arena.
 */
gcam_status gcam_layers_find(gcam_graph *graph, const gcam_head *head, gcam_layers *layers,
                             gcam_error *err);
/* By tensor name, node name, or a path component of either (torch's "features.12", Keras's
 * "block5_conv3"); the last of several. -1: none, and err names near misses. */
int gcam_layers_index(const gcam_graph *graph, const gcam_layers *layers, const char *name,
                      gcam_error *err);

#endif
