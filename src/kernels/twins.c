#include "kernels/twins.h"

static const gcam_twin *const table[] = {
#define GCAM_TWIN(symbol) &gcam_twin_##symbol,
#include "kernels/twin_list.h"
#undef GCAM_TWIN
};

const gcam_twin *gcam_twin_find(const gcam_graph *graph, const gcam_node *node) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (table[i]->op == node->op && table[i]->applies(graph, node)) return table[i];
  return NULL;
}
