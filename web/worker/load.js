/**
 * The files of a model into the engine: the graph first, then the weights that lie outside of it, piece by
 * piece. Every file with a digest is checked by it, and kept for the next visit once found right.
 */
import { detectBytes, HEAD_BYTES } from '../../models/detect.js';
import { chooseOutput } from '../../models/meaning.js';
import { outputsOfOnnx, pictureOfOnnx } from '../../models/onnx/meaning.js';
import { readOnnx } from '../../models/onnx/read.js';
import { checkSignal, GradCamError } from '../base/errors.js';
import { readAll } from '../files/files.js';
import { refuse } from '../files/refuse.js';
import { Parcel } from './wasm.js';

/**
 * @param {import('../files/sources.js').ModelSource} source
 * @param {import('./wasm.js').Engine} engine
 * @param {import('./host-browser.js').Host} host
 * @param {import('./protocol.js').LoadArgs} args
 * @param {Context} context
 * @returns {Promise<{model: import('./wasm.js').Model, card: any, meaning: Meaning, warnings: import('./protocol.js').Warning[]}>}
 *   the model, not finished yet; card: the source's, or what a Keras file says of itself
 *
 * @typedef {object} Meaning   what the file itself tells
 * @property {ReturnType<typeof pictureOfOnnx>} [picture]
 * @property {import('../../models/meaning.js').OutputMeaning} [head]   the output that is asked about
 * @property {import('../../models/meaning.js').OutputMeaning[]} [heads]
 * @property {string} [labels]  names of classes in it, as a text
 *
 * @typedef {{signal: AbortSignal, onProgress: (progress: import('./protocol.js').Progress) => void}} Context
 */
export async function loadModel(source, engine, host, args, context) {
  const loading = new Loading(source, engine, host, args, context);
  const card = await (source.keras ? loading.keras() : loading.onnx());
  return { model: loading.model, card, meaning: loading.meaning, warnings: loading.warnings };
}

class Loading {
  /** @type {import('./wasm.js').Model} */
  model;
  warnings = [];
  /** @type {Meaning} */
  meaning = {};
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
    const shape = this.#understand(parcel, card);
    this.#begin(parcel, { ...shape, ...this.#args.inputShape });
    await this.#pushWeights();
    return card;
  }

  async keras() {
    const { loadKeras } = await import('./keras.js');
    let location;
    const card = await loadKeras(this.#source, {
      begin: (onnx) => {
        const parcel = new Parcel(this.#engine, onnx.byteLength, this.#source.name);
        parcel.write(0, onnx);
        this.#begin(parcel); // its sizes are the file's own, or were given to the converter
        location = this.model.externals()[0]?.location;
        // The converter puts the output that is asked about first.
        if (this.model.outputCount > 1) this.model.setOutputs([this.model.outputName()]);
      },
      push: (offset, bytes) => this.model.push(location, offset, bytes),
    }, this.#host, this.#args, this.#context);
    this.meaning = { head: card.head, heads: card.heads };
    if (this.#args.head === undefined) this.warnings.push(...card.warnings ?? []);
    return card;
  }

  /**
   * What an ONNX file tells of itself, before the engine owns it: which output is asked about, what its
   * picture is like.
   * @returns {Record<string, number[]>}  the size of its input, where it is not the file's own
   */
  #understand(parcel, card) {
    let file;
    try {
      file = readOnnx(parcel.view());
    } catch {
      return {}; // damaged: the engine says how
    }
    const { head, inputSize, inputShape } = this.#args;
    const heads = outputsOfOnnx(file);
    const wanted = typeof head === 'number' || /^\d+$/.test(head ?? '') ? card.heads?.[Number(head)]?.name ?? head : head;
    if (heads.length) {
      const { chosen, warning } = chooseOutput(heads, wanted ?? heads.find(({ name }) => name === card.head?.name)?.name);
      const known = [card.head, ...card.heads ?? []].find((one) => one?.name === chosen.name);
      this.meaning.head = { ...chosen, ...known };
      this.meaning.heads = card.heads ?? heads;
      if (warning) this.warnings.push(warning);
      else if (head === undefined) this.warnings.push(...card.warnings ?? []);
    }
    this.meaning.labels = file.metadata.get('names') ?? file.metadata.get('labels') ?? file.metadata.get('classes');
    const picture = pictureOfOnnx(file);
    this.meaning.picture = picture;
    if (picture.problem) throw new GradCamError('unsupported', picture.problem);
    if (inputShape || picture.order === undefined) return {};
    return sizeFor(picture, inputSize ?? (card.input?.height && [card.input.height, card.input.width]), inputSize !== undefined);
  }

  /** Makes the model from its graph; weights that lie outside of it may follow. */
  #begin(parcel, inputShape = {}) {
    this.model = this.#engine.createModel();
    const { head, heads } = this.meaning;
    try {
      if (this.#args.precise) this.model.setPrecise(true);
      for (const [input, dims] of Object.entries(inputShape)) this.model.setInputShape(input, dims);
      if (heads?.length > 1) this.model.setOutputs([head.name]);
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
  async #fetched(spec, sha256, use, keepAs = sha256) {
    const { signal } = this.#context;
    const file = await this.#host.open(spec, signal, this.#args.cache === 'none' ? undefined : keepAs);
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
      checkKind(file.name, bytes.subarray(0, HEAD_BYTES), bytes.length);
      checkDigest(file.name, sum, sha256);
      const parcel = new Parcel(this.#engine, bytes.byteLength, file.name);
      parcel.write(0, bytes);
      return parcel;
    }
    const parcel = new Parcel(this.#engine, file.size, file.name);
    try {
      const { loaded, sum } = await this.#readPieces(file, sha256, (at, piece) => parcel.write(at, piece));
      checkKind(file.name, parcel.view().slice(0, Math.min(loaded, HEAD_BYTES)), loaded);
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
      for (const { spec, sha256, bytes, keepAs } of this.#source.weights(location)) {
        offset += await this.#fetched(spec, sha256, (file) => this.#pushFile(file, { location, offset, sha256, bytes }), keepAs ?? sha256);
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

/** What a server or a disk gave in the place of an ONNX file. */
function checkKind(name, head, size) {
  const found = detectBytes(head, { size, name });
  if (!['onnx', 'unknown', 'protobuf'].includes(found.kind)) throw refuse(found, name, 'model');
}

/**
 * The shape to give to the input, where the file leaves its size open, was made for several pictures at
 * once, or another size is asked for.
 */
function sizeFor({ input, order, batch, height, width, channels, problem }, size, asked) {
  if (problem) return {};
  const [H, W] = asked || !height || !width ? [asked || !height ? size?.[0] : height, asked || !width ? size?.[1] : width] : [height, width];
  if (!H || !W) {
    throw new GradCamError('argument', `The model leaves the size of its pictures open (${[batch, ...order === 'NHWC'
      ? [height, width, channels] : [channels, height, width]].map((d) => d ?? '?').join(' x ')}).`, { remedy: 'inputSize' });
  }
  const C = channels ?? 3;
  const same = H === height && W === width && channels !== undefined && (batch ?? 1) === 1;
  return same ? {} : { [input]: order === 'NHWC' ? [1, H, W, C] : [1, C, H, W] };
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
