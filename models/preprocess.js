/**
 * What a network's input means: Keras's preprocessing modes on the 0..255 scale, per channel in the
 * order named, input = (value - mean) / std.
 */

export const MODES = {
  caffe: { order: 'bgr', mean: [103.939, 116.779, 123.68], std: [1, 1, 1] },
  tf: { order: 'rgb', mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
  torch: { order: 'rgb', mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
  none: { order: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] },
  unit: { order: 'rgb', mean: [0, 0, 0], std: [255, 255, 255] },
};

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
