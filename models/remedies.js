/**
 * What to do, in the words of the place where it is read: on the command line, on the page, in a program.
 * Messages of models/ speak of none of them; who shows a message adds the sentence of its remedy.
 */
const REMEDIES = {
  preprocess: {
    cli: 'Say what the network expects: --preprocess torch, tf, caffe, unit or none.',
    page: 'Under Model, "Compare its answers" shows which is right.',
    api: "Say what the network expects with the option preprocess: 'torch', 'tf', 'caffe', 'unit' or 'none'.",
  },
  name: {
    cli: '`npx gradcam-wasm models` lists the names; a file is given as a path: --model ./net.onnx.',
    page: 'Choose one from the list, or open a file.',
    api: '`npx gradcam-wasm models` lists the names; a file is given as a path, like ./net.onnx.',
  },
  head: {
    cli: 'Choose another with --head NAME.',
    page: 'Under Model, "Output" offers the others.',
    api: 'Choose another with the option head.',
  },
  layer: {
    cli: '`npx gradcam-wasm layers` lists them.',
    page: 'Choose one from the list.',
    api: 'layers() lists them.',
  },
  operators: {
    cli: '`npx gradcam-wasm operators` lists those that are.',
    page: 'The guide lists those that are.',
    api: 'operators() lists those that are.',
  },
  inputSize: {
    cli: 'Say the size: --input-size 224x224.',
    page: 'Type the height and the width of its pictures.',
    api: 'Say the size with the option inputSize: [height, width].',
  },
  config: {
    cli: 'Give the network\'s to_json() text: --config FILE.',
    page: 'Drop it together with the JSON file of its network.',
    api: 'Give the network\'s to_json() text with the option config.',
  },
  arch: {
    cli: 'Say the network: --arch vgg16.',
    page: 'Choose the network it belongs to.',
    api: "Say the network with the option arch: 'vgg16'.",
  },
  threads: {
    cli: 'Ask for one thread: --threads 1.',
    page: 'Ask for one thread: the option threads: 1.',
    api: 'Ask for one thread: the option threads: 1.',
  },
  labels: {
    cli: 'Give the right list: --labels FILE.',
    page: 'Drop the right list of labels beside the model.',
    api: 'Give the right list with the option labels.',
  },
};

/**
 * @param {string | undefined} remedy  of a ModelError, a warning, a PictureMeaning
 * @param {'cli' | 'page' | 'api'} place
 * @returns {string}  a sentence; empty where there is nothing to say
 */
export const remedyWords = (remedy, place) => REMEDIES[remedy ?? '']?.[place] ?? '';

/** Sentences hold files' own words: with what to do they are no longer than this. */
const LONGEST = 300;

/**
 * A sentence and what to do about it.
 * @param {string} text
 * @param {string | undefined} remedy
 * @param {'cli' | 'page' | 'api'} place
 */
export function withRemedy(text, remedy, place) {
  const words = remedyWords(remedy, place);
  const room = LONGEST - (words ? words.length + 1 : 0);
  const sentence = text.length > room ? `${text.slice(0, room - 1)}…` : text;
  return words ? `${sentence}${/[.!?…]$/.test(sentence) ? '' : '.'} ${words}` : text;
}

export const REMEDY_NAMES = Object.keys(REMEDIES);
