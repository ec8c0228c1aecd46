/**
 * JSON that comes from elsewhere, checked where it is read: a table of fields, and a sentence for the first that
 * is wrong. A check gives null for a right value, else where it is wrong and what must be there.
 *
 * @typedef {{at: string, be: string, value?: any}} Wrong
 * @typedef {(value: any) => Wrong | null} Check
 */
const must = (be, right) => (value) => (right(value) ? null : { at: '', be, value });
const within = (wrong, step) => wrong && { ...wrong, at: `${step}${wrong.at}` };

/** @param {string} be  what it must be, in words @param {(value: any) => boolean} right @returns {Check} */
export const such = must;

export const text = (most = 10000) => must(`a text of at most ${most} characters`, (value) => typeof value === 'string' && value.length <= most);
export const whole = (low, high = Number.MAX_SAFE_INTEGER) => must(high === Number.MAX_SAFE_INTEGER ? `a whole number from ${low}`
  : `a whole number from ${low} to ${high}`, (value) => Number.isInteger(value) && value >= low && value <= high);
export const finite = must('a number', Number.isFinite);
export const flag = must('true or false', (value) => typeof value === 'boolean');
export const word = (words) => must(`one of ${words.join(', ')}`, (value) => words.includes(value));
export const digest = (length) => must(`${length} hexadecimal digits`, (value) => typeof value === 'string' && value.length === length && /^[0-9a-f]+$/i.test(value));
/** The name of a file beside: nothing leads out of the folder. */
export const fileBeside = must('the name of a file in the same folder', (value) => typeof value === 'string' && value !== '' &&
  value.length <= 1000 && !/^([\\/]|[a-z]+:)|(^|[\\/])\.\.([\\/]|$)|\0|%2e|%2f|%5c/i.test(value));

/** @param {Check} check  of each @returns {Check} */
export const listOf = (check, most = 1e6) => (value) => {
  if (!Array.isArray(value) || value.length > most) return { at: '', be: 'a list', value };
  for (const [i, one] of value.entries()) {
    const wrong = within(check(one), `[${i}]`);
    if (wrong) return wrong;
  }
  return null;
};

/** @param {Check} check  of each value @returns {Check} */
export const mapOf = (check) => (value) => {
  if (!isObject(value)) return { at: '', be: 'an object', value };
  for (const [key, one] of Object.entries(value)) {
    const wrong = within(check(one), `.${key.slice(0, 40)}`);
    if (wrong) return wrong;
  }
  return null;
};

/** @param {...Check} checks @returns {Check}  the last one's words where none holds, but for the one that looked inside */
export const either = (...checks) => (value) => {
  const wrongs = checks.map((check) => check(value));
  if (wrongs.includes(null)) return null;
  return wrongs.find(({ at }) => at) ?? { at: '', be: wrongs.map(({ be }) => be).join(', or '), value };
};

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * An object with these fields; others are nobody's business here, and null is nothing.
 * @param {Record<string, Check>} fields
 * @param {string[]} [required]
 * @returns {Check}
 */
export const record = (fields, required = []) => (value) => {
  if (!isObject(value)) return { at: '', be: 'an object', value };
  for (const [name, check] of Object.entries(fields)) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    const none = given === undefined || given === null;
    const wrong = none ? (required.includes(name) ? { at: '', be: 'there' } : null) : check(given);
    if (wrong) return within(wrong, `.${name}`);
  }
  return null;
};

/** The same JSON without the fields that are null. */
export function withoutNull(value) {
  if (Array.isArray(value)) return value.map((one) => (one === null ? one : withoutNull(one)));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null).map(([key, one]) => [key, withoutNull(one)]));
}

/**
 * What is wrong, in a sentence.
 * @param {Check} check
 * @param {any} value
 * @param {string} what  the file's name
 * @returns {string | null}  null: nothing is
 */
export function problemOf(check, value, what) {
  const wrong = check(value);
  if (!wrong) return null;
  const field = wrong.at ? `${what.slice(-60)}: "${wrong.at.replace(/^\./, '').slice(0, 80)}"` : what.slice(-60);
  const found = JSON.stringify(wrong.value);
  if (!('value' in wrong)) return `${field} is missing.`;
  return `${field} is ${found === undefined ? 'nothing' : found.length > 60 ? `${found.slice(0, 59)}…` : found}, but must be ${wrong.be}.`;
}
