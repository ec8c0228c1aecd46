/* layers.h: the layers a map can be asked for: values that have channels at positions of a picture.
 * A value is either a picture of channels, in whatever order the file has its axes, or tokens of
 * which those behind the first few are positions, as in a transformer. For a method there is no
 * difference: it sees H W positions of K channels, which begin `skip` K floats into the value. */
#ifndef GCAM_CAM_LAYERS_H
#define GCAM_CAM_LAYERS_H

#include "ops/graph.h"

typedef struct gcam_layer {
  int value;       /* [1][H][W][K], or [1][skip + H W][K] */
  int64_t H, W, K; /* positions in rows, and channels of each */
  int64_t skip;    /* tokens before the positions (class token, registers); 0 for pictures */
} gcam_layer;

/* Floats of the value before its first position. */
static inline int64_t gcam_layer_offset(const gcam_layer *layer) { return layer->skip * layer->K; }
static inline int64_t gcam_layer_size(const gcam_layer *layer) {
  return layer->H * layer->W * layer->K;
}

/* The file's tensor and the node that makes it: the value itself, or what the importer has put into
 * another order of axes. */
const gcam_value *gcam_layer_tensor(const gcam_graph *graph, const gcam_layer *layer);
const gcam_node *gcam_layer_node(const gcam_graph *graph, const gcam_layer *layer);
/* Are its positions tokens? */
bool gcam_layer_is_tokens(const gcam_graph *graph, const gcam_layer *layer);

/* How tokens lie on the picture. H 0: the network has none, or nobody knows. */
typedef struct gcam_token_grid {
  int64_t H, W, skip;
} gcam_token_grid;

typedef struct gcam_layers {
  gcam_layer *list; /* in topological order */
  int count;
  int standard; /* index of the default layer; -1: none */
} gcam_layers;

/* The grid of the one convolution whose [1][H][W][K] goes on as H W tokens of K channels; skip: how
 * many others a concatenation puts before them. None, or several that differ: no grid. */
gcam_status gcam_layers_grid(const gcam_graph *graph, gcam_token_grid *grid, gcam_error *err);

/* Does any tensor hold the grid's tokens? */
bool gcam_layers_fit(const gcam_graph *graph, const gcam_token_grid *grid);

/* Every activation [N][H][W][C] with H W > 1 that a node computes, every [1][skip + H W][C] of the
 * grid, and those of the smaller grids of later stages (Swin), where the file lays their tokens out
 * as [1][H][W][C]. What lies in windows has no place on the picture and is none. `logits`: the
 * default layer is the last on the way there that found something and whose every position still
 * counts. Frees what `layers` held; on failure it is as it was. */
gcam_status gcam_layers_find(const gcam_graph *graph, int logits, const gcam_token_grid *grid,
                             gcam_layers *layers, gcam_error *err);
void gcam_layers_free(gcam_layers *layers);
/* By tensor name, node name, or a path component of either (torch's "features.12", Keras's
 * "block5_conv3"); the last of several. -1: none, and err names near misses. */
int gcam_layers_index(const gcam_graph *graph, const gcam_layers *layers, const char *name,
                      gcam_error *err);
/* Indices of the layers that `names` lists, separated by commas; the whole text is tried as one
 * name first. NULL: the default. Fails beyond `most`. */
gcam_status gcam_layers_named(const gcam_graph *graph, const gcam_layers *layers, const char *names,
                              int *found, int most, int *count, gcam_error *err);

#endif
