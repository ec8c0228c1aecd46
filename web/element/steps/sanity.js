/**
 * Step: does the map depend on what the network has learned? Its layers are randomised one after the other,
 * from the output down (Adebayo et al., arXiv:1810.03292): a map that stays the same shows the picture's
 * edges, not the network's evidence.
 */
import { drawHeat, drawPicture, figures, fixed, label, make, percent, say, select, shareOf } from './dom.js';
import { tools } from '../../index.js';
import { correlation } from './sum.js';

const MOST_BYTES = 100e6; // of weights: the model is loaded again for every position of the slider

export const sanity = {
  name: 'sanity',
  title: say('sanity.title'),
  formula: `<math display="block"><mi>ρ</mi><mo stretchy="false">(</mo><mi>L</mi><mo stretchy="false">(</mo><mi>${say('sanity.asTrained')}</mi><mo stretchy="false">)</mo><mo>,</mo><mi>L</mi><mo stretchy="false">(</mo><mi>${say('sanity.randomised')}</mi><mo stretchy="false">)</mo><mo stretchy="false">)</mo></math>`,
  caption: say('sanity.caption'),
  create({ cam, model, colormap: first, fail }) {
    let colormap = first;
    let steps = null;
    let layers = null; // those with weights, from the output on
    let running = null;
    let shown = null;
    const slider = make('input', { type: 'range', min: '0', max: '1', value: '0', 'aria-label': say('sanity.slider') });
    const value = make('output', { textContent: say('sanity.layers', { count: 0 }) });
    const tiles = [say('sanity.tileTrained'), say('sanity.randomised')].map((name) => {
      const ground = make('canvas', { class: 'plane', role: 'img', 'aria-label': say('sanity.described', { name }) });
      const heat = make('canvas', { 'aria-hidden': 'true' });
      heat.style.opacity = '0.55';
      return { ground, heat, figure: make('figure', { class: 'tile' }, make('div', { class: 'cover' }, ground, heat), make('figcaption', { textContent: name })) };
    });
    const METHODS = ['gradcam', 'guided', 'gradient'];
    const method = select(cam.methods().filter(({ name }) => METHODS.includes(name)).sort(
      (a, b) => METHODS.indexOf(a.name) - METHODS.indexOf(b.name)).map(({ name, title }) => [name, title]), 'gradcam');
    const numbers = figures();
    const words = make('p', { class: 'small', role: 'status' });
    const element = make('div', {},
      make('div', { class: 'bar' }, make('label', { class: 'wide' }, say('sanity.bar'), slider, value), label(say('sanity.method'), method)),
      make('div', { class: 'trio' }, ...tiles.map((tile) => tile.figure), make('div', {}, numbers.element)), words);

    function show() {
      const { map, trained, count } = shown;
      const rho = fixed(correlation(map.raw, trained.raw), 2);
      drawHeat(tiles[0].heat, trained, colormap, { fade: tools.FADE });
      drawHeat(tiles[1].heat, map, colormap, { fade: tools.FADE });
      numbers.set([
        [say('step.class'), steps.class.name],
        [say('sanity.count'), say('atlas.placeOf', { place: count, of: layers.length })],
        [say('sanity.lowest'), count ? layers[count - 1] : say('step.none')],
        [say('sanity.before'), percent(trained.probability)],
        [say('step.now'), percent(map.probability)],
        ['ρ', rho],
      ]);
      words.textContent = count ? say('sanity.claim', { count, all: layers.length, rho: Number(correlation(map.raw, trained.raw).toFixed(2)), text: rho,
        p: shareOf(map.probability), chance: shareOf(1 / cam.model.classes), name: steps.class.name, method: method.selectedOptions[0].text })
        : say('sanity.trained');
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
        if (!layers) {
          layers = await cam.weightLayers();
          slider.max = String(layers.length);
        }
        const asked = steps;
        const { explanation: { picture } } = asked;
        const options = { classes: [asked.class.id], top: 1, layer: asked.layer.name, method: method.value, signal };
        const trained = method.value === 'gradcam' ? asked.map : (await cam.explain(picture, options)).maps[0];
        if (count === 0) {
          shown = { map: trained, trained, count };
        } else {
          if ((await cam.memory()).weights > MOST_BYTES) {
            words.textContent = say('sanity.tooLarge', { name: cam.model.name });
            return;
          }
          words.textContent = say('sanity.loading');
          const { preprocess } = cam.model;
          other = await cam.constructor.load(model, { preprocess, labels: cam.labels, threads: 1, signal });
          await other.randomise(count);
          const { maps: [map] } = await other.explain(picture, options);
          shown = { map, trained, count };
        }
        if (!signal.aborted) show();
      } catch (error) {
        if (error.name !== 'AbortError') fail(error);
      } finally {
        other?.dispose();
      }
    }

    slider.addEventListener('input', () => {
      value.textContent = say('sanity.layers', { count: Number(slider.value) });
      run(150);
    });
    method.addEventListener('change', () => run(0));
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
