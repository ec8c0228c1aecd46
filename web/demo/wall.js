/**
 * All pictures of this visit on one wall: what the network sees in each and where, to be filtered, sorted and
 * taken away as a table or a sheet. They are looked at one after the other, whenever nothing else is asked.
 */
import { tools } from '../index.js';
import { download } from './save.js';
import { small } from './thumbnails.js';
import { say } from './words.js';

/** Pixels of a tile; its words on the sheet take LINE more. */
const [WIDTH, HEIGHT, LINE] = [216, 162, 40];
/** Columns of the sheet. */
const COLUMNS = 5;
/** What iOS gives a canvas at most. */
const MOST_PIXELS = 4096 * 4096;
/** Below this share the first answer is one of several. */
const SURE = 0.5;

const make = (tag, props = {}) => Object.assign(document.createElement(tag), props);
const simple = (text) => text.toLowerCase().replaceAll('_', ' ').trim();
/** So that clicks and paints come between two tiles. */
const pause = () => new Promise((done) => { setTimeout(done); });

/**
 * @typedef {object} Seen   of one picture
 * @property {any} model
 * @property {import('../index.js').Explanation['predictions']} predictions
 * @property {import('../index.js').HeatMap} map        of the best class
 * @property {{width: number, height: number}} size     of the picture
 * @property {boolean} unfamiliar
 */

/** Whether the best class is what the picture's folder says: true, false, or null where that is no class. */
export function judge({ predictions: [best], model }, folder) {
  if (!folder) return null;
  const wanted = simple(folder);
  if (model.cam.labels.some((label) => simple(label) === wanted)) return simple(best.name) === wanted;
  return model.groups?.some((group) => group === wanted) ? best.group === wanted : null;
}

/** One line of a table; a name that begins like a formula is none. */
export const csvLine = (values) => `${values.map((value) => {
  const text = String(value ?? '').replace(/^[=+\-@\t\r]/, (sign) => (typeof value === 'number' ? sign : `'${sign}`));
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}).join(',')}\r\n`;

export class Wall {
  #parts;
  #deeds;
  #pictures = [];
  /** @type {Map<any, {item: HTMLLIElement, canvas: HTMLCanvasElement, seen: Seen | null, error: string, mark: string,
   *   thumbnail: CanvasImageSource | null}>} */
  #tiles = new Map();
  #key = '';
  #style = null;
  #running = false;
  #stopped = false;
  #order = '';

  /**
   * @param {HTMLElement} section  with a list, a line of words, menus named filter and sort, and buttons
   * @param {object} deeds
   * @param {(picture: any) => Promise<{model: any, result: import('../index.js').Explanation}>} deeds.look
   * @param {() => boolean} deeds.idle      whether the network has nothing else to do
   * @param {(picture: any) => void} deeds.choose
   * @param {(error: any) => string} deeds.words
   */
  constructor(section, deeds) {
    const find = (selector) => section.querySelector(selector);
    this.#parts = { section, list: find('ul'), words: find('[role=status]'), filter: find('[name=filter]'), sort: find('[name=sort]'),
      stop: find('.stop') };
    this.#deeds = deeds;
    section.addEventListener('change', () => this.#arrange());
    section.querySelector('form').addEventListener('submit', (event) => event.preventDefault());
    this.#parts.stop.addEventListener('click', () => {
      this.#stopped = !this.#stopped;
      this.#tell();
      this.#run();
    });
    find('.table').addEventListener('click', () => this.saveTable());
    find('.contact').addEventListener('click', () => this.saveSheet());
  }

  /**
   * @param {any[]} pictures
   * @param {string} key      what an answer depends on: another one, and all are looked at anew
   * @param {object} style    as HeatMap.toImageData takes it, and opacity
   */
  show(pictures, key, style) {
    this.#parts.section.hidden = pictures.length < 2;
    for (const picture of this.#tiles.keys()) if (!pictures.includes(picture)) this.#tiles.delete(picture);
    for (const picture of pictures) {
      const tile = this.#tiles.get(picture);
      if (!tile) this.#tiles.set(picture, this.#tile(picture));
      else if (key === this.#key) continue;
      else Object.assign(tile, { seen: null, error: '', mark: '' });
      this.#label(picture);
    }
    this.#key = key;
    this.#pictures = [...pictures];
    const look = JSON.stringify(style);
    if (look !== JSON.stringify(this.#style)) {
      this.#style = style;
      this.#repaint();
    }
    this.#arrange();
    this.#run();
  }

  get #done() {
    return this.#pictures.filter((picture) => this.#seen(picture) || this.#tiles.get(picture).error);
  }

  #seen(picture) {
    return this.#tiles.get(picture)?.seen ?? null;
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    try {
      for (;;) {
        const picture = this.#pictures.find((one) => !this.#seen(one) && !this.#tiles.get(one).error);
        if (!picture || this.#stopped || this.#pictures.length < 2) break;
        if (!this.#deeds.idle()) {
          await new Promise((done) => { setTimeout(done, 120); });
          continue;
        }
        await this.#look(picture, this.#key);
        this.#arrange();
        await pause();
      }
    } finally {
      this.#running = false;
      this.#tell();
    }
  }

  async #look(picture, key) {
    const tile = this.#tiles.get(picture);
    try {
      const { model, result } = await this.#deeds.look(picture);
      tile.thumbnail ??= await thumbnailOf(picture.image, result.picture);
      if (key !== this.#key) return; // it is looked at again
      tile.seen = { model, predictions: result.predictions, map: result.maps[0], size: result.picture,
        unfamiliar: result.warnings.some(({ name }) => name === 'unfamiliar') };
      this.#paint(tile);
    } catch (error) {
      if (key !== this.#key) return;
      tile.error = error.code === 'cancelled' ? '' : this.#deeds.words(error);
      if (error.code === 'cancelled') await new Promise((done) => { setTimeout(done, 120); });
    }
    this.#label(picture);
  }

  #tile(picture) {
    const [item, button, canvas] = [make('li'), make('button', { type: 'button', title: picture.name }), make('canvas', { width: WIDTH, height: HEIGHT })];
    canvas.setAttribute('aria-hidden', 'true');
    button.append(canvas, make('span', { className: 'file', textContent: picture.name }), make('span', { className: 'best', textContent: '…' }));
    button.addEventListener('click', () => this.#deeds.choose(picture));
    const marks = make('span', { className: 'marks' });
    for (const mark of ['right', 'wrong']) {
      const one = make('button', { type: 'button', textContent: mark === 'right' ? say('page.wall.right') : say('page.wall.wrong') });
      one.setAttribute('aria-label', mark === 'right' ? say('page.wall.right.of', { file: picture.name }) : say('page.wall.wrong.of', { file: picture.name }));
      one.dataset.mark = mark;
      one.addEventListener('click', () => {
        const tile = this.#tiles.get(picture);
        tile.mark = tile.mark === mark ? '' : mark;
        this.#label(picture);
        this.#arrange();
      });
      marks.append(one);
    }
    item.append(button, marks);
    return { item, canvas, seen: null, error: '', mark: '', thumbnail: null };
  }

  /** 'right', 'wrong' or '': as the reader marked it, else by its folder. */
  #judged(picture) {
    const { mark, seen } = this.#tiles.get(picture);
    if (mark || !seen) return mark;
    const right = judge(seen, picture.folder);
    return right === null ? '' : right ? 'right' : 'wrong';
  }

  #label(picture) {
    const { item, seen, error } = this.#tiles.get(picture);
    const best = item.querySelector('.best');
    best.textContent = error || (seen ? answerOf(seen) : '…');
    item.toggleAttribute('data-unsure', Boolean(seen) && unsure(seen));
    const judged = this.#judged(picture);
    for (const button of item.querySelectorAll('[data-mark]')) button.setAttribute('aria-pressed', String(button.dataset.mark === judged));
  }

  /** @param {{canvas: HTMLCanvasElement, seen: Seen | null, thumbnail: CanvasImageSource | null}} tile */
  #paint({ canvas, seen, thumbnail }) {
    if (!seen) return;
    const pen = canvas.getContext('2d');
    const scale = Math.min(WIDTH / seen.size.width, HEIGHT / seen.size.height);
    const [width, height] = [seen.size.width, seen.size.height].map((side) => Math.max(1, Math.round(scale * side)));
    const [x, y] = [Math.floor((WIDTH - width) / 2), Math.floor((HEIGHT - height) / 2)];
    pen.clearRect(0, 0, WIDTH, HEIGHT);
    if (thumbnail) pen.drawImage(thumbnail, x, y, width, height);
    const { opacity, ...style } = this.#style;
    const { data } = seen.map.toImageData({ ...style, picture: false, alpha: 1, width, height });
    const heat = make('canvas', { width, height });
    heat.getContext('2d').putImageData(new ImageData(data, width, height), 0, 0);
    pen.globalAlpha = opacity;
    pen.drawImage(heat, x, y);
    pen.globalAlpha = 1;
  }

  async #repaint() {
    const style = this.#style;
    for (const tile of this.#tiles.values()) {
      if (style !== this.#style) return; // another one came
      this.#paint(tile);
      await pause();
    }
  }

  /** The pictures that the filter lets through, in their order. */
  get shown() {
    const [filter, sort] = [this.#parts.filter.value, this.#parts.sort.value];
    const through = (picture) => {
      const seen = this.#seen(picture);
      if (filter === 'all') return true;
      if (filter === 'wrong') return this.#judged(picture) === 'wrong';
      if (filter === 'unsure') return seen !== null && unsure(seen);
      return seen !== null && filter === `class:${seen.predictions[0].id}`;
    };
    const best = (picture) => this.#seen(picture)?.predictions[0];
    const share = (picture) => best(picture)?.probability ?? -1;
    const orders = {
      name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
      sure: (a, b) => share(b) - share(a),
      unsure: (a, b) => share(a) - share(b),
      class: (a, b) => (best(a)?.name ?? '').localeCompare(best(b)?.name ?? '') || share(b) - share(a),
    };
    const list = this.#pictures.filter(through);
    return orders[sort] ? list.sort(orders[sort]) : list;
  }

  #arrange() {
    this.#fillFilter();
    const { shown } = this;
    const items = shown.map((picture) => this.#tiles.get(picture).item);
    const { list } = this.#parts;
    if (items.length !== list.children.length || items.some((item, i) => item !== list.children[i])) list.replaceChildren(...items);
    this.#tell(shown.length);
  }

  /** The classes that are there, beside what is always to be chosen. */
  #fillFilter() {
    const found = new Map();
    for (const picture of this.#pictures) {
      const best = this.#seen(picture)?.predictions[0];
      if (best) found.set(best.id, best.name);
    }
    const key = [...found.keys()].sort().join();
    if (key === this.#order) return;
    this.#order = key;
    const { filter } = this.#parts;
    const before = filter.value;
    filter.querySelector('optgroup').replaceChildren(...[...found].sort((a, b) => a[1].localeCompare(b[1]))
      .map(([id, name]) => new Option(name, `class:${id}`)));
    filter.value = before;
    if (filter.selectedIndex < 0) filter.value = 'all';
  }

  #tell(shown = this.shown.length) {
    const [all, done] = [this.#pictures.length, this.#done.length];
    const { words, stop } = this.#parts;
    stop.hidden = done === all;
    stop.textContent = this.#stopped ? say('page.wall.go') : say('page.wall.stop');
    words.textContent = done < all ? say('page.wall.looking', { done, all }) : say('page.wall.shown', { shown, all });
  }

  saveTable() {
    const rows = this.shown.map((picture) => {
      const { seen, error } = this.#tiles.get(picture);
      const [best, second] = seen?.predictions ?? [];
      return csvLine([picture.name, picture.folder ?? '', best?.id, best?.name, best?.group, best?.probability, second?.name, second?.probability,
        seen ? String(seen.unfamiliar) : '', this.#judged(picture), seen?.model.cam.model.name, error]);
    });
    const head = csvLine(['file', 'folder', 'id', 'class', 'group', 'probability', 'second', 'second_probability', 'unfamiliar', 'judged', 'model', 'error']);
    // With its mark, without which some programs take UTF-8 for something else.
    download('pictures.csv', `\ufeff${head}${rows.join('')}`, 'text/csv');
  }

  async saveSheet() {
    const { shown } = this;
    if (!shown.length) return;
    const columns = Math.min(COLUMNS, shown.length);
    const rows = Math.ceil(shown.length / columns);
    const [width, height] = [columns * (WIDTH + 12) + 12, rows * (HEIGHT + LINE + 12) + 12];
    const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
    const canvas = make('canvas', { width: Math.floor(width * scale), height: Math.floor(height * scale) });
    const pen = canvas.getContext('2d');
    pen.scale(scale, scale);
    pen.fillStyle = '#fff';
    pen.fillRect(0, 0, width, height);
    pen.textBaseline = 'top';
    for (const [i, picture] of shown.entries()) {
      const tile = this.#tiles.get(picture);
      const [x, y] = [12 + (i % columns) * (WIDTH + 12), 12 + Math.floor(i / columns) * (HEIGHT + LINE + 12)];
      pen.drawImage(tile.canvas, x, y);
      pen.fillStyle = '#1d2229';
      pen.font = '600 14px system-ui, sans-serif';
      pen.fillText(tile.error || (tile.seen ? answerOf(tile.seen) : '…'), x, y + HEIGHT + 5, WIDTH);
      pen.font = '12px system-ui, sans-serif';
      pen.fillStyle = '#5a636e';
      pen.fillText(picture.name, x, y + HEIGHT + 23, WIDTH);
    }
    const blob = await new Promise((done) => { canvas.toBlob(done, 'image/png'); });
    if (!blob) throw new Error(say('page.wall.no.png'));
    download('pictures.png', blob, 'image/png');
  }
}

const unsure = ({ predictions: [best], unfamiliar }) => unfamiliar || (best.probability !== null && best.probability < SURE);

/** The best class in words: "dog: Labrador retriever 54.6 %". */
function answerOf({ predictions: [best], unfamiliar }) {
  const kind = tools.kindOf(best.name, best.group);
  const share = best.probability === null ? best.score.toPrecision(3) : say('percent', { share: best.probability });
  return `${unfamiliar ? say('page.wall.unfamiliar') : ''}${kind && say('page.kind', { kind })}${best.name} ${share}`;
}

/** The picture at a tile's size, decoded beside the page; null where the browser cannot read it. */
function thumbnailOf(image, { width, height }) {
  const scale = Math.min(1, WIDTH / width, HEIGHT / height);
  const size = { resizeWidth: Math.max(1, Math.round(scale * width)), resizeHeight: Math.max(1, Math.round(scale * height)) };
  return small(image, size);
}
