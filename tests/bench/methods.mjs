/** What the methods cost, by the package's public interface, on one thread. */
import { dirname, join } from 'node:path';
import { GradCam } from '../../web/node.js';
import { picture } from '../models/noise.mjs';
import { median } from './compare.mjs';
import * as node from './hosts/node.mjs';

/** Those that take one backward pass to the layer. CAM asks for a certain head, and is left out. */
const FROM_ONE_BACKWARD = ['gradcam', 'gradcam++', 'hirescam', 'layercam', 'xgradcam', 'eigencam', 'eigengradcam',
  'finercam', 'counterfactual'];
const BATCH = 8;

const modelOf = (network) => (network.arch ? join(dirname(network.path), 'model.json') : network.path);

/**
 * All of them about one class, after Grad-CAM has run backward for it: their time and its together,
 * in times of Grad-CAM alone. A new class every round, so that Grad-CAM does run backward.
 */
async function together(network, rounds) {
  const cam = await GradCam.load(modelOf(network), { threads: 1, labels: [] });
  const image = picture(network.dims[2]);
  const found = [];
  for (let round = -2; round < rounds; round++) {
    const times = [];
    for (const method of FROM_ONE_BACKWARD) {
      const { timings } = await cam.explain(image, { method, classes: [round + 2], picture: false });
      times.push(timings.backward);
    }
    if (round >= 0) found.push({ gradcam: times[0], all: times.reduce((a, b) => a + b) });
  }
  cam.dispose();
  return {
    network: network.name,
    gradcam: median(found.map(({ gradcam }) => gradcam)),
    all: median(found.map(({ all }) => all)),
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
  for (const network of networks.filter(({ name }) => ['VGG16', 'GoogLeNet', 'SqueezeNet'].includes(name))) {
    progress(`methods: ${network.name}`);
    rows.push(await together(network, quick ? 3 : 9));
  }
  const squeezenet = networks.find(({ name }) => name === 'SqueezeNet');
  return { together: rows, scoreCam: squeezenet && !quick ? await scoreCam(squeezenet, progress) : undefined };
}

export const methodGoals = ({ together: rows, scoreCam: score }) => [
  ...rows.map(({ network, ratio }) => ({ text: `${network}: the methods of one backward pass together, in times of Grad-CAM`, found: ratio, most: 1.15 })),
  ...(score ? [{ text: 'SqueezeNet: Score-CAM per forward pass, in times of a plain batched one', found: score.perForward / score.plain, most: 1 }] : []),
];

export const methodTable = ({ together: rows, scoreCam: score }) => [
  `| network | Grad-CAM ms | ${FROM_ONE_BACKWARD.length} methods together ms |`,
  '|---|---|---|',
  ...rows.map((r) => `| ${r.network} | ${r.gradcam.toFixed(2)} | ${r.all.toFixed(2)} |`),
  ...(score ? ['', `Score-CAM on SqueezeNet: ${score.forwards} forward passes of ${score.perForward.toFixed(1)} ms each; ` +
    `a pass of ${BATCH} pictures at once takes ${score.plain.toFixed(1)} ms a picture.`] : []),
].join('\n');
