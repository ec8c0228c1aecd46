// The sources of XNNPACK, pthreadpool, FXdiv and stb: unpatched, pinned by SHA-256, about 5 MB,
// into CACHE/sources.
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { downloadFromPool } from './debian.mjs';
import { cache, readOr, run, say, Stop } from './tools.mjs';

const sources = [
  {
    name: 'xnnpack', // this archive has no top-level folder
    strip: 0,
    pool: 'x/xnnpack/xnnpack_0.0~git20241108.4ea82e5.orig.tar.xz',
    sha256: '90bde2caef0f880f627bab0dc805a86c4b8070cd98e3243db3046ab3f3be1a99',
    proof: 'include/xnnpack.h',
  },
  {
    name: 'pthreadpool',
    strip: 1,
    pool: 'p/pthreadpool/pthreadpool_0.0~git20240616.560c60d.orig.tar.xz',
    sha256: '4cc3cbd933b28131d2a34edc54f76af9fb41bc490af5eae1a5bd3cd07ea90708',
    proof: 'include/pthreadpool.h',
  },
  {
    name: 'fxdiv',
    strip: 1,
    pool: 'f/fxdiv/fxdiv_0.0~git20200417.b408327.orig.tar.xz',
    sha256: '7953482badaf4cb34026c3487c257b8e4ab2df061c019bd6fabbbc12ad52c44b',
    proof: 'include/fxdiv.h',
  },
  {
    name: 'stb',
    strip: 1,
    pool: 'libs/libstb/libstb_0.0~git20241109.5c20573+ds.orig.tar.xz',
    sha256: 'a3a5820445a7dd063516bb542a5cd54ced8efc9c5a30bfbaae1bab6dec2c1a74',
    proof: 'stb_image.h',
  },
];

const digestOf = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Every file of a folder with its digest, a line each, as sha256sum writes them. */
export function listContents(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
    .map((path) => `${digestOf(path)}  ${relative(folder, path)}\n`)
    .join('');
}

/** The first file that is not as it was listed, or undefined. */
export function findAltered(folder, list) {
  return list
    .split('\n')
    .filter(Boolean)
    .map((line) => [line.slice(0, 64), line.slice(66)])
    .find(([digest, name]) => {
      try {
        return digestOf(join(folder, name)) !== digest;
      } catch {
        return true; // it is not there
      }
    })?.[1];
}

/** Brings what is not there yet. The stamp is written last, so half-done work never counts. */
export async function ensureSources() {
  const brought = process.env.GRADCAM_SOURCES && resolve(process.env.GRADCAM_SOURCES);
  const wanted = brought
    ? `brought from ${brought}\n`
    : sources.map(({ name, sha256 }) => `${name} ${sha256}\n`).join('');
  const folder = join(cache, 'sources');
  const stamp = readOr(join(folder, 'stamp'));
  const contents = join(folder, 'contents');
  if (stamp === wanted || (stamp && !brought && stamp.startsWith('brought from '))) {
    if (!existsSync(contents)) writeFileSync(contents, listOf(folder));
    const altered = findAltered(folder, readOr(contents));
    if (altered === undefined) return;
    say(`${join(folder, altered)} was altered: the sources are brought anew`);
  }

  say(
    brought
      ? `taking the sources from ${brought}`
      : 'downloading the sources of XNNPACK, pthreadpool, FXdiv and stb',
  );
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  for (const { name, strip, pool, sha256, proof } of sources) {
    const target = join(fresh, name);
    mkdirSync(target, { recursive: true });
    if (brought) {
      if (!existsSync(join(brought, name, proof)))
        throw new Stop(`GRADCAM_SOURCES: ${join(brought, name, proof)} is missing.`);
      cpSync(join(brought, name), target, { recursive: true });
      continue;
    }
    const file = join(fresh, basename(pool));
    await downloadFromPool(pool, sha256, file);
    run('tar', ['-xJf', file, '-C', target, `--strip-components=${strip}`]);
    rmSync(file);
    if (!existsSync(join(target, proof)))
      throw new Stop(`${basename(pool)} does not hold ${proof}.`);
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  writeFileSync(contents, listOf(folder));
  writeFileSync(join(folder, 'stamp'), wanted);
}

/** Of the sources alone: what else lies in their folder is ours. */
const listOf = (folder) =>
  sources
    .map(({ name }) => listContents(join(folder, name)).replace(/^(.{66})/gm, `$1${name}/`))
    .join('');
