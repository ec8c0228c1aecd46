/**
 * The form with the settings: shows those of the state, and says what the reader changed.
 */
import { DEFAULTS } from './state.js';

export class Settings {
  #form;

  /**
   * @param {HTMLFormElement} form
   * @param {(name: string, value: string) => void} changed  a control has another value
   */
  constructor(form, changed) {
    this.#form = form;
    form.addEventListener('submit', (event) => event.preventDefault());
    // A control of the form may stand outside of it, beside what it changes.
    document.addEventListener('input', ({ target }) => {
      if (target.form === form && Object.hasOwn(DEFAULTS, target.name)) changed(target.name, this.#get(target.name));
    });
  }

  /** @param {Record<string, string>} settings */
  show(settings) {
    for (const [name, value] of Object.entries(settings)) {
      const control = this.#form.elements[name];
      if (!control || this.#get(name) === value) continue;
      if (control.type === 'checkbox') control.checked = value === '1';
      else control.value = value;
    }
  }

  /** Fills a menu. @param {{value: string, text?: string}[]} options */
  fill(name, options) {
    const select = this.#form.elements[name];
    const same = select.options.length === options.length &&
      options.every(({ value, text = value }, i) => select.options[i].value === value && select.options[i].text === text);
    if (same) return;
    const before = select.value;
    select.replaceChildren(...options.map(({ value, text = value }) => new Option(text, value)));
    if (options.some(({ value }) => value === before)) select.value = before;
  }

  #get(name) {
    const control = this.#form.elements[name];
    return control.type === 'checkbox' ? (control.checked ? '1' : '') : control.value;
  }
}
