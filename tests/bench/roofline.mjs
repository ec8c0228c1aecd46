/**
 * How far each layer of VGG16 and Xception is from what the runtime can do: every layer is a model of
 * its own in this project's engine, on one thread, relaxed SIMD.
 */
const SETTINGS = { variant: 'relaxed', threads: 1 };

/** @returns {Promise<{runtime: string, ceilings: object, networks: {name: string, layers: object[]}[]}>} */
export async function measureRoofline(networks, host, { quick, progress }) {
  const child = await host.start('layers');
  await child.ask('load', null, SETTINGS);
  progress('roofline: peaks');
  const found = { runtime: host.name, ceilings: await child.ask('ceilings'), networks: [] };
  for (const { name, layers } of networks.filter((network) => network.arch && network.layers)) {
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
    found.networks.push({ name, layers: rows });
  }
  await child.end();
  return found;
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
