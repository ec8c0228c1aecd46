/**
 * Acceptance for who has the published weights: `npm run accept -- vgg16 FILE.h5` (or xception).
 *
 * Checks the file's MD5, converts it, runs every published result of ../shared/data/golden, draws the
 * blog post's figures, and prints a table. Exit 0: everything as published; 1: something is not.
 *
 *   --expect FILE.json   compare with these values instead (tests/golden/synthetic_vgg16.json): for a
 *                        file of the same layout with other weights, whose MD5 is then not asked
 *   --shared DIR         the shared data, if not ../shared
 *   -o DIR               where the converted model and the figures go; default out/accept-<name>
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scriptArguments } from '../../emscripten/tools.mjs';
import { GradCam } from '../../web/node.js';
import { correlation, readFigure } from './figures.js';
import { architecture, convert, folderSink } from '../../models/index.js';
import { md5Of } from '../../models/fetch.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const rows = [];

/** Notes a check and prints its line at once; the run can take minutes. */
function report(what, expected, found, ok) {
  rows.push(ok);
  const verdict = ok ? 'ok  ' : 'FAIL';
  console.log(`${verdict}  ${what.padEnd(46)}  ${String(expected).padEnd(34)}  ${found}`);
}

const percent = (p) => `${(100 * p).toFixed(4)} %`;

async function checkMd5(file, card) {
  const { md5 } = card.download;
  const found = await md5Of(file);
  report('MD5 of the file', md5, found, found === md5);
}

async function convertFile(file, name, folder) {
  const started = performance.now();
  const out = await folderSink(folder, { overwrite: true });
  const { card } = await convert({ source: file, arch: name, out });
  const seconds = (performance.now() - started) / 1000;
  const found = `${seconds.toFixed(1)} s, ${card.shards.length} shards`;
  report('converted', '<= 60 s', found, seconds <= 60);
}

// ---- the published results ------------------------------------------------------------------------

/**
 * A photo as PIL decoded it, where that is kept; else the photo, and a wider tolerance: JPEG decoders
 * differ by a level here and there. Probabilities are compared by their ratio.
 */
function photo(shared, name) {
  const png = join(shared, 'golden', 'decoded', name.replace(/\.\w+$/, '.png'));
  const exact = existsSync(png) || name.endsWith('.png');
  return { path: existsSync(png) ? png : join(shared, 'photos', name), tolerance: exact ? 1.03 : 1.25 };
}

/** Probabilities as the sources print them. */
async function checkPredictions(cam, shared, published) {
  for (const { photo: name, top } of published.predictions) {
    const { path, tolerance } = photo(shared, name);
    const { predictions } = await cam.explain(path, { top: 1000 });
    const found = new Map(predictions.map((p) => [p.id, p]));
    for (const [id, probability] of top) {
      const { name: label, probability: got } = found.get(id);
      const ratio = Math.max(got / probability, probability / got);
      report(`${name}: ${id} ${label}`, percent(probability), percent(got), ratio <= tolerance);
    }
    const ids = top.map(([id]) => id);
    const order = predictions.slice(0, ids.length).map((p) => p.id);
    report(`${name}: order`, ids.join(' '), order.join(' '), order.join() === ids.join());
  }
}

/** The figures: their classes' order where they show the best ones, and their maps. */
async function checkFigures(cam, shared, published, out) {
  for (const { photo: name, figure, classes, note } of published.heatmap_figures) {
    if (!classes.every(Number.isInteger) || /for looking at only/.test(note)) continue;
    const raw = /raw RGB/.test(note);
    const { path } = photo(shared, name);
    const how = { top: classes.length, preset: 'post-2020', mapInput: raw ? 'raw' : 'preprocessed' };
    const result = await cam.explain(path, { ...how, classes });
    if (/eight highest/.test(note)) {
      const order = (await cam.explain(path, how)).maps.map((map) => map.class.id);
      const [wanted, got] = [classes.join(' '), order.join(' ')];
      report(`${name}, raw input: order`, wanted, got, got === wanted);
    }
    const drawn = join(out, `${figure.split('/').at(-1).replace(/\.\w+$/, '')}.png`);
    await writeFile(drawn, classes.length > 1
      ? await cam.grid(result.maps, { columns: 3 }) : await result.maps[0].toPNG());
    const image = (await cam.explain(join(shared, 'golden', figure), { top: 1 })).picture;
    readFigure(image, result.picture, classes.length).forEach((map, i) => {
      const r = correlation(map, result.maps[i].normalized);
      report(`${name}: map of ${classes[i]} in the figure`, 'correlation >= 0.9', r.toFixed(3), r >= 0.9);
    });
    console.log(`      drawn: ${drawn}, to be held beside ${figure}`);
  }
}

// ---- other weights of the same layout -----------------------------------------------------------------

async function checkExpected(cam, file, size) {
  const { picture } = await import('../models/noise.mjs');
  const expected = JSON.parse(readFileSync(file, 'utf8'));
  const image = picture(size);
  const most = Math.max(...expected.logits.map(Math.abs));
  for (const { layer, class: id, max, stride, data, float32_error: noise = 0 } of expected.maps) {
    const { predictions, maps } = await cam.explain(image, { top: 1000, classes: [id], layer });
    if (layer === expected.maps[0].layer && id === expected.maps[0].class) {
      const off = Math.max(...predictions.map((p) => Math.abs(p.score - expected.logits[p.id]))) / most;
      report('logits against PyTorch', '<= 1e-4', off.toExponential(1), off <= 1e-4);
      for (const [wanted, , p] of expected.top) {
        const got = predictions.find((each) => each.id === wanted).probability;
        const same = Math.abs(got - p) <= 1e-4 * p + 1e-7;
        report(`probability of ${wanted}`, percent(p), percent(got), same);
      }
    }
    const off = Math.max(...data.map((value, i) => Math.abs(value - maps[0].raw[i * stride]))) / max;
    report(`map of ${id} at ${layer}`, '<= 1e-3', off.toExponential(1), off <= Math.max(1e-3, 4 * noise));
  }
}

// ---------------------------------------------------------------------------------------------------

function readArguments() {
  const { values, positionals } = scriptArguments({
    expect: { type: 'string' },
    shared: { type: 'string' },
    output: { type: 'string', short: 'o' },
  });
  const [name, file] = positionals;
  if (positionals.length !== 2 || !['vgg16', 'xception'].includes(name)) {
    throw new Error('usage: npm run accept -- vgg16|xception FILE.h5 [--expect FILE.json] ' +
      '[--shared DIR] [-o DIR]');
  }
  return { name, file, ...values };
}

async function main() {
  const { name, file, expect, shared: given, output: out = join('out', `accept-${name}`) } = readArguments();
  const shared = join(given ?? process.env.GRADCAM_SHARED ?? join(root, '..', 'shared'), 'data');
  if (!existsSync(file)) throw new Error(`there is no file ${file}.`);
  const card = await architecture(name).card();
  await mkdir(out, { recursive: true });
  if (expect) console.log('      MD5 not asked: other weights are expected');
  else await checkMd5(file, card);
  await convertFile(file, name, join(out, name));
  const cam = await GradCam.load(join(out, name, 'model.json'));
  try {
    if (expect) {
      await checkExpected(cam, expect, card.input.width);
    } else if (name === 'vgg16') {
      const text = readFileSync(join(shared, 'golden', 'golden.json'), 'utf8');
      const { published_vgg16: published } = JSON.parse(text);
      await checkPredictions(cam, shared, published);
      await checkFigures(cam, shared, published, out);
    } else {
      console.log('      no results of Xception are in the shared data; its best classes of pier.jpg:');
      const { predictions } = await cam.explain(photo(shared, 'pier.jpg').path, { top: 8 });
      for (const { id, name: label, probability } of predictions) {
        console.log(`      ${id} ${label} ${percent(probability)}`);
      }
    }
  } finally {
    cam.dispose();
  }
  const failed = rows.filter((ok) => !ok).length;
  console.log(`\n${rows.length - failed} of ${rows.length} checks as ${expect ? 'expected' : 'published'}.`);
  process.exitCode = failed ? 1 : 0;
}

main().catch((error) => {
  console.error(`accept: ${error.message}`);
  process.exitCode = /^usage/.test(error.message) ? 2 : 1;
});
