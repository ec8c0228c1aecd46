/**
 * `gradcam evaluate FOLDER`: how far the maps of a method can be trusted, over a folder of photos.
 *
 * Every photo's row is written as soon as it is known (rows.jsonl, the settings first), so that a run
 * that was interrupted goes on where it stopped. A row belongs to its photo by digest, the whole file to its
 * folder, the model's files and every setting. At the end: results.csv, summary.json, curves.svg.
 */
import { appendFile, mkdir, readdir, readFile, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readCsv } from '../../models/labels.js';
import { whyNot } from '../../models/leftovers.js';
import { GradCam, GradCamError, tools } from '../node.js';
import * as trust from './trust.js';
import { curvesPicture } from './curves.js';
import { modelFiles, sha256, sha256Of } from './digests.js';
import { PROGRAM } from './help.js';
import { checkMethod, CommandLineError, loadOptions } from './options.js';
import { guarded, write } from './output.js';
import { progressBar } from './progress.js';

const { area, curve, orderOf, resize } = tools;

const PICTURES = /\.(jpe?g|jfif|png|gif|bmp)$/i;
const SANITY_DEPTHS = 8;

const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
const short = (value) => (value === null ? null : Number(value.toPrecision(5)));

export async function evaluate(options, positionals) {
  if (positionals.length !== 1) throw new CommandLineError(`Name one folder: ${PROGRAM} evaluate FOLDER.`);
  const [folder] = positionals;
  const { output = 'evaluation', quiet = false, steps = 10, sanity = 2 } = options;
  const files = (await readdir(folder).catch((cause) => {
    throw new GradCamError('file', `The folder ${folder} cannot be read: ${cause.code === 'ENOENT' ? 'there is none' : whyNot(cause)}.`, { cause });
  })).filter((name) => PICTURES.test(name)).sort().slice(0, options.limit);
  if (!files.length) throw new GradCamError('file', `There are no pictures in ${folder}.`);
  const boxes = options.boxes === undefined ? null : await readBoxes(options.boxes);
  const pools = readPools(options.pool ?? []);

  const cam = await load(options);
  const bar = progressBar({ quiet, format: (n) => `${n} photos` });
  try {
    checkMethod(cam, options);
    const method = options.method ?? 'gradcam';
    const settings = { version: 2, folder: await realpath(folder), model: cam.model, files: await filesOf(options.model), method,
      layer: options.layer ?? cam.defaultLayer, score: options.score ?? 'logit', options: Object.fromEntries(options.option ?? []), steps,
      boxes: boxes && { file: basename(options.boxes), sha256: boxes.sha256 }, pools };
    const log = join(output, 'rows.jsonl');
    await guarded(output, () => mkdir(output, { recursive: true }));
    const rows = await resume(log, settings, options.force, folder, files);
    if (!quiet && rows.size) process.stderr.write(`gradcam: ${rows.size} photos were done already\n`);
    for (const file of files.filter((name) => !rows.has(name))) {
      bar.update({ file, loaded: rows.size, total: files.length });
      const path = join(folder, file);
      const row = await sha256Of(path).then(async (digest) => ({ sha256: digest, ...await evaluateOne(cam, path, file, settings, boxes?.of) }))
        .catch(async (error) => {
          if (!['image', 'file'].includes(error.code)) throw error;
          return { file, sha256: await sha256Of(path).catch(() => null), error: error.message };
        });
      await guarded(log, () => appendFile(log, `${JSON.stringify(row)}\n`));
      rows.set(file, row);
    }
    bar.done();
    const used = files.map((file) => rows.get(file));
    const checked = used.filter((row) => !row.error).slice(0, sanity).map(({ file }) => join(folder, file));
    const randomised = checked.length ? await sanityCheck(cam, options, settings, checked) : null;
    const result = { settings, ...summary(used), sanity: randomised };
    await write(join(output, 'results.csv'), csv(used));
    await write(join(output, 'summary.json'), `${JSON.stringify(result, null, 1)}\n`);
    await write(join(output, 'curves.svg'), curvesPicture(result));
    if (!quiet && result.photos) print(result, output);
    if (!result.photos) throw new GradCamError('image', `None of the ${used.length} photos could be used; of the first: ${used[0].error}`);
  } finally {
    bar.done();
    cam.dispose();
  }
}

/** A model from an address has no file here: it goes by its address. */
const filesOf = (model) => (/^(https?:|hf:)/i.test(model ?? '') ? [{ file: model, sha256: null }] : modelFiles(model));

const load = (options) => GradCam.load(options.model ?? 'pocket', loadOptions(options));

const parsed = (line) => {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
};

const isRow = (row) => typeof row?.file === 'string' && typeof row.sha256 === 'string' &&
  (typeof row.error === 'string' || Array.isArray(row.curves?.map?.deletion));

/**
 * Rows of an earlier run with the same settings, by file; what was cut off or damaged is dropped, and what is of
 * a photo that has changed since.
 * @returns {Promise<Map<string, any>>}
 */
async function resume(log, settings, force, folder, files) {
  const first = JSON.stringify(settings);
  const text = force ? '' : await readFile(log, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return '';
    throw new GradCamError('file', `${log} cannot be read: ${whyNot(error)}.`, { cause: error });
  });
  const [head, ...lines] = text.split('\n').slice(0, -1);
  if (head !== undefined && head !== first) {
    const old = parsed(head) ?? {};
    const differ = Object.keys(settings).filter((key) => JSON.stringify(old[key]) !== JSON.stringify(settings[key]));
    throw new GradCamError('argument', `${log} is of a run with other settings (${differ.join(', ').slice(0, 100)}). Give another folder ` +
      'with -o, or --force to begin anew.');
  }
  const rows = new Map();
  for (const row of lines.map(parsed).filter(isRow)) {
    if (files.includes(row.file) && row.sha256 === await sha256Of(join(folder, row.file)).catch(() => null)) rows.set(row.file, row);
  }
  await write(log, [first, ...[...rows.values()].map((row) => JSON.stringify(row))].map((line) => `${line}\n`).join(''));
  return rows;
}

/* ---- One photo ----------------------------------------------------------------------------------- */

/**
 * The picture as the network sees it: its input size, 8 bits, on white where it is transparent.
 * @param {{x: number, y: number, width: number, height: number} | null} view  the part that it sees
 * @param {number[]} border  colour of what lies outside of the picture
 */
function atInputSize({ width, height, data }, [H, W], how, view, border) {
  const out = new Uint8ClampedArray(4 * W * H).fill(255);
  // Where the picture lies, in the input's pixels.
  const [right, down] = view ? [W / view.width, H / view.height] : [1, 1];
  const place = view && { x: -view.x * right, y: -view.y * down, width: width * right, height: height * down };
  const whole = (plane) => resize({ width, height, data: plane }, W, H, how, place);
  const inside = view && resize({ width: 1, height: 1, data: Float32Array.of(1) }, W, H, 'nearest', place);
  for (let c = 0; c < 3; ++c) {
    const plane = Float32Array.from({ length: width * height }, (_, i) => {
      const opaque = data[4 * i + 3] / 255;
      return opaque * data[4 * i + c] + 255 * (1 - opaque);
    });
    whole(plane).forEach((value, i) => {
      out[4 * i + c] = inside?.[i] === 0 ? border[c] : value;
    });
  }
  return { width: W, height: H, data: out };
}

/** The colour that preprocessing turns into 0. */
function meanColour({ order, mean: means }) {
  const rgb = means.length < 3 ? [means[0], means[0], means[0]] : means.slice(0, 3);
  return order === 'bgr' ? rgb.reverse() : rgb;
}

/** A map after ReLU, over its maximum. */
function positive(data) {
  const most = data.reduce((max, value) => Math.max(max, value), 0);
  return data.map((value) => (value > 0 ? value / most : 0));
}

async function evaluateOne(cam, path, file, settings, boxes) {
  const start = performance.now();
  const { method, layer, score, steps } = settings;
  const how = { method, layer, score, options: settings.options };
  const explained = await cam.explain(path, { ...how, top: 1 });
  const [map] = explained.maps;
  const { preprocess, input } = cam.model;
  const [H, W] = input;
  if (!map || map.probability === null) {
    throw new GradCamError('unsupported', `${cam.model.name} gives no probabilities of classes; evaluating maps needs them.`);
  }
  const picture = atInputSize(explained.picture, input, preprocess.resize ?? 'bilinear', map.view, meanColour(preprocess));
  // It has the input's shape: nothing more is cut off.
  const predict = async (pixels) => (await cam.scores(pixels, { fit: 'stretch' })).probabilities[map.class.id];
  const heat = resize({ width: map.width, height: map.height, data: positive(map.raw) }, W, H, 'bilinear');
  const plain = tools.plain(picture, meanColour(preprocess));
  const soft = trust.blurred(picture);
  const before = await predict(picture);

  const row = { file, id: map.class.id, class: map.class.name, probability: short(before),
    deletion: {}, insertion: {}, curves: {} };
  for (const [name, values] of Object.entries({ map: heat, ...trust.baselines(W, H) })) {
    const order = orderOf(values);
    const deletion = await curve(picture, plain, order, predict, steps);
    const insertion = await curve(soft, picture, order, predict, steps);
    row.deletion[name] = short(area(deletion));
    row.insertion[name] = short(area(insertion));
    row.curves[name] = { deletion: deletion.map(short), insertion: insertion.map(short) };
  }
  const after = await predict(trust.masked(picture, heat, plain));
  const { drop, increase } = trust.confidence(before, after);
  const road = await trust.road(picture, orderOf(heat), predict);
  Object.assign(row, { drop: short(drop), increase, road: short(road.score),
    roadMost: road.most.map(short), roadLeast: road.least.map(short) });
  if (method === 'integrated') row.delta = short(map.delta);
  if (boxes) row.boxes = await boxMetrics(cam, path, boxes.get(file) ?? new Map(), how, settings.pools);
  row.warnings = explained.warnings.map(({ name }) => name);
  row.seconds = short((performance.now() - start) / 1000);
  return row;
}

/** For every annotated class: does the map of the best of its network classes find it? */
async function boxMetrics(cam, path, annotated, how, pools) {
  const found = [];
  for (const [name, list] of annotated) {
    const ids = pools[name] ?? named(cam, name);
    if (!ids.length) continue;
    const { scores } = await cam.scores(path);
    const id = ids.reduce((best, one) => (scores[one] > scores[best] ? one : best));
    const { maps: [map], picture } = await cam.explain(path, { ...how, classes: [id] });
    const [w, h] = [picture.width, picture.height];
    const large = resize({ width: map.width, height: map.height, data: map.raw }, w, h, 'bilinear', map.view);
    const top = large.reduce((best, value, i) => (value > large[best] ? i : best), 0);
    const [part] = map.boxes({ threshold: 0.15 });
    found.push({ class: name, id,
      hit: trust.points({ x: top % w, y: Math.floor(top / w) }, list),
      centre: trust.points({ x: w / 2, y: h / 2 }, list),
      iou: short(part ? Math.max(...list.map((box) => trust.overlap(part, box))) : 0) });
  }
  return found;
}

function named(cam, name) {
  try {
    return [cam.findClass(name)];
  } catch {
    return [];
  }
}

/* ---- Sanity check ---------------------------------------------------------------------------------- */

/**
 * Cascading randomisation: rank correlation of each map with itself after the last 1, 2, ... layers
 * forgot what they learned. Guided backpropagation runs beside it, because it hardly changes: a number
 * as large as its own says that a method shows edges.
 */
async function sanityCheck(cam, options, { method, layer, score, options: set }, paths) {
  const methods = [...new Set([method, 'guided'])];
  const optionsOf = (name) => (name === method ? set : {});
  const ask = { layer, score };

  // Each photo's class is the one that the network saw before it forgot anything.
  const learned = {};
  const classes = [];
  for (const name of methods) {
    learned[name] = [];
    for (const [i, path] of paths.entries()) {
      const map = await positiveMap(cam, path, { ...ask, method: name, options: optionsOf(name), classes: classes[i] });
      classes[i] ??= [map.id];
      learned[name].push(map.values);
    }
  }

  const names = await cam.weightLayers();
  const depths = [...new Set(Array.from({ length: SANITY_DEPTHS },
    (_, i) => 1 + Math.round((i * (names.length - 1)) / (SANITY_DEPTHS - 1))))];
  const random = await load(options);
  const layers = [];
  try {
    for (const depth of depths) {
      await random.randomise(depth);
      const row = { layers: depth, upTo: names[depth - 1] };
      for (const name of methods) {
        const likeness = [];
        for (const [i, path] of paths.entries()) {
          const map = await positiveMap(random, path, { ...ask, method: name, options: optionsOf(name), classes: classes[i] });
          likeness.push(trust.rankCorrelation(map.values, learned[name][i]));
        }
        row[name] = short(mean(likeness));
      }
      layers.push(row);
    }
  } finally {
    random.dispose();
  }
  return { photos: paths.length, layers };
}

/** One map after ReLU, and the class it is of. */
async function positiveMap(cam, path, question) {
  const { maps: [map] } = await cam.explain(path, { ...question, top: 1, picture: false });
  return { id: map.class.id, values: map.raw.map((value) => Math.max(0, value)) };
}

/* ---- Files ------------------------------------------------------------------------------------------ */

/**
 * file,...,class,xmin,ymin,xmax,ymax (pixels from 1, as in Pascal VOC), fields quoted or not, with commas, semicolons or
 * tabs between them.
 * @returns {Promise<{of: Map<string, Map<string, object[]>>, sha256: string}>}  of: file -> class -> boxes
 */
async function readBoxes(path) {
  const bytes = await readFile(path).catch((cause) => {
    throw new GradCamError('file', `${path} cannot be read: ${cause.code === 'ENOENT' ? 'there is no such file' : whyNot(cause)}.`, { cause });
  });
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  const separator = [',', ';', '\t'].find((mark) => text.split('\n', 1)[0].includes(mark)) ?? ',';
  const [head = [], ...lines] = readCsv(text, separator).map((line) => line.map((field) => field.trim()));
  const columns = ['file', 'class', 'xmin', 'ymin', 'xmax', 'ymax'].map((name) => head.indexOf(name));
  if (columns.includes(-1)) {
    throw new GradCamError('file', `${path} must have the columns file, class, xmin, ymin, xmax, ymax.`);
  }
  const boxes = new Map();
  lines.forEach((line, i) => {
    const [file, name, ...numbers] = columns.map((column) => line[column] ?? '');
    const [left, top, right, bottom] = numbers.map((number) => (number === '' ? NaN : Number(number)));
    if (!(right >= left && bottom >= top) || [left, top, right, bottom].some((side) => !Number.isFinite(side))) {
      throw new GradCamError('file', `${path}, row ${i + 2}: a box must have numbers, xmin <= xmax and ymin <= ymax.`);
    }
    if (!boxes.has(file)) boxes.set(file, new Map());
    const ofFile = boxes.get(file);
    if (!ofFile.has(name)) ofFile.set(name, []);
    ofFile.get(name).push({ x: left - 1, y: top - 1, width: right - left + 1, height: bottom - top + 1 });
  });
  return { of: boxes, sha256: sha256(bytes) };
}

/** cat=281-285,7 -> {cat: [281, ..., 285, 7]} */
function readPools(pools) {
  return Object.fromEntries(pools.map((text) => {
    const [, name, list] = /^([^=]+)=([\d,-]+)$/.exec(text) ?? [];
    if (!name) throw new CommandLineError(`--pool is "${text}", but must be like cat=281-285,287.`);
    return [name, list.split(',').flatMap((part) => {
      const [from, to = from] = part.split('-').map(Number);
      return Array.from({ length: Math.min(100000, to - from + 1) }, (_, i) => from + i);
    })];
  }));
}

function summary(all) {
  const rows = all.filter((row) => !row.error);
  const of = (pick) => short(mean(rows.map(pick)));
  const each = (key) => Object.fromEntries(['map', 'random', 'centre'].map(
    (name) => [name, of((row) => row[key][name])]));
  const average = (name, kind) => rows[0]?.curves[name][kind].map((_, i) => of((row) => row.curves[name][kind][i]));
  const boxes = rows.flatMap((row) => row.boxes ?? []);
  const found = (list) => ({ count: list.length, pointing: short(mean(list.map(({ hit }) => Number(hit)))),
    centre: short(mean(list.map(({ centre }) => Number(centre)))), iou: short(mean(list.map(({ iou }) => iou))),
    localised: short(mean(list.map(({ iou }) => Number(iou >= 0.5)))) });
  return {
    photos: rows.length,
    failed: all.filter((row) => row.error).map(({ file, error }) => ({ file, error })),
    deletion: each('deletion'),
    insertion: each('insertion'),
    drop: of((row) => row.drop),
    increase: of((row) => Number(row.increase)),
    road: of((row) => row.road),
    boxes: boxes.length ? { all: found(boxes), ...Object.fromEntries([...new Set(boxes.map((box) => box.class))].sort()
      .map((name) => [name, found(boxes.filter((box) => box.class === name))])) } : null,
    curves: Object.fromEntries(['map', 'random', 'centre'].map((name) => [name,
      { deletion: average(name, 'deletion'), insertion: average(name, 'insertion') }])),
  };
}

function csv(rows) {
  const quote = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  const head = ['file', 'id', 'class', 'probability', 'deletion', 'deletion_random', 'deletion_centre', 'insertion',
    'insertion_random', 'insertion_centre', 'drop', 'increase', 'road', 'pointing', 'iou', 'seconds', 'error'];
  const lines = rows.map((row) => (row.error ? [row.file, ...Array(15).fill(''), row.error] : [
    row.file, row.id, row.class, row.probability, row.deletion.map, row.deletion.random, row.deletion.centre,
    row.insertion.map, row.insertion.random, row.insertion.centre, row.drop, Number(row.increase), row.road,
    row.boxes?.length ? short(mean(row.boxes.map(({ hit }) => Number(hit)))) : '',
    row.boxes?.length ? short(mean(row.boxes.map(({ iou }) => iou))) : '', row.seconds, '']));
  return [head, ...lines].map((line) => `${line.map(quote).join(',')}\n`).join('');
}

function print(result, output) {
  const { settings, photos, failed, deletion, insertion, boxes, sanity } = result;
  const say = (text) => process.stdout.write(`${text}\n`);
  say(`${settings.method} at ${settings.layer}, ${settings.model.name}, ${photos} photos` +
    `${failed.length ? `, ${failed.length} failed` : ''}`);
  say(`  deletion area, lower is better      ${deletion.map}  (random ${deletion.random}, centre ${deletion.centre})`);
  say(`  insertion area, higher is better    ${insertion.map}  (random ${insertion.random}, centre ${insertion.centre})`);
  say(`  average drop, lower is better       ${result.drop}`);
  say(`  increase, higher is better          ${result.increase}`);
  say(`  ROAD, higher is better              ${result.road}`);
  if (boxes) {
    say(`  pointing game                       ${boxes.all.pointing}  (centre ${boxes.all.centre}, ${boxes.all.count} cases)`);
    say(`  box overlap at 15 %                 ${boxes.all.iou}  (at least half: ${boxes.all.localised})`);
  }
  if (sanity) {
    const last = sanity.layers.at(-1);
    say(`  rank correlation, all layers random ${last[settings.method]}  (guided backpropagation ${last.guided})`);
  }
  say(`  ${join(output, 'summary.json')}, results.csv, curves.svg`);
}
