/** Messages may hold a file's own words: what is longer is cut, what is no text is left out. */
const LONGEST = 300;

/** Other programs' words, taken into a sentence of ours, may bring a full stop of their own. @param {string} text */
export const endedOnce = (text) => text.replace(/([\p{L}\p{N})\]"'”’`])\.\.(?=\s|$)/gu, '$1.').replace(/([!?…])\.(?=\s|$)/g, '$1');

/** @param {string} text @returns {string} one line of at most 300 characters, nothing unprintable */
export function plainMessage(text) {
  const line = endedOnce(text.replace(/[\p{C}\s]+/gu, ' ').trim());
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line;
}

/**
 * The one error that the model tools throw.
 *
 * `code` is stable and meant for programs; `message` is for people: what, where, what to do.
 *   argument     a wrong option or name
 *   format       the file is broken, truncated or of another kind
 *   mismatch     the weights do not belong to the architecture asked for
 *   unsupported  the file is sound, but holds something this project does not do
 *   network      a download failed
 *   digest       bytes arrived, but not the right ones
 *   storage      the result could not be written (disk full, no permission)
 *   cancelled    the caller's AbortSignal fired
 *
 * `remedy`, where there is one, names the setting that mends it; remedies.js has the words for each
 * place where people meet the error.
 */
export class ModelError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{cause?: unknown, remedy?: string}} [options]
   */
  constructor(code, message, options) {
    super(plainMessage(message), options);
    this.name = 'ModelError';
    this.code = code;
    this.remedy = options?.remedy;
  }
}

/** @param {AbortSignal} [signal] throws when the caller has given up */
export function checkSignal(signal) {
  if (signal?.aborted) {
    throw new ModelError('cancelled', 'The work was cancelled.', { cause: signal.reason });
  }
}
