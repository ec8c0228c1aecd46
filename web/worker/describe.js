/**
 * What is told about a model that has been loaded: sizes, classes and what they mean, layers, and how a
 * picture is prepared; each with where it is known from.
 */
import { checkCount, parseLabels } from '../../models/labels.js';
import { pictureFrom } from '../../models/meaning.js';
import { completePreprocess, describePreprocess, modeOf } from '../../models/modes.js';
import { GradCamError } from '../base/errors.js';
import { completeLabels } from '../base/labels.js';
import { readAll } from '../files/files.js';
import { detectSpec, nameOf } from '../files/sources.js';
import { refuse } from '../files/refuse.js';

/**
 * @param {import('./wasm.js').Model} model
 * @param {{card: any, meaning: import('./load.js').Meaning, source: import('../files/sources.js').ModelSource,
 *   args: import('./protocol.js').LoadArgs}} loaded
 * @param {{host: import('./host-browser.js').Host, imagenet: import('../files/files.js').FileSpec, signal: AbortSignal}} where
 * @returns {Promise<any>}  of ModelInfo, what concerns the model
 */
export async function describeModel(model, { card, meaning, source, args }, where) {
  const name = card.name ?? source.name;
  const warnings = [];
  const { height, width, channels, order } = imageInput(model.shape(model.inputName()), meaning.picture?.order);
  const output = describeOutput(model, { card, meaning, args }, warnings);
  if (args.grid) model.setGrid(args.grid);
  const layers = model.layers();
  const main = card.layer ? model.findLayer(card.layer) : model.defaultLayer;
  if (main >= 0) layers[main].default = true;
  const preprocess = channels ? preprocessOf({ args, card, meaning, channels, order }, warnings) : null;
  return {
    name,
    input: [height, width],
    channels,
    classes: model.classCount,
    ...output,
    labels: await readLabels({ args, source, card, meaning, model, kind: output.kind }, where, warnings),
    ...knowledgeOf(card, args, model.classCount),
    layers,
    defaultLayer: card.layer ?? layers[main]?.name ?? null,
    preprocess,
    warnings,
  };
}

/* ---- Outputs ------------------------------------------------------------------------------------------ */

/** Which output the classes come from, what its numbers are, and how they become probabilities. */
function describeOutput(model, { card, meaning, args }, warnings) {
  const head = meaning.head ?? card.head ?? {};
  const said = args.activation ?? (head.name === undefined || card.head?.name === head.name ? card.activation : undefined);
  // A value has no probability, whatever its number of units.
  const found = head.kind === 'value' ? 'none' : head.apply;
  const activation = said ?? found;
  if (activation !== undefined && model.classCount > 0) model.setActivation(activation);
  if (model.headIsPicture || model.classCount === 0) {
    warnings.push({ name: 'no-classes', text: head.text ??
      `The output "${model.headName.slice(0, 60)}" is ${(model.shape(model.headName) ?? []).join(' x ')}: no list of classes. It has no predictions.` });
  }
  const binary = model.classCount === 2 && model.activation === 'sigmoid' && (model.shape(model.headName) ?? []).reduce((a, b) => a * b, 1) === 1;
  const kind = model.classCount === 0 ? head.kind ?? 'picture' : binary ? 'binary' : model.activation === 'none' ? 'value'
    : model.activation === 'sigmoid' ? 'labels' : 'classes';
  return {
    head: head.name ?? model.headName,
    heads: (meaning.heads ?? [head]).map(({ name, kind: what, dims }) => ({ name: name ?? model.headName, kind: what ?? kind, dims: dims ?? [] })),
    kind,
    activation: model.activation,
  };
}

/* ---- Pictures ----------------------------------------------------------------------------------------- */

/**
 * What the caller says, else the card, else the file or the network's layers, else a guess that is owned
 * up to.
 */
function preprocessOf({ args, card, meaning, channels, order }, warnings) {
  const geometry = { resize: args.resize, fit: args.fit };
  const axes = order === undefined ? {} : { axes: order };
  const about = (settings, from, network) => ({ mode: describePreprocess(settings), from, ...(network ? { network } : {}), ...settings, ...axes });
  const stated = card.input ?? {};
  if (args.preprocess !== undefined) {
    // It stands for the card's values and resizing; which part of a picture is seen is another question.
    const { fit, ratio, fill } = stated;
    const own = typeof args.preprocess === 'string' ? {} : pick(args.preprocess);
    return about(completePreprocess(args.preprocess, channels, defined({ fit, ratio, fill, ...own, ...defined(geometry) })), 'option');
  }
  const known = stated.mean !== undefined || stated.std !== undefined || stated.mode !== undefined || stated.order !== undefined;
  const guessed = stated.assumed || stated.from === 'guess';
  if (known && !guessed) {
    return about(completePreprocess(stated, channels, defined(geometry)), stated.from ?? 'card', stated.network);
  }
  const picture = known ? { ...pictureFrom([], [], channels, stated.mode ?? modeOf(stated)), network: stated.network }
    : meaning.picture?.mode ? meaning.picture : pictureFrom([], [], channels, channels === 1 ? 'tf' : 'torch');
  if (picture.from === 'guess') warnings.push({ name: 'preprocessing-guessed', text: picture.text, remedy: picture.remedy });
  return about(completePreprocess(picture.mode, channels, { ...pick(stated), ...defined(geometry) }), picture.from, picture.network);
}

const defined = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** Of settings, those that say nothing of the values. */
const pick = ({ resize, fit, ratio, fill }) => defined({ resize, fit, ratio, fill });

/** Height, width and channels of an input in ONNX order: N,C,H,W or, from TensorFlow, N,H,W,C. */
function imageInput(shape, order) {
  const [, a, b, c] = shape ?? [];
  if (shape?.length !== 4) return { height: 0, width: 0, channels: 0 };
  const last = order ? order === 'NHWC' : a > 4 && c <= 4;
  const [height, width, channels] = last ? [a, b, c] : [b, c, a];
  return { height, width, channels: [1, 3, 4].includes(channels) ? channels : 0, order: last ? 'NHWC' : 'NCHW' };
}

/* ---- Labels ------------------------------------------------------------------------------------------- */

/** What the caller says, else what came with the model: its card, the file itself, a file beside it. */
async function readLabels({ args, source, card, meaning, model, kind }, where, warnings) {
  const classes = model.classCount;
  const take = (names, more = []) => {
    warnings.push(...more.map((warning) => ({ ...warning, remedy: 'labels' })));
    return completeLabels(names, classes);
  };
  const list = (names) => take(names.map((name) => (name === null ? undefined : String(name))), checkCount(names, classes));
  const named = async (spec) => {
    if (spec === 'imagenet') {
      const { names: thousand } = await labelsIn(where.imagenet, where);
      // TensorFlow's own networks have a class before ImageNet's first.
      const names = classes === thousand.length + 1 ? ['background', ...thousand] : thousand;
      return take(names, checkCount(names, classes, 'ImageNet\'s list'));
    }
    const { names, warnings: odd } = await labelsIn(spec, where, classes);
    return take(names, odd);
  };
  if (classes === 0) return [];
  if (args.labels !== undefined) return Array.isArray(args.labels) ? list(args.labels) : named(args.labels);
  if (Array.isArray(card.labels)) return list(card.labels);
  if (typeof card.labels === 'string') {
    if (card.labels === 'imagenet' || typeof source.onnx !== 'string') return named('imagenet');
    const file = where.host.beside(source.onnx, card.labels);
    await where.host.vouch(source.onnx, file);
    return named(file);
  }
  const inside = meaning.labels && parseLabels(asJson(meaning.labels));
  if (inside && inside.names.length === classes) return take(inside.names);
  for (const spec of source.labels) {
    const found = await labelsIn(spec, where, classes).catch(() => null);
    if (found?.names.length) return take(found.names, found.warnings);
  }
  if (classes === 1000 || classes === 1001) return named('imagenet');
  if (kind === 'value') return Array.from({ length: classes }, (_, id) => (classes === 1 ? 'value' : `value ${id}`));
  return take(undefined);
}

/* ---- What it knows ------------------------------------------------------------------------------------ */

/** The one score that cards speak of. */
const STANDING_OUT = 'highest logit less the mean of all';

/**
 * From the card, for the output that it speaks of: the group of each class, the score below which a picture is
 * nothing that the network knows, and how often it is right. Null: it does not say.
 */
function knowledgeOf({ unfamiliar = null, groups = null, limits = [], accuracy = null }, { head, labels }, classes) {
  if (unfamiliar !== null && (unfamiliar.score !== STANDING_OUT || !Number.isFinite(unfamiliar.below))) {
    throw new GradCamError('model', `The card's "unfamiliar" must be {"score": "${STANDING_OUT}", "below": a number}; correct it or leave it out.`);
  }
  if (!Array.isArray(limits) || !limits.every((one) => typeof one === 'string')) {
    throw new GradCamError('model', 'The card\'s "limits" must be a list of sentences; correct it or leave it out.');
  }
  return {
    limits,
    accuracy: accuracy !== null && typeof accuracy === 'object' && head === undefined ? accuracy : null,
    unfamiliarBelow: unfamiliar === null || head !== undefined ? null : unfamiliar.below,
    groups: groups === null || head !== undefined || labels !== undefined ? null : groupsById(groups, classes),
  };
}

/** From {group: [ids]} the group of each class; undefined for those in none. @returns {(string | undefined)[]} */
function groupsById(groups, classes) {
  const byId = Array(classes).fill(undefined);
  for (const [group, ids] of typeof groups === 'object' ? Object.entries(groups) : [['', null]]) {
    if (!Array.isArray(ids) || !ids.every((id) => Number.isInteger(id) && id >= 0 && id < classes)) {
      throw new GradCamError('model', `The card's "groups" must be {"name": [ids from 0 to ${classes - 1}]}, but "${group.slice(0, 40)}" is not; ` +
        'correct it or leave it out.');
    }
    for (const id of ids) byId[id] = group;
  }
  return byId;
}

/** Python's {0: 'cat'}, as some exporters write it. */
const asJson = (text) => (/^\s*\{\s*\d/.test(text) ? text.replace(/([{,]\s*)(\d+)\s*:\s*(?:'([^']*)'|"([^"]*)")/g,
  (_, before, id, one, two) => `${before}${JSON.stringify(id)}:${JSON.stringify(one ?? two)}`) : text);

/** Lists of names are short. */
const MOST_BYTES = 2 ** 24;

/** A file of labels. */
async function labelsIn(spec, { host, signal }, classes) {
  const { found, spec: now } = await detectSpec(spec, host, signal);
  const file = nameOf(now, 'The file of labels');
  if (!['labels', 'text', 'json', 'empty'].includes(found.kind)) throw refuse(found, file, 'labels');
  const opened = await host.open(now, signal);
  if (opened.size > MOST_BYTES) throw new GradCamError('file', `${file} has ${Math.round(opened.size / 1e6)} MB: that is no list of labels.`);
  return parseLabels(await readAll(opened, signal, undefined, MOST_BYTES), { classes, file });
}
