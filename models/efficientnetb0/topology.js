/**
 * EfficientNetB0 (arXiv:1905.11946) as in Keras: inverted residuals with squeeze-and-excitation,
 * swish. Scaling to 0..1 and normalising are layers of the network: it is fed RGB 0..255. The file's
 * "variance" is in truth the deviation; the second rescaling by 1 / sqrt(deviation) makes up for it.
 */
import { ModelBuilder } from '../keras/build.js';

const DEVIATION = [0.229, 0.224, 0.225];

/** kernel, repeats, width, expansion, stride */
const STAGES = [[3, 1, 16, 1, 1], [3, 2, 24, 6, 2], [5, 2, 40, 6, 2], [3, 3, 80, 6, 2],
  [5, 3, 112, 6, 1], [5, 4, 192, 6, 2], [3, 1, 320, 6, 1]];

export function topology({ classes = 1000 } = {}) {
  const b = new ModelBuilder('efficientnetb0', [224, 224, 3]);
  const swish = (x, name) => b.activation(x, 'swish', name);
  const pointwise = (x, filters, name) =>
    b.conv(x, filters, 1, { padding: 'same', bias: false, name });
  /** Padding before a strided window: half of it in front, one less there for an even size. */
  const padded = (x, size, kernel, name) => {
    const half = Math.floor(kernel / 2);
    const sides = [half - (size % 2 === 0 ? 1 : 0), half];
    return b.pad(x, sides, sides, name);
  };

  let x = b.layer('Rescaling', [b.input], { name: 'rescaling', scale: 1 / 255, offset: 0 });
  x = b.layer('Normalization', [x], { name: 'normalization', axis: [3], mean: null, variance: null });
  x = b.layer('Rescaling', [x],
    { name: 'rescaling_1', scale: DEVIATION.map((d) => 1 / Math.sqrt(d)), offset: 0 });
  x = b.conv(padded(x, 224, 3, 'stem_conv_pad'), 32, 3, { strides: 2, bias: false, name: 'stem_conv' });
  x = swish(b.norm(x, { name: 'stem_bn' }), 'stem_activation');
  let size = 112;
  let channels = 32;
  STAGES.forEach(([kernel, repeats, width, expansion, firstStride], i) => {
    for (let j = 0; j < repeats; j++) {
      const name = `block${i + 1}${'abcd'[j]}_`;
      const strides = j === 0 ? firstStride : 1;
      const wide = channels * expansion;
      let y = x;
      if (expansion !== 1) {
        y = b.norm(pointwise(y, wide, `${name}expand_conv`), { name: `${name}expand_bn` });
        y = swish(y, `${name}expand_activation`);
      }
      if (strides === 2) y = padded(y, size, kernel, `${name}dwconv_pad`);
      const padding = strides === 2 ? 'valid' : 'same';
      y = b.depthwise(y, kernel, { strides, padding, name: `${name}dwconv` });
      y = swish(b.norm(y, { name: `${name}bn` }), `${name}activation`);
      let se = b.globalAverage(y, { name: `${name}se_squeeze` });
      se = b.reshape(se, [1, 1, wide], `${name}se_reshape`);
      se = b.conv(se, Math.max(1, Math.floor(channels / 4)), 1,
        { padding: 'same', activation: 'swish', name: `${name}se_reduce` });
      se = b.conv(se, wide, 1, { padding: 'same', activation: 'sigmoid', name: `${name}se_expand` });
      y = b.layer('Multiply', [y, se], { name: `${name}se_excite` });
      y = b.norm(pointwise(y, width, `${name}project_conv`), { name: `${name}project_bn` });
      if (strides === 1 && channels === width) {
        y = b.add([b.dropout(y, 0.2, `${name}drop`), x], `${name}add`);
      }
      x = y;
      channels = width;
      size = Math.ceil(size / strides);
    }
  });
  x = swish(b.norm(pointwise(x, 1280, 'top_conv'), { name: 'top_bn' }), 'top_activation');
  x = b.dropout(b.globalAverage(x, { name: 'avg_pool' }), 0.2, 'top_dropout');
  return b.model(b.dense(x, classes, 'softmax', 'predictions'));
}
