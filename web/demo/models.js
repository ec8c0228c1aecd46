/**
 * The models that are known by name, as a list of buttons. Their cards are read when the list is opened.
 */
import { say } from './words.js';

const NAMES = ['pocket', 'mobilenet_v1_0.25', 'mobilenet_v1_0.50', 'mobilenet_v1_0.75', 'mobilenet_v1_1.0', 'vgg16', 'xception',
  'resnet50', 'mobilenet', 'mobilenetv2', 'densenet121', 'inceptionv3', 'efficientnetb0', 'vgg19'];

export const isNamed = (source) => NAMES.includes(source);

const readCard = async (name) => {
  const response = await fetch(new URL(`../../models/${name}/model.json`, import.meta.url));
  return response.ok ? response.json() : null; // a host may carry some of them only
};

/** Megabytes of a model's own file, or of the one that is published. */
const sizeOf = ({ bytes, shards = [], download }) => (
  download?.bytes ?? (bytes ? shards.reduce((sum, shard) => sum + shard.bytes, bytes) : 0)) / 1e6;

export class ModelList {
  #list;
  #load;
  #current = 'pocket';

  /**
   * @param {HTMLUListElement} list
   * @param {HTMLDetailsElement} details   it lies in; opening it reads the cards
   * @param {(name: string) => void} load
   */
  constructor(list, details, load) {
    this.#list = list;
    this.#load = load;
    details.addEventListener('toggle', () => this.#read(), { once: true });
  }

  async #read() {
    const cards = await Promise.all(NAMES.map((name) => readCard(name).catch(() => null)));
    this.#list.replaceChildren(...cards.filter(Boolean).map((card) => {
      const button = Object.assign(document.createElement('button'), { type: 'button', title: card.licence ?? '' });
      button.dataset.model = card.name;
      const [, title, about] = /^(.*?)(?: \((.*)\))?$/.exec(card.title);
      const size = sizeOf(card);
      const words = [about?.replace(/^Keras, /, ''), card.name === 'pocket' ? say('page.models.bundled') : size ? say('page.models.size', { megabytes: size.toFixed(0) }) : say('page.models.download')];
      button.append(Object.assign(document.createElement('span'), { textContent: title }),
        Object.assign(document.createElement('span'), { textContent: words.filter(Boolean).join(' · ') }));
      button.addEventListener('click', () => this.#load(card.name));
      const item = document.createElement('li');
      item.append(button);
      return item;
    }));
    this.press(this.#current);
  }

  /** @param {unknown} source  what the model on show was loaded from */
  press(source) {
    this.#current = typeof source === 'string' ? source : '';
    for (const button of this.#list.querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.dataset.model === this.#current));
    }
  }
}
