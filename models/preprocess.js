/**
 * What a Keras network's input means, as far as its layers tell.
 */
import { MODES } from './modes.js';

/** A network of the zoo inside a model (transfer learning) tells what the picture should be like. */
const NESTED = [
  [/^(vgg16|vgg19|resnet50|resnet101|resnet152)$/i, 'caffe'],
  [/^(xception|inception_v3|inception_resnet_v2|mobilenet_.*|mobilenetv2_.*|resnet\d+v2)$/i, 'tf'],
  [/^densenet\d+$/i, 'torch'],
  [/^efficientnet/i, 'none'],
];

const SCALES_ITSELF = new Set(['Rescaling', 'Normalization']);

/**
 * The card's `input`, for a model without one of its own: an assumption, and marked as such.
 * @param {[number, number, number]} shape  height, width, channels
 * @param {object | undefined} published  the input of the architecture's card
 * @param {import('./keras/config.js').KerasModel} model
 */
export function describeInput([height, width, channels], published, model) {
  const size = { width, height, channels };
  if (published) return { ...published, ...size };
  const mode = guessMode(model);
  const { order, mean, std } = MODES[mode ?? 'unit'];
  const fit = (values) => Array.from({ length: channels }, (_, i) => values[i % values.length]);
  return {
    ...size,
    order: channels === 1 ? 'grey' : order,
    mean: fit(mean),
    std: fit(std),
    resize: 'bilinear',
    ...(mode ? {} : { assumed: true }),
  };
}

function guessMode(model) {
  const inner = model.layers.filter((layer) => layer.className !== 'InputLayer');
  if (inner.slice(0, 3).some((layer) => SCALES_ITSELF.has(layer.className))) return 'none';
  for (const layer of [{ name: model.name, model }, ...inner]) {
    const known = layer.model && NESTED.find(([pattern]) => pattern.test(layer.name));
    if (known) return known[1];
  }
  return undefined;
}
