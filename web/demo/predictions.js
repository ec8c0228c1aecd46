/**
 * The classes as a list of buttons with bars; one is pressed: its heatmap is on show.
 */
import { tools } from '../index.js';
import { say } from './words.js';

/**
 * Rows stay and only what they say changes: beneath a camera, a row made anew for each picture would be
 * gone between a finger's touching and lifting, and its click with it.
 * @param {HTMLOListElement} list
 * @param {{class: {id: number, name: string}, probability: number}[]} maps
 * @param {number} shown               id of the class on show
 * @param {(id: number) => void} choose
 * @param {(string | undefined)[] | null} groups  of the model's classes
 */
export function showPredictions(list, maps, shown, choose, groups) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  if (list.querySelector('.blank')) list.replaceChildren(); // it held places
  while (list.children.length > maps.length) list.lastChild.remove();
  while (list.children.length < maps.length) list.append(newRow(choose));
  for (const [i, { class: { id, name }, probability }] of maps.entries()) {
    const button = list.children[i].firstChild;
    button.dataset.id = String(id);
    button.setAttribute('aria-pressed', String(id === shown));
    button.style.setProperty('--share', String(probability));
    const kind = tools.kindOf(name, groups?.[id]);
    const [first, second] = button.firstChild.childNodes;
    first.textContent = kind && say('page.kind', { kind });
    second.textContent = name;
    button.lastChild.textContent = say('percent', { share: probability });
  }
  if (focused) list.querySelector(`[data-id="${focused}"]`)?.focus();
}

function newRow(choose) {
  const make = (tag, props = {}) => Object.assign(document.createElement(tag), props);
  const [item, button] = [make('li'), make('button', { type: 'button' })];
  const words = make('span');
  words.append(make('span', { className: 'kind' }), make('span'));
  button.append(words, make('span', { className: 'percent' }));
  button.addEventListener('click', () => choose(Number(button.dataset.id)));
  item.append(button);
  return item;
}

/** Empty places, as many as there were rows. */
export function clearPredictions(list) {
  for (const { firstChild: row } of list.children) {
    if (row.matches('button')) row.replaceWith(Object.assign(document.createElement('span'), { className: 'blank' }));
  }
}
