/**
 * The texts of `gradcam help`: each option once, each command with those it takes.
 */
import { MODE_NAMES } from '../../models/modes.js';
import { PRESETS, tools } from '../node.js';

const { CHOICES } = tools;

/** Nobody owns the short name: this is how it is called without being installed. */
export const PROGRAM = 'npx gradcam-wasm';

/** name -> [how it is written, what it says]. */
const OPTIONS = {
  model: ['--model NAME|FILE|FOLDER|URL', `a name (default: pocket); a file: ONNX, Keras, TensorFlow.js, TensorFlow
Lite, Teachable Machine ZIP; the folder of a model, labels beside it; hf:ORG/NAME`],
  labels: ['--labels FILE|imagenet', 'names of the classes: text, JSON or CSV (default: what lies beside the model)'],
  preprocess: ['--preprocess P', `${MODE_NAMES.join(', ')}, or a list: order rgb, bgr or grey, then mean
and std on the 0..255 scale: bgr,mean=104/117/123,std=1/1/1 (default: what
the model tells; else a guess, and the first line says so)`],
  fit: ['--fit F', `picture to input: stretch (default), crop (the centred part; crop:0.875 as
torchvision's 224/256) or pad`],
  resize: ['--resize R', `and how: ${CHOICES.resize.join(', ')}`],
  'input-size': ['--input-size HxW', 'height and width of the input, where the file leaves them open'],
  grid: ['--grid HxW[+N]', "how a transformer's tokens lie on the picture, N before them (default: found)"],
  head: ['--head NAME|INDEX', 'the output asked about (default: the one most like class scores)'],
  activation: ['--activation A', `what makes probabilities of it: softmax, sigmoid (classes that do not exclude
each other), none (values)`],
  arch: ['--arch A', 'of a Keras file that holds weights alone: vgg16, xception, ...'],
  config: ['--config FILE', 'or its network, as to_json() writes it'],
  weights: ['--weights f32|f16|int8', 'how the weights of a Keras file are held (default f32)'],
  'fake-quantize': ['--fake-quantize', "TensorFlow Lite's integers: activations rounded as the file keeps them"],
  threads: ['--threads N', 'default: as many as help'],
  variant: ['--variant simd|relaxed', 'WebAssembly without or with fused multiply-add; default: with, where it runs'],
  top: ['--top N', 'predictions, and maps for them (default 5)'],
  class: ['--class ID|NAME', 'a map for this class instead; may be repeated'],
  against: ['--against ID|NAME', 'what speaks for the class and not for this one; may be repeated'],
  sum: ['--sum', 'one map for the sum of the --class, not one for each'],
  layer: ['--layer NAME', `an ONNX node or tensor, or a Keras layer (default: the last before the
head); several with commas are fused; the others: ${PROGRAM} layers`],
  method: ['--method M', `default gradcam; the others: ${PROGRAM} methods`],
  option: ['--option NAME=VALUE', 'of the method: samples=500, smooth=20; may be repeated'],
  score: ['--score S', 'gradient of: logit (default) or softmax'],
  preset: ['--preset P', `as others do it: ${Object.keys(PRESETS).join(', ')}`],
  'map-input': ['--map-input I', `maps from the preprocessed picture, or from the raw one, as post-2020 has
them: preprocessed, raw`],
  output: ['-o, --output FILE.png', `one map: laid over the picture; several: a grid with the picture.
A folder (-o DIR/): both, for each picture; - is standard output. Without it
no picture is written`],
  json: ['--json FILE|-', 'everything as JSON; - is standard output. Several pictures: an array'],
  jsonl: ['--jsonl FILE|-', 'the same, a line for each picture'],
  raw: ['--raw', 'in the JSON, maps before ReLU and division by their maximum'],
  boxes: ['--boxes T', `in the JSON, boxes around what is above T of the maximum (the paper: 0.15),
in pixels of the picture, the largest first`],
  bundle: ['--bundle DIR', `evidence: raw maps (.npy), overlays, predictions, masks, and a manifest with
digests and every setting, for ${PROGRAM} replay`],
  colormap: ['--colormap C', 'jet (default), turbo, viridis, inferno, gray, ...'],
  alpha: ['--alpha A', 'weight of the heat, 0..1 (default 0.4)'],
  pool: ['--pool CLASS=IDS', "the network's classes for a class of the boxes: cat=281-285; may be repeated"],
  steps: ['--steps N', 'points of the deletion and insertion curves (default 10)'],
  sanity: ['--sanity N', 'photos for the randomisation check (default 2; 0: none)'],
  limit: ['--limit N', 'only the first N photos'],
  force: ['--force', 'begin anew, whatever is there'],
  mirror: ['--mirror FOLDER|URL', 'the official file lies there'],
  quiet: ['-q, --quiet', 'errors only'],
  help: ['-h, --help', 'this text'],
  version: ['-V, --version', 'version'],
};

/** What a command calls otherwise. */
const OWN = {
  evaluate: {
    boxes: ['--boxes FILE.csv', 'boxes of objects, for the pointing game: file,class,xmin,ymin,xmax,ymax'],
    output: ['-o, --output DIR', 'where the results go (default: evaluation)'],
  },
  replay: { model: ['--model FILE', 'where the model lies now (default: where it lay)'] },
  convert: {
    output: ['-o, --output DIR', 'a folder that is not there yet'],
    weights: ['--weights f32|f16|int8', 'how the weights are written (default f32)'],
  },
  fetch: { weights: ['--weights f32|f16|int8', 'how the weights are written (default f32)'] },
  ...Object.fromEntries(['layers', 'methods', 'models', 'operators'].map((name) => (
    [name, { json: ['--json FILE|-', 'the list as JSON; - is standard output'] }]))),
};

const GROUPS = {
  Model: ['model', 'labels', 'preprocess', 'fit', 'resize', 'input-size', 'grid', 'head', 'activation', 'arch', 'config', 'weights', 'fake-quantize', 'threads',
    'variant'],
  Explanation: ['top', 'class', 'against', 'sum', 'layer', 'method', 'option', 'score', 'preset', 'map-input'],
  Output: ['output', 'json', 'jsonl', 'raw', 'boxes', 'bundle', 'colormap', 'alpha'],
  Evaluation: ['pool', 'steps', 'sanity', 'limit'],
  Download: ['mirror'],
  Always: ['force', 'quiet', 'help', 'version'],
};

/** command -> [what stands behind it, what it does, examples]. */
const TEXTS = {
  explain: ['IMAGE... [options]', 'Predictions and heatmaps. An image is a file, an address, or - for standard input.',
    ['photo.jpg -o heatmap.png', 'photo.jpg --model net.onnx --preprocess torch --class cat --json -', '- -o - < photo.jpg > heatmap.png']],
  evaluate: ['FOLDER [-o DIR] [options]', `How far the maps of a method can be trusted, over many photos: deletion, insertion, ROAD,
randomisation, pointing game. Goes on where it was interrupted.`, ['evaluate photos --method layercam --limit 100']],
  replay: ['DIR [--model FILE]', 'Makes a bundle again, and compares it bit for bit.', ['replay evidence']],
  layers: ['--model M', 'The layers a map can be asked for.', ['layers --model net.onnx']],
  methods: ['', 'The methods and their options.', ['methods']],
  models: ['', 'The models known by name.', ['models']],
  operators: ['', 'The ONNX operators and Keras layers that are known.', ['operators']],
  fetch: ['NAME [options]', 'Downloads a model that is known by name, and converts it.', ['fetch vgg16 --weights f16']],
  convert: ['FILE -o DIR [options]', `A Keras, TensorFlow.js, TensorFlow Lite or Teachable Machine model, once and for all: ONNX, its
weights in shards of 40 MB at most, and a card.`, ['convert model.h5 -o model/', 'convert weights.h5 --arch vgg16 --weights int8 -o vgg16/']],
};

export const EXIT = 'Exit: 0 done, 1 the work failed, 2 wrong usage.\n';

const COLUMN = 26;

function optionLines(names, own = {}) {
  return names.map((name) => {
    const [written, text] = own[name] ?? OPTIONS[name];
    const left = `  ${written}`;
    const head = left.length < COLUMN ? left.padEnd(COLUMN) : `${left}\n${' '.repeat(COLUMN)}`;
    return `${head}${text.replaceAll('\n', `\n${' '.repeat(COLUMN)}`)}\n`;
  }).join('');
}

const groups = (known, own) => Object.entries(GROUPS)
  .map(([title, names]) => [title, names.filter((name) => known.includes(name))])
  .filter(([, names]) => names.length)
  .map(([title, names]) => `${title}\n${optionLines(names, own)}`).join('');

/**
 * @param {string} command
 * @param {string[]} options  that it takes
 */
export function commandHelp(command, options) {
  const [behind, text, examples] = TEXTS[command];
  const called = command === 'explain' ? '[explain]' : command;
  return `${`${PROGRAM} ${called} ${behind}`.trim()}

${text}

${groups(options, OWN[command])}
${examples.map((example) => `  ${PROGRAM} ${example}\n`).join('')}
${EXIT}`;
}

/** @param {string[]} options  of explain, which needs no word */
export const usage = (options) => `gradcam: what a network sees in a picture, and where it looks.

${Object.entries(TEXTS).map(([name, [behind, text]]) => {
    const left = `  ${PROGRAM} ${name === 'explain' ? '[explain]' : name} ${behind.replace(' [options]', '')}`.trimEnd();
    return `${left.length < 55 ? left.padEnd(55) : `${left}\n${' '.repeat(55)}`} ${text.split(/[.:](\s|$)/)[0].replace('\n', ' ')}\n`;
  }).join('')}  ${`${PROGRAM} help COMMAND`.padEnd(53)} The options of one of them

${groups(options)}
${EXIT}`;

export const COMMAND_NAMES = Object.keys(TEXTS);
