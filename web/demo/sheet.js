/**
 * The heatmap of every class on show at a glance: small pictures, one of which is pressed.
 */
import { say } from './words.js';

const WIDTH = 240; // pixels of a tile
const PIECE = 12; // ms; a task that lasts no longer is not felt

/** The next task after the screen shows what was changed now; a page that nobody sees has no frames. */
const afterFrame = () => new Promise((done) => {
  if (document.hidden) setTimeout(done);
  else requestAnimationFrame(() => setTimeout(done));
});

export class Sheet {
  #list;
  #choose;
  #tiles = new Map(); // by the class's id: {button, canvas, percent}
  #model = null; // that the ids are of
  #maps = null; // that the tiles are of
  #turn = 0;

  /**
   * @param {HTMLUListElement} list
   * @param {(id: number) => void} choose
   */
  constructor(list, choose) {
    this.#list = list;
    this.#choose = choose;
  }

  /**
   * A tile for every map, painted in pieces, so that twenty do not hold up a click: where the maps are others in
   * the next task (of a video at once, so that nothing flickers), after the next frame where only their look is.
   * The tiles of classes that stay are kept, so that a video does not make new ones for each of its pictures;
   * those of another model are not.
   * @param {any} model     whose classes they are
   * @param {import('../index.js').HeatMap[]} maps
   * @param {HTMLCanvasElement} picture
   * @param {object} style   as HeatMap.toImageData takes it, and opacity
   * @param {boolean} live   they are of a video
   */
  show(model, maps, picture, style, live) {
    const before = model === this.#model ? this.#tiles : new Map();
    const others = maps !== this.#maps;
    this.#model = model;
    this.#maps = maps;
    this.#tiles = new Map(maps.map((map) => [map.class.id, before.get(map.class.id) ?? this.#tile(map.class)]));
    const height = Math.max(1, Math.round((WIDTH * picture.height) / picture.width));
    for (const map of maps) {
      const { canvas, percent } = this.#tiles.get(map.class.id);
      percent.textContent = map.probability === null ? '' : say('percent', { share: map.probability });
      if (canvas.width !== WIDTH || canvas.height !== height) Object.assign(canvas, { width: WIDTH, height });
    }
    const items = maps.map((map) => this.#tiles.get(map.class.id).item);
    if (items.length !== this.#list.children.length || items.some((item, i) => item !== this.#list.children[i])) {
      this.#list.replaceChildren(...items);
    }
    this.#paintAll(maps, picture, style, others, live);
  }

  async #paintAll(maps, picture, style, others, live) {
    const turn = this.#turn += 1;
    if (!others) await afterFrame();
    // The task that brings other maps paints the picture and its heat already.
    for (let [i, end] = [0, others && !live ? 0 : performance.now() + PIECE]; i < maps.length && turn === this.#turn; ++i) {
      if (performance.now() > end) {
        // What was painted of another picture does not stay meanwhile.
        for (const map of others ? maps.slice(i) : []) {
          const { canvas } = this.#tiles.get(map.class.id);
          canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
        }
        others = false;
        await new Promise((done) => { setTimeout(done); });
        if (turn !== this.#turn) return;
        end = performance.now() + PIECE;
      }
      this.#paint(maps[i], picture, style);
    }
  }

  #paint(map, picture, { opacity, ...style }) {
    const { canvas } = this.#tiles.get(map.class.id);
    const { height } = canvas;
    const pen = canvas.getContext('2d');
    pen.globalAlpha = 1;
    pen.drawImage(picture, 0, 0, WIDTH, height);
    const { data } = map.toImageData({ ...style, picture: false, alpha: 1, width: WIDTH, height });
    pen.globalAlpha = opacity;
    pen.drawImage(this.#layer(data, height), 0, 0);
  }

  /** Empty places, as many as there were tiles. */
  clear() {
    this.#turn += 1;
    this.#maps = null;
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
