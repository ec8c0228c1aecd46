/**
 * The picture with the heat over it: canvases of the same size, so that another class, colour map or
 * opacity repaints one of them at most. A second heat, for comparing, lies beside the first along a
 * line that the reader moves, or the two are subtracted. Below it, what the colours mean.
 */

import { say } from './words.js';

/** Of a difference: where the first map is larger, and where the second is. */
const MORE = [230, 120, 20];
const LESS = [40, 110, 220];

/** The heat need not be finer than what a screen shows. */
const MOST_HEAT_PIXELS = 768 * 768;

/** What the frame shows on any screen; of more, the browser has its main thread take each change to the screen for 50 ms. */
export const MOST_PICTURE_PIXELS = 2400 * 2400;

const SVG = 'http://www.w3.org/2000/svg';

export class Stage {
  #frame;
  #picture;
  #second; // the picture again, beside it
  #heats;
  #boxes;
  #readout;
  #chips;
  #scale;
  #shown = null; // {map, other, names}
  #name = '';
  #size = { width: 0, height: 0 };
  #timer = 0;
  #wipe = 0.5;
  /** Of maps; each is a search through all of its pixels. @type {WeakMap<any, import('../index.js').Box[]>} */
  #found = new WeakMap();

  /**
   * @param {HTMLElement} frame  holds .picture, two .heat, .boxes, two .chip and .readout
   * @param {HTMLElement} scale  holds a span, a canvas and a span
   * @param {(share: number) => void} moved  the border between two heats was dragged
   */
  constructor(frame, scale, moved) {
    this.#scale = scale;
    this.#chips = [...frame.querySelectorAll('.chip')];
    const drag = ({ clientX }) => {
      const { left, width } = frame.getBoundingClientRect();
      moved(Math.max(0, Math.min(1, (clientX - left) / width)));
    };
    frame.addEventListener('pointerdown', (event) => {
      if (!frame.hasAttribute('data-wipe') || event.button !== 0) return;
      frame.setPointerCapture(event.pointerId);
      drag(event);
    });
    frame.addEventListener('pointermove', (event) => {
      if (frame.hasPointerCapture(event.pointerId)) drag(event);
    });
    this.#frame = frame;
    [this.#picture, this.#second] = frame.querySelectorAll('.picture');
    this.#heats = [...frame.querySelectorAll('.heat')];
    this.#boxes = frame.querySelector('.boxes');
    this.#readout = frame.querySelector('.readout');
    frame.addEventListener('pointermove', (event) => this.#read(event));
    // A finger leaves when it lifts: what it tapped on stays to be read.
    frame.addEventListener('pointerup', (event) => event.pointerType === 'touch' && this.#read(event));
    frame.addEventListener('pointercancel', () => { this.#readout.hidden = true; });
    frame.addEventListener('pointerleave', ({ pointerType }) => {
      if (pointerType !== 'touch') this.#readout.hidden = true;
    });
  }

  /**
   * @param {{width: number, height: number}} own   the picture's own size
   * @param {{width: number, height: number, data: Uint8Array | Uint8ClampedArray}} pixels  RGBA, at most MOST_PICTURE_PIXELS
   * @param {string} name
   */
  setPicture(own, { width, height, data }, name) {
    this.#resize(own.width, own.height, width, height);
    const pixels = new ImageData(new Uint8ClampedArray(data.buffer, data.byteOffset, data.length), width, height);
    this.#picture.getContext('2d').putImageData(pixels, 0, 0);
    this.#name = name;
  }

  /** A frame of a video. @param {CanvasImageSource} frame */
  setFrame(frame, width, height) {
    if (this.#size.width !== width || this.#size.height !== height) this.#resize(width, height);
    this.#picture.getContext('2d').drawImage(frame, 0, 0, width, height);
    this.#name = say('page.camera.frame');
  }

  /** The picture's own size, and that of its canvas. */
  #resize(width, height, columns = width, rows = height) {
    this.#size = { width, height };
    Object.assign(this.#picture, { width: columns, height: rows });
    const scale = Math.min(1, Math.sqrt(MOST_HEAT_PIXELS / (width * height)));
    for (const heat of this.#heats) {
      heat.width = Math.max(1, Math.round(width * scale));
      heat.height = Math.max(1, Math.round(height * scale));
    }
    this.#boxes.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.#frame.style.setProperty('--ratio', String(width / height));
    this.#frame.removeAttribute('data-empty');
  }

  get picture() {
    return this.#picture;
  }

  /**
   * Nothing is known of the picture, or there is none: no heat, no boxes, no scale.
   * @param {{empty?: boolean}} [options]  empty: without the picture too
   */
  clear({ empty = false } = {}) {
    this.#shown = null;
    clearTimeout(this.#timer);
    for (const canvas of this.#heats) canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
    this.#heats[1].hidden = true;
    this.#second.hidden = true;
    this.#frame.removeAttribute('data-beside');
    this.#boxes.replaceChildren();
    this.#chips.forEach((chip) => { chip.hidden = true; });
    this.#readout.hidden = true;
    this.#scale.setAttribute('data-empty', '');
    this.#frame.removeAttribute('data-wipe');
    if (empty) this.#frame.setAttribute('data-empty', '');
    this.#picture.setAttribute('aria-label', empty ? say('page.stage.none') : this.#name);
  }

  /** What is on the screen as one canvas: picture, heat or both heats, boxes. */
  toCanvas() {
    const { width, height } = this.#picture;
    const beside = this.#frame.hasAttribute('data-beside');
    const canvas = Object.assign(document.createElement('canvas'), { width: beside ? 2 * width : width, height });
    const pen = canvas.getContext('2d');
    pen.drawImage(this.#picture, 0, 0);
    if (beside) pen.drawImage(this.#picture, width, 0);
    const border = this.#frame.hasAttribute('data-wipe') ? width * this.#wipe : width;
    for (const [i, heat] of this.#heats.entries()) {
      if (heat.hidden) continue;
      const left = beside && i === 1 ? width : 0;
      pen.save();
      pen.beginPath();
      if (beside) pen.rect(left, 0, width, height);
      else if (i === 0) pen.rect(0, 0, border, height);
      else pen.rect(border, 0, width - border, height);
      pen.clip();
      pen.globalAlpha = Number(heat.style.opacity);
      pen.drawImage(heat, left, 0, width, height);
      pen.restore();
    }
    pen.scale(width / this.#size.width, height / this.#size.height);
    const unit = Math.max(this.#size.width, this.#size.height) / 500;
    for (const rect of this.#boxes.children) {
      const box = ['x', 'y', 'width', 'height'].map((name) => Number(rect.getAttribute(name)));
      const main = rect.classList.contains('main');
      pen.setLineDash(main ? [] : [5 * unit, 4 * unit]);
      for (const [colour, thick] of [['#000', main ? 4.5 : 3.5], ['#fff', main ? 3 : 2]]) {
        Object.assign(pen, { strokeStyle: colour, lineWidth: thick * unit });
        pen.strokeRect(...box);
      }
    }
    return canvas;
  }

  /**
   * @param {import('../index.js').HeatMap} map
   * @param {object} style
   * @param {string} style.colormap
   * @param {Uint8Array} style.colours   the 256 of it
   * @param {string} style.interpolation
   * @param {number} style.fade
   * @param {number} style.opacity
   * @param {boolean} style.boxes
   * @param {(map: import('../index.js').HeatMap) => number} [style.max]  what has the colours' end, where all classes have one scale
   * @param {{map: import('../index.js').HeatMap, names: string[]} | null} [compared]   the map to compare
   *   with, and what tells the two apart: classes or layers
   * @param {'wipe' | 'beside' | 'difference'} [view]
   */
  show(map, style, compared = null, view = 'wipe') {
    const other = compared?.map ?? null;
    const names = compared?.names ?? [map.class.name];
    this.#shown = { map, other, names };
    this.#chips.forEach((chip, i) => {
      chip.hidden = !other;
      chip.textContent = names[i] ?? '';
    });
    const [first, second] = this.#heats;
    const subtracted = other !== null && view === 'difference';
    const beside = other !== null && view === 'beside';
    second.hidden = !other || subtracted;
    this.#second.hidden = !beside;
    if (beside) {
      Object.assign(this.#second, { width: this.#picture.width, height: this.#picture.height });
      this.#second.getContext('2d').drawImage(this.#picture, 0, 0);
    }
    this.#frame.toggleAttribute('data-wipe', other !== null && !beside && !subtracted);
    this.#frame.toggleAttribute('data-beside', beside);
    if (subtracted) paint(first, difference(map, other, first, style));
    else paint(first, heat(map, first, style));
    if (!second.hidden) paint(second, heat(other, second, style));
    this.setOpacity(style.opacity);
    if (subtracted) this.#drawScale(say('page.scale.more', { name: names[1] }), say('page.scale.more', { name: names[0] }), differenceColours());
    else this.#drawScale(say('page.scale.none'), strongest(map, style.max), style.colours);
    this.#drawBoxes(style.boxes ? this.#boxesOf(map) : []);
    // The words may come a moment after the picture, and not at all for the frames of a video.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#picture.setAttribute('aria-label', this.#describe(map, other && names[1])), 300);
  }

  /** What the colours mean. @param {Uint8Array} colours  256 RGB triples */
  #drawScale(low, high, colours) {
    const [from, to] = this.#scale.querySelectorAll('span');
    from.textContent = low;
    to.textContent = high;
    const strip = new ImageData(256, 1);
    for (let i = 0; i < 256; ++i) strip.data.set([...colours.subarray(3 * i, 3 * i + 3), 255], 4 * i);
    this.#scale.querySelector('canvas').getContext('2d').putImageData(strip, 0, 0);
    this.#scale.removeAttribute('data-empty');
  }

  setOpacity(opacity) {
    for (const canvas of this.#heats) canvas.style.opacity = String(opacity);
  }

  /** @param {number} share  of the width that the first heat has, when two are compared */
  setWipe(share) {
    this.#wipe = share;
    this.#frame.style.setProperty('--wipe', `${100 * share}%`);
  }

  #drawBoxes(boxes) {
    this.#boxes.replaceChildren(...boxes.map(({ x, y, width, height }, index) => {
      const rect = document.createElementNS(SVG, 'rect');
      Object.entries({ x, y, width, height }).forEach(([name, value]) => rect.setAttribute(name, value));
      rect.classList.toggle('main', index === 0);
      return rect;
    }));
  }

  /** The map's value under the pointer. */
  #read({ clientX, clientY }) {
    if (!this.#shown) return;
    const { map, other, names } = this.#shown;
    const frame = this.#frame.getBoundingClientRect();
    const right = this.#frame.hasAttribute('data-beside') && clientX > frame.left + frame.width / 2;
    const box = (right ? this.#second : this.#picture).getBoundingClientRect();
    const { width, height } = this.#picture;
    const scale = Math.min(box.width / width, box.height / height);
    const x = (clientX - box.left - (box.width - width * scale) / 2) / scale / width;
    const y = (clientY - box.top - (box.height - height * scale) / 2) / scale / height;
    this.#readout.hidden = !(x >= 0 && x < 1 && y >= 0 && y < 1);
    if (this.#readout.hidden) return;
    const value = (one, name) => {
      const [column, row] = [Math.floor(x * one.width), Math.floor(y * one.height)];
      const at = row * one.width + column;
      return say('page.stage.value', { name, value: one.normalized[at].toFixed(2), raw: one.raw[at].toPrecision(3), row, column,
        rows: one.height, columns: one.width });
    };
    this.#readout.textContent = other ? `${value(map, names[0])}  \u00b7  ${value(other, names[1])}` : value(map, names[0]);
  }

  #boxesOf(map) {
    if (!this.#found.has(map)) this.#found.set(map, map.boxes());
    return this.#found.get(map);
  }

  #describe(map, other) {
    const [box] = this.#boxesOf(map);
    return say('page.stage.described', { picture: this.#name, name: map.class.name, other,
      place: box ? describePlace(box, this.#size) : '' });
  }
}

/** What the end of the colours stands for. */
function strongest(map, scale) {
  if (!(map.max > 0)) return say('page.scale.strongest.none');
  if (!scale) return say('page.scale.strongest', { own: map.max.toPrecision(3) });
  return say('page.scale.share', { own: say('percent', { share: map.max / scale(map) }) });
}

function heat(map, { width, height }, { colormap, interpolation, fade, max }) {
  return map.toImageData({ picture: false, alpha: 1, colormap, interpolation, fade, width, height, ...(max === undefined ? {} : { max }) });
}

/** Where the first map is larger, orange; where the second is, blue; both from 0 to 1. */
function difference(map, other, canvas, style) {
  const gray = { ...style, colormap: 'gray', fade: 0 };
  const [a, b] = [map, other].map((one) => heat(one, canvas, gray).data);
  for (let i = 0; i < a.length; i += 4) {
    const more = a[i] - b[i];
    a.set(more >= 0 ? [...MORE, more] : [...LESS, -more], i);
  }
  return { width: canvas.width, height: canvas.height, data: a };
}

/** From the one over nothing to the other, on a ground that is neither. */
function differenceColours() {
  const colours = new Uint8Array(768);
  for (let i = 0; i < 256; ++i) {
    const share = Math.abs(i - 127.5) / 127.5;
    const end = i < 128 ? LESS : MORE;
    end.forEach((value, c) => { colours[3 * i + c] = 245 + share * (value - 245); });
  }
  return colours;
}

function paint(canvas, { width, height, data }) {
  canvas.getContext('2d').putImageData(new ImageData(data, width, height), 0, 0);
}

/** Where a box lies, in words. */
function describePlace({ x, y, width, height }, picture) {
  const third = (at, size) => Math.min(2, Math.floor((3 * at) / size));
  return say('page.stage.place', { row: third(y + height / 2, picture.height), column: third(x + width / 2, picture.width) });
}
