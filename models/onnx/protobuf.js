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
