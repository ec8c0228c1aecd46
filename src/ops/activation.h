/* activation.h: what the functions of activation.c keep of their attributes, for their twins. */
#ifndef GCAM_OPS_ACTIVATION_H
#define GCAM_OPS_ACTIVATION_H

/* HardSigmoid: alpha and beta. Clip: the limits. */
typedef struct gcam_activation_params {
  float a, b;
} gcam_activation_params;

#endif
