/* known.h: which operators are known, and what a file asks for that is not. */
#ifndef GCAM_ONNX_KNOWN_H
#define GCAM_ONNX_KNOWN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

struct gcam_import;

/* What a file asked for in vain, a sentence each. */
typedef struct gcam_unsupported {
  gcam_arena arena;
  const char **lines;
  int count;
} gcam_unsupported;

void gcam_unsupported_free(gcam_unsupported *list);

/* Operators by index, those for anything first; NULL: no more. */
const char *gcam_known_operator(int index);
/* Is it run at load alone, where all of its inputs are constants? */
bool gcam_known_on_constants_alone(int index);

/* Refuses a file whose wanted outputs need what is not known: everything at once, with place and
 * count, and the outputs that do without. list (NULL: nobody asks) gets all of it. */
gcam_status gcam_known_check(struct gcam_import *im, gcam_unsupported *list);

#endif
