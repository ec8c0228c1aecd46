/**
 * The named ways to scale a picture: Keras's preprocessing modes, and `unit`, on the 0..255 scale, per
 * channel in the order named, input = (value - mean) / std.
 */
export const MODES = {
  torch: { order: 'rgb', mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
  tf: { order: 'rgb', mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
  caffe: { order: 'bgr', mean: [103.939, 116.779, 123.68], std: [1, 1, 1] },
  unit: { order: 'rgb', mean: [0, 0, 0], std: [255, 255, 255] },
  none: { order: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] },
};

/** What each does, in words for people. */
export const MODE_WORDS = {
  torch: '0..1, less ImageNet\'s mean, divided by its deviation',
  tf: '-1..1',
  caffe: 'blue, green, red, less ImageNet\'s mean',
  unit: '0..1',
  none: '0..255',
};

/**
 * The settings of a mode for so many channels; grey takes what the three say alike, else their mean.
 * @param {keyof typeof MODES} mode
 * @param {number} channels
 * @returns {{order: string, mean: number[], std: number[]}}
 */
export function settingsOf(mode, channels) {
  const { order, mean, std } = MODES[mode];
  const one = (values) => (values.every((v) => v === values[0]) ? values[0]
    : values.reduce((sum, v) => sum + v, 0) / values.length);
  if (channels === 1) return { order: 'grey', mean: [one(mean)], std: [one(std)] };
  const fit = (values) => Array.from({ length: channels }, (_, i) => values[i % values.length]);
  return { order, mean: fit(mean), std: fit(std) };
}

/** The mode whose settings these are, if any. @returns {string | undefined} */
export function modeOf({ order, mean = [], std = [] }) {
  return Object.keys(MODES).find((mode) => {
    const own = settingsOf(mode, mean.length);
    return own.order === order && String(own.mean) === String(mean) && String(own.std) === String(std);
  });
}
