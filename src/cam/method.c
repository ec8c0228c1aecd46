#include "cam/method.h"

#include <stddef.h>
#include <string.h>

#define GCAM_METHOD(symbol) &gcam_method_##symbol,
static const gcam_method *const table[] = {
#include "cam/method_list.h"
};
#undef GCAM_METHOD

enum { COUNT = sizeof table / sizeof *table };

const gcam_method *gcam_method_at(int index) {
  return index >= 0 && index < COUNT ? table[index] : NULL;
}

const gcam_method *gcam_method_find(const char *name) {
  for (int i = 0; i < COUNT; i++)
    if (!strcmp(table[i]->name, name)) return table[i];
  return NULL;
}
