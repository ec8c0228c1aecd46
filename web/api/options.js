/**
 * What the public functions take: each set of options once, as a type for people and a table for the
 * check, one below the other.
 */
import { MODE_NAMES, parseFit } from '../../models/modes.js';
import { GradCamError } from '../base/errors.js';
import { nearMisses } from '../base/labels.js';

/**
 * What options can be that are one of several words.
 * @type {{variant: string[], weights: string[], cache: string[], score: string[], mapInput: string[], resize: string[],
 *   fit: string[], activation: string[]}}
 */
export const CHOICES = {
  variant: ['auto', 'simd', 'relaxed'],
  weights: ['f32', 'f16', 'int8'],
  cache: ['auto', 'none'],
  score: ['logit', 'softmax'],
  mapInput: ['preprocessed', 'raw'],
  resize: ['nearest', 'bilinear', 'bicubic'],
  fit: ['stretch', 'crop', 'pad'],
  activation: ['softmax', 'sigmoid', 'none'],
};

/** The option threads is a number from 1 to this. */
export const MOST_THREADS = 64;

const didYouMean = (name, names) => {
  const [near] = nearMisses(name, names);
  return near ? `Did you mean "${near}"?` : `There are: ${names.join(', ')}.`;
};

const argument = (message) => new GradCamError('argument', message);

export function oneOf(value, allowed, name) {
  if (allowed.includes(value)) return value;
  throw argument(`${name} is ${JSON.stringify(value)}, but must be one of ${allowed.join(', ')}.`);
}

/** @param {string} name @param {string[]} names @param {string} what  a method, an option, ... */
export function findName(name, names, what) {
  if (names.includes(name)) return name;
  throw argument(`There is no ${what} "${name}". ${didYouMean(String(name), names)}`);
}

/* ---- What a value must be: a row's check ---------------------------------------------------------- */

const anything = () => true;
const word = (allowed) => (value, name) => oneOf(value, allowed, name);

function fitted(value) {
  try {
    parseFit(value);
  } catch (error) {
    throw argument(error.message);
  }
}

const whole = (value) => Number.isInteger(value) && value >= 1 && value <= 65536;

/** An index, from 0. */
const counted = (value) => Number.isInteger(value) && value >= 0;

/** A check: what is true of a right value, and the words for a wrong one. */
const must = (right, be) => (value, name) => {
  if (!right(value)) throw argument(`${name} is ${JSON.stringify(value)}, but must be ${be}.`);
};

function listener(value, name) {
  if (value && typeof value !== 'function') throw argument(`${name} must be a function.`);
}

function abortSignal(value, name) {
  if (value && typeof value.addEventListener !== 'function') throw argument(`${name} must be an AbortSignal.`);
}

/**
 * The options, checked: a mistyped one would go unnoticed, and a listener that is none would fail far
 * from here. Null counts as not given.
 * @template {object} Options
 * @param {Options} options
 * @param {Record<string, (value: any, name: string) => any>} table
 * @param {string} where  for the message
 * @returns {Options}
 */
export function checkOptions(options, table, where) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
  for (const [name, value] of given) {
    if (!Object.hasOwn(table, name)) {
      throw argument(`${where} has no option "${name}". ${didYouMean(name, Object.keys(table))}`);
    }
    table[name](value, name);
  }
  return /** @type {Options} */ (Object.fromEntries(given));
}

/* ---- The sets -------------------------------------------------------------------------------------- */

/**
 * @typedef {object} LoadOptions
 * @property {(progress: import('../files/files.js').Progress) => void} [onProgress]  bytes of each file as they come
 * @property {AbortSignal} [signal]          ends it with a GradCamError 'cancelled'
 * @property {'auto' | number} [threads]     'auto': as many as help, 1 where threads cannot be had
 * @property {'auto' | 'simd' | 'relaxed'} [variant]  without or with fused multiply-add (relaxed SIMD);
 *   default: with, where it runs
 * @property {string | URL} [baseUrl]        folder in which this package is served as it is: for bundlers that leave its
 *   files behind (esbuild, Rollup). Default: where the bundler put them
 * @property {() => Worker} [worker]          starts a worker of your own, which imports 'gradcam-wasm/worker' (browsers)
 * @property {string | URL} [wasmUrl]        folder of gradcam.wasm, if not beside this script
 * @property {string | URL} [modelsUrl]      folder of the models known by name (browsers)
 * @property {string | object} [preprocess]  'torch', 'tf', 'caffe', 'unit', 'none', a list like
 *   'bgr,mean=104/117/123,std=1/1/1', or {order, mean, std, resize, fit}; default: what the model's card, its
 *   file or its layers tell, else a guess that the warning 'preprocessing-guessed' owns up to
 * @property {'nearest' | 'bilinear' | 'bicubic'} [resize]  how pictures come to the input's size
 * @property {string} [fit]                  and shape: 'stretch' (default), 'crop' (the centred part; with a ratio as
 *   torchvision's 224/256: 'crop:0.875') or 'pad'
 * @property {string[] | 'imagenet' | string | URL | Blob | Uint8Array} [labels]  names of the classes, or a file of
 *   them (text, JSON, CSV); default: what the card, the file or a list beside it says
 * @property {string | number} [head]        which output is asked about, by name or number; default: the one that
 *   looks like class scores
 * @property {'softmax' | 'sigmoid' | 'none'} [activation]  what makes probabilities of its numbers, where the file
 *   does not say: 'sigmoid' for classes that do not exclude each other, 'none' for values
 * @property {[number, number]} [inputSize]  height and width of the input, where the file leaves them open or
 *   another size is wanted
 * @property {Record<string, number[]>} [inputShape]  sizes for inputs, ONNX order: {input: [1, 3, 160, 160]}
 * @property {[number, number] | [number, number, number]} [grid]  rows and columns in which a transformer's tokens
 *   lie on the picture, and how many are before them (class token, registers); default: found from the file
 * @property {boolean} [precise]             plain loops only; slow, for checking
 * @property {'auto' | 'none'} [cache]       browsers: whether files whose digest is known are kept for the
 *   next visit
 * @property {string} [arch]                 Keras files without a model: 'vgg16', 'xception', ...; default:
 *   found out from the layers
 * @property {object | string | URL | Blob} [config]  Keras files without a model: the network, as to_json() writes it
 * @property {'f32' | 'f16' | 'int8'} [weights]  Keras files: how the weights are held; default 'f32'
 * @property {boolean} [fakeQuantize]        TensorFlow Lite files of integers: round activations as the file keeps them,
 *   so that scores are those of its own runtime; default false, floats
 * @property {string | URL} [packagesUrl]    Keras files on pages without a bundler: folder that holds
 *   h5wasm/ and fflate/; default: node_modules beside the package
 */
export const LOAD = {
  onProgress: listener,
  signal: abortSignal,
  threads: must((value) => value === 'auto' || (Number.isInteger(value) && value >= 1 && value <= MOST_THREADS),
    `'auto' or 1 to ${MOST_THREADS}`),
  variant: word(CHOICES.variant),
  baseUrl: anything,
  worker: listener,
  wasmUrl: anything,
  modelsUrl: anything,
  preprocess: anything,
  resize: anything,
  fit: fitted,
  labels: anything,
  head: must((value) => typeof value === 'string' || (Number.isInteger(value) && value >= 0), 'the name or number of an output'),
  activation: word(CHOICES.activation),
  inputSize: must((value) => Array.isArray(value) && value.length === 2 && value.every(whole), '[height, width]'),
  inputShape: anything,
  grid: must((value) => Array.isArray(value) && (value.length === 2 || value.length === 3) && value.slice(0, 2).every(whole) &&
    Number.isInteger(value[2] ?? 0) && (value[2] ?? 0) >= 0, '[rows, columns] or [rows, columns, tokens before them]'),
  config: anything,
  precise: anything,
  cache: word(CHOICES.cache),
  arch: anything,
  weights: word(CHOICES.weights),
  fakeQuantize: must((value) => typeof value === 'boolean', 'true or false'),
  packagesUrl: anything,
};

/**
 * @typedef {object} ExplainOptions
 * @property {number} [top]                  how many predictions; default 5
 * @property {(number | string | {plus?: (number | string)[], minus?: (number | string)[]})[]} [classes]
 *   maps for these, by id or name, or for a sum or difference of several; default: the top ones
 * @property {string} [method]               see GradCam.methods(); default 'gradcam'
 * @property {Record<string, number>} [options]  of the method, see GradCam.options()
 * @property {string | string[]} [layer]     default: the model's, see GradCam.defaultLayer; several
 *   are fused
 * @property {(progress: import('../files/files.js').Progress) => void} [onProgress]  steps of methods that run the network often
 * @property {boolean} [early]               onProgress gets early pictures, too, about twice a second: progress.early
 *   is an Explanation whose maps are what the steps so far say
 * @property {string} [preset]               default 'paper'
 * @property {'logit' | 'softmax'} [score]   default: the preset's
 * @property {'preprocessed' | 'raw'} [mapInput]  what the maps are made from: what the predictions are,
 *   or the picture's own RGB values, as a published figure was; default: the preset's
 * @property {string | object} [preprocess]  for this picture only
 * @property {'nearest' | 'bilinear' | 'bicubic'} [resize]  for this picture only
 * @property {string} [fit]                  for this picture only
 * @property {boolean} [raw]                 report() gives raw maps
 * @property {boolean} [picture]             false: do not bring the decoded picture along (faster for
 *   video; toCanvas and toPNG then need a picture)
 * @property {AbortSignal} [signal]          ends it; what is asked next works as ever
 */
export const EXPLAIN = {
  top: must((value) => Number.isInteger(value) && value >= 1, 'a whole number from 1'),
  classes: anything,
  method: anything, // the loaded model knows
  options: anything,
  layer: anything,
  onProgress: listener,
  early: anything,
  preset: anything, // findPreset
  score: word(CHOICES.score),
  mapInput: word(CHOICES.mapInput),
  preprocess: anything,
  resize: anything,
  fit: fitted,
  raw: anything,
  picture: anything,
  signal: abortSignal,
};

/**
 * @typedef {object} ScoresOptions
 * @property {string | object} [preprocess]  for this picture only
 * @property {'nearest' | 'bilinear' | 'bicubic'} [resize]  for this picture only
 * @property {string} [fit]                  for this picture only
 * @property {AbortSignal} [signal]
 */
export const SCORES = { preprocess: anything, resize: anything, fit: fitted, signal: abortSignal };

/**
 * @typedef {object} PreviewOptions
 * @property {string[]} [modes]              default: every named one
 * @property {number} [top]                  predictions of each; default 3
 * @property {(progress: import('../files/files.js').Progress) => void} [onProgress]
 * @property {AbortSignal} [signal]
 */
export const PREVIEWS = {
  modes: must((value) => Array.isArray(value) && value.every((mode) => MODE_NAMES.includes(mode)), `a list of ${MODE_NAMES.join(', ')}`),
  top: must((value) => Number.isInteger(value) && value >= 1, 'a whole number from 1'),
  onProgress: listener,
  signal: abortSignal,
};

/**
 * @typedef {object} StepsOptions
 * @property {number | string} [class]       by id or name; default: the best one
 * @property {string} [layer]                default: the model's
 * @property {{channel: number, add: number, at?: [number, number]}} [change]  what if that layer had found more or
 *   less? `add` to all positions of a channel, or to the one at [row, column], all counted from 0; from there the
 *   network runs on, and everything in the answer is about that: predictions, activations, gradients, map
 * @property {string | object} [preprocess]  for this picture only
 * @property {'nearest' | 'bilinear' | 'bicubic'} [resize]  for this picture only
 * @property {string} [fit]                  for this picture only
 * @property {AbortSignal} [signal]
 */
export const STEPS = {
  class: anything,
  layer: anything,
  change: must(({ channel, add, at, ...others }) => counted(channel) && Number.isFinite(add) && !Object.keys(others).length &&
    (at === undefined || (Array.isArray(at) && at.length === 2 && at.every(counted))), '{channel, add, at: [row, column]}'),
  ...SCORES,
};

/**
 * @typedef {object} TraceOptions
 * @property {[number, number]} at           row and column of the layer, counted from 0
 * @property {number} [channel]              counted from 0; default: all of them, added up
 * @property {string} [layer]                default: the model's
 * @property {string | object} [preprocess]  for this picture only
 * @property {'nearest' | 'bilinear' | 'bicubic'} [resize]  for this picture only
 * @property {string} [fit]                  for this picture only
 * @property {AbortSignal} [signal]
 */
export const TRACE = {
  at: must((value) => Array.isArray(value) && value.length === 2 && value.every(counted), '[row, column]'),
  channel: must(counted, 'a whole number from 0'),
  layer: anything,
  ...SCORES,
};

/**
 * @typedef {object} PaintOptions
 * @property {string} [preset]               the following default to its row of the table
 * @property {string} [colormap]             'jet', 'turbo', 'viridis', ...
 * @property {number} [alpha]                weight of the heat, 0..1
 * @property {'nearest' | 'bilinear' | 'bicubic'} [interpolation]  from the map's size to the picture's
 * @property {number} [fade]                 above 0: the heat fades out towards the map's 0, and is fully
 *   there from 1/fade of its maximum on; default 0, the same weight everywhere
 * @property {number | ((map: import('./results.js').HeatMap) => number)} [max]  the raw value that has the colours' end, or
 *   what gives it for each map; default the map's own largest. One for several maps puts them on one scale
 */
export const PAINT = {
  preset: anything, // findPreset
  colormap: anything, // the loaded engine knows
  alpha: must((value) => value >= 0 && value <= 1, 'from 0 to 1'),
  interpolation: word(CHOICES.resize),
  fade: must((value) => value >= 0, '0 or more'),
  max: must((value) => value > 0 || typeof value === 'function', 'above 0, or a function of the map'),
};

/* What else those functions take that paint: their own comments say it. */

export const IMAGE = { ...PAINT, picture: anything, width: anything, height: anything };
export const PNG = { ...PAINT, signal: abortSignal };
export const GRID = { ...PAINT, columns: anything, tileWidth: anything, title: anything, signal: abortSignal };

/** The fade of page and element: the heat is fully there from 1/FADE of the map's maximum. */
export const FADE = 2.5;
