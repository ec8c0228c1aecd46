/**
 * Broken, hostile and extreme input: every case gives a clear message, and the engine works on.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import { GradCam, GradCamError } from '../../web/node.js';
import { data, squeezenet, withoutData } from './shared.mjs';
import { tinyNetwork, tinyPicture } from './tiny.mjs';

const PLAIN = { preprocess: 'rgb,mean=127.5,std=127.5', threads: 1 };

/** Every message says something in words and has a code that programs can use. */
function isClear(error, codes) {
  assert.ok(error instanceof GradCamError, String(error.stack));
  assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
  assert.match(error.message, /\w+\W+\w+\W+\w+/);
  return true;
}

/** A PNG of one colour, or only its header. */
function makePng(width, height, { headerOnly = false } = {}) {
  const chunk = (type, body) => {
    const content = Buffer.concat([Buffer.from(type, 'latin1'), body]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(body.length, 0);
    frame.writeUInt32BE(pngCrc(content), 4);
    return Buffer.concat([frame.subarray(0, 4), content, frame.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = headerOnly ? Buffer.alloc(100) : Buffer.alloc((3 * width + 1) * height, 100);
  if (!headerOnly) for (let y = 0; y < height; ++y) rows[y * (3 * width + 1)] = 0;
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 1 })), chunk('IEND', Buffer.alloc(0))]);
}

/** zlib.crc32 came with Node 20.15. */
function pngCrc(bytes) {
  if (crc32) return crc32(bytes);
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; ++k) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

describe('pictures', () => {
  let cam;
  let expected;
  before(async () => {
    cam = await GradCam.load(tinyNetwork().onnx, PLAIN);
    expected = (await cam.explain(tinyPicture(), { classes: [0] })).maps[0].raw;
  });
  after(() => cam.dispose());

  async function worksStill() {
    const { maps: [map] } = await cam.explain(tinyPicture(), { classes: [0] });
    assert.deepEqual(map.raw, expected);
  }

  const broken = {
    'an empty file': Buffer.alloc(0),
    'text': Buffer.from('This is no picture at all, only words.'),
    'a PNG bomb': makePng(60000, 60000, { headerOnly: true }),
    'a PNG cut short': makePng(40, 40).subarray(0, 60),
    'zeros': Buffer.alloc(1000),
  };
  for (const [name, bytes] of Object.entries(broken)) {
    test(name, async () => {
      await assert.rejects(cam.explain(bytes), (error) => isClear(error, ['image', 'memory']));
      await worksStill();
    });
  }

  test('a JPEG cut in half', { skip: withoutData }, async () => {
    const jpeg = await readFile(data('photos/pier.jpg'));
    await assert.rejects(cam.explain(jpeg.subarray(0, jpeg.length / 2)), (error) => isClear(error, ['image']));
    await worksStill();
  });

  test('1x1 pixels', async () => {
    const { predictions, maps, picture } = await cam.explain(makePng(1, 1));
    assert.deepEqual([picture.width, picture.height], [1, 1]);
    assert.ok(predictions.every(({ probability }) => probability >= 0 && probability <= 1));
    assert.ok(maps.every(({ raw }) => raw.every(Number.isFinite)));
    assert.ok((await maps[0].toPNG()).length > 50);
    assert.ok((await cam.grid(maps)).length > 50);
    await worksStill();
  });

  test('12000x8000 pixels', async () => {
    const large = makePng(12000, 8000);
    const { predictions, maps, picture } = await cam.explain(large, { picture: false });
    assert.deepEqual([picture.width, picture.height, picture.data], [12000, 8000, undefined]);
    assert.equal(predictions.length, 5);
    assert.ok(maps.every(({ raw }) => raw.every(Number.isFinite)));
    assert.throws(() => maps[0].toImageData(), { code: 'state' });
    await worksStill();
  });
});

describe('models', () => {
  const cases = {
    'nothing': [new Uint8Array(0), ['model']],
    'text': [Buffer.from('not a model, by any means'), ['model']],
    'a weight of the wrong shape': [tinyNetwork({ convDims: [4, 2, 3, 3] }).onnx, ['model']],
    'an unknown operator': [tinyNetwork({ op: 'Quantum' }).onnx, ['unsupported'], /Quantum/],
    'a cycle': [tinyNetwork({ cycle: true }).onnx, ['model'], /cycle|circle|gap/],
    'a missing weight': [tinyNetwork({ noWeight: true }).onnx, ['model'], /gemm\.weight/],
    'external data cut short': [{
      onnx: tinyNetwork({ external: true }).onnx,
      weights: [{ name: 'weights.bin', bytes: tinyNetwork({ external: true }).weights.subarray(0, 99) }],
    }, ['model', 'state']],
  };
  for (const [name, [source, codes, words = /./]] of Object.entries(cases)) {
    test(name, async () => {
      await assert.rejects(GradCam.load(source, PLAIN), (error) => (
        isClear(error, codes) && (assert.match(error.message, words), true)));
    });
  }

  test('a weights file that points out of its folder', async () => {
    const { onnx } = tinyNetwork({ external: true });
    // The name has as many letters as "weights.bin": lengths in the file stay right.
    const at = Buffer.from(onnx).indexOf('weights.bin');
    assert.ok(at > 0);
    const evil = Buffer.from(onnx);
    for (let i = evil.indexOf('weights.bin'); i >= 0; i = evil.indexOf('weights.bin')) {
      evil.write('../../etc/p', i, 'latin1');
    }
    await assert.rejects(GradCam.load(evil, PLAIN), (error) => isClear(error, ['file', 'model', 'unsupported']));
  });
});

describe('a real network', { skip: withoutData }, () => {
  test('cut at 200 places', async () => {
    const onnx = await readFile(squeezenet.path);
    // A sequence of its own, so that a failure can be repeated.
    let state = 20260101;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const { Engine, Parcel } = await import('../../web/worker/wasm.js');
    const { nodeHost } = await import('../../web/worker/host-node.js');
    nodeHost.prepare();
    const module = await nodeHost.compile(new URL('../../web/dist/gradcam.wasm', import.meta.url).href);
    const engine = await Engine.create({ module, threads: 1 });
    for (let i = 0; i < 200; ++i) {
      // Half of the places near the start, where the graph lies; the weights fill the rest.
      const size = Math.floor(random() * (i % 2 ? onnx.length : 20000));
      const parcel = new Parcel(engine, size, 'model');
      parcel.write(0, onnx.subarray(0, size));
      const model = engine.createModel();
      assert.throws(() => {
        model.load(parcel);
        model.finish();
      }, (error) => isClear(error, ['model', 'unsupported']), `cut at ${size}`);
      model.free();
    }
    const parcel = new Parcel(engine, onnx.length, 'model');
    parcel.write(0, onnx);
    const model = engine.createModel();
    model.load(parcel);
    model.finish();
    assert.equal(model.classCount, 1000, 'and the engine works on');
    model.free();
    engine.dispose();
  });

  test('unknown class, unknown layer, a layer without a way to the scores', async () => {
    const cam = await GradCam.load(squeezenet.path, squeezenet.options);
    try {
      const photo = data('photos/pier.jpg');
      const rejects = (options, words) => assert.rejects(cam.explain(photo, options), (error) => (
        isClear(error, ['argument']) && (assert.match(error.message, words), true)));
      await rejects({ classes: [1000] }, /1000 classes, 0 to 999/);
      await rejects({ classes: ['peir'] }, /Did you mean "pier"/);
      await rejects({ layer: '/classifier/classifier.2/Rel_output_0' }, /Relu_output_0/);
      const { predictions } = await cam.explain(photo);
      assert.equal(predictions[0].name, 'pier');
    } finally {
      cam.dispose();
    }
    const tiny = await GradCam.load(tinyNetwork().onnx, PLAIN);
    try {
      await assert.rejects(tiny.explain(tinyPicture(), { layer: 'aside' }), (error) => (
        isClear(error, ['argument']) && (assert.match(error.message, /aside/), true)));
      assert.equal((await tiny.explain(tinyPicture())).predictions.length, 5);
    } finally {
      tiny.dispose();
    }
  });
});
