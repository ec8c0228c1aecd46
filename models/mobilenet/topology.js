/**
 * MobileNet v1 (arXiv:1704.04861) as in Keras: depthwise and pointwise convolutions, ReLU6; `alpha`
 * scales every width. Strided layers are padded at the bottom and the right.
 */
import { ModelBuilder } from '../keras/build.js';

const BLOCKS = [[64, 1], [128, 2], [128, 1], [256, 2], [256, 1], [512, 2], [512, 1], [512, 1],
  [512, 1], [512, 1], [512, 1], [1024, 2], [1024, 1]];

export function topology({ classes = 1000, alpha = 1 } = {}) {
  const b = new ModelBuilder(`mobilenet_${alpha.toFixed(2)}_224`, [224, 224, 3]);
  const widths = (filters) => Math.floor(filters * alpha);
  const finish = (x, name) => b.relu6(b.norm(x, { name: `${name}_bn` }), `${name}_relu`);
  let x = finish(b.conv(b.input, widths(32), 3,
    { strides: 2, padding: 'same', bias: false, name: 'conv1' }), 'conv1');
  BLOCKS.forEach(([filters, strides], i) => {
    const n = i + 1;
    if (strides === 2) x = b.pad(x, [0, 1], [0, 1], `conv_pad_${n}`);
    const padding = strides === 2 ? 'valid' : 'same';
    x = finish(b.depthwise(x, 3, { strides, padding, name: `conv_dw_${n}` }), `conv_dw_${n}`);
    const name = `conv_pw_${n}`;
    x = finish(b.conv(x, widths(filters), 1, { padding: 'same', bias: false, name }), name);
  });
  x = b.globalAverage(x, { keepdims: true });
  x = b.dropout(x, 1e-3, 'dropout');
  x = b.conv(x, classes, 1, { padding: 'same', name: 'conv_preds' });
  x = b.reshape(x, [classes], 'reshape_2');
  return b.model(b.activation(x, 'softmax', 'predictions'));
}

/** The width a file was trained with, from the shape of its first kernel (3, 3, 3, 32 alpha). */
export const alphaOf = (shapes) => shapes.get('conv1')?.[0]?.[3] / 32;
