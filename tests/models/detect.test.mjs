// What a file is, by its bytes: each kind by a self-made file, its sentences short and clean, and no
// beginning of a file makes it fail.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { zipSync } from 'fflate';
import { bytes as field, int, message, string } from '../../models/onnx/protobuf.js';
import { detectBytes, detectSource, folderKind, KINDS, refusal } from '../../models/detect.js';
import { OnnxGraph } from '../../models/onnx/graph.js';
import { CASES, keras3, writeH5, writeKeras } from './fixtures.mjs';
import { uniform } from './noise.mjs';
import { shared, temporary, without } from './support.mjs';

const text = (words) => new TextEncoder().encode(words);
const raw = (...parts) => Uint8Array.from(parts.flatMap((part) =>
  (typeof part === 'string' ? [...part].map((c) => c.charCodeAt(0)) : part)));
const zip = (...names) => zipSync(Object.fromEntries(names.map((name) => [name, text('x')])));
const box = (brand, ...more) => raw([0, 0, 0, 16 + 4 * more.length], 'ftyp', brand, [0, 0, 0, 0], ...more);

function onnx() {
  const graph = new OnnxGraph('net');
  graph.input('x', [1, 3, 8, 8]);
  graph.outputs.push({ name: graph.add('Relu', 'y', ['x']), dims: [1, 3, 8, 8] });
  return graph.encode();
}

const node = (op) => field(1, message(string(1, 'input'), string(2, op), field(5, message(string(1, 'dtype')))));

/** name of the file, its bytes, its kind */
const FILES = [
  ['lfs.h5', text('version https://git-lfs.github.com/spec/v1\noid sha256:167977ef\nsize 143602264\n'), 'lfs'],
  ['annex.h5', text('../.git/annex/objects/Kx/9m/SHA256E-s12--abc.h5/SHA256E-s12--abc.h5'), 'annex-pointer'],
  ['model.h5', text('\n<!DOCTYPE html>\n<html lang="en"><head><title>net.h5 at main'), 'html'],
  ['net.onnx', text('<!-- saved --><html><body>'), 'html'],
  ['net.onnx', text('Entry not found'), 'server-error'],
  ['net.onnx', text('{"error":"Repository not found"}'), 'server-error'],
  ['net.keras', zip('metadata.json', 'config.json', 'model.weights.h5'), 'keras'],
  ['a.zip', zip('keras_model.h5', 'labels.txt'), 'zip-teachable-keras'],
  ['a.zip', zip('__MACOSX/._model.json', 'm/model.json', 'm/weights.bin', 'm/metadata.json'), 'zip-teachable-tfjs'],
  ['a.zip', zip('model_unquant.tflite', 'labels.txt'), 'zip-teachable-tflite'],
  ['a.zip', zip('detect.tflite'), 'zip-tflite'],
  ['a.zip', zip('model.json', 'group1-shard1of1.bin'), 'zip-tfjs'],
  ['a.zip', zip('net\\saved_model.pb', 'net\\variables\\variables.index'), 'zip-saved-model'],
  ['a.pt', zip('archive/data.pkl', 'archive/data/0', 'archive/version'), 'pytorch'],
  ['a.pt', zip('net/data.pkl', 'net/code/__torch__.py', 'net/constants.pkl'), 'torchscript'],
  ['a.npz', zip('a.npy', 'b.npy'), 'npz'],
  ['a.docx', zip('[Content_Types].xml', 'word/document.xml'), 'office'],
  ['a.jar', zip('META-INF/MANIFEST.MF', 'A.class'), 'java'],
  ['a.zip', zip('net.mlpackage/Manifest.json', 'net.mlpackage/Data/com.apple.CoreML/model.mlmodel'), 'zip-coreml'],
  ['a.zip', zip('some/net.onnx'), 'zip-onnx'],
  ['a.zip', zip('net.hdf5', 'readme.txt'), 'zip-keras'],
  ['a.zip', zip('cats/1.JPG', 'dogs/2.png'), 'zip-pictures'],
  ['a.zip', zip('x.dat'), 'zip'],
  ['a.tflite', raw([0x1c, 0, 0, 0], 'TFL3', [0, 0, 0, 0]), 'tflite'],
  ['a.ort', raw([0x1c, 0, 0, 0], 'ORTM'), 'ort'],
  ['a.pt', raw([0x80, 2, 0x8a, 10], 'l\xfc\x9cF\xf9 j\xa8P\x19.', [0x80, 2]), 'pytorch'],
  ['a.pkl', raw([0x80, 4, 0x95, 1, 0]), 'pickle'],
  ['a.safetensors', raw([2, 0, 0, 0, 0, 0, 0, 0], '{"a":{}}'), 'safetensors'],
  ['a.gguf', raw('GGUF', [3, 0, 0, 0]), 'gguf'],
  ['a.npy', raw('\x93NUMPY', [1, 0]), 'numpy'],
  ['saved_model.pb', message(int(1, 1), field(2, message(field(1, message(field(2, new Uint8Array(200)))), new Uint8Array(0)))), 'saved-model'],
  ['frozen.pb', message(node('Placeholder'), node('Const'), node('Conv2D')), 'graphdef'],
  ['a.caffemodel', message(string(1, 'VGG_ILSVRC_16'), field(100, message(string(1, 'data'), string(2, 'Input')))), 'caffemodel'],
  ['a.mlmodel', message(int(1, 1), field(2, message(field(1, message(string(1, 'image'))))), field(500, new Uint8Array(900))), 'coreml'],
  ['net.onnx', onnx(), 'onnx'],
  ['net.onnx', message(int(1, 8), string(2, 'pytorch'), string(3, '2.1.0'), field(7, new Uint8Array(99))), 'onnx'],
  ['no_name', message(field(7, message(string(2, 'g'))), field(8, message(int(2, 13)))), 'onnx'],
  ['a.prototxt', text('name: "CaffeNet"\ninput: "data"\nlayer {\n  name: "conv1"\n}\n'), 'prototxt'],
  ['yolo.cfg', text('[net]\nwidth=416\n\n[convolutional]\nfilters=32\n'), 'darknet'],
  ['model.json', text('{"format":"layers-model","modelTopology":{"keras_version":"2"},"weightsManifest":[]}'), 'tfjs'],
  ['model.json', text('{"format": "graph-model", "modelTopology": {"node": []}}'), 'tfjs-graph'],
  ['model.json', text('{"class_name": "Sequential", "config": {"layers": []}, "keras_version": "2.1"}'), 'keras-json'],
  ['model.json', text('{"name":"vgg16","file":"vgg16.onnx","sha256":"ab","input":{}}'), 'card'],
  ['labels.json', text('["cat", "dog"]'), 'labels'],
  ['labels.json', text('{"0": "cat", "1": "dog"}'), 'labels'],
  ['classes.json', text('{"cat": 0, "dog": 1}'), 'labels'],
  ['other.json', text('{"a": {"b": 1}}'), 'json'],
  ['net.ipynb', text('{"cells": [{"cell_type": "code"}], "nbformat": 4}'), 'notebook'],
  ['train.py', text('import torch\nfrom torch import nn\n'), 'python'],
  ['labels.txt', text('cat\ndog\n'), 'text'],
  ['utf16.txt', new Uint8Array(Buffer.from('\uFEFFcat\r\ndog', 'utf16le')), 'text'],
  ['latin.txt', raw('caf\xe9\nna\xefve\n'), 'text'],
  ['net.xml', text('<?xml version="1.0"?>\n<net name="a" version="11">'), 'openvino'],
  ['a.xml', text('<?xml version="1.0"?>\n<annotation>'), 'xml'],
  ['a.jpg', raw([0xff, 0xd8, 0xff, 0xe0]), 'jpeg'],
  ['a.jpg', raw('\x89PNG\r\n\x1a\n', [0, 0, 0, 13], 'IHDR'), 'png'],
  ['a.bmp', raw('BM', [90, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0], new Array(40).fill(0)), 'bmp'],
  ['a.gif', raw('GIF89a'), 'gif'],
  ['a.webp', raw('RIFF', [9, 0, 0, 0], 'WEBPVP8 '), 'webp'],
  ['a.heic', box('heic', 'mif1', 'heic'), 'heic'],
  ['a.heic', box('mif1', 'heix'), 'heic'],
  ['a.avif', box('avif', 'mif1', 'miaf'), 'avif'],
  ['a.mp4', box('isom', 'mp42'), 'video'],
  ['a.tif', raw('II*', [0, 8, 0, 0, 0]), 'tiff'],
  ['a.nef', raw('MM', [0], '*', [0, 0, 0, 8]), 'tiff'],
  ['a.svg', text('<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN">\n<svg xmlns="x">'), 'svg'],
  ['a.svg', text('<svg viewBox="0 0 1 1"></svg>'), 'svg'],
  ['a.pdf', text('%PDF-1.7\n%'), 'pdf'],
  ['a.dcm', raw(new Array(128).fill(0), 'DICM'), 'dicom'],
  ['a.gz', raw([0x1f, 0x8b, 8, 0]), 'gzip'],
  ['a.tar', raw(new Array(257).fill(97), 'ustar'), 'tar'],
  ['a.7z', raw('7z\xbc\xaf\x27\x1c'), 'archive'],
  ['empty.h5', new Uint8Array(0), 'empty'],
  ['zeros.h5', new Uint8Array(4096), 'blank'],
  ['model.data-00000-of-00001', raw([1, 2, 3, 200, 201]), 'checkpoint'],
  ['net.onnx.data', raw([1, 2, 3, 200, 201]), 'onnx-data'],
  ['net.onnx_data', raw([1, 2, 3, 200, 201]), 'onnx-data'],
  ['vgg16-weights-003.bin', raw([1, 2, 3, 200, 201]), 'shard'],
  ['group1-shard2of4.bin', raw([1, 2, 3, 200, 201]), 'tfjs-weights'],
  ['weights.bin', raw([1, 2, 3, 200, 201]), 'tfjs-weights'],
  ['what', raw([1, 2, 3, 200, 201, 0, 7]), 'unknown'],
];

for (const [name, bytes, kind] of FILES) {
  test(`detect: ${kind} (${name})`, async () => {
    const found = detectBytes(bytes, { name });
    assert.equal(found.kind, kind);
    assert.deepEqual(await detectSource(bytes, name), found);
    assert.deepEqual(await detectSource(new File([bytes], name)), found);
    // Cut off behind its beginning, it is the same or something less certain, never an error.
    for (const length of [1, 4, 9, 40]) detectBytes(bytes.subarray(0, length), { size: bytes.length });
  });
}

test('detect: every kind has its words, short and clean', () => {
  for (const [kind, [role, what, read, advice]] of Object.entries(KINDS)) {
    assert.match(what, /^(a|an|weights|NumPy|Keras) /, kind);
    assert.ok(read || advice, `${kind} needs advice`);
    for (const wanted of ['model', 'picture', 'labels']) {
      for (const place of ['page', 'cli', 'api']) {
        const found = { kind, role, what, read, advice: advice ?? '' };
        const words = refusal(found, { name: `${'long name '.repeat(30)}\u0007.h5`, wanted, place });
        // eslint-disable-next-line no-control-regex
        assert.ok(words.length <= 300 && !/undefined|[\0-\x1f]/.test(words), words);
        if (place === 'page') assert.doesNotMatch(words, / --|python -m|git lfs pull/, kind);
      }
    }
  }
  const lfs = detectBytes(FILES[0][1]);
  assert.match(refusal(lfs, { name: 'net.h5', place: 'cli' }), /^net\.h5 is a Git LFS pointer.*git lfs pull/);
  assert.match(refusal(detectBytes(raw([0xff, 0xd8, 0xff])), { name: 'a.jpg' }), /^a\.jpg is a JPEG picture, not a model\./);
  assert.match(refusal(detectBytes(onnx()), { name: 'a', wanted: 'picture' }), /an ONNX model, not a picture\. Pictures are read as/);
});

test('detect: the head alone tells a large archive, its directory out of reach', () => {
  const whole = zipSync({ 'config.json': text('{}'), 'metadata.json': text('{}'), 'model.weights.h5': new Uint8Array(300000) }, { level: 0 });
  assert.equal(detectBytes(whole.subarray(0, 65536), { size: whole.length, tail: new Uint8Array(65536) }).kind, 'keras');
  const torch = zipSync({ 'a/data/0': new Uint8Array(200000), 'a/data.pkl': text('x') }, { level: 0 });
  assert.equal(detectBytes(torch.subarray(0, 65536), { size: torch.length, tail: torch.subarray(-65558) }).kind, 'pytorch');
});

test('detect: Keras files by what is in them, whatever they are called', async (t) => {
  const folder = await temporary(t);
  const c = CASES[0]();
  for (const name of ['net.h5', 'net.keras', 'net.bin', 'net']) {
    await writeH5(c, join(folder, name));
    assert.equal((await detectSource(join(folder, name))).kind, 'keras-h5');
  }
  await writeKeras(keras3(), join(folder, 'other.h5'));
  assert.equal((await detectSource(join(folder, 'other.h5'))).kind, 'keras');
  // Behind a user's block, as HDF5 allows.
  const bytes = new Uint8Array(readFileSync(join(folder, 'net.h5')));
  const moved = new Uint8Array(bytes.length + 512);
  moved.set(bytes, 512);
  assert.equal(detectBytes(moved).kind, 'keras-h5');
});

test('detect: folders, and files that are not there', async (t) => {
  const folder = await temporary(t);
  await mkdir(join(folder, 'net.mlpackage'));
  await mkdir(join(folder, 'saved'));
  await writeFile(join(folder, 'saved', 'saved_model.pb'), 'x');
  assert.equal((await detectSource(join(folder, 'saved'))).kind, 'saved-model');
  assert.equal((await detectSource(join(folder, 'net.mlpackage'))).kind, 'coreml');
  assert.equal((await detectSource(folder)).kind, 'folder');
  assert.equal(folderKind(['model.json', 'net.onnx']), 'card');
  await assert.rejects(detectSource(join(folder, 'none.h5')), (error) => error.code === 'format' && /none\.h5 cannot be read/.test(error.message));
});

test('detect: noise of any kind is some kind', () => {
  for (let i = 0; i < 400; i++) {
    const noise = Uint8Array.from(uniform(`detect/${i}`, 1 + (i % 90), 128, 128), Math.floor);
    const [, good] = FILES[i % FILES.length];
    const mixed = new Uint8Array(Math.max(good.length, 4));
    mixed.set(good);
    if (mixed.length) mixed.set(noise.subarray(0, Math.floor(mixed.length / 2)), Math.floor(mixed.length / 2));
    for (const bytes of [noise, mixed]) assert.ok(KINDS[detectBytes(bytes).kind]);
  }
});

const WILD = [
  [['wild', 'teachable', 'water', 'keras_model.h5'], 'keras-h5'],
  [['wild', 'teachable', 'google', 'image-model.zip'], 'zip-teachable-tfjs'],
  [['wild', 'teachable', 'google', 'image-model-data.zip'], 'zip-pictures'],
  [['wild', 'tfjs', 'tiny-vgg', 'model.json'], 'tfjs'],
  [['wild', 'tfjs', 'emotion', 'emotion.json'], 'tfjs-graph'],
  [['wild', 'tflite', 'person_detect.tflite'], 'tflite'],
  [['wild', 'onnx', 'FastestDet.onnx'], 'onnx'],
  [['wild', 'onnx', 'cntk_mnist.onnx'], 'onnx'],
  [['weights', 'mobilenet_0.75_224.h5'], 'keras-weights'],
  [['weights', 'squeezenet1.1_caffe.safetensors'], 'safetensors'],
  [['..', 'cases', 'lfs-pointer', 'model.h5'], 'lfs'],
  [['..', 'cases', 'sigmoid-head', 'model.keras'], 'keras-h5'],
];
test('detect: files from the wild', { skip: without(shared('wild')) }, async () => {
  for (const [path, kind] of WILD.filter(([parts]) => existsSync(shared(...parts)))) {
    assert.equal((await detectSource(shared(...path))).kind, kind, path.join('/'));
  }
});
