/**
 * Xception (arXiv:1610.02357) as in Keras: separable convolutions with residual connections. No
 * convolution has a bias; every batch-norm has Keras's epsilon, 1e-3.
 */
import { ModelBuilder } from '../keras/build.js';

export function topology({ classes = 1000 } = {}) {
  const b = new ModelBuilder('xception', [299, 299, 3]);
  const relu = (x, name) => b.activation(x, 'relu', name);
  const conv = (x, filters, strides, name) =>
    relu(b.norm(b.conv(x, filters, 3, { strides, bias: false, name }), { name: `${name}_bn` }),
      `${name}_act`);
  const separable = (x, filters, name) =>
    b.norm(b.separable(x, filters, 3, { name }), { name: `${name}_bn` });
  const shortcut = (x, filters) =>
    b.norm(b.conv(x, filters, 1, { strides: 2, padding: 'same', bias: false }));

  /** Two separable convolutions and a pooling beside a strided 1x1 convolution. */
  const down = (x, block, first, second, startsWithRelu) => {
    const beside = shortcut(x, second);
    let y = startsWithRelu ? relu(x, `${block}_sepconv1_act`) : x;
    y = relu(separable(y, first, `${block}_sepconv1`), `${block}_sepconv2_act`);
    y = separable(y, second, `${block}_sepconv2`);
    y = b.pool('Max', y, 3, { strides: 2, padding: 'same', name: `${block}_pool` });
    return b.add([y, beside]);
  };

  let x = conv(b.input, 32, 2, 'block1_conv1');
  x = conv(x, 64, 1, 'block1_conv2');
  x = down(x, 'block2', 128, 128, false);
  x = down(x, 'block3', 256, 256, true);
  x = down(x, 'block4', 728, 728, true);
  for (let block = 5; block <= 12; block++) {
    let y = x;
    for (let i = 1; i <= 3; i++) {
      const name = `block${block}_sepconv${i}`;
      y = separable(relu(y, `${name}_act`), 728, name);
    }
    x = b.add([y, x]);
  }
  x = down(x, 'block13', 728, 1024, true);
  x = relu(separable(x, 1536, 'block14_sepconv1'), 'block14_sepconv1_act');
  x = relu(separable(x, 2048, 'block14_sepconv2'), 'block14_sepconv2_act');
  x = b.globalAverage(x, { name: 'avg_pool' });
  return b.model(b.dense(x, classes, 'softmax', 'predictions'));
}
