/**
 * What the worker does: owns the engine, one model and the last picture, and answers the requests of
 * protocol.js. The same in browsers and in Node; `host` is what differs.
 */
import { cancelled, checkSignal, GradCamError } from '../base/errors.js';
import { fingerprint } from '../files/digest.js';
import { readAll, readJson } from '../files/files.js';
import { completeLabels, findTarget } from '../base/labels.js';
import { resolveModel } from '../files/sources.js';
import { completePreprocess, guessPreprocess } from '../../models/modes.js';
import { Transfer } from './protocol.js';
import { withoutRelaxedSimd } from './relaxed.js';
import { overlay } from '../paint/render.js';
import { chooseVariant, Engine, Parcel } from './wasm.js';

/** Maps that the engine makes at once. */
const MOST_TARGETS = 64;

/** Lets a cancellation come in between two long steps. */
async function breathe(signal) {
  await new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(0);
  });
  if (signal.aborted) throw cancelled(signal.reason);
}

/**
 * @param {import('./host-browser.js').Host} host
 * @param {{wasm: string, imagenet: string}} own  addresses of the engine's file and of ImageNet's names
 */
export function createService(host, own) {
  /** @type {Engine} */
  let engine;
  let form; // of the engine: 'relaxed' or 'simd'
  /** @type {import('./wasm.js').Model} */
  let model;
  /** @type {import('./protocol.js').ModelInfo & {card: any, guessed: any[]}} */
  let info;
  /** The picture whose activations the model holds: {key, picture}. */
  let current = null;
  let remembered = null; // predictions, while the maps come from other input: {question, predictions}
  let caching = true;
  let notKept = null; // why a file could not be kept for the next time
  let decoded = null; // the last decoded picture: {key, picture}

  /* ---- Loading ------------------------------------------------------------------------------- */

  async function start({ threads, variant, wasmUrl }, signal) {
    host.prepare();
    form = chooseVariant(variant);
    const url = wasmUrl ? new URL('gradcam.wasm', wasmUrl.replace(/\/*$/, '/')).href : own.wasm;
    const module = await host.compile(url, { signal, rewrite: form === 'simd' ? withoutRelaxedSimd : null });
    engine = await Engine.create({ module, threads: threads === 'auto' ? host.threads() : threads });
  }

  /** Reads a file into memory that the engine will own, and checks its digest. */
  async function readParcel(file, { sha256 }, { signal, onProgress }) {
    const sum = sha256 ? host.sha256() : null;
    const progress = (loaded) => onProgress({ file: file.name, loaded, total: file.size });
    if (file.size === null) {
      const bytes = await readAll(file, signal, progress);
      sum?.update(bytes);
      checkDigest(file.name, sum, sha256);
      const parcel = new Parcel(engine, bytes.byteLength, file.name);
      parcel.write(0, bytes);
      return parcel;
    }
    const parcel = new Parcel(engine, file.size, file.name);
    try {
      let loaded = 0;
      for await (const piece of file.chunks) {
        checkSignal(signal);
        sum?.update(piece);
        parcel.write(loaded, piece);
        loaded += piece.byteLength;
        progress(loaded);
      }
      if (loaded < file.size) throw truncated(file.name, loaded, file.size);
      checkDigest(file.name, sum, sha256);
      return parcel;
    } catch (error) {
      parcel.free();
      throw error;
    }
  }

  /**
   * Opens a file and uses it. One that was kept from an earlier time, and has gone bad since, is
   * fetched anew; one that is new and sound is kept, where the browser has room.
   */
  async function fetched(spec, sha256, { signal }, use) {
    const file = await host.open(spec, signal, caching ? sha256 : undefined);
    try {
      const result = await use(file);
      const trouble = await file.keep?.();
      if (trouble) notKept ??= `${file.name}: ${trouble.message ?? trouble}`;
      return result;
    } catch (error) {
      await file.drop?.();
      if (!file.stored || error.code !== 'model') throw error;
      return use(await host.open(spec, signal));
    }
  }

  /** Pushes the files that hold external data, piece by piece. */
  async function pushWeights(source, context) {
    const locations = new Set(model.externals().map(({ location }) => location));
    for (const location of locations) {
      let offset = 0;
      for (const { spec, sha256, bytes } of source.weights(location)) {
        offset += await fetched(spec, sha256, context,
          (file) => pushFile(file, { location, offset, sha256, bytes }, context));
      }
    }
  }

  /** Pushes one file, and says how large it was. */
  async function pushFile(file, { location, offset, sha256, bytes }, { signal, onProgress }) {
    if (bytes !== undefined && file.size !== null && file.size !== bytes) {
      throw new GradCamError('model', `${file.name} has ${file.size} bytes, but the model's card says ` +
        `${bytes}: it was cut off or belongs to another model. Fetch it again.`);
    }
    const sum = sha256 ? host.sha256() : null;
    let loaded = 0;
    for await (const piece of file.chunks) {
      checkSignal(signal);
      sum?.update(piece);
      model.push(location, offset + loaded, piece);
      loaded += piece.byteLength;
      onProgress({ file: file.name, loaded, total: file.size });
    }
    checkDigest(file.name, sum, sha256);
    return loaded;
  }

  async function readLabels(labels, classes, signal) {
    const wanted = labels ?? (classes === 1000 ? 'imagenet' : undefined);
    if (Array.isArray(wanted) || wanted === undefined) return completeLabels(wanted, classes);
    const spec = wanted === 'imagenet' ? own.imagenet : wanted;
    const list = await readJson(await host.open(spec, signal), signal);
    const names = (list.classes ?? list).map((row) => (Array.isArray(row) ? row.at(-1) : row));
    return completeLabels(names, classes);
  }

  /** Makes the model from its graph; weights that lie outside of it may follow. */
  function begin(parcel, args) {
    model = engine.createModel();
    try {
      if (args.precise) model.setPrecise(true);
      for (const [input, dims] of Object.entries(args.inputShape ?? {})) model.setInputShape(input, dims);
    } catch (error) {
      parcel.free();
      throw error;
    }
    model.load(parcel);
  }

  async function loadOnnxFile(source, args, context) {
    const { sha256 } = source.card;
    const parcel = await fetched(source.onnx, sha256, context, (file) => readParcel(file, source.card, context));
    begin(parcel, args);
    await pushWeights(source, context);
    return source.card;
  }

  async function loadKerasFile(source, args, context) {
    const { loadKeras } = await import('./keras.js');
    let location;
    return loadKeras(source, {
      begin(onnx) {
        const parcel = new Parcel(engine, onnx.byteLength, source.name);
        parcel.write(0, onnx);
        // Its sizes are the file's own, or were given to the converter.
        begin(parcel, { ...args, inputShape: undefined });
        location = model.externals()[0]?.location;
      },
      push: (offset, bytes) => model.push(location, offset, bytes),
    }, host, args, context);
  }

  async function load(args, { signal, onProgress }) {
    const [source] = await Promise.all([resolveModel(args.source, host, { ...args, signal, onProgress }),
      start(args, signal)]);
    const context = { signal, onProgress };
    caching = args.cache !== 'none';
    const card = await (source.keras ? loadKerasFile : loadOnnxFile)(source, args, context);
    await breathe(signal);
    model.finish();

    const { height, width, channels } = imageInput(model.shape(model.inputName()));
    const layers = model.layers();
    const main = card.layer ? model.findLayer(card.layer) : model.defaultLayer;
    if (main >= 0) layers[main].default = true;
    const given = args.preprocess ?? card.input;
    const warnings = [];
    const assumed = !args.preprocess && card.input?.assumed;
    if ((!given || assumed) && channels) {
      const taken = assumed ? '0..1' : guessPreprocess(channels);
      warnings.push({ name: 'preprocessing-guessed', text: `No preprocessing is known for ` +
        `${card.name ?? source.name}; "${taken}" was taken. Say what the network expects ` +
        'with --preprocess or the option preprocess.' });
    }
    if (notKept) {
      warnings.push({ name: 'not-cached', text: `The browser could not keep the model for the next ` +
        `time (${notKept}). It works, but will be fetched again` });
    }
    const preprocess = channels ? completePreprocess(given ?? guessPreprocess(channels), channels,
      args.resize) : null;
    info = {
      name: card.name ?? source.name,
      input: [height, width],
      channels,
      classes: model.classCount,
      labels: await readLabels(args.labels ?? card.labels, model.classCount, signal),
      layers,
      defaultLayer: card.layer ?? layers[main]?.name ?? null,
      methods: engine.methods(),
      options: engine.options(),
      colormaps: engine.colormaps(),
      preprocess,
      engine: `${engine.version} ${form === 'simd' ? 'simd' : 'relaxed-simd'}`,
      threads: engine.threads,
      warnings,
    };
    return info;
  }

  /* ---- Explaining ---------------------------------------------------------------------------- */

  /** The picture as the engine has it; decoded only if it is another than the last. */
  async function decode(spec, signal) {
    const pixels = spec.data !== undefined && spec.width !== undefined;
    const bytes = pixels ? spec.data : await readAll(await host.open(spec, signal), signal);
    const key = `${pixels ? spec.width : 'file'}:${fingerprint(bytes)}`;
    if (decoded?.key === key) return decoded;
    const picture = pixels ? engine.picture(spec) : await decodeFile(bytes);
    decoded?.picture.free();
    decoded = { key, picture };
    return decoded;
  }

  async function decodeFile(bytes) {
    try {
      return engine.decode(bytes);
    } catch (error) {
      if (error.code !== 'image') throw error;
      const pixels = await host.decode(bytes); // WebP and AVIF, where the browser knows them
      if (!pixels) throw error;
      return engine.picture(pixels);
    }
  }

  /** Brings the model's activations to the picture's; runs nothing where they are already. */
  async function run(args, signal, timings) {
    let before = performance.now();
    const { key: pictureKey, picture } = await decode(args.picture, signal);
    timings.decode = performance.now() - before;
    await breathe(signal);
    const pre = preprocessFor(args);
    const key = `${pictureKey} ${JSON.stringify(pre)}`;
    if (current === key) return picture;
    current = null;
    before = performance.now();
    model.setImage(picture, pre);
    model.forward();
    timings.forward = (timings.forward ?? 0) + performance.now() - before;
    current = key;
    await breathe(signal);
    return picture;
  }

  /** Score and probability of every class. */
  async function scores(args, { signal }) {
    await run(args, signal, {});
    const value = model.scores();
    return new Transfer(value, [value.scores.buffer, value.probabilities.buffer]);
  }

  function randomise({ layers, seed }) {
    current = remembered = null;
    model.randomise(layers, seed);
  }

  const best = (top) => model.top(Math.min(top, info.classes))
    .map(({ id, score, probability }) => ({ id, name: info.labels[id], score, probability }));

  /**
   * Runs the network as the maps want it, and gives the predictions: of the preprocessed picture, even
   * where the maps are made from the raw one.
   */
  async function predict(args, signal, timings) {
    if (args.mapInput !== 'raw') {
      const picture = await run(args, signal, timings);
      const predictions = best(args.top);
      return { picture, predictions, shown: predictions };
    }
    const { key } = await decode(args.picture, signal);
    const question = JSON.stringify([key, preprocessFor(args), args.top]);
    if (remembered?.question !== question) {
      await run(args, signal, timings);
      remembered = { question, predictions: best(args.top) };
    }
    const raw = { ...args, preprocess: 'none', resize: args.resize ?? info.preprocess.resize };
    const picture = await run(raw, signal, timings);
    return { picture, predictions: remembered.predictions, shown: best(args.top) };
  }

  /** @param {number} [most]  maps for so many of the best classes, where none are named */
  async function explain(args, { signal, onProgress }, most = args.top) {
    const timings = { decode: 0, forward: 0, backward: 0 };
    const timed = (step, work) => {
      const before = performance.now();
      const result = work();
      timings[step] += performance.now() - before;
      return result;
    };

    const { picture, predictions, shown } = await predict(args, signal, timings);
    const warnings = [...info.warnings];
    if (args.mapInput === 'raw') {
      warnings.push({ name: 'raw-input', text: 'The maps were made from the raw picture, without ' +
        "the model's preprocessing, as a published figure was; the predictions were not" });
    }
    const targets = (args.classes ?? shown.slice(0, most).map(({ id }) => id))
      .map((wanted) => findTarget(wanted, info.labels));
    const layer = args.layer ?? info.defaultLayer;
    const { scores, probabilities } = model.scores();
    for (const option of info.options) model.setOption(option.name, option.default);
    for (const [name, value] of Object.entries(args.options ?? {})) model.setOption(name, value);
    const maps = [];
    let size = { width: 0, height: 0 };
    for (let at = 0; at < targets.length; at += MOST_TARGETS) {
      const some = targets.slice(at, at + MOST_TARGETS);
      const task = model.startTask(args.method, layer, args.score, some.map(({ weights }) => weights));
      try {
        while (task.done < task.total) {
          timed('backward', () => task.step());
          if (task.total > 1) {
            onProgress({ file: args.method, loaded: task.done, total: task.total });
            await breathe(signal);
          }
        }
      } finally {
        task.free();
      }
      size = model.maps();
      maps.push(...some.map(({ id, name, single, weights }, index) => ({
        class: { id, name },
        score: single ? scores[id] : weights.reduce((sum, weight, i) => sum + weight * scores[i], 0),
        probability: single ? probabilities[id] : null,
        delta: model.mapDelta(index),
        terms: model.mapTerms(index),
        data: size.data[index],
      })));
      for (const warning of model.warnings()) {
        if (!warnings.some(({ name, text }) => name === warning.name && text === warning.text)) {
          warnings.push(warning);
        }
      }
      await breathe(signal);
    }

    const { width, height } = picture;
    const data = args.pixels ? picture.pixels() : undefined;
    const value = {
      picture: { width, height, data },
      predictions,
      maps,
      width: size.width,
      height: size.height,
      layer,
      method: args.method,
      timings,
      warnings,
    };
    const buffers = maps.flatMap((map) => [map.data, map.terms?.data].filter(Boolean))
      .map(({ buffer }) => buffer);
    return new Transfer(value, data ? [...buffers, data.buffer] : buffers);
  }

  /* ---- Step by step ------------------------------------------------------------------------- */

  /** A tensor of the last forward, or a gradient as large, channel by channel: [K][h][w]. */
  function byChannel(values, tensor, { height, width, channels: K }) {
    const [, first] = model.shape(tensor);
    const last = model.shape(tensor).at(-1);
    if (first === K || last !== K) return values; // ONNX's own order
    const planes = new Float32Array(values.length);
    const size = height * width;
    for (let k = 0; k < K; ++k) {
      for (let i = 0; i < size; ++i) planes[k * size + i] = values[i * K + k];
    }
    return planes;
  }

  async function steps(args, context) {
    const { value: explanation } = await explain({ ...args, top: info.classes, method: 'gradcam',
      score: 'logit', classes: args.class === undefined ? undefined : [args.class] }, context, 1);
    const [map] = explanation.maps;
    const layer = info.layers[model.findLayer(explanation.layer)];
    const weights = model.mapWeights(0, layer.channels);
    const activations = byChannel(model.read(layer.name), layer.name, layer);

    // The cotangent of the logit: 1 at the class. Where the file ends in a softmax, its output is no logit.
    const output = model.outputName();
    const { scores } = model.scores();
    const isLogits = model.read(output).every((value, id) => value === scores[id]);
    const cotangent = new Float32Array(info.classes);
    cotangent[map.class.id] = 1;
    const gradients = isLogits
      ? byChannel(model.vjp(output, [cotangent], layer.name)[0], layer.name, layer) : null;

    const value = { explanation, layer, activations, gradients, weights };
    const { data } = explanation.picture;
    const arrays = [map.data, activations, weights, gradients, data].filter(Boolean);
    return new Transfer(value, arrays.map(({ buffer }) => buffer));
  }

  function preprocessFor({ preprocess, resize }) {
    if (!info.preprocess) {
      throw new GradCamError('unsupported', `${info.name} does not take pictures: its input is ` +
        `${model.shape(model.inputName())?.join('x')}.`);
    }
    if (!preprocess && !resize) return info.preprocess;
    return completePreprocess(preprocess ?? info.preprocess, info.channels, resize);
  }

  /* ---- Painting ------------------------------------------------------------------------------ */

  /** Runs `use` with an engine picture that lives no longer. */
  function withPicture(picture, use) {
    try {
      return use(picture);
    } finally {
      picture.free();
    }
  }

  /** Heat over picture, as a new picture. `under`: the engine's copy of `picture`. */
  function paint({ picture, map, style }, under) {
    if (style.colourFirst || style.swapped || style.blend !== 'mix' || style.resampler === 'pil' ||
      style.power !== 1 || style.fade) {
      const { rgb } = info.colormaps.find(({ name }) => name === style.colormap);
      return engine.picture(overlay(picture, map, style, rgb));
    }
    return engine.overlay(under, map, style);
  }

  function png(args) {
    return withPicture(engine.picture(args.picture),
      (under) => withPicture(paint(args, under), (painted) => painted.png()));
  }

  function grid({ picture, title, tiles, columns, tileWidth }) {
    const pictures = [engine.picture(picture)];
    try {
      for (const { map, style } of tiles) {
        pictures.push(paint({ picture, map, style }, pictures[0]));
      }
      const titles = [title, ...tiles.map((tile) => tile.title)];
      return withPicture(engine.grid(pictures, titles, columns, tileWidth), (whole) => whole.png());
    } finally {
      for (const one of pictures) one.free();
    }
  }

  const bytes = (value) => new Transfer(value, [value.buffer]);

  return {
    load,
    explain: (args, context) => explain(args, context),
    scores,
    randomise,
    weightLayers: () => model.weightLayers(),
    steps,
    memory: () => ({ heap: engine.heapBytes, ...model.bytes() }),
    png: (args) => bytes(png(args)),
    grid: (args) => bytes(grid(args)),
  };
}

/* ---- Helpers ---------------------------------------------------------------------------------- */

/** Height, width and channels of an input in ONNX order: N,C,H,W or, from TensorFlow, N,H,W,C. */
function imageInput(shape) {
  const [, a, b, c] = shape ?? [];
  if (shape?.length !== 4) return { height: 0, width: 0, channels: 0 };
  if (a > 4 && c <= 4) return { height: a, width: b, channels: c };
  return { height: b, width: c, channels: a };
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
