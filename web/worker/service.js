/**
 * What the worker does: owns the engine, one model and the last picture, and answers the requests of
 * protocol.js. The same in browsers and in Node; `host` is what differs.
 */
import { detectBytes, HEAD_BYTES, TAIL_BYTES } from '../../models/detect.js';
import { completePreprocess, describePreprocess, MODE_NAMES } from '../../models/modes.js';
import { cancelled, GradCamError } from '../base/errors.js';
import { findTarget } from '../base/labels.js';
import { fingerprint } from '../files/digest.js';
import { readAll } from '../files/files.js';
import { nameOf, resolveModel } from '../files/sources.js';
import { refuse } from '../files/refuse.js';
import { overlay } from '../paint/render.js';
import { describeModel } from './describe.js';
import { loadModel } from './load.js';
import { Transfer } from './protocol.js';
import { startEngine } from './start.js';

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

/** An early picture at most so often: it is worth a look, and takes time from the steps. */
const EARLY_MS = 400;

/**
 * How long a job goes on. Steps differ (a channel that is dead takes none), so what the later half of
 * those done took stands for those to come; before the first second nobody knows.
 * @returns {(done: number, total: number) => number | null}  seconds
 */
function timeLeft() {
  const times = [performance.now()]; // after so many steps
  return (done, total) => {
    const now = performance.now();
    times[done] = now;
    if (now - times[0] < 1000) return null;
    const since = Math.floor(done / 2);
    return ((now - times[since]) / (done - since)) * (total - done) / 1000;
  };
}

/**
 * @param {import('./host-browser.js').Host} host
 * @param {{wasm: string, imagenet: import('../files/files.js').FileSpec}} own  the engine's file and ImageNet's names
 */
export function createService(host, own) {
  /** @type {import('./wasm.js').Engine} */
  let engine;
  /** @type {import('./wasm.js').Model} */
  let model;
  /** @type {import('./protocol.js').ModelInfo} */
  let info;
  /** The picture whose activations the model holds: {key, picture}. */
  let current = null;
  /** A layer of that picture which holds other values for now: {layer, values}, those that are its own. */
  let changed = null;
  let remembered = null; // predictions, while the maps come from other input: {question, predictions, unfamiliar}
  let decoded = null; // the last decoded picture: {key, picture}

  /* ---- Loading ------------------------------------------------------------------------------- */

  async function load(args, { signal, onProgress }) {
    const context = { signal, onProgress };
    const [source, started] = await Promise.all([resolveModel(args.source, host, { ...args, ...context }),
      startEngine(args, host, (args.files ?? own).wasm, signal)]);
    ({ engine } = started);
    const { model: loaded, card, meaning, warnings } = await loadModel(source, engine, host, args, context);
    await breathe(signal);
    model = loaded;
    finish();
    info = await describeModel(model, { card, meaning, source, args }, { host, imagenet: own.imagenet, signal });
    info.warnings.push(...warnings, ...started.warnings);
    return Object.assign(info, {
      methods: engine.methods(),
      options: engine.options(),
      operators: engine.operators(),
      colormaps: engine.colormaps(),
      engine: `${engine.version} ${started.variant === 'simd' ? 'simd' : 'relaxed-simd'}`,
      threads: engine.threads,
    });
  }

  function finish() {
    try {
      model.finish();
    } catch (error) {
      throw model.unsupported().length ? new GradCamError(error.code, error.reason, { cause: error, remedy: 'operators' }) : error;
    }
  }

  /* ---- Explaining ---------------------------------------------------------------------------- */

  /** The picture as the engine has it; decoded only if it is another than the last. */
  async function decode(spec, signal) {
    const pixels = spec.data !== undefined && spec.width !== undefined;
    const bytes = pixels ? spec.data : await readAll(await host.open(spec, signal), signal);
    const key = `${pixels ? spec.width : 'file'}:${fingerprint(bytes)}`;
    if (decoded?.key === key) return decoded;
    const picture = pixels ? engine.picture(spec) : await decodeFile(bytes, nameOf(spec, 'The picture'));
    decoded?.picture.free();
    decoded = { key, picture };
    return decoded;
  }

  async function decodeFile(bytes, name) {
    try {
      return engine.decode(bytes);
    } catch (error) {
      if (error.code !== 'image') throw error;
      const pixels = await host.decode(bytes); // WebP and AVIF, where the browser knows them
      if (pixels) return engine.picture(pixels);
      const found = detectBytes(bytes.subarray(0, HEAD_BYTES), { size: bytes.length, tail: bytes.subarray(-TAIL_BYTES), name });
      // A picture of a kind that is read, and broken: the engine says how.
      if (found.role === 'picture' && found.read) throw error;
      throw refuse(found, name, 'picture');
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
    const again = current === key;
    if (again && !changed && !args.change) return picture;
    current = null;
    before = performance.now();
    if (!again) {
      changed = null;
      model.setImage(picture, pre);
      model.forward();
    }
    if (changed || args.change) change(args);
    timings.forward = (timings.forward ?? 0) + performance.now() - before;
    current = key;
    await breathe(signal);
    return picture;
  }

  /** Adds to a channel of a layer and runs what comes after it; takes back what was added before. */
  function change({ layer = info.defaultLayer, change: wanted }) {
    const where = wanted && info.layers[model.findLayer(layer)];
    if (wanted) checkChange(wanted, where);
    if (changed && changed.layer !== where?.name) {
      const { layer: old, values } = changed;
      changed = null;
      model.forwardFrom(old, values);
    }
    if (!wanted) return;
    changed ??= { layer: where.name, values: model.read(where.name) };
    const values = changed.values.slice();
    const place = placeOf(where);
    const { channel, add, at } = wanted;
    if (at) values[place(channel, at[0] * where.width + at[1])] += add;
    else for (let i = 0; i < where.height * where.width; ++i) values[place(channel, i)] += add;
    model.forwardFrom(where.name, values);
  }

  function checkChange({ channel, at }, { name, channels, height, width }, where = 'change.') {
    if (channel >= channels) throw new GradCamError('argument', `${where}channel is ${channel}, but "${name}" has the channels 0 to ${channels - 1}.`);
    if (at && (at[0] >= height || at[1] >= width)) {
      throw new GradCamError('argument', `${where}at is [${at}], but "${name}" has ${height} rows and ${width} columns, counted from 0.`);
    }
  }

  /** Score and probability of every class. */
  async function scores(args, { signal }) {
    await run(args, signal, {});
    const value = info.classes ? model.scores() : outputValues();
    return new Transfer(value, [value.scores.buffer, value.probabilities.buffer]);
  }

  /** A head that gives no classes: its numbers as they are, in the file's order. */
  function outputValues() {
    const values = model.read(model.headName);
    return { scores: values, probabilities: new Float32Array(values.length).fill(NaN) };
  }

  function randomise({ layers, seed }) {
    current = changed = remembered = null;
    info.unfamiliarBelow = null; // it was the trained network's
    model.randomise(layers, seed);
  }

  const best = (top) => (info.classes ? model.top(Math.min(top, info.classes)) : [])
    .map(({ id, score, probability }) => {
      const group = info.groups?.[id];
      return { id, name: info.labels[id], ...(group === undefined ? {} : { group }), score, probability };
    });

  /** Whether the picture that ran last is, by the card's threshold, nothing that the network knows. */
  function isUnfamiliar() {
    if (info.unfamiliarBelow === null || !info.classes) return false;
    const { scores: all } = model.scores();
    let [most, sum] = [-Infinity, 0];
    for (const score of all) {
      most = Math.max(most, score);
      sum += score;
    }
    return most - sum / all.length < info.unfamiliarBelow;
  }

  /**
   * Runs the network as the maps want it, and gives the predictions: of the preprocessed picture, even
   * where the maps are made from the raw one.
   */
  async function predict(args, signal, timings) {
    if (args.mapInput !== 'raw') {
      const picture = await run(args, signal, timings);
      const predictions = best(args.top);
      return { picture, predictions, shown: predictions, unfamiliar: isUnfamiliar() };
    }
    const { key } = await decode(args.picture, signal);
    const question = JSON.stringify([key, preprocessFor(args), args.top]);
    if (remembered?.question !== question) {
      await run(args, signal, timings);
      remembered = { question, predictions: best(args.top), unfamiliar: isUnfamiliar() };
    }
    const raw = { ...args, preprocess: 'none' };
    const picture = await run(raw, signal, timings);
    return { picture, ...remembered, shown: best(args.top) };
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

    const { picture, predictions, shown, unfamiliar } = await predict(args, signal, timings);
    const warnings = [...info.warnings.filter(({ name }) => name !== 'preprocessing-guessed' || args.preprocess === undefined)];
    if (picture.warning) warnings.push(picture.warning);
    if (unfamiliar) {
      warnings.push({ name: 'unfamiliar', text: 'Nothing that this network knows looks much like this picture: its answers are guesses' });
    }
    if (args.mapInput === 'raw') {
      warnings.push({ name: 'raw-input', text: 'The maps were made from the raw picture, without ' +
        "the model's preprocessing, as a published figure was; the predictions were not" });
    }
    const targets = (args.classes ?? shown.slice(0, most).map(({ id }) => id))
      .map((wanted) => findTarget(wanted, info.labels));
    const layer = args.layer ?? info.defaultLayer;
    if (args.layer) checkLayers(args.layer);
    const { scores, probabilities } = info.classes ? model.scores() : { scores: [], probabilities: [] };
    const view = viewOf(picture, args);
    for (const option of info.options) model.setOption(option.name, option.default);
    for (const [name, value] of Object.entries(args.options ?? {})) model.setOption(name, value);
    const maps = [];
    let size = { width: 0, height: 0 };
    /** Maps of these targets. last: the engine's last ones, which have more to tell than their numbers. */
    const asMaps = (some, { data }, last = false) => some.map(({ id, name, single, weights }, index) => ({
      class: { id, name },
      score: single ? scores[id] : weights.reduce((sum, weight, i) => sum + weight * scores[i], 0),
      probability: single && !Number.isNaN(probabilities[id]) ? probabilities[id] : null,
      delta: last ? model.mapDelta(index) : 0,
      terms: last ? model.mapTerms(index) : null,
      data: data[index],
    }));
    const answer = (list, { width, height }) => ({
      picture: { width: picture.width, height: picture.height, data: undefined },
      view,
      preprocess: preprocessFor(args),
      predictions,
      maps: list,
      width,
      height,
      layer,
      method: args.method,
      timings,
      warnings,
    });
    for (let at = 0; at < targets.length; at += MOST_TARGETS) {
      const some = targets.slice(at, at + MOST_TARGETS);
      const task = model.startTask(args.method, layer, args.score, some.map(({ weights }) => weights));
      try {
        const left = timeLeft();
        let last = performance.now();
        while (task.done < task.total) {
          timed('backward', () => task.step());
          if (task.total === 1) break;
          const progress = { file: args.method, loaded: task.done, total: task.total, secondsLeft: left(task.done, task.total) };
          const early = args.early && performance.now() - last > EARLY_MS && task.preview(some.length);
          if (early) {
            last = performance.now();
            progress.early = answer([...maps, ...asMaps(some, early)], early);
          }
          onProgress(progress);
          await breathe(signal);
        }
      } finally {
        task.free();
      }
      size = model.maps();
      maps.push(...asMaps(some, size, true));
      for (const warning of model.warnings()) {
        if (!warnings.some(({ name, text }) => name === warning.name && text === warning.text)) {
          warnings.push(warning);
        }
      }
      await breathe(signal);
    }

    const data = args.pixels ? picture.pixels() : undefined;
    const value = answer(maps, size);
    value.picture.data = data;
    const buffers = maps.flatMap((map) => [map.data, map.terms?.data].filter(Boolean))
      .map(({ buffer }) => buffer);
    return new Transfer(value, data ? [...buffers, data.buffer] : buffers);
  }

  /** @param {string} layers  with commas between */
  function checkLayers(layers) {
    try {
      for (const name of layers.split(',')) model.findLayer(name.trim());
    } catch (error) {
      throw new GradCamError(error.code, error.reason, { cause: error, remedy: 'layer' });
    }
  }

  /* ---- Step by step ------------------------------------------------------------------------- */

  /** Where channel k at position i lies in a layer's values: [K][h][w], [h][w][K], or tokens [before + h w][K]. */
  function placeOf({ name, height, width, channels: K, tokens }) {
    const shape = model.shape(name);
    const size = height * width;
    if (!tokens && (shape[1] === K || shape.at(-1) !== K)) return (k, i) => k * size + i;
    const before = shape.reduce((all, d) => all * d) / K - size; // a class token, registers: no positions
    return (k, i) => (before + i) * K + k;
  }

  /** A layer's values, or a gradient as large, channel by channel: [K][h][w]. */
  function byChannel(values, layer) {
    const place = placeOf(layer);
    if (layer.channels > 1 && place(1, 0) !== 1) return values; // so they lie
    const size = layer.height * layer.width;
    const planes = new Float32Array(layer.channels * size);
    for (let k = 0; k < layer.channels; ++k) {
      for (let i = 0; i < size; ++i) planes[k * size + i] = values[place(k, i)];
    }
    return planes;
  }

  async function steps(args, context) {
    if (!info.classes) throw new GradCamError('unsupported', `${info.name} gives no classes to explain.`);
    const { value: explanation } = await explain({ ...args, top: info.classes, method: 'gradcam',
      score: 'logit', classes: args.class === undefined ? undefined : [args.class] }, context, 1);
    const [map] = explanation.maps;
    const layer = info.layers[model.findLayer(explanation.layer)];
    const weights = model.mapWeights(0, layer.channels);
    const activations = byChannel(model.read(layer.name), layer);

    // The cotangent of the logit: 1 at the class. Where the file ends in a softmax, its output is no logit.
    const output = model.headName;
    const { scores } = model.scores();
    const values = model.read(output);
    // One unit that stands for two classes: it is the second's score, and less it the first's.
    const pair = values.length === 1 && info.classes === 2;
    const isLogits = values.every((value, id) => value === scores[pair ? 1 : id]);
    const cotangent = new Float32Array(values.length);
    cotangent[pair ? 0 : map.class.id] = pair && map.class.id === 0 ? -1 : 1;
    const gradients = isLogits
      ? byChannel(model.vjp(output, [cotangent], layer.name)[0], layer) : null;

    const value = { explanation, layer, activations, gradients, weights };
    const { data } = explanation.picture;
    const arrays = [map.data, activations, weights, gradients, data].filter(Boolean);
    return new Transfer(value, arrays.map(({ buffer }) => buffer));
  }

  /** One activation, the input that the network was given, and how the one depends on the other. */
  async function trace(args, { signal }) {
    await run(args, signal, {});
    const layer = info.layers[model.findLayer(args.layer ?? info.defaultLayer)];
    const { channel, at: [row, column] } = args;
    checkChange({ channel, at: args.at }, layer, '');
    const place = placeOf(layer);
    const values = model.read(layer.name);
    const cotangent = new Float32Array(values.length);
    const cell = row * layer.width + column;
    const channels = channel === undefined ? Array.from({ length: layer.channels }, (_, k) => k) : [channel];
    for (const k of channels) cotangent[place(k, cell)] = 1;
    const name = model.inputName();
    const [height, width] = info.input;
    const input = { name, height, width, channels: info.channels };
    const pixels = byChannel(model.read(name), input);
    const gradient = byChannel(model.vjp(layer.name, [cotangent], name)[0], input);
    const value = channels.reduce((sum, k) => sum + values[place(k, cell)], 0);
    return new Transfer({ layer, value, width, height, channels: info.channels, input: pixels, gradient }, [pixels.buffer, gradient.buffer]);
  }

  function preprocessFor({ preprocess, resize, fit }) {
    if (!info.preprocess) {
      throw new GradCamError('unsupported', `${info.name} does not take pictures: its input is ` +
        `${model.shape(model.inputName())?.join('x')}.`);
    }
    if (!preprocess && !resize && !fit) return info.preprocess;
    const { resize: ownResize, fit: ownFit, ratio, fill, axes } = info.preprocess;
    const given = typeof preprocess === 'object' ? preprocess : {};
    const settings = completePreprocess(preprocess ?? info.preprocess, info.channels,
      { resize: resize ?? given.resize ?? ownResize, fit: fit ?? given.fit ?? ownFit, ratio: given.ratio ?? ratio, fill: given.fill ?? fill });
    const { network } = info.preprocess;
    return { mode: describePreprocess(settings), from: preprocess ? 'option' : info.preprocess.from, ...(network ? { network } : {}), ...settings, axes };
  }

  /** The part of the picture that the network saw; null: all of it. */
  function viewOf({ width, height }, args) {
    const pre = preprocessFor(args);
    return pre.fit === 'stretch' ? null : model.view(width, height, pre);
  }

  /** From now on pictures are prepared so. */
  function setPreprocess(args) {
    info.preprocess = preprocessFor(args);
    if (args.preprocess) info.warnings = info.warnings.filter(({ name }) => name !== 'preprocessing-guessed');
    current = remembered = null;
    const { preprocess, warnings } = info;
    return { preprocess, warnings };
  }

  /** What the network answers when its picture is prepared in each of these modes. */
  async function previews({ picture, top, modes = MODE_NAMES }, { signal, onProgress }) {
    const list = [];
    for (const mode of modes) {
      await run({ picture, preprocess: mode }, signal, {});
      list.push({ mode, predictions: best(top) });
      onProgress({ file: 'previews', loaded: list.length, total: modes.length });
    }
    return list;
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
  function paint({ picture, map, style, view }, under) {
    if (style.colourFirst || style.swapped || style.blend !== 'mix' || style.resampler === 'pil' ||
      style.power !== 1 || style.fade) {
      const { rgb } = info.colormaps.find(({ name }) => name === style.colormap);
      return engine.picture(overlay(picture, map, style, rgb, view));
    }
    return engine.overlay(under, map, style, view);
  }

  function png(args) {
    return withPicture(engine.picture(args.picture),
      (under) => withPicture(paint(args, under), (painted) => painted.png()));
  }

  function grid({ picture, title, tiles, columns, tileWidth }) {
    const pictures = [engine.picture(picture)];
    try {
      for (const { map, style, view } of tiles) {
        pictures.push(paint({ picture, map, style, view }, pictures[0]));
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
    previews,
    setPreprocess,
    randomise,
    weightLayers: () => model.weightLayers(),
    steps,
    trace,
    memory: () => ({ heap: engine.heapBytes, ...model.bytes() }),
    png: (args) => bytes(png(args)),
    grid: (args) => bytes(grid(args)),
  };
}
