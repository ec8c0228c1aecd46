/**
 * Models of other formats dropped onto the page in Chromium: Teachable Machine's archive and its loose
 * files, TensorFlow.js, TensorFlow Lite; and that nothing of their readers comes before.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { describe, test } from 'node:test';
import { unzipSync, zipSync } from 'fflate';
import { browserAndServer, data, openPage, root, withoutBrowser, withoutData } from './browser.mjs';

const wild = (path) => data(`wild/${path}`);
const READERS = /\/models\/(tfjs|tflite|tensorflow|teachable|keras|convert|bundle)|fflate|h5wasm/;

describe('other formats in Chromium', { skip: withoutBrowser || withoutData }, () => {
  const web = browserAndServer();

  /** Drops files at once. @param {[string, Uint8Array, string?][]} files */
  const drop = (page, files) => page.evaluate((given) => {
    const transfer = new DataTransfer();
    for (const { name, base64, type } of given) {
      transfer.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name, { type }));
    }
    document.getElementById('frame').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, files.map(([name, bytes, type = '']) => ({ name, base64: Buffer.from(bytes).toString('base64'), type })));

  const says = (page, words) => page.waitForFunction((source) => new RegExp(source).test(document.getElementById('status').textContent),
    words, { timeout: 60000 });

  async function opened(files, classes, photo) {
    const { page, problems } = await openPage(web.browser, `${web.server.origin}/web/demo/`);
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await says(page, 'classes');
    await drop(page, files);
    await says(page, `${classes} classes`);
    await drop(page, [photo]);
    await says(page, 'forward');
    const first = await page.$eval('#predictions button', (button) => button.firstChild.textContent);
    assert.deepEqual(problems, []);
    await page.close();
    return { first, asked };
  }

  const trained = async (name) => [name.replace('/', '-'), unzipSync(await readFile(wild('teachable/google/image-model-data.zip')))[name], 'image/png'];

  test('Teachable Machine\'s archive, and its files without it', async () => {
    const zip = await readFile(wild('teachable/google/image-model.zip'));
    const photo = await trained('Class 2/3.png');
    const whole = await opened([['image-model.zip', zip, 'application/zip']], 2, photo);
    const parts = await opened(Object.entries(unzipSync(zip)), 2, photo);
    assert.deepEqual([whole.first, parts.first], ['Class 2', 'Class 2']);
    assert.ok(whole.asked.some((url) => /models\/tfjs/.test(url)), 'requests of workers are seen here');
  });

  test('its Keras archive', async () => {
    const zip = zipSync({ 'keras_model.h5': await readFile(wild('teachable/water/keras_model.h5')), 'labels.txt': await readFile(wild('teachable/water/labels.txt')) });
    const { first } = await opened([['converted_keras.zip', zip, 'application/zip']], 2, ['pier.jpg', await readFile(data('photos/pier.jpg')), 'image/jpeg']);
    assert.ok(['5 Galoon', '500ML'].includes(first), first);
  });

  test('TensorFlow Lite with its list of names', async () => {
    const files = await Promise.all(['tflite/mobilenet_v2_1.0_224_inat_bird_quant.tflite', 'tflite/inat_bird_labels.txt']
      .map(async (path) => [basename(path), await readFile(wild(path))]));
    const { first } = await opened(files, 965, ['parrot.jpg', await readFile(wild('tflite/parrot.jpg')), 'image/jpeg']);
    assert.match(first, /Macaw/);
  });

  test('the link that Teachable Machine shares, and a name of the hub: the page may fetch both', async () => {
    const parts = unzipSync(await readFile(wild('teachable/google/image-model.zip')));
    const { page, problems } = await openPage(web.browser, `${web.server.origin}/web/demo/`);
    const asked = [];
    const answer = (files) => (route) => {
      const { pathname } = new URL(route.request().url());
      asked.push(pathname);
      const body = files[pathname.split('/').at(-1)];
      return route.fulfill({ status: body ? 200 : 404, body: body ? Buffer.from(body) : '', headers: { 'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin', 'access-control-expose-headers': 'ETag', ...(body ? { etag: `"${body.length}"` } : {}) } });
    };
    await page.context().route('https://teachablemachine.withgoogle.com/**', answer(parts));
    await page.context().route('https://huggingface.co/**', answer({ 'model.onnx': await readFile(`${root}/models/pocket/pocket.onnx`),
      'config.json': JSON.stringify({ id2label: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [i, `thing ${i}`])) }),
      'preprocessor_config.json': JSON.stringify({ image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], size: { height: 224, width: 224 } }) }));
    const load = (source) => page.evaluate(async (given) => {
      const { GradCam } = await import('/web/index.js');
      const cam = await GradCam.load(given, { threads: 1 });
      const { classes, name, preprocess: { mean } } = cam.model;
      cam.dispose();
      return { classes, name, mean: mean[0] };
    }, source);
    const shared = await load('https://teachablemachine.withgoogle.com/models/AbCdEf123/');
    assert.deepEqual([shared.classes, shared.mean], [2, 127]);
    assert.ok(asked.includes('/models/AbCdEf123/model.json') && asked.includes('/models/AbCdEf123/weights.bin'), asked.join(' '));
    asked.length = 0;
    assert.deepEqual(await load('hf:org/net'), { classes: 1000, name: 'net', mean: 127.5 });
    const first = asked.length;
    assert.deepEqual(await load('hf:org/net'), { classes: 1000, name: 'net', mean: 127.5 });
    const kept = await page.evaluate(async () => (await (await caches.open('gradcam-hub')).keys()).length);
    assert.ok(first > 0 && kept >= 6, `${kept} pieces are kept`);
    assert.deepEqual(problems.filter((line) => !/404/.test(line)), []);
    await page.close();
  });

  test('a page that shows the bundled model fetches no reader', async () => {
    const { page } = await openPage(web.browser, 'about:blank');
    const asked = [];
    await page.context().route('**/offline.js', (route) => route.abort());
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(`${web.server.origin}/web/demo/`);
    await says(page, 'classes');
    assert.deepEqual(asked.filter((url) => READERS.test(url)), []);
    await page.close();
  });
});
