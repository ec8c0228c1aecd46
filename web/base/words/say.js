import { EN } from './en.js';

/**
 * The words that stand under a key of the dictionary, with values in their places. A key that is not
 * there, and a place without a value, are mistakes of this package: they throw.
 * @param {string} key
 * @param {Record<string, unknown>} [values]
 * @returns {string}
 */
export function say(key, values = {}) {
  if (!Object.hasOwn(EN, key)) throw new Error(`The dictionary has no words for "${key}".`);
  const words = EN[key];
  if (typeof words === 'function') return words(values);
  return words.replace(/\{(\w+)\}/g, (_, place) => {
    if (values[place] === undefined) throw new Error(`"${key}" has a place for {${place}}, and no value came for it.`);
    return String(values[place]);
  });
}
