/**
 * The error for a file that is something else than what was wanted. Apart from the errors themselves, so
 * that a page loads the table of kinds in its worker alone.
 */
import { refusal } from '../../models/detect.js';
import { GradCamError } from '../base/errors.js';

/**
 * @param {import('../../models/detect.js').Detected} found
 * @param {string} name
 * @param {'model' | 'picture' | 'labels'} wanted
 */
export function refuse(found, name, wanted) {
  const code = wanted === 'picture' ? 'image' : wanted === 'model' ? 'model' : 'file';
  return new GradCamError(code, refusal(found, { name, wanted, place: 'api' }),
    { remedy: found.remedy, refused: { name, found, wanted } });
}

/**
 * Servers of applications answer with their start page where they have nothing.
 * @param {string} address
 * @param {string} [more]  what to do about it
 */
export const pageInstead = (address, more = 'Check the address.') => new GradCamError('model', `${address.slice(0, 160)} is no model: the server answered ` +
  `with a web page (HTML), as it does where it has no such file. ${more}`);
