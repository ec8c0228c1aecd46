/**
 * What every step is built from: elements, numbers as text, small planes as pixels, plots.
 *
 * A plane is h x w values, row by row. A table is 256 RGB triples.
 */

import { tools } from '../../index.js';

export const { say } = tools;

/**
 * @param {string} tag
 * @param {Record<string, any>} [props]   properties; class, and names with a dash, are attributes
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === 'class') element.className = value;
    else if (name.includes('-') || name === 'role') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Text that somebody who knows no symbols does not see. */
export const symbolic = (text) => make('span', { class: 'symbolic', textContent: text });

/** A^k as text. */
export const channel = (k) => make('span', {}, 'A', make('sup', { textContent: String(k) }));

/** A number with three figures that matter: 0.0123, −4.56, 1.2e−7. */
export function figure(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text = size < 1e-3 || size >= 1e5 ? value.toExponential(1) : value.toPrecision(3);
  return text.replaceAll('-', '−');
}

export const percent = (share) => say('percent', { share });

/** In a sentence: what is not 0 is never called 0.0 %, what is not all never 100.0 %. */
export const shareOf = (share) => say('share', { share });

/** Of an unknown sign, with so many places and a real minus, which 0 has not. */
export const fixed = (value, places) => {
  const text = value.toFixed(places);
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−');
};

/**
 * Numbers rounded to so many places such that they still add up to their rounded sum: those that lose most by
 * rounding are rounded the other way. Who adds them up finds what stands behind the equals sign.
 * @param {number[]} values
 * @param {number} places
 */
export function roundTogether(values, places) {
  const unit = 10 ** places;
  const rounded = values.map((value) => Math.round(value * unit));
  const missing = Math.round(values.reduce((sum, value) => sum + value, 0) * unit) - rounded.reduce((sum, value) => sum + value, 0);
  const lost = (i) => (values[i] * unit - rounded[i]) * Math.sign(missing);
  const order = [...values.keys()].sort((a, b) => lost(b) - lost(a));
  for (const i of order.slice(0, Math.abs(missing))) rounded[i] += Math.sign(missing);
  return rounded.map((value) => value / unit);
}

/** Smallest, largest and mean value of values[from .. from + count). */
export function range(values, from = 0, count = values.length) {
  let [low, high, sum] = [Infinity, -Infinity, 0];
  for (let i = from; i < from + count; ++i) {
    const value = values[i];
    if (value < low) low = value;
    if (value > high) high = value;
    sum += value;
  }
  return { low, high, mean: sum / count, size: Math.max(Math.abs(low), Math.abs(high)) };
}

/** Blue for negative, nearly white for zero, orange for positive: told apart by colour-blind eyes. */
export const SIGNED = (() => {
  const stops = [[5, 48, 97], [67, 147, 195], [247, 246, 243], [241, 163, 64], [127, 59, 8]];
  const table = new Uint8Array(768);
  for (let i = 0; i < 256; ++i) {
    const at = (i / 255) * 4;
    const low = Math.min(3, Math.floor(at));
    for (let c = 0; c < 3; ++c) {
      table[3 * i + c] = Math.round(stops[low][c] + (at - low) * (stops[low + 1][c] - stops[low][c]));
    }
  }
  return table;
})();

/**
 * Writes a plane's colours into RGBA pixels.
 * @param {Uint8ClampedArray} pixels
 * @param {number} stride   pixels in a row of it
 * @param {number} at       the first pixel
 * @param {{values: ArrayLike<number>, from?: number, width: number, height: number, table: Uint8Array,
 *   low: number, high: number}} plane
 */
export function colour(pixels, stride, at, { values, from = 0, width, height, table, low, high }) {
  const scale = high > low ? 255 / (high - low) : 0;
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      const level = Math.max(0, Math.min(255, Math.round(scale * (values[from + y * width + x] - low))));
      const to = 4 * (at + y * stride + x);
      for (let c = 0; c < 3; ++c) pixels[to + c] = table[3 * level + c];
      pixels[to + 3] = 255;
    }
  }
}

/** A canvas of another size; styles that know how tall it may be need its shape. @param {HTMLCanvasElement} canvas */
export function shape(canvas, width, height) {
  Object.assign(canvas, { width, height });
  canvas.style.setProperty('--ratio', String(width / height));
}

/** @param {HTMLCanvasElement} canvas  becomes as large as the plane */
export function drawPlane(canvas, plane) {
  shape(canvas, plane.width, plane.height);
  const image = new ImageData(plane.width, plane.height);
  colour(image.data, plane.width, 0, plane);
  canvas.getContext('2d').putImageData(image, 0, 0);
}

/** @param {HTMLCanvasElement} canvas @param {{width: number, height: number, data: any}} picture RGBA */
export function drawPicture(canvas, { width, height, data }) {
  shape(canvas, width, height);
  canvas.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
}

/** The heat of a map, to lie over a picture; at most 512 pixels wide. */
export function drawHeat(canvas, map, colormap, { interpolation = 'bilinear', fade = 0 } = {}) {
  const { width, height } = map.picture;
  const scale = Math.min(1, 512 / Math.max(width, height));
  drawPicture(canvas, map.toImageData({ picture: false, alpha: 1, colormap, interpolation, fade,
    width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }));
}

/**
 * Heat on a scale that the caller says, so that two maps can be compared: what reaches `most` is full, and
 * near 0 it fades out.
 * @param {HTMLCanvasElement} canvas
 * @param {{values: ArrayLike<number>, width: number, height: number, picture: {width: number, height: number},
 *   view?: any}} map
 * @param {Uint8Array} table
 * @param {number} most
 */
export function drawHeatTo(canvas, { values, width, height, picture, view = null }, table, most) {
  const scale = Math.min(1, 384 / Math.max(picture.width, picture.height));
  const [w, h] = [picture.width, picture.height].map((size) => Math.max(1, Math.round(size * scale)));
  const data = Float32Array.from(values, (value) => (most > 0 ? Math.max(0, value) / most : 0));
  const shares = tools.resize({ data, width, height }, w, h, 'bilinear', view && {
    x: view.x * scale, y: view.y * scale, width: view.width * scale, height: view.height * scale });
  const pixels = new ImageData(w, h);
  shares.forEach((share, i) => {
    const level = Math.min(255, Math.round(255 * share));
    for (let c = 0; c < 3; ++c) pixels.data[4 * i + c] = table[3 * level + c];
    pixels.data[4 * i + 3] = Math.min(255, Math.round(255 * tools.FADE * share));
  });
  Object.assign(canvas, { width: w, height: h });
  canvas.getContext('2d').putImageData(pixels, 0, 0);
}

/** A frame that is seen on light and on dark. @param {{x: number, y: number, width: number, height: number}} box */
export function drawFrame(canvas, box, line = Math.max(1.5, canvas.width / 240)) {
  const pen = canvas.getContext('2d');
  for (const [style, size] of [['#000', line * 2.2], ['#fff', line]]) {
    pen.strokeStyle = style;
    pen.lineWidth = size;
    pen.strokeRect(box.x, box.y, box.width, box.height);
  }
}

/** With a sign and a real minus: +0.12, −3.40. */
export const signed = (value) => `${value > 0 ? '+' : ''}${figure(value)}`;

/** A name of a place as people count: row 1 is the first. */
export const placeName = ({ x, y }) => say('step.place', { row: y + 1, column: x + 1 });

/**
 * Where somebody points: a mouse when it presses, a finger when it lifts; one that scrolls the page lifts nowhere.
 * @param {HTMLElement} element @param {(event: PointerEvent) => void} act
 */
export function onPoint(element, act) {
  element.addEventListener('pointerdown', (event) => event.pointerType !== 'touch' && act(event));
  element.addEventListener('pointerup', (event) => event.pointerType === 'touch' && act(event));
}

/** Where a pointer moves; a finger that goes up or down scrolls the page. @param {HTMLElement} element @param {(event: PointerEvent) => void} act */
export function onMove(element, act) {
  element.style.touchAction = 'pan-y';
  element.addEventListener('pointermove', act);
}

/**
 * Lets pointer and arrow keys choose a cell of a grid that lies over a canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {() => {columns: number, rows: number, at: {x: number, y: number}} | null} grid
 * @param {(cell: {x: number, y: number}) => void} choose
 * @param {'pointermove' | 'pointerdown'} event   what of a pointer chooses
 */
export function chooseCell(canvas, grid, choose, event) {
  canvas.tabIndex = 0;
  const point = ({ clientX, clientY }) => {
    const now = grid();
    if (!now) return;
    const box = canvas.getBoundingClientRect();
    const clip = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    choose({ x: clip((clientX - box.left) / box.width, now.columns), y: clip((clientY - box.top) / box.height, now.rows) });
  };
  onPoint(canvas, point);
  if (event === 'pointermove') onMove(canvas, point);
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener('keydown', (pressed) => {
    const now = grid();
    if (!now || !moves[pressed.key]) return;
    const [x, y] = moves[pressed.key];
    pressed.preventDefault();
    choose({ x: Math.max(0, Math.min(now.columns - 1, now.at.x + x)), y: Math.max(0, Math.min(now.rows - 1, now.at.y + y)) });
  });
}

export const planeCanvas = (label, more = '') => make('canvas', { class: `plane pixels ${more}`, role: 'img', 'aria-label': label });

/** Says which cell of a plane the pointer is over. @param {(cell: {x: number, y: number} | null) => void} say */
export function onCell(canvas, say) {
  const read = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
    const inside = x >= 0 && y >= 0 && x < canvas.width && y < canvas.height;
    say(inside ? { x, y } : null);
  };
  onPoint(canvas, read);
  onMove(canvas, read);
  // A finger leaves when it lifts: what it asked for stays to be read.
  canvas.addEventListener('pointerleave', ({ pointerType }) => pointerType !== 'touch' && say(null));
}

/** A list of figures with names; set() fills it. */
export function figures() {
  const element = make('dl', { class: 'figures' });
  return {
    element,
    /** @param {[string, string][]} rows */
    set: (rows) => element.replaceChildren(...rows.flatMap(([name, value]) => (
      [make('dt', { textContent: name }), make('dd', { textContent: value })]))),
  };
}

/** A strip that says what the colours mean. */
export function legend() {
  const strip = make('canvas', { 'aria-hidden': 'true' });
  const [low, high] = [make('span'), make('span')];
  return {
    element: make('div', { class: 'legend' }, low, strip, high),
    set(table, from, to) {
      drawPlane(strip, { values: Float32Array.from({ length: 256 }, (_, i) => i), width: 256, height: 1, table, low: 0, high: 255 });
      low.textContent = from;
      high.textContent = to;
    },
  };
}

/** A labelled control: label('Order', select). */
export const label = (text, control, ...more) => make('label', {}, make('span', { textContent: text }), control, ...more);

/** @param {[string, string][]} options value and text */
export const select = (options, chosen) => make('select', {}, ...options.map(([value, text]) => (
  new Option(text, value, value === chosen, value === chosen))));

export const button = (text, act, props = {}) => {
  const element = make('button', { type: 'button', class: 'action', textContent: text, ...props });
  element.addEventListener('click', act);
  return element;
};

/**
 * A canvas for a plot, drawn again when its size or the page's colours change.
 * @param {string} name    for those who do not see it
 * @param {(context: CanvasRenderingContext2D, size: {width: number, height: number},
 *   ink: Record<string, string>) => void} draw   in CSS pixels
 */
export function plot(name, draw) {
  const canvas = make('canvas', { class: 'plot', role: 'img', 'aria-label': name });
  const paint = (scheme) => {
    const { width, height } = canvas.getBoundingClientRect();
    if (!width || !canvas.isConnected) return;
    const density = Math.min(3, globalThis.devicePixelRatio || 1);
    Object.assign(canvas, { width: Math.round(width * density), height: Math.round(height * density) });
    const context = canvas.getContext('2d');
    context.scale(density, density);
    canvas.style.colorScheme = scheme;
    const style = getComputedStyle(canvas);
    // As a colour in use: the property itself may be light-dark(...), which a canvas takes for none.
    const ink = Object.fromEntries(['accent', 'ink', 'muted', 'line', 'plus', 'minus', 'sunk'].map((key) => {
      canvas.style.color = `var(--${key})`;
      return [key, style.color];
    }));
    canvas.style.color = '';
    canvas.style.colorScheme = '';
    context.font = `12px ${style.fontFamily}`;
    draw(context, { width, height }, ink);
  };
  const redraw = () => paint('');
  const sizes = new ResizeObserver(redraw);
  sizes.observe(canvas);
  // Paper is light, whatever the screen is.
  const forPaper = () => paint('light');
  addEventListener('beforeprint', forPaper);
  addEventListener('afterprint', redraw);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', redraw);
  return {
    canvas,
    redraw,
    stop() {
      sizes.disconnect();
      dark.removeEventListener('change', redraw);
      removeEventListener('beforeprint', forPaper);
      removeEventListener('afterprint', redraw);
    },
  };
}

/**
 * Work that asks the engine, one request at a time: calls that come meanwhile are answered by one more run.
 * @param {() => Promise<void>} work
 * @param {(error: unknown) => void} fail
 * @returns {() => Promise<void>}
 */
export function oneAtATime(work, fail) {
  let busy = false;
  let again = false;
  return async () => {
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      try {
        await work();
      } catch (error) {
        fail(error); // what was asked meanwhile is asked all the same
      }
    }
    busy = false;
  };
}
