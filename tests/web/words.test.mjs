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
  /^(no|image\/|text\/)[\w/+-]*$/, /^Import gradcam-wasm\/element\.$/,
  // The lesson's and its steps': styles, code to copy, numbers between others, and what a parameter is called.
  /^rgba?\(|^12px |^plane pixels|^list-style: |^\/?<script |^<grad-cam src=|^-30% 0px|^bug \$\{|^AB$|^Byte$|^Conv$|^<math |^(action primary|meter mark|pair wide-pair|bar knob|plane brush|small (symbolic|plainly))$/];

/** String literals of a script, without comments; templates with their places. */
function literals(text) {
  const code = text.replace(/\/\*[^]*?\*\//g, '').replace(/^\s*\/\/.*$|\s\/\/ .*$/gm, '');
  return [...code.matchAll(/'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g)].map(([, plain, template]) => plain ?? template);
}

/** What a step shows where one word is enough: names of figures and controls, words of formulas, and all that begins like a sentence. */
function shownByStep(text) {
  const code = text.replace(/\bsay\([^{};]*?(?:, \{|\))/g, 'say(').replace(/^import .*$/gm, '')
    .replace(/\bmatches?\(\s*'[^']*'/g, '').replace(/\b(?:key|code|name|type|tagName) (?:===|!==) '[^']*'/g, '').replace(/addEventListener\('[^']*'|new (?:Custom)?Event\('[^']*'/g, '');
  return [
    ...literals(code).filter((one) => /^[A-Z][a-z]+\b/.test(one) && !/^(Arrow|Page|Escape|Home|End)/.test(one)),
    ...[...code.matchAll(/\b(?:numbers\.set|select|label|button|planeCanvas|plot)\(([^]*?)\);/g)].flatMap(([, inside]) => literals(inside))
      .filter((one) => / [a-z]{2}|^(?:class|size|none|probability|position)/.test(one)),
    ...[...text.matchAll(/<m[iot][^>]*>([A-Za-z]{3,})</g)].map(([, one]) => one).filter((one) => !['ReLU', 'max', 'AUC'].includes(one)),
  ];
}

test('page, lesson and element have no words of their own', () => {
  const speaking = sources.filter(({ file }) => /^(demo\/(learn\/)?[\w-]+\.js|element\/(steps\/[\w-]+|grad-cam|models|define)\.js)$/.test(file.replaceAll('\\', '/')));
  assert.ok(speaking.length > 35);
  const found = speaking.flatMap(({ file, text }) => [
    // Two words in a row, or one that is shown.
    ...literals(text).filter((one) => /[A-Za-z]{2,} (?:\$\{|[a-z]{2,})/.test(one)),
    ...[...text.matchAll(/(?:textContent|title|placeholder|'aria-label'),?:? ?=? '([^']*[a-z]{2}[^']*)'/g)].map(([, one]) => one),
    ...(/learn|steps/.test(file) ? shownByStep(text) : []),
  ].filter((one) => !NO_WORDS.some((pattern) => pattern.test(one))).map((one) => `${file}: ${one.slice(0, 100)}`));
  assert.deepEqual(found, []);
});

/** Texts of a page's elements, sentences with the marks in them, and words in attributes; each with the key that it names. */
function wordsOf(html) {
  const body = html.slice(html.indexOf('<title')).replace(/<!--[^]*?-->/g, '')
    .replace(/<(dfn|em|cite)>([^<]*)<\/\1>/g, '\u27e8$1\u27e9$2\u27e8/$1\u27e9'); // a mark is a part of its sentence
  const clean = (text) => text.replace(/\s+/g, ' ').replaceAll('\u27e8', '<').replaceAll('\u27e9', '>').trim();
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
    for (const [, name, words] of attributes.matchAll(/ (aria-label|title|placeholder|label|alt|data-short)="([^"]*[A-Za-z][^"]*)"/g)) {
      found.push({ words, key: new RegExp(` data-say-${name}="([^"]*)"`).exec(attributes)?.[1] });
    }
    if (!['input', 'br', 'img', 'link', 'meta', 'path', 'rect', 'circle'].includes(tag)) open.push({ tag, attributes });
  }
  return found;
}

for (const [what, file, least] of [['page', 'index.html', 100], ['lesson', 'learn/index.html', 70]]) test(`the words that the ${what} is sent with are the dictionary's`, () => {
  const all = wordsOf(readFileSync(join(root, 'web/demo', file), 'utf8'));
  assert.ok(all.length > least, `${all.length}`);
  const names = ['Grad-CAM', 'pocket', '&nbsp;', 'arXiv:1610.02391', 'viridis', 'cividis', 'inferno', 'turbo', 'jet', 'gray'];
  assert.deepEqual(all.filter(({ words, key }) => !names.includes(words) && EN[key ?? ''] !== words), []);
});
