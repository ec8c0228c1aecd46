/**
 * What is told about a model that has been loaded: sizes, classes, layers, and how a picture is prepared.
 */
import { completePreprocess, guessPreprocess } from '../../models/modes.js';
import { completeLabels } from '../base/labels.js';
import { readJson } from '../files/files.js';

/**
 * @param {import('./wasm.js').Model} model
 * @param {any} card
 * @param {import('../files/sources.js').ModelSource} source
 * @param {import('./protocol.js').LoadArgs} args
 * @param {{host: import('./host-browser.js').Host, imagenet: string, signal: AbortSignal}} where
 * @returns {Promise<any>}  of ModelInfo, what concerns the model
 */
export async function describeModel(model, card, source, args, where) {
  const name = card.name ?? source.name;
  const { height, width, channels } = imageInput(model.shape(model.inputName()));
  const layers = model.layers();
  const main = card.layer ? model.findLayer(card.layer) : model.defaultLayer;
  if (main >= 0) layers[main].default = true;
  const { preprocess, warnings } = channels ? preprocessOf(args, card, name, channels) : { preprocess: null, warnings: [] };
  return {
    name,
    input: [height, width],
    channels,
    classes: model.classCount,
    labels: await readLabels(args.labels ?? card.labels, model.classCount, where),
    layers,
    defaultLayer: card.layer ?? layers[main]?.name ?? null,
    preprocess,
    warnings,
  };
}

/** What the caller says, else the card, else a guess that is owned up to. */
function preprocessOf(args, card, name, channels) {
  const given = args.preprocess ?? card.input;
  const assumed = !args.preprocess && card.input?.assumed;
  const guess = guessPreprocess(channels);
  const preprocess = completePreprocess(given ?? guess, channels, args.resize);
  if (given && !assumed) return { preprocess, warnings: [] };
  return { preprocess, warnings: [{ name: 'preprocessing-guessed', text: `No preprocessing is known for ` +
    `${name}; "${assumed ? '0..1' : guess}" was taken. Say what the network expects ` +
    'with --preprocess or the option preprocess.' }] };
}

async function readLabels(labels, classes, { host, imagenet, signal }) {
  const wanted = labels ?? (classes === 1000 ? 'imagenet' : undefined);
  if (Array.isArray(wanted) || wanted === undefined) return completeLabels(wanted, classes);
  const spec = wanted === 'imagenet' ? imagenet : wanted;
  const list = await readJson(await host.open(spec, signal), signal);
  const names = (list.classes ?? list).map((row) => (Array.isArray(row) ? row.at(-1) : row));
  return completeLabels(names, classes);
}

/** Height, width and channels of an input in ONNX order: N,C,H,W or, from TensorFlow, N,H,W,C. */
function imageInput(shape) {
  const [, a, b, c] = shape ?? [];
  if (shape?.length !== 4) return { height: 0, width: 0, channels: 0 };
  if (a > 4 && c <= 4) return { height: a, width: b, channels: c };
  return { height: b, width: c, channels: a };
}
