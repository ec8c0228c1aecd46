/**
 * The picture of an evaluation: mean deletion and insertion curves of the map, of chance and of the
 * picture's middle, and, where it was made, the sanity check. SVG, because it is only lines and words.
 */
const COLOURS = { map: '#c0392b', random: '#7f8c8d', centre: '#2980b9', guided: '#8e44ad' };
const [PANEL, SIZE, MARGIN] = [300, 220, 46];

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** lines: [{name, colour, values}], values over 0..1 along x. */
function panel(index, title, xLabel, low, high, lines) {
  const left = index * PANEL + MARGIN;
  const x = (part) => left + part * (PANEL - MARGIN - 14);
  const y = (value) => MARGIN + (1 - (value - low) / (high - low)) * SIZE;
  const out = [`<text x="${left}" y="24" font-weight="bold">${escape(title)}</text>`,
    `<rect x="${x(0)}" y="${y(high)}" width="${x(1) - x(0)}" height="${SIZE}" fill="none" stroke="#999"/>`,
    `<text x="${x(0.5)}" y="${y(low) + 32}" text-anchor="middle">${escape(xLabel)}</text>`];
  for (let i = 0; i <= 4; ++i) {
    const value = low + (i / 4) * (high - low);
    out.push(`<text x="${x(0) - 5}" y="${y(value) + 4}" text-anchor="end">${Number(value.toPrecision(2))}</text>`);
  }
  lines.forEach(({ name, colour, values }, row) => {
    const path = values.map((value, i) => `${x(i / Math.max(1, values.length - 1)).toFixed(1)},${
      y(value).toFixed(1)}`).join(' ');
    out.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      `<text x="${x(1) - 6}" y="${MARGIN + 16 + 14 * row}" text-anchor="end" fill="${colour}">${escape(name)}</text>`);
  });
  return out.join('\n');
}

export function curvesPicture({ settings, photos, curves, sanity }) {
  const names = ['map', 'random', 'centre'];
  const kinds = ['deletion', 'insertion'].map((kind) => [kind, names.filter((name) => curves[name][kind])]);
  const most = Math.max(0.1, ...kinds.flatMap(([kind, list]) => list.flatMap((name) => curves[name][kind])));
  const panels = kinds.map(([kind, list], i) => panel(i, `${kind} (probability)`,
    `part of the pixels ${kind === 'deletion' ? 'removed' : 'put back'}`, 0, most,
    list.map((name) => ({ name: name === 'map' ? settings.method : name, colour: COLOURS[name],
      values: curves[name][kind] }))));
  if (sanity) {
    const methods = Object.keys(sanity.layers[0]).filter((key) => key !== 'layers' && key !== 'upTo');
    const values = methods.flatMap((name) => sanity.layers.map((row) => row[name]));
    panels.push(panel(2, 'rank correlation', 'layers made random, from the output', Math.min(0, ...values), 1,
      methods.map((name) => ({ name, colour: name === settings.method ? COLOURS.map : COLOURS[name],
        values: [1, ...sanity.layers.map((row) => row[name])] }))));
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${panels.length * PANEL}" height="${SIZE + 2 * MARGIN + 20}" ` +
    `font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
${panels.join('\n')}
<text x="${MARGIN}" y="${SIZE + 2 * MARGIN + 8}" fill="#555">${escape(settings.model.name)}, ${
    escape(settings.layer)}, ${photos} photos</text>
</svg>
`;
}
