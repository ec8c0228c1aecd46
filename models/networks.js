/**
 * Which well-known network is inside a model, by the names, kinds and widths of its layers: at any depth,
 * under any outer name, flattened into somebody's own model, or cut off behind. Its pictures are scaled
 * as it was trained, so this tells how.
 *
 * @typedef {object} NetworkLayer
 * @property {string} name          Keras's, or a path of an ONNX file, each part of which counts
 * @property {string} [className]   Keras's
 * @property {number} [filters]     output channels, where known
 *
 * @typedef {object} Network
 * @property {string} name          e.g. 'MobileNetV2'
 * @property {string} [mode]        a key of MODES; undefined: the network alone does not tell
 */

/** The layers of a family whose widths are known, and the widths: at least those found must have them. */
const widths = (expected) => (marks) => Object.entries(expected).every(([name, filters]) =>
  marks.get(name)?.filters === undefined || marks.get(name).filters === filters);

const count = (marks, pattern) => [...marks.keys()].filter((name) => pattern.test(name)).length;

/** MobileNet's pointwise convolutions double at once, whatever their width. */
const doubling = (marks) => {
  const [a, b] = ['conv_pw_1', 'conv_pw_2'].map((name) => marks.get(name)?.filters);
  return !a || !b || Math.abs(b / a - 2) < 0.35;
};

/**
 * name, mode, the layers it is known by, how many of them there must be at least (less than it has, so
 * that a network cut off behind is known too), and what else must be true. The first that fits wins.
 */
const FAMILIES = [
  { name: 'MobileNetV3', mode: 'tf', marks: /^expanded_conv_\d+(_.+)?$/, least: 5 },
  { name: 'MobileNetV2', mode: 'tf', marks: /^(expanded_conv|block_\d+)_(expand|depthwise|project)$/, least: 9 },
  { name: 'MobileNet', mode: 'tf', marks: /^conv_(dw|pw)_\d+$/, least: 8, also: doubling },
  { name: 'Xception', mode: 'tf', marks: /^block\d+_sepconv\d+$/, least: 6,
    also: widths({ block2_sepconv1: 128, block3_sepconv1: 256 }) },
  { name: 'NASNet', mode: 'tf', marks: /^separable_conv_[12]_(bn_)?(normal|reduction)_(left|right)\d/, least: 10 },
  { name: 'InceptionResNetV2', mode: 'tf', marks: /^block(35|17|8)_\d+_(conv|mixed)$/, least: 5 },
  { name: 'InceptionV3', mode: 'tf', marks: /^mixed\d+(_\d+)?$/, least: 5 },
  { name: 'DenseNet', mode: 'torch', marks: /^conv\d_block\d+_[012]_(conv|bn)$|^conv\d_block\d+_concat$|^pool\d_(conv|bn)$/,
    least: 12, also: (marks) => count(marks, /_concat$|^pool\d_(conv|bn)$/) >= 1 && !count(marks, /_3_conv$/) },
  { name: 'ResNetV2', mode: 'tf', marks: /^conv\d_block\d+_([0-3]_conv|preact_bn)$/, least: 8,
    also: (marks) => count(marks, /_preact_bn$/) >= 2 },
  { name: 'ResNeXt', mode: 'torch', marks: /^conv\d_block\d+_[0-3]_conv$/, least: 6,
    also: (marks) => marks.get('conv2_block1_2_conv')?.className === 'DepthwiseConv2D' },
  { name: 'ResNet', mode: 'caffe', marks: /^conv\d_block\d+_[0-3]_conv$/, least: 6,
    also: widths({ conv2_block1_1_conv: 64, conv2_block1_3_conv: 256 }) },
  { name: 'ResNet', mode: 'caffe', marks: /^res\d[a-z]\d*_branch2[a-c]$/, least: 6,
    also: widths({ res2a_branch2a: 64, res2a_branch2c: 256 }) },
  // Its first layer, bn_data, does the scaling.
  { name: 'ResNet', mode: 'none', marks: /^stage\d_unit\d+_conv\d$|^bn_data$/, least: 6, also: (marks) => marks.has('bn_data') },
  { name: 'EfficientNetV2', mode: undefined, marks: /^block\d[a-z]_(expand_conv|project_conv|dwconv2)$/, least: 5,
    also: (marks) => count(marks, /_dwconv2$/) >= 1 },
  // Keras's own scales its pictures itself; those without came with torch's scale.
  { name: 'EfficientNet', mode: 'torch', marks: /^block\d[a-z]_(dwconv|se_reduce|project_conv)$/, least: 6 },
  { name: 'VGG19', mode: 'caffe', marks: /^block[1-5]_conv[1-4]$/, least: 8,
    also: (marks) => marks.has('block3_conv4') && widths({ block1_conv1: 64, block2_conv1: 128, block3_conv1: 256 })(marks) },
  { name: 'VGG16', mode: 'caffe', marks: /^block[1-5]_conv[1-3]$/, least: 7,
    also: (marks) => marks.has('block3_conv3') && widths({ block1_conv1: 64, block2_conv1: 128, block3_conv1: 256 })(marks) },
];

/** Inception's convolutions go by numbers: its first ones are known by their widths. */
const INCEPTION_WIDTHS = [32, 32, 64, 80, 192];

/** A second use of a name in one session gets a number behind it. */
const unnumbered = (part) => part.replace(/^(block\d+_(?:conv|sepconv)\d|conv_(?:dw|pw)_\d+|block_\d+_\w+?)_\d+$/, '$1');

/**
 * @param {NetworkLayer[]} layers  in the order of the file
 * @returns {Network | undefined}
 */
export function recogniseNetwork(layers) {
  const parts = layers.map((layer) => ({ layer, parts: layer.name.split('/').map(unnumbered) }));
  for (const { name, mode, marks: pattern, least, also } of FAMILIES) {
    const marks = new Map();
    for (const { layer, parts: names } of parts) {
      for (const part of names) {
        if (pattern.test(part) && (!marks.has(part) || layer.filters !== undefined)) marks.set(part, layer);
      }
    }
    if (marks.size >= least && (!also || also(marks))) return { name, mode };
  }
  const convolutions = layers.filter(({ className, filters }) => className === 'Conv2D' && filters);
  const begins = INCEPTION_WIDTHS.every((width, i) => convolutions[i]?.filters === width &&
    /^conv2d(_\d+)?$/.test(convolutions[i].name));
  return begins && convolutions.length > 20 ? { name: 'InceptionV3', mode: 'tf' } : undefined;
}

/** The names that Keras gives to its networks, of a nested model whose layers tell nothing. */
const NAMES = [
  [/^vgg1[69]$/i, 'VGG', 'caffe'],
  [/^resnet(50|101|152)$/i, 'ResNet', 'caffe'],
  [/^resnet(50|101|152)v2$/i, 'ResNetV2', 'tf'],
  [/^xception$/i, 'Xception', 'tf'],
  [/^inception_v3$/i, 'InceptionV3', 'tf'],
  [/^inception_resnet_v2$/i, 'InceptionResNetV2', 'tf'],
  [/^mobilenet_\d/i, 'MobileNet', 'tf'],
  [/^mobilenetv2_\d/i, 'MobileNetV2', 'tf'],
  [/^nasnet(_|$)/i, 'NASNet', 'tf'],
  [/^densenet\d+$/i, 'DenseNet', 'torch'],
];

/**
 * @param {string[]} names  of nested models
 * @returns {Network | undefined}
 */
export function networkNamed(names) {
  for (const name of names) {
    const row = NAMES.find(([pattern]) => pattern.test(name));
    if (row) return { name: row[1], mode: row[2] };
  }
  return undefined;
}
