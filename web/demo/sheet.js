/**
 * The heatmap of every class on show at a glance: small pictures, one of which is pressed.
 */
import { say } from './words.js';

const WIDTH = 240; // pixels of a tile

export class Sheet {
  #list;
  #choose;
  #tiles = new Map(); // by the class's id: {button, canvas, percent}
  #model = null; // that the ids are of

  /**
   * @param {HTMLUListElement} list
   * @param {(id: number) => void} choose
   */
  constructor(list, choose) {
    this.#list = list;
    this.#choose = choose;
  }

  /**
   * Paints a tile for every map. The tiles of classes that stay are kept, so that a video does not make
   * new ones for each of its pictures; those of another model are not.
   * @param {any} model     whose classes they are
   * @param {import('../index.js').HeatMap[]} maps
   * @param {HTMLCanvasElement} picture
   * @param {object} style   as HeatMap.toImageData takes it, and opacity
   */
  show(model, maps, picture, { opacity, ...style }) {
    const before = model === this.#model ? this.#tiles : new Map();
    this.#model = model;
    this.#tiles = new Map(maps.map((map) => [map.class.id, before.get(map.class.id) ?? this.#tile(map.class)]));
    const height = Math.max(1, Math.round((WIDTH * picture.height) / picture.width));
    for (const map of maps) {
      const { canvas, percent } = this.#tiles.get(map.class.id);
      percent.textContent = map.probability === null ? '' : say('percent', { share: map.probability });
      if (canvas.width !== WIDTH || canvas.height !== height) Object.assign(canvas, { width: WIDTH, height });
      const pen = canvas.getContext('2d');
      pen.globalAlpha = 1;
      pen.drawImage(picture, 0, 0, WIDTH, height);
      const { data } = map.toImageData({ ...style, picture: false, alpha: 1, width: WIDTH, height });
      pen.globalAlpha = opacity;
      pen.drawImage(this.#layer(data, height), 0, 0);
    }
    const items = maps.map((map) => this.#tiles.get(map.class.id).item);
    if (items.length !== this.#list.children.length || items.some((item, i) => item !== this.#list.children[i])) {
      this.#list.replaceChildren(...items);
    }
  }

  /** Empty places, as many as there were tiles. */
  clear() {
    if (!this.#tiles.size) return;
    this.#list.replaceChildren(...Array.from(this.#tiles, () => {
      const item = document.createElement('li');
      item.append(Object.assign(document.createElement('span'), { className: 'blank' }));
      return item;
    }));
    this.#tiles = new Map();
  }

  /** Ids of the classes that have a tile. */
  get classes() {
    return [...this.#tiles.keys()].join();
  }

  /** @param {number} shown  id of the class whose heatmap is on show */
  press(shown) {
    for (const [id, { button }] of this.#tiles) button.setAttribute('aria-pressed', String(id === shown));
  }

  #scratch = document.createElement('canvas');

  #layer(data, height) {
    if (this.#scratch.height !== height) Object.assign(this.#scratch, { width: WIDTH, height });
    this.#scratch.getContext('2d').putImageData(new ImageData(data, WIDTH, height), 0, 0);
    return this.#scratch;
  }

  #tile({ id, name }) {
    const make = (tag, props = {}) => Object.assign(document.createElement(tag), props);
    const [item, button, canvas] = [make('li'), make('button', { type: 'button', title: name }), make('canvas')];
    const percent = make('span');
    const words = make('span', { className: 'name' });
    words.append(make('span', { textContent: name }), percent);
    button.append(canvas, words);
    button.addEventListener('click', () => this.#choose(id));
    item.append(button);
    return { item, button, canvas, percent };
  }
}
