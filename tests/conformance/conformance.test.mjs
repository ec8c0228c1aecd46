/**
 * ONNX's own operator tests with both kinds of WebAssembly SIMD. Which cases run, and why others do not, is
 * decided in one place: test_conformance.c, whose native build leaves the cases that ran (model,
 * inputs, expected outputs) in a file that is read here.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { nodeHost } from '../../web/worker/host-node.js';
import { withoutRelaxedSimd } from '../../web/worker/relaxed.js';
import { Engine, Parcel } from '../../web/worker/wasm.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const native = join(root, 'build/native/tests/test_conformance');

/** @returns {{name: string, model: Buffer, inputs: object[], outputs: object[]}[]} */
function readCases() {
  if (!existsSync(native)) return [];
  const folder = mkdtempSync(join(tmpdir(), 'gradcam-conformance-'));
  try {
    const file = join(folder, 'cases');
    spawnSync(native, ['--dump', file], { cwd: root, stdio: 'ignore' });
    return existsSync(file) ? parse(readFileSync(file)) : [];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function parse(bytes) {
  const cases = [];
  let at = 0;
  const take = (size) => bytes.subarray(at, at += size);
  const floats = ({ name, count }) => ({ name, values: new Float32Array(new Uint8Array(take(4 * count)).buffer) });
  while (at < bytes.length) {
    const head = JSON.parse(take(bytes.indexOf(10, at) + 1 - at).toString());
    const model = take(head.bytes);
    const inputs = head.inputs.map(floats);
    const outputs = head.outputs.map(floats);
    cases.push({ ...head, model, inputs, outputs });
  }
  return cases;
}

const cases = readCases();
const skip = cases.length ? false
  : 'SKIPPED: the native build or libonnx-testdata is missing (node tests/conformance/fetch.mjs)';

function runCase(engine, { name, model, inputs, outputs, relative, absolute }) {
  const net = engine.createModel();
  try {
    const parcel = new Parcel(engine, model.length, 'a model');
    parcel.write(0, model);
    net.load(parcel);
    net.finish();
    for (const input of inputs) net.setInput(input.name, input.values);
    net.forward();
    for (const output of outputs) {
      const got = net.read(output.name);
      assert.equal(got.length, output.values.length, `${name}: size of ${output.name}`);
      output.values.forEach((wanted, i) => {
        const same = Object.is(got[i], wanted) || got[i] === wanted;
        assert.ok(same || Math.abs(got[i] - wanted) <= absolute + relative * Math.abs(wanted),
          `${name}: ${output.name}[${i}] is ${got[i]}, expected ${wanted}`);
      });
    }
  } finally {
    net.free();
  }
}

for (const variant of ['simd', 'relaxed']) {
  test(`${cases.length} cases of ONNX's operator tests, ${variant}`, { skip }, async () => {
    nodeHost.prepare(); // before any WebAssembly is compiled
    const module = await nodeHost.compile(new URL('../../web/dist/gradcam.wasm', import.meta.url).href,
      { rewrite: variant === 'simd' ? withoutRelaxedSimd : null });
    const engine = await Engine.create({ module, threads: 1 });
    const failures = [];
    for (const one of cases) {
      try {
        runCase(engine, one);
      } catch (error) {
        failures.push(`${one.name}: ${error.message}`);
      }
    }
    engine.dispose();
    assert.deepEqual(failures, []);
    assert.ok(cases.length >= 300, `only ${cases.length} cases ran`);
  });
}
