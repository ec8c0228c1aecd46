/**
 * The card of a model, model.json: what its fields may be. Checked wherever one is read, so that all behind it can
 * trust them.
 */
import { ModelError } from './errors.js';
import { FITS, MODE_NAMES, ORDERS, RESIZES, parseFit } from './modes.js';
import { digest, either, fileBeside, finite, flag, listOf, mapOf, problemOf, record, such, text, whole, withoutNull, word } from './schema.js';

const side = whole(1, 65536);
const name = text(200);
const activation = word(['softmax', 'sigmoid', 'none']);

/** An output, as the converter describes it. */
const output = record({
  name,
  kind: word(['classes', 'binary', 'labels', 'value', 'features', 'picture', 'table', 'unknown']),
  activation,
  apply: word(['softmax', 'sigmoid']),
  classes: whole(0, 1e7),
  dims: listOf(whole(0), 16),
  text: text(),
});

const isFit = (value) => {
  try {
    return Boolean(parseFit(value));
  } catch {
    return false;
  }
};

const CARD = record({
  name: such('a name without a path', (value) => typeof value === 'string' && value.length <= 200 && /^[^\\/\0]+$/.test(value) && !/^\.+$/.test(value)),
  title: text(),
  file: text(1000),
  sha256: digest(64),
  bytes: whole(0),
  source: text(),
  licence: text(),
  notes: either(text(), listOf(text())),
  input: record({
    width: side,
    height: side,
    channels: word([1, 3, 4]),
    order: word([...ORDERS, 'gray']),
    mean: listOf(finite, 4),
    std: listOf(such('a number other than 0', (value) => Number.isFinite(value) && value !== 0), 4),
    resize: word(RESIZES),
    fit: such(`one of ${FITS.join(', ')}, or crop with its ratio: crop:0.875`, isFit),
    ratio: such('a number above 0 and at most 1', (value) => value > 0 && value <= 1),
    fill: such('a colour, [R, G, B] from 0 to 255', (value) => Array.isArray(value) && value.length === 3 && value.every(Number.isFinite)),
    mode: word(MODE_NAMES),
    from: word(['card', 'file', 'network', 'guess']),
    network: text(200),
    assumed: flag,
  }),
  output: text(200),
  head: output,
  heads: listOf(output, 1000),
  warnings: listOf(record({ name, text: text(), remedy: text(100) }, ['name', 'text']), 100),
  layer: text(1000),
  labels: either(listOf(such('a name', (value) => value === null || ['string', 'number'].includes(typeof value))),
    word(['imagenet']), fileBeside),
  activation,
  groups: mapOf(listOf(whole(0, 1e7))),
  unfamiliar: record({ score: text(200), below: finite }, ['score', 'below']),
  weights: word(['f32', 'f16', 'int8']),
  external: text(1000),
  shards: listOf(record({ file: fileBeside, bytes: whole(0), sha256: digest(64) }, ['file']), 10000),
  download: record({
    url: such('an address, https://...', (value) => typeof value === 'string' && /^https?:\/\/[^\s/]+\//i.test(value)),
    md5: digest(32),
    bytes: whole(1),
  }, ['url']),
});

/**
 * The card, its fields right; those that are null are left out.
 * @param {any} card
 * @param {string} [what]  its file, for the message
 * @returns {any}
 */
export function checkCard(card, what = "The model's card") {
  const problem = problemOf(CARD, card, what);
  if (problem) throw new ModelError('format', `${problem} Correct the card, or leave the field out.`);
  return withoutNull(card);
}
