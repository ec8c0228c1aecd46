/**
 * Archives of strangers: a member that announces less than it has, or unpacks to far more than it is worth, is
 * refused after a few steps; nothing of it stays on the disk.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { crc32 as crcOf, deflateRawSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { convert, memorySink } from '../../models/index.js';
import { openZip } from '../../models/bundle.js';
import { openKerasArchive } from '../../models/keras/archive.js';

const crc32 = crcOf ?? (() => 0); // nobody asks for it

/** A ZIP: members {name, bytes, says: announced size, late: its size stands behind it, packed: the bytes, where they are at hand}. */
function zip(members) {
  const [files, directory] = [[], []];
  let at = 0;
  for (const { name, bytes, says = bytes.length, late = false, packed = deflateRawSync(bytes, { level: 9 }) } of members) {
    const head = (signature, more) => {
      const out = Buffer.alloc(signature === 0x04034b50 ? 30 : 46);
      const shift = signature === 0x04034b50 ? 0 : 2;
      out.writeUInt32LE(signature, 0);
      out.writeUInt16LE(20, 4 + shift);
      out.writeUInt16LE(late ? 8 : 0, 6 + shift);
      out.writeUInt16LE(8, 8 + shift);
      const hidden = late && !shift;
      out.writeUInt32LE(hidden ? 0 : crc32(bytes), 14 + shift);
      out.writeUInt32LE(hidden ? 0 : packed.length, 18 + shift);
      out.writeUInt32LE(hidden ? 0 : says, 22 + shift);
      out.writeUInt16LE(name.length, 26 + shift);
      if (shift) out.writeUInt32LE(more, 42);
      return Buffer.concat([out, Buffer.from(name)]);
    };
    const descriptor = Buffer.alloc(late ? 16 : 0);
    if (late) [0x08074b50, crc32(bytes), packed.length, says].forEach((value, i) => descriptor.writeUInt32LE(value, 4 * i));
    directory.push(head(0x02014b50, at));
    files.push(head(0x04034b50), packed, descriptor);
    at = files.reduce((sum, { length }) => sum + length, 0);
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...files, list, end]);
}

let folder;
before(async () => { folder = await mkdtemp(join(tmpdir(), 'gradcam-archives-')); });
after(() => rm(folder, { recursive: true }));

const CONFIG = { name: 'config.json', bytes: Buffer.from('{}') };
const zeros = Buffer.alloc(64 << 20);
const some = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251));
const CASES = {
  'zeros that are a bomb': [[CONFIG, { name: 'model.weights.h5', bytes: zeros }], /model\.weights\.h5 unpacks to more than \d+ MB out of \d+ bytes/],
  'a bomb whose size stands behind it': [[CONFIG, { name: 'model.weights.h5', bytes: zeros, late: true }], /unpacks to more than/],
  'more than is announced': [[CONFIG, { name: 'model.weights.h5', bytes: some, says: 100 }], /more than the 100 bytes that the archive announces/],
  'a configuration that is a bomb': [[{ name: 'config.json', bytes: zeros }, { name: 'model.weights.h5', bytes: some }], /config\.json unpacks to more/],
};
const leftOvers = async () => (await readdir(tmpdir())).filter((name) => name.startsWith(`.gradcam-keras-part-${process.pid}-`));

for (const [what, [members, words]] of Object.entries(CASES)) {
  test(`.keras: ${what}`, async () => {
    const bytes = zip(members);
    const path = join(folder, 'net.keras');
    await writeFile(path, bytes);
    for (const source of [path, new Uint8Array(bytes), new Blob([bytes])]) {
      await assert.rejects(openKerasArchive(source, 'net.keras'), (error) => {
        assert.equal(error.code, 'format');
        assert.match(error.message, words);
        return true;
      });
      assert.deepEqual(await leftOvers(), []);
    }
  });
}

test('.keras: what is small is harmless, however well it packs', async () => {
  const bytes = zip([CONFIG, { name: 'model.weights.h5', bytes: Buffer.alloc(12 << 20) }]);
  const { weights, remove } = await openKerasArchive(new Uint8Array(bytes), 'net.keras');
  assert.equal(weights.size, 12 << 20);
  await remove();
});

test('zip: a member that is a bomb, however much it says to have packed', async () => {
  const bomb = zip([{ name: 'model.json', bytes: zeros }]);
  await assert.rejects((await openZip(new Uint8Array(bomb), 'net.zip')).read('model.json'), /unpacks to more than 64 MB out of \d+ bytes/);
  const liar = Buffer.from(bomb);
  const at = liar.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  liar.writeUInt32LE(0x7fffffff, at + 20);
  await assert.rejects((await openZip(new Uint8Array(liar), 'net.zip')).read('model.json'), /does not lie where the archive says/);
  await assert.rejects(convert({ source: new Uint8Array(bomb), fileName: 'net.zip', out: memorySink() }), /net\.zip/);
});

test('zip: a member that has more or less than it announces', async () => {
  const read = async (members, name = 'model.json') => (await openZip(new Uint8Array(zip(members)), 'net.zip')).read(name);
  await assert.rejects(read([{ name: 'model.json', bytes: some, says: 100 }]), { code: 'format', message: /model\.json has more than the 100 bytes that the archive announces/ });
  await assert.rejects(read([{ name: 'model.json', bytes: some, says: 5001 }]), { code: 'format', message: /model\.json is incomplete/ });
  await assert.rejects(read([{ name: 'model.json', bytes: zeros, says: 1000 }]), { code: 'format', message: /more than the 1000 bytes/ });
  // What follows a member that lies is read all the same.
  assert.deepEqual(Buffer.from(await read([{ name: 'a', bytes: some, says: 1 }, { name: 'b', bytes: some, late: true }], 'b')), some);
});

test('zip: the same as another reader, whatever the pieces, and members kept as they are', async () => {
  const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 7919 >> 7) & 255));
  const files = { 'a/model.json': some, 'weights.bin': noise, 'empty': Buffer.alloc(0), 'ünï.txt': Buffer.from('x') };
  for (const level of [0, 1, 9]) {
    const bytes = zipSync(files, { level });
    const bundle = await openZip(bytes, 'net.zip');
    assert.deepEqual(bundle.names, Object.keys(files));
    for (const [name, content] of Object.entries(files)) assert.deepEqual(Buffer.from(await bundle.read(name)), content, `${name} ${level}`);
    await assert.rejects(openZip(bytes.subarray(0, bytes.length - 30), 'net.zip'), { code: 'format', message: /its list of files is not at its end/ });
  }
});

/** The most that a process holds while it reads a file, in MB above what it held before. */
const CHILD = `
import { readFile } from 'node:fs/promises';
import { openZip } from '${new URL('../../models/bundle.js', import.meta.url)}';
import { openKerasArchive } from '${new URL('../../models/keras/archive.js', import.meta.url)}';
const bytes = new Uint8Array(await readFile(process.argv[1]));
await openZip(bytes, 'net.zip');
const before = process.resourceUsage().maxRSS;
const { message } = await (process.argv[2] === 'keras' ? openKerasArchive(bytes, 'net.keras') : (await openZip(bytes, 'net.zip')).read('model.json'))
  .then(() => ({ message: 'READ' }), (error) => error);
console.log(JSON.stringify({ grown: (process.resourceUsage().maxRSS - before) / 1024, message }));`;

test('a bomb that lies about its size is stopped before memory grows', async () => {
  const huge = Buffer.alloc(512 << 20);
  const bomb = deflateRawSync(huge, { level: 9 });
  for (const [kind, name, says] of [['zip', 'model.json', 1000], ['zip', 'model.json', 16 << 20], ['zip', 'model.json', 0], ['keras', 'model.weights.h5', 100 << 20]]) {
    const path = join(folder, 'bomb.zip');
    await writeFile(path, zip([CONFIG, { name, bytes: huge, says, packed: bomb, late: kind === 'keras' }]));
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', CHILD, path, kind], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const { grown, message } = JSON.parse(stdout);
    assert.match(message, /more than/);
    assert.ok(grown < 160, `${kind} that says ${says}: ${grown.toFixed(0)} MB for a bomb of 512 MB`);
  }
});
