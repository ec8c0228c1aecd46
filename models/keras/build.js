/**
 * Writing Keras model configurations by hand: one call a layer, as in Keras's functional interface.
 *
 * `model()` gives what Keras itself would store as `model_config`, with the layers in Keras's order:
 * by distance from the output, then by the order in which a walk back from the output meets them.
 * Weights files are in that order.
 */

/** Names Keras makes up for layers without one. */
const AUTO_STEM = {
  Conv2D: 'conv2d',
  BatchNormalization: 'batch_normalization',
  Activation: 'activation',
  MaxPooling2D: 'max_pooling2d',
  AveragePooling2D: 'average_pooling2d',
  GlobalAveragePooling2D: 'global_average_pooling2d',
  ZeroPadding2D: 'zero_padding2d',
  Add: 'add',
  Concatenate: 'concatenate',
  Rescaling: 'rescaling',
  Normalization: 'normalization',
};

export class ModelBuilder {
  /** @param {string} name  @param {[number, number, number]} shape  height, width, channels */
  constructor(name, shape) {
    this.name = name;
    this.layers = new Map();
    this.counts = new Map();
    this.input = this.layer('InputLayer', [], {
      name: 'input_1', batch_input_shape: [null, ...shape], dtype: 'float32',
    });
  }

  /** Adds a layer; returns its name, which stands for its output. */
  layer(className, inputs, config) {
    const name = config.name ?? this.autoName(className);
    if (this.layers.has(name)) throw new Error(`two layers named ${name}`);
    this.layers.set(name, {
      class_name: className,
      config: { ...config, name },
      name,
      inbound_nodes: inputs.length ? [inputs.map((input) => [input, 0, 0, {}])] : [],
    });
    return name;
  }

  autoName(className) {
    const stem = AUTO_STEM[className];
    if (!stem) throw new Error(`a layer of class ${className} needs a name`);
    const n = this.counts.get(stem) ?? 0;
    this.counts.set(stem, n + 1);
    return n ? `${stem}_${n}` : stem;
  }

  conv(x, filters, size, { strides = 1, padding = 'valid', activation = 'linear', bias = true, name } = {}) {
    return this.layer('Conv2D', [x], {
      name, filters, kernel_size: [size, size].flat().slice(0, 2), strides: [strides, strides], padding,
      data_format: 'channels_last', dilation_rate: [1, 1], activation, use_bias: bias,
    });
  }

  depthwise(x, size, { strides = 1, padding = 'valid', name }) {
    return this.layer('DepthwiseConv2D', [x], {
      name, kernel_size: [size, size], strides: [strides, strides], padding,
      data_format: 'channels_last', dilation_rate: [1, 1], depth_multiplier: 1, activation: 'linear',
      use_bias: false,
    });
  }

  separable(x, filters, size, { name }) {
    return this.layer('SeparableConv2D', [x], {
      name, filters, kernel_size: [size, size], strides: [1, 1], padding: 'same',
      data_format: 'channels_last', dilation_rate: [1, 1], depth_multiplier: 1, activation: 'linear',
      use_bias: false,
    });
  }

  norm(x, { name, epsilon = 1e-3, scale = true } = {}) {
    return this.layer('BatchNormalization', [x], { name, axis: [3], epsilon, center: true, scale });
  }

  activation(x, activation, name) {
    return this.layer('Activation', [x], { name, activation });
  }

  relu6(x, name) {
    return this.layer('ReLU', [x], { name, max_value: 6, negative_slope: 0, threshold: 0 });
  }

  pool(kind, x, size, { strides = size, padding = 'valid', name } = {}) {
    return this.layer(`${kind}Pooling2D`, [x], {
      name, pool_size: [size, size], strides: [strides, strides], padding, data_format: 'channels_last',
    });
  }

  globalAverage(x, { name, keepdims = false } = {}) {
    return this.layer('GlobalAveragePooling2D', [x], { name, data_format: 'channels_last', keepdims });
  }

  pad(x, [top, bottom], [left, right], name) {
    return this.layer('ZeroPadding2D', [x], {
      name, padding: [[top, bottom], [left, right]], data_format: 'channels_last',
    });
  }

  add(inputs, name) {
    return this.layer('Add', inputs, { name });
  }

  concat(inputs, name) {
    return this.layer('Concatenate', inputs, { name, axis: 3 });
  }

  dense(x, units, activation, name) {
    return this.layer('Dense', [x], { name, units, activation, use_bias: true });
  }

  reshape(x, shape, name) {
    return this.layer('Reshape', [x], { name, target_shape: shape });
  }

  dropout(x, rate, name) {
    return this.layer('Dropout', [x], { name, rate });
  }

  /** The finished configuration, {class_name, config}. */
  model(output) {
    return {
      class_name: 'Functional',
      config: {
        name: this.name,
        layers: this.inKerasOrder(output),
        input_layers: [[this.input, 0, 0]],
        output_layers: [[output, 0, 0]],
      },
    };
  }

  inKerasOrder(output) {
    const inputsOf = (name) => (this.layers.get(name).inbound_nodes[0] ?? []).map(([from]) => from);
    const met = new Map();
    const walk = [output];
    while (walk.length) {
      const name = walk.pop();
      if (met.has(name)) continue;
      met.set(name, met.size);
      walk.push(...inputsOf(name).reverse());
    }
    // Layers were added after their inputs: going back through them, each depth is final when read.
    const depth = new Map([[output, 0]]);
    for (const name of [...this.layers.keys()].reverse()) {
      for (const from of inputsOf(name)) {
        depth.set(from, Math.max(depth.get(from) ?? 0, depth.get(name) + 1));
      }
    }
    return [...this.layers.values()].sort((a, b) =>
      depth.get(b.name) - depth.get(a.name) || met.get(a.name) - met.get(b.name));
  }
}

/** Rounds a channel count to a multiple of `divisor`, never losing more than a tenth. */
export function roundChannels(value, divisor = 8) {
  const rounded = Math.max(divisor, Math.floor((value + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}
