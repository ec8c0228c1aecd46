/**
 * The public API, the same in browsers and in Node; index.js and node.js give it its page.
 */
import { GradCamError } from '../base/errors.js';
import { findClass, title } from '../base/labels.js';
import { isModelName } from '../files/files.js';
import { handed } from '../paint/pieces.js';
import { toBytes } from '../paint/pixels.js';
import { Connection } from '../worker/protocol.js';
import { checkOptions, EXPLAIN, findName, GRID, LOAD, oneOf, PREVIEWS, SCORES, STEPS, TRACE } from './options.js';
import { findPreset } from './presets.js';
import { Explanation, Steps } from './results.js';

/**
 * @typedef {import('./options.js').LoadOptions} LoadOptions
 * @typedef {import('./options.js').ExplainOptions} ExplainOptions
 * @typedef {import('./options.js').StepsOptions} StepsOptions
 * @typedef {import('./options.js').TraceOptions} TraceOptions
 * @typedef {import('./options.js').ScoresOptions} ScoresOptions
 * @typedef {import('./options.js').PreviewOptions} PreviewOptions
 * @typedef {import('./options.js').PaintOptions} PaintOptions
 * @typedef {import('./results.js').HeatMap} HeatMap
 * @typedef {import('../worker/protocol.js').LayerInfo} LayerInfo
 * @typedef {string | URL | Blob | ArrayBuffer | Uint8Array} Source   a name, address, path or bytes
 */

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

/** @returns {import('../files/sources.js').SourceSpec} */
function modelSpec(given, page) {
  const list = Array.isArray(given) || (typeof FileList === 'function' && given instanceof FileList);
  if (list) return { files: [...given].map((file) => fileSpec(file, page) ?? wrongModel()) };
  const { onnx, weights = [], card, labels } = given?.onnx === undefined ? { onnx: given } : given;
  const named = typeof onnx === 'string' && (isModelName(onnx) || /^hf:/.test(onnx));
  return {
    onnx: named ? onnx : fileSpec(onnx, page) ?? wrongModel(),
    weights: [...weights].map((file) => fileSpec(file, page) ?? wrongModel()),
    card: fileSpec(card, page) ?? card,
    ...(labels === undefined ? {} : { labels: fileSpec(labels, page) ?? wrongModel() }),
  };
}

function wrongModel() {
  throw new GradCamError('argument', 'A model is a name, an address, a path, a File, bytes, ' +
    '{onnx, weights: [files], card}, or a list of the files.');
}

/** Labels as the worker takes them. */
function labelSpec(labels, page) {
  if (labels === undefined || labels === 'imagenet' || Array.isArray(labels)) return labels;
  const spec = fileSpec(labels, page);
  if (spec) return spec;
  throw new GradCamError('argument', "Labels are a list of names, 'imagenet', or a file of them: a path, an address, a File or bytes.");
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
   * @param {Source | Source[] | {onnx: Source, weights?: Source[], card?: object | Source, labels?: Source}} [source]
   *   an ONNX or a Keras file, under any name; default: the bundled 'pocket'. weights: ONNX external data,
   *   where it does not lie beside the file; card: its model.json. A list: all these files, labels included,
   *   told apart by what they are
   * @param {LoadOptions} [options]
   */
  static async load(source = 'pocket', options = {}) {
    const { page } = this;
    const { onProgress, signal, threads = 'auto', variant = 'auto', cache = 'auto', precise = false, wasmUrl,
      modelsUrl, packagesUrl, baseUrl, worker, labels, config, ...others } = checkOptions(options, LOAD, 'load()');
    const folder = (address) => address && page.absolute(String(address));
    const args = {
      ...others, // preprocess, resize, fit, head, activation, inputSize, inputShape, grid, arch, weights
      source: modelSpec(source, page),
      threads: page.threads ?? threads,
      variant,
      cache,
      precise,
      files: page.files?.(folder(baseUrl)),
      labels: labelSpec(labels, page),
      config: typeof config === 'string' && /^\s*\{/.test(config) ? config : fileSpec(config, page) ?? config,
      wasmUrl: folder(wasmUrl),
      modelsUrl: folder(modelsUrl),
      packagesUrl: folder(packagesUrl),
    };
    const ask = async (port) => {
      const connection = new Connection(port);
      try {
        return new this(connection, await connection.ask('load', args, { signal, onProgress }), page);
      } catch (error) {
        connection.close();
        throw error;
      }
    };
    try {
      return await ask(page.spawn({ files: args.files, worker }));
    } catch (error) {
      if (error.code !== 'hdf5') throw error;
      // In an application that is bundled, a worker of its own reads those.
      const port = page.spawnWithHdf5?.({ worker });
      if (port) return ask(port);
      throw new GradCamError('unsupported', error.reason, { remedy: 'convert' });
    }
  }

  /**
   * What was loaded.
   * @returns {Pick<import('../worker/protocol.js').ModelInfo, 'name' | 'input' | 'channels' | 'classes' |
   *   'head' | 'heads' | 'kind' | 'activation' | 'engine' | 'threads' | 'preprocess'>}
   */
  get model() {
    const { name, input, channels, classes, head, heads, kind, activation, engine, threads, preprocess } = this.#info;
    return { name, input, channels, classes, head, heads, kind, activation, engine, threads, preprocess };
  }

  /** What should be known before its answers are believed; every explanation has them too. @returns {import('./results.js').Warning[]} */
  get warnings() {
    return this.#info.warnings.map((warning) => ({ ...warning }));
  }

  /** Names of the classes, by id. @returns {string[]} */
  get labels() {
    return [...this.#info.labels];
  }

  /** What kind of thing each class is ('dog'), by id, as the model's card says; null: it does not. @returns {(string | undefined)[] | null} */
  get groups() {
    return this.#info.groups && [...this.#info.groups];
  }

  /** What it knows and what it misses, in sentences of its card; none: nobody says. @returns {string[]} */
  get limits() {
    return [...this.#info.limits];
  }

  /**
   * How often it is right, as its card has it; null: nobody says. imagenet_sample, where it is there:
   * {name: [top-1, top-5]}, shares of 300 photos of ImageNet.
   * @returns {Record<string, any> | null}
   */
  get accuracy() {
    return structuredClone(this.#info.accuracy);
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

  /** ONNX operators that the engine knows; constant: where all of their inputs are. @returns {{name: string, constant: boolean}[]} */
  operators() {
    return this.#info.operators.map((operator) => ({ ...operator }));
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
    const { top = 5, classes, method = 'gradcam', options: settings, layer, preset: presetName, score, mapInput, preprocess,
      resize, fit, raw = false, picture: wantPicture = true, early = false, signal, onProgress } = checkOptions(options, EXPLAIN, 'explain()');
    findName(method, this.#info.methods.map(({ name }) => name), 'method');
    const preset = findPreset(presetName);
    const { picture, own, transfer } = await this.#picture(image);
    const settled = { preset, score: score ?? preset.score, raw };
    const inWhole = (progress) => {
      if (progress.early && own && wantPicture) progress.early.picture.data = own.data;
      onProgress(progress.early ? { ...progress, early: this.#explanation(progress.early, settled) } : progress);
    };
    const value = await this.#connection.ask('explain', {
      picture,
      top,
      classes: classes === undefined ? undefined : [classes].flat(),
      method,
      options: settings,
      layer: layer && [layer].flat().join(','),
      score: score ?? preset.score,
      preprocess,
      resize: resize ?? preset.resize ?? undefined,
      fit,
      mapInput: mapInput ?? preset.mapInput,
      pixels: wantPicture && !own,
      early: Boolean(early && onProgress),
    }, { signal, transfer, onProgress: onProgress && inWhole });
    if (own && wantPicture) value.picture.data = own.data;
    return this.#explanation(value, settled);
  }

  /**
   * A picture of any kind as it can be sent to the worker; own: its pixels, if we have them; transfer: what goes
   * with it. The caller's own pixels are sent as they are now.
   */
  async #picture(image) {
    const given = image?.data !== undefined && Number.isInteger(image.width);
    const own = given ? toBytes(image) : await this.#page.snapshot(image);
    if (own && !given) return { own, ...await handed(own) };
    const picture = own ? { width: own.width, height: own.height, data: own.data } : fileSpec(image, this.#page);
    if (picture) return { picture, own, transfer: [] };
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
   * @param {StepsOptions} [options]
   * @returns {Promise<Steps>}
   */
  async steps(image, options = {}) {
    const { class: wanted, layer, change, preprocess, resize, fit, signal } = checkOptions(options, STEPS, 'steps()');
    const { picture, own, transfer } = await this.#picture(image);
    const value = await this.#connection.ask('steps', { picture, class: wanted, layer, change, preprocess,
      resize, fit, pixels: !own }, { signal, transfer });
    if (own) value.explanation.picture.data = own.data;
    const preset = findPreset();
    return new Steps(value, this.#explanation(value.explanation, { preset, score: 'logit', raw: false }));
  }

  /**
   * One activation and where it comes from: its gradient with respect to every number that the network was
   * fed. For a convolution of the picture these are its weights; further in, where they are not 0 is what
   * the activation can see, its receptive field.
   * @param {any} image  as for explain()
   * @param {TraceOptions} options
   * @returns {Promise<import('../worker/protocol.js').Trace>}
   */
  async trace(image, options) {
    const { layer, channel, at, preprocess, resize, fit, signal } = checkOptions(options ?? {}, TRACE, 'trace()');
    if (!at) throw new GradCamError('argument', 'trace() needs a position: at: [row, column].');
    const { picture, transfer } = await this.#picture(image);
    return this.#connection.ask('trace', { picture, layer, channel, at, preprocess, resize, fit }, { signal, transfer });
  }

  /**
   * The picture and its maps as one PNG, with titles like "718, Pier  77.1 %".
   * @param {HeatMap[]} maps  of one explanation
   * @param {PaintOptions & {columns?: number, tileWidth?: number, title?: string,
   *   signal?: AbortSignal}} [options]  title: of the picture itself
   * @returns {Promise<Uint8Array>}
   */
  async grid(maps, options = {}) {
    const { columns = 3, tileWidth, title: words = 'Picture', signal, ...style } = checkOptions(options, GRID, 'grid()');
    if (!maps.length) throw new GradCamError('argument', 'A grid needs at least one map.');
    const picture = maps[0].picture;
    const tiles = maps.map((map) => ({ ...map.paintArgs(style), title: title(map.class, map.probability) }));
    const { picture: sent, transfer } = await handed(tiles[0].picture);
    return this.#connection.ask('grid', {
      picture: sent,
      title: words,
      tiles: tiles.map(({ map, style: how, view, title: name }) => ({ map, style: how, view, title: name })),
      columns,
      tileWidth: tileWidth ?? Math.min(480, Math.max(240, picture.width)),
    }, { signal, transfer });
  }

  /**
   * Score (logit) and probability of every class, without maps; where the model gives no classes, the
   * numbers of its output in the file's order.
   * @param {any} image   as in explain()
   * @param {ScoresOptions} [options]
   * @returns {Promise<{scores: Float32Array, probabilities: Float32Array}>}  probabilities: NaN where there are none
   */
  async scores(image, options = {}) {
    const { preprocess, resize, fit, signal } = checkOptions(options, SCORES, 'scores()');
    const { picture, transfer } = await this.#picture(image);
    return this.#connection.ask('scores', { picture, preprocess, resize, fit }, { signal, transfer });
  }

  /**
   * What the network answers when the picture is prepared in each of several modes: where nobody says which
   * is right, a person sees it. Nothing is changed; setPreprocess() keeps the choice.
   * @param {any} image   as in explain()
   * @param {PreviewOptions} [options]
   * @returns {Promise<import('../worker/protocol.js').Preview[]>}
   */
  async previews(image, options = {}) {
    const { top = 3, modes, signal, onProgress } = checkOptions(options, PREVIEWS, 'previews()');
    const { picture, transfer } = await this.#picture(image);
    return this.#connection.ask('previews', { picture, top, modes }, { signal, onProgress, transfer });
  }

  /**
   * How pictures are prepared from now on, in the place of load()'s options; the warning of a guess goes.
   * @param {string | object} preprocess  as load() takes it
   * @param {{resize?: string, fit?: string}} [options]
   * @returns {Promise<import('../worker/protocol.js').UsedPreprocess>}
   */
  async setPreprocess(preprocess, options = {}) {
    const { resize, fit } = checkOptions(options, SCORES, 'setPreprocess()');
    const { preprocess: used, warnings } = await this.#connection.ask('setPreprocess', { preprocess, resize, fit });
    Object.assign(this.#info, { preprocess: used, warnings });
    return used;
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
