/**
 * The files of a model into the engine: the graph first, then the weights that lie outside of it, piece by
 * piece. Every file with a digest is checked by it, and kept for the next visit once found right.
 */
import { checkSignal, GradCamError } from '../base/errors.js';
import { readAll } from '../files/files.js';
import { Parcel } from './wasm.js';

/**
 * @param {import('../files/sources.js').ModelSource} source
 * @param {import('./wasm.js').Engine} engine
 * @param {import('./host-browser.js').Host} host
 * @param {import('./protocol.js').LoadArgs} args
 * @param {Context} context
 * @returns {Promise<{model: import('./wasm.js').Model, card: any, warnings: import('./protocol.js').Warning[]}>}
 *   the model, not finished yet; card: the source's, or what a Keras file says of itself
 *
 * @typedef {{signal: AbortSignal, onProgress: (progress: import('./protocol.js').Progress) => void}} Context
 */
export async function loadModel(source, engine, host, args, context) {
  const loading = new Loading(source, engine, host, args, context);
  const card = await (source.keras ? loading.keras() : loading.onnx());
  return { model: loading.model, card, warnings: loading.warnings };
}

class Loading {
  /** @type {import('./wasm.js').Model} */
  model;
  warnings = [];
  #source;
  #engine;
  #host;
  #args;
  #context;

  constructor(source, engine, host, args, context) {
    this.#source = source;
    this.#engine = engine;
    this.#host = host;
    this.#args = args;
    this.#context = context;
  }

  async onnx() {
    const { onnx, card } = this.#source;
    const parcel = await this.#fetched(onnx, card.sha256, (file) => this.#readParcel(file, card.sha256));
    this.#begin(parcel, this.#args.inputShape);
    await this.#pushWeights();
    return card;
  }

  async keras() {
    const { loadKeras } = await import('./keras.js');
    let location;
    return loadKeras(this.#source, {
      begin: (onnx) => {
        const parcel = new Parcel(this.#engine, onnx.byteLength, this.#source.name);
        parcel.write(0, onnx);
        this.#begin(parcel); // its sizes are the file's own, or were given to the converter
        location = this.model.externals()[0]?.location;
      },
      push: (offset, bytes) => this.model.push(location, offset, bytes),
    }, this.#host, this.#args, this.#context);
  }

  /** Makes the model from its graph; weights that lie outside of it may follow. */
  #begin(parcel, inputShape = {}) {
    this.model = this.#engine.createModel();
    try {
      if (this.#args.precise) this.model.setPrecise(true);
      for (const [input, dims] of Object.entries(inputShape)) this.model.setInputShape(input, dims);
    } catch (error) {
      parcel.free();
      throw error;
    }
    this.model.load(parcel);
  }

  /**
   * Opens a file and uses it. One that was kept from an earlier time, and has gone bad since, is
   * fetched anew; one that is new and sound is kept, where the browser has room.
   */
  async #fetched(spec, sha256, use) {
    const { signal } = this.#context;
    const file = await this.#host.open(spec, signal, this.#args.cache === 'none' ? undefined : sha256);
    try {
      const result = await use(file);
      const trouble = await file.keep?.();
      if (trouble) this.#notKept(`${file.name}: ${trouble.message ?? trouble}`);
      return result;
    } catch (error) {
      await file.drop?.();
      if (!file.stored || error.code !== 'model') throw error;
      return use(await this.#host.open(spec, signal));
    }
  }

  #notKept(why) {
    if (this.warnings.length) return;
    this.warnings.push({ name: 'not-cached', text: `The browser could not keep the model for the next ` +
      `time (${why}). It works, but will be fetched again` });
  }

  /** Reads a file into memory that the engine will own, and checks its digest. */
  async #readParcel(file, sha256) {
    if (file.size === null) {
      const { signal, onProgress } = this.#context;
      const bytes = await readAll(file, signal, (loaded) => onProgress({ file: file.name, loaded, total: null }));
      const sum = sha256 ? this.#host.sha256() : null;
      sum?.update(bytes);
      checkDigest(file.name, sum, sha256);
      const parcel = new Parcel(this.#engine, bytes.byteLength, file.name);
      parcel.write(0, bytes);
      return parcel;
    }
    const parcel = new Parcel(this.#engine, file.size, file.name);
    try {
      const { loaded, sum } = await this.#readPieces(file, sha256, (at, piece) => parcel.write(at, piece));
      if (loaded < file.size) throw truncated(file.name, loaded, file.size);
      checkDigest(file.name, sum, sha256);
      return parcel;
    } catch (error) {
      parcel.free();
      throw error;
    }
  }

  /** Calls `take` with each piece and its offset; gives how much came, and its digest if one is asked for. */
  async #readPieces(file, sha256, take) {
    const { signal, onProgress } = this.#context;
    const sum = sha256 ? this.#host.sha256() : null;
    let loaded = 0;
    for await (const piece of file.chunks) {
      checkSignal(signal);
      sum?.update(piece);
      take(loaded, piece);
      loaded += piece.byteLength;
      onProgress({ file: file.name, loaded, total: file.size });
    }
    return { loaded, sum };
  }

  /** Pushes the files that hold external data, piece by piece. */
  async #pushWeights() {
    const locations = new Set(this.model.externals().map(({ location }) => location));
    for (const location of locations) {
      let offset = 0;
      for (const { spec, sha256, bytes } of this.#source.weights(location)) {
        offset += await this.#fetched(spec, sha256, (file) => this.#pushFile(file, { location, offset, sha256, bytes }));
      }
    }
  }

  /** Pushes one file, and says how large it was. */
  async #pushFile(file, { location, offset, sha256, bytes }) {
    if (bytes !== undefined && file.size !== null && file.size !== bytes) {
      throw new GradCamError('model', `${file.name} has ${file.size} bytes, but the model's card says ` +
        `${bytes}: it was cut off or belongs to another model. Fetch it again.`);
    }
    const { loaded, sum } = await this.#readPieces(file, sha256,
      (at, piece) => this.model.push(location, offset + at, piece));
    checkDigest(file.name, sum, sha256);
    return loaded;
  }
}

function checkDigest(name, sum, expected) {
  if (!sum) return;
  const found = sum.hex();
  if (found !== expected.toLowerCase()) {
    throw new GradCamError('model', `${name} is not the file its card speaks of: its SHA-256 is ` +
      `${found}, expected ${expected}. Fetch it again.`);
  }
}

function truncated(name, loaded, size) {
  return new GradCamError('network', `${name} ended after ${loaded} of ${size} bytes; try again.`);
}
