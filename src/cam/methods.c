/* methods.c: the table of methods. The command line, the API and the page list them from here. */
#include "cam/methods.h"

#include <stddef.h>
#include <string.h>

#include "gradcam.h"

static const gcam_method table[] = {
    {.name = "gradcam",
     .title = "Grad-CAM",
     .paper = "arXiv:1610.02391, eq. 1-2",
     .map = gcam_method_gradcam,
     .has_weights = true},
    {.name = "gradcam++",
     .title = "Grad-CAM++",
     .paper = "arXiv:1710.11063, eq. 10-13, 19",
     .map = gcam_method_gradcampp,
     .has_weights = true},
    {.name = "hirescam",
     .title = "HiResCAM",
     .paper = "arXiv:2011.08891, eq. 2",
     .map = gcam_method_hirescam},
    {.name = "layercam",
     .title = "LayerCAM",
     .paper = "doi:10.1109/TIP.2021.3089943, eq. 4-6",
     .map = gcam_method_layercam},
    {.name = "xgradcam",
     .title = "XGrad-CAM",
     .paper = "arXiv:2008.02312, eq. 9",
     .map = gcam_method_xgradcam,
     .has_weights = true},
    {.name = "eigencam",
     .title = "Eigen-CAM",
     .paper = "arXiv:2008.00299, sec. 3",
     .map = gcam_method_eigencam,
     .from = GCAM_FROM_NOTHING},
    {.name = "eigengradcam",
     .title = "Eigen-Grad-CAM",
     .paper = "pytorch-grad-cam",
     .map = gcam_method_eigengradcam},
    {.name = "finercam",
     .title = "Finer-CAM",
     .paper = "arXiv:2501.11309",
     .map = gcam_method_gradcam,
     .has_weights = true,
     .target = gcam_target_finercam},
    {.name = "counterfactual",
     .title = "Counterfactual Grad-CAM",
     .paper = "arXiv:1610.02391, sec. 3.3",
     .map = gcam_method_counterfactual,
     .has_weights = true},
    {.name = "cam",
     .title = "CAM",
     .paper = "arXiv:1512.04150, eq. 2",
     .map = gcam_method_cam,
     .from = GCAM_FROM_POOLED,
     .has_weights = true},
    {.name = "gradient",
     .title = "Gradient",
     .paper = "arXiv:1312.6034, sec. 3",
     .map = gcam_method_gradient,
     .from = GCAM_FROM_INPUT,
     .has_terms = true,
     .largest = true},
    {.name = "gradientxinput",
     .title = "Gradient x input",
     .paper = "arXiv:1605.01713",
     .map = gcam_method_gradient_input,
     .from = GCAM_FROM_INPUT,
     .has_terms = true},
    {.name = "guided",
     .title = "Guided backpropagation",
     .paper = "arXiv:1412.6806",
     .map = gcam_method_gradient,
     .from = GCAM_FROM_GUIDED,
     .has_terms = true,
     .largest = true},
    {.name = "guidedgradcam",
     .title = "Guided Grad-CAM",
     .paper = "arXiv:1610.02391, sec. 3.2",
     .map = gcam_method_guided_gradcam,
     .from = GCAM_FROM_GUIDED,
     .has_terms = true,
     .largest = true,
     .needs_coarse = true},
    {.name = "smoothgrad",
     .title = "SmoothGrad",
     .paper = "arXiv:1706.03825",
     .map = gcam_method_gradient,
     .from = GCAM_FROM_INPUT,
     .has_terms = true,
     .largest = true,
     .smooth = 32},
    {.name = "integrated",
     .title = "Integrated Gradients",
     .paper = "arXiv:1703.01365, eq. 1",
     .has_terms = true,
     .forwards = &gcam_forwards_integrated},
    {.name = "scorecam",
     .title = "Score-CAM",
     .paper = "arXiv:1910.01279, eq. 5-8",
     .has_weights = true,
     .forwards = &gcam_forwards_scorecam},
    {.name = "ablationcam",
     .title = "Ablation-CAM",
     .paper = "doi:10.1109/WACV45572.2020.9093360",
     .has_weights = true,
     .forwards = &gcam_forwards_ablationcam},
    {.name = "occlusion",
     .title = "Occlusion sensitivity",
     .paper = "arXiv:1311.2901, sec. 4.2",
     .forwards = &gcam_forwards_occlusion},
    {.name = "rise",
     .title = "RISE",
     .paper = "arXiv:1806.07421, eq. 5-6",
     .forwards = &gcam_forwards_rise},
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
