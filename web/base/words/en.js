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
  'page.answered': ({ forward, backward, heatmaps }) => `Network forward ${forward.toFixed(0)} ms, ${heatmaps} ${heatmaps === 1 ? 'heatmap' : 'heatmaps'} ${backward.toFixed(0)} ms, here on your machine.`,
  'page.camera.other.failed': 'That camera gives no picture: it may be in use elsewhere. The one before it runs on.',
  'page.doubt': ({ name }) => `This looks like nothing that ${name} knows. It has to name something: what stands below are guesses.`,
  'page.kind': '{kind}: ',
  'page.knows.all': 'Of 300 sample photos, its first answer is right for {first} %, one of its five best for {five} %.',
  'page.knows.nobody': 'Nobody has said what {name} knows, or how often it is right: try pictures whose answer you know.',
  'page.link.file': 'The link was made with {file}, a model from a file. Open that file here, and what the link says of it holds again.',
  'page.link.model': 'The link was made with {model}; choose it under Model to fetch it.',
  'page.model': ({ name, classes, threads }) => `${name}: ${classes} classes, ${threads} ${threads === 1 ? 'thread' : 'threads'}.`,
  'page.scale.none': 'no evidence',
  'page.scale.share': 'as strong as likely: {own} of the likeliest',
  'page.scale.strongest': 'strongest: {own}',
  'page.scale.strongest.none': 'strongest: none',
  'page.search.alike': 'No class is called “{text}”. Did you mean one of those below the field?',
  'page.search.several': ({ count, text, most }) => `${count} classes have “${text}” in their name${count > most ? `; the first ${most} stand` : ': they stand'} below the field, choose one.`,
  'page.wall.go': 'Go on',
  'page.wall.looking': '{done} of {all} pictures looked at …',
  'page.wall.no.png': 'The browser could not make a PNG of so many pictures: show fewer of them.',
  'page.wall.right': 'right',
  'page.wall.right.of': '{file}: the answer is right',
  'page.wall.shown': '{shown} of {all} pictures shown.',
  'page.wall.stop': 'Stop',
  'page.wall.unfamiliar': 'unfamiliar, perhaps ',
  'page.wall.wrong': 'wrong',
  'page.wall.wrong.of': '{file}: the answer is wrong',

  // The element.

  // The lesson: web/demo/learn and the element's steps.
};
