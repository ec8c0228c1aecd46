/**
 * Pixels as the engine takes them: bytes, sRGB, straight alpha. What comes as other numbers is converted
 * where it says what it is, and refused where it does not.
 */
import { GradCamError } from '../base/errors.js';

/** @typedef {import('./render.js').Pixels} Pixels */

/** Display P3 to sRGB, both linear (CSS Color 4, section 10). */
const P3_TO_SRGB = [
  [1.2249401762805598, -0.22494017628055996, 0],
  [-0.042056954709688163, 1.0420569547096881, 0],
  [-0.019637554590334432, -0.078636045550631889, 1.0982736001409663],
];

/** sRGB's curve, which Display P3 has too; beyond 0..1 it goes on, as float pixels may. */
const toLinear = (v) => (Math.abs(v) <= 0.04045 ? v / 12.92 : Math.sign(v) * ((Math.abs(v) + 0.055) / 1.055) ** 2.4);
const fromLinear = (v) => (Math.abs(v) <= 0.0031308 ? 12.92 * v : Math.sign(v) * (1.055 * Math.abs(v) ** (1 / 2.4) - 0.055));

const isBytes = (data) => data instanceof Uint8ClampedArray || data instanceof Uint8Array;

/** 0..1 for each number that a kind of float pixel may hold. */
const isFloat = ({ pixelFormat, data }) => pixelFormat === 'rgba-float16' ||
  (typeof Float16Array === 'function' && data instanceof Float16Array);

/**
 * @param {any} image  ImageData, or {width, height, data}
 * @returns {Pixels}
 */
export function toBytes(image) {
  const { width, height, data, colorSpace = 'srgb' } = image;
  if (!isBytes(data) && !isFloat(image)) {
    const kind = Array.isArray(data) ? 'an array of numbers' : data?.constructor?.name ?? typeof data;
    throw new GradCamError('image', `The picture's data is ${kind}, but must be bytes: RGBA, 0 to 255, in a Uint8ClampedArray ` +
      'or Uint8Array.');
  }
  if (!['srgb', 'display-p3'].includes(colorSpace)) {
    throw new GradCamError('image', `The picture's colour space is "${colorSpace}"; draw it to an sRGB canvas first.`);
  }
  if (isBytes(data) && colorSpace === 'srgb') return { width, height, data };
  const scale = isBytes(data) ? 255 : 1;
  const out = new Uint8ClampedArray(data.length);
  const linear = [0, 0, 0];
  for (let at = 0; at < data.length; at += 4) {
    for (let c = 0; c < 3; ++c) linear[c] = toLinear(data[at + c] / scale);
    for (let c = 0; c < 3; ++c) {
      const [r, g, b] = P3_TO_SRGB[c];
      out[at + c] = 255 * (colorSpace === 'srgb' ? data[at + c] / scale
        : fromLinear(r * linear[0] + g * linear[1] + b * linear[2]));
    }
    out[at + 3] = (255 / scale) * data[at + 3];
  }
  return { width, height, data: out };
}
