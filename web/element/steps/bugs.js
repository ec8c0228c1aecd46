/**
 * Step: spot the bug. Three real mistakes of a well-known tutorial's Grad-CAM figures, each beside the right
 * picture; the reader says which is which.
 *
 *   1. The heatmap's network was fed raw pixels, without the preprocessing that the predictions had.
 *   2. Red and blue were swapped: OpenCV gives BGR, the figure was shown as RGB. Jet's cold is red then.
 *   3. The map was coloured first and resized afterwards: colours are no values, and between red and
 *      blue lies no mean of the two.
 */
import { drawPicture, make, say } from './dom.js';
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
  Object.assign(canvas, { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
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
    question: 'One of these networks was fed pixels it was never trained on. Which map is right?',
    answer: say('bugs.raw'),
    async wrong(canvas, { cam, steps }) {
      const { picture } = steps.explanation;
      const { maps: [map], predictions: [best] } = await cam.explain(picture, { classes: [steps.class.id], top: 1, layer: steps.layer.name,
        preprocess: cam.model.channels === 1 ? 'grey' : 'none' });
      lay(canvas, picture, map.toImageData(HEAT));
      return say('bugs.rawSays', { name: best.name, p: say('percent', { share: best.probability }) });
    },
  },
  {
    question: 'In one of these, the hottest place looks coldest. Which one is right?',
    answer: 'In the wrong one red and blue are swapped: the library that coloured it writes blue, green, red, and the ' +
      'one that showed it reads red, green, blue. Red now means “nothing here”. Jet runs dark blue, cyan, yellow, dark red.',
    wrong(canvas, { steps }) {
      lay(canvas, steps.explanation.picture, swapped(steps.map.toImageData(HEAT)));
    },
  },
  {
    question: 'One map was coloured before it was enlarged. Which one is right?',
    answer: 'In the wrong one the small map was turned into colours and the colours were enlarged. Colours are not ' +
      'values: halfway from blue to red it shows a muddy violet that stands nowhere on the scale, instead of the ' +
      'green that means “half”. Resize numbers first, colour last.',
    wrong(canvas, { steps }) {
      const { width, height } = steps.map;
      lay(canvas, steps.explanation.picture, steps.map.toImageData({ ...HEAT, width, height, interpolation: 'nearest' }));
    },
  },
];

export const bugs = {
  name: 'bugs',
  title: 'Spot the bug',
  caption: 'All three are real: they stand in the figures of a much-copied tutorial. Each gives a picture that looks ' +
    'like a heatmap.',
  create({ cam, fail }) {
    let steps = null;
    const more = []; // what the wrong way says of this picture
    const answered = new Set(); // a question counts once
    const next = random(7);
    const quizzes = BUGS.map((bug, number) => {
      const rightFirst = next() < 0.5;
      const [right, wrong] = [0, 1].map(() => make('canvas', { role: 'img' }));
      const order = rightFirst ? [right, wrong] : [wrong, right];
      const words = make('p', { class: 'small', role: 'status' });
      const buttons = order.map((canvas, i) => {
        canvas.setAttribute('aria-label', `Map ${'AB'[i]}`);
        const button = make('button', { type: 'button' }, canvas, `Map ${'AB'[i]} is right`);
        button.addEventListener('click', () => {
          const good = canvas === right;
          buttons.forEach((one) => {
            one.toggleAttribute('data-right', one.contains(right));
            one.toggleAttribute('data-wrong', one.contains(wrong));
          });
          words.textContent = [good ? say('bugs.yes') : say('bugs.no'), bug.answer, more[number]].filter(Boolean).join(' ');
          if (!answered.has(number)) {
            answered.add(number);
            element.dispatchEvent(new CustomEvent('answered', { detail: { right: good }, bubbles: true, composed: true }));
          }
        });
        return button;
      });
      const element = make('div', { class: 'quiz' }, make('h3', { textContent: `${number + 1}. ${bug.question}` }),
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
