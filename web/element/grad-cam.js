/**
 * `<grad-cam>`: a picture, what a network sees in it, and where it looks. Importing this file defines
 * nothing; define.js does.
 *
 *     <grad-cam src="dog.jpg" model="pocket" top="3"><img src="dog.jpg" alt="a dog"></grad-cam>
 *     <grad-cam src="dog.jpg" steps="alpha sum"></grad-cam>        two steps of the lesson, alone
 *
 * A picture between the tags, an image or a canvas, is shown until, and if, the heatmap comes; it also sets the size.
 * Nobody can see from outside that a canvas was drawn anew: refresh() says so.
 */
import { holdModel, loadTools, sharedSteps, tools } from './models.js';
import { sheet } from './style.js';

const DEFAULTS = { model: 'pocket', method: 'gradcam', score: 'logit', top: 3, opacity: 0.6,
  colormap: 'viridis' };

/** The heat need not be finer than what a screen shows. */
const MOST_HEAT_PIXELS = 512 * 512;

/** Elements that come near the window are woken by one observer. */
const NEAR = '300px';

// Importable where there is no page.
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

/**
 * @element grad-cam
 * @attr {string} src           address of the picture; default: the picture between the tags
 * @attr {string} model         a model's name or the address of an .onnx or model.json; default pocket
 * @attr {string} method        default gradcam
 * @attr {string} layer         a layer's name, or auto
 * @attr {string} target        the class of the network that is shown first, by name or id; it is listed
 *   after the best ones
 * @attr {string} classes       more of them to list, joined by "|"
 * @attr {number} top           how many of the best classes are listed; default 3
 * @attr {string} score         logit or softmax
 * @attr {string} fit           stretch, crop or pad: how the picture comes into the network's shape; default: as the
 *   model's card says
 * @attr {number} opacity       of the heat, 0 to 1; default 0.6; near 0 the map always fades out
 * @attr {string} colormap      viridis, cividis, turbo, jet, ...; default viridis
 * @attr {string} steps         steps to show instead of the heatmap, by name; empty: heatmap and all steps
 * @attr {string} symbols       folded (default): the formula of a step opens when asked for; open: it stands there;
 *   none: the step without formulas, symbols and captions, for the youngest
 * @attr {string} samples       addresses of pictures, joined by "|", that the step knob looks through
 * @attr {string} loading       lazy (default): starts when it comes into view; eager: at once
 * @fires result    the explanation is there; detail: the Explanation (with steps alone: the Steps)
 * @fires progress  the model is being fetched; detail: {file, loaded, total}, bytes
 * @fires error     it failed; detail: a GradCamError
 * @fires change    the reader chose a class; detail: {id, name}
 * @slot - the picture, an image or a canvas, shown at once and wherever scripts do not run
 * @csspart stage     picture and heat
 * @csspart picture   the picture, if it is not in the slot
 * @csspart heat      the canvas over it
 * @csspart classes   the list
 * @csspart class     a button of it
 * @csspart percent   the figure in it
 * @csspart status    the line below, read out when it changes
 * @csspart progress  the bar while the model comes
 * @csspart step      one step
 * @csspart formula   its formula
 * @csspart caption   the sentence below it
 * @cssprop --grad-cam-accent   of what is chosen
 * @cssprop --grad-cam-accent-ink  text on that
 * @cssprop --grad-cam-ink      text
 * @cssprop --grad-cam-muted    text of less weight
 * @cssprop --grad-cam-surface  ground of panels
 * @cssprop --grad-cam-sunk     ground of what lies deeper: formulas, empty rows
 * @cssprop --grad-cam-line     lines
 * @cssprop --grad-cam-bar      bars of probability
 * @cssprop --grad-cam-radius   of corners
 * @cssprop --grad-cam-ratio    of the reserved space, if nothing in the slot gives one; default 4 / 3
 */
export class GradCamElement extends Base {
  static observedAttributes = ['src', 'model', 'method', 'layer', 'target', 'classes', 'top', 'score',
    'fit', 'opacity', 'colormap', 'steps', 'symbols', 'samples', 'loading'];

  static #observer = null;

  #parts = null;
  #awake = false;
  #queued = false;
  #running = null; // AbortController of the work under way
  #holder = null; // our share of a model
  #heldModel = null;
  #image = null;
  #source = null; // key of the picture and model that are on show, or under way
  #own = null; // the pixels of a picture that was given as a property, as they are shown
  #redrawn = 0; // how often the image was given: a canvas may have been drawn anew
  #watcher = null;
  #placer = null;
  #shown = null; // id of the class on show
  #groups = null; // of the model's classes, for their names
  #result = null;
  #views = new Map(); // the steps on show, by name

  /** A picture of any kind that explain() takes; goes before src. */
  get image() {
    return this.#image;
  }

  set image(value) {
    this.#image = value;
    this.#redrawn += 1;
    this.#changed();
  }

  /** Looks again: what is drawn on the canvas between the tags, or was given as image, is another picture now. */
  refresh() {
    this.#redrawn += 1;
    this.#changed();
  }

  /**
   * The last explanation; with steps alone, the last Steps.
   * @returns {import('../index.js').Explanation | import('../index.js').Steps | null}
   */
  get result() {
    return this.#result;
  }

  /**
   * The model, once it is asked for; shared with the page's other elements.
   * @returns {Promise<import('../index.js').GradCam> | null}
   */
  get cam() {
    return this.#holder?.cam ?? null;
  }

  /** The id of the class on show. @returns {number | null} */
  get shown() {
    return this.#shown;
  }

  connectedCallback() {
    this.#parts ??= this.#build();
    this.#watchSlot();
    this.#layOut();
    if (this.getAttribute('loading') === 'eager' || typeof IntersectionObserver !== 'function') {
      this.#wake();
    } else {
      GradCamElement.#watch(this);
    }
  }

  disconnectedCallback() {
    GradCamElement.#observer?.unobserve(this);
    this.#watcher?.disconnect();
    this.#placer?.disconnect();
    this.#running?.abort();
    this.#holder?.release();
    this.#holder = null;
    this.#heldModel = null;
    this.#dropViews();
    this.#awake = false;
  }

  attributeChangedCallback(name, before, after) {
    if (before === after || !this.#parts) return;
    if (name === 'loading') {
      if (after === 'eager') this.#wake();
    } else if (name === 'opacity') {
      this.#parts.heat.style.opacity = String(this.#number('opacity'));
    } else if (name === 'symbols') {
      for (const fold of this.#parts.steps.querySelectorAll('details.symbols')) fold.open = after === 'open';
    } else if (name === 'colormap' && this.#result) {
      this.#paint();
    } else {
      this.#changed();
    }
  }

  #build() {
    const parts = build(this);
    // An image's load does not bubble. It may be another picture than before, of whatever srcset gave.
    for (const type of ['load', 'error']) {
      this.addEventListener(type, ({ target }) => {
        if (target === this.#slotted) this.#changed();
      }, true);
    }
    return parts;
  }

  /** The picture between the tags: another one, another address, another size. */
  #watchSlot() {
    this.#watcher ??= new MutationObserver((changes) => {
      this.#placeHeat();
      // Width and height of an image are its place on the page; a canvas is emptied by them.
      const isSize = ({ target, attributeName }) => /^(width|height)$/.test(attributeName) && !isCanvas(target);
      if (changes.every(isSize)) return;
      if (isCanvas(this.#slotted)) this.#redrawn += 1;
      this.#changed();
    });
    this.#watcher.observe(this, { childList: true, subtree: true, attributes: true, attributeFilter: ['src', 'srcset', 'sizes', 'width', 'height'] });
    this.#placer ??= new ResizeObserver(() => this.#placeHeat());
    this.#placer.disconnect();
    this.#placer.observe(this.#parts.stage);
    if (this.#slotted) this.#placer.observe(this.#slotted);
  }

  /** The heat lies on the picture between the tags, wherever the page's styles put that. */
  #placeHeat() {
    const { heat, stage } = this.#parts;
    const img = this.#slotted;
    if (!img || !stage.hasAttribute('data-slotted')) {
      for (const side of ['left', 'top', 'width', 'height', 'objectFit', 'objectPosition']) heat.style[side] = '';
      return;
    }
    this.#placer.observe(img);
    const [inner, outer] = [img.getBoundingClientRect(), stage.getBoundingClientRect()];
    const { objectFit, objectPosition } = getComputedStyle(img);
    Object.assign(heat.style, { left: `${inner.left - outer.left}px`, top: `${inner.top - outer.top}px`,
      width: `${inner.width}px`, height: `${inner.height}px`, objectFit, objectPosition });
  }

  static #watch(element) {
    GradCamElement.#observer ??= new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        /** @type {GradCamElement} */ (target).#wake();
      }
    }, { rootMargin: NEAR });
    GradCamElement.#observer.observe(element);
  }

  #wake() {
    if (this.#awake) return;
    GradCamElement.#observer?.unobserve(this);
    this.#awake = true;
    this.#changed();
  }

  /** Several changes of one moment become one run. */
  #changed() {
    if (!this.#awake || this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      if (this.isConnected) this.#run();
    });
  }

  /* ---- Attributes ------------------------------------------------------------------------------ */

  #text(name) {
    return this.getAttribute(name) || DEFAULTS[name];
  }

  #number(name) {
    const given = this.getAttribute(name);
    const value = Number(given);
    return given === null || given === '' || !Number.isFinite(value) ? DEFAULTS[name] : value;
  }

  get #layer() {
    const layer = this.getAttribute('layer');
    return !layer || layer === 'auto' ? undefined : layer;
  }

  /** The class to show first, and more to list. @returns {(string | number)[]} */
  get #wanted() {
    const more = (this.getAttribute('classes') ?? '').split('|');
    return [this.getAttribute('target') ?? '', ...more].map((one) => one.trim()).filter(Boolean)
      .map((one) => (/^\d+$/.test(one) ? Number(one) : one));
  }

  /** Whether the first of those is to be shown; else the best one is. */
  get #hasTarget() {
    return Boolean(this.getAttribute('target')?.trim());
  }

  /** null: none; []: all, below the heatmap; names: these alone. */
  get #steps() {
    const text = this.getAttribute('steps');
    return text === null ? null : text.split(/[\s,]+/).filter(Boolean);
  }

  get #stepsAlone() {
    return Boolean(this.#steps?.length);
  }

  get #slotted() {
    return /** @type {any} */ (this.querySelector('img, canvas'));
  }

  get #picture() {
    const given = this.getAttribute('src');
    const inside = this.#slotted;
    return this.#image ?? (given ? new URL(given, this.baseURI).href : isCanvas(inside) ? inside : inside?.currentSrc || inside?.src || null);
  }

  /* ---- Work ------------------------------------------------------------------------------------- */

  /** What can be shown before anything is known, in the size it will have. */
  #layOut() {
    const { stage, picture, classes, own, figure, all } = this.#parts;
    // The page's own text says whether its ground is dark, whatever the system prefers.
    all.style.colorScheme = isLight(getComputedStyle(this.parentElement ?? document.documentElement).color) ? 'dark' : 'light';
    const alone = this.#stepsAlone;
    figure.hidden = alone;
    if (alone) return;
    const img = this.#slotted;
    const src = this.getAttribute('src');
    const inSlot = Boolean(img) && !this.#image;
    stage.toggleAttribute('data-slotted', inSlot);
    picture.hidden = inSlot || Boolean(this.#image) || !src;
    stage.hidden = !inSlot && !this.#image && !src;
    this.#placeHeat();
    own.hidden = !this.#image;
    if (!picture.hidden && picture.getAttribute('src') !== src) {
      picture.src = src;
      picture.alt = this.getAttribute('alt') ?? '';
    }
    if (!this.#result) {
      const rows = Math.max(1, Math.min(20, this.#number('top') + this.#wanted.length));
      if (classes.childElementCount !== rows || !classes.querySelector('.empty')) this.#emptyRows(this.#picture ? rows : 0);
    }
  }

  async #run() {
    this.#layOut();
    const image = this.#picture;
    const source = image && [typeof image === 'string' ? image : this.#redrawn, this.#modelAddress()].join(' ');
    if (source !== this.#source || !image) this.#forget();
    this.#source = source;
    this.#running?.abort();
    if (!image) {
      this.#emptyRows(0);
      loadTools().then(() => this.#picture || this.#say(tools.say('element.no.picture')), (error) => this.#say(error.message, true));
      return;
    }
    const controller = new AbortController();
    this.#running = controller;
    const { signal } = controller;
    try {
      await loadTools();
      if (signal.aborted) return;
      this.#name();
      const cam = await this.#model();
      if (signal.aborted) return;
      const steps = this.#steps;
      if (!this.#stepsAlone) await this.#explain(cam, image, signal);
      if (steps && !signal.aborted) await this.#showSteps(cam, image, steps, signal);
      else if (!steps) this.#dropViews();
    } catch (error) {
      if (signal.aborted || error.code === 'cancelled') return;
      this.#forget();
      this.#emptyRows(0); // rows that wait would wait for ever
      this.#say(error.message, true);
      this.dispatchEvent(new CustomEvent('error', { detail: error }));
    } finally {
      if (this.#running === controller) this.#running = null;
    }
  }

  /** Nothing of another picture or model stays: no heat, no classes, no steps. */
  #forget() {
    const { stage, heat } = this.#parts;
    if (this.#result?.maps) this.#emptyRows(this.#result.maps.length);
    this.#result = null;
    this.#shown = null;
    heat.getContext('2d').clearRect(0, 0, heat.width, heat.height);
    stage.removeAttribute('data-ready');
    this.#source = null;
  }

  #emptyRows(count) {
    this.#parts.classes.replaceChildren(...Array.from({ length: count }, () => {
      const row = Object.assign(document.createElement('li'), { className: 'empty' });
      row.append(document.createElement('span'));
      return row;
    }));
  }

  /** Names of its parts, for those who do not see them. */
  #name() {
    const { own, classes, progress } = this.#parts;
    own.setAttribute('aria-label', tools.say('element.picture'));
    classes.setAttribute('aria-label', tools.say('element.classes'));
    progress.setAttribute('aria-label', tools.say('element.progress'));
  }

  async #model() {
    const model = this.#modelAddress();
    if (this.#heldModel !== model) {
      this.#holder?.release();
      this.#heldModel = model;
      this.#say(tools.say('element.loading'));
      this.#holder = holdModel(model, (progress) => this.#progress(progress));
    }
    const { progress } = this.#parts;
    try {
      return await this.#holder.cam;
    } catch (error) {
      this.#heldModel = null; // the next run tries again
      throw error;
    } finally {
      progress.hidden = true;
    }
  }

  #modelAddress() {
    const model = this.#text('model');
    return /[/:]|\.(onnx|json)$/i.test(model) ? new URL(model, this.baseURI).href : model;
  }

  #progress(detail) {
    const { progress } = this.#parts;
    progress.hidden = false;
    if (detail.total) progress.value = detail.loaded / detail.total;
    this.dispatchEvent(new CustomEvent('progress', { detail }));
  }

  async #explain(cam, image, signal) {
    this.#groups = cam.groups;
    const top = Math.min(cam.model.classes, Math.max(1, Math.round(this.#number('top'))));
    const wanted = this.#wanted.map((one) => cam.findClass(one));
    const options = { method: this.#text('method'), score: this.#text('score'), layer: this.#layer,
      fit: this.getAttribute('fit') || undefined, signal };
    const result = await cam.explain(image, { ...options, top });
    const missing = wanted.filter((id) => !result.maps.some((map) => map.class.id === id));
    if (missing.length) {
      const more = await cam.explain(image, { ...options, top, classes: missing, picture: false });
      more.picture.data = result.picture.data; // one picture for all maps, to paint them over
      result.maps.push(...more.maps);
      result.warnings.push(...more.warnings.filter(({ text }) => !result.warnings.some((one) => one.text === text)));
    }
    const own = this.#image ? await tools.reduce(result.picture, MOST_PICTURE_PIXELS) : null;
    if (signal.aborted) return;
    this.#own = own;
    this.#result = result;
    this.#shown = this.#hasTarget ? wanted[0] : result.maps[0].class.id;
    this.#paint();
    this.dispatchEvent(new CustomEvent('result', { detail: result }));
  }

  /* ---- Heatmap ---------------------------------------------------------------------------------- */

  #paint() {
    for (const view of this.#views.values()) view.restyle?.(this.#text('colormap'));
    const result = this.#result;
    if (!result?.maps) return;
    const { stage, own, heat, classes } = this.#parts;
    const { width, height } = result.picture;
    if (this.#own) {
      Object.assign(own, { width: this.#own.width, height: this.#own.height });
      own.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(this.#own.data.buffer, this.#own.data.byteOffset,
        this.#own.data.length), this.#own.width, this.#own.height), 0, 0);
    }
    const map = result.maps.find((one) => one.class.id === this.#shown) ?? result.maps[0];
    const scale = Math.min(1, Math.sqrt(MOST_HEAT_PIXELS / (width * height)));
    const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
    let pixels;
    try {
      pixels = map.toImageData({ picture: false, alpha: 1, fade: tools.FADE, colormap: this.#text('colormap'), ...size });
    } catch (error) {
      this.#say(error.message, true);
      this.dispatchEvent(new CustomEvent('error', { detail: error }));
      return;
    }
    Object.assign(heat, size);
    heat.getContext('2d').putImageData(new ImageData(pixels.data, size.width, size.height), 0, 0);
    heat.style.opacity = String(this.#number('opacity'));
    stage.setAttribute('data-ready', '');

    const focused = this.shadowRoot.activeElement?.dataset?.id;
    classes.replaceChildren(...result.maps.map((one) => this.#classRow(one)));
    if (focused) classes.querySelector(`[data-id="${focused}"]`)?.focus();
    this.#say(tools.sentences([describe(map), ...result.warnings.map(({ text }) => text)]));
  }

  #classRow({ class: { id, name }, probability }) {
    const button = Object.assign(document.createElement('button'), { type: 'button' });
    button.dataset.id = String(id);
    button.part.add('class');
    button.setAttribute('aria-pressed', String(id === this.#shown));
    button.style.setProperty('--share', String(probability));
    const percent = Object.assign(document.createElement('span'), { textContent: percentOf(probability) });
    percent.part.add('percent');
    button.append(Object.assign(document.createElement('span'), { textContent: tools.withKind({ name, group: this.#groups?.[id] }) }), percent);
    button.addEventListener('click', () => {
      this.#shown = id;
      this.#paint();
      this.dispatchEvent(new CustomEvent('change', { detail: { id, name } }));
    });
    const row = document.createElement('li');
    row.append(button);
    return row;
  }

  #say(text, bad = false) {
    const { status } = this.#parts;
    status.textContent = text;
    status.toggleAttribute('data-bad', bad);
  }

  /* ---- Steps ------------------------------------------------------------------------------------ */

  async #showSteps(cam, image, names, signal) {
    const { findSteps } = await import('./steps/index.js');
    const chosen = findSteps(names);
    const wanted = this.#hasTarget ? this.#wanted[0] : undefined;
    const options = { class: wanted ?? (this.#stepsAlone ? undefined : this.#shown), layer: this.#layer };
    if (this.#stepsAlone) this.#say(tools.say('lesson.computing'));
    const steps = await sharedSteps(cam, image, options);
    if (signal.aborted) return;
    for (const [name, view] of this.#views) {
      if (chosen.some((step) => step.name === name)) continue;
      view.stop?.();
      view.section.remove();
      this.#views.delete(name);
    }
    for (const step of chosen) {
      let view = this.#views.get(step.name);
      if (view?.cam !== cam) {
        view?.stop?.();
        view?.section.remove();
        view = this.#createView(step, cam);
      }
      this.#parts.steps.append(view.section);
      if (view.shows !== steps) view.update(steps); // what a reader has done there stays
      view.shows = steps;
      const formula = view.section.querySelector('.formula');
      if (formula) scrollable(formula);
    }
    if (!this.#stepsAlone) return;
    this.#result = steps;
    this.#shown = steps.class.id;
    this.#say(tools.sentences(steps.explanation.warnings.map(({ text }) => text)));
    this.dispatchEvent(new CustomEvent('result', { detail: steps }));
  }

  #createView(step, cam) {
    const section = document.createElement('section');
    section.part.add('step', `step-${step.name}`);
    section.className = `step step-${step.name}`;
    section.setAttribute('aria-label', step.title);
    const view = step.create({
      cam,
      model: this.#modelAddress(),
      colormap: this.#text('colormap'),
      samples: (this.getAttribute('samples') ?? '').split('|').filter(Boolean).map((one) => new URL(one, this.baseURI).href),
      fail: (error) => error.code !== 'cancelled' && this.#say(error.message, true),
      choose: (id) => {
        const detail = { id, name: cam.labels[id] };
        this.dispatchEvent(new CustomEvent('change', { detail }));
        this.setAttribute('target', String(id));
      },
    });
    if (step.formula) {
      const formula = document.createElement('div');
      formula.className = 'formula';
      formula.innerHTML = step.formula; // MathML of our own
      const fold = Object.assign(document.createElement('details'), { className: 'symbols', open: this.getAttribute('symbols') === 'open' });
      fold.part.add('formula');
      fold.append(Object.assign(document.createElement('summary'), { textContent: tools.say('step.symbols') }), formula);
      fold.addEventListener('toggle', () => scrollable(formula));
      section.append(fold);
    }
    if (step.caption) {
      const caption = Object.assign(document.createElement('p'), { className: 'caption', textContent: step.caption });
      caption.part.add('caption');
      section.append(caption);
    }
    section.append(view.element);
    const whole = Object.assign(view, { section, cam });
    this.#views.set(step.name, whole);
    return whole;
  }

  #dropViews() {
    for (const view of this.#views.values()) {
      view.stop?.();
      view.section.remove();
    }
    this.#views.clear();
  }
}

const isCanvas = (element) => element?.localName === 'canvas';

/** What is wider than its box can be scrolled by keys. */
function scrollable(box) {
  box.tabIndex = box.scrollWidth > box.clientWidth ? 0 : -1;
}

/** The shadow tree, and its parts by name. */
function build(host) {
  const root = host.attachShadow({ mode: 'open' });
  root.adoptedStyleSheets = [sheet()];
  root.innerHTML = `<div class="all">
    <figure class="whole">
      <div class="stage" part="stage">
        <slot></slot>
        <img part="picture" class="picture" alt="" hidden>
        <canvas part="picture" class="picture own" role="img" hidden></canvas>
        <canvas part="heat" class="heat" aria-hidden="true"></canvas>
      </div>
      <figcaption>
        <ul class="classes" part="classes"></ul>
      </figcaption>
    </figure>
    <div class="steps"></div>
    <progress part="progress" max="1" hidden></progress>
    <p class="status" part="status" role="status"></p></div>`;
  const find = (selector) => root.querySelector(selector);
  // Its words are English and its numbers stand in rows, whatever the page around it is.
  Object.assign(find('.all'), { lang: 'en', dir: 'ltr' });
  return { all: find('.all'), figure: find('.whole'), stage: find('.stage'), picture: find('img'), own: find('.own'),
    heat: find('.heat'), classes: find('.classes'), steps: find('.steps'), progress: find('progress'),
    status: find('.status') };
}

/** iOS gives no canvas of more than 16.7 million pixels, and no screen shows as many. */
const MOST_PICTURE_PIXELS = 4096 * 2048;

/** Whether a computed colour is nearer to white than to black. @param {string} colour */
function isLight(colour) {
  const [r, g, b] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return /^rgb/.test(colour) && 0.3 * r + 0.59 * g + 0.11 * b > 140;
}

const percentOf = (share) => tools.say('percent', { share });

/** What the heat shows, for those who do not see it: the centre of its strong places. */
function describe(map) {
  const { name } = map.class;
  const share = tools.say('element.share', { name, percent: percentOf(map.probability) });
  let [x, y, total] = [0, 0, 0];
  map.normalized.forEach((value, at) => {
    const weight = value ** 3;
    x += weight * ((at % map.width) + 0.5);
    y += weight * (Math.floor(at / map.width) + 0.5);
    total += weight;
  });
  if (!total) return tools.say('element.no.evidence', { share });
  const third = (at) => Math.min(2, Math.floor(3 * at));
  return tools.say('element.evidence', { share, row: third(y / total / map.height), column: third(x / total / map.width) });
}
