/**
 * Evidence: everything that an explanation was made of and gave, in a folder, and the command that
 * makes it again and compares.
 *
 *   picture.jpg           the picture's file, as it was; labels.txt, config.json: files that options named
 *   map-0-281.npy         raw map (before ReLU) of the first class, float32, NumPy's format; -terms:
 *                         every channel, of methods to the input
 *   overlay-0-281.png     heat over picture; mask-0-281.npy: its largest part above 15 %, 0 and 1
 *   predictions.json      classes, scores, probabilities as the engine has them
 *   manifest.json         digests of all these, of picture and model; versions; every setting
 *
 * Replay reads the bundle and the model alone, and trusts neither: the manifest has a schema, every file its digest.
 */
import { lstat, mkdir, readFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { whyNot } from '../../models/leftovers.js';
import { readFound } from '../../models/own.js';
import { digest, either, finite, flag, listOf, mapOf, problemOf, record, such, text, whole, word } from '../../models/schema.js';
import { GradCam, GradCamError, tools } from '../node.js';
import { modelFiles, sha256 } from './digests.js';
import { PROGRAM } from './help.js';
import { CommandLineError, LOADING, loadOptions, targetsOf } from './options.js';
import { guarded, STANDARD, write } from './output.js';

const npy = (values, shape) => Buffer.from(tools.npy(values, shape).buffer);

/** The results as files: name -> bytes. */
async function resultFiles(result, { colormap, alpha }) {
  const files = new Map();
  const predictions = result.predictions.map(({ id, name, group, score, probability }) => ({ id, name, group, score, probability }));
  files.set('predictions.json', Buffer.from(`${JSON.stringify(predictions, null, 1)}\n`));
  for (const [i, map] of result.maps.entries()) {
    const stem = `${i}-${map.class.id}`;
    const { width, height } = map;
    files.set(`map-${stem}.npy`, npy(map.raw, [height, width]));
    if (map.terms) files.set(`map-${stem}-terms.npy`, npy(map.terms.data, [height, width, map.terms.channels]));
    const mask = map.mask({ threshold: 0.15 });
    files.set(`mask-${stem}.npy`, npy(mask.data, [mask.height, mask.width]));
    files.set(`overlay-${stem}.png`, Buffer.from(await map.toPNG({ colormap, alpha })));
  }
  return files;
}

/** What is said of a result beside its files. */
function findings(result, cam, options) {
  const { name, engine, preprocess, input, head, activation } = cam.model;
  return {
    engine,
    model: { name, input },
    picture: { width: result.picture.width, height: result.picture.height },
    // What was used in the end.
    used: { method: result.method, layer: result.layer, score: result.score, preset: result.preset, preprocess, head, activation,
      options: { ...Object.fromEntries(cam.options().map(({ name: key, default: value }) => [key, value])),
        ...Object.fromEntries(options.option ?? []) } },
    maps: result.maps.map((map) => ({ class: map.class, delta: map.delta, boxes: map.boxes({ threshold: 0.15 }).slice(0, 10) })),
    warnings: result.warnings,
  };
}

/** Options that may name a file, which then lies in the bundle: name -> what it is called there. */
const NAMED = { labels: (path) => `labels${extname(path).toLowerCase() || '.txt'}`, config: () => 'config.json' };

const readOr = (path, what) => readFile(path).catch((cause) => {
  throw new GradCamError('file', `A bundle holds ${what}, and ${path} is no file that can be read here: ${
    cause.code === 'ENOENT' ? 'there is no such file' : whyNot(cause)}.`, { cause });
});

/**
 * @param {string} folder
 * @param {string | {name: string, bytes: Uint8Array}} image  path of the picture, or itself
 * @param {import('../node.js').Explanation} result
 */
export async function writeBundle(folder, image, result, cam, options) {
  const named = typeof image === 'string';
  const picture = named ? await readOr(image, 'the picture') : Buffer.from(image.bytes);
  const files = await resultFiles(result, options);
  const ending = named ? extname(image).toLowerCase() : '';
  const pictureFile = `picture${/^\.\w{1,8}$/.test(ending) ? ending : '.bin'}`;
  files.set(pictureFile, picture);
  const settings = Object.fromEntries(['top', 'class', 'against', 'sum', 'method', 'option', 'layer', 'score', 'preset', ...LOADING, 'map-input',
    'colormap', 'alpha'].filter((key) => options[key] !== undefined).map((key) => [key, options[key]]));
  for (const [option, fileName] of Object.entries(NAMED)) {
    const path = settings[option];
    if (path === undefined || (option === 'labels' && path === 'imagenet')) continue;
    settings[option] = fileName(path);
    files.set(settings[option], await readOr(path, `the file of --${option}`));
  }
  const { engine, threads } = cam.model;
  const found = findings(result, cam, options);
  const manifest = {
    format: 1,
    made: new Date().toISOString(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    ...found,
    model: { ...found.model, given: options.model ?? 'pocket', files: await modelFiles(options.model) },
    picture: { ...found.picture, given: named ? basename(image) : STANDARD, file: pictureFile },
    // What the command line said; left out: the defaults of this version.
    settings: { ...settings, threads, variant: engine.endsWith('relaxed-simd') ? 'relaxed' : 'simd' },
    files: Object.fromEntries([...files].map(([file, bytes]) => (
      [file, { bytes: bytes.length, sha256: sha256(bytes) }]))),
  };
  await guarded(folder, () => mkdir(folder, { recursive: true }));
  for (const [file, bytes] of files) await write(join(folder, file), bytes);
  // The manifest last: without it, or with an old one, what was interrupted is no bundle.
  await write(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`);
}

/* ---- Replay ---------------------------------------------------------------------------------------- */

const fileName = such('the name of a file in the bundle', (value) => typeof value === 'string' && value.length <= 255 && value !== '' &&
  basename(value) === value && !/^\.|[\\/\0:]/.test(value));
const classes = listOf(text(1000), 10000);
const MANIFEST = record({
  format: whole(1),
  made: text(100),
  engine: text(200),
  node: text(100),
  platform: text(100),
  model: record({ name: text(1000), given: text(4096), input: listOf(whole(0), 2),
    files: listOf(record({ file: text(1000), sha256: digest(64) }, ['file', 'sha256']), 10000) }, ['given', 'files']),
  picture: record({ given: text(4096), file: fileName, width: whole(1), height: whole(1) }, ['file', 'width', 'height']),
  settings: record({
    top: whole(1, 1000000), class: classes, against: classes, sum: flag, method: text(100),
    option: listOf(such('a name and a number', (value) => Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' &&
      Number.isFinite(value[1])), 100),
    layer: text(10000), score: text(100), preset: text(100), preprocess: text(1000), resize: text(100), fit: text(100),
    labels: either(word(['imagenet']), fileName), head: text(1000), activation: text(100), 'input-size': listOf(whole(1, 65536), 2),
    grid: listOf(whole(0, 9999), 3), config: fileName,
    arch: text(200), weights: text(10), 'fake-quantize': flag, 'map-input': text(100), colormap: text(100), alpha: finite, threads: whole(1, 1024),
    variant: word(['simd', 'relaxed']),
  }),
  used: record({}),
  maps: listOf(record({}), 10000),
  warnings: listOf(record({}), 1000),
  files: mapOf(record({ bytes: whole(0), sha256: digest(64) }, ['bytes', 'sha256'])),
}, ['format', 'engine', 'model', 'picture', 'settings', 'used', 'maps', 'warnings', 'files']);

/** The manifest, right in every field. */
async function readManifest(folder) {
  const path = join(folder, 'manifest.json');
  const bytes = await readFound(path);
  if (bytes === null) throw new GradCamError('file', `${folder} is no bundle: it has no manifest.json that can be read.`);
  let manifest;
  try {
    manifest = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new GradCamError('file', `${path} is no whole JSON: the bundle was cut off or changed.`, { cause });
  }
  if (Number.isInteger(manifest?.format) && manifest.format !== 1) {
    throw new GradCamError('unsupported', `${folder} is a bundle of format ${manifest.format}; this version knows 1.`);
  }
  const stray = Object.keys(manifest?.files ?? {}).find((file) => fileName(file));
  const problem = problemOf(MANIFEST, manifest, path) ??
    (stray === undefined ? null : `${path}: "files" names ${stray.slice(0, 60)}, which is no file of the bundle.`) ??
    [manifest.picture.file, manifest.settings.config, manifest.settings.labels].filter((file) => file !== undefined && file !== 'imagenet' &&
      !Object.hasOwn(manifest.files, file)).map((file) => `${path}: ${file} is not among its files.`)[0];
  if (problem) throw new GradCamError('file', `${problem} The bundle was changed.`);
  return manifest;
}

/** The files of a bundle, each what the manifest speaks of. @returns {Promise<Map<string, Buffer>>} */
async function readKept(folder, files) {
  const kept = new Map();
  for (const [file, wanted] of Object.entries(files)) {
    const path = join(folder, file);
    const info = await lstat(path).catch(() => null);
    // A link leads elsewhere.
    const bytes = info?.isFile() && info.size === wanted.bytes ? await readFile(path).catch(() => null) : null;
    if (!bytes || sha256(bytes) !== wanted.sha256) {
      throw new GradCamError('file', `${path} is ${info ? 'not what' : 'missing, but'} the manifest speaks of: the bundle was changed.`);
    }
    kept.set(file, bytes);
  }
  return kept;
}

/** The largest difference of two .npy files of float32 with equal headers, for the message. */
function largestDifference(a, b) {
  const start = 10 + a.readUInt16LE(8);
  let most = 0;
  for (let at = start; at + 4 <= Math.min(a.length, b.length); at += 4) {
    most = Math.max(most, Math.abs(a.readFloatLE(at) - b.readFloatLE(at)));
  }
  return most;
}

const json = (value) => JSON.stringify(value ?? null);

/** What came out otherwise than the bundle has it, in words. */
function differences(manifest, kept, again, found) {
  const { files, picture, settings } = manifest;
  const odd = [...again].filter(([file, bytes]) => !kept.get(file)?.equals(bytes)).map(([file, bytes]) => {
    const old = kept.get(file);
    return old && /^map.*\.npy$/.test(file) && old.length === bytes.length
      ? `${file} (by up to ${largestDifference(old, bytes)})` : file;
  });
  const given = new Set([picture.file, settings.labels, settings.config]);
  odd.push(...Object.keys(files).filter((file) => !again.has(file) && !given.has(file)));
  // Through JSON, as the manifest went.
  const now = JSON.parse(JSON.stringify(found));
  for (const key of ['maps', 'warnings']) if (json(now[key]) !== json(manifest[key])) odd.push(`the manifest's ${key}`);
  for (const key of new Set([...Object.keys(now.used), ...Object.keys(manifest.used)])) {
    if (json(now.used[key]) !== json(manifest.used[key])) odd.push(`the manifest's used.${key.slice(0, 40)}`);
  }
  for (const key of ['width', 'height']) if (now.picture[key] !== picture[key]) odd.push(`the manifest's picture.${key}`);
  for (const key of ['name', 'input']) if (json(now.model[key]) !== json(manifest.model[key])) odd.push(`the manifest's model.${key}`);
  if (now.engine !== manifest.engine) odd.push('the engine');
  return odd;
}

/** `gradcam replay DIR` */
export async function replay(options, positionals) {
  if (positionals.length !== 1) throw new CommandLineError(`Name one bundle: ${PROGRAM} replay DIR.`);
  const [folder] = positionals;
  const manifest = await readManifest(folder);
  const kept = await readKept(folder, manifest.files);
  const model = options.model ?? manifest.model.given;
  const found = await modelFiles(model);
  const digests = (files) => files.map((file) => file.sha256).join();
  if (digests(found) !== digests(manifest.model.files)) {
    const at = found.findIndex((file, i) => file.sha256 !== manifest.model.files[i]?.sha256);
    const [now, then] = [found, manifest.model.files].map((files) => files[Math.max(0, at)]?.sha256.slice(0, 16) ?? 'none');
    throw new GradCamError('model', `${model} is another model than the bundle's: ${found[Math.max(0, at)]?.file ?? 'a file'} has the SHA-256 ${now}..., ` +
      `expected ${then}... Say where it is: --model FILE.`);
  }
  const inside = (file) => (file === undefined || file === 'imagenet' ? file : resolve(folder, file));
  const set = { ...manifest.settings, labels: inside(manifest.settings.labels), config: inside(manifest.settings.config) };
  const cam = await GradCam.load(model, loadOptions(set));
  try {
    const result = await cam.explain(new Uint8Array(kept.get(manifest.picture.file)), { top: set.top,
      classes: targetsOf(set), method: set.method, options: Object.fromEntries(set.option ?? []), layer: set.layer,
      score: set.score, preset: set.preset, mapInput: set['map-input'] });
    const again = await resultFiles(result, set);
    const odd = differences(manifest, kept, again, findings(result, cam, set));
    if (odd.length) {
      const other = cam.model.engine === manifest.engine ? '' : ` It was made by ${manifest.engine.slice(0, 60)}, this is ` +
        `${cam.model.engine}: only the same build gives the same bits.`;
      throw new GradCamError('state', `${folder} came out differently: ${odd.slice(0, 4).join(', ')}${odd.length > 4 ? `, ${odd.length - 4} more` : ''}.${other}`);
    }
    if (!options.quiet) process.stdout.write(`${folder}: ${again.size} files, maps, warnings, settings and engine are the same, bit for bit\n`);
  } finally {
    cam.dispose();
  }
}
