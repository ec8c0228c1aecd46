/**
 * What the command line, the page and the element use beside GradCam, for whoever builds the like.
 */
export { npy } from '../base/npy.js';
export { nearMisses } from '../base/labels.js';
export { resize } from '../paint/render.js';
export { area, curve, orderOf, plain } from './curve.js';
export { CHOICES, FADE, MOST_THREADS } from './options.js';
