/**
 * What the public functions give.
 */
import { GradCamError } from '../base/errors.js';
import { handed, MOST_CANVAS_PIXELS, reduced, reducedSize } from '../paint/pieces.js';
import { boxes, mask, normalise, overlay, overlayRows, scaled, signed, veil, veilRows } from '../paint/render.js';
import { checkOptions, IMAGE, oneOf, PNG } from './options.js';
import { findPreset } from './presets.js';

/**
 * @typedef {import('./options.js').PaintOptions} PaintOptions
 * @typedef {import('../worker/protocol.js').Warning} Warning
 * @typedef {import('../worker/protocol.js').LayerInfo} LayerInfo
 *
 * @typedef {object} Report   what --json of the command line gives too
 * @property {{file: string | null, width: number, height: number}} image
 * @property {{name: string, input: [number, number], classes: number, head: string, activation: string}} model
 * @property {{mode: string, fit: string, from: string}} preprocess   mode: its name or the settings as a list; from:
 *   option, card, file, network (recognised by its layers) or guess
 * @property {string} method
 * @property {string} layer
 * @property {'logit' | 'softmax'} score
 * @property {{id: number, name: string, group?: string, score: number, probability: number | null}[]} predictions
 *   group: what kind of thing it is ('dog'), where the model's card says; null: the model gives values, no probabilities
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
    /** How the picture was prepared. @type {import('../worker/protocol.js').UsedPreprocess} */
    this.preprocess = value.preprocess;
    /** The part of the picture that the network saw, in its pixels; null: all of it.
     * @type {import('../paint/render.js').View | null} */
    this.view = value.view;
    /** The best first; group: what kind of thing it is ('dog'), where the model's card says; score: before the softmax;
     * probability: null where the model gives values.
     * @type {{id: number, name: string, group?: string, score: number, probability: number | null}[]} */
    this.predictions = value.predictions;
    /** One for each class asked about. @type {HeatMap[]} */
    this.maps = value.maps.map((map) => new HeatMap(map,
      { width: value.width, height: value.height, picture: value.picture, view: value.view, preset, info, connection, page }));
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
    const { name, input, classes, head, activation } = this.#info;
    const { mode, fit, from } = this.preprocess;
    const { decode, forward, backward } = this.timings;
    const short = (value, digits = 7) => Number(value.toPrecision(digits));
    const ms = (value) => Number(value.toFixed(2));
    return {
      image: { file: file ?? null, width: this.picture.width, height: this.picture.height },
      model: { name, input, classes, head, activation },
      preprocess: { mode, fit, from },
      method: this.method,
      layer: this.layer,
      score: this.score,
      predictions: this.predictions.map(({ id, name: label, group, score, probability }) => (
        { id, name: label, ...(group === undefined ? {} : { group }), score: short(score), probability: probability === null ? null : short(probability) })),
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

  /** The part of the picture that it lies on, in its pixels; null: all of it.
   * @type {import('../paint/render.js').View | null} */
  get view() {
    return this.#context.view;
  }

  #style({ preset, colormap, alpha, interpolation, fade = 0 } = {}) {
    const base = preset ? findPreset(preset) : this.#context.preset;
    const style = {
      colormap: colormap ?? base.colormap,
      alpha: alpha ?? base.alpha,
      interpolation: interpolation ?? base.interpolation,
      colourFirst: base.colourFirst,
      swapped: base.swapped,
      blend: base.blend,
      resampler: base.resampler,
      power: base.power,
      fade,
    };
    oneOf(style.colormap, this.#context.info.colormaps.map(({ name }) => name), 'colormap');
    return style;
  }

  #map({ preset, max }) {
    const { normalise: rule } = preset ? findPreset(preset) : this.#context.preset;
    const data = rule === 'none' ? signed(this.raw) : normalise(this.raw, rule);
    if (max !== undefined) {
      const share = this.max / (typeof max === 'function' ? max(this) : max);
      for (let i = 0; i < data.length; ++i) data[i] = Math.min(1, share * data[i]);
    }
    return { width: this.width, height: this.height, data };
  }

  /** What the worker needs to paint this map; for GradCam.grid(). @internal @param {PaintOptions} options */
  paintArgs(options) {
    const { picture } = this.#context;
    if (!picture.data) {
      throw new GradCamError('state', 'The picture was not kept: explain() was called with picture: false.');
    }
    return { picture, map: this.#map(options), style: this.#style(options), view: this.view };
  }

  /**
   * Heat over picture, or with picture: false the heat alone with its weight as opacity.
   * @param {PaintOptions & {picture?: boolean, width?: number, height?: number}} [options]
   *   width, height: of the heat alone; default: the picture's
   * @returns {{width: number, height: number, data: Uint8ClampedArray}} RGBA
   */
  toImageData(options = {}) {
    const { picture: wanted = true, width, height, ...paint } = checkOptions(options, IMAGE, 'A heatmap');
    const style = this.#style(paint);
    const map = this.#map(paint);
    const { picture, info, view } = this.#context;
    const { rgb } = info.colormaps.find(({ name }) => name === style.colormap);
    if (wanted) return overlay(this.paintArgs(paint).picture, map, style, rgb, view);
    const [W, H] = [width ?? picture.width, height ?? picture.height];
    return veil(map, style, rgb, W, H, view && scaled(view, W / picture.width, H / picture.height));
  }

  /**
   * The same on a canvas (browsers). Of a large picture the canvas is there at once and painted in pieces, from
   * the top to the bottom, so that the page goes on: `await canvas.painted` before its pixels are used. It has at
   * most 16,777,216 pixels, more than which iOS gives none: a larger picture comes at a half, a third, ... of its size.
   * @param {Parameters<HeatMap['toImageData']>[0]} [options]
   * @returns {HTMLCanvasElement & {painted: Promise<void>}}
   */
  toCanvas(options = {}) {
    const { picture: wanted = true, width, height, ...paint } = checkOptions(options, IMAGE, 'A heatmap');
    const style = this.#style(paint);
    const map = this.#map(paint);
    const { picture, info, view, page } = this.#context;
    const { rgb } = info.colormaps.find(({ name }) => name === style.colormap);
    if (wanted) this.paintArgs(paint); // throws where there is no picture
    const size = reducedSize(wanted ? picture : { width: width ?? picture.width, height: height ?? picture.height }, MOST_CANVAS_PIXELS);
    const out = new Uint8ClampedArray(4 * size.width * size.height);
    const part = view && scaled(view, size.width / picture.width, size.height / picture.height);
    const paintRows = function* paintRows() {
      if (!wanted) return yield* veilRows(map, style, rgb, size.width, size.height, part, out);
      const small = reduced(/** @type {any} */ (picture), MOST_CANVAS_PIXELS);
      let step = small.next();
      for (; !step.done; step = small.next()) yield 0;
      return yield* overlayRows(step.value, map, style, rgb, part, out);
    };
    return page.canvas({ width: size.width, height: size.height, data: out }, paintRows());
  }

  /**
   * Heat over picture at the picture's own size, as the bytes of a PNG.
   * @param {PaintOptions & {signal?: AbortSignal}} [options]
   * @returns {Promise<Uint8Array>}
   */
  async toPNG(options = {}) {
    const { signal, ...paint } = checkOptions(options, PNG, 'toPNG()');
    const { picture, ...how } = this.paintArgs(paint);
    const { picture: sent, transfer } = await handed(picture);
    return this.#context.connection.ask('png', { picture: sent, ...how }, { signal, transfer });
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
    return boxes({ width: this.width, height: this.height, data }, width, height, threshold, this.view);
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
      data: mask({ width: this.width, height: this.height, data }, width, height, threshold, this.view) };
  }
}
