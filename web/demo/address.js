/**
 * The address: says what is on the screen, so that a link, a reload, and the browser's back and forward
 * bring it again. What came as a file is in no address; the history of this visit remembers it.
 */
import { readLink } from './state.js';

/** Of a slider's values the last is written, so many ms after it: Safari takes 100 in 30 s, and then throws. */
const REST = 250;

export class Address {
  /** Files of this visit, by their place. */
  #things = [];
  #visit = performance.timeOrigin;
  #written = location.hash;
  #last = '';
  #state = null; // of the history, as written
  /** What is about to be written. @type {{hash: string, state: any} | null} */
  #waiting = null;
  #timer = 0;

  /** @param {(link: import('./state.js').Link, files: {picture?: any, model?: any}) => void} follow  another address came */
  constructor(follow) {
    const came = () => {
      if (location.hash === this.#written && same(history.state, this.#state)) return;
      // The page's own "skip to ..." leads to a part of it and says nothing of what is shown.
      if (location.hash && document.getElementById(location.hash.slice(1))) {
        history.replaceState(this.#state, '', location.pathname + location.search + this.#written);
        return;
      }
      this.#waiting = null;
      this.#state = history.state;
      this.#written = location.hash;
      this.#last = '';
      follow(readLink(location.hash), this.#files());
    };
    addEventListener('popstate', came);
    addEventListener('hashchange', came);
    addEventListener('pagehide', () => this.settle());
  }

  get link() {
    return readLink(location.hash);
  }

  /**
   * Writes what is on the screen. Several changes of one thing, a slider's, are one step of the history.
   * @param {string} hash
   * @param {{picture?: any, model?: any}} files   what the address cannot name
   */
  write(hash, files) {
    const places = Object.fromEntries(Object.entries(files).filter(([, thing]) => thing).map(([name, thing]) => [name, this.#place(thing)]));
    const [before, now] = [history.state ?? {}, { visit: this.#visit, ...places }];
    const changed = [...changes(this.#waiting?.hash ?? this.#written, hash), ...(same(before, now) ? [] : ['file'])].join();
    const ours = before.visit === this.#visit;
    if (!changed && ours) return;
    const again = ours && changed === this.#last && !/\b(file|sample|picture|model)\b/.test(changed);
    this.#last = changed;
    if (again) {
      this.#waiting = { hash, state: now };
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.settle(), REST);
      return;
    }
    this.settle();
    this.#put(ours && changed ? 'pushState' : 'replaceState', hash, now);
  }

  /** The address says what is on the screen now. */
  settle() {
    if (this.#waiting) this.#put('replaceState', this.#waiting.hash, this.#waiting.state);
    this.#waiting = null;
  }

  #put(how, hash, state) {
    this.#written = hash;
    this.#state = state;
    history[how](state, '', location.pathname + location.search + hash);
  }

  #place(thing) {
    const at = this.#things.indexOf(thing);
    return at >= 0 ? at : this.#things.push(thing) - 1;
  }

  #files() {
    const { visit, picture, model } = history.state ?? {};
    return visit === this.#visit ? { picture: this.#things[picture], model: this.#things[model] } : {};
  }
}

/** Whether two entries of the history mean the same files. */
const same = (one, other) => ['visit', 'picture', 'model'].every((name) => one?.[name] === other?.[name]);

/** Names of what differs between two links. */
function changes(one, other) {
  const [a, b] = [one, other].map((hash) => new URLSearchParams(hash.replace(/^#/, '')));
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name)).sort();
}
