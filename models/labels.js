/**
 * Names of classes, from the files people keep them in: `parseLabels`.
 *
 * Known: a name a line (labels.txt), `0 name` as Teachable Machine writes it, a JSON list,
 * {"0": "cat"}, {"cat": 0} (Keras's class_indices), ImageNet's {"0": ["n01440764", "tench"]}, id2label or
 * label2id of a config.json, Teachable Machine's metadata.json, and CSV with a header.
 *
 * Nothing here throws: what is odd is a warning, and every name that was found is kept.
 *
 * @typedef {{name: 'labels', text: string}} LabelWarning
 */

/** A file's own words in a message: one line, no control characters, not long. */
const quote = (text, length = 40) => {
  const plain = String(text).replace(/[\p{C}\s]+/gu, ' ').trim();
  return `"${plain.length > length ? `${plain.slice(0, length - 1)}…` : plain}"`;
};

/** What a class is called where nobody says; parseLabels fills gaps with it. */
export const unnamed = (id) => `class ${id}`;

/**
 * @param {string | Uint8Array} source   a file's text or bytes (UTF-8, or UTF-16 with its mark)
 * @param {{classes?: number, file?: string}} [options]  classes: how many the model has; file: its name,
 *   for messages
 * @returns {{names: string[], warnings: LabelWarning[]}}  names: as many as the file has; gaps are
 *   filled by `class 7`. Warnings say what was odd, too few and too many included.
 */
export function parseLabels(source, { classes, file = 'The file of labels' } = {}) {
  const warnings = [];
  const warn = (text) => warnings.push({ name: 'labels', text: `${file.slice(0, 80)} ${text}` });
  const text = decode(source);
  const names = text.trim() === '' ? [] : parseText(text, warn);
  if (!names.length && !warnings.length) warn('holds no names. Classes go by their numbers.');
  return { names, warnings: [...warnings, ...checkCount(names, classes, file)] };
}

/**
 * The warning for a number of names that is not the model's number of classes.
 * @param {readonly string[]} names
 * @param {number} [classes]  unknown: nothing to compare
 * @param {string} [what]  where the names come from, for the message
 * @returns {LabelWarning[]}
 */
export function checkCount(names, classes, what = 'The list of labels') {
  if (!classes || !names.length || names.length === classes) return [];
  const few = names.length < classes;
  const offByOne = !few && names.length === classes + 1 && /background/i.test(names[0])
    ? ' The first, a background class, may be the one too many.' : '';
  return [{
    name: 'labels',
    text: `${what.slice(0, 80)} has ${names.length} ${names.length === 1 ? 'name' : 'names'}, the model ` +
      `${classes} ${classes === 1 ? 'class' : 'classes'}: ${few ? 'those without a name go by their ' +
      'numbers' : 'the names left over belong to no class'}. Is it this model's list?${offByOne}`,
  }];
}

function decode(source) {
  if (typeof source === 'string') return source.replace(/^\uFEFF/, '');
  const [a, b] = source;
  const encoding = a === 0xff && b === 0xfe ? 'utf-16le' : a === 0xfe && b === 0xff ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding).decode(source);
}

function parseText(text, warn) {
  if (/^\s*[[{]/.test(text)) {
    try {
      return parseJson(JSON.parse(text), warn);
    } catch {
      // A bracket alone does not make JSON: "[unknown]" is a name, a line of a list.
      if (/^\s*(\{|\[\s*["{[])/.test(text)) {
        warn('begins like JSON but is not: it is cut off or has an error. Classes go by their numbers.');
        return [];
      }
    }
  }
  const lines = text.split(/\r\n|\n|\r/);
  while (lines.length && lines.at(-1).trim() === '') lines.pop();
  return parseCsv(text, lines[0], warn) ?? parseLines(lines, warn);
}

/* ---- JSON -------------------------------------------------------------------------------------- */

/** Where a list of names may stand inside a larger file; the first that is there is taken. */
const INSIDE = ['id2label', 'label2id', 'labels', 'class_names', 'classNames', 'classes', 'names',
  'class_indices', 'categories'];

function parseJson(value, warn) {
  if (Array.isArray(value)) return value.map((entry, id) => nameOf(entry) ?? unnamed(id));
  if (typeof value !== 'object' || value === null) {
    warn('is JSON, but no list of names.');
    return [];
  }
  for (const key of INSIDE) {
    if (typeof value[key] === 'object' && value[key] !== null) return parseJson(value[key], warn);
  }
  const entries = Object.entries(value);
  const isId = (entry) => /^\d+$/.test(String(entry).trim());
  if (entries.length && entries.every(([key]) => isId(key))) {
    return place(entries.map(([key, entry]) => [Number(key), nameOf(entry)]), warn);
  }
  // Other numbers by name, such as sizes, do not begin at 0 or 1.
  if (entries.length && entries.every(([, entry]) => isId(entry)) &&
      entries.some(([, entry]) => Number(entry) <= 1)) {
    return place(entries.map(([key, entry]) => [Number(entry), key]), warn);
  }
  warn('is JSON, but holds no names of classes where they are looked for: a list, {"0": "name"}, ' +
    '{"name": 0}, id2label or labels.');
  return [];
}

/** "tench", ["n01440764", "tench"] or {"name": "tench"}. */
function nameOf(entry) {
  if (Array.isArray(entry)) return nameOf(entry.at(-1));
  if (typeof entry === 'object' && entry !== null) {
    return nameOf(entry.name ?? entry.label ?? entry.className ?? entry.title);
  }
  return entry === undefined || entry === null ? undefined : String(entry).trim();
}

/** Names by number; numbers that count from 1, gaps and doubles are told. */
function place(pairs, warn) {
  const ids = pairs.map(([id]) => id);
  const first = ids.reduce((least, id) => Math.min(least, id), Infinity);
  const last = ids.reduce((most, id) => Math.max(most, id), -1);
  // 1, 2, ..., n without a 0: somebody counts from 1.
  const shift = first === 1 && last === new Set(ids).size ? 1 : 0;
  if (shift) warn('counts its classes from 1; the first name was taken for class 0.');
  if (last > 1e6) {
    warn(`names a class ${last}: that is no number of a class. Classes go by their numbers.`);
    return [];
  }
  const names = [];
  const twice = new Set();
  for (const [id, name] of pairs) {
    if (names[id - shift] !== undefined) twice.add(id);
    names[id - shift] = name;
  }
  const gaps = Array.from(names, (name, id) => (name ? -1 : id)).filter((id) => id >= 0);
  if (twice.size) warn(`names class ${[...twice].slice(0, 5).join(', ')} twice; the last name was taken.`);
  if (gaps.length) warn(`has no name for class ${gaps.slice(0, 5).join(', ')}${gaps.length > 5 ? ', ...' : ''}.`);
  return Array.from(names, (name, id) => name || unnamed(id));
}

/* ---- lines ------------------------------------------------------------------------------------- */

/** A name a line, or `0 name`, `0: name`, `0,name` where every line begins so, in counting order. */
function parseLines(lines, warn) {
  const numbered = lines.filter((line) => line.trim() !== '')
    .map((line) => /^\s*(\d+)\s*[\s:,;=]\s*(\S.*?)\s*$/.exec(line));
  if (numbered.every(Boolean)) {
    const pairs = numbered.map(([, id, name]) => [Number(id), unquote(name)]);
    const ids = pairs.map(([id]) => id);
    const start = ids[0];
    // "2 of hearts", "3 of hearts" are names: only numbers that count up are numbers.
    if (start <= 1 && ids.every((id, i) => id === start + i)) return place(pairs, warn);
    if (new Set(ids).size === ids.length && ids.includes(0) &&
        Math.max(...ids.slice(0, 1e5)) < 2 * ids.length) return place(pairs, warn);
  }
  const gaps = lines.flatMap((line, id) => (line.trim() === '' ? [id] : []));
  if (gaps.length) {
    warn(`has an empty line ${gaps[0] + 1}: each line counts as a class, so class ${gaps[0]} goes by its number.`);
  }
  return lines.map((line, id) => unquote(line.trim()) || unnamed(id));
}

const unquote = (name) => (/^"[^"]*"$|^'[^']*'$/.test(name) ? name.slice(1, -1).trim() : name);

/* ---- CSV --------------------------------------------------------------------------------------- */

const ID_COLUMN = /^(class[_ ]?)?(id|idx|index|number|no|class|label[_ ]?id|category[_ ]?id)$/i;
const NAME_COLUMN = /^((class|label|display|category|common|english)[_ ]?)?(name|names|label|labels|class|category|title|description)$/i;

/** Rows below a header that names a column of names; undefined where there is no such header. */
function parseCsv(text, header, warn) {
  const separator = [',', ';', '\t'].find((mark) => header.includes(mark));
  if (!separator) {
    // One column under a heading that is no class.
    if (!/^"?(class|label|category)[_ ]?names?"?$|^"?(labels|classes|names)"?$/i.test(header.trim())) return undefined;
    return readCsv(text, '\u0000').slice(1).map(([name], id) => name || unnamed(id));
  }
  const [heads, ...rows] = readCsv(text, separator);
  const titles = heads.map((title) => title.trim());
  const idAt = titles.findIndex((title) => ID_COLUMN.test(title));
  const nameAt = ['name', ''].map((wanted) => titles.findIndex((title, i) => i !== idAt &&
    NAME_COLUMN.test(title) && title.toLowerCase().includes(wanted))).find((at) => at >= 0) ?? -1;
  if (nameAt < 0) return undefined;
  const numbers = rows.map((row) => row[idAt]?.trim());
  const names = rows.map((row) => row[nameAt]?.trim() ?? '');
  const short = rows.findIndex((row) => row[nameAt] === undefined);
  if (short >= 0) warn(`has no ${quote(titles[nameAt])} in row ${short + 2}.`);
  if (idAt >= 0 && rows.length && numbers.every((id) => /^\d+$/.test(id ?? ''))) {
    return place(names.map((name, i) => [Number(numbers[i]), name]), warn);
  }
  return names.map((name, id) => name || unnamed(id));
}

/** RFC 4180: quoted fields may hold separators, line ends and doubled quotes. @returns {string[][]} */
export function readCsv(text, separator) {
  const rows = [];
  let row = [];
  let field = '';
  let quoted = false;
  const endRow = () => {
    row.push(field);
    if (row.length > 1 || row[0].trim() !== '') rows.push(row);
    row = [];
    field = '';
  };
  for (let at = 0; at < text.length; at += 1) {
    const c = text[at];
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[at + 1] === '"') field += text[++at];
      else quoted = false;
    } else if (c === '"' && field.trim() === '') {
      field = '';
      quoted = true;
    } else if (c === separator) {
      row.push(field);
      field = '';
    } else if (c === '\n' || c === '\r') {
      if (c === '\r' && text[at + 1] === '\n') at += 1;
      endRow();
    } else field += c;
  }
  if (field !== '' || row.length) endRow();
  return rows;
}
