/**
 * Names of classes for readers.
 */
import { kindOf } from './labels.js';
import { say } from './words/say.js';

/**
 * A class by its name, and by its kind where that helps: 'dog: Labrador retriever'.
 * @param {{name: string, group?: string}} prediction
 * @returns {string}
 */
export function withKind({ name, group }) {
  const kind = kindOf(name, group);
  return kind ? say('class.kind', { kind, name }) : name;
}
