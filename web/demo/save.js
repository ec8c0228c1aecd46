/**
 * What the page gives to take away: pictures, numbers, and all of it in one archive with a manifest.
 */
import { tools } from '../index.js';
import { say } from './words.js';

/** @param {string} name @param {BlobPart} content */
export function download(name, content, type = 'application/octet-stream') {
  const url = URL.createObjectURL(new Blob([content], { type }));
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let k = 0; k < 8; ++k) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC[(crc ^ byte) & 255];
  return ~crc >>> 0;
}

/**
 * A ZIP archive, nothing compressed: pictures and floats would not get smaller.
 * @param {Record<string, Uint8Array>} files
 */
export function zip(files) {
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const title = new TextEncoder().encode(name);
    // Version 2.0, UTF-8 names, stored, 1 January 1980; then sum, sizes, length of the name.
    const common = new DataView(new ArrayBuffer(26));
    [20, 0x800, 0, 0, 33].forEach((value, i) => common.setUint16(2 * i, value, true));
    [crc32(bytes), bytes.length, bytes.length].forEach((value, i) => common.setUint32(10 + 4 * i, value, true));
    common.setUint16(22, title.length, true);
    const head = new Uint8Array(common.buffer);
    parts.push(Uint8Array.of(0x50, 0x4b, 3, 4), head, title, bytes);
    const rest = new DataView(new ArrayBuffer(14));
    rest.setUint32(10, offset, true);
    directory.push(Uint8Array.of(0x50, 0x4b, 1, 2, 20, 0), head, new Uint8Array(rest.buffer), title);
    offset += 30 + title.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  for (const at of [8, 10]) end.setUint16(at, Object.keys(files).length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, ...directory, new Uint8Array(end.buffer)], { type: 'application/zip' });
}

async function sha256(bytes) {
  if (!crypto.subtle) return null; // a page without https
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * What the model's files are known by: digests of files that were opened; those of the card for a model
 * by name or address.
 * @param {any} source  as for GradCam.load()
 */
async function modelFiles(source) {
  if (typeof source !== 'string') {
    return Promise.all([source].flat().map(async (file) => ({ file: file.name, bytes: file.size,
      sha256: await sha256(await file.arrayBuffer()) })));
  }
  const address = /\.json$/i.test(source) ? source
    : /^[\w.-]+$/.test(source) ? new URL(`../../models/${source}/model.json`, import.meta.url).href : null;
  const response = address && await fetch(address).catch(() => null);
  if (!response?.ok) return [{ file: source }];
  const { file, bytes, sha256: digest, shards = [], download } = await response.json();
  return download && !file ? [download] : [{ file, bytes, sha256: digest }, ...shards];
}

/**
 * Maps, drawings and predictions, with a manifest that says how they came about.
 * @param {object} what
 * @param {import('../index.js').GradCam} what.cam
 * @param {any} what.source      what it was loaded from
 * @param {import('../index.js').Explanation} what.result
 * @param {string} what.name     of the picture
 * @param {object} what.style    as for toPNG()
 * @param {object} what.settings
 */
export async function bundle({ cam, source, result, name, style, settings }) {
  const json = (value) => new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
  const files = {
    'report.json': json(reportOf(result, name)),
    'grid.png': await cam.grid(result.maps, style),
  };
  for (const map of result.maps) {
    files[`overlay-${map.class.id}.png`] = await map.toPNG(style);
    files[`map-${map.class.id}.npy`] = tools.npy(map.raw, [map.height, map.width]);
  }
  const digests = {};
  for (const [file, bytes] of Object.entries(files)) digests[file] = await sha256(bytes);
  files['manifest.json'] = json({
    made: new Date().toISOString(),
    picture: { name, width: result.picture.width, height: result.picture.height,
      rgbaSha256: await sha256(result.picture.data) },
    model: { ...cam.model, files: await modelFiles(source) },
    explanation: { method: result.method, layer: result.layer, score: result.score, preset: result.preset },
    settings,
    sha256: digests,
  });
  return zip(files);
}

/** The maps in it are those of the .npy files: of both kinds of file, one can check the other. */
const reportOf = (result, name) => ({ ...result.report({ file: name, raw: true }), values: RAW });

const RAW = 'data: the sum over the channels before ReLU, not divided, as in the .npy files; max: its largest value, at least 0';

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob>} */
const pngOf = (canvas) => new Promise((done, fail) => {
  canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error(say('page.save.no.png')))), 'image/png');
});

/**
 * @param {string} what   overlay, grid, json, npy or bundle
 * @param {Parameters<typeof bundle>[0] & {map: import('../index.js').HeatMap, asSeen: (() => HTMLCanvasElement) | null}} given
 *   asSeen: what is on the screen, where it is more than a heatmap over a picture
 */
export async function saveAs(what, given) {
  const { cam, result, map, name, style, asSeen } = given;
  const stem = name.replace(/\.\w+$/, '').replace(/\W+/g, '-');
  const one = `${stem}-${map.class.id}`;
  if (what === 'overlay') download(`${one}.png`, asSeen ? await pngOf(asSeen()) : await map.toPNG(style), 'image/png');
  else if (what === 'grid') download(`${stem}-grid.png`, await cam.grid(result.maps, style), 'image/png');
  else if (what === 'json') download(`${stem}.json`, `${JSON.stringify(reportOf(result, name))}\n`, 'application/json');
  else if (what === 'npy') download(`${one}.npy`, tools.npy(map.raw, [map.height, map.width]));
  else download(`${stem}-gradcam.zip`, await bundle(given));
}
