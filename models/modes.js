/**
 * How a picture becomes the network's input. Its values: (value - mean) / std per channel, on the 0..255
 * scale, in the order named; the named modes are those of Keras's preprocess_input, and unit: 0 to 1.
 * Its shape: `fit`.
 *
 * @typedef {object} Preprocess
 * @property {'rgb' | 'bgr' | 'grey' | 'rgba' | 'bgra'} order
 * @property {'nearest' | 'bilinear' | 'bicubic'} resize
 * @property {number[]} mean   one per channel
 * @property {number[]} std
 * @property {'stretch' | 'crop' | 'pad'} fit  stretch: each side by itself, as Keras's load_img; crop: the
 *   centred part; pad: all of it, with a border
 * @property {number} [ratio]  of crop: the side of the part that is seen over the side that the picture is
 *   scaled to, as torchvision's 224/256; 1: as much as possible
 * @property {number[]} [fill]  of pad: the border's colour, R, G, B; default: what becomes 0
 */
import { ModelError } from './errors.js';

export const RESIZES = ['nearest', 'bilinear', 'bicubic'];
export const ORDERS = ['rgb', 'bgr', 'grey', 'rgba', 'bgra'];
export const FITS = ['stretch', 'crop', 'pad'];

export const MODES = {
  torch: { order: 'rgb', mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
  tf: { order: 'rgb', mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
  caffe: { order: 'bgr', mean: [103.939, 116.779, 123.68], std: [1, 1, 1] },
  unit: { order: 'rgb', mean: [0, 0, 0], std: [255, 255, 255] },
  none: { order: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] },
};
export const MODE_NAMES = Object.keys(MODES);

/** What each does, in words for people. */
export const MODE_WORDS = {
  torch: '0..1, less ImageNet\'s mean, divided by its deviation',
  tf: '-1..1',
  caffe: 'blue, green, red, less ImageNet\'s mean',
  unit: '0..1',
  none: '0..255',
};

const HINT = `Use ${MODE_NAMES.join(', ')}, or a list like bgr,mean=104/117/123,std=1/1/1.`;

/** @param {string} text @param {string} part for the message */
function numbers(text, part) {
  const values = text.split('/').map((piece) => (piece.trim() === '' ? NaN : Number(piece)));
  if (!values.every(Number.isFinite)) {
    throw new ModelError('argument', `Preprocessing: "${part}" needs numbers, like mean=104/117/123.`);
  }
  return values;
}

/**
 * Reads a mode's name or a list "order,mean=R/G/B,std=R/G/B" (mean and std in that order's channels).
 * @param {string} text
 * @returns {{order?: string, mean?: number[], std?: number[]}}
 */
export function parsePreprocess(text) {
  if (Object.hasOwn(MODES, text)) return { ...MODES[text] };
  const result = {};
  for (const part of text.split(',').map((piece) => piece.trim())) {
    const [key, value] = part.split('=');
    if (ORDERS.includes(part)) result.order = part;
    else if (part === 'gray') result.order = 'grey';
    else if ((key === 'mean' || key === 'std') && value !== undefined) {
      result[key] = numbers(value, part);
    } else {
      throw new ModelError('argument', `Preprocessing: "${part}" is not known. ${HINT}`);
    }
  }
  return result;
}

/** One value per channel; a single one serves all. */
function spread(values, channels, name) {
  if (values.length === 1) return Array(channels).fill(values[0]);
  if (values.length === channels) return values;
  throw new ModelError('argument', `Preprocessing: ${name} has ${values.length} values, but the ` +
    `network's input has ${channels} ${channels === 1 ? 'channel' : 'channels'}.`);
}

/** "crop", or "crop:0.875" with its ratio. @returns {{fit: string, ratio?: number}} */
export function parseFit(text) {
  const [, fit, ratio] = /^([a-z]+)(?:[:,=](?:ratio=)?([\d.]+))?$/.exec(String(text)) ?? [];
  if (!FITS.includes(fit) || (ratio !== undefined && (fit !== 'crop' || !(Number(ratio) > 0 && Number(ratio) <= 1)))) {
    throw new ModelError('argument', `The fit "${String(text).slice(0, 40)}" is not known. Use ${FITS.join(', ')}, or crop with ` +
      'its ratio, like crop:0.875.');
  }
  return ratio === undefined ? { fit } : { fit, ratio: Number(ratio) };
}

/**
 * The settings of a mode for so many channels; grey takes what the three say alike, else their mean. A
 * fourth channel, the opacity, is scaled as the colours are.
 * @param {string} mode
 * @param {number} channels
 * @returns {{order: string, mean: number[], std: number[]}}
 */
export function settingsOf(mode, channels) {
  const { order, mean, std } = MODES[mode];
  const one = (values) => (values.every((v) => v === values[0]) ? values[0]
    : values.reduce((sum, v) => sum + v, 0) / values.length);
  if (channels === 1) return { order: 'grey', mean: [one(mean)], std: [one(std)] };
  const fit = (values) => Array.from({ length: channels }, (_, i) => values[i % values.length]);
  return { order: channels === 4 ? `${order}a` : order, mean: fit(mean), std: fit(std) };
}

/** The mode whose settings these are, if any. @returns {string | undefined} */
export function modeOf({ order, mean = [], std = [] }) {
  return Object.keys(MODES).find((mode) => {
    const own = settingsOf(mode, mean.length);
    return own.order === order && String(own.mean) === String(mean) && String(own.std) === String(std);
  });
}

/** The settings in a word: a mode's name, or a list that parsePreprocess reads. */
export const describePreprocess = (settings) => modeOf(settings) ??
  `${settings.order},mean=${settings.mean.join('/')},std=${settings.std.join('/')}`;

/**
 * Fills in what is left open and checks it against the network.
 * @param {string | Partial<Preprocess>} given  a mode, a list, or the settings themselves
 * @param {number} channels                     of the network's input
 * @param {{resize?: string, fit?: string, ratio?: number, fill?: number[]}} [geometry]  wins over the
 *   setting's own
 * @returns {Preprocess}
 */
export function completePreprocess(given, channels, geometry = {}) {
  const text = typeof given === 'string';
  const mode = text ? given : given.mean ? undefined : /** @type {any} */ (given).mode;
  const named = mode !== undefined && Object.hasOwn(MODES, mode) ? settingsOf(mode, channels) : {};
  const settings = { ...named, ...(text ? named.mean ? {} : parsePreprocess(given) : given) };
  const { order: asked = channels === 1 ? 'grey' : 'rgb', mean = [0], std = [1] } = settings;
  const order = channels === 4 && ['rgb', 'bgr'].includes(asked) ? `${asked}a` : asked === 'gray' ? 'grey' : asked;
  const how = geometry.resize ?? settings.resize ?? 'bilinear';
  const { fit, ratio = settings.ratio } = { ...parseFit(settings.fit ?? 'stretch'),
    ...(geometry.fit === undefined ? {} : { ratio: geometry.ratio, ...parseFit(geometry.fit) }) };
  const fill = geometry.fill ?? settings.fill;
  if (!ORDERS.includes(order)) {
    throw new ModelError('argument', `Preprocessing: the order "${order}" is not known. ${HINT}`);
  }
  if (!RESIZES.includes(how)) {
    throw new ModelError('argument', `Resizing: "${how}" is not one of ${RESIZES.join(', ')}.`);
  }
  if (order.length !== { 1: 4, 3: 3, 4: 4 }[channels] || (order === 'grey') !== (channels === 1)) {
    throw new ModelError('argument', `Preprocessing: the order "${order}" does not fit a network ` +
      `whose input has ${channels} ${channels === 1 ? 'channel; use grey' : 'channels'}.`);
  }
  if (std.some((value) => value === 0)) {
    throw new ModelError('argument', 'Preprocessing: std must not be 0.');
  }
  if (fit === 'crop' && ratio !== undefined && !(ratio > 0 && ratio <= 1)) {
    throw new ModelError('argument', `Preprocessing: the ratio of a crop is ${ratio}, but must be above 0 and at most 1.`);
  }
  if (fit === 'pad' && fill !== undefined && !(Array.isArray(fill) && fill.length === 3 && fill.every(Number.isFinite))) {
    throw new ModelError('argument', 'Preprocessing: the fill of a padded picture is a colour, [R, G, B] from 0 to 255.');
  }
  return {
    order,
    resize: how,
    mean: spread(mean, channels, 'mean'),
    std: spread(std, channels, 'std'),
    fit,
    ...(fit === 'crop' && ratio !== undefined ? { ratio } : {}),
    ...(fit === 'pad' && fill !== undefined ? { fill } : {}),
  };
}
