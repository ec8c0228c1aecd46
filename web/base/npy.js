/**
 * NumPy's file format, version 1.0, in C order.
 */
const TYPES = new Map([[Float32Array, '<f4'], [Uint8Array, '|u1']]);

/**
 * An array as the bytes of a .npy file.
 * @param {Float32Array | Uint8Array} values
 * @param {number[]} shape
 * @returns {Uint8Array}
 */
export function npy(values, shape) {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const about = `{'descr': '${TYPES.get(values.constructor)}', 'fortran_order': False, 'shape': (${dims}), }`;
  // The values begin at a multiple of 64 bytes.
  const text = `${about.padEnd(Math.ceil((about.length + 11) / 64) * 64 - 11)}\n`;
  const bytes = new Uint8Array(10 + text.length + values.byteLength);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8]);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 10 + text.length);
  return bytes;
}
