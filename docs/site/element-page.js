/** element.html: its address's query as attributes of one `<grad-cam>`, and the lines to copy. */
import './web/element/define.js';

const ATTRIBUTES = ['src', 'target', 'classes', 'top', 'layer', 'method', 'score', 'fit', 'opacity', 'colormap', 'steps', 'alt'];
const query = new URLSearchParams(location.search);
const given = Object.fromEntries(ATTRIBUTES.filter((name) => query.has(name)).map((name) => [name, query.get(name)]));
given.src ??= 'models/pocket/samples/golf_ball_and_flower.jpg';
given.top ??= '3';

const element = document.createElement('grad-cam');
const { alt = '', ...attributes } = given;
for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
const image = Object.assign(new Image(), { alt, src: given.src });
// A picture of another host is read only where that host allows it.
if (new URL(given.src, location.href).origin !== location.origin) image.crossOrigin = 'anonymous';
element.append(image);
document.getElementById('place').append(element);

document.body.classList.toggle('framed', window.parent !== window);
const text = (value) => value.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const list = Object.entries(attributes).map(([name, value]) => ` ${name}="${text(name === 'src' ? new URL(value, location.href).href : value)}"`).join('');
const here = new URL('.', location.href).href;
document.getElementById('frame').value =
  `<iframe src="${text(`${here}element.html?${new URLSearchParams(given)}`)}" width="480" height="640" title="Where a network looks" loading="lazy"></iframe>`;
document.getElementById('element').value = `<script type="module" src="${text(here)}web/element/define.js"></script>\n<grad-cam${list}></grad-cam>`;
