/**
 * Reads the command line: options are known to one table each, wrong ones are named and hinted at.
 */
import { parseArgs } from 'node:util';
import { refusal } from '../../models/detect.js';
import { parseFit, parsePreprocess } from '../../models/modes.js';
import { PRESETS, tools } from '../node.js';
import { PROGRAM } from './help.js';

const { CHOICES, MOST_THREADS, nearMisses } = tools;

/** Wrong usage: exit 2. */
export class CommandLineError extends Error {}

const wrong = (message) => {
  throw new CommandLineError(message);
};

const oneOf = (...values) => (value, option) => (values.includes(value) ? value
  : wrong(`${option} is "${value}", but must be one of ${values.join(', ')}.`));

const integer = (low, high) => (value, option) => (
  /^\d+$/.test(value) && Number(value) >= low && Number(value) <= high ? Number(value)
    : wrong(`${option} is "${value}", but must be a whole number from ${low} to ${high}.`));

const number = (low, high) => (value, option) => (
  value.trim() !== '' && Number(value) >= low && Number(value) <= high ? Number(value)
    : wrong(`${option} is "${value}", but must be a number from ${low} to ${high}.`));

const preprocess = (value, option) => {
  try {
    parsePreprocess(value);
  } catch (error) {
    wrong(`${option}: ${error.message.replace('Preprocessing: ', '')}`);
  }
  return value;
};

const fit = (value, option) => {
  try {
    parseFit(value);
  } catch {
    wrong(`${option} is "${value}", but must be one of ${CHOICES.fit.join(', ')}, or crop with its ratio: crop:0.875.`);
  }
  return value;
};

/** Height first, as the model has them; one number is both. */
const size = (value, option) => {
  const [, height, width = height] = /^(\d{1,5})(?:x(\d{1,5}))?$/i.exec(value) ?? [];
  return Number(height) >= 1 && Number(width) >= 1 ? [Number(height), Number(width)]
    : wrong(`${option} is "${value}", but must be height and width, like 224x224.`);
};

/** How tokens lie on the picture: 14x14, or 14x14+1 with one before them. */
const grid = (value, option) => {
  const [, height, width, before = 0] = /^(\d{1,4})x(\d{1,4})(?:\+(\d{1,4}))?$/i.exec(value) ?? [];
  return Number(height) >= 1 && Number(width) >= 1 ? [Number(height), Number(width), Number(before)]
    : wrong(`${option} is "${value}", but must be rows and columns of tokens, like 14x14, or 14x14+1 with one before them.`);
};

const setting = (value, option) => {
  const [, name, amount] = /^(\w+)=(.+)$/.exec(value) ?? [];
  if (name === undefined || !Number.isFinite(Number(amount))) {
    wrong(`${option} is "${value}", but must be like samples=500. \`${PROGRAM} methods\` lists them.`);
  }
  return [name, Number(amount)];
};

const text = (value, option) => (value === '' ? wrong(`${option} is empty.`) : value);

/** Where numbers are written: not over a picture whose name was meant as one to explain. */
const file = (value, option) => (!/\.(jpe?g|png|gif|bmp|webp)$/i.test(text(value, option)) ? value
  : wrong(`${option} is "${value}", a picture's name, but must be a file to write, or - for standard output.`));

const modelName = (value, option) => (value !== '-' ? text(value, option)
  : wrong(`${option} is "-", but only pictures come by standard input: give the model's file.`));

const flag = null;

const COMMON = { help: flag, version: flag, quiet: flag };
const MODEL = {
  model: modelName,
  arch: text,
  weights: oneOf(...CHOICES.weights),
  config: text,
  head: text,
  activation: oneOf(...CHOICES.activation),
  'input-size': size,
  'fake-quantize': flag,
  grid,
  labels: text,
  threads: (value, option) => (value === 'auto' ? value : integer(1, MOST_THREADS)(value, option)),
  variant: oneOf(...CHOICES.variant),
};

/** Options of each command: name -> check, or flag. */
export const COMMANDS = {
  explain: {
    ...COMMON,
    ...MODEL,
    top: integer(1, 1000000),
    class: text,
    against: text,
    sum: flag,
    method: text,
    option: setting,
    layer: text,
    score: oneOf(...CHOICES.score),
    preset: oneOf(...Object.keys(PRESETS)),
    'map-input': oneOf(...CHOICES.mapInput),
    resize: oneOf(...CHOICES.resize),
    fit,
    preprocess,
    colormap: text,
    alpha: number(0, 1),
    output: text,
    json: file,
    jsonl: file,
    raw: flag,
    boxes: number(0, 0.99),
    bundle: text,
  },
  evaluate: {
    ...COMMON,
    ...MODEL,
    method: text,
    option: setting,
    layer: text,
    score: oneOf(...CHOICES.score),
    resize: oneOf(...CHOICES.resize),
    fit,
    preprocess,
    boxes: text,
    pool: text,
    steps: integer(1, 1000),
    sanity: integer(0, 1000),
    limit: integer(1, 1000000),
    output: text,
    force: flag,
  },
  replay: { ...COMMON, model: modelName },
  layers: { ...COMMON, ...MODEL, json: file },
  methods: { ...COMMON, ...MODEL, json: file },
  models: { ...COMMON, json: file },
  operators: { ...COMMON, json: file },
  fetch: { ...COMMON, weights: oneOf(...CHOICES.weights), mirror: text, force: flag },
  help: { ...COMMON },
  convert: { ...COMMON, arch: text, config: text, head: text, 'input-size': size, 'fake-quantize': flag, output: text, weights: oneOf(...CHOICES.weights) },
};

const REPEATED = new Set(['class', 'against', 'option', 'pool']);
const SHORT = { output: 'o', help: 'h', version: 'V', quiet: 'q' };

/**
 * @param {string[]} args
 * @returns {{command: string, said: boolean, options: Record<string, any>, positionals: string[]}}  said: the
 *   command's word stood there
 */
export function readCommandLine(args) {
  // A picture that is called like a command is given as ./layers.
  const command = Object.hasOwn(COMMANDS, args[0] ?? '') ? args[0] : 'explain';
  const said = command === args[0];
  const rest = said ? args.slice(1) : args;
  const end = rest.includes('--') ? rest.indexOf('--') : rest.length;
  // Whoever asks for help may have the rest wrong.
  if (rest.slice(0, end).some((arg) => arg === '--help' || arg === '-h')) return { command, said, options: { help: true }, positionals: [] };
  try {
    return { command, said, ...readOptions(rest, COMMANDS[command]) };
  } catch (error) {
    throw Object.assign(error, { command });
  }
}

/** The names of a command's options. */
export const optionNames = (command) => Object.keys(COMMANDS[command]);

function readOptions(args, table) {
  const config = Object.fromEntries(Object.entries(table).map(([name, check]) => [name, {
    type: /** @type {'string' | 'boolean'} */ (check === flag ? 'boolean' : 'string'),
    multiple: REPEATED.has(name),
    ...(SHORT[name] ? { short: SHORT[name] } : {}),
  }]));
  let parsed;
  try {
    parsed = parseArgs({
      args: joinDashes(args, table),
      options: config,
      allowPositionals: true,
    });
  } catch (error) {
    wrong(explainMistake(error, table));
  }
  const options = {};
  for (const [name, value] of Object.entries(parsed.values)) {
    const check = table[name];
    const option = SHORT[name] && name === 'output' ? '-o' : `--${name}`;
    if (check === flag) options[name] = value;
    else if (REPEATED.has(name)) options[name] = value.map((one) => check(one, option));
    else options[name] = check(value, option);
  }
  if (options.json && options.jsonl) wrong('--json and --jsonl say the same: give one of them.');
  if (options.output === '-' && [options.json, options.jsonl].includes('-')) wrong('Standard output takes one: -o - or JSON.');
  if (options.sum && !options.class) wrong('--sum needs the classes to add: --class A --class B.');
  return { options, positionals: parsed.positionals };
}

/** The options that say what a model is, as GradCam.load() takes them. */
export function loadOptions({ preprocess: how, resize, fit: shape, labels, head, activation, 'input-size': inputSize, grid: tokens, config,
  'fake-quantize': fakeQuantize, threads = 'auto', variant, arch, weights }) {
  return { preprocess: how, resize, fit: shape, labels, head, activation, inputSize, grid: tokens, config, threads, variant, arch, weights,
    fakeQuantize };
}

/** The names of these options, without those that a machine sets. */
export const LOADING = ['preprocess', 'resize', 'fit', 'labels', 'head', 'activation', 'input-size', 'grid', 'config', 'arch', 'weights', 'fake-quantize'];

/** An error in the words of the command line. @returns {string} */
export function wordsOf(error) {
  const { refused, reason = error.message, remedy } = error;
  const sentence = refused ? refusal(refused.found, { name: refused.name, wanted: refused.wanted, place: 'cli' }) : reason;
  return tools.withRemedy(sentence, remedy, 'cli');
}

/** What only a loaded model can say to be wrong usage. */
export function known(value, names, option) {
  if (value === undefined || names.includes(value)) return;
  const [near] = nearMisses(value, names, 1);
  wrong(`${option} is "${value}", but must be one of ${names.join(', ')}.${near ? ` Did you mean ${near}?` : ''}`);
}

/** As people write names: without case, dashes and spaces. */
const bare = (name) => name.toLowerCase().replace(/[\s_-]/g, '');

/** What else methods are called, beside their names and titles. */
const ALIASES = { gradcamplusplus: 'gradcam++', guidedbackprop: 'guided', guidedbp: 'guided', gbp: 'guided', vanillagradient: 'gradient',
  saliency: 'gradient', vanilla: 'gradient', inputxgradient: 'gradientxinput', ig: 'integrated', occlusionsensitivity: 'occlusion' };

/**
 * Checks the method and its options; a method's other name becomes its own: guided-backprop, grad-cam++.
 */
export function checkMethod(cam, options) {
  const { method, option = [] } = options;
  const list = cam.methods();
  if (method !== undefined) {
    const wanted = bare(method);
    options.method = list.find(({ name, title }) => name === method || bare(name) === wanted || bare(title) === wanted)?.name ??
      (Object.hasOwn(ALIASES, wanted) ? ALIASES[wanted] : method);
  }
  known(options.method, list.map(({ name }) => name), '--method');
  for (const [name] of option) known(name, cam.options().map((one) => one.name), '--option');
}

/** Classes that the model has. */
export function checkClasses(cam, { class: plus = [], against = [] }) {
  try {
    for (const name of [...plus, ...against]) cam.findClass(name);
  } catch (error) {
    wrong(wordsOf(error));
  }
}

/**
 * What the maps are of, as explain() takes it: a map for each --class, or with --sum one for all of
 * them; --against is subtracted.
 */
export function targetsOf({ class: plus, against: minus, sum }) {
  if (sum) return [{ plus, minus }];
  if (!minus) return plus;
  return plus ? plus.map((one) => ({ plus: [one], minus })) : [{ minus }];
}

/**
 * A lone dash behind an option that takes a value is this value, which parseArgs denies it. --jsonl alone, or
 * before another option, is --jsonl -.
 */
function joinDashes(args, table) {
  const out = [];
  for (let i = 0; i < args.length; ++i) {
    if (args[i] === '--') return [...out, ...args.slice(i)];
    const name = args[i] === '-o' ? 'output' : /^--([\w-]+)$/.exec(args[i])?.[1];
    const takes = name !== undefined && Object.hasOwn(table, name) && table[name] !== flag;
    const next = args[i + 1];
    if (takes && next === '-') {
      out.push(`--${name}=-`);
      i += 1;
    } else if (takes && name === 'jsonl' && (next === undefined || next.startsWith('-'))) out.push('--jsonl=-');
    else out.push(args[i]);
  }
  return out;
}

function explainMistake(error, table) {
  const [, option] = /'(-[^' ]*)/.exec(error.message) ?? [];
  if (error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const near = nearMisses(option.replace(/^-+/, ''), Object.keys(table), 2);
    const hint = near.length ? ` Did you mean ${near.map((name) => `--${name}`).join(' or ')}?` : '';
    return `There is no option ${option} here.${hint}`;
  }
  const [, long] = /--([a-z]+)/.exec(error.message) ?? [];
  if (table[long] === flag) return `--${long} takes no value.`;
  return `--${long ?? option} needs a value.`;
}
