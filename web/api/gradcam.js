/**
 * The public API, the same in browsers and in Node; index.js and node.js give it its page.
 */
import { GradCamError } from '../base/errors.js';
import { findClass, nearMisses, title } from '../base/labels.js';
import { isModelName } from '../files/sources.js';
import { findPreset } from './presets.js';
import { Connection } from '../worker/protocol.js';
import { boxes, mask, normalise, overlay, signed, veil } from '../paint/render.js';

/**
 * @typedef {import('../worker/protocol.js').Progress} Progress
 * @typedef {import('../worker/protocol.js').Warning} Warning
 * @typedef {import('../worker/protocol.js').LayerInfo} LayerInfo
 * @typedef {string | URL | Blob | ArrayBuffer | Uint8Array} Source   a name, address, path or bytes
 *
 * @typedef {object} LoadOptions
 * @property {(progress: Progress) => void} [onProgress]  bytes of each file as they come
 * @property {AbortSignal} [signal]          ends it with a GradCamError 'cancelled'
 * @property {'auto' | number} [threads]     'auto': as many as help, 1 where threads cannot be had
 * @property {'auto' | 'simd' | 'relaxed'} [variant]  without or with fused multiply-add (relaxed SIMD);
 *   default: with, where it runs
 * @property {string | URL} [wasmUrl]        folder of gradcam.wasm, if not beside this script
 * @property {string | URL} [modelsUrl]      folder of the models known by name (browsers)
 * @property {string | object} [preprocess]  'torch', 'tf', 'caffe', 'none', a list like
 *   'bgr,mean=104/117/123,std=1/1/1', or {order, mean, std, resize}; default: the model's card
 * @property {'nearest' | 'bilinear' | 'bicubic'} [resize]  how pictures come to the input's size
 * @property {string | string[]} [labels]    'imagenet', names, or the address of a JSON list
 * @property {Record<string, number[]>} [inputShape]  sizes for inputs, ONNX order: {input: [1, 3, 160, 160]}
 * @property {boolean} [precise]             plain loops only; slow, for checking
 * @property {'auto' | 'none'} [cache]       browsers: whether files whose digest is known are kept for the
 *   next visit
 * @property {string} [arch]                 Keras files without a model: 'vgg16', 'xception', ...; default:
 *   found out from the layers
 * @property {'f32' | 'f16' | 'int8'} [weights]  Keras files: how the weights are held; default 'f32'
 * @property {string | URL} [packagesUrl]    Keras files on pages without a bundler: folder that holds
 *   h5wasm/ and fflate/; default: node_modules beside the package
 *
 * @typedef {object} ExplainOptions
 * @property {number} [top]                  how many predictions; default 5
 * @property {(number | string | {plus?: (number | string)[], minus?: (number | string)[]})[]} [classes]
 *   maps for these, by id or name, or for a sum or difference of several; default: the top ones
 * @property {string} [method]               see GradCam.methods(); default 'gradcam'
 * @property {Record<string, number>} [options]  of the method, see GradCam.options()
 * @property {string | string[]} [layer]     default: the model's, see GradCam.defaultLayer; several
 *   are fused
 * @property {(progress: Progress) => void} [onProgress]  steps of methods that run the network often
 * @property {string} [preset]               default 'paper'
 * @property {'logit' | 'softmax'} [score]   default: the preset's
 * @property {'preprocessed' | 'raw'} [mapInput]  what the maps are made from: what the predictions are,
 *   or the picture's own RGB values, as a published figure was; default: the preset's
 * @property {string | object} [preprocess]  for this picture only
 * @property {'nearest' | 'bilinear' | 'bicubic'} [resize]  for this picture only
 * @property {boolean} [raw]                 report() gives raw maps
 * @property {boolean} [picture]             false: do not bring the decoded picture along (faster for
 *   video; toCanvas and toPNG then need a picture)
 * @property {AbortSignal} [signal]          ends it; what is asked next works as ever
 *
 * @typedef {object} PaintOptions
 * @property {string} [preset]               the following default to its row of the table
 * @property {string} [colormap]             'jet', 'turbo', 'viridis', ...
 * @property {number} [alpha]                weight of the heat, 0..1
 * @property {'nearest' | 'bilinear' | 'bicubic'} [interpolation]  from the map's size to the picture's
 * @property {number} [fade]                 above 0: the heat fades out towards the map's 0, and is fully
 *   there from 1/fade of its maximum on; default 0, the same weight everywhere
 *
 * @typedef {object} Report   what --json of the command line gives too
 * @property {{file: string | null, width: number, height: number}} image
 * @property {{name: string, input: [number, number], classes: number}} model
 * @property {string} method
 * @property {string} layer
 * @property {'logit' | 'softmax'} score
 * @property {{id: number, name: string, score: number, probability: number}[]} predictions
 * @property {{class: {id: number, name: string}, width: number, height: number, max: number, data: number[],
 *   boxes?: Box[]}[]} maps   data: row by row, divided by max; raw: the sum before ReLU
 * @property {{decode: number, forward: number, backward: number}} timings   milliseconds
 * @property {Warning[]} warnings
 *
 * @typedef {object} Box      in the picture's pixels
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 * @property {number} area    of the part of the map inside
 * @property {number} peak    the map's largest value inside, 0..1
 */

const SCORES = ['logit', 'softmax'];
const INTERPOLATIONS = ['nearest', 'bilinear', 'bicubic'];

function oneOf(value, allowed, name) {
  if (allowed.includes(value)) return value;
  throw new GradCamError('argument',
    `${name} is ${JSON.stringify(value)}, but must be one of ${allowed.join(', ')}.`);
}

const LOAD_OPTIONS = ['onProgress', 'signal', 'threads', 'variant', 'wasmUrl', 'modelsUrl', 'preprocess', 'resize',
  'labels', 'inputShape', 'precise', 'cache', 'arch', 'weights', 'packagesUrl'];
const EXPLAIN_OPTIONS = ['top', 'classes', 'method', 'options', 'layer', 'onProgress', 'preset', 'score', 'mapInput',
  'preprocess', 'resize', 'raw', 'picture', 'signal'];
const STEPS_OPTIONS = ['class', 'layer', 'preprocess', 'resize', 'signal'];
const PAINT_OPTIONS = ['preset', 'colormap', 'alpha', 'fade', 'interpolation'];

const didYouMean = (name, names) => {
  const [near] = nearMisses(name, names);
  return near ? `Did you mean "${near}"?` : `There are: ${names.join(', ')}.`;
};

/** A mistyped option would go unnoticed, and a listener that is none would fail far from here. */
function checkOptions(options, known, where) {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new GradCamError('argument', `${where} has no option "${name}". ${didYouMean(name, known)}`);
    }
  }
  const { onProgress, signal } = options;
  if (onProgress && typeof onProgress !== 'function') {
    throw new GradCamError('argument', 'onProgress must be a function.');
  }
  if (signal && typeof signal.addEventListener !== 'function') {
    throw new GradCamError('argument', 'signal must be an AbortSignal.');
  }
}

/** A file of any kind as it can be sent to the worker; null when it is none. */
function fileSpec(source, page) {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
  if (typeof Blob === 'function' && source instanceof Blob) return page.sendable(source);
  if (typeof source === 'string' || source instanceof URL) return page.absolute(source);
  if (source?.bytes instanceof Uint8Array) return source;
  return null;
}

/** The files of one model, as somebody drops them all at once. */
function sortFiles(files) {
  const named = (pattern) => files.filter(
    (file) => pattern.test(typeof file === 'string' ? file : file?.name ?? ''));
  const models = named(/\.(onnx|h5|hdf5|keras)$/i);
  if (models.length !== 1) {
    throw new GradCamError('argument', `A model is one .onnx, .h5, .hdf5 or .keras file, with its ` +
      `weights and model.json where it has such; ${models.length} came.`);
  }
  const [card] = named(/\.json$/i);
  return { onnx: models[0], weights: files.filter((file) => file !== models[0] && file !== card), card };
}

/** @returns {import('../worker/protocol.js').SourceSpec} */
function modelSpec(given, page) {
  const list = Array.isArray(given) || (typeof FileList === 'function' && given instanceof FileList);
  const source = list ? sortFiles([...given]) : given;
  const { onnx, weights = [], card } = source?.onnx === undefined ? { onnx: source } : source;
  const named = typeof onnx === 'string' && isModelName(onnx);
  const spec = named ? onnx : fileSpec(onnx, page);
  const files = [...weights].map((file) => fileSpec(file, page));
  if (spec === null || files.includes(null)) {
    throw new GradCamError('argument', 'A model is a name, an address, a path, a File, bytes, ' +
      '{onnx, weights: [files], card}, or a list of the files.');
  }
  return { onnx: spec, weights: files, card: fileSpec(card, page) ?? card };
}

export class GradCamBase {
  /** @internal @type {import('./page-browser.js').Page} */
  static page;

  #connection;
  #info;
  #page;

  /** Use GradCam.load(). */
  constructor(connection, info, page) {
    if (!connection) throw new GradCamError('argument', 'Use await GradCam.load() in place of new GradCam().');
    this.#connection = connection;
    this.#info = info;
    this.#page = page;
  }

  /**
   * Loads a model into a worker of its own.
   * @param {Source | Source[] | {onnx: Source, weights?: Source[], card?: object | Source}} [source]
   *   an ONNX or a Keras file (.h5, .hdf5, .keras); default: the bundled 'pocket'. weights: ONNX
   *   external data, where it does not lie beside the file; card: its model.json. A list: all these
   *   files, told apart by their names
   * @param {LoadOptions} [options]
   */
  static async load(source = 'pocket', options = {}) {
    const { onProgress, signal, threads = 'auto', variant = 'auto', wasmUrl, modelsUrl } = options;
    const { preprocess, resize, labels, inputShape, precise = false } = options;
    const { cache = 'auto', arch, weights, packagesUrl } = options;
    const { page } = this;
    checkOptions(options, LOAD_OPTIONS, 'load()');
    if (threads !== 'auto' && !(Number.isInteger(threads) && threads >= 1 && threads <= 64)) {
      throw new GradCamError('argument', `threads is ${JSON.stringify(threads)}, but must be 'auto' or 1 to 64.`);
    }
    oneOf(variant, ['auto', 'simd', 'relaxed'], 'variant');
    oneOf(cache, ['auto', 'none'], 'cache');
    if (weights !== undefined) oneOf(weights, ['f32', 'f16', 'int8'], 'weights');
    const folder = (address) => address && page.absolute(String(address));
    const args = {
      source: modelSpec(source, page),
      threads,
      variant,
      wasmUrl: folder(wasmUrl),
      modelsUrl: folder(modelsUrl),
      preprocess,
      resize,
      labels: typeof labels === 'string' && labels !== 'imagenet' ? page.absolute(labels) : labels,
      inputShape,
      precise,
      cache,
      arch,
      weights,
      packagesUrl: folder(packagesUrl),
    };
    const connection = new Connection(page.spawn());
    try {
      const info = await connection.ask('load', args, { signal, onProgress });
      return new this(connection, info, page);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /**
   * What was loaded.
   * @returns {Pick<import('../worker/protocol.js').ModelInfo, 'name' | 'input' | 'channels' | 'classes' |
   *   'engine' | 'threads' | 'preprocess'>}
   */
  get model() {
    const { name, input, channels, classes, engine, threads, preprocess } = this.#info;
    return { name, input, channels, classes, engine, threads, preprocess };
  }

  /** Names of the classes, by id. @returns {string[]} */
  get labels() {
    return [...this.#info.labels];
  }

  /** Layers that a map can be asked for, from the input to the output. @returns {LayerInfo[]} */
  layers() {
    return this.#info.layers.map((layer) => ({ ...layer }));
  }

  /** The layer taken when none is named. @returns {string | null} */
  get defaultLayer() {
    return this.#info.defaultLayer;
  }

  /** The explanation methods, each with its paper. @returns {{name: string, title: string, paper: string}[]} */
  methods() {
    return this.#info.methods.map((method) => ({ ...method }));
  }

  /** Numbers that methods take in explain()'s options. @returns {{name: string, text: string, default: number}[]} */
  options() {
    return this.#info.options.map((option) => ({ ...option }));
  }

  /** Names of the colour maps. @returns {string[]} */
  colormaps() {
    return this.#info.colormaps.map(({ name }) => name);
  }

  /** The 256 RGB triples of a colour map. @param {string} name @returns {Uint8Array} */
  colormap(name) {
    oneOf(name, this.colormaps(), 'colormap');
    return this.#info.colormaps.find((map) => map.name === name).rgb.slice();
  }

  /** The id of a class given by id or name; throws with near misses. @param {number | string} wanted */
  findClass(wanted) {
    return findClass(wanted, this.#info.labels);
  }

  /**
   * Predictions and maps for a picture. Asking again about the same picture with other classes,
   * another layer, method or score does not run the network forward again.
   * @param {any} image  canvas, ImageData, ImageBitmap, <img>, <video>, VideoFrame, Blob, address,
   *   encoded bytes, {width, height, data} (RGBA), or a path (Node)
   * @param {ExplainOptions} [options]
   * @returns {Promise<Explanation>}
   */
  async explain(image, options = {}) {
    checkOptions(options, EXPLAIN_OPTIONS, 'explain()');
    const { top = 5, classes, method = 'gradcam', preprocess, signal, onProgress } = options;
    const methods = this.#info.methods.map(({ name }) => name);
    if (!methods.includes(method)) {
      throw new GradCamError('argument', `There is no method "${method}". ${didYouMean(String(method), methods)}`);
    }
    const layer = options.layer === undefined ? undefined : [options.layer].flat().join(',');
    const preset = findPreset(options.preset);
    const score = oneOf(options.score ?? preset.score, SCORES, 'score');
    const resize = options.resize ?? preset.resize ?? undefined;
    const mapInput = oneOf(options.mapInput ?? preset.mapInput, ['preprocessed', 'raw'], 'mapInput');
    if (!(Number.isInteger(top) && top >= 1)) {
      throw new GradCamError('argument', `top is ${JSON.stringify(top)}, but must be a whole number from 1.`);
    }
    const { picture, own } = await this.#picture(image);
    const wantPicture = options.picture !== false;
    const value = await this.#connection.ask('explain', {
      picture,
      top,
      classes: classes === undefined ? undefined : [classes].flat(),
      method,
      options: options.options,
      layer,
      score,
      preprocess,
      resize,
      mapInput,
      pixels: wantPicture && !own,
    }, { signal, onProgress });
    if (own && wantPicture) value.picture.data = own.data;
    return this.#explanation(value, { preset, score, raw: options.raw ?? false });
  }

  /** A picture of any kind as it can be sent to the worker; own: its pixels, if we have them. */
  async #picture(image) {
    const own = image?.data !== undefined && Number.isInteger(image.width) ? image
      : await this.#page.snapshot(image);
    const picture = own ? { width: own.width, height: own.height, data: own.data }
      : fileSpec(image, this.#page);
    if (picture) return { picture, own };
    throw new GradCamError('argument', 'A picture is a canvas, ImageData, ImageBitmap, <img>, ' +
      '<video>, Blob, address, encoded bytes, {width, height, data}, or a path in Node.');
  }

  #explanation(value, settings) {
    return new Explanation(value, { ...settings, info: this.#info, connection: this.#connection,
      page: this.#page });
  }

  /**
   * Grad-CAM of one class with everything on the way: map = sum over k of alpha_k A^k, where alpha_k
   * is the mean of the gradient dy^c/dA^k over the layer's positions (arXiv:1610.02391, eq. 1-2).
   * @param {any} image  as for explain()
   * @param {{class?: number | string, layer?: string, preprocess?: string | object,
   *   resize?: 'nearest' | 'bilinear' | 'bicubic', signal?: AbortSignal}} [options]
   *   class: by id or name; default: the best one
   * @returns {Promise<Steps>}
   */
  async steps(image, options = {}) {
    checkOptions(options, STEPS_OPTIONS, 'steps()');
    const { class: wanted, layer, preprocess, resize, signal } = options;
    const { picture, own } = await this.#picture(image);
    const value = await this.#connection.ask('steps', { picture, class: wanted, layer, preprocess,
      resize, pixels: !own }, { signal });
    if (own) value.explanation.picture.data = own.data;
    const preset = findPreset();
    return new Steps(value, this.#explanation(value.explanation, { preset, score: 'logit', raw: false }));
  }

  /**
   * The picture and its maps as one PNG, with titles like "718, Pier  77.1 %".
   * @param {HeatMap[]} maps  of one explanation
   * @param {PaintOptions & {columns?: number, tileWidth?: number, title?: string,
   *   signal?: AbortSignal}} [options]
   * @returns {Promise<Uint8Array>}
   */
  async grid(maps, options = {}) {
    checkOptions(options, [...PAINT_OPTIONS, 'columns', 'tileWidth', 'title', 'signal'], 'grid()');
    if (!maps.length) throw new GradCamError('argument', 'A grid needs at least one map.');
    const picture = maps[0].picture;
    const tileWidth = options.tileWidth ?? Math.min(480, Math.max(240, picture.width));
    const tiles = maps.map((map) => ({ ...map.paintArgs(options), title: title(map.class, map.probability) }));
    return this.#connection.ask('grid', {
      picture: tiles[0].picture,
      title: options.title ?? 'Picture',
      tiles: tiles.map(({ map, style, title: words }) => ({ map, style, title: words })),
      columns: options.columns ?? 3,
      tileWidth,
    }, { signal: options.signal });
  }

  /**
   * Score (logit) and probability of every class, without maps.
   * @param {any} image   as in explain()
   * @param {{preprocess?: string | object, resize?: string, signal?: AbortSignal}} [options]
   * @returns {Promise<{scores: Float32Array, probabilities: Float32Array}>}
   */
  async scores(image, { preprocess, resize, signal } = {}) {
    const { picture } = await this.#picture(image);
    return this.#connection.ask('scores', { picture, preprocess, resize }, { signal });
  }

  /** Names of the layers with weights, from the output on. @returns {Promise<string[]>} */
  weightLayers() {
    return this.#connection.ask('weightLayers', {});
  }

  /**
   * Gives the last layers random weights, for the sanity check of arXiv:1810.03292. Load the model
   * anew to have it back.
   * @param {number} layers   how many of weightLayers()
   * @param {number} [seed]
   * @returns {Promise<void>}
   */
  randomise(layers, seed = 1) {
    return this.#connection.ask('randomise', { layers, seed });
  }

  /**
   * Bytes in use: of the WebAssembly memory (which never shrinks), and in it by weights and by
   * activations.
   * @returns {Promise<{heap: number, weights: number, activations: number}>}
   */
  memory() {
    return this.#connection.ask('memory', {});
  }

  /** Ends the worker and frees everything. */
  dispose() {
    this.#connection.close();
  }
}

/** What one explain() gave. */
export class Explanation {
  #info;
  #raw;

  constructor(value, { preset, score, raw, info, connection, page }) {
    this.#info = info;
    this.#raw = raw;
    /** The picture as the engine decoded it, RGBA; no data with picture: false.
     * @type {{width: number, height: number, data?: Uint8Array}} */
    this.picture = value.picture;
    /** The best first; score: before the softmax.
     * @type {{id: number, name: string, score: number, probability: number}[]} */
    this.predictions = value.predictions;
    /** One for each class asked about. @type {HeatMap[]} */
    this.maps = value.maps.map((map) => new HeatMap(map,
      { width: value.width, height: value.height, picture: value.picture, preset, info, connection, page }));
    /** The tensor's name. @type {string} */
    this.layer = value.layer;
    /** By its name in methods(). @type {string} */
    this.method = value.method;
    /** What the maps ask about. @type {'logit' | 'softmax'} */
    this.score = score;
    /** What colours and overlay follow. @type {string} */
    this.preset = preset.name;
    /** In milliseconds; 0 where nothing had to run again. @type {{decode: number, forward: number, backward: number}} */
    this.timings = value.timings;
    /** What a reader should know before believing the maps. @type {Warning[]} */
    this.warnings = value.warnings;
  }

  /**
   * The explanation as plain data, in the shape that the command line's --json has.
   * @param {{file?: string, raw?: boolean, boxes?: number}} [options]  raw: maps before ReLU and
   *   division; boxes: with the boxes above this part of the maximum
   * @returns {Report}
   */
  report({ file, raw = this.#raw, boxes: threshold } = {}) {
    const { name, input, classes } = this.#info;
    const { decode, forward, backward } = this.timings;
    const short = (value, digits = 7) => Number(value.toPrecision(digits));
    const ms = (value) => Number(value.toFixed(2));
    return {
      image: { file: file ?? null, width: this.picture.width, height: this.picture.height },
      model: { name, input, classes },
      method: this.method,
      layer: this.layer,
      score: this.score,
      predictions: this.predictions.map(({ id, name: label, score, probability }) => (
        { id, name: label, score: short(score), probability: short(probability) })),
      maps: this.maps.map((map) => ({
        class: { ...map.class },
        width: map.width,
        height: map.height,
        max: short(map.max),
        data: Array.from(raw ? map.raw : normalise(map.raw, 'relu-max'), (value) => short(value)),
        ...(threshold === undefined ? {} : { boxes: map.boxes({ threshold }) }),
      })),
      timings: { decode: ms(decode), forward: ms(forward), backward: ms(backward) },
      warnings: this.warnings.map((warning) => ({ ...warning })),
    };
  }
}

/** What one steps() gave: Grad-CAM of one class, every quantity between picture and map. */
export class Steps {
  constructor({ layer, activations, gradients, weights }, explanation) {
    /** Predictions of every class, picture, timings, warnings. @type {Explanation} */
    this.explanation = explanation;
    /** The sum over the channels. @type {HeatMap} */
    this.map = explanation.maps[0];
    /** Which one. @type {{id: number, name: string}} */
    this.class = this.map.class;
    /** Where the map is made. @type {LayerInfo} */
    this.layer = layer;
    /** A^k: channel by channel, each layer.height x layer.width. @type {Float32Array} */
    this.activations = activations;
    /** dy^c/dA^k, as large; null where the file gives probabilities alone. @type {Float32Array | null} */
    this.gradients = gradients;
    /** alpha_k. @type {Float32Array} */
    this.weights = weights;
  }
}

/** The map of one class: where the network looked. */
export class HeatMap {
  #context;
  #normalized = null;

  constructor(value, context) {
    this.#context = context;
    /** Of a sum or difference, the id is the first one's. @type {{id: number, name: string}} */
    this.class = value.class;
    /** Of the class; null for several together. @type {number | null} */
    this.probability = value.probability;
    /** Of the class, before the softmax. @type {number} */
    this.score = value.score;
    /** Methods to the input: every channel of every pixel; null for others.
     * @type {{channels: number, data: Float32Array} | null} */
    this.terms = value.terms;
    /** Integrated Gradients: what the map's sum misses of the score; 0 for other methods. @type {number} */
    this.delta = value.delta;
    /** Columns. @type {number} */
    this.width = context.width;
    /** Rows. @type {number} */
    this.height = context.height;
    /** The sum over the channels, before ReLU; row by row. @type {Float32Array} */
    this.raw = value.data;
  }

  /** The largest value after ReLU; 0: the layer holds no evidence for the class. */
  get max() {
    return this.raw.reduce((most, value) => Math.max(most, value), 0);
  }

  /** By the preset's rule: 0..1, but for captum, which does not normalise. @type {Float32Array} */
  get normalized() {
    this.#normalized ??= normalise(this.raw, this.#context.preset.normalise);
    return this.#normalized;
  }

  /** The picture that was explained, RGBA. @type {{width: number, height: number, data?: Uint8Array}} */
  get picture() {
    return this.#context.picture;
  }

  #style({ preset, colormap, alpha, interpolation, fade = 0 } = {}) {
    const base = preset ? findPreset(preset) : this.#context.preset;
    const style = {
      colormap: colormap ?? base.colormap,
      alpha: alpha ?? base.alpha,
      interpolation: oneOf(interpolation ?? base.interpolation, INTERPOLATIONS, 'interpolation'),
      colourFirst: base.colourFirst,
      swapped: base.swapped,
      blend: base.blend,
      resampler: base.resampler,
      power: base.power,
      fade,
    };
    oneOf(style.colormap, this.#context.info.colormaps.map(({ name }) => name), 'colormap');
    if (!(style.alpha >= 0 && style.alpha <= 1)) {
      throw new GradCamError('argument', `alpha is ${alpha}, but must be from 0 to 1.`);
    }
    if (!(fade >= 0)) throw new GradCamError('argument', `fade is ${fade}, but must be 0 or more.`);
    return style;
  }

  #map(preset) {
    const { normalise: rule } = preset ? findPreset(preset) : this.#context.preset;
    const data = rule === 'none' ? signed(this.raw) : normalise(this.raw, rule);
    return { width: this.width, height: this.height, data };
  }

  /** What the worker needs to paint this map; for GradCam.grid(). @internal @param {PaintOptions} options */
  paintArgs(options) {
    const { picture } = this.#context;
    if (!picture.data) {
      throw new GradCamError('state', 'The picture was not kept: explain() was called with picture: false.');
    }
    return { picture, map: this.#map(options.preset), style: this.#style(options) };
  }

  /**
   * Heat over picture, or with picture: false the heat alone with its weight as opacity.
   * @param {PaintOptions & {picture?: boolean, width?: number, height?: number}} [options]
   *   width, height: of the heat alone; default: the picture's
   * @returns {{width: number, height: number, data: Uint8ClampedArray}} RGBA
   */
  toImageData(options = {}) {
    checkOptions(options, [...PAINT_OPTIONS, 'picture', 'width', 'height'], 'A heatmap');
    const style = this.#style(options);
    const map = this.#map(options.preset);
    const { picture, info } = this.#context;
    const { rgb } = info.colormaps.find(({ name }) => name === style.colormap);
    if (options.picture !== false) return overlay(this.paintArgs(options).picture, map, style, rgb);
    return veil(map, style, rgb, options.width ?? picture.width, options.height ?? picture.height);
  }

  /**
   * The same on a canvas (browsers).
   * @param {Parameters<HeatMap['toImageData']>[0]} [options]
   * @returns {HTMLCanvasElement}
   */
  toCanvas(options = {}) {
    return this.#context.page.canvas(this.toImageData(options));
  }

  /**
   * Heat over picture at the picture's own size, as the bytes of a PNG.
   * @param {PaintOptions & {signal?: AbortSignal}} [options]
   * @returns {Promise<Uint8Array>}
   */
  async toPNG(options = {}) {
    checkOptions(options, [...PAINT_OPTIONS, 'signal'], 'toPNG()');
    return this.#context.connection.ask('png', this.paintArgs(options), { signal: options.signal });
  }

  /**
   * Rectangles around the parts of the map above `threshold` of its maximum, in the picture's pixels,
   * the largest first. The paper boxes an object with the first at 0.15.
   * @param {{threshold?: number}} [options]
   * @returns {Box[]}
   */
  boxes({ threshold = 0.15 } = {}) {
    const { width, height } = this.#context.picture;
    const data = normalise(this.raw, 'relu-max');
    return boxes({ width: this.width, height: this.height, data }, width, height, threshold);
  }

  /**
   * The largest such part as a mask of the picture: 1 inside, 0 outside, row by row.
   * @param {{threshold?: number}} [options]
   * @returns {{width: number, height: number, data: Uint8Array}}
   */
  mask({ threshold = 0.15 } = {}) {
    const { width, height } = this.#context.picture;
    const data = normalise(this.raw, 'relu-max');
    return { width, height,
      data: mask({ width: this.width, height: this.height, data }, width, height, threshold) };
  }
}
