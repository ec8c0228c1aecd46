/**
 * The networks whose published weights come without a model: name -> topology and card.
 *
 * A model is a folder: model.json, its card (where the weights come from, what picture it wants), and
 * topology.js, which gives its Keras configuration. To add one: the folder and a row here.
 */
import { ModelError } from './errors.js';
import { autoStem } from './keras/weights.js';
import * as densenet121 from './densenet121/topology.js';
import * as efficientnetb0 from './efficientnetb0/topology.js';
import * as inceptionv3 from './inceptionv3/topology.js';
import * as mobilenet from './mobilenet/topology.js';
import * as mobilenetv2 from './mobilenetv2/topology.js';
import * as resnet50 from './resnet50/topology.js';
import * as vgg16 from './vgg16/topology.js';
import * as vgg19 from './vgg19/topology.js';
import * as xception from './xception/topology.js';

/** In order of importance. */
const TOPOLOGIES = {
  vgg16, xception, vgg19, resnet50, mobilenet, mobilenetv2, densenet121, inceptionv3, efficientnetb0,
};

export const ARCHITECTURES = Object.keys(TOPOLOGIES);

const HEADS = ['predictions', 'conv_preds'];

/**
 * @typedef {object} Architecture
 * @property {string} name
 * @property {(layers?: {name: string, shapes: number[][]}[]) => object} config  its Keras
 *   configuration, with width and number of classes taken from a file's layers
 * @property {(modelName: string) => string} variant  its name with the width, if it has one
 * @property {() => Promise<object>} card
 */

/**
 * @param {string} wanted  'vgg16', 'mobilenet', 'mobilenet_0.75', 'mobilenet_0.75_224', ...
 * @returns {Architecture}
 */
export function architecture(wanted) {
  const [, name, , width] = /^([a-z]+\d*(?:v\d)?[a-z]?\d?)([_-](\d+(?:\.\d+)?)(?:_\d+)?)?$/
    .exec(String(wanted).toLowerCase()) ?? [];
  const topology = Object.hasOwn(TOPOLOGIES, name ?? '') ? TOPOLOGIES[name] : undefined;
  if (!topology || (width && !topology.alphaOf)) {
    throw new ModelError('argument', `There is no architecture "${wanted}". Known: ` +
      `${ARCHITECTURES.join(', ')} (MobileNets also with their width: mobilenet_0.75).`);
  }
  return {
    name,
    config(layers = []) {
      const shapes = new Map(layers.map((layer) => [layer.name, layer.shapes]));
      const head = shapes.get(HEADS.find((layer) => shapes.has(layer))) ?? layers.at(-1)?.shapes;
      return topology.topology({
        classes: head?.[0]?.at(-1),
        // Without a file, or with another's, the width stays the default.
        alpha: width ? Number(width) : topology.alphaOf?.(shapes) || undefined,
      });
    },
    // Only MobileNets come in several widths: mobilenet_0.75, and mobilenet for alpha 1.
    variant: (modelName) => {
      const alpha = topology.alphaOf ? Number(modelName.split('_')[1]) : 1;
      return alpha === 1 ? name : `${name}_${alpha}`;
    },
    card: () => readCard(name),
  };
}

/** The card of a model of this project, as it stands in its folder. */
export async function readCard(name) {
  const address = new URL(`./${name}/model.json`, import.meta.url);
  if (address.protocol === 'file:') {
    const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
    return JSON.parse(await readFile(address, 'utf8'));
  }
  const response = await fetch(address);
  if (!response.ok) throw new ModelError('network', `${address} answered ${response.status}.`);
  return response.json();
}

/** Given names as they are; made-up ones as stem and count. */
function signature(names) {
  const marks = new Map();
  for (const name of names) {
    const mark = autoStem(name) ?? name;
    marks.set(mark, (marks.get(mark) ?? 0) + 1);
  }
  return marks;
}

/**
 * The architecture whose layers with weights are most like those of a file.
 * @param {{name: string}[]} layers
 * @returns {{name?: string, exact: boolean}}  exact: the same layers, the head's name aside
 */
export function recognise(layers) {
  const found = signature(layers.map((layer) => layer.name));
  let best = { name: undefined, exact: false, score: 0.5 };
  for (const name of ARCHITECTURES) {
    const { layers: all } = TOPOLOGIES[name].topology().config;
    const wanted = all.filter((layer) => WEIGHTED.has(layer.class_name));
    const marks = signature(wanted.map((layer) => layer.name));
    let common = 0;
    for (const [mark, count] of marks) common += Math.min(count, found.get(mark) ?? 0);
    const score = common / Math.max(wanted.length, layers.length);
    const exact = wanted.length === layers.length && common >= wanted.length - 1;
    if (score > best.score) best = { name, exact, score };
  }
  return { name: best.name, exact: best.exact };
}

const WEIGHTED = new Set(['Conv2D', 'DepthwiseConv2D', 'SeparableConv2D', 'BatchNormalization',
  'Dense', 'Normalization']);
