/**
 * The forms a kernel can be stored in: f32, f16 (IEEE half, rounded to nearest even), int8 with one
 * scale for each output channel (row): w = scale * q, q in -127..127, scale = max |w| / 127.
 */

const floatBits = new Float32Array(1);
const intBits = new Uint32Array(floatBits.buffer);

/** @param {number} value rounds to binary16; too large becomes the largest finite half */
export function floatToHalf(value) {
  floatBits[0] = value;
  const bits = intBits[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7bff; // 65504: a weight must stay finite
  if (magnitude < 0x38800000) { // subnormal: count of 2^-24, ties to even
    const scaled = Math.abs(value) * 2 ** 24;
    const low = Math.floor(scaled);
    const rest = scaled - low;
    return sign | (low + (rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? 1 : 0));
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** @param {number} half the bits of a binary16 */
export function halfToFloat(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}

/** @param {Float32Array} values  @returns {Uint8Array} little-endian halves */
export function toHalves(values) {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = floatToHalf(values[i]);
  return new Uint8Array(out.buffer);
}

/**
 * @param {Float32Array} values  whole rows
 * @param {number} rowSize
 * @returns {{bytes: Uint8Array, scales: Float32Array}}
 */
export function toInt8(values, rowSize) {
  const rows = values.length / rowSize;
  const out = new Int8Array(values.length);
  const scales = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    let max = 0;
    for (let i = r * rowSize; i < (r + 1) * rowSize; i++) max = Math.max(max, Math.abs(values[i]));
    scales[r] = max > 0 ? max / 127 : 1;
    const inverse = 1 / scales[r];
    for (let i = r * rowSize; i < (r + 1) * rowSize; i++) {
      out[i] = Math.max(-127, Math.min(127, Math.round(values[i] * inverse)));
    }
  }
  return { bytes: new Uint8Array(out.buffer), scales };
}
