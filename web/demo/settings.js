/**
 * The settings of the page: one form, kept in the address, so that a link carries them.
 */

/** What each is where the address does not say. Names are those of the form's controls. */
const DEFAULTS = {
  method: 'gradcam', score: 'logit', layer: '', colormap: 'viridis', alpha: '0.6', interpolation: 'bilinear',
  fade: '1', boxes: '', top: '5', preprocess: '', compare: '', view: 'wipe',
};

/** What a link can name beside the settings: a bundled picture and a model known by name. */
const NAMED = ['sample', 'model'];

export class Settings {
  #form;
  #wanted;
  #named;

  /**
   * @param {HTMLFormElement} form
   * @param {(name: string) => void} changed  a control has another value
   */
  constructor(form, changed) {
    this.#form = form;
    const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    this.#wanted = { ...DEFAULTS, ...given };
    this.#named = Object.fromEntries(NAMED.map((name) => [name, given[name] ?? '']));
    for (const name of Object.keys(DEFAULTS)) this.set(name, this.#wanted[name]);
    form.addEventListener('input', ({ target }) => {
      if (!Object.hasOwn(DEFAULTS, target.name)) return;
      this.#write();
      changed(target.name);
    });
  }

  get(name) {
    const control = this.#form.elements[name];
    if (control instanceof RadioNodeList) return control.value;
    return control.type === 'checkbox' ? (control.checked ? '1' : '') : control.value;
  }

  set(name, value) {
    const control = this.#form.elements[name];
    if (control.type === 'checkbox') control.checked = value === '1';
    else control.value = value;
  }

  /** @param {'sample' | 'model'} name */
  named(name) {
    return this.#named[name];
  }

  /** @param {'sample' | 'model'} name @param {string} value  '': none that a link could name */
  setNamed(name, value) {
    this.#named[name] = value;
    this.#write();
  }

  /** Fills a menu; the value that the address asked for is taken if it is there. */
  fill(name, options) {
    const select = this.#form.elements[name];
    const before = select.options.length ? select.value : this.#wanted[name];
    select.replaceChildren(...options.map(({ value, text = value }) => new Option(text, value)));
    select.value = options.some(({ value }) => value === before) ? before : DEFAULTS[name];
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }

  /** The address with every setting that is not the usual one. */
  link() {
    const different = Object.keys(DEFAULTS).filter((name) => this.get(name) !== DEFAULTS[name]);
    const named = NAMED.filter((name) => this.#named[name]);
    const hash = new URLSearchParams([...named.map((name) => [name, this.#named[name]]),
      ...different.map((name) => [name, this.get(name)])]).toString();
    return `${location.origin}${location.pathname}${hash && `#${hash}`}`;
  }

  /** As plain values, for files that are saved. */
  all() {
    return Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, this.get(name)]));
  }

  #write() {
    history.replaceState(null, '', this.link());
  }
}
