/**
 * Starts the engine as well as this environment can: which form of the compiled file, how many threads.
 * What is used is tried, not a flag that speaks of it.
 */
import { GradCamError } from '../base/errors.js';
import { withoutRelaxedSimd } from './relaxed.js';
import { Engine } from './wasm.js';

/** More threads than this cost memory and gain little: the layers are small. */
const HELPFUL_THREADS = 8;

/** A function that needs `instruction` bytes after three v128 parameters; true where it is known. */
const probe = (...code) => WebAssembly.validate(new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 8, 1, 0x60, 3, 0x7b, 0x7b, 0x7b, 1, 0x7b,
  3, 2, 1, 0,
  10, 10 + code.length, 1, 8 + code.length, 0, 0x20, 0, 0x20, 1, 0x20, 2, ...code, 0x0b]));
const hasSimd = () => probe(0xfd, 0x52); // v128.bitselect
const hasRelaxed = () => probe(0xfd, 0x85, 2); // f32x4.relaxed_madd

/**
 * Which form of the engine this environment can run: as it is compiled, or rewritten for plain SIMD.
 * @param {'auto' | 'simd' | 'relaxed'} wanted
 * @returns {'simd' | 'relaxed'}
 */
export function chooseVariant(wanted) {
  if (!hasSimd()) {
    throw new GradCamError('unsupported', 'This browser or Node has no WebAssembly SIMD. ' +
      'It takes Chrome 91, Firefox 89, Safari 16.4 or Node 20, or later ones.');
  }
  const relaxed = hasRelaxed();
  if (wanted === 'relaxed' && !relaxed) {
    throw new GradCamError('unsupported', 'This browser or Node has no WebAssembly relaxed SIMD; ' +
      "use the variant 'simd' or 'auto'.");
  }
  if (wanted === 'auto') return relaxed ? 'relaxed' : 'simd';
  return wanted;
}

/**
 * Whether memory can be shared between threads: a page must be cross-origin isolated for that, but not
 * every browser that says it is keeps the promise.
 */
export function canShareMemory() {
  if (typeof SharedArrayBuffer !== 'function') return false;
  const { port1 } = new MessageChannel();
  try {
    port1.postMessage(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }));
    return true;
  } catch {
    return false;
  } finally {
    port1.close();
  }
}

/**
 * @param {import('./protocol.js').LoadArgs} args
 * @param {import('./host-browser.js').Host} host
 * @param {string} ownFile   address of the package's gradcam.wasm
 * @param {AbortSignal} signal
 * @returns {Promise<{engine: Engine, variant: 'simd' | 'relaxed', warnings: import('./protocol.js').Warning[]}>}
 */
export async function startEngine(args, host, ownFile, signal) {
  // WebKit's workers can sleep through the end of a compilation, for ever, where nothing else wakes them.
  const awake = setInterval(() => {}, 50);
  try {
    return await start(args, host, ownFile, signal);
  } finally {
    clearInterval(awake);
  }
}

async function start({ threads, variant: wanted, wasmUrl }, host, ownFile, signal) {
  host.prepare();
  const variant = chooseVariant(wanted);
  const most = canShareMemory() ? Math.min(HELPFUL_THREADS, host.processors()) : 1;
  if (threads !== 'auto' && threads > 1 && !canShareMemory()) {
    throw new GradCamError('unsupported', `threads is ${threads}, but no memory can be shared between threads here: ` +
      "the page must be cross-origin isolated. Use 'auto' or 1.");
  }
  const url = wasmUrl ? new URL('gradcam.wasm', wasmUrl.replace(/\/*$/, '/')).href : ownFile;
  const module = await host.compile(url, { signal, rewrite: variant === 'simd' ? withoutRelaxedSimd : null });
  if (threads !== 'auto') return { engine: await Engine.create({ module, threads }), variant, warnings: [] };
  try {
    return { engine: await Engine.create({ module, threads: most }), variant, warnings: [] };
  } catch (error) {
    if (most === 1) throw error;
    const engine = await Engine.create({ module, threads: 1 });
    return { engine, variant, warnings: [{ name: 'one-thread', text: `${error.message} One thread does the work` }] };
  }
}
