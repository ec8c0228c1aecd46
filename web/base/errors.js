import { endedOnce } from '../../models/errors.js';
import { withRemedy } from '../../models/remedies.js';

/**
 * The one error of the public API. `code` is stable and meant for programs, `message` is for people:
 * what happened, where, and what to do about it.
 *
 *   argument     an argument makes no sense: unknown class, layer, method, model name
 *   model        the model file is broken or inconsistent
 *   unsupported  the file is sound, but uses something the engine (or this environment) cannot do
 *   image        the picture is broken or of an unknown format
 *   memory       out of memory, or over a limit
 *   state        called out of order, e.g. after dispose()
 *   cancelled    the caller's AbortSignal fired
 *   network      a download failed
 *   file         a file cannot be read or written
 *   internal     a defect of this package
 */
export class GradCamError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{cause?: unknown} & ErrorFacts} [options]
   */
  constructor(code, message, { cause, remedy, refused } = {}) {
    const reason = endedOnce(message);
    super(withRemedy(reason, remedy, 'api'), cause === undefined ? undefined : { cause });
    this.name = 'GradCamError';
    this.code = code;
    /** The message without what to do about it. @type {string} */
    this.reason = reason;
    /** The setting that mends it: tools.withRemedy has the words for each place. @type {string | undefined} */
    this.remedy = remedy;
    /** A file that is something else than what was wanted. @type {Refused | undefined} */
    this.refused = refused;
  }
}

/**
 * @typedef {object} Refused
 * @property {string} name   of the file
 * @property {import('../../models/detect.js').Detected} found
 * @property {'model' | 'picture' | 'labels'} wanted
 *
 * @typedef {{remedy?: string, refused?: Refused}} ErrorFacts
 */

/** The codes of models/errors.js that have another name here. */
const CODES = { format: 'model', mismatch: 'model', digest: 'model', storage: 'file' };

/**
 * Any thrown value as a GradCamError; one that is a GradCamError, or a ModelError of models/, keeps
 * its words.
 * @param {unknown} error
 * @returns {GradCamError}
 */
export function asGradCamError(error) {
  if (error instanceof GradCamError) return error;
  const { name, code, message, remedy } = /** @type {any} */ (error ?? {});
  if (name === 'AbortError' || code === 'ABORT_ERR') return cancelled(error);
  if (name === 'ModelError' || name === 'GradCamError') {
    return new GradCamError(CODES[code] ?? code, message, { cause: error, remedy });
  }
  return new GradCamError('internal', message ? `${name}: ${message}` : String(error),
    { cause: error });
}

/** @param {unknown} [cause] */
export function cancelled(cause) {
  return new GradCamError('cancelled', 'The work was cancelled.', { cause });
}

/** @param {AbortSignal} [signal] throws when the caller has given up */
export function checkSignal(signal) {
  if (signal?.aborted) throw cancelled(signal.reason);
}
