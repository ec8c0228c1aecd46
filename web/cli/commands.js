/**
 * What the commands do, through the public API alone.
 */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { cachedModels } from '../../models/folders.js';
import { whyNot } from '../../models/leftovers.js';
import { GradCam, GradCamError, tools } from '../node.js';
import { COMMAND_NAMES, commandHelp, PROGRAM, usage } from './help.js';
import { listModels } from './models.js';
import { checkClasses, checkMethod, CommandLineError, known, loadOptions, optionNames, readCommandLine, targetsOf, wordsOf } from './options.js';
import { STANDARD, write, writeOut } from './output.js';
import { progressBar } from './progress.js';

export { CommandLineError, wordsOf };

const say = (text) => process.stdout.write(`${text}\n`);
const warn = (text) => process.stderr.write(`gradcam: warning: ${text}\n`);

/** Commands that few need are loaded when they are asked for. */
const evaluate = async (...args) => (await import('./evaluate.js')).evaluate(...args);
const replay = async (...args) => (await import('./bundle.js')).replay(...args);
const RUN = { explain, evaluate, replay, layers, methods, models, operators, fetch: fetchModel, convert, help };

/** @param {string[]} args what stands after `gradcam` */
export async function run(args) {
  const { command, said, options, positionals } = readCommandLine(args);
  try {
    if (options.help) {
      process.stdout.write(said && command !== 'help' ? helpOf(command) : usage(optionNames('explain')));
    } else if (options.version) {
      const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
      say(version);
    } else {
      await RUN[command](options, positionals);
    }
  } catch (error) {
    // What only a loaded model can say to be wrong usage.
    const usage = command !== 'replay' && error.code === 'argument' && ['head', 'layer'].includes(error.remedy);
    throw Object.assign(usage ? new CommandLineError(wordsOf(error), { cause: error }) : error, { command });
  }
}

const helpOf = (command) => commandHelp(command, optionNames(command));

async function help(_, names) {
  if (names.length > 1) throw new CommandLineError(`One command at a time: ${PROGRAM} help ${names[0]}.`);
  const [name] = names;
  if (name === undefined || name === 'help') return void process.stdout.write(usage(optionNames('explain')));
  known(name, COMMAND_NAMES, 'The command');
  process.stdout.write(helpOf(name));
}

/** Runs `use` with a loaded model, and ends the worker whatever happens. */
async function withModel(options, use) {
  const bar = progressBar(options);
  let cam;
  try {
    cam = await GradCam.load(options.model ?? 'pocket', { ...loadOptions(options), onProgress: bar.update });
  } finally {
    bar.done();
  }
  try {
    return await use(cam);
  } finally {
    cam.dispose();
  }
}

async function writeJson(path, value) {
  await write(path, `${JSON.stringify(value)}\n`);
}

/* ---- explain ---------------------------------------------------------------------------------- */

/**
 * Where the drawings of each picture go: image -> {overlay, grid}, paths, either may be missing.
 * A folder gets both.
 */
async function outputPaths(output, images) {
  if (output === undefined) return () => ({});
  if (output === STANDARD) {
    if (images.length > 1) throw new CommandLineError(`-o is standard output, but there are ${images.length} pictures. Give a folder: -o out/`);
    return (_, maps) => (maps.length === 1 ? { overlay: STANDARD } : { grid: STANDARD });
  }
  const folder = /[\\/]$/.test(output) || await stat(output).then((is) => is.isDirectory(), () => false);
  if (!folder && images.length > 1) {
    throw new CommandLineError(`-o is the file ${output}, but there are ${images.length} pictures. ` +
      `Give a folder: -o ${output.replace(/\.png$/i, '')}/`);
  }
  if (!folder && extname(output).toLowerCase() !== '.png') {
    throw new CommandLineError(`-o is "${output}", but heatmaps are written as PNG: ` +
      'give a name that ends in .png, or a folder.');
  }
  if (!folder) return (_, maps) => (maps.length === 1 ? { overlay: output } : { grid: output });
  await mkdir(output, { recursive: true }).catch((cause) => {
    throw new GradCamError('file', `The folder ${output} cannot be made: ${whyNot(cause)}.`, { cause });
  });
  const used = new Map();
  return (image) => {
    const stem = stemOf(image);
    const count = (used.get(stem) ?? 0) + 1;
    used.set(stem, count);
    const name = join(output, count > 1 ? `${stem}-${count}` : stem);
    return { overlay: `${name}-overlay.png`, grid: `${name}-grid.png` };
  };
}

/** A picture's name without its ending. */
const stemOf = (image) => (image === STANDARD ? 'picture' : basename(image.replace(/[?#].*$/, '')).replace(/\.[^.]*$/, ''));

/** Several pictures: a folder each. */
const bundlePath = (folder, image, images) => (images.length === 1 ? folder
  : join(folder, `${images.indexOf(image) + 1}-${stemOf(image)}`));

/** A command that was mistyped reads like a picture. */
async function checkCommand(word) {
  if (/[./\\:]/.test(word) || word === STANDARD || await stat(word).catch(() => null)) return;
  const [near] = tools.nearMisses(word, COMMAND_NAMES, 1);
  if (near) throw new CommandLineError(`There is no command and no picture "${word}". Did you mean ${near}?`);
}

/** A picture's bytes: a path and an address are read by the worker. */
async function pictureOf(image) {
  if (image !== STANDARD) return image;
  const pieces = [];
  for await (const piece of process.stdin) pieces.push(piece);
  if (!pieces.length) throw new GradCamError('image', 'Standard input is empty: send a picture, like < photo.jpg.');
  return { name: 'standard input', bytes: new Uint8Array(Buffer.concat(pieces)) };
}

async function explain(options, images) {
  if (!images.length) throw new CommandLineError('Give at least one picture.');
  await checkCommand(images[0]);
  if (images.filter((image) => image === STANDARD).length > 1) throw new CommandLineError('Standard input, -, is one picture.');
  const pathsOf = await outputPaths(options.output, images);
  const { quiet = false, json, jsonl, bundle, output, colormap, alpha } = options;
  await withModel(options, async (cam) => {
    checkMethod(cam, options);
    checkClasses(cam, options);
    known(colormap, cam.colormaps(), '--colormap');
    const style = { colormap, alpha };
    const printed = !quiet && ![json, jsonl, output].includes(STANDARD);
    const reports = [];
    let failed = 0;
    let mapped = false;
    for (const image of images) {
      try {
        const picture = await pictureOf(image);
        const result = await explainOne(cam, picture, options);
        const { maps } = result;
        // Said before the warning that says the same: the picture that was asked for cannot be made.
        if (output !== undefined && !maps.length) {
          throw new GradCamError('model', `${result.warnings.find(({ name }) => name === 'no-classes')?.text ?? 'The model gives no classes.'} ` +
            'Without classes there is no heatmap to draw: leave out -o.');
        }
        mapped ||= maps.length > 0;
        const { overlay, grid } = pathsOf(image, maps);
        if (overlay) await write(overlay, await maps[0].toPNG(style));
        if (grid) await write(grid, await cam.grid(maps, style));
        if (bundle !== undefined) {
          const { writeBundle } = await import('./bundle.js');
          await writeBundle(bundlePath(bundle, image, images), image === STANDARD ? picture : image, result, cam, options);
        }
        const report = result.report({ file: image, raw: options.raw, boxes: options.boxes });
        if (jsonl === STANDARD) await writeOut(`${JSON.stringify(report)}\n`);
        else reports.push(report);
        if (printed) print(cam, image, result, [overlay, grid].filter(Boolean));
        const more = result.warnings.filter(({ name }) => !printed || ![GUESS, UNFAMILIAR].includes(name));
        if (!quiet) for (const { text, remedy } of more) warn(`${image}: ${tools.withRemedy(text, remedy, 'cli')}`);
      } catch (error) {
        if (error.remedy === 'layer') throw error;
        // One bad picture among many does not take the others with it; a full disk does.
        if (images.length === 1 || error.final) throw error;
        process.stderr.write(`gradcam: ${image}: ${wordsOf(error)}\n`);
        failed += 1;
      }
    }
    if (json !== undefined) await writeJson(json, images.length === 1 ? reports[0] : reports);
    if (jsonl !== undefined && jsonl !== STANDARD) await write(jsonl, reports.map((report) => `${JSON.stringify(report)}\n`).join(''));
    if (failed) throw new GradCamError('image', `${failed} of ${images.length} pictures failed.`);
    if (printed && mapped && [output, json, jsonl, bundle].every((path) => path === undefined)) {
      process.stderr.write(`gradcam: no picture was written; the heatmap is drawn with ${images.length > 1 ? '-o DIR/' : `-o ${stemOf(images[0])}-gradcam.png`}\n`);
    }
  });
}

async function explainOne(cam, image, options) {
  const { top, method, layer, score, preset, output, quiet } = options;
  const bar = progressBar({ quiet, format: (steps) => `${steps} steps` });
  try {
    return await cam.explain(image, { top, classes: targetsOf(options), method, layer, score, preset,
      mapInput: options['map-input'], options: Object.fromEntries(options.option ?? []),
      picture: output !== undefined || options.bundle !== undefined, onProgress: bar.update });
  } finally {
    bar.done();
  }
}

/** The warnings that the first line of an answer has: its preprocessing is a guess; it is one of nothing known. */
const GUESS = 'preprocessing-guessed';
const UNFAMILIAR = 'unfamiliar';

function print(cam, image, result, paths) {
  const { picture, predictions, method, layer, score, preprocess } = result;
  const [guess, unfamiliar] = [GUESS, UNFAMILIAR].map((wanted) => result.warnings.find(({ name }) => name === wanted));
  const asked = predictions.length ? `${cam.model.name}, ${method} of the ${score} at ${layer}` : cam.model.name;
  say(`${image}  ${picture.width}x${picture.height}  ${asked}${guess
    ? `; preprocessing ${preprocess.mode} is a guess. ${tools.remedyWords(guess.remedy, 'cli')}` : ''}${unfamiliar ? `; ${unfamiliar.text}` : ''}`);
  if (!predictions.length) return;
  const rows = predictions.map(({ id, name, group, probability, score: value }) => (
    [String(id), name, probability === null ? '' : `${(100 * probability).toFixed(1)} %`,
      Math.abs(value) < 1e9 ? value.toFixed(2) : value.toExponential(2), group]));
  const width = (column) => Math.max(...rows.map((row) => row[column].length));
  const [ids, names, percents, values] = [0, 1, 2, 3].map(width);
  for (const [id, name, percent, value, group] of rows) {
    say([`  ${id.padStart(ids)}`, name.padEnd(names), ...(percents ? [percent.padStart(percents)] : []), value.padStart(values), ...(group === undefined ? [] : [group])].join('  '));
  }
  for (const path of paths) say(`  ${path}`);
}

/* ---- layers, models ---------------------------------------------------------------------------- */

async function layers(options, positionals) {
  if (positionals.length) throw new CommandLineError('layers takes no pictures; name a model: --model M.');
  await withModel({ preprocess: 'none', ...options }, async (cam) => {
    const list = cam.layers();
    if (options.json !== undefined) {
      await writeJson(options.json, { model: cam.model.name, default: cam.defaultLayer, layers: list });
      if (options.json === '-') return;
    }
    const size = ({ height, width, channels, tokens }) => (
      `${tokens ? 'tokens ' : ''}${height}x${width}x${channels}`);
    const columns = ['name', 'node', 'op'].map((key) => (
      Math.max(...list.map((layer) => layer[key].length))));
    for (const layer of list) {
      const [name, node, op] = ['name', 'node', 'op'].map((key, i) => layer[key].padEnd(columns[i]));
      say(`${layer.default ? '*' : ' '} ${name}  ${node}  ${op}  ${size(layer)}`);
    }
    if (!options.quiet) say(`\n${list.length} layers: tensor, node, operator, height x width x channels. * default`);
  });
}

async function methods(options, positionals) {
  if (positionals.length) throw new CommandLineError('methods takes no pictures.');
  await withModel({ preprocess: 'none', ...options }, async (cam) => {
    const [list, settings] = [cam.methods(), cam.options()];
    if (options.json !== undefined) {
      await writeJson(options.json, { methods: list, options: settings });
      if (options.json === '-') return;
    }
    const width = (rows, key) => Math.max(...rows.map((row) => String(row[key]).length));
    const [names, titles, keys, values] = [width(list, 'name'), width(list, 'title'),
      width(settings, 'name'), width(settings, 'default')];
    for (const { name, title, paper } of list) {
      say(`${name.padEnd(names)}  ${title.padEnd(titles)}  ${paper}`);
    }
    say('\nOptions, with what they are where nothing is said:');
    for (const { name, default: value, text } of settings) {
      say(`${name.padEnd(keys)}  ${String(value).padStart(values)}  ${text}`);
    }
  });
}

async function models(options, positionals) {
  if (positionals.length) throw new CommandLineError('models takes no names.');
  const list = await listModels((error) => warn(wordsOf(error)));
  if (options.json !== undefined) {
    await writeJson(options.json, list);
    if (options.json === '-') return;
  }
  const width = (key) => Math.max(...list.map((model) => String(model[key]).length));
  const [names, titles] = ['name', 'title'].map(width);
  for (const { name, title, state, bytes } of list) {
    const size = bytes ? `, ${(bytes / 1e6).toFixed(0)} MB` : '';
    const words = { bundled: 'ready (in the package)', fetched: 'ready (fetched)',
      available: `to be fetched${size}: ${PROGRAM} fetch ${name}` }[state];
    say(`${name.padEnd(names)}  ${title.padEnd(titles)}  ${words}`);
  }
}

/** The list in lines of a terminal's width. */
function sayList(title, names) {
  say(`${title} (${names.length}):`);
  let line = ' ';
  for (const name of names) {
    if (line.length + name.length > 96) {
      say(line);
      line = ' ';
    }
    line += ` ${name}`;
  }
  say(`${line}\n`);
}

async function operators(options, positionals) {
  if (positionals.length) throw new CommandLineError('operators takes no pictures.');
  const { LAYER_NAMES, OPERATOR_NAMES } = await import('../../models/index.js');
  await withModel({ ...options, model: 'pocket' }, async (cam) => {
    const list = cam.operators();
    const keras = { layers: [...LAYER_NAMES].sort(), operators: [...OPERATOR_NAMES].sort() };
    if (options.json !== undefined) {
      await writeJson(options.json, { onnx: list, keras });
      if (options.json === '-') return;
    }
    sayList('ONNX operators', list.filter(({ constant }) => !constant).map(({ name }) => name));
    sayList('ONNX operators whose inputs are all constants', list.filter(({ constant }) => constant).map(({ name }) => name));
    sayList('Keras layers', keras.layers);
    sayList('Keras operators', keras.operators);
  });
}

/* ---- fetch, convert ---------------------------------------------------------------------------- */

/** Runs `use(onProgress)` with a progress bar. */
async function withProgress(options, use) {
  const bar = progressBar(options);
  try {
    return await use(bar.update);
  } finally {
    bar.done();
  }
}

async function fetchModel({ weights, mirror, quiet, force }, names) {
  if (names.length !== 1) throw new CommandLineError(`Name one model: ${PROGRAM} fetch NAME.`);
  const { fetchModel: fetchOne } = await import('../../models/fetch.js');
  const { folder, cached } = await withProgress({ quiet }, (onProgress) => fetchOne(names[0],
    { cacheDir: cachedModels(), mirror, weights, force, onProgress })).catch(async (error) => {
    const offered = error.code !== 'argument' || (await listModels()).some(({ name }) => name === names[0]);
    throw offered ? error : new CommandLineError(wordsOf(error), { cause: error });
  });
  if (!quiet) say(`${names[0]} ${cached ? 'was there already' : 'is ready'}: ${folder}`);
}

/** A network without weights. @param {string} path */
async function readConfig(path) {
  const text = await readFile(path, 'utf8').catch((cause) => {
    throw new GradCamError('file', `${path} cannot be read: ${cause.code === 'ENOENT' ? 'there is no such file' : whyNot(cause)}.`, { cause });
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new GradCamError('file', `${path} is not JSON: ${cause.message}.`, { cause });
  }
}

async function convert({ arch, config, head, 'input-size': inputSize, 'fake-quantize': fakeQuantize, output, weights, quiet }, files) {
  if (files.length !== 1) throw new CommandLineError(`Name one model, a file or a folder: ${PROGRAM} convert FILE -o DIR.`);
  if (output === undefined) throw new CommandLineError('Say where to: -o DIR.');
  const { convert: convertFile, folderSink } = await import('../../models/index.js');
  const { card, output: folder } = await withProgress({ quiet }, async (onProgress) => convertFile(
    { source: files[0], arch, weights, head, inputSize, fakeQuantize, out: await folderSink(output), onProgress,
      config: config && await readConfig(config) }));
  for (const { text, remedy } of quiet ? [] : card.warnings ?? []) warn(tools.withRemedy(text, remedy, 'cli'));
  if (!quiet) say(`${card.name} is ready: ${PROGRAM} IMAGE --model ${join(folder, card.file)}`);
}
