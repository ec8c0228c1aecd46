/**
 * How far each layer of VGG16 and Xception, and each kind of layer of a folder's networks, is from what the
 * runtime can do: every layer is a model of its own in this project's engine, on one thread, relaxed SIMD.
 */
import { readFileSync } from 'node:fs';
import { layersOf } from './layers.mjs';
import { fuse, readOnnx } from './onnx.mjs';

const SETTINGS = { variant: 'relaxed', threads: 1 };

/** Each layer once, with how many there are like it, and its time. */
async function measureLayers(child, name, layers, { quick, progress }) {
  const rows = [];
  for (const layer of layers) {
    const { name: _, ...shape } = layer;
    const key = JSON.stringify(shape);
    let row = rows.find((other) => other.key === key);
    if (!row) {
      progress(`roofline: ${name}, ${layer.name}`);
      row = { ...layer, key, count: 0, ms: await child.ask('layer', layer, quick ? 3 : 7) };
      rows.push(row);
    }
    row.count++;
  }
  return rows;
}

async function startLayers(host, progress) {
  const child = await host.start('layers');
  await child.ask('load', null, SETTINGS);
  progress('roofline: peaks');
  return { child, ceilings: await child.ask('ceilings') };
}

/** @returns {Promise<{runtime: string, ceilings: object, networks: {name: string, layers: object[]}[]}>} */
export async function measureRoofline(networks, host, how) {
  const { child, ceilings } = await startLayers(host, how.progress);
  const found = { runtime: host.name, ceilings, networks: [] };
  for (const { name, layers } of networks.filter((network) => network.arch && network.layers)) {
    found.networks.push({ name, layers: await measureLayers(child, name, layers, how) });
  }
  await child.end();
  return found;
}

/** A layer's kind; those of one kind meet the same roof. */
function kindOf({ kind, C, K, kernel, strides, groups }) {
  if (kind === 'fc') return 'fully connected';
  if (kind === 'pool') return 'max pooling';
  if (C <= 4) return 'first convolution';
  if (groups > 1 && groups === C && K === C) return 'depthwise';
  if (groups > 1) return 'grouped convolutions';
  if (kernel.every((side) => side === 1)) return '1x1 convolutions';
  return kernel.join('x') === '3x3' && strides.every((step) => step === 1) ? '3x3 convolutions' : 'other convolutions';
}

/**
 * A folder's networks: each kind of layer, summed, and what the forward pass takes beside them. Products of a
 * transformer are no layers here, so that a network without convolutions worth a word has but that last row.
 * @returns {Promise<object[]>}  rows as folderRooflineTable() wants them, with the ceilings that they were measured under
 */
export async function measureFolderRoofline(networks, host, how) {
  const { child, ceilings } = await startLayers(host, how.progress);
  const found = [];
  for (const network of networks) {
    try {
      found.push(...await kindsOf(network, child, host, how));
    } catch (error) {
      how.say(`SKIPPED: the roofline of ${network.name}: ${error.message.split('\n')[0]}`);
    }
  }
  await child.end();
  return found.map((row) => ({ ...row, runtime: host.name, threads: 1, ceilings }));
}

async function kindsOf(network, child, host, how) {
  const model = await host.start('gradcam');
  let layers;
  const times = [];
  try {
    await model.ask('load', network, SETTINGS);
    layers = await layersOf(fuse(readOnnx(readFileSync(network.path))), (names) => model.ask('shapes', names));
    for (let run = -3; run < (how.quick ? 3 : 9); run++) {
      const ms = await model.ask('forward');
      if (run >= 0) times.push(ms);
    }
  } finally {
    await model.end();
  }
  const kinds = new Map();
  for (const row of await measureLayers(child, network.name, layers, how)) {
    const sum = kinds.get(kindOf(row)) ?? { times: 0, ms: 0, flops: 0, bytes: 0 };
    kinds.set(kindOf(row), { times: sum.times + row.count, ms: sum.ms + row.count * row.ms,
      flops: sum.flops + row.count * row.flops, bytes: sum.bytes + row.count * row.bytes });
  }
  const forward = times.sort((a, b) => a - b)[times.length >> 1];
  const rest = forward - [...kinds.values()].reduce((sum, { ms }) => sum + ms, 0);
  return [...[...kinds].map(([contender, sum]) => ({ network: network.name, contender, forward, ...sum })).sort((a, b) => b.ms - a.ms),
    { network: network.name, contender: 'all else', forward, times: null, ms: rest, flops: 0, bytes: 0 }];
}

/** @param {object[]} rows  of measureFolderRoofline() */
export function folderRooflineTable(rows) {
  const lines = ['| network | kind | layers | ms | of the forward pass | GFLOP/s | of the peak | of what their bytes allow |', '|---|---|---|---|---|---|---|---|'];
  for (const { network, contender, forward, times, ms, flops, bytes, ceilings } of rows) {
    const roof = flops ? Math.min(ceilings.flops, ceilings.bandwidth * (flops / bytes)) : 0;
    const share = roof ? flops / (ms / 1000) / roof : bytes / (ms / 1000) / ceilings.bandwidth;
    lines.push(`| ${network} | ${contender} | ${times ?? ''} | ${ms.toFixed(2)} | ${(100 * ms / forward).toFixed(0)} % | ` +
      `${flops ? (flops / ms / 1e6).toFixed(1) : ''} | ${flops ? `${(100 * flops / (ms / 1000) / ceilings.flops).toFixed(0)} %` : ''} | ` +
      `${bytes ? `${(100 * share).toFixed(0)} %` : ''} |`);
  }
  return lines.join('\n');
}

const label = ({ kind, H, W, C, K, kernel, strides, groups }) => {
  const stride = strides[0] > 1 ? ` / ${strides[0]}` : '';
  if (kind === 'fc') return `${C} to ${K}, fully connected`;
  const size = `${H}x${W}, ${C}${kind === 'conv' && groups === 1 ? ` to ${K}` : ''}`;
  return `${size}, ${kernel.join('x')}${stride} ${kind === 'pool' ? 'max pool' : groups > 1 ? 'depthwise' : 'convolution'}`;
};

export function rooflineTable({ ceilings: { flops, bandwidth }, networks }) {
  const lines = ['| network | layer | times | ms | GFLOP/s | MB | GB/s | of the peak | of what its bytes allow |', '|---|---|---|---|---|---|---|---|---|'];
  for (const { name, layers } of networks) {
    for (const layer of layers) {
      const seconds = layer.ms / 1000;
      const [rate, traffic] = [layer.flops / seconds, layer.bytes / seconds];
      const roof = layer.flops ? Math.min(flops, bandwidth * (layer.flops / layer.bytes)) : 0;
      const share = roof ? rate / roof : traffic / bandwidth;
      lines.push(`| ${name} | ${layer.name}: ${label(layer)} | ${layer.count} | ${layer.ms.toFixed(2)} | ` +
        `${layer.flops ? (rate / 1e9).toFixed(1) : ''} | ${(layer.bytes / 1e6).toFixed(1)} | ${(traffic / 1e9).toFixed(1)} | ` +
        `${layer.flops ? `${((100 * rate) / flops).toFixed(0)} %` : ''} | ${(100 * share).toFixed(0)} % |`);
    }
    const sum = layers.reduce((ms, layer) => ms + layer.count * layer.ms, 0);
    lines.push(`| ${name} | all of these | | ${sum.toFixed(1)} | | | | | |`);
  }
  return lines.join('\n');
}
