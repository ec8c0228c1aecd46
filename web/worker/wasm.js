/**
 * The only file that knows pointers: gradcam.h's functions as JavaScript classes, one to one.
 *
 * Rules kept here: no view of the heap outlives a call (growth replaces the buffer), Parcel.view() aside;
 * everything that leaves is a copy; pointers are unsigned (the heap may pass 2 GB); every failure goes through
 * check() and becomes a GradCamError with the engine's own words.
 */
import createGradcam from '../dist/gradcam.js';
import { GradCamError } from '../base/errors.js';

/** gcam_status, in its order. */
const CODES = ['ok', 'argument', 'model', 'unsupported', 'image', 'memory', 'state', 'cancelled'];

const RESIZES = { nearest: 0, bilinear: 1, bicubic: 2 };
const ORDERS = { rgb: 0, bgr: 1, grey: 2, rgba: 3, bgra: 4 };
const FITS = { stretch: 0, crop: 1, pad: 2 };
const AXES = { NCHW: 1, NHWC: 2 };
const ACTIVATIONS = ['auto', 'softmax', 'sigmoid', 'none'];
const SCORES = { logit: 0, softmax: 1 };
const TAKE = 1;

/** How long threads may take to start, in ms: their script is here already. */
const PATIENCE = 8000;

/** Pages of 64 KiB: INITIAL_MEMORY of emscripten/link.cmake, */
const INITIAL_PAGES = 512;
/** and the largest memory to ask for, best first: phones refuse large shared maxima. 256 MB hold the small networks. */
const MAXIMUM_PAGES = [65536, 32768, 16384, 8192, 4096];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A shared memory as large as the environment allows. */
function createMemory() {
  for (const maximum of MAXIMUM_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared: true });
    } catch (error) {
      if (!(error instanceof RangeError)) throw cannotStart(error);
    }
  }
  throw cannotStart(new RangeError(`not even ${MAXIMUM_PAGES.at(-1) / 16} MB of addresses are to be had`));
}

/** @param {any} cause  what stopped the engine from starting, in words of ours */
function cannotStart(cause) {
  if (cause instanceof GradCamError) return cause;
  const why = cause?.message ?? String(cause);
  if (cause instanceof RangeError || /out of memory/i.test(why)) {
    return new GradCamError('memory', `There is not enough memory to start the engine (${why}). ` +
      'Close other tabs or programs and try again.', { cause });
  }
  if (cause instanceof WebAssembly.LinkError) {
    return new GradCamError('file', `gradcam.wasm does not belong to this version's script (${why}). Install the ` +
      'package anew, or name the right folder with the option wasmUrl.', { cause });
  }
  return new GradCamError('unsupported', `The engine cannot start here: ${why}.`, { cause });
}

const noThreads = (why, cause) => new GradCamError('unsupported', `The engine's threads cannot be started (${why}).`,
  { cause, remedy: 'threads' });

/**
 * Makes the instance and its threads. The generated script's own promise stays open for ever where one
 * of them fails; this one does not.
 */
async function instantiate(module, wasmMemory, threads, patience) {
  const workers = [];
  let state = 'starting';
  let timer;
  try {
    return await new Promise((resolve, reject) => {
      createGradcam({
        wasmMemory,
        pthreadPoolSize: threads - 1,
        threadMade: (worker) => workers.push(worker),
        threadFailed(event) {
          if (state === 'started') throw event; // it ends this worker, and so the page hears of it
          event.preventDefault?.();
          reject(noThreads(event.message || 'their script could not be loaded', event));
        },
        instantiateWasm(imports, receive) {
          // Not WebAssembly.instantiate() of the bytes: the threads need the compiled module too.
          WebAssembly.instantiate(module, imports).then((instance) => receive(instance, module)).catch(reject);
          return {};
        },
      }).then((exports) => {
        if (state === 'starting') state = 'started';
        resolve(exports);
      }, reject);
      if (threads > 1) timer = setTimeout(() => reject(noThreads(`not within ${patience / 1000} s`)), patience);
    });
  } catch (error) {
    state = 'failed';
    for (const worker of workers) worker.terminate();
    throw cannotStart(error);
  } finally {
    clearTimeout(timer);
  }
}

export class Engine {
  /**
   * @param {object} options
   * @param {WebAssembly.Module} options.module  the compiled .wasm file
   * @param {number} options.threads             1 and below: no worker threads
   * @param {number} [options.patience]          ms for the threads to start
   */
  static async create({ module, threads, patience = PATIENCE }) {
    const engine = new Engine();
    await engine.#start(module, Math.max(1, threads), patience);
    return engine;
  }

  #exports;
  #memory;
  #context = 0;

  async #start(module, threads, patience) {
    this.#memory = createMemory();
    this.#exports = await instantiate(module, this.#memory, threads, patience);
    this.#context = this.call('gcam_context_create', threads);
    if (!this.#context) throw this.outOfMemory('the engine');
  }

  /* ---- Memory and strings, for the classes below --------------------------------------------- */

  /** The context's address: first argument of many functions. */
  get context() {
    if (!this.#context) throw new GradCamError('state', 'The engine has been disposed of.');
    return this.#context;
  }

  /** Calls an export; the result as it is (a pointer comes signed, see pointer()). */
  call(name, ...args) {
    return this.#exports[`_${name}`](...args);
  }

  /** Calls an export that returns an address. */
  pointer(name, ...args) {
    return this.call(name, ...args) >>> 0;
  }

  /** Calls an export that returns a gcam_status. */
  run(name, ...args) {
    this.check(this.call(name, ...args));
  }

  /** The one place that throws what the engine reports. */
  check(status) {
    if (status === 0) return;
    const message = this.string(this.pointer('gcam_message', this.context));
    throw new GradCamError(CODES[status] ?? 'internal', message);
  }

  /** Calls an export that makes an object or fails with 0. */
  make(name, ...args) {
    const address = this.pointer(name, ...args);
    if (!address) {
      this.check(this.call('gcam_last_status', this.context));
      throw this.outOfMemory(name);
    }
    return address;
  }

  outOfMemory(what) {
    return new GradCamError('memory', `There is not enough memory for ${what}.`);
  }

  /** @param {number} size bytes @param {string} what for the message */
  allocate(size, what) {
    const address = this.pointer('malloc', Math.max(1, size));
    if (!address) throw this.outOfMemory(`${what} (${Math.ceil(size / 1e6)} MB)`);
    return address;
  }

  release(address) {
    this.call('free', address);
  }

  /** Runs `use(address)` with `size` bytes that live no longer than that. */
  borrow(size, what, use) {
    const address = this.allocate(size, what);
    try {
      return use(address);
    } finally {
      this.release(address);
    }
  }

  /** Runs `use(address)` with a copy of `bytes`. */
  lend(bytes, what, use) {
    return this.borrow(bytes.byteLength, what, (address) => {
      this.write(address, bytes);
      return use(address);
    });
  }

  /** Runs `use(address)` with a C string; null becomes NULL. */
  lendString(text, use) {
    if (text === null || text === undefined) return use(0);
    return this.lend(encoder.encode(`${text}\0`), 'a name', use);
  }

  /** @param {number} address @param {ArrayBufferView} values */
  write(address, values) {
    new Uint8Array(this.#memory.buffer, address, values.byteLength)
      .set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** No copy: good until the memory at the address is freed. (The heap is shared memory, which grows in place.) */
  memory(address, count) {
    return new Uint8Array(this.#memory.buffer, address, count);
  }

  bytes(address, count) {
    return new Uint8Array(this.#memory.buffer, address, count).slice();
  }

  floats(address, count) {
    return new Float32Array(this.#memory.buffer, address, count).slice();
  }

  doubles(address, count) {
    return new Float64Array(this.bytes(address, 8 * count).buffer);
  }

  ints(address, count) {
    return new Int32Array(this.#memory.buffer, address, count).slice();
  }

  string(address) {
    if (!address) return '';
    const heap = new Uint8Array(this.#memory.buffer);
    return decoder.decode(heap.slice(address, heap.indexOf(0, address)));
  }

  /** Calls an export that returns a C string. */
  text(name, ...args) {
    return this.string(this.pointer(name, ...args));
  }

  /* ---- gradcam.h ------------------------------------------------------------------------------ */

  get version() {
    return this.text('gcam_version');
  }

  get threads() {
    return this.call('gcam_thread_count', this.context);
  }

  /** Bytes of the WebAssembly memory, which never shrinks. */
  get heapBytes() {
    return this.#memory.buffer.byteLength;
  }

  methods() {
    return Array.from({ length: this.call('gcam_method_count') }, (_, index) => ({
      name: this.text('gcam_method_name', index),
      title: this.text('gcam_method_title', index),
      paper: this.text('gcam_method_paper', index),
    }));
  }

  /** Options of methods. */
  options() {
    return Array.from({ length: this.call('gcam_option_count') }, (_, index) => ({
      name: this.text('gcam_option_name', index),
      text: this.text('gcam_option_text', index),
      default: this.call('gcam_option_default', index),
    }));
  }

  /** @returns {{name: string, rgb: Uint8Array}[]} 256 RGB triples each */
  colormaps() {
    return Array.from({ length: this.call('gcam_colormap_count') }, (_, index) => {
      const address = this.pointer('gcam_colormap_name', index);
      return {
        name: this.string(address),
        rgb: this.bytes(this.pointer('gcam_colormap_rgb', address), 3 * 256),
      };
    });
  }

  /** The ONNX operators that are known; constant: where all of its inputs are constants. */
  operators() {
    return Array.from({ length: this.call('gcam_operator_count') }, (_, index) => ({
      name: this.text('gcam_operator_name', index),
      constant: this.call('gcam_operator_constant', index) === 1,
    }));
  }

  /** @param {Uint8Array} bytes JPEG, PNG, GIF or BMP */
  decode(bytes) {
    return this.lend(bytes, 'the picture file', (address) => new Picture(this,
      this.make('gcam_image_decode', this.context, address, bytes.byteLength)));
  }

  /** @param {import('./protocol.js').Pixels} pixels RGBA */
  picture({ width, height, data }) {
    if (!Number.isInteger(width) || !Number.isInteger(height) || data.length !== 4 * width * height) {
      throw new GradCamError('image',
        `A picture of ${width}x${height} pixels needs 4 bytes for each, but ${data.length} came.`);
    }
    return this.lend(data, 'the picture', (address) => new Picture(this,
      this.make('gcam_image_from_rgba', this.context, address, width, height)));
  }

  createModel() {
    return new Model(this, this.make('gcam_model_create', this.context));
  }

  /**
   * @param {Picture} picture
   * @param {{width: number, height: number, data: Float32Array}} map 0..1
   * @param {{colormap: string, alpha: number, interpolation: string}} style
   * @param {import('../paint/render.js').View | null} [view]  the part of the picture that the map lies on
   */
  overlay(picture, map, { colormap, alpha, interpolation }, view) {
    const lendView = (use) => (view ? this.lend(Float64Array.of(view.x, view.y, view.width, view.height), 'a view', use)
      : use(0));
    return this.lend(map.data, 'the map', (data) => this.lendString(colormap, (name) => lendView((part) => new Picture(
      this, this.make('gcam_overlay', this.context, picture.address, data, map.width, map.height,
        part, name, alpha, RESIZES[interpolation])))));
  }

  /**
   * @param {Picture[]} pictures
   * @param {string[]} titles
   */
  grid(pictures, titles, columns, tileWidth) {
    const texts = titles.map((title) => encoder.encode(`${title}\0`));
    const size = 8 * pictures.length + texts.reduce((sum, text) => sum + text.length, 0);
    return this.borrow(size, 'the grid', (tiles) => {
      const names = tiles + 4 * pictures.length;
      let end = names + 4 * pictures.length;
      const addresses = texts.map((text) => {
        const at = end;
        this.write(at, text);
        end += text.length;
        return at;
      });
      this.write(tiles, Uint32Array.from(pictures, (picture) => picture.address));
      this.write(names, Uint32Array.from(addresses));
      return new Picture(this, this.make('gcam_grid', this.context, tiles, names, pictures.length,
        columns, tileWidth));
    });
  }

  /** Frees the context. Free models and pictures before it. */
  dispose() {
    if (this.#context) this.call('gcam_context_free', this.#context);
    this.#context = 0;
  }
}

/** A gcam_image. */
export class Picture {
  #engine;
  #address;

  constructor(engine, address) {
    this.#engine = engine;
    this.#address = address;
  }

  get address() {
    return this.#address;
  }

  get width() {
    return this.#engine.call('gcam_image_width', this.#address);
  }

  get height() {
    return this.#engine.call('gcam_image_height', this.#address);
  }

  /** What a person should know about it. @returns {import('./protocol.js').Warning | null} */
  get warning() {
    const name = this.#engine.text('gcam_image_warning_name', this.#address);
    return name ? { name, text: this.#engine.text('gcam_image_warning_text', this.#address) } : null;
  }

  /** @returns {Uint8Array} RGBA */
  pixels() {
    return this.#engine.bytes(this.#engine.pointer('gcam_image_rgba', this.#address),
      4 * this.width * this.height);
  }

  /** @returns {Uint8Array} an encoded PNG */
  png() {
    const engine = this.#engine;
    return engine.borrow(4, 'a size', (size) => {
      const bytes = engine.make('gcam_image_png', engine.context, this.#address, size);
      return engine.bytes(bytes, engine.ints(size, 1)[0] >>> 0);
    });
  }

  free() {
    this.#engine.call('gcam_image_free', this.#address);
    this.#address = 0;
  }
}

/** Bytes that will belong to the engine: filled piece by piece, then given to Model.load. */
export class Parcel {
  #engine;
  #address;

  constructor(engine, size, what) {
    this.#engine = engine;
    this.size = size;
    this.#address = engine.allocate(size, what);
  }

  write(offset, bytes) {
    if (offset + bytes.byteLength > this.size) throw new RangeError('more bytes than were announced');
    this.#engine.write(this.#address + offset, bytes);
  }

  /** The bytes where they lie, to look at before they are given away. */
  view() {
    return this.#engine.memory(this.#address, this.size);
  }

  /** The address, which the caller owns from now on. */
  take() {
    const address = this.#address;
    this.#address = 0;
    return address;
  }

  free() {
    if (this.#address) this.#engine.release(this.take());
  }
}

/** A gcam_task: nothing else may be done with its model until it is freed. */
export class Task {
  #engine;
  #address;

  constructor(engine, address) {
    this.#engine = engine;
    this.#address = address;
  }

  step() {
    this.#engine.run('gcam_task_step', this.#address);
  }

  get done() {
    return this.#engine.call('gcam_task_done', this.#address);
  }

  get total() {
    return this.#engine.call('gcam_task_total', this.#address);
  }

  /** What the steps so far say, of `count` maps; null before the first and after the last. */
  preview(count) {
    const width = this.#engine.call('gcam_task_width', this.#address);
    const height = this.#engine.call('gcam_task_height', this.#address);
    const data = [];
    for (let index = 0; index < count; index++) {
      const address = this.#engine.pointer('gcam_task_preview', this.#address, index);
      if (!address) return null;
      data.push(this.#engine.floats(address, width * height)); // a copy: the next one takes its place
    }
    return { width, height, data };
  }

  free() {
    this.#engine.call('gcam_task_free', this.#address);
    this.#address = 0;
  }
}

/** A gcam_model. */
export class Model {
  #engine;
  #address;

  constructor(engine, address) {
    this.#engine = engine;
    this.#address = address;
  }

  #call(name, ...args) {
    return this.#engine.call(name, this.#address, ...args);
  }

  #run(name, ...args) {
    this.#engine.run(name, this.#address, ...args);
  }

  #text(name, ...args) {
    return this.#engine.text(name, this.#address, ...args);
  }

  free() {
    this.#call('gcam_model_free');
    this.#address = 0;
  }

  /* ---- Loading ---- */

  /** @param {string | null} input null: the first @param {number[]} dims ONNX order */
  setInputShape(input, dims) {
    this.#engine.lend(Int32Array.from(dims), 'a shape', (shape) => this.#engine.lendString(input,
      (name) => this.#run('gcam_model_set_input_shape', name, shape, dims.length)));
  }

  /** Before load(): only these are looked at, and what they need. @param {string[]} names */
  setOutputs(names) {
    const engine = this.#engine;
    const texts = names.map((name) => encoder.encode(`${name}\0`));
    engine.borrow(4 * names.length + texts.reduce((sum, text) => sum + text.length, 0), 'names', (list) => {
      let end = list + 4 * names.length;
      const addresses = texts.map((text) => {
        engine.write(end, text);
        end += text.length;
        return end - text.length;
      });
      engine.write(list, Uint32Array.from(addresses));
      this.#run('gcam_model_set_outputs', list, names.length);
    });
  }

  setPrecise(precise) {
    this.#run('gcam_model_set_precision', precise ? 1 : 0);
  }

  /** @param {Parcel} parcel the ONNX file; it belongs to the model afterwards, also on failure */
  load(parcel) {
    const size = parcel.size;
    this.#run('gcam_model_load', parcel.take(), size, TAKE);
  }

  /** @returns {{location: string, offset: number, length: number}[]} */
  externals() {
    const length = this.#call('gcam_model_external_count');
    return Array.from({ length }, (_, index) => ({
      location: this.#text('gcam_model_external_location', index),
      offset: this.#call('gcam_model_external_offset', index),
      length: this.#call('gcam_model_external_length', index),
    }));
  }

  push(location, offset, bytes) {
    this.#engine.lendString(location, (name) => this.#engine.lend(bytes, 'weights',
      (address) => this.#run('gcam_model_push', name, offset, address, bytes.byteLength)));
  }

  finish() {
    this.#run('gcam_model_finish');
  }

  /* ---- What is inside ---- */

  inputName(index = 0) {
    return this.#text('gcam_model_input_name', index);
  }

  get outputCount() {
    return this.#call('gcam_model_output_count');
  }

  outputName(index = 0) {
    return this.#text('gcam_model_output_name', index);
  }

  /** @returns {number[] | null} ONNX order */
  shape(tensor) {
    const engine = this.#engine;
    return engine.lendString(tensor, (name) => engine.borrow(32, 'a shape', (dims) => {
      const rank = this.#call('gcam_model_shape', name, dims, 8);
      return rank < 0 ? null : Array.from(engine.ints(dims, rank));
    }));
  }

  /** How the head's numbers become probabilities. @returns {'softmax' | 'sigmoid' | 'none'} */
  get activation() {
    return /** @type {any} */ (ACTIVATIONS[this.#call('gcam_model_activation')]);
  }

  /** After finish(). @param {string} activation */
  setActivation(activation) {
    this.#run('gcam_model_set_activation', ACTIVATIONS.indexOf(activation));
  }

  /** After finish(). @param {number[]} grid  rows and columns of tokens, and how many are before them */
  setGrid([height, width, skip = 0]) {
    this.#run('gcam_model_set_grid', height, width, skip);
  }

  /** The output that the classes come from. */
  get headName() {
    return this.outputName(this.#call('gcam_model_head'));
  }

  get headIsPicture() {
    return this.#call('gcam_model_head_is_picture') === 1;
  }

  /** Where finish() found operators that are not known: all of them. @returns {string[]} */
  unsupported() {
    const list = [];
    for (let text; (text = this.#text('gcam_model_unsupported', list.length));) list.push(text);
    return list;
  }

  get classCount() {
    return this.#call('gcam_model_class_count');
  }

  /** @returns {import('./protocol.js').LayerInfo[]} */
  layers() {
    const length = this.#call('gcam_model_layer_count');
    return Array.from({ length }, (_, index) => ({
      name: this.#text('gcam_model_layer_name', index),
      node: this.#text('gcam_model_layer_node', index),
      op: this.#text('gcam_model_layer_op', index),
      height: this.#call('gcam_model_layer_height', index),
      width: this.#call('gcam_model_layer_width', index),
      channels: this.#call('gcam_model_layer_channels', index),
      ...(this.#call('gcam_model_layer_is_tokens', index) ? { tokens: true } : {}),
    }));
  }

  /** @returns {number} -1: none */
  get defaultLayer() {
    return this.#call('gcam_model_default_layer');
  }

  /** @returns {number} an index; throws with near misses when there is none */
  findLayer(name) {
    const index = this.#engine.lendString(name,
      (address) => this.#call('gcam_model_find_layer', address));
    if (index < 0) this.#engine.check(1);
    return index;
  }

  /* ---- Running ---- */

  /** Runs `use(address)` with a gcam_preprocess. */
  #lendPreprocess({ order, resize, mean, std, fit = 'stretch', ratio = 0, fill, axes }, use) {
    const four = (values) => Float32Array.from({ length: 4 }, (_, i) => values[i] ?? 0);
    const pre = new ArrayBuffer(68); // what is not written is 0, the default
    new Int32Array(pre, 0, 2).set([ORDERS[order], RESIZES[resize]]);
    new Float32Array(pre, 8, 4).set(four(mean));
    new Float32Array(pre, 24, 4).set(four([...std, 1, 1, 1]));
    new Int32Array(pre, 40, 1).set([FITS[fit]]);
    new Float32Array(pre, 44, 1).set([ratio]);
    new Int32Array(pre, 48, 1).set([fill ? 1 : 0]);
    new Float32Array(pre, 52, 3).set(fill ?? [0, 0, 0]);
    new Int32Array(pre, 64, 1).set([AXES[axes] ?? 0]);
    return this.#engine.lend(new Uint8Array(pre), 'the preprocessing', use);
  }

  /** @param {Picture} picture @param {import('../../models/modes.js').Preprocess & {axes?: string}} pre */
  setImage(picture, pre) {
    this.#lendPreprocess(pre, (address) => this.#run('gcam_model_set_image', picture.address, address));
  }

  /** What the input shows of a picture of that size, in its pixels. @returns {import('../paint/render.js').View} */
  view(width, height, pre) {
    const engine = this.#engine;
    return this.#lendPreprocess(pre, (address) => engine.borrow(32, 'a view', (at) => {
      this.#run('gcam_model_view', width, height, address, at);
      const [x, y, w, h] = engine.doubles(at, 4);
      return { x, y, width: w, height: h };
    }));
  }

  /** @param {string | null} input @param {Float32Array} values ONNX order */
  setInput(input, values) {
    this.#engine.lend(values, 'the input', (address) => this.#engine.lendString(input,
      (name) => this.#run('gcam_model_set_input', name, address, values.length)));
  }

  forward() {
    this.#run('gcam_model_forward');
  }

  /** Other values for a tensor of the last forward: what depends on it runs again. @param {Float32Array} values ONNX order */
  forwardFrom(tensor, values) {
    this.#engine.lend(values, 'a tensor', (address) => this.#engine.lendString(tensor,
      (name) => this.#run('gcam_model_forward_from', name, address, values.length)));
  }

  /** @returns {Float32Array} a tensor of the last forward, ONNX order */
  read(tensor) {
    const count = this.shape(tensor)?.reduce((product, size) => product * size, 1) ?? 0;
    return this.#engine.borrow(4 * count, 'a tensor', (values) => {
      this.#engine.lendString(tensor, (name) => this.#run('gcam_model_read', name, values, count));
      return this.#engine.floats(values, count);
    });
  }

  /** probability: null where the head has none. @returns {{id: number, score: number, probability: number | null}[]} best first */
  top(k) {
    const engine = this.#engine;
    return engine.borrow(12 * k, 'predictions', (ids) => {
      const [scores, probabilities] = [ids + 4 * k, ids + 8 * k];
      const count = this.#call('gcam_model_top', k, ids, scores, probabilities);
      if (count < 0) engine.check(engine.call('gcam_last_status', engine.context));
      const s = engine.floats(scores, count);
      const p = engine.floats(probabilities, count);
      return Array.from(engine.ints(ids, count),
        (id, index) => ({ id, score: s[index], probability: Number.isNaN(p[index]) ? null : p[index] }));
    });
  }

  /** Of every class. @returns {{scores: Float32Array, probabilities: Float32Array}} */
  scores() {
    const count = this.classCount;
    return this.#engine.borrow(8 * count, 'scores', (at) => {
      this.#run('gcam_model_scores', at, at + 4 * count);
      return {
        scores: this.#engine.floats(at, count),
        probabilities: this.#engine.floats(at + 4 * count, count),
      };
    });
  }

  /**
   * @param {string} output
   * @param {Float32Array[]} cotangents one per target, each as large as the output
   * @returns {Float32Array[]} one per target, each as large as `target`
   */
  vjp(output, cotangents, target) {
    const engine = this.#engine;
    const each = cotangents[0].length;
    const size = this.shape(target)?.reduce((product, dim) => product * dim, 1) ?? 0;
    const flat = new Float32Array(cotangents.length * each);
    cotangents.forEach((values, index) => flat.set(values, index * each));
    return engine.lend(flat, 'cotangents', (from) => engine.borrow(4 * size * cotangents.length,
      'gradients', (to) => engine.lendString(output, (out) => engine.lendString(target, (name) => {
        this.#run('gcam_model_vjp', out, from, cotangents.length, name, to);
        return cotangents.map((_, index) => engine.floats(to + 4 * size * index, size));
      }))));
  }

  /* ---- Explaining ---- */

  /** Holds for every later explanation. */
  setOption(name, value) {
    this.#engine.lendString(name, (address) => this.#run('gcam_model_set_option', address, value));
  }

  /**
   * Starts an explanation that is made step by step; its maps are the model's after the last one.
   * @param {string} method
   * @param {string | null} layer
   * @param {'logit' | 'softmax'} score
   * @param {Float32Array[]} targets  per map, the weight of every class in the score
   */
  startTask(method, layer, score, targets) {
    const engine = this.#engine;
    const classes = targets[0].length;
    const weights = new Float32Array(targets.length * classes);
    targets.forEach((row, index) => weights.set(row, index * classes));
    return engine.lend(weights, 'targets', (rows) => engine.lendString(method,
      (how) => engine.lendString(layer, (where) => new Task(engine, engine.make('gcam_task_create',
        this.#address, how, where, SCORES[score], rows, targets.length)))));
  }

  /** The maps of the last explain, before ReLU. */
  maps() {
    const width = this.#call('gcam_map_width');
    const height = this.#call('gcam_map_height');
    const length = this.#call('gcam_map_count');
    const data = Array.from({ length }, (_, index) => this.#engine.floats(
      this.#engine.pointer('gcam_map_data', this.#address, index), width * height));
    return { width, height, layer: this.#call('gcam_map_layer'), data };
  }

  /** Methods to the input: every channel of every pixel, H x W x C; null for others. */
  mapTerms(index) {
    const address = this.#engine.pointer('gcam_map_terms', this.#address, index);
    if (!address) return null;
    const channels = this.#call('gcam_map_channels');
    const count = this.#call('gcam_map_width') * this.#call('gcam_map_height') * channels;
    return { channels, data: this.#engine.floats(address, count) };
  }

  /** Names of the layers with weights, from the output on. @returns {string[]} */
  weightLayers() {
    const names = [];
    for (let name; (name = this.#text('gcam_model_weight_layer', names.length));) names.push(name);
    return names;
  }

  /** Random weights for the last `layers` of them; for good. */
  randomise(layers, seed) {
    this.#run('gcam_model_randomise', layers, seed);
  }

  /** Integrated Gradients: what the map's sum misses of the score; 0 for other methods. */
  mapDelta(index) {
    return this.#call('gcam_map_delta', index);
  }

  /** @returns {Float32Array | null} alpha_k of map `index` of the last explain */
  mapWeights(index, channels) {
    const address = this.#engine.pointer('gcam_map_weights', this.#address, index);
    return address ? this.#engine.floats(address, channels) : null;
  }

  /** @returns {import('./protocol.js').Warning[]} */
  warnings() {
    return Array.from({ length: this.#call('gcam_warning_count') }, (_, index) => ({
      name: this.#text('gcam_warning_name', index),
      text: this.#text('gcam_warning_text', index),
    }));
  }

  /** Bytes held by weights and by activations. */
  bytes() {
    return {
      weights: this.#call('gcam_model_weight_bytes'),
      activations: this.#call('gcam_model_activation_bytes'),
    };
  }
}
