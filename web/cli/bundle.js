/**
 * Evidence: everything that an explanation was made of and gave, in a folder, and the command that
 * makes it again and compares.
 *
 *   picture.jpg           the picture's file, as it was
 *   map-0-281.npy         raw map (before ReLU) of the first class, float32, NumPy's format; -terms:
 *                         every channel, of methods to the input
 *   overlay-0-281.png     heat over picture; mask-0-281.npy: its largest part above 15 %, 0 and 1
 *   predictions.json      classes, scores, probabilities as the engine has them
 *   manifest.json         digests of all these, of picture and model; versions; every setting
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { GradCam, GradCamError, tools } from '../node.js';
import { listModels } from './models.js';
import { CommandLineError, LOADING, loadOptions, targetsOf } from './options.js';

const npy = (values, shape) => Buffer.from(tools.npy(values, shape).buffer);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** The files a model is made of: {file, sha256}, and what the user called it. */
async function modelFiles(model = 'pocket') {
  const known = (await listModels()).find(({ name, folder }) => name === model && folder);
  let files = [model];
  let folder = dirname(model);
  if (known) {
    folder = known.folder;
    const card = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8'));
    files = [card.file, ...(card.shards ?? []).map(({ file }) => file)].map((file) => join(folder, file));
  } else {
    const card = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8').catch(() => '{}'));
    if (card.file === basename(model)) files.push(...(card.shards ?? []).map(({ file }) => join(folder, file)));
  }
  if (!known && !await stat(model).catch(() => null)) {
    throw new GradCamError('file', `A bundle names its model by digest, and ${model} is no file that ` +
      'can be read here.');
  }
  return Promise.all(files.map(async (file) => ({ file: basename(file), sha256: sha256(await readFile(file)) })));
}

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

/**
 * @param {string} folder
 * @param {string} image     path of the picture
 * @param {import('../node.js').Explanation} result
 */
export async function writeBundle(folder, image, result, cam, options) {
  const picture = await readFile(image).catch((cause) => {
    throw new GradCamError('file', `A bundle holds the picture, and ${image} is no file that can be ` +
      `read here: ${cause.message}.`, { cause });
  });
  const files = await resultFiles(result, options);
  files.set(`picture${extname(image).toLowerCase() || '.bin'}`, picture);
  const { name, engine, threads, preprocess, input, head, activation } = cam.model;
  const manifest = {
    format: 1,
    made: new Date().toISOString(),
    engine,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    model: { name, given: options.model ?? 'pocket', input, files: await modelFiles(options.model) },
    picture: { given: basename(image), file: `picture${extname(image).toLowerCase() || '.bin'}`,
      width: result.picture.width, height: result.picture.height },
    // What the command line said; left out: the defaults of this version.
    settings: { ...Object.fromEntries(['top', 'class', 'against', 'sum', 'method', 'option', 'layer', 'score', 'preset',
      ...LOADING, 'map-input', 'colormap', 'alpha']
      .filter((key) => options[key] !== undefined).map((key) => [key, options[key]])),
    threads, variant: engine.endsWith('relaxed-simd') ? 'relaxed' : 'simd' },
    // What was used in the end.
    used: { method: result.method, layer: result.layer, score: result.score, preset: result.preset, preprocess, head, activation,
      options: { ...Object.fromEntries(cam.options().map(({ name: key, default: value }) => [key, value])),
        ...Object.fromEntries(options.option ?? []) } },
    maps: result.maps.map((map) => ({ class: map.class, delta: map.delta, boxes: map.boxes({ threshold: 0.15 }).slice(0, 10) })),
    warnings: result.warnings,
    files: Object.fromEntries([...files].map(([file, bytes]) => (
      [file, { bytes: bytes.length, sha256: sha256(bytes) }]))),
  };
  await mkdir(folder, { recursive: true });
  for (const [file, bytes] of files) await writeFile(join(folder, file), bytes);
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`);
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

/** `gradcam replay DIR` */
export async function replay(options, positionals) {
  if (positionals.length !== 1) throw new CommandLineError('Name one bundle: gradcam replay DIR.');
  const [folder] = positionals;
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch((cause) => {
    throw new GradCamError('file', `${folder} is no bundle: it has no manifest.json that can be read.`, { cause });
  });
  const manifest = JSON.parse(text);
  if (manifest.format !== 1) {
    throw new GradCamError('unsupported', `${folder} is a bundle of format ${manifest.format}; this version knows 1.`);
  }
  const kept = new Map();
  for (const [file, { sha256: wanted }] of Object.entries(manifest.files)) {
    if (basename(file) !== file) throw new GradCamError('file', `The manifest names ${file}, which is no file name.`);
    const bytes = await readFile(join(folder, file)).catch(() => null);
    if (!bytes || sha256(bytes) !== wanted) {
      throw new GradCamError('file', `${join(folder, file)} is ${bytes ? 'not what' : 'missing, but'} the manifest ` +
        'speaks of: the bundle was changed.');
    }
    kept.set(file, bytes);
  }
  const model = options.model ?? manifest.model.given;
  const found = await modelFiles(model);
  const wanted = manifest.model.files.map((file) => file.sha256).join();
  if (found.map((file) => file.sha256).join() !== wanted) {
    throw new GradCamError('model', `${model} is another model than the bundle's: its SHA-256 is ${found[0].sha256}, ` +
      `expected ${manifest.model.files[0].sha256}. Say where it is: --model FILE.`);
  }
  const { settings: set } = manifest;
  const cam = await GradCam.load(model, loadOptions(set));
  try {
    const result = await cam.explain(resolve(folder, manifest.picture.file), { top: set.top,
      classes: targetsOf(set), method: set.method, options: Object.fromEntries(set.option ?? []), layer: set.layer,
      score: set.score, preset: set.preset, mapInput: set['map-input'] });
    const again = await resultFiles(result, set);
    const differences = [...again].filter(([file, bytes]) => !kept.get(file)?.equals(bytes)).map(([file, bytes]) => {
      const old = kept.get(file);
      return old && /^map.*\.npy$/.test(file) && old.length === bytes.length
        ? `${file} (by up to ${largestDifference(old, bytes)})` : file;
    });
    if (differences.length) {
      const other = cam.model.engine === manifest.engine ? '' : ` The bundle was made by ${manifest.engine}, this is ` +
        `${cam.model.engine}: only the same build gives the same bits.`;
      throw new GradCamError('state', `${folder} came out differently: ${differences.join(', ')}.${other}`);
    }
    if (!options.quiet) process.stdout.write(`${folder}: ${again.size} files are the same, bit for bit\n`);
  } finally {
    cam.dispose();
  }
}
