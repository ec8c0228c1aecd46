/**
 * MobileNetV2 (arXiv:1801.04381) as in Keras: inverted residuals with linear bottlenecks, ReLU6;
 * `alpha` scales the widths, rounded to multiples of 8.
 */
import { ModelBuilder, roundChannels } from '../keras/build.js';

/** width, stride of its first block, count of blocks, expansion */
const STAGES = [[16, 1, 1, 1], [24, 2, 2, 6], [32, 2, 3, 6], [64, 2, 4, 6], [96, 1, 3, 6],
  [160, 2, 3, 6], [320, 1, 1, 6]];

export function topology({ classes = 1000, alpha = 1 } = {}) {
  const b = new ModelBuilder(`mobilenetv2_${alpha.toFixed(2)}_224`, [224, 224, 3]);
  const norm = (x, name) => b.norm(x, { name });
  const pointwise = (x, filters, name) =>
    b.conv(x, filters, 1, { padding: 'same', bias: false, name });

  let channels = roundChannels(32 * alpha);
  let x = b.conv(b.input, channels, 3, { strides: 2, padding: 'same', bias: false, name: 'Conv1' });
  x = b.relu6(norm(x, 'bn_Conv1'), 'Conv1_relu');
  let id = 0;
  for (const [width, firstStride, count, expansion] of STAGES) {
    const filters = roundChannels(Math.floor(width * alpha));
    for (let i = 0; i < count; i++, id++) {
      const strides = i === 0 ? firstStride : 1;
      const prefix = id === 0 ? 'expanded_conv_' : `block_${id}_`;
      let y = x;
      if (id > 0) {
        y = norm(pointwise(y, expansion * channels, `${prefix}expand`), `${prefix}expand_BN`);
        y = b.relu6(y, `${prefix}expand_relu`);
      }
      if (strides === 2) y = b.pad(y, [0, 1], [0, 1], `${prefix}pad`);
      const padding = strides === 2 ? 'valid' : 'same';
      y = norm(b.depthwise(y, 3, { strides, padding, name: `${prefix}depthwise` }),
        `${prefix}depthwise_BN`);
      y = b.relu6(y, `${prefix}depthwise_relu`);
      y = norm(pointwise(y, filters, `${prefix}project`), `${prefix}project_BN`);
      x = channels === filters && strides === 1 ? b.add([x, y], `${prefix}add`) : y;
      channels = filters;
    }
  }
  const last = alpha > 1 ? roundChannels(1280 * alpha) : 1280;
  x = norm(b.conv(x, last, 1, { bias: false, name: 'Conv_1' }), 'Conv_1_bn');
  x = b.globalAverage(b.relu6(x, 'out_relu'));
  return b.model(b.dense(x, classes, 'softmax', 'predictions'));
}

/** Widths that Keras publishes weights for. */
const ALPHAS = [0.35, 0.5, 0.75, 1, 1.3, 1.4];

/** The width a file was trained with, from its first and last kernels. */
export function alphaOf(shapes) {
  const first = shapes.get('Conv1')?.[0]?.[3];
  const last = shapes.get('Conv_1')?.[0]?.slice(2).join();
  return ALPHAS.find((alpha) => roundChannels(32 * alpha) === first &&
    `${roundChannels(Math.floor(320 * alpha))},${alpha > 1 ? roundChannels(1280 * alpha) : 1280}` === last);
}
