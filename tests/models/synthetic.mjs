/**
 * Synthetic weights in the exact layout of the official files: `node synthetic.mjs vgg16 FILE.h5`.
 *
 * The official files (2016, Keras 1) hold a root attribute `layer_names` that lists every layer, one
 * group a layer with `weight_names`, and flat data sets inside: block1_conv1/block1_conv1_W_1:0.
 * Made-up layer names are Keras 1's (convolution2d_1, batchnormalization_1, merge_1). What supports
 * this layout: published code that reads the VGG16 file by these names, and the files' sizes; written
 * so by h5py, they come out within 6 KB (VGG16) and 1.1 KB (Xception) of the official ones, while
 * Keras 2's nested groups would add 24 and 81 KB.
 *
 * Weights are uniform and scaled (He) so that activations neither die nor explode.
 */
import { architecture } from '../../models/architectures.js';
import { uniform } from './noise.mjs';

const KERAS_1_NAMES = [
  [/^conv2d(?:_(\d+))?$/, 'convolution2d'],
  [/^batch_normalization(?:_(\d+))?$/, 'batchnormalization'],
  [/^add(?:_(\d+))?$/, 'merge'],
];

/** conv2d -> convolution2d_1, conv2d_1 -> convolution2d_2 */
function keras1Name(name) {
  for (const [pattern, stem] of KERAS_1_NAMES) {
    const found = pattern.exec(name);
    if (found) return `${stem}_${Number(found[1] ?? 0) + 1}`;
  }
  return name;
}

const he = (fanIn) => Math.sqrt(6 / fanIn);
const plain = (fanIn) => Math.sqrt(3 / fanIn);

/** [suffix, shape, spread, centre] of each weight of a layer; `channels` come in. */
function weightsOf({ class_name: className, config, name }, channels, arch) {
  const [kh, kw] = config.kernel_size ?? [];
  switch (className) {
    case 'Conv2D': {
      // VGG16 sees values of +-128, so its first layer scales down; shortcuts add to a branch.
      const first = arch === 'vgg16' && channels === 3 ? 1 / 64 : 1;
      const spread = (config.kernel_size[0] === 1 ? plain : he)(kh * kw * channels) * first;
      return [['W', [kh, kw, channels, config.filters], spread],
        ...(config.use_bias ? [['b', [config.filters], 0.05]] : [])];
    }
    case 'SeparableConv2D':
      return [['depthwise_kernel', [kh, kw, channels, 1], plain(kh * kw)],
        ['pointwise_kernel', [1, 1, channels, config.filters], he(channels)]];
    case 'BatchNormalization':
      return [['gamma', [channels], 0.2, 1], ['beta', [channels], 0.1],
        ['running_mean', [channels], 0.1], ['running_std', [channels], 0.2, 1]];
    case 'Dense': {
      // Xception's residual sums grow; scaled down, its softmax does not saturate.
      const calm = arch === 'xception' ? 1 / 32 : 1;
      const spread = name === 'predictions' ? plain(channels) * calm : he(channels);
      return [['W', [channels, config.units], spread], ['b', [config.units], 0.05]];
    }
    default:
      return [];
  }
}

/** Channels behind each layer; enough of shape inference for these two networks. */
function channelsBehind(layer, before) {
  const { class_name: className, config } = layer;
  if (className === 'InputLayer') return config.batch_input_shape.at(-1);
  if (className === 'Flatten') return before * 49;
  return config.filters ?? config.units ?? before;
}

/** Name, shape and values of every weight of 'vgg16' or 'xception', in the file's order. */
export function* syntheticWeights(arch) {
  const { layers } = architecture(arch).config().config;
  const suffix = arch === 'vgg16' ? '_1:0' : ':0';
  const channels = new Map();
  for (const layer of layers) {
    const before = channels.get(layer.inbound_nodes[0]?.[0][0]);
    channels.set(layer.name, channelsBehind(layer, before));
    const group = keras1Name(layer.name);
    const weights = weightsOf(layer, before, arch).map(([kind, shape, spread, centre = 0]) => ({
      name: `${group}_${kind}${suffix}`,
      shape,
      values: () => uniform(`${group}_${kind}`, shape.reduce((a, b) => a * b, 1), spread, centre),
    }));
    yield { group, weights };
  }
}

/** Writes the file. @param {'vgg16' | 'xception'} arch  @param {string} path */
export async function writeSynthetic(arch, path) {
  const { default: h5wasm } = await import('h5wasm/node');
  await h5wasm.ready;
  const file = new h5wasm.File(path, 'w');
  const fixed = (owner, name, list) => {
    // An empty list has no string length of its own; Keras stores it as an empty float array.
    if (list.length) owner.create_attribute(name, list, null, `S${Math.max(...list.map((s) => s.length))}`);
    else owner.create_attribute(name, new Float64Array(0), [0], '<d');
  };
  const layers = [...syntheticWeights(arch)];
  fixed(file, 'layer_names', layers.map(({ group }) => group));
  for (const { group, weights } of layers) {
    const owner = file.create_group(group);
    fixed(owner, 'weight_names', weights.map(({ name }) => name));
    for (const { name, shape, values } of weights) {
      owner.create_dataset({ name, data: values(), shape, dtype: '<f' });
    }
  }
  file.close();
}

if (process.argv[1] && import.meta.url.endsWith(process.argv[1].split('/').at(-1))) {
  const [arch, path] = process.argv.slice(2);
  if (!['vgg16', 'xception'].includes(arch) || !path) {
    console.error('usage: node synthetic.mjs vgg16|xception FILE.h5');
    process.exitCode = 2;
  } else await writeSynthetic(arch, path);
}
