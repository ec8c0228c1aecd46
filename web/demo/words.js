/**
 * Sentences for the reader of the page.
 */

import { tools } from '../index.js';

export const { sentences } = tools;

/** Without the words that only the command line or a program understands. */
export const plain = (text) => text
  .replace(/\bwith --[\w-]+(?: [A-Z][\w./-]*)? or the option preprocess\b/g, 'under Model, “It expects pixels as”')
  .replace(/,? or (?:with )?--[\w-]+(?: [\w./-]+)?(?=[.,;)])/g, '')
  .replace(/\b(?:with )?--([\w-]+) or (?=the option)/g, '');

/** What an error or a warning says, and what to do about it on this page. */
export const inWords = ({ reason, message, text, remedy }) => tools.withRemedy(text ?? reason ?? message, remedy, 'page');
