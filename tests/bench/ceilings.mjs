/**
 * The two ceilings of a roofline, measured where the engine runs: multiplications and additions a
 * second, and bytes read from memory a second, on one thread, by two loops of WebAssembly.
 */
import { time } from './environment.mjs';

const PAGES = 2048; // 128 MiB: no cache holds it
const ACCUMULATORS = 12; // enough to hide the latency, few enough for the registers
const LANES = 4;

const [I32, F32, V128] = [0x7f, 0x7d, 0x7b];
const simd = (code) => [0xfd, ...leb(code)];
const [LOAD, SPLAT, LANE, ADD, MUL, MADD] = [0x00, 0x13, 0x1f, 0xe4, 0xe6, 0x105].map(simd);
const get = (local) => [0x20, ...leb(local)];
const set = (local) => [0x21, ...leb(local)];

function leb(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}

const sized = (bytes) => [...leb(bytes.length), ...bytes];
const section = (id, bytes) => [id, ...sized(bytes)];

/**
 * (count: i32, value: f32) -> f32: runs `step(accumulator, k)` for each accumulator, `count` times;
 * locals: 0 count, 1 value, 2 position, 3 the value in all lanes, 4.. the accumulators.
 */
function loop(step, advance) {
  const accumulators = Array.from({ length: ACCUMULATORS }, (_, k) => 4 + k);
  const sum = accumulators.flatMap((local, k) => [...get(local), ...(k ? ADD : [])]);
  return [
    2, 1, I32, ...leb(1 + ACCUMULATORS), V128,
    ...get(1), ...SPLAT, ...set(3),
    0x03, 0x40, // loop
    ...accumulators.flatMap((local, k) => [...step(local, k), ...set(local)]),
    ...get(2), 0x41, ...advance, 0x6a, ...set(2), // position += advance
    ...get(0), 0x41, 1, 0x6b, 0x22, 0, // count -= 1
    0x0d, 0, 0x0b, // once more while it is not 0
    ...sum, ...LANE, 0, 0x0b,
  ];
}

const signed = (value) => { // LEB of a positive number, its sign bit clear
  const bytes = leb(value);
  return bytes.at(-1) & 64 ? [...bytes.slice(0, -1), bytes.at(-1) | 128, 0] : bytes;
};

function assemble(relaxed) {
  const multiply = (local) => (relaxed ? [...get(3), ...get(3), ...get(local), ...MADD]
    : [...get(3), ...get(3), ...MUL, ...get(local), ...ADD]);
  const read = (local, k) => [...get(2), ...LOAD, 4, ...leb(16 * k), ...get(local), ...ADD];
  const name = (text) => sized([...text].map((letter) => letter.charCodeAt(0)));
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 2, I32, F32, 1, F32]),
    ...section(3, [2, 0, 0]),
    ...section(5, [1, 0, ...leb(PAGES)]),
    ...section(7, [3, ...name('multiply'), 0, 0, ...name('read'), 0, 1, ...name('memory'), 2, 0]),
    ...section(10, [2, ...sized(loop(multiply, [0])), ...sized(loop(read, signed(16 * ACCUMULATORS)))]),
  ]);
}

/** @param {boolean} relaxed  @returns {Promise<{flops: number, bandwidth: number}>} both a second */
export async function ceilings(relaxed) {
  const { instance } = await WebAssembly.instantiate(assemble(relaxed));
  const { multiply, read, memory } = instance.exports;
  new Uint8Array(memory.buffer).fill(1); // untouched pages would all be one
  const best = async (run) => { // of many: a loop runs in the optimising compiler's code from a later call on
    const times = [];
    for (let i = 0; i < 60; i++) times.push(await time(run));
    return Math.min(...times) / 1000;
  };
  const [turns, steps] = [4e5, Math.floor((65536 * PAGES) / (16 * ACCUMULATORS))];
  return {
    flops: (2 * LANES * ACCUMULATORS * turns) / await best(() => multiply(turns, 0.5)),
    bandwidth: (16 * ACCUMULATORS * steps) / await best(() => read(steps, 0)),
  };
}
