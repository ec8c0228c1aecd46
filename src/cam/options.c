/* options.c: the table of options. The command line, the API and the page list them from here. */
#include "cam/options.h"

#include <stddef.h>
#include <string.h>

static const gcam_option_row table[GCAM_OPTION_COUNT] = {
    {"eigen", 0, 0, 1, 1,
     "1: eigen smoothing: the first principal direction of the terms, not "
     "their sum"},
    {"centre", 0, 0, 1, 1,
     "1: Eigen-CAM and eigen smoothing subtract the mean of each channel "
     "first, as pytorch-grad-cam does"},
    {"smooth", 0, 0, 1000, 1,
     "average over this many noisy copies of the input (SmoothGrad, "
     "arXiv:1706.03825); 0: the method's own number"},
    {"noise", 0.15, 0, 10, 0, "standard deviation of that noise, as a part of the input's range"},
    {"augment", 0, 0, 1, 1,
     "1: average over the input mirrored and at 0.9, 1 and 1.1 times its "
     "contrast"},
    {"references", 3, 1, 1000, 1, "Finer-CAM: number of most similar classes to contrast with"},
    {"gamma", 0.6, 0, 10, 0, "Finer-CAM: weight of those classes"},
    {"steps", 256, 1, 10000, 1, "Integrated Gradients: points on the way from the baseline"},
    {"samples", 1000, 1, 100000, 1, "RISE: number of random masks"},
    {"grid", 7, 1, 64, 1, "RISE: cells of a mask along each side"},
    {"keep", 0.5, 0.01, 0.99, 0, "RISE: probability that a cell is kept"},
    {"window", 0, 0, 4096, 1,
     "occlusion: side of the covered square in input pixels; 0: an "
     "eighth of the input"},
    {"stride", 0, 0, 4096, 1, "occlusion: step between squares; 0: half the window"},
    {"baseline", 0, -1e6, 1e6, 0,
     "what replaces pixels (occlusion) or is the start (Integrated "
     "Gradients), in the network's input units"},
    {"seed", 1, 0, 4294967295.0, 1, "of random masks and noise"},
};

const gcam_option_row *gcam_option_at(int index) {
  return index >= 0 && index < GCAM_OPTION_COUNT ? &table[index] : NULL;
}

int gcam_option_find(const char *name) {
  for (int i = 0; i < GCAM_OPTION_COUNT; i++)
    if (!strcmp(table[i].name, name)) return i;
  return -1;
}

gcam_options gcam_options_standard(void) {
  gcam_options options;
  for (int i = 0; i < GCAM_OPTION_COUNT; i++) options.value[i] = table[i].standard;
  return options;
}
