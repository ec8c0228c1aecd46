/**
 * Below the search: the classes whose names hold what is being typed, to be chosen with one press.
 */
import { tools } from '../index.js';
import { say } from './words.js';

const MOST = 8;

const simple = (text) => text.toLowerCase().replaceAll('_', ' ').trim();

/**
 * Classes by a part of their name: those that begin with it first, then those with a word that does.
 * @param {string} part
 * @param {string[]} labels
 * @returns {number[]}  ids
 */
export function classesLike(part, labels) {
  const wanted = simple(part);
  if (!wanted || /^\d+$/.test(wanted)) return [];
  const rank = (name) => (name === wanted ? 0 : name.startsWith(wanted) ? 1 : name.includes(` ${wanted}`) ? 2 : name.includes(wanted) ? 3 : 4);
  return labels.map((label, id) => ({ id, rank: rank(simple(label)) })).filter(({ rank: at }) => at < 4)
    .sort((a, b) => a.rank - b.rank || labels[a.id].length - labels[b.id].length).map(({ id }) => id);
}

/** Classes with a name like a mistyped one. @returns {number[]} */
function alike(text, labels) {
  if (/^[\d\s.+-]*$/.test(text)) return [];
  const names = tools.nearMisses(text, labels);
  return names.map((name) => labels.indexOf(name));
}

export class Suggestions {
  #input;
  #list;
  #labels;
  #choose;

  /**
   * @param {HTMLElement} box          holds input and list; what is pressed outside closes the list
   * @param {HTMLInputElement} input
   * @param {HTMLElement} list
   * @param {() => string[]} labels
   * @param {(id: number) => void} choose
   */
  constructor(box, input, list, labels, choose) {
    this.#input = input;
    this.#list = list;
    this.#labels = labels;
    this.#choose = choose;
    input.addEventListener('input', () => this.#show());
    box.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !list.hidden) {
        this.#hide();
        input.focus();
      }
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || list.hidden) return;
      event.preventDefault();
      const all = [input, ...list.querySelectorAll('button')];
      all[(all.indexOf(/** @type {any} */ (document.activeElement)) + step + all.length) % all.length].focus();
    });
    document.addEventListener('pointerdown', ({ target }) => {
      if (!box.contains(/** @type {Node} */ (target))) this.#hide();
    });
  }

  /**
   * The only class whose name holds the text. Null: several do, or some that are spelled alike, and the reader
   * may choose one of them below; undefined: nobody knows.
   * @param {string} text
   * @returns {number | null | undefined}
   */
  find(text) {
    const labels = this.#labels();
    const ids = classesLike(text, labels);
    const exact = ids.filter((id) => simple(labels[id]) === simple(text));
    this.#hide();
    if (exact.length === 1) return exact[0];
    if (ids.length === 1) return ids[0];
    const near = ids.length ? ids : alike(text, labels);
    if (!near.length) return undefined;
    this.#show(near);
    return null;
  }

  /** What the choice below is of. @param {string} text */
  words(text) {
    const count = classesLike(text, this.#labels()).length;
    return count ? say('page.search.several', { count, text, most: MOST }) : say('page.search.alike', { text });
  }

  #show(ids = classesLike(this.#input.value, this.#labels())) {
    const labels = this.#labels();
    this.#list.replaceChildren(...ids.slice(0, MOST).map((id) => {
      const button = Object.assign(document.createElement('button'), { type: 'button', textContent: labels[id] });
      button.addEventListener('click', () => {
        this.#input.value = labels[id];
        this.#hide();
        this.#choose(id);
      });
      return button;
    }));
    this.#list.hidden = !ids.length;
  }

  #hide() {
    this.#list.hidden = true;
  }
}
