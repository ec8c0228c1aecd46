/**
 * Sentences for the reader of the page.
 */

import { tools } from '../index.js';

export const { sentences, say } = tools;

/**
 * Puts the dictionary's words where the page names them: data-say for an element's text, data-say-title for
 * its title, and so on. What the page is sent with is the same in English, for the moment before any script runs.
 * Words may have marks inside: a sentence is one piece also where a term in it is marked.
 * @param {ParentNode} page
 */
export function fillIn(page) {
  for (const element of page.querySelectorAll('[data-say]')) {
    const words = say(element.dataset.say);
    if (element.innerHTML.replace(/\s+/g, ' ').trim() === words) continue;
    // text, mark, marked, text, ...
    element.replaceChildren(...words.split(/<(dfn|em|cite)>(.*?)<\/\1>/).flatMap((piece, i, all) => (i % 3 === 0 ? piece
      : i % 3 === 1 ? Object.assign(document.createElement(piece), { textContent: all[i + 1] }) : [])));
  }
  for (const name of ['aria-label', 'title', 'placeholder', 'label', 'content', 'data-short']) {
    for (const element of page.querySelectorAll(`[data-say-${name}]`)) element.setAttribute(name, say(element.getAttribute(`data-say-${name}`)));
  }
}

/** What an error or a warning says, and what to do about it on this page. */
export const inWords = ({ reason, message, text, remedy }) => tools.withRemedy(text ?? reason ?? message, remedy, 'page');
