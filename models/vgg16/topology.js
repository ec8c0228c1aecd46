/**
 * VGG16 and VGG19 (arXiv:1409.1556) as in Keras: 3x3 convolutions with ReLU, 2x2 max pooling, three
 * fully connected layers on the flattened 7 x 7 x 512.
 */
import { ModelBuilder } from '../keras/build.js';

/** @param {number[]} repeats  convolutions in each of the five blocks */
export function vgg(name, repeats, classes) {
  const b = new ModelBuilder(name, [224, 224, 3]);
  let x = b.input;
  repeats.forEach((count, i) => {
    const block = `block${i + 1}`;
    for (let j = 1; j <= count; j++) {
      const options = { padding: 'same', activation: 'relu', name: `${block}_conv${j}` };
      x = b.conv(x, [64, 128, 256, 512, 512][i], 3, options);
    }
    x = b.pool('Max', x, 2, { name: `${block}_pool` });
  });
  x = b.layer('Flatten', [x], { name: 'flatten', data_format: 'channels_last' });
  x = b.dense(x, 4096, 'relu', 'fc1');
  x = b.dense(x, 4096, 'relu', 'fc2');
  return b.model(b.dense(x, classes, 'softmax', 'predictions'));
}

export const topology = ({ classes = 1000 } = {}) => vgg('vgg16', [2, 2, 3, 3, 3], classes);
