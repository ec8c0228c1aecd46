/* methods.c: the table of methods. The command line, the API and the page list them from here. */
#include "cam/methods.h"

#include <stddef.h>
#include <string.h>

#include "gradcam.h"

static const gcam_method table[] = {
    {"gradcam", "Grad-CAM", "arXiv:1610.02391, eq. 1-2", gcam_method_gradcam, 1},
};

enum { COUNT = sizeof table / sizeof *table };

const gcam_method *gcam_method_at(int index) {
  return index >= 0 && index < COUNT ? &table[index] : NULL;
}

const gcam_method *gcam_method_find(const char *name) {
  for (int i = 0; i < COUNT; i++)
    if (!strcmp(table[i].name, name)) return &table[i];
  return NULL;
}

int gcam_method_count(void) { return COUNT; }

const char *gcam_method_name(int index) {
  const gcam_method *m = gcam_method_at(index);
  return m ? m->name : NULL;
}

const char *gcam_method_title(int index) {
  const gcam_method *m = gcam_method_at(index);
  return m ? m->title : NULL;
}

const char *gcam_method_paper(int index) {
  const gcam_method *m = gcam_method_at(index);
  return m ? m->paper : NULL;
}

void gcam_cam_weighted_sum(const gcam_cam *cam) {
  for (int64_t i = 0; i < cam->H * cam->W; i++) {
    double sum = 0;
    for (int64_t k = 0; k < cam->K; k++)
      sum += (double)cam->weights[k] * cam->activation[i * cam->K + k];
    cam->map[i] = (float)sum;
  }
}
