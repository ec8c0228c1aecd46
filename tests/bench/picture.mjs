/** The picture: forward times as bars, as parts of the better rival's; an SVG, readable on light and dark. */
import { forwardGoal } from './goals.mjs';

const [LEFT, TOP, BAR, GAP, WIDTH] = [150, 74, 13, 14, 520];
const BARS = [
  ['gradcam simd', 1, 'plain SIMD, 1 thread', 'a'], ['gradcam simd', 2, 'plain SIMD, 2 threads', 'b'],
  ['gradcam relaxed', 1, 'relaxed SIMD, 1 thread', 'c'], ['gradcam relaxed', 2, 'relaxed SIMD, 2 threads', 'd'],
];
const STYLE = `
  svg { background: #fff; font: 12px system-ui, sans-serif }
  text { fill: #1f2328 } .note { fill: #59636e } line { stroke: #1f2328 } .grid { stroke: #d1d9e0 }
  .a { fill: #54aeff } .b { fill: #0969da } .c { fill: #4ac26b } .d { fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 } text { fill: #f0f6fc } .note { fill: #9198a1 } line { stroke: #f0f6fc } .grid { stroke: #3d444d }
  }`;

/** @param {object[]} rows  of one runtime @param {string} runtime */
export function drawPicture(rows, runtime) {
  const networks = [...new Set(rows.map((row) => row.network))];
  const find = (network, contender, threads) =>
    rows.find((row) => row.network === network && row.contender === contender && row.threads === threads && row.toRival);
  const largest = Math.max(1, ...rows.filter((row) => row.contender.startsWith('gradcam')).map((row) => row.toRival ?? 0));
  const scale = (WIDTH - 40) / Math.ceil(largest * 5) * 5;
  const x = (ratio) => (LEFT + ratio * scale).toFixed(1);
  const parts = [];
  let y = TOP;
  for (const network of networks) {
    const bars = BARS.map(([contender, threads, , look]) => ({ row: find(network, contender, threads), look, goal: forwardGoal(network, contender) }))
      .filter(({ row }) => row);
    if (!bars.length) continue;
    parts.push(`<text x="${LEFT - 10}" y="${y + (bars.length * BAR) / 2 + 4}" text-anchor="end" font-weight="600">${network}</text>`);
    for (const { row: { toRival: ratio }, look, goal } of bars) {
      parts.push(`<rect class="${look}" x="${LEFT}" y="${y}" width="${(ratio * scale).toFixed(1)}" height="${BAR - 2}"/>`);
      const beyond = Math.max(ratio, goal && Math.abs(goal - ratio) * scale < 36 && goal > ratio ? goal : ratio);
      parts.push(`<text x="${(Number(x(beyond)) + 5).toFixed(1)}" y="${y + 10}" font-size="11">${ratio.toFixed(2)}</text>`);
      if (goal) parts.push(`<line x1="${x(goal)}" x2="${x(goal)}" y1="${y - 1}" y2="${y + BAR - 1}" stroke-width="2"/>`);
      y += BAR;
    }
    y += GAP;
  }
  const height = y + 40;
  const ticks = Array.from({ length: Math.floor(largest / 0.25) + 1 }, (_, i) => i / 4);
  const grid = ticks.map((ratio) => `<line class="grid" x1="${x(ratio)}" x2="${x(ratio)}" y1="${TOP - 6}" y2="${y - 4}"${ratio === 1 ? ' stroke-width="2"' : ''}/>` +
    `<text class="note" x="${x(ratio)}" y="${y + 12}" text-anchor="middle">${ratio}</text>`);
  const legend = BARS.map(([, , words, look], i) => `<rect class="${look}" x="${16 + 170 * i}" y="36" width="11" height="11"/>` +
    `<text x="${32 + 170 * i}" y="46">${words}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + WIDTH + 30} ${height}" width="${LEFT + WIDTH + 30}" height="${height}" role="img">
<title>Forward pass in ${runtime}, as a part of the time of the faster of onnxruntime-web and tfjs-wasm</title>
<style>${STYLE}
</style>
<text x="16" y="22" font-weight="600">Forward pass in ${runtime}: time, where the faster of onnxruntime-web and tfjs-wasm takes 1</text>
${[...legend, ...grid, ...parts].join('\n')}
<text class="note" x="16" y="${height - 8}" font-size="11">Marks across the bars: goals. Shorter is better.</text>
</svg>
`;
}
