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

  // The element.

  // The lesson: web/demo/learn and the element's steps.
};
