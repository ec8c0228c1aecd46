/**
 * Reads the command line: options are known to one table each, wrong ones are named and hinted at.
 */
import { parseArgs } from 'node:util';
import { refusal } from '../../models/detect.js';
import { MODE_NAMES, parseFit, parsePreprocess } from '../../models/modes.js';
import { PRESETS, tools } from '../node.js';

const { CHOICES, MOST_THREADS, nearMisses } = tools;

/** Wrong usage: exit 2. */
export class CommandLineError extends Error {}

const wrong = (message) => {
  throw new CommandLineError(`${message}\nTry: gradcam --help`);
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
    wrong(`${option} is "${value}", but must be like samples=500. \`gradcam methods\` lists them.`);
  }
  return [name, Number(amount)];
};

const text = (value, option) => (value === '' ? wrong(`${option} is empty.`) : value);
const flag = null;

const COMMON = { help: flag, version: flag, quiet: flag };
const MODEL = {
  model: text,
  arch: text,
  weights: oneOf(...CHOICES.weights),
  config: text,
  head: text,
  activation: oneOf(...CHOICES.activation),
  'input-size': size,
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
    json: text,
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
  replay: { ...COMMON, model: text },
  layers: { ...COMMON, ...MODEL, json: text },
  methods: { ...COMMON, ...MODEL, json: text },
  models: { ...COMMON, json: text },
  operators: { ...COMMON, json: text },
  fetch: { ...COMMON, weights: oneOf(...CHOICES.weights), mirror: text, force: flag },
  convert: { ...COMMON, arch: text, config: text, head: text, 'input-size': size, output: text, weights: oneOf(...CHOICES.weights) },
};

const REPEATED = new Set(['class', 'against', 'option', 'pool']);
const SHORT = { output: 'o', help: 'h', version: 'V', quiet: 'q' };

/**
 * @param {string[]} args
 * @returns {{command: string, options: Record<string, any>, positionals: string[]}}
 */
export function readCommandLine(args) {
  // A picture that is called like a command is given as ./layers.
  const command = Object.hasOwn(COMMANDS, args[0] ?? '') ? args[0] : 'explain';
  const table = COMMANDS[command];
  const config = Object.fromEntries(Object.entries(table).map(([name, check]) => [name, {
    type: /** @type {'string' | 'boolean'} */ (check === flag ? 'boolean' : 'string'),
    multiple: REPEATED.has(name),
    ...(SHORT[name] ? { short: SHORT[name] } : {}),
  }]));
  let parsed;
  try {
    parsed = parseArgs({
      args: joinDashes(command === args[0] ? args.slice(1) : args),
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
  if (options.sum && !options.class) wrong('--sum needs the classes to add: --class A --class B.');
  return { command, options, positionals: parsed.positionals };
}

/** The options that say what a model is, as GradCam.load() takes them. */
export function loadOptions({ preprocess: how, resize, fit: shape, labels, head, activation, 'input-size': inputSize, grid: tokens, config,
  threads = 'auto', variant, arch, weights }) {
  return { preprocess: how, resize, fit: shape, labels, head, activation, inputSize, grid: tokens, config, threads, variant, arch, weights };
}

/** The names of these options, without those that a machine sets. */
export const LOADING = ['preprocess', 'resize', 'fit', 'labels', 'head', 'activation', 'input-size', 'grid', 'config', 'arch', 'weights'];

/** An error in the words of the command line. @returns {string} */
export function wordsOf(error) {
  const { refused, reason = error.message, remedy } = error;
  const sentence = refused ? refusal(refused.found, { name: refused.name, wanted: refused.wanted, place: 'cli' }) : reason;
  return tools.withRemedy(sentence, remedy, 'cli');
}

/** What only a loaded model can say to be wrong usage. */
export function known(value, names, option) {
  if (value === undefined || names.includes(value)) return;
  wrong(`${option} is "${value}", but must be one of ${names.join(', ')}.`);
}

export function checkMethod(cam, { method, option = [] }) {
  known(method, cam.methods().map(({ name }) => name), '--method');
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

/** `--json -`: parseArgs takes a lone dash for no value. */
function joinDashes(args) {
  const out = [];
  for (const arg of args) {
    if (arg === '-' && out.at(-1) === '--json') out.push(`${out.pop()}=-`);
    else out.push(arg);
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

export const USAGE = `gradcam: what a network sees in a picture, and where it looks.

  gradcam [explain] IMAGE... [options]
                                       predictions and heatmaps
  gradcam evaluate FOLDER [-o DIR]     how far the maps of a method can be trusted, over many photos;
                                       goes on where it was interrupted
  gradcam replay DIR [--model FILE]    makes a bundle again, and compares it bit for bit
  gradcam layers --model M             the layers a map can be asked for
  gradcam methods                      the methods and their options
  gradcam models                       the models known by name
  gradcam operators                    the ONNX operators and Keras layers that are known
  gradcam fetch NAME [--mirror FOLDER|URL] [--weights f32|f16|int8] [--force]
                                       downloads one; --mirror: the official file lies there
  gradcam convert FILE [--arch A | --config FILE] -o DIR [--weights f32|f16|int8]
                                       [--head H] [--input-size HxW]

Model
  --model NAME|FILE|FOLDER|URL
                          a name (default: pocket); a file: ONNX, Keras, TensorFlow.js, TensorFlow
                          Lite, Teachable Machine ZIP; the folder
                          of a model, labels beside it
  --labels FILE|imagenet  names of the classes: text, JSON or CSV (default: what lies beside the model)
  --preprocess P          ${MODE_NAMES.join(', ')}, or a list: order rgb, bgr or grey, then mean
                          and std on the 0..255 scale: bgr,mean=104/117/123,std=1/1/1 (default: what
                          the model tells; else a guess, and the first line says so)
  --fit F                 picture to input: stretch (default), crop (the centred part; crop:0.875 as
                          torchvision's 224/256) or pad
  --resize R              and how: ${CHOICES.resize.join(', ')}
  --input-size HxW        height and width of the input, where the file leaves them open
  --grid HxW[+N]          how a transformer's tokens lie on the picture, N before them (default: found)
  --head NAME|INDEX       the output asked about (default: the one most like class scores)
  --activation A          what makes probabilities of it: softmax, sigmoid (classes that do not exclude
                          each other), none (values)
  --arch A                of a Keras file that holds weights alone: vgg16, xception, ...
  --config FILE           or its network, as to_json() writes it
  --weights f32|f16|int8  how the weights of a Keras file are held (default f32)
  --threads N             default: as many as help
  --variant simd|relaxed  WebAssembly without or with fused multiply-add; default: with, where it runs
Explanation
  --top N                 predictions, and maps for them (default 5)
  --class ID|NAME         a map for this class instead; may be repeated
  --against ID|NAME       what speaks for the class and not for this one; may be repeated
  --sum                   one map for the sum of the --class, not one for each
  --layer NAME            an ONNX node or tensor, or a Keras layer (default: the last before the
                          head); several with commas are fused
  --method M              default gradcam; the others: gradcam methods
  --option NAME=VALUE     of the method: samples=500, smooth=20; may be repeated
  --score S               gradient of: logit (default) or softmax
  --preset P              as others do it: ${Object.keys(PRESETS).join(', ')}
  --map-input I           maps from the preprocessed picture, or from the raw one, as post-2020 has
                          them: preprocessed, raw
Output
  -o, --output FILE.png   one map: laid over the picture; several: a grid with the picture.
                          A folder (-o DIR/): both, for each picture
  --json FILE|-           everything as JSON; - is standard output
  --raw                   in the JSON, maps before ReLU and division by their maximum
  --boxes T               in the JSON, boxes around what is above T of the maximum (the paper: 0.15),
                          in pixels of the picture, the largest first
  --bundle DIR            evidence: raw maps (.npy), overlays, predictions, masks, and a manifest with
                          digests and every setting, for gradcam replay
  --colormap C            jet (default), turbo, viridis, inferno, gray, ...
  --alpha A               weight of the heat, 0..1 (default 0.4)
Evaluation: --model, --method, --option, --layer, --score as above, and
  --boxes FILE.csv        boxes of objects, for the pointing game: file,class,xmin,ymin,xmax,ymax
  --pool CLASS=IDS        the network's classes for a class of the boxes: cat=281-285; may be repeated
  --steps N               points of the deletion and insertion curves (default 10)
  --sanity N              photos for the randomisation check (default 2; 0: none)
  --limit N               only the first N photos
  --force                 begin anew
Always
  -q, --quiet             errors only
  -h, --help              this text
  -V, --version           version

Exit: 0 done, 1 the work failed, 2 wrong usage.
`;
