/**
 * Just enough of the protocol buffers wire format to write an ONNX file.
 *
 * A message is a list of encoded fields, each a Uint8Array; `message()` joins them. Fields whose
 * value is undefined are left out. https://protobuf.dev/programming-guides/encoding/
 */

const utf8 = new TextEncoder();

/** @param {number | bigint} value a non-negative or two's complement 64-bit integer */
function varint(value) {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** @param {Uint8Array[]} parts */
export function concatBytes(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const tag = (field, wireType) => varint(field * 8 + wireType);

/** Field of wire type 0. */
export const int = (field, value) => concatBytes([tag(field, 0), varint(value)]);

/** Field of wire type 5. */
export function float(field, value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concatBytes([tag(field, 5), bytes]);
}

/** Field of wire type 2: bytes or an embedded message. */
export const bytes = (field, value) =>
  concatBytes([tag(field, 2), varint(value.length), value]);

export const string = (field, value) => bytes(field, utf8.encode(value));

/** Field of wire type 2 holding integers one after the other (proto3's packed form). */
export const packedInts = (field, values) =>
  bytes(field, concatBytes([...values].map((value) => varint(value))));

/** @param {(Uint8Array | undefined)[]} fields */
export const message = (...fields) => concatBytes(fields.filter((field) => field !== undefined));

/**
 * The fields of an encoded message, in order: their number, and a number (wire type 0), bytes (2, a view,
 * never a copy) or the raw bytes of a fixed one (1, 5). Ends quietly where the bytes make no sense or end.
 * @param {Uint8Array} bytes
 * @returns {Generator<{field: number, wire: number, value: any, end: number}>}
 */
export function* readFields(bytes) {
  let at = 0;
  const varintAt = () => {
    let value = 0n;
    for (let shift = 0n; at < bytes.length && shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tagged = varintAt();
    if (tagged === undefined) return;
    const [field, wire] = [Number(tagged >> 3n), Number(tagged & 7n)];
    if (field === 0) return;
    let value;
    if (wire === 0) {
      const number = varintAt();
      if (number === undefined) return;
      value = Number(BigInt.asIntN(64, number));
    } else {
      const length = wire === 2 ? Number(varintAt() ?? -1n) : { 1: 8, 5: 4 }[wire];
      // A field that is cut off is still named: a file's first bytes tell what it is.
      if (length === undefined || length < 0) return;
      value = bytes.subarray(at, at + length);
      at += length;
    }
    yield { field, wire, value, end: at };
  }
}

const decoder = new TextDecoder();

/** Text; from memory that threads share, by way of a copy: decoders refuse such. */
export const readString = (text) => decoder.decode(text.buffer instanceof ArrayBuffer ? text : text.slice());

/** Integers of a repeated field, packed (bytes) or one by one (a number). */
export function readInts(value) {
  if (typeof value === 'number') return [value];
  const list = [];
  let [part, shift] = [0n, 0n];
  for (const byte of value) {
    part |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte >= 128) continue;
    list.push(Number(BigInt.asIntN(64, part)));
    [part, shift] = [0n, 0n];
  }
  return list;
}
