/**
 * The look of `<grad-cam>`: one constructed style sheet that all elements of a page share; strict
 * content security policies allow it. Pages change it by the --grad-cam-* properties and ::part().
 */
const CSS = `
:host {
  display: block;
  container-type: inline-size;
  font: 1rem/1.5 system-ui, sans-serif;
  text-align: start;
}
.all {
  --accent: var(--grad-cam-accent, #0b6e99);
  --accent-ink: var(--grad-cam-accent-ink, #ffffff);
  --ink: var(--grad-cam-ink, #1d2229);
  --muted: var(--grad-cam-muted, #5a636e);
  --surface: var(--grad-cam-surface, #ffffff);
  --sunk: var(--grad-cam-sunk, #f3f1ed);
  --line: var(--grad-cam-line, #dcd9d3);
  --bar: var(--grad-cam-bar, #d6e8f0);
  --plus: #b35806;
  --minus: #2166ac;
  --bad: #a4262c;
  --radius: var(--grad-cam-radius, 10px);
  color: var(--ink);
}
@supports (color: light-dark(#000, #fff)) {
  .all {
    --accent: var(--grad-cam-accent, light-dark(#0b6e99, #6cc3ea));
    --accent-ink: var(--grad-cam-accent-ink, light-dark(#ffffff, #0c1a22));
    --ink: var(--grad-cam-ink, light-dark(#1d2229, #e9ebee));
    --muted: var(--grad-cam-muted, light-dark(#5a636e, #a0a9b4));
    --surface: var(--grad-cam-surface, light-dark(#ffffff, #1c2127));
    --sunk: var(--grad-cam-sunk, light-dark(#f3f1ed, #14171b));
    --line: var(--grad-cam-line, light-dark(#dcd9d3, #333b45));
    --bar: var(--grad-cam-bar, light-dark(#d6e8f0, #24465a));
    --plus: light-dark(#b35806, #f1a340);
    --minus: light-dark(#2166ac, #74add1);
    --bad: light-dark(#a4262c, #ff9a94);
  }
}
:host([hidden]), [hidden] { display: none !important; }
*, ::before, ::after { box-sizing: border-box; }

figure { margin: 0; }
@container (min-width: 44rem) {
  .whole:has(.stage:not([data-slotted])) { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 1.25rem; align-items: start; }
  .whole .classes { margin-top: 0; }
}
.stage {
  position: relative;
  overflow: hidden;
  aspect-ratio: var(--grad-cam-ratio, 4 / 3);
  border-radius: var(--radius);
  background: var(--sunk);
}
.stage[data-slotted] { aspect-ratio: auto; border-radius: 0; background: none; }
.stage:not([data-slotted]) slot { display: none; }
::slotted(:is(img, canvas)) { display: block; border-radius: var(--grad-cam-radius, 10px); max-width: 100%; height: auto; }
.picture, .heat { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.heat { pointer-events: none; opacity: 0; transition: opacity 0.15s; }

.classes { margin: 0.6rem 0 0; padding: 0; list-style: none; }
.classes li { margin: 0 0 0.3rem; }
.classes .empty { height: 2.5rem; border-radius: 8px; background: var(--sunk); }
.classes button {
  --share: 0;
  display: grid;
  grid-template-columns: 1fr auto;
  align-items: center;
  width: 100%;
  height: 2.5rem;
  padding: 0 0.7rem;
  border: 1px solid transparent;
  border-radius: 8px;
  background: linear-gradient(var(--bar), var(--bar)) no-repeat 0 0 / calc(100% * var(--share)) 100%, var(--sunk);
  color: inherit;
  font: inherit;
  text-align: start;
  cursor: pointer;
}
.classes button:hover { border-color: var(--line); }
.classes button[aria-pressed='true'] { border-color: var(--accent); font-weight: 600; }
.classes button > :first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
[part='percent'], output, .figures dd, td { font-variant-numeric: tabular-nums; }

@media (forced-colors: active) {
  .classes button { border-color: ButtonBorder; forced-color-adjust: none; background: linear-gradient(Highlight, Highlight) no-repeat 0 100% / calc(100% * var(--share)) 0.35rem, ButtonFace; color: ButtonText; }
  .classes button[aria-pressed='true'] { outline: 3px solid Highlight; outline-offset: -1px; }
  .meter { border: 1px solid CanvasText; }
  .meter i { forced-color-adjust: none; background: Highlight; }
}

.status { min-height: 1.5em; margin: 0.3rem 0 0; color: var(--muted); font-size: 0.875rem; }
.status[data-bad] { color: var(--bad); }
progress { width: 100%; accent-color: var(--accent); }
:is(button, select, input, canvas, summary):focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }

/* Steps; for the youngest without symbols, figures and what explains them */
.plainly { display: none; }
:host([symbols='none']) .plainly { display: block; }
:host([symbols='none']) :is(.symbolic, .figures, .symbols, .caption) { display: none; }
.step { padding: 0.25rem 0; }
.step + .step { margin-top: 1.5rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
.formula { overflow-x: auto; margin: 0 0 0.9rem; padding: 0.7rem 0.9rem; border-radius: var(--radius); background: var(--sunk); font-size: 1.15rem; font-size: clamp(0.8rem, 4.3cqi, 1.2rem); }
.formula math { margin: 0; font-family: 'STIX Two Math', 'Cambria Math', 'Latin Modern Math', 'STIX', math; }
.symbols { margin: 0 0 0.9rem; }
.symbols summary { width: max-content; color: var(--muted); font-size: 0.875rem; cursor: pointer; }
.symbols .formula { margin: 0.5rem 0 0; }
.caption { margin: 0 0 1rem; color: var(--muted); font-size: 0.92rem; max-width: 46rem; }
.caption:empty { display: none; }
div > .caption { margin: 0.8rem 0 0; }
.split { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem 1.5rem; align-items: start; }
@container (min-width: 40rem) { .split { grid-template-columns: minmax(0, 3fr) minmax(13rem, 2fr); } }
.trio { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 9.5rem), 1fr)); gap: 1rem; }
@container (max-width: 30rem) {
  .trio { grid-template-columns: repeat(auto-fit, minmax(5.5rem, 1fr)); gap: 0.6rem; }
  .trio:has(> div) { grid-template-columns: 1fr 1fr; }
  .trio > div { grid-column: 1 / -1; }
  .trio figcaption { font-size: 0.8rem; line-height: 1.35; overflow-wrap: anywhere; }
}
.trio figcaption, .tile figcaption { margin-top: 0.35rem; font-size: 0.9rem; }
.small { color: var(--muted); font-size: 0.875rem; }
.ends { margin-top: 0.8rem; display: grid; grid-template-columns: repeat(auto-fit, minmax(5.2rem, 1fr)); gap: 0.8rem; }
sup { line-height: 0; }
canvas.plane { display: block; width: 100%; height: auto; border-radius: 6px; background: var(--sunk); }
canvas.pixels { image-rendering: pixelated; }
.modest { max-width: 24rem; }
canvas.plot { display: block; width: 100%; height: 14rem; }
.cover { position: relative; }
.cover > canvas + canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
.atlas { position: relative; cursor: crosshair; }
.atlas canvas { display: block; width: 100%; height: auto; border-radius: 6px; background: var(--sunk); image-rendering: pixelated; }
.atlas .mark { position: absolute; border: 2px solid var(--accent); outline: 1px solid var(--surface); border-radius: 2px; pointer-events: none; }

.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 1rem; margin: 0 0 0.75rem; font-size: 0.9rem; }
.bar label { display: inline-flex; align-items: center; gap: 0.5rem; }
.bar .wide { flex: 1 1 14rem; }
.bar .wide input { flex: 1; min-width: 6rem; }
/* A finger needs all of a phone's width. */
@container (max-width: 30rem) {
  .bar .wide { flex: 1 1 100%; flex-wrap: wrap; }
  .bar .wide input { order: 1; flex: 1 1 100%; }
}
button.action, select {
  padding: 0.4rem 0.8rem;
  border: 1px solid var(--line);
  border-radius: 8px;
  background: var(--surface);
  color: var(--ink);
  font: inherit;
}
button.action { cursor: pointer; min-width: 5rem; }
button.action:hover { border-color: var(--accent); }
button.action.primary, button.action[aria-pressed='true'] { border-color: var(--accent); background: var(--accent); color: var(--accent-ink); }
button.action:disabled { opacity: 0.5; cursor: default; }
input[type='range'] { accent-color: var(--accent); }
input[type='checkbox'], input[type='radio'] { accent-color: var(--accent); width: 1.1rem; height: 1.1rem; }
.figures { max-width: 26rem; display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0.15rem 1rem; margin: 0.6rem 0 0; font-size: 0.9rem; }
.figures dt { color: var(--muted); }
.figures dd { margin: 0; max-width: 13rem; text-align: end; overflow-wrap: break-word; }
table { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
th { color: var(--muted); font-weight: 500; text-align: start; }
th, td { padding: 0.3rem 0.4rem; border-bottom: 1px solid var(--line); }
:is(th, td):not(:first-child) { text-align: end; }
td button { all: unset; cursor: pointer; text-decoration: underline; text-underline-offset: 3px; text-decoration-color: var(--line); }
td button:focus-visible { outline: 3px solid var(--accent); }
tr[aria-current] td { font-weight: 600; background: var(--bar); }
.meter { height: 0.8rem; border-radius: 4px; background: var(--sunk); overflow: hidden; }
.meter i { display: block; height: 100%; width: 0; background: var(--accent); transition: width 0.1s; }
.meter.mark { position: relative; overflow: visible; height: 1.1rem; margin-bottom: 0.6rem; }
.meter.mark i { border-radius: 4px; transition: none; }
.meter.mark::after { content: ''; position: absolute; inset: -3px auto -3px min(var(--mark, 0px), 100% - 2px); width: 2px; background: var(--ink); }
.pair.wide-pair { max-width: none; margin-bottom: 0.8rem; }
.wide-pair canvas + canvas { border-radius: 6px; }
.turn { height: 1.6rem; }
.bar.knob output { min-width: 7rem; }
.step h3 { margin: 1.2rem 0 0.5rem; font-size: 1rem; }
.pick { display: flex; flex-direction: column; gap: 0.3rem; padding: 0.3rem; border: 2px solid var(--line); border-radius: 8px; background: none; color: inherit; font: inherit; font-size: 0.85rem; text-align: start; cursor: pointer; }
.pick[aria-pressed='true'] { border-color: var(--accent); }
.pick .cover { width: 100%; }
.close-up { max-width: 16rem; }
@container (max-width: 40rem) { .close-up { max-width: 9rem; } }
.hand { display: flex; flex-wrap: wrap; gap: 0.8rem; margin-top: 0.8rem; }
.patch { width: auto; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
.patch caption { padding-bottom: 0.25rem; text-align: start; color: var(--muted); }
.patch td { min-width: 4.2rem; padding: 0.25rem 0.4rem; border: 1px solid var(--line); color: #1d2229; text-align: end; }
.patch td span { display: block; }
.legend { display: flex; align-items: center; gap: 0.5rem; margin-top: 0.4rem; color: var(--muted); font-size: 0.8rem; }
.legend canvas { flex: 1; height: 0.6rem; min-width: 3rem; border-radius: 3px; }
.brush { touch-action: none; cursor: crosshair; border-radius: 6px; }
.quiz { display: grid; gap: 0.6rem; padding: 1rem 0; border-top: 1px solid var(--line); }
.quiz:first-child { border-top: 0; padding-top: 0; }
.quiz h3 { margin: 0; font-size: 1rem; }
.quiz p { margin: 0; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0.8rem; max-width: 36rem; }
.pair button canvas { margin-bottom: 0.35rem; }
.pair button { padding: 0.35rem; border: 2px solid var(--line); border-radius: var(--radius); background: none; color: inherit; font: inherit; cursor: pointer; }
.pair button:hover { border-color: var(--accent); }
.pair button[data-right] { border-color: var(--accent); }
.pair button[data-wrong] { border-color: var(--bad); border-style: dashed; }
.pair canvas { width: 100%; height: auto; display: block; border-radius: 6px; }

/* Where the page gives the element a height (container-type: size), a step fits into it if it can. */
@container (min-width: 30rem) and (min-height: 1px) {
  .all { --tall: 62cqb; }
  .step { padding: 0; }
  .whole:has(.stage:not([data-slotted])) { display: grid; grid-template-columns: minmax(0, 105cqb) minmax(12rem, 1fr); gap: 1.25rem; align-items: start; }
  .whole .classes { margin-top: 0; }
  .cover, .pick .cover { width: fit-content; max-width: 100%; }
  canvas.plane { width: calc(var(--tall) * var(--ratio, 1)); max-width: 100%; }
  canvas.plot { height: min(14rem, 30cqb); }
  .symbols, .bar { margin-bottom: 0.4rem; }
  .split { grid-template-columns: minmax(0, auto) minmax(13rem, 1fr); }
  .split:has(canvas.plot, table) { grid-template-columns: minmax(0, 3fr) minmax(13rem, 2fr); }
  .split:has(.atlas) { --tall: 33cqb; grid-template-columns: minmax(0, 1fr) max(13rem, 33cqb); }
  .split:has(.close-up) { --tall: 35cqb; }
  .close-up { --tall: 15cqb; }
  .patch td { padding-block: 0.1rem; }
  .trio { --tall: 39cqb; }
  .trio + .figures { grid-template-columns: repeat(2, minmax(0, 1fr) auto); max-width: none; }
  .pair { --tall: 33cqb; max-width: none; }
  .wide-pair { --tall: 26cqb; margin-bottom: 0.3rem; }
  .pair button canvas { margin-inline: auto; }
  .ends { --tall: 15cqb; }
  .pair canvas { width: calc(var(--tall) * var(--ratio, 1.333)); max-width: 100%; }
  div > .caption, .hand { margin-top: 0.4rem; }
}

@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
@media print {
  .all { color-scheme: light !important; }
  .bar, progress, .symbols:not([open]) { display: none; }
  /* What nobody has asked for yet has nothing to show. */
  .unasked { display: none; }
  :is(.split, .trio, .pair, .ends, .hand, .quiz, .figures, table, .formula) { break-inside: avoid; }
  :is(h3, .caption, .symbols) { break-after: avoid; }
  p { break-inside: avoid; }
  /* Smaller than on a screen: a step on half a page. */
  .split { grid-template-columns: minmax(0, 9.5cm) minmax(0, 1fr); }
  .trio { grid-template-columns: repeat(3, minmax(0, 5cm)); }
  .wide-pair, .pair { max-width: 12cm; }
  .ends { grid-template-columns: repeat(6, minmax(0, 2.4cm)); }
  .modest, .plane.pixels { max-width: 5.5cm; }
  canvas.plot { height: auto; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

let made = null;

/** @returns {CSSStyleSheet} */
export function sheet() {
  if (!made) {
    made = new CSSStyleSheet();
    made.replaceSync(CSS);
  }
  return made;
}
