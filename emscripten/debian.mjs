// Downloads from the Debian archive this machine is already configured for: its address, proxy and
// keys are apt's own, none is named here. Everything goes through a private apt state: nothing
// system-wide changes, no root is needed.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cache, readOr, requirePrograms, run, runShowing, sizeOf, Stop, which } from './tools.mjs';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const aptHelper = '/usr/lib/apt/apt-helper';

/** Where to look by hand when this is not Debian. */
const elsewhere = `Without Debian's archive two things have to be brought by hand:
  1. Emscripten 3.1.69 or newer: install emsdk and activate it, so that "emcc" is on PATH.
  2. The sources, from the release archives of their projects, at these commits:
       XNNPACK 4ea82e5, pthreadpool 560c60d, FXdiv b408327, stb 5c20573
     unpacked into one folder as xnnpack/ pthreadpool/ fxdiv/ stb/; set GRADCAM_SOURCES to it.`;

let archiveAddress;

function archive() {
  if (archiveAddress) return archiveAddress;
  const isDebian = /^ID=debian$/m.test(readOr('/etc/os-release'));
  if (!isDebian || !which('apt-get') || !existsSync(keyring)) {
    throw new Stop(
      `This system is not Debian (or lacks the package debian-archive-keyring).\n${elsewhere}`,
    );
  }
  requirePrograms('dpkg-deb', 'tar', 'xz');
  const addresses = run('apt-get', [
    'indextargets',
    '--no-release-info',
    '--format',
    '$(REPO_URI)',
    'Created-By: Packages',
  ]);
  archiveAddress = addresses
    .split('\n')
    .find((line) => /\/debian\/?$/.test(line))
    ?.replace(/\/$/, '');
  if (!archiveAddress) {
    throw new Stop(
      `apt's sources name no Debian archive (an address that ends in /debian).\n${elsewhere}`,
    );
  }
  return archiveAddress;
}

/** Downloads one file of the archive's pool to `path`; throws where it or its SHA-256 fails. */
export async function downloadFromPool(poolPath, sha256, path) {
  await runShowing(
    aptHelper,
    [
      '-o',
      'APT::Sandbox::User=root',
      'download-file',
      `${archive()}/pool/main/${poolPath}`,
      path,
      `SHA256:${sha256}`,
    ],
    { doing: `downloading ${basename(path)}`, progress: () => sizeOf(dirname(path)) },
  );
}

/** The release this machine runs: 'bookworm', 'trixie', ... */
export function codename() {
  return /^VERSION_CODENAME=(\w+)$/m.exec(readOr('/etc/os-release'))?.[1] ?? 'unknown';
}

/**
 * A private apt that knows the main section of the given releases. Its download(folder, packages)
 * fetches .deb files (named 'name', 'name=version' or 'name/release'), which apt verifies against
 * the archive's signature, and returns their paths.
 */
export async function privateApt(releases) {
  const state = join(cache, 'apt');
  for (const folder of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(state, folder), { recursive: true });
  const sources = releases
    .map((release) => `deb [signed-by=${keyring}] ${archive()} ${release} main\n`)
    .join('');
  writeFileSync(join(state, 'sources.list'), sources);
  writeFileSync(join(state, 'status'), '');
  writeFileSync(
    join(state, 'apt.conf'),
    `
Dir::Etc::sourcelist "${state}/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
Dir::State "${state}";
Dir::State::lists "${state}/lists";
Dir::State::status "${state}/status";
Dir::Cache "${state}/cache";
Acquire::Languages "none";
APT::Sandbox::User "root";
`,
  );
  const config = ['-qq', '-c', join(state, 'apt.conf')];
  await runShowing('apt-get', [...config, 'update'], { doing: 'reading the lists of packages' });
  return {
    async download(folder, packages) {
      mkdirSync(folder, { recursive: true });
      const progress = () => sizeOf(folder);
      await runShowing('apt-get', [...config, 'download', ...packages], { doing: 'downloading', progress, cwd: folder });
      return readdirSync(folder)
        .filter((name) => name.endsWith('.deb'))
        .map((name) => join(folder, name));
    },
  };
}
