/**
 * What the command line, the page and the element use beside GradCam, for whoever builds the like.
 */
import { inPieces, reduced } from '../paint/pieces.js';

export { remedyWords, withRemedy } from '../../models/remedies.js';
export { MODE_WORDS } from '../../models/modes.js';
export { withKind } from '../base/kinds.js';
export { npy } from '../base/npy.js';
export { sentences } from '../base/sentences.js';
export { say } from '../base/words/say.js';
export { kindOf, nearMisses } from '../base/labels.js';
export { resize } from '../paint/render.js';
export { area, curve, orderOf, plain } from './curve.js';
export { CHOICES, FADE, MOST_THREADS } from './options.js';

/**
 * A picture in at most so many pixels, each the mean of a square of it; itself, where it has no more. Made in
 * pieces, between which a page goes on.
 * @param {{width: number, height: number, data: Uint8Array | Uint8ClampedArray}} picture  RGBA
 * @param {number} most
 */
export const reduce = (picture, most) => inPieces(reduced(picture, most));
