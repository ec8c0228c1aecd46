/**
 * The picture with the heat over it: two canvases of the same size, so that another class, colour map
 * or opacity repaints one of them at most.
 */

/** The heat need not be finer than what a screen shows. */
const MOST_HEAT_PIXELS = 1024 * 1024;

export class Stage {
  #frame;
  #picture;
  #heat;

  /**
   * @param {HTMLElement} frame
   * @param {HTMLCanvasElement} picture
   * @param {HTMLCanvasElement} heat
   */
  constructor(frame, picture, heat) {
    this.#frame = frame;
    this.#picture = picture;
    this.#heat = heat;
  }

  /**
   * @param {{width: number, height: number, data: Uint8Array}} picture  RGBA
   * @param {string} name
   */
  setPicture({ width, height, data }, name) {
    Object.assign(this.#picture, { width, height });
    const pixels = new ImageData(new Uint8ClampedArray(data.buffer, data.byteOffset, data.length), width, height);
    this.#picture.getContext('2d').putImageData(pixels, 0, 0);
    this.#picture.dataset.name = name;
    const scale = Math.min(1, Math.sqrt(MOST_HEAT_PIXELS / (width * height)));
    this.#heat.width = Math.max(1, Math.round(width * scale));
    this.#heat.height = Math.max(1, Math.round(height * scale));
    // The same box for both, whatever the rounding.
    for (const canvas of [this.#picture, this.#heat]) canvas.style.aspectRatio = `${width} / ${height}`;
    this.#frame.removeAttribute('data-empty');
  }

  /**
   * @param {import('../api.js').HeatMap} map
   * @param {{colormap: string, opacity: number}} style
   */
  showMap(map, { colormap, opacity }) {
    const { width, height } = this.#heat;
    const { data } = map.toImageData({ picture: false, alpha: 1, colormap, width, height });
    this.#heat.getContext('2d').putImageData(new ImageData(data, width, height), 0, 0);
    this.setOpacity(opacity);
    const { name } = this.#picture.dataset;
    const [box] = map.boxes();
    const place = box ? `, strongest around ${describePlace(box, this.#picture)}` : ', nowhere';
    this.#picture.setAttribute('aria-label', `${name}, with the heatmap of ${map.class.name}${place}`);
  }

  setOpacity(opacity) {
    this.#heat.style.opacity = String(opacity);
  }
}

/** Where a box lies, in words. */
function describePlace({ x, y, width, height }, picture) {
  const third = (at, size, names) => names[Math.min(2, Math.floor((3 * at) / size))];
  const row = third(y + height / 2, picture.height, ['the top', 'the middle', 'the bottom']);
  const column = third(x + width / 2, picture.width, [' left', '', ' right']);
  return row + column;
}
