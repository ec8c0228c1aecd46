/* methods.h: the functions behind the table of methods, a file each. */
#ifndef GCAM_CAM_METHODS_H
#define GCAM_CAM_METHODS_H

#include "cam/method.h"

void gcam_method_gradcam(const gcam_cam *cam);
void gcam_method_gradcampp(const gcam_cam *cam);
void gcam_method_hirescam(const gcam_cam *cam);
void gcam_method_layercam(const gcam_cam *cam);
void gcam_method_xgradcam(const gcam_cam *cam);
void gcam_method_eigencam(const gcam_cam *cam);
void gcam_method_eigengradcam(const gcam_cam *cam);
void gcam_method_cam(const gcam_cam *cam);
void gcam_method_counterfactual(const gcam_cam *cam);
void gcam_target_finercam(float *weights, const float *scores, int classes,
                          const gcam_options *options);

/* To the input: terms and map have its size. */
void gcam_method_gradient(const gcam_cam *cam);
void gcam_method_gradient_input(const gcam_cam *cam);
void gcam_method_guided_gradcam(const gcam_cam *cam);

/* By many forwards. */
extern const gcam_forwards gcam_forwards_integrated, gcam_forwards_scorecam,
    gcam_forwards_ablationcam, gcam_forwards_occlusion, gcam_forwards_rise;

#endif
