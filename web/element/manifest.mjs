/**
 * Makes custom-elements.json (Custom Elements Manifest 1.0.0) of `<grad-cam>`, from the comment above its
 * class, which is the one place that lists attributes, events, parts and properties. docs/types.mjs
 * writes it.
 */
import { STEPS } from './steps/index.js';

const FILE = 'web/element/grad-cam.js';

/** The tags of a doc comment: [{tag, type, name, text}]. Lines indented by two more go on. */
export function readTags(comment) {
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\/?\*+\/? ?/, ''));
  const tags = [];
  for (const line of lines) {
    const start = /^@(\w+)\s+(?:\{([^}]*)\}\s*)?(-{1,2}[\w-]+|[\w-]+|-)?\s*(.*)$/.exec(line);
    if (start) {
      const [, tag, type, name, text] = start;
      tags.push({ tag, type, name, text });
    } else if (tags.length && line.trim() && line.trim() !== '/') {
      tags.at(-1).text += ` ${line.trim()}`;
    }
  }
  return tags;
}

/** @param {string} source of grad-cam.js */
export function manifest(source) {
  const [comment] = /\/\*\*\n \* @element[\s\S]*?\*\//.exec(source);
  const tags = readTags(comment);
  const all = (tag) => tags.filter((one) => one.tag === tag);
  const described = ({ name, text }) => ({ name, description: text.replace(/^- /, '') });
  return {
    schemaVersion: '1.0.0',
    readme: 'README.md',
    modules: [
      {
        kind: 'javascript-module',
        path: FILE,
        declarations: [{
          kind: 'class',
          customElement: true,
          name: 'GradCamElement',
          tagName: all('element')[0].name,
          superclass: { name: 'HTMLElement', package: 'global:' },
          description: 'A picture, what a network sees in it, and where it looks.',
          attributes: all('attr').map((tag) => ({ ...described(tag), type: { text: tag.type },
            ...(tag.name === 'steps' ? { description: `${tag.text} Names: ${STEPS.map(({ name }) => name).join(', ')}` } : {}) })),
          events: all('fires').map((tag) => ({ ...described(tag), type: { text: tag.name === 'progress' ? 'CustomEvent<Progress>' : 'CustomEvent' } })),
          slots: all('slot').map((tag) => ({ ...described(tag), name: '' })),
          cssParts: all('csspart').map(described),
          cssProperties: all('cssprop').map(described),
        }],
        exports: [{ kind: 'js', name: 'GradCamElement', declaration: { name: 'GradCamElement', module: FILE } }],
      },
      {
        kind: 'javascript-module',
        path: 'web/element/define.js',
        declarations: [],
        exports: [{ kind: 'custom-element-definition', name: 'grad-cam', declaration: { name: 'GradCamElement', module: FILE } }],
      },
    ],
  };
}
