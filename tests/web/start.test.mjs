/**
 * Starting the engine where it cannot be started, or not as it should: a clear error soon, or the next
 * best way; never a promise that stays open.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { GradCam } from '../../web/node.js';
import { nodeHost } from '../../web/worker/host-node.js';
import { canShareMemory, startEngine } from '../../web/worker/start.js';
import { Engine } from '../../web/worker/wasm.js';
import { root } from './shared.mjs';
import { tinyNetwork, tinyPicture } from './tiny.mjs';

const FILE = join(root, 'web/dist/gradcam.wasm');
const URL_OF_FILE = pathToFileURL(FILE).href;
const SOON = 20000; // ms, on a busy machine

const isClear = (code, words) => (error) => {
  assert.equal(error.name, 'GradCamError');
  assert.equal(error.code, code, error.message);
  assert.match(error.message, words);
  assert.ok(error.message.length <= 300, `${error.message.length} characters: ${error.message}`);
  return true;
};

/** Puts something else in a global's place while `work` runs. */
async function instead(object, name, value, work) {
  const was = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { configurable: true, get: () => value, set() {} });
  try {
    return await work();
  } finally {
    Object.defineProperty(object, name, was ?? { configurable: true, writable: true, value: undefined });
  }
}

describe('a file that is none', { timeout: 6 * SOON }, () => {
  let folder;
  let whole;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-start-'));
    whole = await readFile(FILE);
  });
  after(() => rm(folder, { recursive: true }));

  const loadWith = async (bytes, variant) => {
    await writeFile(join(folder, 'gradcam.wasm'), bytes);
    return GradCam.load(tinyNetwork().onnx, { preprocess: 'tf', threads: 1, variant, wasmUrl: pathToFileURL(folder).href });
  };

  for (const variant of ['simd', 'auto']) {
    test(`cut, empty, or something else: ${variant}`, { timeout: SOON }, async () => {
      for (const bytes of [whole.subarray(0, 200000), whole.subarray(0, 700), new Uint8Array(0),
        Buffer.from('<!doctype html><title>Not here</title>'), Buffer.concat([whole.subarray(0, 3000), Buffer.alloc(5000, 255)])]) {
        await assert.rejects(loadWith(bytes, variant), isClear('file', /gradcam\.wasm.*damaged.*package anew/));
      }
    });

    test(`of another version, which wants other memory: ${variant}`, { timeout: SOON }, async () => {
      // Its import of the memory: shared, 512 to 65536 pages. 1024 is more than it will get.
      const at = whole.indexOf(Buffer.from([3, 0x80, 0x04, 0x80, 0x80, 0x04]));
      assert.ok(at > 0);
      const other = Buffer.from(whole);
      other[at + 2] = 0x08;
      await assert.rejects(loadWith(other, variant), isClear('file', /does not belong to this version/));
    });
  }

  test('the whole file, from the same place, works', async () => {
    const cam = await loadWith(whole, 'auto');
    const { predictions } = await cam.explain(tinyPicture(20, 20));
    assert.ok(predictions.length);
    cam.dispose();
  });
});

describe('memory that cannot be had', { timeout: SOON }, () => {
  const { Memory } = WebAssembly;
  const refusing = (from) => function memory(limits) {
    if (limits.maximum > from) throw new RangeError('could not allocate memory');
    return new Memory(limits);
  };
  let module;
  before(async () => {
    nodeHost.prepare();
    module = await nodeHost.compile(URL_OF_FILE);
  });

  test('the largest maximum is refused: the next one is taken', async () => {
    const engine = await instead(WebAssembly, 'Memory', refusing(16384), () => Engine.create({ module, threads: 1 }));
    assert.equal(engine.threads, 1);
  });

  test('a phone gives 256 MB at most: they are taken, after each larger maximum', async () => {
    const asked = [];
    const refuse = refusing(4096);
    const counting = function memory(limits) {
      asked.push(limits.maximum / 16);
      return refuse(limits);
    };
    const engine = await instead(WebAssembly, 'Memory', counting, () => Engine.create({ module, threads: 1 }));
    assert.equal(engine.threads, 1);
    assert.deepEqual(asked, [4096, 2048, 1024, 512, 256]);
  });

  test('every maximum is refused', async () => {
    await assert.rejects(instead(WebAssembly, 'Memory', refusing(0), () => Engine.create({ module, threads: 1 })),
      isClear('memory', /not enough memory.*Close other tabs/));
  });

  test('the instance finds no room', async () => {
    const refuse = async () => {
      throw new RangeError('WebAssembly.instantiate(): Out of memory: Cannot allocate Wasm memory for new instance');
    };
    await assert.rejects(instead(WebAssembly, 'instantiate', refuse, () => Engine.create({ module, threads: 1 })),
      isClear('memory', /not enough memory.*Close other tabs/));
  });

  test('compiling finds no room', async () => {
    const refuse = async () => {
      throw new RangeError('WebAssembly.compile(): Out of memory');
    };
    await assert.rejects(instead(WebAssembly, 'compile', refuse, () => nodeHost.compile(URL_OF_FILE)), isClear('memory', /not enough/));
  });
});

describe('threads that cannot start', { timeout: 2 * SOON }, () => {
  const started = [];
  /** A thread whose script is another one. */
  const threadOf = (script) => class extends Worker {
    constructor(_, options) {
      super(new URL(`data:text/javascript,${script}`), options);
      started.push(new Promise((ended) => this.on('exit', ended)));
    }
  };
  const Failing = threadOf("throw new Error('no room for a thread')");
  const Silent = threadOf('setInterval(() => {}, 1000)');
  const Refused = function refused() {
    throw new Error('blocked by a policy');
  };
  let module;
  before(async () => {
    nodeHost.prepare();
    module = await nodeHost.compile(URL_OF_FILE);
  });

  for (const [what, Thread, words] of [['fails', Failing, /threads.*no room for a thread.*threads: 1/],
    ['is refused', Refused, /blocked by a policy/], ['says nothing', Silent, /threads.*not within 0\.5 s.*threads: 1/]]) {
    test(`a thread ${what}: an error, and no thread stays`, async () => {
      await assert.rejects(instead(globalThis, 'Worker', Thread, () => Engine.create({ module, threads: 3, patience: 500 })),
        isClear('unsupported', words));
      await Promise.all(started.splice(0));
    });
  }

  const host = { ...nodeHost, processors: () => 3 };
  const start = (threads) => startEngine({ threads, variant: 'auto' }, host, URL_OF_FILE, undefined);

  test('as many as help are asked for: one does the work, and a warning says why', async () => {
    const { engine, warnings } = await instead(globalThis, 'Worker', Failing, () => start('auto'));
    assert.equal(engine.threads, 1);
    assert.deepEqual(warnings.map(({ name }) => name), ['one-thread']);
    assert.match(warnings[0].text, /no room for a thread/);
    await assert.rejects(instead(globalThis, 'Worker', Failing, () => start(2)), isClear('unsupported', /no room/));
    await Promise.all(started.splice(0));
  });

  test('no SharedArrayBuffer, whatever crossOriginIsolated says: one thread', async () => {
    assert.equal(canShareMemory(), true);
    await instead(globalThis, 'crossOriginIsolated', true, () => instead(globalThis, 'SharedArrayBuffer', undefined, async () => {
      assert.equal(canShareMemory(), false);
      const { engine, warnings } = await start('auto');
      assert.equal(engine.threads, 1);
      assert.deepEqual(warnings, []);
      await assert.rejects(start(2), isClear('unsupported', /cross-origin isolated/));
    }));
  });

  test('memory that cannot be sent: one thread', async () => {
    const refuse = () => {
      throw new DOMException('could not be cloned', 'DataCloneError');
    };
    await instead(MessagePort.prototype, 'postMessage', refuse, async () => assert.equal(canShareMemory(), false));
  });
});
