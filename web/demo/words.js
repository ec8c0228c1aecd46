/**
 * Sentences for the reader of the page.
 */

import { tools } from '../index.js';

export const { sentences, say } = tools;

/** What an error or a warning says, and what to do about it on this page. */
export const inWords = ({ reason, message, text, remedy }) => tools.withRemedy(text ?? reason ?? message, remedy, 'page');
