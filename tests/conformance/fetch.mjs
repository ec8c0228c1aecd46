// Brings ONNX's own operator tests (Debian package libonnx-testdata, Apache-2.0) into CACHE/onnx-testdata, without root:
// `node tests/conformance/fetch.mjs`. Pinned by SHA-256; nothing happens where they are there already, or installed by hand.
// Where they cannot be had the tests say so and count as skipped.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { downloadFromPool } from '../../emscripten/debian.mjs';
import { cache, readOr, root, run, runMain, say } from '../../emscripten/tools.mjs';

const pool = 'o/onnx/libonnx-testdata_1.12.0-2_all.deb';
const sha256 = '7dc0912e02f79ece102331411a751b091bc0e191c9fb1287f8cdfbe5530f6027';
const inside = 'usr/share/libonnx-testdata/data';

/** The folder with node/, simple/, pytorch-operator/ and pytorch-converted/; it is downloaded where it is missing. */
export async function ensureTestData() {
  const folder = join(cache, 'onnx-testdata');
  if (existsSync(join('/', inside, 'node'))) return join('/', inside);
  if (readOr(join(folder, 'stamp')) === sha256) return join(folder, inside);
  say('downloading ONNX\'s operator tests');
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const deb = join(fresh, 'testdata.deb');
  await downloadFromPool(pool, sha256, deb);
  run('dpkg-deb', ['-x', deb, fresh]);
  rmSync(deb);
  writeFileSync(join(fresh, 'stamp'), sha256);
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return join(folder, inside);
}

/** The cases of the newest opsets, from the shared folder, unpacked into CACHE/onnx-newest; null: they are not there. */
export function ensureNewest() {
  const archive = join(process.env.GRADCAM_SHARED ?? join(root, '../shared'), 'data/onnx-node/node-cases.tar.xz');
  const folder = join(cache, 'onnx-newest');
  if (!existsSync(archive)) return existsSync(folder) ? folder : null;
  const digest = createHash('sha256').update(readFileSync(archive)).digest('hex');
  if (readOr(join(folder, 'stamp')) === digest) return folder;
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  run('tar', ['-xJf', archive, '-C', fresh]);
  writeFileSync(join(fresh, 'stamp'), digest);
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return folder;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(async () => {
    console.log(ensureNewest() ?? 'no cases of the newest opsets');
    console.log(await ensureTestData());
  });
}
