/**
 * What the page knows: one state, never changed but replaced by another one. Everything on the screen
 * follows from it by the functions below, so that nothing of one model or picture stands beside another.
 *
 * What is asked for and what was answered are apart: `ask` and `settings` are the reader's wishes; an
 * answer says itself which model, picture and settings it came from. A wish that fails or is
 * cancelled is withdrawn(), and what stands there is true again.
 *
 * @typedef {{image: any, name: string, sample?: string, address?: string, folder?: string}} Picture   folder: that it was dropped in
 * @typedef {{cam: import('../index.js').GradCam, source: any, key: string, preprocess: string, head: string,
 *   guessed: boolean, groups: (string | undefined)[] | null}} Model   preprocess, head: as the reader chose, else ''; guessed: nothing but the reader says how pictures are prepared
 *
 * @typedef {object} Answer
 * @property {Model} model
 * @property {Picture} picture
 * @property {{method: string, score: string, layer: string, top: string}} asked   settings it was made with
 * @property {import('../index.js').Explanation} result
 * @property {{width: number, height: number, data: any}} [pixels]   the picture as it is shown; none of a camera's
 * @property {import('../index.js').HeatMap[]} maps   of the best classes, then of those asked for beside them
 *
 * @typedef {object} State
 * @property {Model | null} model
 * @property {Record<string, string>} settings
 * @property {{picture: Picture | null, shown: number | null}} ask   shown: null for the best class
 * @property {number[]} extra        classes asked for beside the best ones
 * @property {Answer | null} answer
 * @property {number | null} shown   the class on show, of the answer
 * @property {{answer: Answer, shown: number, layer: string, map: import('../index.js').HeatMap} | null} other
 *   the map at another layer, to compare with
 * @property {{picture: Picture, asked: Answer['asked']} | null} good   what was last answered, by whatever model
 */

/** What each setting is where the address does not say. Names are those of the form's controls. */
export const DEFAULTS = Object.freeze({
  method: 'gradcam', score: 'logit', layer: '', colormap: 'viridis', alpha: '0.6', interpolation: 'bilinear',
  fade: '1', boxes: '', top: '5', preprocess: '', fit: '', head: '', compare: '', view: 'wipe', wipe: '0.5', same: '',
});

/** They mean something for one model alone. */
const OF_A_MODEL = ['layer', 'compare', 'preprocess', 'fit', 'head'];
/** They decide what is computed; the others how it looks. */
const ASKED = ['method', 'score', 'layer', 'top', 'fit'];

const pick = (from, names) => Object.fromEntries(names.map((name) => [name, from[name]]));

/** @param {Record<string, string>} settings @returns {State} */
export const startState = (settings) => Object.freeze({ model: null, settings, ask: { picture: null, shown: null },
  extra: [], answer: null, shown: null, other: null, good: null });

export const withSettings = (state, settings) => ({ ...state, settings: { ...state.settings, ...settings } });

/**
 * Another model: nothing of the one before stays but the picture and what is common to all models.
 * @param {State} state @param {Model} model @param {Link | null} link  what was wished for this one
 */
export function withModel(state, model, link = null) {
  const bound = pick(link?.settings ?? DEFAULTS, OF_A_MODEL);
  return fitting({ ...state, model, settings: { ...state.settings, ...bound, preprocess: model.preprocess, head: model.head },
    ask: { ...state.ask, shown: link?.shown ?? null }, extra: link?.extra ?? [], answer: null, shown: null, other: null });
}

/** Of fields whose values differ from model to model: whether a text is one of this model's. */
function knownTo(cam) {
  const layer = (name) => cam.layers().some((one) => one.name === name);
  const ofClass = (id) => /^\d+$/.test(id) && Number(id) < cam.model.classes;
  return {
    method: (value) => cam.methods().some(({ name }) => name === value),
    layer,
    colormap: (value) => cam.colormaps().includes(value),
    head: (value) => cam.model.heads.some(({ name }) => name === value),
    class: ofClass,
    compare(text) {
      const [, kind, value] = comparing(text);
      return kind === 'class' ? ofClass(value) : layer(value);
    },
  };
}

/** Settings that the model does not know become the usual ones. */
export function fitting(state) {
  const known = knownTo(state.model.cam);
  const isClass = (id) => id !== null && known.class(String(id));
  const kept = Object.fromEntries(['method', 'layer', 'colormap', 'compare'].map((name) => (
    [name, known[name](state.settings[name]) ? state.settings[name] : DEFAULTS[name]])));
  return { ...withSettings(state, kept), extra: state.extra.filter(isClass),
    ask: { ...state.ask, shown: isClass(state.ask.shown) ? state.ask.shown : null } };
}

/** Another picture is wished for; its best class will be on show. */
export const withPicture = (state, picture) => ({ ...state, ask: { picture, shown: null } });

/** @param {State} state @param {Answer} answer */
export function withAnswer(state, answer) {
  const has = (id) => answer.maps.some((map) => map.class.id === id);
  const shown = has(state.ask.shown) ? state.ask.shown : answer.maps[0].class.id;
  const good = answer.picture.live ? state.good : { picture: answer.picture, asked: answer.asked };
  return { ...state, answer, shown, ask: { ...state.ask, shown }, other: null, good };
}

/** Maps of more classes, of the picture that is on show already. */
export const withMaps = (state, maps) => ({ ...state, answer: { ...state.answer, maps } });

export const withShown = (state, id) => ({ ...state, shown: id, ask: { ...state.ask, shown: id } });

/** The wish failed or was cancelled: back to what was answered last. */
export function withdrawn(state) {
  const { good, answer, shown } = state;
  const asked = answer?.asked ?? (good && { ...good.asked, layer: '', fit: '' });
  const settings = asked ? { ...state.settings, ...asked } : state.settings;
  return { ...state, settings, ask: { picture: good?.picture ?? null, shown },
    extra: answer ? state.extra.filter((id) => answer.maps.some((map) => map.class.id === id)) : state.extra };
}

/* ---- What follows from it ------------------------------------------------------------------------ */

/** The settings that an explanation depends on. */
export const askedOf = ({ settings }) => pick(settings, ASKED);

const comparing = (text) => /^(class|layer):(.*)$/.exec(text) ?? [];

/** The class that the one on show is compared with, or null. */
export function comparedClass({ settings }) {
  const [, kind, value] = comparing(settings.compare);
  return kind === 'class' ? Number(value) : null;
}

/** The layer that the one on show is compared with, or null. */
export function comparedLayer({ settings }) {
  const [, kind, value] = comparing(settings.compare);
  return kind === 'layer' ? value : null;
}

export const mapOf = ({ answer, shown }) => answer?.maps.find((map) => map.class.id === shown) ?? null;

/** Classes that must be there beside the best ones. */
export function missing(state, maps) {
  const wanted = [...state.extra, state.ask.shown, comparedClass(state)].filter((id) => id !== null);
  return [...new Set(wanted)].filter((id) => !maps.some((map) => map.class.id === id));
}

/** The map to compare with, and what tells the two apart: classes or layers. */
export function comparedOf(state) {
  const { answer, other, shown } = state;
  const map = mapOf(state);
  if (!map) return null;
  const id = comparedClass(state);
  if (id !== null) {
    const found = answer.maps.find((one) => one.class.id === id);
    return found ? { map: found, names: [map.class.name, found.class.name] } : null;
  }
  const layer = comparedLayer(state);
  if (layer === null || other?.answer.result !== answer.result || other.shown !== shown || other.layer !== layer) return null;
  return { map: other.map, names: [answer.result.layer, layer] };
}

/* ---- Links --------------------------------------------------------------------------------------- */

/**
 * @typedef {object} Link
 * @property {Record<string, string>} settings   all of them
 * @property {string} model      a name or an address; '': the bundled one; 'file:NAME': a file of the reader's
 * @property {string} sample
 * @property {string} picture    an address
 * @property {number | null} shown
 * @property {number[]} extra
 * @property {Wrong[]} wrong     what of it means nothing, whatever the model
 *
 * @typedef {{name: string, value: string}} Wrong   a field of a link
 */

const among = (...values) => (text) => values.includes(text);
const isShare = (text) => /^[\d.]+(e-?\d+)?$/.test(text) && Number(text) >= 0 && Number(text) <= 1;

/** Of fields that mean the same for all models: whether a text is a value of theirs. */
const IS_VALUE = {
  score: among('logit', 'softmax'), interpolation: among('bilinear', 'nearest', 'bicubic'), view: among('wipe', 'beside', 'difference'),
  preprocess: among('', 'torch', 'tf', 'caffe', 'unit', 'none'), fit: among('', 'stretch', 'crop', 'pad'),
  fade: among('', '1'), boxes: among('', '1'), same: among('', '1'), alpha: isShare, wipe: isShare,
  top: (text) => /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 20,
  class: (text) => /^\d*$/.test(text), classes: (text) => /^(\d+(,\d+)*)?$/.test(text),
  compare: (text) => !text || comparing(text).length > 0,
};

/** What means nothing is as if it were not there. @param {string} hash @returns {Link} */
export function readLink(hash) {
  const said = [...new URLSearchParams(hash.replace(/^#/, ''))];
  const wrong = said.filter(([name, value]) => Object.hasOwn(IS_VALUE, name) && !IS_VALUE[name](value)).map(([name, value]) => ({ name, value }));
  const given = Object.fromEntries(said.filter(([name, value]) => !wrong.some((one) => one.name === name && one.value === value)));
  const ids = (text) => (text ? text.split(',').map(Number) : []);
  const settings = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, given[name] ?? DEFAULTS[name]]));
  return { settings, model: given.model ?? '', sample: given.sample ?? '', picture: given.picture ?? '',
    shown: ids(given.class)[0] ?? null, extra: ids(given.classes), wrong };
}

/** What a link says that this model does not know; fitting() leaves it out. @param {Link} link @param {Model} model @returns {Wrong[]} */
export function unknownTo({ settings, shown, extra }, { cam }) {
  const known = knownTo(cam);
  return [...['method', 'layer', 'colormap', 'head', 'compare'].map((name) => ({ name, value: settings[name] })),
    ...[shown, ...extra].filter((id) => id !== null).map((id) => ({ name: 'class', value: String(id) }))]
    .filter(({ name, value }) => value !== DEFAULTS[name] && !known[name](value));
}

/** What a link says beside its model. @param {Link} link @param {Model | null} [model]  that stays @returns {Link} */
export const withoutModel = (link, model = null) => ({ ...link, model: '', shown: null, extra: [],
  settings: { ...link.settings, ...pick(DEFAULTS, OF_A_MODEL), preprocess: model?.preprocess ?? '', head: model?.head ?? '' } });

const ofFile = (name) => `file:${name}`;

/** Whether a link's model is a file of the reader's. @param {string} model @returns {string | null}  its name */
export const fileNamed = (model) => /^file:(.*)$/.exec(model)?.[1] ?? null;

/** Whether these files are what a link means. @param {string} model @param {any} source  as for GradCam.load() */
export const means = (model, source) => (typeof source === 'string' ? model === source
  : [source].flat().some(({ name }) => model === ofFile(name)));

/**
 * What is on the screen, for the address: what differs from the usual. A picture that came as a file is
 * not in it; of a model that did, its name, so that a layer or class is never taken for another model's.
 * @param {State} state
 * @param {Link | null} [waiting]  what a link says of a model that has not been fetched; it stays there
 */
export function writeLink(state, waiting = null) {
  const { answer, model, extra, shown } = state;
  const settings = { ...state.settings, ...answer?.asked, ...(waiting ? pick(waiting.settings, OF_A_MODEL)
    : model && typeof model.source !== 'string' ? pick(DEFAULTS, ['preprocess', 'head']) : {}) };
  const source = !model || model.source === 'pocket' ? '' : typeof model.source === 'string' ? model.source : ofFile([model.source].flat()[0].name);
  const best = answer?.maps[0].class.id ?? null;
  const values = {
    sample: answer?.picture.sample ?? '',
    picture: answer?.picture.address ?? '',
    model: waiting?.model ?? source,
    class: String((waiting ? waiting.shown : shown === best ? null : shown) ?? ''),
    classes: (waiting?.extra ?? extra).join(','),
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, value === DEFAULTS[name] ? null : value])),
  };
  const usual = ['sample', 'picture', 'model', 'class', 'classes'];
  const entries = Object.entries(values).filter(([name, value]) => value !== null && !(usual.includes(name) && value === ''));
  const hash = new URLSearchParams(entries).toString();
  return hash && `#${hash}`;
}
