/**
 * The classes as a list of buttons with bars; one is pressed: its heatmap is on show.
 */

/**
 * @param {HTMLOListElement} list
 * @param {{class: {id: number, name: string}, probability: number}[]} maps
 * @param {number} shown               id of the class on show
 * @param {(id: number) => void} choose
 */
export function showPredictions(list, maps, shown, choose) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  list.replaceChildren(...maps.map(({ class: { id, name }, probability }) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.id = String(id);
    button.setAttribute('aria-pressed', String(id === shown));
    button.style.setProperty('--share', String(probability));
    const percent = document.createElement('span');
    percent.className = 'percent';
    percent.textContent = `${(100 * probability).toFixed(1)} %`;
    button.append(Object.assign(document.createElement('span'), { textContent: name }), percent);
    button.addEventListener('click', () => choose(id));
    const item = document.createElement('li');
    item.append(button);
    return item;
  }));
  if (focused) list.querySelector(`[data-id="${focused}"]`)?.focus();
}
