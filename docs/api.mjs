/**
 * Writes docs/api.md from the declarations in web/types/, that is, from the JSDoc comments of the
 * package: `npm run docs`. tests/web/docs.test.mjs fails where the page is not up to date.
 *
 *     node docs/api.mjs [TYPES] [OUT]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { scriptArguments } from '../emscripten/tools.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { positionals: [types = here('../web/types'), out = here('api.md')] } = scriptArguments({}, 2);

/** What a reader needs to know, in the order in which they meet it. */
const CLASSES = [
  ['api', 'GradCamBase', 'GradCam', 'Import it from `gradcam-wasm`. One is one model in a worker of its own.'],
  ['results', 'Explanation'],
  ['results', 'HeatMap'],
  ['results', 'Steps'],
];
const OBJECTS = [
  ['options', 'LoadOptions'], ['options', 'ExplainOptions'], ['options', 'StepsOptions'], ['options', 'TraceOptions'],
  ['protocol', 'Trace'], ['options', 'ScoresOptions'],
  ['options', 'PaintOptions'], ['protocol', 'ModelInfo'], ['protocol', 'LayerInfo'], ['results', 'Report'],
  ['results', 'Box'], ['files', 'Progress'], ['protocol', 'Warning'],
];

const sources = new Map(Object.entries({ api: 'api/gradcam', options: 'api/options', results: 'api/results',
  errors: 'base/errors', files: 'files/files', protocol: 'worker/protocol' }).map(([name, file]) => [name,
  ts.createSourceFile(name, readFileSync(join(types, `${file}.d.ts`), 'utf8'), ts.ScriptTarget.ES2022, true)]));

const oneLine = (text) => text.replace(/\s+/g, ' ').trim();
const inTable = (text) => text.replaceAll('|', '\\|');
const comment = (node) => (typeof node === 'string' ? node : ts.getTextOfJSDocComment(node) ?? '');

/** The declaration of that name. */
function find(file, name) {
  const found = sources.get(file).statements.find((node) => node.name?.text === name);
  if (!found) throw new Error(`${file}.d.ts declares no ${name}.`);
  return found;
}

/** A type as a reader writes it: by the names that the package exports. */
const typeText = (node) => oneLine((node?.getText() ?? 'any').replace(/\/\*\*[^]*?\*\//g, ''))
  .replace(/import\("[^"]+"\)\./g, '').replaceAll('GradCamBase', 'GradCam').replaceAll('"', "'")
  .replace(/; }/g, ' }').replaceAll(';', ',');

/** What stands in a comment before its tags. */
function words(node) {
  const doc = node.jsDoc?.at(-1);
  return doc ? oneLine(comment(doc.comment ?? '')).replaceAll('<', '&lt;') : '';
}

const isInternal = (node) => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');

function signature(name, member) {
  const parameters = member.parameters.map((parameter) => {
    const isPattern = ts.isObjectBindingPattern(parameter.name);
    return `${isPattern ? 'options' : parameter.name.getText()}${parameter.questionToken ? '?' : ''}`;
  });
  const result = member.type ? `: ${typeText(member.type)}` : '';
  return `${name}(${parameters.join(', ')})${result.length > 60 ? '' : result}`;
}

/** One list item for each parameter: its type, and what its comment says. */
function parameterList(member) {
  return member.parameters.map((parameter) => {
    const tag = ts.getJSDocParameterTags(parameter)[0];
    const name = ts.isObjectBindingPattern(parameter.name) ? 'options' : parameter.name.getText();
    const text = tag ? oneLine(comment(tag.comment ?? '')).replaceAll('<', '&lt;') : '';
    return `- \`${name}\` \`${typeText(parameter.type)}\`${text ? ` ${text}` : ''}`;
  });
}

/** The codes of GradCamError: the indented lines of its comment, as a table. */
function describeErrors() {
  const text = comment(find('errors', 'GradCamError').jsDoc.at(-1).comment);
  const [about, ...codes] = text.split(/\n+\s*(?=[a-z]+ {2,})/);
  return ['## GradCamError', '', oneLine(about), '', '| `code` | |', '|---|---|',
    ...codes.map((line) => line.replace(/^(\w+)\s+([^]*)$/, (_, code, what) => `| \`${code}\` | ${oneLine(what)} |`)), ''];
}

function describeClass([file, name, shown = name, about]) {
  const node = find(file, name);
  const lines = [`## ${shown}`, '', about ?? words(node), ''];
  const properties = [];
  for (const member of node.members) {
    if (!member.name || ts.isPrivateIdentifier(member.name) || isInternal(member)) continue;
    const isStatic = member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword);
    const label = `${isStatic ? `${shown}.` : ''}${member.name.getText()}`;
    if (ts.isMethodDeclaration(member)) {
      const result = typeText(member.type);
      lines.push(`### \`${signature(label, member)}\``, '');
      if (words(member)) lines.push(words(member), '');
      const list = parameterList(member);
      if (result.length > 58) list.push(`- returns \`${result}\``);
      if (list.length) lines.push(...list, '');
    } else {
      const type = member.type ?? member.parameters?.[0]?.type;
      properties.push(`| \`${label}\` | \`${inTable(typeText(type))}\` | ${words(member)} |`);
    }
  }
  if (properties.length) {
    lines.push('| Property | Type | |', '|---|---|---|', ...properties, '');
  }
  return lines;
}

/** GradCam.model gives a part of what the worker tells about a model: Pick<ModelInfo, 'name' | ...>. */
function isPicked(name) {
  const model = find('api', 'GradCamBase').members.find((member) => member.name?.getText() === 'model');
  return typeText(model.type).includes(`'${name}'`);
}

function describeObject([file, name]) {
  const node = find(file, name);
  const members = node.type.members.filter((member) => name !== 'ModelInfo' || isPicked(member.name.text));
  const rows = members.map((member) => `| \`${member.name.getText()}${member.questionToken ? '?' : ''}\` | ` +
    `\`${inTable(typeText(member.type))}\` | ${words(member)} |`);
  return [`### ${name}`, '', '| Property | Type | |', '|---|---|---|', ...rows, ''];
}

/** What `tools` holds, in its own order: functions and constants of other files. */
function describeTools() {
  const { statements } = ts.createSourceFile('tools', readFileSync(join(types, 'api/tools.d.ts'), 'utf8'), ts.ScriptTarget.ES2022, true);
  const rows = statements.filter(ts.isExportDeclaration).flatMap((statement) => {
    const file = join(types, 'api', statement.moduleSpecifier.text.replace(/\.js$/, '.d.ts'));
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true);
    return statement.exportClause.elements.map(({ name: { text: name } }) => {
      const node = source.statements.find((one) => (one.name ?? one.declarationList?.declarations[0].name)?.text === name);
      const label = ts.isFunctionDeclaration(node) ? signature(name, node) : name;
      return `| \`${inTable(label)}\` | ${words(node)} |`;
    });
  });
  return ['## tools', '', 'Imported from `gradcam-wasm`: what the command line, the page and the element use beside `GradCam`, for ' +
    'whoever builds the like.', '', '| | |', '|---|---|', ...rows, ''];
}

/** The element's comment as tables; web/element/manifest.mjs reads the same one. */
function describeElement() {
  const { modules } = JSON.parse(readFileSync(join(types, 'custom-elements.json'), 'utf8'));
  const [element] = modules[0].declarations;
  const table = (title, items, mark = (name) => `\`${name}\``) => [`### ${title}`, '', '| Name | |', '|---|---|',
    ...items.map(({ name, description, type }) => `| ${mark(name)} | ${inTable(description)}${type && !/^(string|CustomEvent)/.test(type.text) ? ` (${type.text})` : ''} |`), ''];
  return ['## `<grad-cam>`', '', "Defined by `import 'gradcam-wasm/element'`. " + element.description, '',
    ...table('Attributes', element.attributes), ...table('Events', element.events),
    ...table('CSS parts', element.cssParts, (name) => `\`::part(${name})\``),
    ...table('CSS variables', element.cssProperties)];
}

const source = oneLine(typeText(find('api', 'Source').type));
const lines = [
  '# API reference', '',
  'Written by `npm run docs` from the comments in [web/api](../web/api/gradcam.js). For what the ' +
  'terms mean and which choice is good for what, see the [guide](guide.md); for TypeScript, the ' +
  '[example](../tests/web/example.ts) that a test compiles.', '',
  ...CLASSES.flatMap(describeClass),
  '## Options and results', '',
  `A \`Source\` is \`${source}\`: a name, address, path or bytes.`, '',
  ...OBJECTS.flatMap(describeObject),
  ...describeErrors(),
  ...describeTools(),
  ...describeElement(),
];
writeFileSync(out, `${lines.join('\n').trimEnd()}\n`);
