/**
 * What the known implementations of Grad-CAM do, as one table: a row here is all a preset is.
 *
 *   score          the gradient of what: logit or softmax
 *   normalise      from the raw sum over channels to 0..1
 *     relu-max       max(0, m) / max       (a channel mean instead of the sum divides out)
 *     max            m / max, negative values clipped when they are coloured
 *     min-max        (m - min) / (max - min)
 *     min-max-eps    m - min, then / (1e-7 + max)
 *     signed         m / max |m|, negative values clipped when they are coloured
 *   colourFirst    the map is coloured at its own size, and the colours are enlarged
 *   interpolation  from the map's size to the picture's
 *   colormap       a name; swapped: red and blue exchanged (OpenCV's BGR shown as RGB)
 *   blend          how heat and picture are joined, values 0..255
 *     mix            alpha * heat + (1 - alpha) * picture
 *     add            alpha * heat + picture, rescaled to its largest value
 *     mix-max        mix, rescaled to its largest value
 *   alpha          default weight of the heat
 */
import { GradCamError } from './errors.js';

export const PRESETS = {
  paper: {
    score: 'logit', normalise: 'relu-max', colourFirst: false, interpolation: 'bilinear',
    colormap: 'jet', swapped: false, blend: 'mix', alpha: 0.4,
  },
  'post-2020': {
    score: 'softmax', normalise: 'relu-max', colourFirst: true, interpolation: 'nearest',
    colormap: 'jet', swapped: true, blend: 'mix', alpha: 0.4,
  },
  keras: {
    score: 'logit', normalise: 'relu-max', colourFirst: true, interpolation: 'bicubic',
    colormap: 'jet', swapped: false, blend: 'add', alpha: 0.4,
  },
  'pytorch-grad-cam': {
    score: 'logit', normalise: 'min-max-eps', colourFirst: false, interpolation: 'bilinear',
    colormap: 'jet', swapped: false, blend: 'mix-max', alpha: 0.5,
  },
  'torch-cam': {
    score: 'logit', normalise: 'min-max', colourFirst: false, interpolation: 'bicubic',
    colormap: 'jet', swapped: false, blend: 'mix', alpha: 0.7,
  },
  captum: {
    score: 'logit', normalise: 'signed', colourFirst: false, interpolation: 'nearest',
    colormap: 'jet', swapped: false, blend: 'mix', alpha: 0.5,
  },
};

/** @param {string} [name] */
export function findPreset(name = 'paper') {
  if (Object.hasOwn(PRESETS, name)) return { name, ...PRESETS[name] };
  throw new GradCamError('argument',
    `There is no preset "${name}". There are: ${Object.keys(PRESETS).join(', ')}.`);
}
