/**
 * The engine is compiled with relaxed SIMD, for its fused multiply-add. Where an environment lacks
 * that (Safari, above all), the compiled file is rewritten before it is used: every relaxed
 * instruction becomes plain ones of the same meaning. So one file serves all, not two that differ in
 * a thousand instructions.
 *
 * A WebAssembly file is a row of sections. The one that holds the code is walked through instruction
 * by instruction, since only that tells an instruction from a number that looks like one; everything
 * is copied but what has to change. Names are those of the specification; its numbers are LEB128.
 */
import { GradCamError } from '../base/errors.js';

const SECTION = { type: 1, import: 2, function: 3, code: 10 };
const IMPORTED_FUNCTION = 0;
const V128 = 0x7b;
const MAGIC = [0, 0x61, 0x73, 0x6d]; // the first bytes of every WebAssembly file

/** Plain instructions for a relaxed one (both after 0xfd); `t` is a variable of the function's own. */
const PLAIN = new Map([
  [0x105, (t) => [0x21, ...t, 0xfd, 0xe6, 1, 0x20, ...t, 0xfd, 0xe4, 1]], // madd: local.set t, mul, local.get t, add
  [0x10d, () => [0xfd, 0xea, 1]], // min: pmin
  [0x10e, () => [0xfd, 0xeb, 1]], // max: pmax
]);

function leb(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}

/** Reads a file from its beginning to its end. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  byte() {
    if (this.at >= this.bytes.length) throw new WebAssembly.CompileError('it ends too early');
    return this.bytes[this.at++];
  }

  skip(count) {
    this.at += count;
  }

  /** An unsigned number; signed ones may be read too by who wants only to be past them. */
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  }

  numbers(count) {
    for (let i = 0; i < count; i++) this.number();
  }

  /** Calls back as often as the number that stands here says. */
  each(work) {
    for (let left = this.number(); left > 0; left--) work();
  }

  limits() {
    this.numbers(this.byte() & 1 ? 2 : 1);
  }

  /** Past what follows an instruction's number. Vector instructions are the caller's business. */
  operands(code) {
    if (code <= 0x01 || code === 0x05 || code === 0x0b || code === 0x0f) return; // nop, else, end, ...
    if (code === 0x1a || code === 0x1b || code === 0xd1) return; // drop, select, ref.is_null
    if (code >= 0x45 && code <= 0xc4) return; // arithmetic
    if (code <= 0x04 || code === 0x0c || code === 0x0d || code === 0x10) this.number(); // blocks, branches, call
    else if (code === 0x0e) this.numbers(this.number() + 1); // br_table
    else if (code === 0x11) this.numbers(2); // call_indirect
    else if (code >= 0x20 && code <= 0x26) this.number(); // variables, tables
    else if (code >= 0x28 && code <= 0x3e) this.numbers(2); // loads and stores: alignment, offset
    else if (code >= 0x3f && code <= 0x42) this.number(); // memory.size, memory.grow, constants
    else if (code === 0x43) this.skip(4);
    else if (code === 0x44) this.skip(8);
    else if (code === 0xd0 || code === 0xd2) this.number(); // references
    else if (code === 0xfc) this.bulk(this.number());
    else if (code === 0xfe) this.numbers(this.number() === 0x03 ? 1 : 2); // atomics; 3: fence
    else throw unknown(code);
  }

  /** Saturating truncation, then memory.init, .drop, .copy, .fill and the same for tables. */
  bulk(code) {
    const counts = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];
    if (code >= counts.length) throw unknown(0xfc00 + code);
    this.numbers(counts[code]);
  }

  vectorOperands(code) {
    if (code <= 11 || code === 92 || code === 93) this.numbers(2); // loads, stores
    else if (code <= 13) this.skip(16); // constant, shuffle
    else if (code >= 21 && code <= 34) this.skip(1); // lanes
    else if (code >= 84 && code <= 91) { // loads and stores of a lane
      this.numbers(2);
      this.skip(1);
    }
  }
}

const unknown = (code) => new GradCamError('internal',
  `The engine's file holds the instruction 0x${code.toString(16)}, which web/worker/relaxed.js does not know.`);

/** Number of parameters of each function that the file itself holds. */
function parameterCounts(bytes, sections) {
  const types = [];
  const counts = [];
  for (const { id, start } of sections) {
    const reader = new Reader(bytes);
    reader.at = start;
    if (id === SECTION.type) {
      reader.each(() => {
        reader.byte(); // func
        const parameters = reader.number();
        types.push(parameters);
        reader.skip(parameters);
        reader.skip(reader.number());
      });
    } else if (id === SECTION.function) {
      reader.each(() => counts.push(types[reader.number()]));
    }
  }
  return counts;
}

/** One function's body, or the same bytes where nothing in it is relaxed. */
function plainBody(body, parameters) {
  const reader = new Reader(body);
  let variables = parameters;
  const groups = reader.number();
  const afterCount = reader.at;
  for (let i = 0; i < groups; i++) {
    variables += reader.number();
    reader.byte();
  }
  const afterVariables = reader.at;
  const parts = [];
  let copied = afterVariables;
  while (reader.at < body.length) {
    const start = reader.at;
    const code = reader.byte();
    if (code !== 0xfd) {
      reader.operands(code);
      continue;
    }
    const vector = reader.number();
    if (vector < 0x100) {
      reader.vectorOperands(vector);
      continue;
    }
    const plain = PLAIN.get(vector);
    if (!plain) throw unknown(0xfd000 + vector);
    parts.push(body.subarray(copied, start), plain(leb(variables)));
    copied = reader.at;
  }
  if (!parts.length) return [body];
  return [leb(groups + 1), body.subarray(afterCount, afterVariables), [1, V128], ...parts, body.subarray(copied)];
}

const sizeOf = (parts) => parts.reduce((sum, part) => sum + part.length, 0);

/**
 * @param {Uint8Array} bytes  a WebAssembly file
 * @returns {Uint8Array} the same without relaxed SIMD
 */
export function withoutRelaxedSimd(bytes) {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw new WebAssembly.CompileError('it begins otherwise');
  const sections = [];
  const reader = new Reader(bytes);
  reader.skip(8);
  while (reader.at < bytes.length) {
    const from = reader.at;
    const id = reader.byte();
    const size = reader.number();
    sections.push({ id, from, start: reader.at, end: reader.at + size });
    reader.skip(size);
  }
  const counts = parameterCounts(bytes, sections);
  const out = [bytes.subarray(0, 8)];
  for (const { id, from, start, end } of sections) {
    if (id !== SECTION.code) {
      out.push(bytes.subarray(from, end));
      continue;
    }
    reader.at = start;
    const parts = [leb(reader.number())];
    for (const parameters of counts) {
      const size = reader.number();
      const body = plainBody(bytes.subarray(reader.at, reader.at + size), parameters);
      parts.push(leb(sizeOf(body)), ...body);
      reader.skip(size);
    }
    out.push([id], leb(sizeOf(parts)), ...parts);
  }
  const result = new Uint8Array(sizeOf(out));
  let at = 0;
  for (const part of out) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
