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
 */
export class ModelError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{cause?: unknown}} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'ModelError';
    this.code = code;
  }
}

/** @param {AbortSignal} [signal] throws when the caller has given up */
export function checkSignal(signal) {
  if (signal?.aborted) {
    throw new ModelError('cancelled', 'The work was cancelled.', { cause: signal.reason });
  }
}
