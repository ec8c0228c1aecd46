/**
 * What the known implementations of Grad-CAM do, as one table: a row here is all a preset is.
 *
 *   score          the gradient of what: logit or softmax
 *   normalise      from the raw sum over channels to 0..1
 *     relu-max       max(0, m) / max       (a channel mean instead of the sum divides out)
 *     min-max        (m - min) / (max - min)
 *     min-max-eps    m - min, then / (1e-7 + max)
 *     none           m itself; divided by max |m| to be painted, negative values coloured as 0
 *   colourFirst    the map is coloured at its own size, and the colours are enlarged
 *   interpolation  from the map's size to the picture's
 *   resampler      whose bicubic: torch's and OpenCV's, or PIL's
 *   power          the map is raised to it before it is coloured
 *   colormap       a name; swapped: red and blue exchanged (OpenCV's BGR shown as RGB)
 *   blend          how heat and picture are joined, values 0..255
 *     mix            alpha * heat + (1 - alpha) * picture
 *     add            alpha * heat + picture, rescaled to its largest value
 *     mix-max        mix, rescaled to its largest value
 *   alpha          default weight of the heat
 *   resize         how the picture comes to the network's input; null: as the model's card says
 *   mapInput       what the maps are made from: preprocessed, as the predictions are; or raw, the
 *                  picture's RGB values 0..255, in a forward pass of their own
 *
 * post-2020 is the blog post on VGG16 and Xception: its predictions were made from preprocessed
 * pictures, its heatmaps were not. Where no classes are named, the maps are for the best classes of
 * the raw picture: the post's figure has them so, in another order than its predictions.
 *
 * torch-cam's alpha of 0.7 is the picture's weight, and its map is squared before it is coloured.
 */
import { GradCamError } from '../base/errors.js';

/** What most have in common. */
const COMMON = {
  score: 'logit', normalise: 'relu-max', colourFirst: false, interpolation: 'bilinear', resampler: 'torch',
  power: 1, colormap: 'jet', swapped: false, blend: 'mix', alpha: 0.4, resize: null, mapInput: 'preprocessed',
};

/**
 * @type {Record<string, {score: string, normalise: string, colourFirst: boolean, interpolation: string, resampler: string,
 *   power: number, colormap: string, swapped: boolean, blend: string, alpha: number, resize: string | null, mapInput: string}>}
 */
export const PRESETS = {
  paper: COMMON,
  'post-2020': {
    ...COMMON, score: 'softmax', colourFirst: true, interpolation: 'nearest', swapped: true,
    resize: 'nearest', mapInput: 'raw',
  },
  keras: {
    ...COMMON, colourFirst: true, interpolation: 'bicubic', resampler: 'pil', blend: 'add',
  },
  'pytorch-grad-cam': {
    ...COMMON, normalise: 'min-max-eps', blend: 'mix-max', alpha: 0.5,
  },
  'torch-cam': {
    ...COMMON, normalise: 'min-max', interpolation: 'bicubic', resampler: 'pil', power: 2, alpha: 0.3,
  },
  captum: {
    ...COMMON, normalise: 'none', interpolation: 'nearest', alpha: 0.5,
  },
};

/** @param {string} [name] */
export function findPreset(name = 'paper') {
  if (Object.hasOwn(PRESETS, name)) return { name, ...PRESETS[name] };
  throw new GradCamError('argument',
    `There is no preset "${name}". There are: ${Object.keys(PRESETS).join(', ')}.`);
}
