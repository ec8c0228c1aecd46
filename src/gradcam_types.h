/* gradcam_types.h: the words of gradcam.h that the inside of the engine speaks too: a part of the
 * public interface, which gradcam.h includes. It includes nothing of ours. */
#ifndef GRADCAM_TYPES_H
#define GRADCAM_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef enum gcam_status {
  GCAM_OK = 0,
  GCAM_ERR_ARGUMENT = 1,    /* an argument makes no sense: unknown class, layer, method, size */
  GCAM_ERR_MODEL = 2,       /* the model file is broken or inconsistent */
  GCAM_ERR_UNSUPPORTED = 3, /* the file is fine, but uses something the engine does not do */
  GCAM_ERR_IMAGE = 4,       /* the picture is broken or of an unknown format */
  GCAM_ERR_MEMORY = 5,      /* out of memory, or a picture/tensor over the limits */
  GCAM_ERR_STATE = 6,       /* called out of order, e.g. explain before forward */
  GCAM_ERR_CANCELLED = 7
} gcam_status;

/* Who owns the bytes of a model file. */
typedef enum gcam_ownership {
  GCAM_COPY = 0, /* the caller keeps the bytes, and may free them after gcam_model_finish */
  GCAM_TAKE = 1  /* the bytes came from malloc and now belong to the model, even when loading fails:
                    large fully connected weights are then used in place */
} gcam_ownership;

typedef enum gcam_precision {
  GCAM_FAST = 0,    /* Winograd convolutions where they pay: relative error of a layer <= 2e-5 */
  GCAM_PRECISE = 1, /* every sum as the definition has it */
  GCAM_PLAIN = 2    /* the plain loops that are the specification. Slow; for checking */
} gcam_precision;

/* How pictures and maps change their size. */
typedef enum gcam_resize {
  GCAM_NEAREST = 0, /* floor((i + 0.5) * in / out), as PIL and Keras's load_img */
  GCAM_BILINEAR = 1, /* half-pixel centres, clamped at the border, no antialiasing */
  GCAM_BICUBIC = 2  /* Keys, a = -0.75, half-pixel centres, clamped, as torch's interpolate */
} gcam_resize;

/* A fourth channel is the opacity, 255 where nothing shines through. */
typedef enum gcam_order {
  GCAM_RGB = 0,
  GCAM_BGR = 1,
  GCAM_GREY = 2,
  GCAM_RGBA = 3,
  GCAM_BGRA = 4
} gcam_order;

/* How a picture of another shape than the network's input comes to fill it. Sizes in between are
 * whole pixels, rounded as the libraries named do, so that their numbers come out. */
typedef enum gcam_fit {
  GCAM_STRETCH = 0, /* each side by itself, as Keras's load_img */
  GCAM_CROP = 1, /* scaled until it covers input / ratio, then the centre of that, as torchvision's
                    Resize(256) and CenterCrop(224) at ratio 224/256 */
  GCAM_PAD = 2   /* scaled until all of it is inside, centred, the rest filled, as PIL's
                    ImageOps.pad */
} gcam_fit;

/* What lies around a padded picture. */
typedef enum gcam_fill {
  GCAM_FILL_MEAN = 0,  /* the mean of the preprocessing: 0 after it, in every channel */
  GCAM_FILL_COLOR = 1  /* a colour */
} gcam_fill;

/* Which axes of a four-dimensional input are which. */
typedef enum gcam_axes {
  GCAM_AXES_GUESS = 0, /* told by which axis is as long as `order` has channels; NCHW where both are */
  GCAM_AXES_NCHW = 1,
  GCAM_AXES_NHWC = 2
} gcam_axes;

/* input = (value on the 0..255 scale - mean) / std, per channel, in the order named. Grey is
 * 0.299 R + 0.587 G + 0.114 B. Transparent pixels count as seen on white; where the network has a
 * channel for opacity, they are given as they are stored. All zero behind `std` is the default. */
typedef struct gcam_preprocess {
  gcam_order order;
  gcam_resize resize;
  float mean[4];
  float std[4];
  gcam_fit fit;
  float ratio;    /* of GCAM_CROP, 0 < ratio <= 1; 0 is 1: as much of the picture as possible */
  gcam_fill fill; /* of GCAM_PAD */
  float color[3]; /* of GCAM_FILL_COLOR: R, G, B on the 0..255 scale, whatever the order */
  gcam_axes axes;
} gcam_preprocess;

/* A rectangle of a picture's plane, in its pixels from its top left corner: pixel i covers [i, i+1).
 * It may end between pixels, and lie partly outside of the picture. */
typedef struct gcam_view {
  double x, y, width, height;
} gcam_view;

/* How the head's numbers become probabilities. */
typedef enum gcam_activation {
  GCAM_ACTIVATION_AUTO = 0,    /* what the file ends with; else softmax, or none for one number */
  GCAM_ACTIVATION_SOFTMAX = 1, /* classes exclude each other */
  GCAM_ACTIVATION_SIGMOID = 2, /* each unit stands for itself: several labels. One unit: two classes,
                                  the unit being the second; class 0's score is -z, its probability
                                  1 - p */
  GCAM_ACTIVATION_NONE = 3     /* values, as of a regression: no probability */
} gcam_activation;

typedef enum gcam_score {
  GCAM_SCORE_LOGIT = 0,  /* y^c before softmax, the paper's */
  GCAM_SCORE_SOFTMAX = 1 /* p_c, of softmax or sigmoid; exact where it would underflow: the map's
                            scale may be dropped */
} gcam_score;

typedef struct gcam_image gcam_image;

#endif
