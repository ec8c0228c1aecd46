/**
 * The files of a model into the engine: the graph first, then the weights that lie outside of it, piece by
 * piece. Every file with a digest is checked by it, and kept for the next visit once found right.
 */
import { detectBytes, HEAD_BYTES } from '../../models/detect.js';
import { chooseOutput } from '../../models/meaning.js';
import { outputsOfOnnx, pictureOfOnnx } from '../../models/onnx/meaning.js';
import { readOnnx } from '../../models/onnx/read.js';
import { checkSignal, GradCamError } from '../base/errors.js';
import { refuse } from '../files/refuse.js';
import { Parcel } from './wasm.js';

/** What WebAssembly could ever hold. */
const MOST_NETWORK = 4 * 2 ** 30;

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
      this.meaning.chooses = file.outputs.length > 1 || chosen.picked !== undefined;
      if (chosen.picked) {
        this.warnings.push({ name: 'head', text: `The output "${chosen.output.slice(0, 40)}" only picks the largest (${chosen.picked}); ` +
          `what it picks from, "${chosen.name.slice(0, 60)}", was taken.` });
      }
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
    const { head } = this.meaning;
    try {
      if (this.#args.precise) this.model.setPrecise(true);
      for (const [input, dims] of Object.entries(inputShape)) this.model.setInputShape(input, dims);
      if (this.meaning.chooses) this.model.setOutputs([head.name]);
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
  async #fetched(spec, sha256, use, keepAs = sha256, again = false) {
    const { signal } = this.#context;
    const file = await this.#host.open(spec, signal, this.#args.cache === 'none' ? undefined : keepAs);
    try {
      const result = await use(file);
      const trouble = await file.keep?.();
      if (trouble) this.#notKept(`${file.name}: ${trouble.message ?? trouble}`);
      return result;
    } catch (error) {
      // What is kept is good, whatever else failed: only wrong bytes, or none that can be read, are dropped.
      const bad = error.damaged || !(error instanceof GradCamError);
      if (!file.stored || bad) await file.drop?.();
      if (!file.stored || !bad || again || signal?.aborted) throw error;
      return this.#fetched(spec, sha256, use, keepAs, true);
    }
  }

  #notKept(why) {
    if (this.warnings.length) return;
    this.warnings.push({ name: 'not-cached', text: `The browser could not keep the model for the next ` +
      `time (${why}). It works, but will be fetched again` });
  }

  /** Reads a file into memory that the engine will own, and checks its digest. */
  async #readParcel(file, sha256) {
    let parcel = file.size === null ? null : new Parcel(this.#engine, file.size, file.name);
    try {
      const late = []; // where the size was not known, or less than came
      const { loaded, sum } = await this.#readPieces(file, sha256, (at, piece) => {
        if (parcel && at + piece.byteLength <= parcel.size) parcel.write(at, piece);
        else {
          if (at > MOST_NETWORK) throw new GradCamError('memory', `${file.name} has more than ${MOST_NETWORK / 2 ** 30} GB: it does not fit into WebAssembly's memory, or never ends.`);
          late.push(piece.slice());
        }
      });
      if (loaded < file.size && !file.hint) throw truncated(file.name, loaded, file.size);
      if (parcel?.size !== loaded) {
        const first = parcel?.view().slice(0, loaded - late.reduce((all, { byteLength }) => all + byteLength, 0));
        parcel?.free();
        parcel = null;
        parcel = new Parcel(this.#engine, loaded, file.name);
        let at = 0;
        for (const piece of first ? [first, ...late] : late) {
          parcel.write(at, piece);
          at += piece.byteLength;
        }
      }
      checkKind(file.name, parcel.view().slice(0, Math.min(loaded, HEAD_BYTES)), loaded);
      await checkDigest(file.name, sum, sha256);
      return parcel;
    } catch (error) {
      parcel?.free();
      throw error;
    }
  }

  /** Calls `take` with each piece and its offset; gives how much came, and its digest if one is asked for. */
  async #readPieces(file, sha256, take) {
    const { signal, onProgress } = this.#context;
    const sum = sha256 && !file.checked ? this.#host.sha256(file.size) : null;
    let loaded = 0;
    for await (const piece of file.chunks) {
      checkSignal(signal);
      sum?.update(piece);
      take(loaded, piece);
      loaded += piece.byteLength;
      onProgress({ file: file.name, loaded, total: loaded > file.size ? null : file.size });
    }
    return { loaded, sum };
  }

  /** Pushes the files that hold external data, piece by piece. */
  async #pushWeights() {
    const locations = new Set(this.model.externals().map(({ location }) => location));
    /** @type {Promise<any>} */
    let before = Promise.resolve(); // one file is checked and kept while the next is read
    for (const location of locations) {
      let offset = 0;
      for (const { spec, of, sha256, bytes, keepAs } of this.#source.weights(location)) {
        if (of !== undefined) await this.#host.vouch(of, /** @type {string} */ (spec));
        const at = offset;
        /** @type {Promise<number>} */
        let whole;
        const read = new Promise((resolve) => {
          whole = this.#fetched(spec, sha256, (file) => this.#pushFile(file, { location, offset: at, sha256, bytes, read: resolve }),
            keepAs ?? sha256);
        });
        whole.catch(() => {}); // it is waited for below
        await Promise.race([read, whole]);
        await before;
        before = whole;
        offset += sha256 && bytes ? bytes : await whole; // another size would be another digest
      }
    }
    await before;
  }

  /** Pushes one file, and says how large it was. read: is called when it has come, before it is checked. */
  async #pushFile(file, { location, offset, sha256, bytes, read }) {
    const wrongSize = (found) => damaged(`${file.name} has ${found} bytes, but the model's card says ` +
      `${bytes}: it was cut off or belongs to another model. Fetch it again.`);
    if (bytes !== undefined && file.size !== null && !file.hint && file.size !== bytes) throw wrongSize(file.size);
    const { loaded, sum } = await this.#readPieces(file, sha256, (at, piece) => {
      if (bytes !== undefined && at + piece.byteLength > bytes) throw wrongSize(`more than ${bytes}`);
      this.model.push(location, offset + at, piece);
    });
    if (bytes !== undefined && loaded !== bytes) throw wrongSize(loaded);
    read();
    await checkDigest(file.name, sum, sha256);
    return loaded;
  }
}

/** An error of the bytes themselves: kept, they would stay wrong. */
const damaged = (words) => Object.assign(new GradCamError('model', words), { damaged: true });

/** What a server or a disk gave in the place of an ONNX file. */
function checkKind(name, head, size) {
  const found = detectBytes(head, { size, name });
  if (!['onnx', 'unknown', 'protobuf'].includes(found.kind)) throw Object.assign(refuse(found, name, 'model'), { damaged: true });
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

async function checkDigest(name, sum, expected) {
  if (!sum) return;
  const found = await sum.hex();
  if (found !== expected.toLowerCase()) {
    throw damaged(`${name} is not the file its card speaks of: its SHA-256 is ${found}, expected ${expected}. Fetch it again.`);
  }
}

function truncated(name, loaded, size) {
  return new GradCamError('network', `${name} ended after ${loaded} of ${size} bytes; try again.`);
}
