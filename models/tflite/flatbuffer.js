/**
 * Reading FlatBuffers, with every offset checked: a table's fields by their number in the schema.
 *
 * (The npm package flatbuffers reads past the end of a buffer as zeros, which would make sense of
 * damaged files.)
 */
import { ModelError } from '../errors.js';

export class Buffer {
  /** @param {Uint8Array} bytes @param {string} name for messages */
  constructor(bytes, name) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.name = name;
  }

  /** `length` bytes at `at`, or an error. */
  check(at, length) {
    if (!(at >= 0 && length >= 0 && at + length <= this.bytes.length)) {
      throw new ModelError('format', `${this.name.slice(-80)} is damaged or cut off: something in it lies at byte ${at}, beyond its ` +
        `end at ${this.bytes.length}. Download it again.`);
    }
    return at;
  }

  int32(at) { return this.view.getInt32(this.check(at, 4), true); }

  uint32(at) { return this.view.getUint32(this.check(at, 4), true); }

  /** Where the offset at `at` points to. */
  target(at) { return at + this.uint32(at); }

  root() { return new Table(this, this.target(0)); }
}

export class Table {
  constructor(buffer, at) {
    this.buffer = buffer;
    this.at = buffer.check(at, 4);
    this.fields = buffer.check(at - buffer.int32(at), 4);
    this.count = (buffer.view.getUint16(this.fields, true) - 4) / 2;
    buffer.check(this.fields, Math.max(this.count, 0) * 2 + 4);
  }

  /** Where a field stands; undefined: it is not there and has its default. */
  place(field, size) {
    const offset = field < this.count ? this.buffer.view.getUint16(this.fields + 4 + 2 * field, true) : 0;
    return offset ? this.buffer.check(this.at + offset, size) : undefined;
  }

  number(field, size, otherwise, get) {
    const at = this.place(field, size);
    return at === undefined ? otherwise : get(this.buffer.view, at);
  }

  int8(field, otherwise = 0) { return this.number(field, 1, otherwise, (view, at) => view.getInt8(at)); }

  uint8(field, otherwise = 0) { return this.number(field, 1, otherwise, (view, at) => view.getUint8(at)); }

  int32(field, otherwise = 0) { return this.number(field, 4, otherwise, (view, at) => view.getInt32(at, true)); }

  uint32(field, otherwise = 0) { return this.number(field, 4, otherwise, (view, at) => view.getUint32(at, true)); }

  uint64(field, otherwise = 0) { return this.number(field, 8, otherwise, (view, at) => Number(view.getBigUint64(at, true))); }

  float(field, otherwise = 0) { return this.number(field, 4, otherwise, (view, at) => view.getFloat32(at, true)); }

  table(field) {
    const at = this.place(field, 4);
    return at === undefined ? undefined : new Table(this.buffer, this.buffer.target(at));
  }

  /** [where its items begin, how many they are] */
  vector(field, size) {
    const at = this.place(field, 4);
    if (at === undefined) return [0, 0];
    const start = this.buffer.target(at);
    const count = this.buffer.uint32(start);
    this.buffer.check(start + 4, count * size);
    return [start + 4, count];
  }

  list(field, size, get) {
    const [start, count] = this.vector(field, size);
    return Array.from({ length: count }, (_, i) => get(this.buffer.view, start + i * size));
  }

  tables(field) {
    return this.list(field, 4, (view, at) => new Table(this.buffer, this.buffer.target(at)));
  }

  int32s(field) { return this.list(field, 4, (view, at) => view.getInt32(at, true)); }

  int64s(field) { return this.list(field, 8, (view, at) => Number(view.getBigInt64(at, true))); }

  floats(field) { return this.list(field, 4, (view, at) => view.getFloat32(at, true)); }

  bytes(field) {
    const [start, count] = this.vector(field, 1);
    return this.buffer.bytes.subarray(start, start + count);
  }

  text(field) {
    return new TextDecoder().decode(this.bytes(field).slice());
  }
}
