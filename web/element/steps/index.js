/**
 * The steps of the lesson, one row each: `<grad-cam steps="NAME">` shows one alone. To add a step, write
 * its file and add a row.
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {string} title
 * @property {string} [formula]     MathML
 * @property {string} [caption]
 * @property {(context: Context) => View} create
 *
 * @typedef {object} Context
 * @property {import('../../index.js').GradCam} cam
 * @property {string} model                 what it was loaded from: a name or an address
 * @property {string} colormap
 * @property {string[]} samples             addresses of pictures to compare with
 * @property {(error: any) => void} fail    says on the page what went wrong
 * @property {(id: number) => void} choose  another class
 *
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {(steps: import('../../index.js').Steps) => void} update
 * @property {(colormap: string) => void} [restyle]
 * @property {() => void} [stop]
 */
import { GradCamError } from '../../index.js';
import { activations } from './activations.js';
import { alpha } from './alpha.js';
import { bugs } from './bugs.js';
import { deletion } from './deletion.js';
import { say } from './dom.js';
import { gradients } from './gradients.js';
import { knob } from './knob.js';
import { occlude } from './occlude.js';
import { overlay } from './overlay.js';
import { picture } from './picture.js';
import { relu } from './relu.js';
import { sanity } from './sanity.js';
import { softmax } from './softmax.js';
import { sum } from './sum.js';
import { trace } from './trace.js';
import { upsample } from './upsample.js';

/** @type {Step[]} */
export const STEPS = [picture, trace, activations, gradients, knob, alpha, sum, relu, upsample, overlay, softmax, occlude,
  deletion, sanity, bugs];

/** From picture to heatmap; the others ask further questions. */
const MAIN = ['picture', 'activations', 'gradients', 'alpha', 'sum', 'relu', 'upsample', 'overlay'];

/** @param {string[]} names  none: the main ones */
export function findSteps(names) {
  return (names.length ? names : MAIN).map((name) => {
    const step = STEPS.find((one) => one.name === name);
    if (step) return step;
    throw new GradCamError('argument', say('step.unknown', { name, all: STEPS.map((one) => one.name).join(', ') }));
  });
}
