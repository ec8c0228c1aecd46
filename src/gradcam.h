/* gradcam.h: the whole public interface of the engine.
 *
 * What it does. Pixels go in, predictions come out, and for any class a heatmap that says where the
 * network looked (Grad-CAM, arXiv 1610.02391, and its relatives). The engine reads ONNX files, runs
 * them forward, and runs gradients backward from a class score to any layer. It opens no file, no
 * socket and prints nothing: bytes in, numbers out.
 *
 * The simple way, from a photo to a heatmap:
 *
 *   gcam_context *ctx = gcam_context_create(2);                       // a pool of 2 threads
 *   gcam_model   *net = gcam_model_create(ctx);
 *   gcam_model_load(net, onnx_bytes, onnx_size, GCAM_COPY);           // parse
 *   gcam_model_finish(net);                                           // plan: ready to run
 *
 *   gcam_image *photo = gcam_image_decode(ctx, jpeg_bytes, jpeg_size);
 *   gcam_model_set_image(net, photo, &preprocess);
 *   gcam_model_forward(net);
 *   gcam_model_top(net, 5, ids, scores, probabilities);
 *   gcam_explain(net, "gradcam", NULL, GCAM_SCORE_LOGIT, ids, 5);     // 5 maps from one backward
 *   const float *map = gcam_map_data(net, 0);                         // h x w, before ReLU
 *
 * Rules that hold everywhere.
 *   - A function that can fail returns a gcam_status, or NULL where it makes an object; then
 *     gcam_message(ctx) says what went wrong, where, and what to do. A failed call changes nothing
 *     else: the context, and every model in it, stays usable.
 *   - Whoever calls _create/_decode/_overlay/_grid owns the result and gives it to the _free of that
 *     type; _free accepts NULL. A pointer to data inside an object lives until the next call that
 *     takes the object as a non-const argument.
 *   - A context and everything made with it is used from one thread at a time; the pool inside it
 *     spreads the work.
 *   - Shapes are given in the model's own (ONNX) order, e.g. N, C, H, W. Pictures are rows of RGBA
 *     bytes from the top left.
 */
#ifndef GRADCAM_H
#define GRADCAM_H

#include "gradcam_types.h" /* gcam_status, gcam_ownership, gcam_precision, gcam_preprocess,
                           gcam_activation, gcam_score */

#ifdef __cplusplus
extern "C" {
#endif

/* Every function marked so is exported from the WebAssembly file too. */
#define GCAM_EXPORT __attribute__((used, visibility("default")))

typedef struct gcam_context gcam_context;
typedef struct gcam_model gcam_model;

/* ---- Context -------------------------------------------------------------------------------- */

/* threads: 1 and below means no worker threads. NULL only when out of memory. */
GCAM_EXPORT gcam_context *gcam_context_create(int threads);
/* Free every model and image of the context first. */
GCAM_EXPORT void gcam_context_free(gcam_context *ctx);
/* The words of the last failure: what, where, what to do. Never NULL. */
GCAM_EXPORT const char *gcam_message(const gcam_context *ctx);
GCAM_EXPORT gcam_status gcam_last_status(const gcam_context *ctx);
GCAM_EXPORT int gcam_thread_count(const gcam_context *ctx);
GCAM_EXPORT const char *gcam_version(void); /* "0.1.0" */

/* ---- Model: loading ------------------------------------------------------------------------- */

GCAM_EXPORT gcam_model *gcam_model_create(gcam_context *ctx);
GCAM_EXPORT void gcam_model_free(gcam_model *net);

/* Settings, all before gcam_model_load. */
/* Sizes for an input whose dimensions the file leaves open, or another size than the file's:
 * ONNX order, rank <= 6, e.g. {1, 3, 160, 160}. An open batch dimension alone becomes 1. input NULL:
 * the first. */
GCAM_EXPORT gcam_status gcam_model_set_input_shape(gcam_model *net, const char *input,
                                                   const int *dims, int rank);
GCAM_EXPORT gcam_status gcam_model_set_precision(gcam_model *net, gcam_precision precision);

/* Which outputs are wanted, in this order: outputs of the file, or other tensors that a node makes,
 * so that a head can be cut off. What only others need is not looked at: it may hold operators that
 * the engine does not know. count 0: all of the file's. Also between load and finish, when
 * gcam_model_output_name says what there is; a name that is not there is refused as soon as the file
 * is read. */
GCAM_EXPORT gcam_status gcam_model_set_outputs(gcam_model *net, const char *const *names,
                                               int count);

/* Reads the ONNX ModelProto. Weights may follow as external data. */
GCAM_EXPORT gcam_status gcam_model_load(gcam_model *net, const void *onnx, size_t size,
                                        gcam_ownership ownership);
/* External data the file asks for: count of tensors, then location (file name), offset and length
 * in bytes of each. Offsets come back as double: exact up to 2^53. */
GCAM_EXPORT int gcam_model_external_count(const gcam_model *net);
GCAM_EXPORT const char *gcam_model_external_location(const gcam_model *net, int index);
GCAM_EXPORT double gcam_model_external_offset(const gcam_model *net, int index);
GCAM_EXPORT double gcam_model_external_length(const gcam_model *net, int index);
/* Pushes bytes [offset, offset + size) of the file `location`, in any order and any cut; each
 * weight is copied to where it stays, so that the source may be freed at once. */
GCAM_EXPORT gcam_status gcam_model_push(gcam_model *net, const char *location, double offset,
                                        const void *bytes, size_t size);
/* Folds constants, checks every shape, plans memory and packs weights. After it the model runs. */
GCAM_EXPORT gcam_status gcam_model_finish(gcam_model *net);
/* Where gcam_model_finish gave GCAM_ERR_UNSUPPORTED for operators: all of them, each with its first
 * node and their number, of which the message may show a few. NULL: no more. */
GCAM_EXPORT const char *gcam_model_unsupported(const gcam_model *net, int index);

/* The ONNX operators that are known, by name. */
GCAM_EXPORT int gcam_operator_count(void);
GCAM_EXPORT const char *gcam_operator_name(int index);
/* 1: where all of its inputs are constants, at load, and not on what comes from the picture. */
GCAM_EXPORT int gcam_operator_constant(int index);

/* ---- Model: what is inside ------------------------------------------------------------------ */

GCAM_EXPORT int gcam_model_input_count(const gcam_model *net);
GCAM_EXPORT const char *gcam_model_input_name(const gcam_model *net, int index);
/* After load: those that the file has. After finish: those that are wanted (set_outputs). */
GCAM_EXPORT int gcam_model_output_count(const gcam_model *net);
GCAM_EXPORT const char *gcam_model_output_name(const gcam_model *net, int index);
/* Shape of any tensor by name, ONNX order. Returns the rank, or -1 when there is none so named. */
GCAM_EXPORT int gcam_model_shape(const gcam_model *net, const char *tensor, int *dims, int max_rank);

/* The head: the output that the classes come from. By itself it is the one most like class scores:
 * one row of numbers; of these one that ends in a Softmax or Sigmoid; of these one that no other
 * output is computed from; of these one of several numbers; of these the first. */
GCAM_EXPORT int gcam_model_head(const gcam_model *net); /* index of the output; -1: not finished */
/* By tensor name; NULL: as it is by itself. Maps and the default layer are made anew. */
GCAM_EXPORT gcam_status gcam_model_set_head(gcam_model *net, const char *output);

GCAM_EXPORT gcam_activation gcam_model_activation(const gcam_model *net); /* never AUTO */
/* After gcam_model_finish; for what the file does not say: logits whose classes do not exclude each
 * other, one logit of two classes, numbers that are no logits. */
GCAM_EXPORT gcam_status gcam_model_set_activation(gcam_model *net, gcam_activation activation);
/* Number of classes: length of the scores. 2 for one sigmoid unit. 0 where the head is not one row
 * of numbers, such as a picture: then only gcam_explain_cotangents explains it. */
GCAM_EXPORT int gcam_model_class_count(const gcam_model *net);
/* Is the head a picture, [N][C][H][W] with H W > 1? Its shape: gcam_model_shape. */
GCAM_EXPORT int gcam_model_head_is_picture(const gcam_model *net);

/* How a transformer's tokens lie on the picture: tensors [1][skip + height * width][channels] are
 * layers of that height and width, whose first `skip` tokens are no positions. Found from the patch
 * convolution where there is one; 0, 0, 0: as it is found. After gcam_model_finish; the list of
 * layers is made anew. */
GCAM_EXPORT gcam_status gcam_model_set_grid(gcam_model *net, int height, int width, int skip);

/* Layers that a map can be asked for: every spatial activation, and every tensor of tokens on a
 * grid, input to output. */
GCAM_EXPORT int gcam_model_layer_count(const gcam_model *net);
GCAM_EXPORT const char *gcam_model_layer_name(const gcam_model *net, int index);   /* tensor */
GCAM_EXPORT const char *gcam_model_layer_node(const gcam_model *net, int index);   /* node */
GCAM_EXPORT const char *gcam_model_layer_op(const gcam_model *net, int index);     /* e.g. "Relu" */
GCAM_EXPORT int gcam_model_layer_height(const gcam_model *net, int index);
GCAM_EXPORT int gcam_model_layer_width(const gcam_model *net, int index);
GCAM_EXPORT int gcam_model_layer_channels(const gcam_model *net, int index);
GCAM_EXPORT int gcam_model_layer_is_tokens(const gcam_model *net, int index); /* of a transformer */
GCAM_EXPORT int gcam_model_layer_skip(const gcam_model *net, int index); /* tokens before the grid */
/* The layer taken when none is named: the last spatial activation before the head, powers before an
 * average (GeM) aside; of tokens the last that all that counts flows through, as wide as what the
 * head reads: what the last attention reads. -1: none. */
GCAM_EXPORT int gcam_model_default_layer(const gcam_model *net);
/* Index of a layer by tensor name, node name, or a Keras/torch layer name that is part of either;
 * -1 and a message that lists near misses when there is none. */
GCAM_EXPORT int gcam_model_find_layer(gcam_model *net, const char *name);

/* ---- Model: running ------------------------------------------------------------------------- */

/* Resizes and normalises the picture into the model's first input. */
GCAM_EXPORT gcam_status gcam_model_set_image(gcam_model *net, const gcam_image *image,
                                             const gcam_preprocess *pre);
/* What that input shows of a picture of width x height pixels: stretched, the whole of it; cropped,
 * the part that is seen; padded, more than the picture. A map of the network lies on exactly this. */
GCAM_EXPORT gcam_status gcam_model_view(gcam_model *net, int width, int height,
                                        const gcam_preprocess *pre, gcam_view *view);
/* Or raw values in ONNX order; count must be the input's size. input NULL: the first. */
GCAM_EXPORT gcam_status gcam_model_set_input(gcam_model *net, const char *input,
                                             const float *values, size_t count);
GCAM_EXPORT gcam_status gcam_model_forward(gcam_model *net);
/* Gives a tensor of the last forward other values, and runs again what depends on it: what would the
 * network say if this layer had found something else? ONNX order; count must match its size. Every
 * later answer is about these values until gcam_model_forward has run again, as it must after a failure. */
GCAM_EXPORT gcam_status gcam_model_forward_from(gcam_model *net, const char *tensor,
                                                const float *values, size_t count);

/* Copies any tensor of the last forward, ONNX order; count must match its size. */
GCAM_EXPORT gcam_status gcam_model_read(gcam_model *net, const char *tensor, float *values,
                                        size_t count);
/* The k best classes of the last forward, best first: ids[k], scores[k] (logits, or the file's
 * output where it holds no logits), probabilities[k] (NaN: there are none). Returns how many there are (<= k), -1 failed. */
GCAM_EXPORT int gcam_model_top(gcam_model *net, int k, int *ids, float *scores,
                               float *probabilities);
/* Score and probability of every class: arrays of gcam_model_class_count, either may be NULL. */
GCAM_EXPORT gcam_status gcam_model_scores(gcam_model *net, float *scores, float *probabilities);

/* Vector-Jacobian products, B at once: cotangents [B][size of output] in, gradients
 * [B][size of target] out, both in ONNX order: out_b = cotangent_b^T d(output)/d(target). */
GCAM_EXPORT gcam_status gcam_model_vjp(gcam_model *net, const char *output, const float *cotangents,
                                       int B, const char *target, float *gradients);

/* ---- Explaining ----------------------------------------------------------------------------- */

GCAM_EXPORT int gcam_method_count(void);
GCAM_EXPORT const char *gcam_method_name(int index);  /* "gradcam" */
GCAM_EXPORT const char *gcam_method_title(int index); /* "Grad-CAM" */
GCAM_EXPORT const char *gcam_method_paper(int index); /* "arXiv:1610.02391, eq. 1-2" */

/* One map per class. Methods that take one gradient work from the activations of the last forward
 * and never run it again; asking another one that needs the same gradient (Grad-CAM and its kin only
 * its mean over the positions) does not run backward again either. method NULL: "gradcam". layer
 * NULL: the default layer; several, separated by commas, are fused: the mean of their maps after
 * ReLU, each divided by its maximum. 1 <= count <= 64. */
GCAM_EXPORT gcam_status gcam_explain(gcam_model *net, const char *method, const char *layer,
                                     gcam_score score, const int *classes, int count);
/* The same for any score that is a sum over the classes: weights [count][gcam_model_class_count].
 * One class: 1 there. Several classes together: 1 at each. Class a, not b: 1 and -1. */
GCAM_EXPORT gcam_status gcam_explain_targets(gcam_model *net, const char *method, const char *layer,
                                             gcam_score score, const float *weights, int count);
/* Any target: the score is the product of a cotangent and an output, whose gradient the cotangent is.
 * output: name of an output, or of any tensor that the model computes; NULL: the head's. cotangents:
 * [count][size of output] in its ONNX order. E.g. the pixels of one class of a segmentation: 1 there.
 * Methods that contrast classes (finercam) refuse. */
GCAM_EXPORT gcam_status gcam_explain_cotangents(gcam_model *net, const char *method,
                                                const char *layer, const char *output,
                                                const float *cotangents, int count);

/* The same, step by step: for methods that run the network hundreds of times, so that the caller can
 * show progress, and stop by freeing the job. The maps are the model's after the last step. Until
 * the job is freed, do nothing else with the model. The caller frees the job before the model. */
typedef struct gcam_task gcam_task;
GCAM_EXPORT gcam_task *gcam_task_create(gcam_model *net, const char *method, const char *layer,
                                        gcam_score score, const float *weights, int count);
GCAM_EXPORT gcam_task *gcam_task_create_cotangents(gcam_model *net, const char *method,
                                                   const char *layer, const char *output,
                                                   const float *cotangents, int count);
/* A step that fails puts the task back to its beginning. */
GCAM_EXPORT gcam_status gcam_task_step(gcam_task *task);
GCAM_EXPORT int gcam_task_done(const gcam_task *task);  /* steps; done == total: finished */
GCAM_EXPORT int gcam_task_total(const gcam_task *task);
/* An early picture: what the steps so far say of map `index`, [height][width], before ReLU, valid
 * until the next call. NULL before the first step and after the last, and without memory. */
GCAM_EXPORT const float *gcam_task_preview(gcam_task *task, int index);
GCAM_EXPORT int gcam_task_height(const gcam_task *task);
GCAM_EXPORT int gcam_task_width(const gcam_task *task);
/* Gives the model its input and activations back if the task did not reach its end. */
GCAM_EXPORT void gcam_task_free(gcam_task *task);

/* Options of methods, by name; they hold for every later explanation of the model. */
GCAM_EXPORT int gcam_option_count(void);
GCAM_EXPORT const char *gcam_option_name(int index); /* "samples" */
GCAM_EXPORT const char *gcam_option_text(int index); /* what it does, in a line */
GCAM_EXPORT double gcam_option_default(int index);
GCAM_EXPORT gcam_status gcam_model_set_option(gcam_model *net, const char *name, double value);

/* Layers with weights, counted from the output: their node's name; NULL: no more. */
GCAM_EXPORT const char *gcam_model_weight_layer(const gcam_model *net, int index);
/* The sanity check of arXiv 1810.03292: the first `layers` of those get random weights of the same
 * spread. For good: load the model anew to have it back. Forward must be run again. */
GCAM_EXPORT gcam_status gcam_model_randomise(gcam_model *net, int layers, double seed);

/* Results of the last explanation. Data: height x width, before ReLU, never NaN or infinite. */
GCAM_EXPORT int gcam_map_count(const gcam_model *net);
GCAM_EXPORT int gcam_map_height(const gcam_model *net);
GCAM_EXPORT int gcam_map_width(const gcam_model *net);
GCAM_EXPORT int gcam_map_layer(const gcam_model *net); /* index of the layer used */
GCAM_EXPORT const float *gcam_map_data(const gcam_model *net, int index);
/* Channel weights alpha_k of map `index`, [channels] of the layer; NULL where the method has none. */
GCAM_EXPORT const float *gcam_map_weights(const gcam_model *net, int index);
/* Methods to the input: the attribution of every channel of every pixel, [height][width][channels].
 * Their map is the sum over the channels for products with the input (gradient x input, Integrated
 * Gradients), whose sum explains the score, else the largest absolute value. NULL: other methods. */
GCAM_EXPORT const float *gcam_map_terms(const gcam_model *net, int index);
GCAM_EXPORT int gcam_map_channels(const gcam_model *net);
/* Integrated Gradients: sum of the map minus (score - score of the baseline); 0 for others. */
GCAM_EXPORT double gcam_map_delta(const gcam_model *net, int index);

/* Warnings of the last forward and explain: a stable name and a sentence. */
GCAM_EXPORT int gcam_warning_count(const gcam_model *net);
GCAM_EXPORT const char *gcam_warning_name(const gcam_model *net, int index); /* "no-evidence" */
GCAM_EXPORT const char *gcam_warning_text(const gcam_model *net, int index);

/* ---- Cost ----------------------------------------------------------------------------------- */

/* Bytes held now by weights and packed weights / by activations and gradients. */
GCAM_EXPORT double gcam_model_weight_bytes(const gcam_model *net);
GCAM_EXPORT double gcam_model_activation_bytes(const gcam_model *net);

/* ---- Pictures ------------------------------------------------------------------------------- */

/* JPEG, PNG, GIF (first frame), BMP; EXIF orientation applied. At most 2^28 pixels. A file that lacks
 * nothing but its end mark is a picture; one that lacks data is not. `bytes` are the file as it is:
 * what comes as numbers of another kind (floats, 16 bits, a canvas of another colour space) is the
 * caller's to convert. */
GCAM_EXPORT gcam_image *gcam_image_decode(gcam_context *ctx, const void *bytes, size_t size);
/* Copies width x height RGBA pixels: bytes, sRGB, straight alpha, rows from the top. */
GCAM_EXPORT gcam_image *gcam_image_from_rgba(gcam_context *ctx, const uint8_t *rgba, int width,
                                             int height);
GCAM_EXPORT void gcam_image_free(gcam_image *image);
GCAM_EXPORT int gcam_image_width(const gcam_image *image);
GCAM_EXPORT int gcam_image_height(const gcam_image *image);
GCAM_EXPORT const uint8_t *gcam_image_rgba(const gcam_image *image);
/* What a person should know about a picture that was read all the same: a stable name ("dark-16-bit":
 * a file of 16 bits a channel that uses 14 or fewer of them, and so looks almost black) and a sentence;
 * NULL: nothing. Both live as long as the picture. */
GCAM_EXPORT const char *gcam_image_warning_name(const gcam_image *image);
GCAM_EXPORT const char *gcam_image_warning_text(const gcam_image *image);
/* PNG bytes, held by the image until it is freed or encoded again; size in *size. NULL: failed. */
GCAM_EXPORT const uint8_t *gcam_image_png(gcam_context *ctx, gcam_image *image, size_t *size);
GCAM_EXPORT gcam_image *gcam_image_resize(gcam_context *ctx, const gcam_image *image, int width,
                                          int height, gcam_resize how);

/* ---- Heatmaps as pictures ------------------------------------------------------------------- */

GCAM_EXPORT int gcam_colormap_count(void);
GCAM_EXPORT const char *gcam_colormap_name(int index); /* "jet", "turbo", "viridis", ... */
/* 256 RGB triples of a colour map by name; NULL: unknown. */
GCAM_EXPORT const uint8_t *gcam_colormap_rgb(const char *name);

/* Resizes a map of floats, half-pixel centres, onto the part `view` of dst[dh][dw], in its pixels (a
 * view of a picture at another size is scaled along); pixels that lie outside by half or more become
 * `outside`. view NULL: onto all of it. */
GCAM_EXPORT gcam_status gcam_map_resize(gcam_context *ctx, const float *map, int width, int height,
                                        float *dst, int dst_width, int dst_height,
                                        const gcam_view *view, float outside, gcam_resize how);
/* alpha * colour(map) + (1 - alpha) * picture at the picture's own size. map: h x w values in 0..1,
 * resized by `how` onto `view` before it is coloured. What the network did not see is shown in dim
 * grey, 0.4 * (0.299 R + 0.587 G + 0.114 B); a pixel on the border is partly each. view NULL: the
 * network saw all of it. */
GCAM_EXPORT gcam_image *gcam_overlay(gcam_context *ctx, const gcam_image *image, const float *map,
                                     int map_width, int map_height, const gcam_view *view,
                                     const char *colormap, float alpha, gcam_resize how);
/* Tiles in `columns` columns, each scaled to the same width, a title (UTF-8) above each. */
GCAM_EXPORT gcam_image *gcam_grid(gcam_context *ctx, gcam_image *const *tiles,
                                  const char *const *titles, int count, int columns,
                                  int tile_width);

#ifdef __cplusplus
}
#endif
#endif
