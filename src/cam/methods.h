/* methods.h: the functions behind the table of methods, a file each. */
#ifndef GCAM_CAM_METHODS_H
#define GCAM_CAM_METHODS_H

#include "cam/method.h"

void gcam_method_gradcam(const gcam_cam *cam);

#endif
