/**
 * Predict by painting: where would the network find evidence for its second guess? The reader marks cells of
 * the map; then the map is laid over them, and says how much of its evidence they hold.
 */
import { tools } from '../../index.js';

const { say } = tools;
const MOST = 1 / 3; // of the picture: who paints everything has guessed nothing

/**
 * @param {any} hero      the element whose result tells picture and classes
 * @param {import('./predict.js').Score} score
 */
export function paintBefore(hero, score) {
  const make = (tag, props = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), props);
    element.append(...children);
    return element;
  };
  const text = make('p', { className: 'question', textContent: say('guess.wait') });
  const photo = make('canvas', { className: 'photo', tabIndex: 0 });
  photo.setAttribute('role', 'application');
  photo.setAttribute('aria-label', say('paint.photo'));
  const show = make('button', { type: 'button', className: 'choice', textContent: say('paint.show'), disabled: true });
  const clear = make('button', { type: 'button', className: 'quiet', textContent: say('paint.clear') });
  const verdict = make('p', { className: 'verdict', tabIndex: -1 });
  verdict.setAttribute('role', 'status');
  const box = make('div', { className: 'painting' }, photo, make('div', {}, text, make('div', { className: 'answers' }, show, clear), verdict));
  hero.parentElement.after(box);

  let asked = null; // {picture, class, layer}
  let size = { columns: 14, rows: 14 };
  let painted = new Set();
  let at = { x: 7, y: 7 };
  let shown = null; // the map, once it is shown
  let erasing = null; // of the stroke under way: true or false

  function draw(cursor = false) {
    if (!asked) return;
    const { width, height, data } = asked.picture;
    Object.assign(photo, { width, height });
    const pen = photo.getContext('2d');
    pen.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
    const [w, h] = [width / size.columns, height / size.rows];
    if (shown) pen.drawImage(shown.toCanvas({ colormap: 'viridis', alpha: 0.6, fade: tools.FADE }), 0, 0);
    for (const cell of painted) {
      const [x, y] = [(cell % size.columns) * w, Math.floor(cell / size.columns) * h];
      pen.fillStyle = shown ? 'rgba(255, 255, 255, 0)' : 'rgba(255, 210, 0, 0.45)';
      pen.fillRect(x, y, w, h);
      pen.strokeStyle = '#ffd200';
      pen.lineWidth = Math.max(1, width / 320);
      pen.strokeRect(x + 1, y + 1, w - 2, h - 2);
    }
    if (cursor) {
      for (const [style, line] of [['#000', 4], ['#fff', 2]]) {
        pen.strokeStyle = style;
        pen.lineWidth = (line * width) / 480;
        pen.strokeRect(at.x * w, at.y * h, w, h);
      }
    }
    show.disabled = painted.size === 0 || Boolean(shown);
  }

  function paint(cell, how) {
    if (how) painted.delete(cell);
    else painted.add(cell);
  }

  const cellOf = ({ clientX, clientY }) => {
    const edge = photo.getBoundingClientRect();
    // A picture of another shape does not fill its box.
    const scale = Math.min(edge.width / photo.width, edge.height / photo.height);
    const [left, top] = getComputedStyle(photo).objectPosition.split(' ').map((share) => Number.parseFloat(share) / 100);
    const [width, height] = [photo.width * scale, photo.height * scale];
    const clip = (share, most) => Math.max(0, Math.min(most - 1, Math.floor(share * most)));
    return { x: clip((clientX - edge.left - left * (edge.width - width)) / width, size.columns),
      y: clip((clientY - edge.top - top * (edge.height - height)) / height, size.rows) };
  };
  const index = ({ x, y }) => y * size.columns + x;

  photo.addEventListener('pointerdown', (event) => {
    if (!asked || shown) return;
    photo.setPointerCapture(event.pointerId);
    at = cellOf(event);
    erasing = painted.has(index(at));
    paint(index(at), erasing);
    draw();
  });
  photo.addEventListener('pointermove', (event) => {
    if (erasing === null) return;
    at = cellOf(event);
    paint(index(at), erasing);
    draw();
  });
  for (const end of ['pointerup', 'pointercancel']) photo.addEventListener(end, () => { erasing = null; });
  photo.addEventListener('keydown', (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === ' ' && !shown) paint(index(at), painted.has(index(at)));
    else if (moves[event.key]) {
      const [x, y] = moves[event.key];
      at = { x: Math.max(0, Math.min(size.columns - 1, at.x + x)), y: Math.max(0, Math.min(size.rows - 1, at.y + y)) };
    } else return;
    event.preventDefault();
    draw(true);
  });
  photo.addEventListener('focus', () => photo.matches(':focus-visible') && draw(true));
  photo.addEventListener('blur', () => draw());
  clear.addEventListener('click', () => again());

  show.addEventListener('click', async () => {
    try {
      const cam = await hero.cam;
      const { maps: [map] } = await cam.explain(asked.picture, { classes: [asked.class.id], top: 1, layer: asked.layer });
      map.picture.data ??= asked.picture.data;
      shown = map;
      const evidence = map.raw.map((value) => Math.max(0, value));
      const total = evidence.reduce((sum, value) => sum + value, 0);
      const held = [...painted].reduce((sum, cell) => sum + evidence[cell], 0);
      const hot = evidence.indexOf(Math.max(...evidence));
      const area = painted.size / evidence.length;
      const right = total > 0 && painted.has(hot) && area <= MOST;
      const values = { area: say('percent', { share: area }), held: say('share', { share: total ? held / total : 0 }), name: asked.class.name };
      verdict.textContent = !total ? say('paint.empty', values) : right ? say('paint.hit', values)
        : painted.has(hot) ? say('paint.wide', values) : say('paint.missed', values);
      score.add('answer', say('paint.title'), right);
      verdict.focus({ preventScroll: true }); // the button that had the focus is of no use now
    } catch (error) {
      verdict.textContent = error.message;
    }
    draw();
  });

  function again() {
    painted = new Set();
    shown = null;
    verdict.textContent = '';
    draw();
  }

  hero.addEventListener('result', ({ detail }) => {
    const { predictions, picture, maps, layer } = detail;
    const [, second] = predictions;
    if (!second || !picture.data) return;
    if (asked?.picture.data === picture.data && asked.class.id === second.id && asked.layer === layer) return;
    size = { columns: maps[0].width, rows: maps[0].height };
    at = { x: size.columns >> 1, y: size.rows >> 1 };
    asked = { picture, class: second, layer };
    text.textContent = say('paint.question', { best: tools.withKind(predictions[0]), name: tools.withKind(second), p: say('share', { share: second.probability }) });
    again();
  });
  return {
    setOn(value) {
      box.hidden = !value;
    },
    again,
  };
}
