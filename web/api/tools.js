/**
 * What the command line, the page and the element use beside GradCam, for whoever builds the like.
 */
export { remedyWords, withRemedy } from '../../models/remedies.js';
export { MODE_WORDS } from '../../models/modes.js';
export { npy } from '../base/npy.js';
export { sentences } from '../base/sentences.js';
export { say } from '../base/words/say.js';
export { nearMisses } from '../base/labels.js';
export { resize } from '../paint/render.js';
export { area, curve, orderOf, plain } from './curve.js';
export { CHOICES, FADE, MOST_THREADS } from './options.js';
