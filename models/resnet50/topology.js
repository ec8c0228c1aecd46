/**
 * ResNet50 (arXiv:1512.03385) as in Keras 2.3 and later: bottleneck blocks with the stride on the
 * first 1x1 convolution, biases on all convolutions, batch-norm epsilon 1.001e-5.
 */
import { ModelBuilder } from '../keras/build.js';

export function topology({ classes = 1000 } = {}) {
  const b = new ModelBuilder('resnet50', [224, 224, 3]);
  const norm = (x, name) => b.norm(x, { name, epsilon: 1.001e-5 });
  const block = (x, filters, strides, name, widens) => {
    const beside = widens
      ? norm(b.conv(x, 4 * filters, 1, { strides, name: `${name}_0_conv` }), `${name}_0_bn`) : x;
    let y = norm(b.conv(x, filters, 1, { strides, name: `${name}_1_conv` }), `${name}_1_bn`);
    y = b.activation(y, 'relu', `${name}_1_relu`);
    y = norm(b.conv(y, filters, 3, { padding: 'same', name: `${name}_2_conv` }), `${name}_2_bn`);
    y = b.activation(y, 'relu', `${name}_2_relu`);
    y = norm(b.conv(y, 4 * filters, 1, { name: `${name}_3_conv` }), `${name}_3_bn`);
    return b.activation(b.add([beside, y], `${name}_add`), 'relu', `${name}_out`);
  };

  let x = b.pad(b.input, [3, 3], [3, 3], 'conv1_pad');
  x = norm(b.conv(x, 64, 7, { strides: 2, name: 'conv1_conv' }), 'conv1_bn');
  x = b.activation(x, 'relu', 'conv1_relu');
  x = b.pad(x, [1, 1], [1, 1], 'pool1_pad');
  x = b.pool('Max', x, 3, { strides: 2, name: 'pool1_pool' });
  [[64, 3], [128, 4], [256, 6], [512, 3]].forEach(([filters, count], i) => {
    for (let j = 1; j <= count; j++) {
      const strides = j === 1 && i > 0 ? 2 : 1;
      x = block(x, filters, strides, `conv${i + 2}_block${j}`, j === 1);
    }
  });
  x = b.globalAverage(x, { name: 'avg_pool' });
  return b.model(b.dense(x, classes, 'softmax', 'predictions'));
}
