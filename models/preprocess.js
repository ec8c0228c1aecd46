/**
 * What the named modes (modes.js) are called and which settings they stand for.
 */
import { MODES } from './modes.js';

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
