/**
 * Inception v3 (arXiv:1512.00567) as in Keras: every convolution is followed by a batch-norm without
 * scale and a ReLU; none of them has a name of its own, the mixed blocks do.
 */
import { ModelBuilder } from '../keras/build.js';

export function topology({ classes = 1000 } = {}) {
  const b = new ModelBuilder('inception_v3', [299, 299, 3]);
  const conv = (x, filters, height, width, options = {}) => b.activation(b.norm(
    b.conv(x, filters, [height, width], { padding: 'same', bias: false, ...options }),
    { scale: false }), 'relu');
  /** Several convolutions, one after the other: [filters, height, width], ... */
  const chain = (x, ...steps) => steps.reduce((y, step) => conv(y, ...step), x);
  const strided = { strides: 2, padding: 'valid' };
  const average = (x) => b.pool('Average', x, 3, { strides: 1, padding: 'same' });
  const max = (x) => b.pool('Max', x, 3, { strides: 2 });

  let x = chain(b.input, [32, 3, 3, strided], [32, 3, 3, { padding: 'valid' }], [64, 3, 3]);
  x = chain(max(x), [80, 1, 1, { padding: 'valid' }], [192, 3, 3, { padding: 'valid' }]);
  x = max(x);

  [32, 64, 64].forEach((pooled, i) => {
    x = b.concat([
      conv(x, 64, 1, 1),
      chain(x, [48, 1, 1], [64, 5, 5]),
      chain(x, [64, 1, 1], [96, 3, 3], [96, 3, 3]),
      conv(average(x), pooled, 1, 1),
    ], `mixed${i}`);
  });
  x = b.concat([
    conv(x, 384, 3, 3, strided),
    chain(x, [64, 1, 1], [96, 3, 3], [96, 3, 3, strided]),
    max(x),
  ], 'mixed3');
  [128, 160, 160, 192].forEach((n, i) => {
    x = b.concat([
      conv(x, 192, 1, 1),
      chain(x, [n, 1, 1], [n, 1, 7], [192, 7, 1]),
      chain(x, [n, 1, 1], [n, 7, 1], [n, 1, 7], [n, 7, 1], [192, 1, 7]),
      conv(average(x), 192, 1, 1),
    ], `mixed${4 + i}`);
  });
  x = b.concat([
    chain(x, [192, 1, 1], [320, 3, 3, strided]),
    chain(x, [192, 1, 1], [192, 1, 7], [192, 7, 1], [192, 3, 3, strided]),
    max(x),
  ], 'mixed8');
  for (let i = 0; i < 2; i++) {
    const single = conv(x, 320, 1, 1);
    const short = conv(x, 384, 1, 1);
    const shortPair = b.concat([conv(short, 384, 1, 3), conv(short, 384, 3, 1)], `mixed9_${i}`);
    const long = chain(x, [448, 1, 1], [384, 3, 3]);
    const longPair = b.concat([conv(long, 384, 1, 3), conv(long, 384, 3, 1)]);
    x = b.concat([single, shortPair, longPair, conv(average(x), 192, 1, 1)], `mixed${9 + i}`);
  }
  x = b.globalAverage(x, { name: 'avg_pool' });
  return b.model(b.dense(x, classes, 'softmax', 'predictions'));
}
