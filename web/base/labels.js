/**
 * Names of classes, and classes by name.
 */
import { GradCamError } from './errors.js';

const plain = (name) => name.toLowerCase().replaceAll('_', ' ').trim();

/** Readable labels for every class; numbers where there are too few names. */
export function completeLabels(labels, count) {
  return Array.from({ length: count }, (_, id) => labels?.[id]?.replaceAll('_', ' ').trim() || `class ${id}`);
}

/** Kinds whose members have names that few people know: a reader is helped by the kind before the name. */
const KINDS = new Set(['fish', 'bird', 'frog or salamander', 'turtle', 'lizard or crocodile', 'snake', 'sea animal', 'spider or scorpion',
  'dog', 'wolf or fox', 'cat', 'big cat', 'bear or panda', 'small furry animal', 'insect', 'hoofed animal', 'monkey']);

/**
 * The kind of thing that a class is, where saying it helps: 'dog' before 'Labrador retriever', and nothing before
 * 'Maltese dog' or 'golf ball'.
 * @param {string} name
 * @param {string | undefined} group  of the class, as the model's card has it
 * @returns {string}  '': it does not help
 */
export function kindOf(name, group) {
  if (group === undefined || !KINDS.has(group)) return '';
  const said = name.toLowerCase().split(/[^a-z]+/);
  return group.split(' or ').some((word) => said.includes(word.split(' ').at(-1))) ? '' : group;
}

/**
 * Names that a mistyped one may have meant, best first.
 * @param {string} name
 * @param {string[]} names
 * @param {number} [limit]
 * @returns {string[]}
 */
export function nearMisses(name, names, limit = 4) {
  const wanted = plain(name);
  const near = (other) => {
    const longest = Math.max(wanted.length, other.length);
    // A part of the name is near, but a slip of the pen nearer: "grad-cam" is "gradcam", not "cam".
    if (other.includes(wanted) || (other.length > 2 && wanted.includes(other))) {
      return Math.abs(wanted.length - other.length) / longest;
    }
    const distance = editDistance(wanted, other);
    return distance <= Math.max(1, wanted.length / 3) ? distance / longest : Infinity;
  };
  return [...new Set(names)].map((other) => ({ other, distance: near(plain(other)) }))
    .filter(({ distance }) => distance < Infinity)
    .sort((a, b) => a.distance - b.distance || a.other.length - b.other.length)
    .slice(0, limit).map(({ other }) => other);
}

/** Insertions, deletions, replacements and swaps of neighbours between two words. */
function editDistance(a, b) {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; ++i) {
    const row = [i];
    for (let j = 1; j <= b.length; ++j) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
      }
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}

/**
 * @param {number | string} wanted  an id, also as digits, or a name in any case
 * @param {string[]} labels
 * @returns {number}
 */
export function findClass(wanted, labels) {
  if (!labels.length) throw new GradCamError('argument', 'The model gives no classes.');
  const text = String(wanted).trim();
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) {
    const id = Number(text);
    if (Number.isInteger(id) && id >= 0 && id < labels.length) return id;
    throw new GradCamError('argument', `There is no class ${text}: the model has ` +
      `${labels.length} classes, 0 to ${labels.length - 1}.`);
  }
  const name = plain(text);
  const ids = labels.flatMap((label, id) => (plain(label) === name ? [id] : []));
  if (ids.length === 1) return ids[0];
  if (ids.length > 1) {
    throw new GradCamError('argument',
      `The class name "${text}" stands for ${ids.join(' and ')}; give the number.`);
  }
  const near = nearMisses(text, labels);
  const hint = near.length ? `Did you mean ${near.map((label) => `"${label}"`).join(', ')}?`
    : 'Give its number or another name.';
  throw new GradCamError('argument', `The model has no class named "${text}". ${hint}`);
}

/**
 * What a map is asked for: a class, or a sum and difference of several.
 * @param {number | string | {plus?: (number | string)[], minus?: (number | string)[]}} wanted
 * @param {string[]} labels
 * @returns {{id: number, name: string, single: boolean, weights: Float32Array}}  weights: of every
 *   class in the score
 */
export function findTarget(wanted, labels) {
  const single = typeof wanted !== 'object' || wanted === null;
  const { plus = [], minus = [] } = single ? { plus: [wanted] } : wanted;
  const [ids, against] = [plus, minus].map((list) => [list].flat().map((one) => findClass(one, labels)));
  if (!ids.length && !against.length) {
    throw new GradCamError('argument', 'A target needs at least one class: {plus: [...], minus: [...]}.');
  }
  const weights = new Float32Array(labels.length);
  for (const id of ids) weights[id] += 1;
  for (const id of against) weights[id] -= 1;
  const names = (list) => list.map((id) => labels[id]);
  const name = `${names(ids).join(' + ')}${against.length ? ` \u2212 ${names(against).join(' \u2212 ')}` : ''}`;
  return { id: ids[0] ?? against[0], name: name.trim(), single, weights };
}

/** "718, Pier  77.1 %", the title of a map. */
export function title({ id, name }, probability) {
  const words = name.charAt(0).toUpperCase() + name.slice(1);
  const percent = probability === null ? '' : `  ${(100 * probability).toFixed(1)} %`;
  return `${id}, ${words}${percent}`;
}
