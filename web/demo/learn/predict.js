/**
 * Predict, then reveal: before a step shows what is so, it asks. Choices are few, the truth comes from the
 * numbers of this picture, and is worked out when somebody has answered. A step that was answered, or
 * shown without a guess, stays open; answers are counted at the end.
 *
 * @typedef {import('../../index.js').Steps} Steps
 * @typedef {{text: string, choices: string[], truth: () => Promise<{right: number, words: string}> | {right: number, words: string}}} Question
 */
import { tools } from '../../index.js';

const { say } = tools;
const make = (tag, props = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
};

const count = (values, holds) => values.reduce((sum, value) => sum + Number(holds(value)), 0);
const shareOf = (share) => say('share', { share });
const number = (value) => Number(value.toPrecision(3)).toString().replace('-', '−');
/** Two numbers with as many places as tell them apart, three at most. */
const apart = (a, b) => [a, b].map((value) => value.toFixed(Math.max(1, Math.min(3, 1 - Math.floor(Math.log10(Math.abs(a - b) || 1))))).replace('-', '−'));

/** Which of the ranges a value lies in: ends are the first values of the next one. */
const bin = (value, ends) => ends.filter((end) => value >= end).length;

const quarters = () => [say('guess.quarter1'), say('guess.quarter2'), say('guess.quarter3'), say('guess.quarter4')];
const ofQuarters = (share) => bin(share, [0.25, 0.5, 0.75]);

/** The picture with those cells of the map in its mean colour. */
function covering({ explanation: { picture }, map }, cells) {
  const { width, height, data } = picture;
  const out = new Uint8ClampedArray(data);
  const mean = [0, 1, 2].map((c) => {
    let sum = 0;
    for (let i = c; i < data.length; i += 4) sum += data[i];
    return sum / (data.length / 4);
  });
  const hidden = new Set(cells);
  for (let y = 0; y < height; ++y) {
    const row = Math.floor((y * map.height) / height) * map.width;
    for (let x = 0; x < width; ++x) {
      if (!hidden.has(row + Math.floor((x * map.width) / width))) continue;
      for (let c = 0; c < 3; ++c) out[4 * (y * width + x) + c] = mean[c];
    }
  }
  return { width, height, data: out };
}

/** The hottest cells of the map first. */
const hottest = ({ map: { raw } }) => Array.from(raw.keys()).sort((a, b) => raw[b] - raw[a]);

async function probabilityOf(cam, steps, cells) {
  const { probabilities } = await cam.scores(covering(steps, cells));
  return probabilities[steps.class.id];
}

/** @type {Record<string, (steps: Steps, cam: import('../../index.js').GradCam) => Question>} by section */
const QUESTIONS = {
  picture: ({ explanation: { predictions } }) => ({
    text: say('guess.picture', { of: predictions.length }),
    choices: [say('guess.few'), say('guess.some'), say('guess.many')],
    truth() {
      const over = count(predictions, ({ probability }) => probability > 0.01);
      return { right: bin(over, [3, 11]), words: say('guess.pictureTrue', { over, best: tools.withKind(predictions[0]), p: shareOf(predictions[0].probability) }) };
    },
  }),
  trace: (steps, cam) => ({
    text: say('guess.trace', { columns: steps.layer.width, rows: steps.layer.height, width: cam.model.input[1], height: cam.model.input[0] }),
    choices: [say('guess.traceOwn', { width: Math.round(cam.model.input[1] / steps.layer.width) }), say('guess.traceMore'), say('guess.traceHalf')],
    async truth() {
      const { layer } = steps;
      const { gradient, width, height } = await cam.trace(steps.explanation.picture, { layer: layer.name,
        at: [Math.floor(layer.height / 2), Math.floor(layer.width / 2)] });
      const seen = new Uint8Array(width * height);
      gradient.forEach((value, i) => { if (value !== 0) seen[i % seen.length] = 1; });
      const share = count(seen, Boolean) / seen.length;
      return { right: bin(share, [2 / (layer.width * layer.height), 0.5]), words: say('guess.traceTrue', { share: shareOf(share) }) };
    },
  }),
  activations: ({ activations, layer }) => ({
    text: say('guess.activations', { channels: layer.channels, positions: layer.width * layer.height }),
    choices: quarters(),
    truth() {
      const share = count(activations, (value) => value === 0) / activations.length;
      return { right: ofQuarters(share), words: say('guess.activationsTrue', { share: shareOf(share), name: layer.name }) };
    },
  }),
  gradients: ({ gradients, layer }) => ({
    text: say('guess.gradients', { name: layer.name }),
    choices: quarters(),
    truth() {
      const share = count(gradients, (value) => value < 0) / gradients.length;
      return { right: ofQuarters(share), words: say('guess.gradientsTrue', { share: shareOf(share) }) };
    },
  }),
  knob: (steps, cam) => {
    const { layer, activations, weights } = steps;
    const size = layer.width * layer.height;
    // A channel that is there and counts, of either sign: it depends on the picture which.
    const strength = Array.from(weights, (weight, k) => weight * activations.subarray(k * size, (k + 1) * size).reduce((sum, a) => sum + a, 0));
    const order = Array.from(strength.keys()).sort((a, b) => strength[b] - strength[a]);
    const k = steps.class.id % 2 ? order[0] : order[order.length - 1];
    return {
      text: say('guess.knob', { k, name: steps.class.name }),
      choices: [say('guess.up'), say('guess.down'), say('guess.same')],
      async truth() {
        const plane = activations.subarray(k * size, (k + 1) * size);
        const add = plane.reduce((sum, a) => sum + a, 0) / size;
        const turned = await cam.steps(steps.explanation.picture, { class: steps.class.id, layer: layer.name, change: { channel: k, add } });
        const moved = turned.map.score - steps.map.score;
        const [before, after] = apart(steps.map.score, turned.map.score);
        return { right: Math.abs(moved) < 0.01 ? 2 : moved > 0 ? 0 : 1,
          words: say('guess.knobTrue', { k, before, after }) };
      },
    };
  },
  alpha: ({ weights, class: { name } }) => ({
    text: say('guess.alpha', { of: weights.length, name }),
    choices: quarters(),
    truth() {
      const positive = count(weights, (value) => value > 0);
      return { right: ofQuarters(positive / weights.length), words: say('guess.alphaTrue', { positive, of: weights.length }) };
    },
  }),
  sum: (steps) => ({
    text: say('guess.sum', { of: steps.weights.length }),
    choices: quarters(),
    truth() {
      const size = steps.layer.width * steps.layer.height;
      const plane = (k) => steps.activations.subarray(k * size, (k + 1) * size);
      const strength = Array.from(steps.weights, (weight, k) => Math.abs(weight) * Math.max(...plane(k)));
      const ten = Array.from(strength.keys()).sort((a, b) => strength[b] - strength[a]).slice(0, 10);
      const part = new Float32Array(size);
      for (const k of ten) plane(k).forEach((a, i) => { part[i] += steps.weights[k] * a; });
      if (!steps.map.max) return { right: 0, words: say('guess.sumEmpty') };
      const share = Math.max(0, ...part) / steps.map.max;
      return { right: ofQuarters(share), words: say('guess.sumTrue', { share: shareOf(share) }) };
    },
  }),
  relu: ({ map: { raw }, class: { name } }) => ({
    text: say('guess.relu', { of: raw.length, name }),
    choices: [say('guess.none'), say('guess.lessHalf'), say('guess.moreHalf')],
    truth() {
      const below = count(raw, (value) => value < 0);
      return { right: below ? bin(below / raw.length, [0.5]) + 1 : 0, words: say('guess.reluTrue', { below, of: raw.length }) };
    },
  }),
  upsample: ({ map }) => ({
    text: say('guess.upsample', { columns: map.width, rows: map.height }),
    choices: [10, 100, 1000, 10000].map((about) => say('guess.about', { about: about.toLocaleString('en') })),
    truth() {
      const each = (map.picture.width / map.width) * (map.picture.height / map.height);
      return { right: Math.max(0, Math.min(3, Math.round(Math.log10(each)) - 1)), words: each < 1 ? say('guess.upsampleSmall', { cells: number(1 / each) }) : say('guess.upsampleTrue', { each: Math.round(each).toLocaleString('en') }) };
    },
  }),
  overlay: ({ map }) => ({
    text: say('guess.overlay', { name: map.class.name }),
    choices: quarters(),
    truth() {
      const [box] = map.boxes({ threshold: 0.15 });
      const share = box ? (box.width * box.height) / (map.picture.width * map.picture.height) : 0;
      return { right: ofQuarters(share), words: say('guess.overlayTrue', { share: shareOf(share) }) };
    },
  }),
  softmax: ({ explanation: { predictions }, class: { id, name } }) => ({
    text: say('guess.softmax', { name }),
    choices: [say('guess.grows'), say('guess.shrinks')],
    truth() {
      const factor = (s) => {
        const most = Math.max(...predictions.map(({ score }) => score));
        const powers = predictions.map(({ score }) => Math.exp(s * (score - most)));
        const p = powers[predictions.findIndex((one) => one.id === id)] / powers.reduce((sum, value) => sum + value, 0);
        return s * p * (1 - p);
      };
      return { right: factor(4) > factor(1) ? 0 : 1, words: say('guess.softmaxTrue', { one: number(factor(1)), four: number(factor(4)) }) };
    },
  }),
  occlude: (steps, cam) => ({
    text: say('guess.occlude', { name: steps.class.name, p: shareOf(steps.map.probability) }),
    choices: [say('guess.holds'), say('guess.halves'), say('guess.gone')],
    async truth() {
      const order = hottest(steps);
      const p = await probabilityOf(cam, steps, order.slice(0, Math.ceil(order.length / 5)));
      const share = steps.map.probability ? p / steps.map.probability : 1;
      return { right: share >= 0.5 ? 0 : share >= 0.1 ? 1 : 2, words: say('guess.occludeTrue', { p: shareOf(p), before: shareOf(steps.map.probability) }) };
    },
  }),
  deletion: (steps, cam) => ({
    text: say('guess.deletion', { name: steps.class.name }),
    choices: [say('guess.hotLeft'), say('guess.coldLeft')],
    async truth() {
      const order = hottest(steps);
      const half = Math.floor(order.length / 2);
      const hot = await probabilityOf(cam, steps, order.slice(half));
      const cold = await probabilityOf(cam, steps, order.slice(0, half));
      return { right: hot >= cold ? 0 : 1, words: say('guess.deletionTrue', { hot: shareOf(hot), cold: shareOf(cold) }) };
    },
  }),
  sanity: (steps, cam) => ({
    text: say('guess.sanity'),
    choices: [say('guess.unlike'), say('guess.partly'), say('guess.alike')],
    async truth() {
      const { GradCam } = await import('../../index.js');
      const other = await GradCam.load('pocket', { threads: 1 });
      try {
        await other.randomise(1);
        const { maps: [map] } = await other.explain(steps.explanation.picture, { classes: [steps.class.id], top: 1, layer: steps.layer.name });
        const rho = likeness(map.raw, steps.map.raw);
        return { right: bin(rho, [0.3, 0.7]), words: say('guess.sanityTrue', { rho: rho.toFixed(2).replace('-', '−') }) };
      } finally {
        other.dispose();
      }
    },
  }),
};

/** Pearson's correlation. */
function likeness(a, b) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, i) => {
    ab += (value - meanA) * (b[i] - meanB);
    aa += (value - meanA) ** 2;
    bb += (b[i] - meanB) ** 2;
  });
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

/** The answers so far, for the end. */
export class Score {
  #answers = new Map(); // name of what asked: {title, right}
  #tell;

  /** @param {() => void} tell  something was answered */
  constructor(tell) {
    this.#tell = tell;
  }

  /** The first answer counts. */
  add(name, title, right) {
    if (!this.#answers.has(name)) this.#answers.set(name, { title, right });
    this.#tell();
  }

  clear() {
    this.#answers.clear();
    this.#tell();
  }

  get list() {
    return [...this.#answers.values()];
  }
}

/**
 * Puts a question before the step of a section.
 * @param {HTMLElement} section
 * @param {Score} score
 */
export function askBefore(section, score) {
  const element = /** @type {any} */ (section.querySelector('grad-cam'));
  const make1 = QUESTIONS[section.id];
  if (!make1) return { setOn() {}, again() {} };
  const text = make('p', { className: 'question', id: `${section.id}-question`, textContent: say('guess.wait') });
  const answers = make('div', { className: 'answers' });
  const skip = make('button', { type: 'button', className: 'quiet', textContent: say('guess.skip') });
  const box = make('div', { className: 'predict' }, text, answers, skip);
  box.setAttribute('role', 'group');
  box.setAttribute('aria-labelledby', text.id);
  const verdict = make('p', { className: 'verdict', tabIndex: -1, hidden: true });
  verdict.setAttribute('role', 'status');
  element.before(box, verdict);
  let on = true;
  let open = false; // shown
  let about = null; // what the verdict speaks of
  let turn = 0;

  function lay() {
    section.classList.toggle('asking', on && !open);
    box.hidden = !on || open;
    verdict.hidden = !verdict.textContent;
  }

  function fill() {
    const steps = element.result;
    if (open && about !== steps) {
      verdict.textContent = ''; // it told of another picture or class
      lay();
    }
    if (!steps || open) return;
    const mine = ++turn;
    const cam = element.cam;
    Promise.resolve(cam).then((ready) => {
      if (mine !== turn || open) return;
      const question = make1(steps, ready);
      text.textContent = question.text;
      answers.replaceChildren(...question.choices.map((words, i) => {
        const button = make('button', { type: 'button', className: 'choice', textContent: words });
        button.addEventListener('click', async () => {
          answers.querySelectorAll('button').forEach((one) => { one.disabled = true; });
          about = steps;
          try {
            const { right, words: truth } = await question.truth();
            verdict.textContent = right === i ? say('guess.right', { truth }) : say('guess.wrong', { said: words, truth });
            verdict.toggleAttribute('data-right', right === i);
            score.add(section.id, section.dataset.short, right === i);
          } catch (error) {
            verdict.textContent = error.message;
          }
          open = true;
          if (about !== element.result) verdict.textContent = ''; // answered while another picture came
          lay();
          verdict.focus({ preventScroll: true });
        });
        return button;
      }));
    });
  }

  for (const type of ['result', 'error']) element.addEventListener(type, fill);
  skip.addEventListener('click', () => {
    open = true;
    lay();
    section.querySelector('h2').tabIndex = -1;
    section.querySelector('h2').focus({ preventScroll: true });
  });
  lay();
  return {
    /** Whether questions are asked at all. */
    setOn(value) {
      on = value;
      lay();
    },
    again() {
      open = false;
      verdict.textContent = '';
      lay();
      fill();
    },
  };
}
