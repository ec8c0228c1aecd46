/**
 * Step: does the map depend on what the network has learned? Its layers are randomised one after the other,
 * from the output down (Adebayo et al., arXiv:1810.03292): a map that stays the same shows the picture's
 * edges, not the network's evidence.
 */
import { GradCamError } from '../../index.js';
import { drawHeat, drawPicture, figure, figures, make, percent } from './dom.js';
import { findWeights, shuffleLast } from './onnx-weights.js';
import { correlation } from './sum.js';

const MOST_BYTES = 40e6; // the file is held and loaded again for every position of the slider

/** The bytes of a model whose weights are in one file. */
async function fetchModel(model, signal) {
  let address = model;
  if (!/[/:]/.test(model)) address = new URL(`../../../models/${model}/model.json`, import.meta.url).href;
  let card = {};
  if (/\.json([?#]|$)/.test(address)) {
    card = await (await fetch(address, { signal })).json();
    address = new URL(card.file, address).href;
  }
  const response = await fetch(address, { signal });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const weights = card.external ? [] : findWeights(bytes);
  if (!weights.length || bytes.length > MOST_BYTES) {
    throw new GradCamError('unsupported', 'This check needs a model of one file of at most 40 MB, like pocket.');
  }
  return { bytes, weights };
}

export const sanity = {
  name: 'sanity',
  title: 'Sanity check',
  formula: `<math display="block"><mi>ρ</mi><mo stretchy="false">(</mo><mi>L</mi><mo stretchy="false">(</mo><mi>trained</mi><mo stretchy="false">)</mo><mo>,</mo><mi>L</mi><mo stretchy="false">(</mo><mi>randomised</mi><mo stretchy="false">)</mo><mo stretchy="false">)</mo></math>`,
  caption: 'The slider shuffles the weights of more and more layers, beginning at the output. An honest map must fall ' +
    'apart: if it looked the same without the knowledge, it could not be showing that knowledge. ρ is the correlation ' +
    'of the two maps before ReLU.',
  create({ cam, model, colormap: first, fail }) {
    let colormap = first;
    let steps = null;
    let file = null; // {bytes, weights}, once
    let running = null;
    let shown = null;
    const slider = make('input', { type: 'range', min: '0', max: '1', value: '0', 'aria-label': 'Layers with shuffled weights' });
    const value = make('output', { textContent: '0 layers' });
    const tiles = ['as trained', 'shuffled'].map((name) => {
      const ground = make('canvas', { class: 'plane', role: 'img', 'aria-label': `Heatmap, network ${name}` });
      const heat = make('canvas', { 'aria-hidden': 'true' });
      heat.style.opacity = '0.55';
      return { ground, heat, figure: make('figure', { class: 'tile' }, make('div', { class: 'cover' }, ground, heat), make('figcaption', { textContent: name })) };
    });
    const numbers = figures();
    const words = make('p', { class: 'small', role: 'status' });
    const element = make('div', {},
      make('div', { class: 'bar' }, make('label', { class: 'wide' }, 'Shuffled', slider, value)),
      make('div', { class: 'trio' }, ...tiles.map((tile) => tile.figure), make('div', {}, numbers.element)), words);

    function show() {
      const { map, count } = shown;
      drawHeat(tiles[0].heat, steps.map, colormap);
      drawHeat(tiles[1].heat, map, colormap);
      numbers.set([
        ['class', steps.class.name],
        ['layers shuffled', `${count} of ${file?.weights.length ?? '…'}`],
        ['lowest of them', count ? file.weights.at(-count).name.replace(/\.weight.*$/, '') : 'none'],
        ['p as trained', percent(steps.map.probability)],
        ['p now', percent(map.probability)],
        ['ρ', figure(Number(correlation(map.raw, steps.map.raw).toFixed(3)))],
      ]);
      words.textContent = count ? `With ${count} ${count === 1 ? 'layer' : 'layers'} shuffled the maps correlate by ` +
        `${figure(Number(correlation(map.raw, steps.map.raw).toFixed(2)))}.` : '';
    }

    async function run(wait) {
      running?.abort();
      const controller = new AbortController();
      running = controller;
      const { signal } = controller;
      const count = Number(slider.value);
      let other = null;
      try {
        // A slider under way asks for many positions; only where it rests is the network loaded again.
        if (wait) await new Promise((resolve) => { setTimeout(resolve, wait); });
        if (signal.aborted) return;
        if (!file) {
          file = await fetchModel(model, signal);
          slider.max = String(file.weights.length);
        }
        const asked = steps;
        if (count === 0) {
          shown = { map: asked.map, count };
        } else {
          words.textContent = 'Loading the shuffled network …';
          const { preprocess } = cam.model;
          other = await cam.constructor.load(shuffleLast(file.bytes, count), { preprocess, labels: cam.labels, threads: 1, signal });
          const { explanation: { picture } } = asked;
          const { maps: [map] } = await other.explain(picture, { classes: [asked.class.id], top: 1, layer: asked.layer.name, signal });
          shown = { map, count };
        }
        if (!signal.aborted) show();
      } catch (error) {
        if (error.name !== 'AbortError') fail(error);
      } finally {
        other?.dispose();
      }
    }

    slider.addEventListener('input', () => {
      value.textContent = `${slider.value} ${slider.value === '1' ? 'layer' : 'layers'}`;
      run(150);
    });
    return {
      element,
      update(next) {
        steps = next;
        tiles.forEach(({ ground }) => drawPicture(ground, next.explanation.picture));
        run(0);
      },
      restyle(name) {
        colormap = name;
        if (shown) show();
      },
      stop: () => running?.abort(),
    };
  },
};
