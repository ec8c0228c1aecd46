/** Texts as sentences: every one ends once. @param {string[]} texts */
export const sentences = (texts) => texts.map((text) => text.trim()).filter(Boolean)
  .map((text) => (/[.!?…]$/.test(text) ? text : `${text}.`)).join(' ');
