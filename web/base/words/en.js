/**
 * What page, lesson and element say, in English, by key: a text with {places} for values, or a function
 * of the values where a text cannot say it (one picture, two pictures). A key begins with who says it.
 * Another language is another file with the same keys.
 */

/** @type {Record<string, string | ((values: any) => string)>} */
export const EN = {
  // Numbers, everywhere.
  'percent': ({ share }) => `${(100 * share).toFixed(1)} %`,

  // The page.
  'page.camera.other.failed': 'That camera gives no picture: it may be in use elsewhere. The one before it runs on.',
  'page.link.file': 'The link was made with {file}, a model from a file. Open that file here, and what the link says of it holds again.',
  'page.link.model': 'The link was made with {model}; choose it under Model to fetch it.',
  'page.search.alike': 'No class is called “{text}”. Did you mean one of those below the field?',
  'page.search.several': ({ count, text, most }) => `${count} classes have “${text}” in their name${count > most ? `; the first ${most} stand` : ': they stand'} below the field, choose one.`,

  // The element.

  // The lesson: web/demo/learn and the element's steps.
};
