/**
 * DenseNet121 (arXiv:1608.06993) as in Keras: each layer's 32 new channels are joined to all before
 * them. Batch-norm epsilon 1.001e-5, no biases.
 */
import { ModelBuilder } from '../keras/build.js';

const GROWTH = 32;

export function topology({ classes = 1000 } = {}) {
  const b = new ModelBuilder('densenet121', [224, 224, 3]);
  const norm = (x, name) => b.norm(x, { name, epsilon: 1.001e-5 });
  const conv = (x, filters, size, name, options = {}) =>
    b.conv(x, filters, size, { bias: false, name, ...options });

  let x = conv(b.pad(b.input, [3, 3], [3, 3]), 64, 7, 'conv1_conv', { strides: 2 });
  x = b.activation(norm(x, 'conv1_bn'), 'relu', 'conv1_relu');
  x = b.pool('Max', b.pad(x, [1, 1], [1, 1]), 3, { strides: 2, name: 'pool1' });
  let channels = 64;
  [6, 12, 24, 16].forEach((count, i) => {
    for (let j = 1; j <= count; j++) {
      const name = `conv${i + 2}_block${j}`;
      let y = b.activation(norm(x, `${name}_0_bn`), 'relu', `${name}_0_relu`);
      y = norm(conv(y, 4 * GROWTH, 1, `${name}_1_conv`), `${name}_1_bn`);
      y = b.activation(y, 'relu', `${name}_1_relu`);
      y = conv(y, GROWTH, 3, `${name}_2_conv`, { padding: 'same' });
      x = b.concat([x, y], `${name}_concat`);
      channels += GROWTH;
    }
    if (i === 3) return;
    const name = `pool${i + 2}`;
    channels = Math.floor(channels / 2);
    x = b.activation(norm(x, `${name}_bn`), 'relu', `${name}_relu`);
    x = b.pool('Average', conv(x, channels, 1, `${name}_conv`), 2, { name: `${name}_pool` });
  });
  x = b.activation(norm(x, 'bn'), 'relu', 'relu');
  x = b.globalAverage(x, { name: 'avg_pool' });
  return b.model(b.dense(x, classes, 'softmax', 'predictions'));
}
