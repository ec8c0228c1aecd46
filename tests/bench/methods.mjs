/** What the methods cost, by the package's public interface, on one thread. */
import { dirname, join } from 'node:path';
import { GradCam } from '../../web/node.js';
import { picture } from '../models/noise.mjs';
import { median } from './compare.mjs';
import * as node from './hosts/node.mjs';

/** Those that share one backward pass to the layer. CAM asks for a certain head, and is left out. */
const FROM_ONE_BACKWARD = ['gradcam', 'gradcam++', 'hirescam', 'layercam', 'xgradcam', 'eigencam', 'eigengradcam',
  'counterfactual'];
/** Contrasts the class with others: another score, so a backward pass of its own. */
const FINER = 'finercam';
/** Layers with a real way back. Behind the last one lie, but for VGG16, an average and a linear layer. */
const MIDDLE = { GoogLeNet: 'inception_4a', SqueezeNet: 'features.7', 'MobileNet-0.75': 'conv_pw_5_relu' };
const BATCH = 8;

const modelOf = (network) => (network.arch ? join(dirname(network.path), 'model.json') : network.path);

/**
 * All of them about one class, after Grad-CAM has run backward for it: their time and its together,
 * in times of Grad-CAM alone. A new class every round, so that Grad-CAM does run backward.
 */
async function together(network, layer, rounds) {
  const cam = await GradCam.load(modelOf(network), { threads: 1, labels: [] });
  const image = picture(network.dims[2]);
  const found = [];
  for (let round = -2; round < rounds; round++) {
    const times = [];
    for (const method of [...FROM_ONE_BACKWARD, FINER]) {
      const { timings } = await cam.explain(image, { method, layer, classes: [round + 2], picture: false });
      times.push(timings.backward);
    }
    const finer = times.pop();
    if (round >= 0) found.push({ gradcam: times[0], all: times.reduce((a, b) => a + b), finer });
  }
  cam.dispose();
  return {
    network: network.name,
    layer: layer ?? 'last layer',
    gradcam: median(found.map(({ gradcam }) => gradcam)),
    all: median(found.map(({ all }) => all)),
    finer: median(found.map(({ finer }) => finer)),
    ratio: median(found.map(({ gradcam, all }) => all / gradcam)),
  };
}

/** Score-CAM's time per forward pass, and that of one among eight in a batch. */
async function scoreCam(network, progress) {
  progress('methods: Score-CAM');
  const host = await node.start('gradcam');
  await host.ask('load', { ...network, dims: [BATCH, ...network.dims.slice(1)], batch: true }, { variant: 'relaxed', threads: 1 });
  const plain = [];
  const forward = async () => plain.push(await host.ask('forward') / BATCH);
  for (let i = 0; i < 3; i++) await host.ask('forward');
  for (let i = 0; i < 5; i++) await forward();
  const cam = await GradCam.load(modelOf(network), { threads: 1, labels: [] });
  const { timings } = await cam.explain(picture(network.dims[2]), { method: 'scorecam', classes: [0], picture: false });
  const { channels } = cam.layers().find(({ name }) => name === cam.defaultLayer);
  cam.dispose();
  for (let i = 0; i < 5; i++) await forward();
  host.end();
  return { forwards: channels, perForward: timings.backward / channels, plain: median(plain) };
}

/** @param {object[]} networks  @returns {Promise<{together: object[], scoreCam?: object}>} */
export async function measureMethods(networks, { quick, progress }) {
  const rows = [];
  for (const network of networks.filter(({ name }) => name === 'VGG16' || MIDDLE[name])) {
    for (const layer of network.name === 'VGG16' ? [undefined] : [MIDDLE[network.name], undefined]) {
      progress(`methods: ${network.name}, ${layer ?? 'last layer'}`);
      rows.push(await together(network, layer, quick ? 3 : 15));
    }
  }
  const squeezenet = networks.find(({ name }) => name === 'SqueezeNet');
  return { together: rows, scoreCam: squeezenet && !quick ? await scoreCam(squeezenet, progress) : undefined };
}

export const methodGoals = ({ together: rows, scoreCam: score }) => [
  ...rows.map(({ network, layer, ratio }) => ({ text: `${network}, ${layer}: the methods of one backward pass together, in times of Grad-CAM`, found: ratio, most: 1.15 })),
  ...(score ? [{ text: 'SqueezeNet: Score-CAM per forward pass, in times of a plain batched one', found: score.perForward / score.plain, most: 1 }] : []),
];

export const methodTable = ({ together: rows, scoreCam: score }) => [
  `| network | layer | Grad-CAM ms | ${FROM_ONE_BACKWARD.length} methods together ms | Finer-CAM, a backward pass of its own, ms |`,
  '|---|---|---|---|---|',
  ...rows.map((r) => `| ${r.network} | ${r.layer} | ${r.gradcam.toFixed(2)} | ${r.all.toFixed(2)} | ${r.finer.toFixed(2)} |`),
  ...(score ? ['', `Score-CAM on SqueezeNet: ${score.forwards} forward passes of ${score.perForward.toFixed(1)} ms each; ` +
    `a pass of ${BATCH} pictures at once takes ${score.plain.toFixed(1)} ms a picture.`] : []),
].join('\n');
