/** The documentation's examples, live: the element, and the guide's explain(). */
import './web/element/define.js';
import { GradCam } from './web/index.js';

async function explain(image, place) {
  const cam = await GradCam.load('pocket');
  const { predictions, maps } = await cam.explain(image, { top: 1 });
  place.append(predictions[0].name, maps[0].toCanvas());
  cam.dispose();
}

for (const button of document.querySelectorAll('[data-example="explain"]')) {
  button.disabled = false; // without scripts it would do nothing
  button.addEventListener('click', async () => {
    button.disabled = true;
    await explain(button.parentElement.querySelector('img'), button.parentElement).catch((error) => button.parentElement.append(error.message));
  });
}
