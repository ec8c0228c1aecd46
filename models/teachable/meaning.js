/**
 * What Teachable Machine's exports say beside their network: names of classes, the size of the picture,
 * and how it is prepared.
 *
 * Its own programs cut the centred square out of the picture. Its JavaScript divides by 127 and takes 1
 * off (white becomes 1.008), its Keras and TensorFlow Lite code divides by 127.5.
 */
import { ModelError } from '../errors.js';
import { parseLabels } from '../labels.js';
import { parseJson } from '../bundle.js';

const OTHER_KINDS = { pose: 'poses', posenet: 'poses', audio: 'sounds', 'speech-commands': 'sounds' };

/** Poses and sounds are no pictures. */
export function refuseOtherKinds(json, name) {
  const words = `${json?.packageName ?? ''} ${json?.modelSettings?.posenet ? 'posenet' : ''} ${
    json?.wordLabels || json?.tfjsSpeechCommandsVersion ? 'speech-commands' : ''}`;
  const kind = Object.keys(OTHER_KINDS).find((one) => new RegExp(`\\b${one}\\b`).test(words));
  if (!kind) return;
  throw new ModelError('unsupported', `${name.slice(-80)} is a Teachable Machine model of ${OTHER_KINDS[kind]}: it looks at ${
    kind.startsWith('pose') ? 'the joints of a body' : 'spectra of sounds'}, not at a picture. Image projects are read here.`);
}

/**
 * What lies beside a tfjs model: metadata.json.
 * @param {import('../bundle.js').Bundle} bundle
 * @returns {Promise<{labels?: string[], inputSize?: [number, number], input?: object} | undefined>}  undefined: not
 *   Teachable Machine's
 */
export async function teachableOfTfjs(bundle) {
  const bytes = await bundle.read('metadata.json');
  if (!bytes) return undefined;
  const metadata = parseJson(bytes, 'metadata.json');
  refuseOtherKinds(metadata, bundle.name);
  const labels = Array.isArray(metadata?.labels) ? metadata.labels.filter((label) => typeof label === 'string') : undefined;
  if (!metadata?.tmVersion && !/teachablemachine/.test(metadata?.packageName ?? '')) return labels && { labels };
  const size = metadata.imageSize;
  return {
    labels,
    inputSize: Number.isInteger(size) && size > 0 ? [size, size] : undefined,
    input: { mean: 127, std: 127, fit: 'crop' },
  };
}

/**
 * What lies beside a Keras or TensorFlow Lite file: labels.txt.
 * @param {import('../bundle.js').Bundle} bundle
 */
export async function labelsBeside(bundle) {
  for (const name of ['labels.txt', 'labels.json', 'class_names.txt', 'classes.txt']) {
    const bytes = await bundle.read(name);
    const { names } = bytes ? parseLabels(bytes, { file: name }) : { names: [] };
    if (names.length) return { labels: names };
  }
  return {};
}

/** Teachable Machine's own Keras model: Sequential[Sequential[MobileNet, pooling], Sequential[Dense 100, Dense]]. */
export function isTeachableKeras(model) {
  const [features, head, ...more] = model.layers.filter(({ className }) => className !== 'InputLayer');
  const dense = head?.model?.layers.filter(({ className }) => className === 'Dense') ?? [];
  return more.length === 0 && features?.className === 'Sequential' && dense.length === 2 && dense[0].config.units === 100 &&
    dense[1].config.use_bias === false;
}
