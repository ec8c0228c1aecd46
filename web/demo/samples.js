/**
 * The sample pictures of page and lesson. Each address is written out: so the page's service worker, and
 * a bundler, find the files.
 */
const name = (url) => url.replace(/^.*\/|\.jpg$/g, '');

/** @type {{name: string, url: string}[]} */
export const SAMPLES = [
  new URL('../../models/pocket/samples/golf_ball_and_flower.jpg', import.meta.url),
  new URL('../../models/pocket/samples/golf_ball.jpg', import.meta.url),
  new URL('../../models/pocket/samples/flower.jpg', import.meta.url),
  new URL('../../models/pocket/samples/parachute.jpg', import.meta.url),
  new URL('../../models/pocket/samples/church.jpg', import.meta.url),
  new URL('../../models/pocket/samples/balloons.jpg', import.meta.url),
  new URL('../../models/pocket/samples/traffic_light.jpg', import.meta.url),
  new URL('../../models/pocket/samples/lighthouse.jpg', import.meta.url),
  new URL('../../models/pocket/samples/clutter.jpg', import.meta.url),
  new URL('../../models/pocket/samples/sunflower.jpg', import.meta.url),
].map(({ href }) => ({ name: name(href), url: href }));

/** What each sample is there for, in the words of the bundled network's card. @returns {Promise<Map<string, string>>}  by its name */
export async function readCaptions() {
  const response = await fetch(new URL('../../models/pocket/model.json', import.meta.url)).catch(() => null);
  if (!response?.ok) return new Map(); // without captions they can be chosen too
  return new Map((await response.json()).samples.map(({ file, caption }) => [name(file), caption]));
}

/**
 * Gives the samples' buttons their captions, once somebody comes near.
 * @param {HTMLElement} box  its buttons carry data-sample
 */
export function captionSamples(box) {
  const fill = async () => {
    for (const event of ['pointerover', 'focusin']) box.removeEventListener(event, fill);
    for (const [sample, caption] of await readCaptions()) {
      const button = /** @type {HTMLElement | null} */ (box.querySelector(`[data-sample="${sample}"]`));
      if (button) button.title = caption;
    }
  };
  for (const event of ['pointerover', 'focusin']) box.addEventListener(event, fill);
}
