/**
 * Keras files and converted folders, given to GradCam.load as people have them: the file itself, its
 * bytes, an address, a folder, all the folder's files at once; and what is wrong with broken ones.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { convert, folderSink } from '../../models/index.js';
import { GradCam, GradCamError } from '../../web/node.js';
import { CASES, writeH5 } from '../models/fixtures.mjs';
import { data, decodedPhoto, preprocessOf, reference, withoutData } from './shared.mjs';

const ENGINE = { variant: 'simd', threads: 1 };

describe('real Keras files, unconverted', { skip: withoutData }, () => {
  for (const name of ['vww_96', 'mobilenet_0.75_224', 'gender_mini_XCEPTION']) {
    test(`${name}: PyTorch's predictions and maps, by path and by bytes`, async () => {
      const model = reference.models.find((one) => one.model === name);
      const path = data(model.weights);
      const file = new File([await readFile(path)], basename(path));
      for (const source of [path, file]) {
        const cam = await GradCam.load(source, { ...ENGINE, preprocess: preprocessOf(model.input) });
        try {
          assert.equal(cam.model.name, name.replace(/_224$/, ''));
          const { photo, top5, maps } = model.photos.find((one) => one.photo === 'pier.jpg');
          for (const expected of maps) {
            const { layer, score, class: id } = expected;
            const found = await cam.explain(decodedPhoto(photo), { classes: [id], layer, score });
            found.predictions.forEach(({ id: predicted, probability }, i) => {
              assert.equal(predicted, top5[i].class);
              assert.ok(Math.abs(probability - top5[i].probability) <= 1e-4, `${probability}`);
            });
            const max = Math.max(...expected.map);
            const scale = score === 'softmax' ? max / found.maps[0].max : 1;
            const allowed = Math.max(1e-3, 10 * expected.float32_error) * max;
            expected.map.forEach((value, i) => assert.ok(
              Math.abs(Math.max(0, found.maps[0].raw[i]) * scale - value) <= allowed, `${layer} ${score} at ${i}`));
          }
        } finally {
          cam.dispose();
        }
      }
    });
  }

  test('the published preprocessing and names come with an architecture', async () => {
    const cam = await GradCam.load(data('weights/mobilenet_0.75_224.h5'), ENGINE);
    const { predictions, warnings, layer } = await cam.explain(decodedPhoto('pier.jpg'), { top: 1 });
    assert.deepEqual([predictions[0].name, layer, warnings], ['pier', 'conv_pw_13_relu', []]);
    assert.equal(cam.model.preprocess.mean[0], 127.5);
    cam.dispose();
  });

  test('a model whose preprocessing nobody told says what was assumed', async () => {
    const cam = await GradCam.load(data('weights/vww_96.h5'), { ...ENGINE, labels: ['no person', 'person'] });
    const { predictions, warnings } = await cam.explain(decodedPhoto('pier.jpg'), { top: 1 });
    assert.equal(predictions[0].name, 'no person');
    assert.deepEqual([warnings[0].name, warnings[0].remedy, cam.model.preprocess.from], ['preprocessing-guessed', 'preprocess', 'guess']);
    assert.match(warnings[0].text, /unit \(0\.\.1\) is a guess/);
    cam.dispose();
  });

  test('int8 weights: another answer, but nearly the same', async () => {
    const answers = [];
    for (const weights of ['f32', 'int8']) {
      const cam = await GradCam.load(data('weights/mobilenet_0.75_224.h5'), { ...ENGINE, weights });
      const { predictions: [best] } = await cam.explain(decodedPhoto('pier.jpg'), { top: 1 });
      answers.push(best.probability);
      assert.equal(best.name, 'pier');
      cam.dispose();
    }
    assert.ok(answers[0] !== answers[1] && Math.abs(answers[0] - answers[1]) < 0.1, answers.join(' '));
  });

  test('the wrong architecture: what was expected, what was found, what to do', async () => {
    await assert.rejects(GradCam.load(data('weights/mobilenet_0.75_224.h5'), { ...ENGINE, arch: 'vgg16' }),
      (error) => isClear(error, 'model', /Asked for vgg16; the file's layers are mobilenet's\..*"block1_conv1"/s));
    await assert.rejects(GradCam.load(data('weights/mobilenet_0.75_224.h5'), { ...ENGINE, arch: 'vgg17' }),
      (error) => isClear(error, 'argument', /no architecture "vgg17".*Known: vgg16, xception/));
  });
});

function isClear(error, code, words) {
  assert.ok(error instanceof GradCamError, String(error.stack));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, words);
  return true;
}

/** Serves a folder; `damage` may change the bytes of an answer. */
async function serveFolder(folder, damage = (name, bytes) => bytes) {
  const server = createServer(async (request, response) => {
    const name = basename(new URL(request.url, 'http://x').pathname) || 'model.json';
    const bytes = await readFile(join(folder, name)).catch(() => null);
    const body = bytes && damage(name, bytes);
    if (!body) response.writeHead(404).end();
    else response.end(body);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

describe('a converted folder', () => {
  let home;
  let folder;
  let picture;
  let expected;

  /** A small network, its weights cut into three shards, as VGG16's are into fourteen. */
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'gradcam-keras-'));
    folder = join(home, 'net');
    await writeH5(CASES[0](), join(home, 'net.h5'));
    const { card } = await convert({ source: join(home, 'net.h5'), out: await folderSink(folder) });
    const [{ file }] = card.shards;
    const bytes = await readFile(join(folder, file));
    await rm(join(folder, file));
    card.shards = [];
    for (let at = 0, third = Math.ceil(bytes.length / 3); at < bytes.length; at += third) {
      const part = bytes.subarray(at, at + third);
      const name = `net-weights-00${card.shards.length}.bin`;
      await writeFile(join(folder, name), part);
      card.shards.push({ file: name, bytes: part.length,
        sha256: createHash('sha256').update(part).digest('hex') });
    }
    await writeFile(join(folder, 'model.json'), JSON.stringify(card));
    const { width, height, channels } = card.input;
    assert.equal(channels, 4);
    picture = { shape: [height, width] };
    expected = await ask(join(home, 'net.h5'));
  });
  after(() => rm(home, { recursive: true, force: true }));

  /** What a model says of itself; its input has four channels, so it takes no pictures. */
  async function ask(source, options = {}) {
    const cam = await GradCam.load(source, { ...ENGINE, ...options });
    try {
      return { input: cam.model.input, layers: cam.layers(), name: cam.model.name };
    } finally {
      cam.dispose();
    }
  }

  const files = async (names = undefined) => Promise.all((names ?? await readdir(folder)).map(
    async (name) => new File([await readFile(join(folder, name))], name)));

  test('by folder, by card, by .onnx file, by all files at once, with and without the card', async () => {
    assert.deepEqual(expected.input, picture.shape);
    const all = await files();
    const shards = all.filter(({ name }) => name.endsWith('.bin'));
    const onnx = all.find(({ name }) => name.endsWith('.onnx'));
    for (const source of [folder, join(folder, 'model.json'), join(folder, 'net.onnx'), all]) {
      const { input, layers } = await ask(source);
      assert.deepEqual([input, layers], [expected.input, expected.layers]);
    }
    for (const source of [{ onnx, weights: shards }, [onnx, ...shards.reverse()]]) {
      const { input, layers } = await ask(source, { preprocess: 'rgb,mean=0' });
      assert.deepEqual([input, layers], [expected.input, expected.layers]);
    }
  });

  test('by address: the folder, the card, and the Keras file', async () => {
    const { origin, close } = await serveFolder(folder);
    const keras = await serveFolder(home);
    try {
      for (const source of [`${origin}/`, new URL(`${origin}/model.json`), `${keras.origin}/net.h5`]) {
        assert.deepEqual((await ask(source)).layers, expected.layers);
      }
    } finally {
      close();
      keras.close();
    }
  });

  test('a flipped byte in a shard, on disk and on the way', async () => {
    const bad = join(home, 'flipped');
    await cp(folder, bad, { recursive: true });
    const shard = join(bad, 'net-weights-001.bin');
    const bytes = await readFile(shard);
    bytes[77] ^= 1;
    await writeFile(shard, bytes);
    const says = (error) => isClear(error, 'model', /net-weights-001\.bin is not the file its card speaks of: its SHA-256/);
    await assert.rejects(ask(bad), says);
    const { origin, close } = await serveFolder(folder, (name, body) => {
      if (name === 'net-weights-001.bin') body[77] ^= 1;
      return body;
    });
    try {
      await assert.rejects(ask(`${origin}/model.json`), says);
    } finally {
      close();
    }
  });

  test('a missing shard, in the folder, among the files, on the server', async () => {
    const bad = join(home, 'missing');
    await cp(folder, bad, { recursive: true });
    await rm(join(bad, 'net-weights-002.bin'));
    await assert.rejects(ask(bad), (error) => isClear(error, 'file', /net-weights-002\.bin: there is no such file/));
    const some = (await files()).filter(({ name }) => name !== 'net-weights-002.bin');
    await assert.rejects(ask(some), (error) => isClear(error, 'file', /"net-weights-002\.bin"; give it too/));
    const cardless = (await files()).filter(({ name }) => name !== 'model.json' && name !== 'net-weights-000.bin');
    await assert.rejects(ask(cardless), (error) => isClear(error, 'file', /"net-weights-000\.bin"; give it too/));
    const { origin, close } = await serveFolder(bad);
    try {
      await assert.rejects(ask(`${origin}/`), (error) => isClear(error, 'network', /net-weights-002\.bin.*answered 404/));
    } finally {
      close();
    }
  });

  test('a shard cut off; no shards at all; two models at once', async () => {
    const bad = join(home, 'cut');
    await cp(folder, bad, { recursive: true });
    await truncate(join(bad, 'net-weights-000.bin'), 100);
    await assert.rejects(ask(bad), (error) => isClear(error, 'model', /net-weights-000\.bin has 100 bytes.*cut off/));
    await assert.rejects(ask(await files(['net.onnx'])), (error) => isClear(error, 'file', /"weights\.bin"; give it too/));
    await assert.rejects(ask([...await files(['net.onnx']), ...await files(['net.onnx'])]),
      (error) => isClear(error, 'argument', /2 came/));
    await assert.rejects(ask([]), (error) => isClear(error, 'argument', /0 came/));
  });

  test('no network', async () => {
    const { origin, close } = await serveFolder(folder);
    close();
    for (const file of ['model.json', 'net.h5', 'net.onnx']) {
      await assert.rejects(ask(`${origin}/${file}`), (error) => isClear(error, 'network', /could not be fetched from/));
    }
  });

  test('a Keras file cut off, and one that is none', async () => {
    const bytes = await readFile(join(home, 'net.h5'));
    const load = (part, name) => ask(new File([part], name));
    await assert.rejects(load(bytes.subarray(0, 5000), 'net.h5'),
      (error) => isClear(error, 'model', /net\.h5 is truncated: it should hold \d+ bytes but has 5000/));
    await assert.rejects(load(Buffer.from('hello, this is text'), 'net.h5'),
      (error) => isClear(error, 'model', /net\.h5 is a text, not a model/));
    await assert.rejects(load(Buffer.from('PK\x03\x04 and nothing'), 'net.keras'),
      (error) => isClear(error, 'model', /net\.keras is not a sound \.keras file/));
    await assert.rejects(ask(join(home, 'none.h5')), (error) => isClear(error, 'file', /none\.h5: there is no such file/));
  });

  test('cancelled while it is converted', async () => {
    const stop = new AbortController();
    await assert.rejects(ask(join(home, 'net.h5'), { signal: stop.signal, onProgress: () => stop.abort() }),
      (error) => isClear(error, 'cancelled', /cancelled/));
  });
});
