/**
 * Step: spot the bug. Three real mistakes of a well-known tutorial's Grad-CAM figures, each beside the right
 * picture; the reader says which is which.
 *
 *   1. The heatmap's network was fed raw pixels, without the preprocessing that the predictions had.
 *   2. Red and blue were swapped: OpenCV gives BGR, the figure was shown as RGB. Jet's cold is red then.
 *   3. The map was coloured first and resized afterwards: colours are no values, and between red and
 *      blue lies no mean of the two.
 */
import { tools } from '../../index.js';
import { drawPicture, make, say, shape, shareOf } from './dom.js';
import { random } from './random.js';

const HEAT = { colormap: 'jet', alpha: 1, picture: false };
const OPACITY = 0.5;

/** Heat over picture, both at the size of the heat. */
function lay(canvas, picture, heat, smooth = true) {
  const ground = make('canvas');
  drawPicture(ground, picture);
  const over = make('canvas');
  drawPicture(over, heat);
  const scale = Math.min(1, 480 / picture.width);
  shape(canvas, Math.round(picture.width * scale), Math.round(picture.height * scale));
  const pen = canvas.getContext('2d');
  pen.drawImage(ground, 0, 0, canvas.width, canvas.height);
  pen.globalAlpha = OPACITY;
  pen.imageSmoothingEnabled = smooth;
  pen.drawImage(over, 0, 0, canvas.width, canvas.height);
}

function swapped({ width, height, data }) {
  const out = new Uint8ClampedArray(data);
  for (let i = 0; i < out.length; i += 4) [out[i], out[i + 2]] = [out[i + 2], out[i]];
  return { width, height, data: out };
}

const BUGS = [
  {
    question: say('bugs.rawQuestion'),
    answer: say('bugs.raw'),
    async wrong(canvas, { cam, steps }) {
      const { picture } = steps.explanation;
      const { maps: [map], predictions: [best] } = await cam.explain(picture, { classes: [steps.class.id], top: 1, layer: steps.layer.name,
        preprocess: cam.model.channels === 1 ? 'grey' : 'none' });
      lay(canvas, picture, map.toImageData(HEAT));
      return say('bugs.rawSays', { name: tools.withKind(best), p: shareOf(best.probability) });
    },
  },
  {
    question: say('bugs.swappedQuestion'),
    answer: say('bugs.swapped'),
    wrong(canvas, { steps }) {
      lay(canvas, steps.explanation.picture, swapped(steps.map.toImageData(HEAT)));
    },
  },
  {
    question: say('bugs.colouredQuestion'),
    answer: say('bugs.coloured'),
    wrong(canvas, { steps }) {
      const { width, height } = steps.map;
      lay(canvas, steps.explanation.picture, steps.map.toImageData({ ...HEAT, width, height, interpolation: 'nearest' }));
    },
  },
];

export const bugs = {
  name: 'bugs',
  title: say('bugs.title'),
  caption: say('bugs.caption'),
  create({ cam, fail }) {
    let steps = null;
    const more = []; // what the wrong way says of this picture
    const next = random(7);
    const quizzes = BUGS.map((bug, number) => {
      const rightFirst = next() < 0.5;
      const [right, wrong] = [0, 1].map(() => make('canvas', { role: 'img' }));
      const order = rightFirst ? [right, wrong] : [wrong, right];
      const words = make('p', { class: 'small', role: 'status' });
      const buttons = order.map((canvas, i) => {
        canvas.setAttribute('aria-label', say('bugs.map', { letter: 'AB'[i] }));
        const button = make('button', { type: 'button' }, canvas, say('bugs.choose', { letter: 'AB'[i] }));
        button.addEventListener('click', () => {
          const good = canvas === right;
          buttons.forEach((one) => {
            one.toggleAttribute('data-right', one.contains(right));
            one.toggleAttribute('data-wrong', one.contains(wrong));
          });
          words.textContent = [good ? say('bugs.yes') : say('bugs.no'), bug.answer, more[number]].filter(Boolean).join(' ');
          element.dispatchEvent(new CustomEvent('answered', { detail: { number: number + 1, right: good }, bubbles: true, composed: true }));
        });
        return button;
      });
      const element = make('div', { class: 'quiz' }, make('h3', { textContent: say('bugs.number', { number: number + 1, question: bug.question }) }),
        make('div', { class: 'pair' }, ...buttons), words);
      return { bug, right, wrong, buttons, words, element };
    });
    return {
      element: make('div', {}, ...quizzes.map((quiz) => quiz.element)),
      async update(nextSteps) {
        steps = nextSteps;
        const { picture } = steps.explanation;
        try {
          for (const { bug, right, wrong, buttons, words } of quizzes) {
            words.textContent = '';
            for (const button of buttons) {
              button.removeAttribute('data-right');
              button.removeAttribute('data-wrong');
            }
            lay(right, picture, steps.map.toImageData(HEAT));
            more[BUGS.indexOf(bug)] = await bug.wrong(wrong, { cam, steps: nextSteps });
          }
        } catch (error) {
          fail(error);
        }
      },
    };
  },
};
