/**
 * The sheet that asks how a model wants its pictures, where nothing says so: what it answers for the
 * picture on show under each way, to choose the right one from.
 */
import { tools } from '../index.js';
import { say } from './words.js';

const make = (tag, props = {}) => Object.assign(document.createElement(tag), props);

const valueOf = ({ probability, score }) => (probability === null ? score.toPrecision(3) : say('percent', { share: probability }));

export class Ask {
  #dialog;
  #rows;
  #canvas;
  #chosen = '';

  /** @param {HTMLDialogElement} dialog  with a list, a canvas, and a button that keeps the guess */
  constructor(dialog) {
    this.#dialog = dialog;
    this.#rows = dialog.querySelector('ul');
    this.#canvas = dialog.querySelector('canvas');
    dialog.querySelector('.keep').addEventListener('click', () => this.close());
  }

  /**
   * @param {object} what
   * @param {string} what.now                       the mode that holds now
   * @param {HTMLCanvasElement} what.picture
   * @param {(mode: string, signal: AbortSignal) => Promise<import('../index.js').Explanation['predictions']>} what.answers
   * @returns {Promise<string>}  the mode that was chosen; '': none, what holds stays
   */
  async open({ now, picture, answers }) {
    this.close();
    this.#chosen = '';
    const controller = new AbortController();
    const rows = Object.entries(tools.MODE_WORDS).map(([mode, words]) => this.#row(mode, words, mode === now));
    this.#rows.replaceChildren(...rows.map(({ item }) => item));
    Object.assign(this.#canvas, { width: picture.width, height: picture.height }).getContext('2d').drawImage(picture, 0, 0);
    this.#dialog.showModal();
    const closed = new Promise((done) => { this.#dialog.addEventListener('close', done, { once: true }); });
    const shown = this.#fill(rows, answers, controller.signal);
    await Promise.race([closed, shown.then(() => closed)]).finally(() => {
      controller.abort();
      this.close();
    });
    return this.#chosen;
  }

  /** What holds stays. */
  close() {
    if (this.#dialog.open) this.#dialog.close();
  }

  async #fill(rows, answers, signal) {
    for (const { mode, list } of rows) {
      if (signal.aborted) return;
      try {
        const predictions = await answers(mode, signal);
        list.replaceChildren(...predictions.flatMap((one) => [make('span', { textContent: one.name }),
          make('span', { className: 'percent', textContent: valueOf(one) })]));
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
    }
  }

  #row(mode, words, now) {
    const button = make('button', { type: 'button' });
    button.dataset.mode = mode;
    const title = make('span', { className: 'mode' });
    const strong = make('strong', { textContent: mode });
    if (now) strong.append(' ', make('span', { className: 'now', textContent: say('page.ask.now') }));
    title.append(strong, ` ${words}`);
    const list = make('span', { className: 'answers', textContent: '…' });
    button.append(title, list);
    button.addEventListener('click', () => {
      this.#chosen = mode;
      this.close();
    });
    const item = make('li');
    item.append(button);
    return { mode, item, list };
  }
}
