/**
 * The dictionary: every key that is asked for is there, and none that nobody asks for.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EN } from '../../web/base/words/en.js';
import { say } from '../../web/base/words/say.js';
import { root } from './shared.mjs';

/** What may speak: scripts and pages below web/, but for the dictionary and what is built. */
const sources = readdirSync(join(root, 'web'), { recursive: true }).map(String)
  .filter((file) => /\.(js|html)$/.test(file) && !/^(dist|types|base.words)\b/.test(file))
  .map((file) => ({ file, text: readFileSync(join(root, 'web', file), 'utf8') }));

/** Keys are written out where they are asked for, one or a choice of some: a key put together could not be found. */
const asked = sources.flatMap(({ file, text }) => [
  ...[...text.matchAll(/\bsay\((?:[^'{};]*\? ?)?([^{};]*?)(?:, \{|\))/g)].flatMap(([, keys]) => [...keys.matchAll(/'([\w-]+(?:\.[\w-]+)*)'/g)].map(([, key]) => key)),
  ...[...text.matchAll(/\bdata-say(?:-[\w-]+)?="([\w.-]+)"/g)].map(([, key]) => key),
].map((key) => ({ file, key })));

test('an unknown key and a place without a value throw', () => {
  assert.throws(() => say('no.such.key'), /no words for "no\.such\.key"/);
  assert.throws(() => say('toString'), /no words/);
  const [key] = Object.entries(EN).find(([, words]) => /\{\w+\}/.test(String(words)) && typeof words === 'string') ?? [];
  if (key) assert.throws(() => say(key), /no value came for it/);
});

test('values come into their places', () => {
  assert.equal(say('percent', { share: 0.5461 }), '54.6 %');
});

test('every key that is asked for is there', () => {
  assert.deepEqual(asked.filter(({ key }) => !Object.hasOwn(EN, key)), []);
});

test('every key of the dictionary is asked for', () => {
  const known = new Set(asked.map(({ key }) => key));
  assert.deepEqual(Object.keys(EN).filter((key) => !known.has(key)), []);
});

test('a key is written once', () => {
  const text = readFileSync(join(root, 'web/base/words/en.js'), 'utf8');
  const keys = [...text.matchAll(/^ {2}'([\w.-]+)':/gm)].map(([, key]) => key);
  assert.deepEqual(keys.filter((key, i) => keys.indexOf(key) !== i), []);
  assert.deepEqual(keys.sort(), Object.keys(EN).sort());
});

/** What is no word to a reader: names of parts, of files' formats, of fonts. */
const NO_WORDS = [/^title$/, /^compare menu$/, /^gradcam preprocess /, /sans-serif$/, /^step step-/, /^data: the sum over/, /^<div class="all">/, /^ ?\$\{/,
  /^(no|image\/|text\/)[\w/+-]*$/, /^Import gradcam-wasm\/element\.$/];

/** String literals of a script, without comments; templates with their places. */
function literals(text) {
  const code = text.replace(/\/\*[^]*?\*\//g, '').replace(/^\s*\/\/.*$|\s\/\/ .*$/gm, '');
  return [...code.matchAll(/'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g)].map(([, plain, template]) => plain ?? template);
}

test('page and element have no words of their own', () => {
  const speaking = sources.filter(({ file }) => /^(demo\/[\w-]+\.js|element\/(grad-cam|models|define)\.js)$/.test(file.replaceAll('\\', '/')));
  assert.ok(speaking.length > 15);
  const found = speaking.flatMap(({ file, text }) => [
    // Two words in a row, or one that is shown.
    ...literals(text).filter((one) => /[A-Za-z]{2,} (?:\$\{|[a-z]{2,})/.test(one)),
    ...[...text.matchAll(/(?:textContent|title|placeholder|'aria-label'),?:? ?=? '([^']*[a-z]{2}[^']*)'/g)].map(([, one]) => one),
  ].filter((one) => !NO_WORDS.some((pattern) => pattern.test(one))).map((one) => `${file}: ${one.slice(0, 100)}`));
  assert.deepEqual(found, []);
});

/** Texts of a page's elements, and words in their attributes; each with the key that it names. */
function wordsOf(html) {
  const body = html.slice(html.indexOf('<body>')).replace(/<!--[^]*?-->/g, '');
  const clean = (text) => text.replace(/\s+/g, ' ').trim();
  const found = [];
  const open = [];
  for (const [, end, tag, attributes, text] of body.matchAll(/<(\/?)([a-z0-9]+)((?:"[^"]*"|[^">])*)>|([^<]+)/g)) {
    if (text !== undefined) {
      if (/[A-Za-z]{2}/.test(text)) found.push({ words: clean(text), key: / data-say="([^"]*)"/.exec(open.at(-1)?.attributes ?? '')?.[1] });
      continue;
    }
    if (end) {
      while (open.length && open.pop().tag !== tag);
      continue;
    }
    for (const [, name, words] of attributes.matchAll(/ (aria-label|title|placeholder|label|alt)="([^"]*[A-Za-z][^"]*)"/g)) {
      found.push({ words, key: new RegExp(` data-say-${name}="([^"]*)"`).exec(attributes)?.[1] });
    }
    if (!['input', 'br', 'img', 'link', 'meta', 'path', 'rect', 'circle'].includes(tag)) open.push({ tag, attributes });
  }
  return found;
}

test('the words that the page is sent with are the dictionary\'s', () => {
  const all = wordsOf(readFileSync(join(root, 'web/demo/index.html'), 'utf8'));
  assert.ok(all.length > 100, `${all.length}`);
  const names = ['Grad-CAM', 'pocket', '&nbsp;'];
  assert.deepEqual(all.filter(({ words, key }) => !names.includes(words) && EN[key ?? ''] !== words), []);
});
