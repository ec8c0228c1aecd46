// The WebAssembly compiler: emcc on PATH where it is new enough, else a private prefix in the cache
// made of Debian packages.
//   emscripten, node-acorn  Debian 13's packages (they are scripts and prebuilt wasm libraries),
//   unpacked
//   binaryen                Debian 13's package, run through Debian 13's own ld.so and libc (it
//   needs a newer glibc than Debian 12's)
//   clang, lld, llvm        this release's packages of LLVM 19, unpacked behind LD_LIBRARY_PATH
//   wrappers
// About 310 MB of download and 600 MB of disk, half a minute; nothing system-wide changes.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codename, privateApt } from './debian.mjs';
import { cache, python, readOr, requirePrograms, run, runShowing, say, sizeOf, Stop, which } from './tools.mjs';

const version = '3.1.69';
const prefix = join(cache, `emscripten-${version}`);
const emscriptenRoot = join(prefix, 'root/usr/share/emscripten');
const configFile = join(emscriptenRoot, '.emscripten');

const debian13 = 'trixie';
const emscriptenPackages = [`emscripten=${version}+dfsg-3`, 'node-acorn'];
const binaryenPackages = ['binaryen=120-4', 'libc6', 'libgcc-s1', 'libstdc++6'];
const llvmPackages = [
  'clang-19',
  'lld-19',
  'llvm-19',
  'libllvm19',
  'libclang-cpp19',
  'libclang-common-19-dev',
  'libz3-4',
  'libedit2',
  'libxml2',
  'libbsd0',
  'libmd0',
  'libffi8',
  'libzstd1',
  'libstdc++6',
  'libtinfo6',
  'zlib1g',
  'liblzma5',
  'libgcc-s1',
];
const icuOf = { bookworm: 'libicu72', [debian13]: 'libicu76' }; // libxml2 wants it
const llvmTools = [
  'clang',
  'clang++',
  'wasm-ld',
  'llvm-ar',
  'llvm-nm',
  'llvm-ranlib',
  'llvm-objcopy',
  'llvm-strip',
  'llvm-cxxfilt',
];

// apt has checked every package against the archive's signature. These digests additionally pin
// what decides about the output; a later security update of the distribution has another file name
// and passes by apt's word alone.
const pinned = {
  'emscripten_3.1.69+dfsg-3_all.deb':
    'd2ac788b952c56ab6736b4db2ac0825aa63cfb4c08b8abaefe19e324779d1b2d',
  'node-acorn_8.8.1+ds+~cs25.17.7-2_all.deb':
    '5c6814cf6536892b3a93cc72a0a3792beb0d3f6be3d69f499ca7d764583479a9',
  'binaryen_120-4_amd64.deb': '47be56009e56170f4338a0154fbff2028bd607bc3c8b6a5414658a985bef6470',
  'clang-19_1%3a19.1.7-3~deb12u1_amd64.deb':
    '89ab931a9bbfd567a76df3141af5d5ec67b01d800150e614f2c9bf4671da9b08',
  'lld-19_1%3a19.1.7-3~deb12u1_amd64.deb':
    '416e084363a16a7060eaa6343ed641dfe864b8208c39170ee00a5679e4b486a2',
  'llvm-19_1%3a19.1.7-3~deb12u1_amd64.deb':
    'f91492c5b361ff12f540b9f6145cf638b5e0fb3f145fceabd6c4b9540eab4bf9',
  'libllvm19_1%3a19.1.7-3~deb12u1_amd64.deb':
    '6edf3a8b28495cdba883d9760e0dca1a81983fc497a5f989dc64d0d96d23b4aa',
  'libclang-cpp19_1%3a19.1.7-3~deb12u1_amd64.deb':
    '5daa784e1d747db320c16604729ffa805e6bfd72d3ac0b7cb0ee5f1a7ebc8aae',
  'libclang-common-19-dev_1%3a19.1.7-3~deb12u1_amd64.deb':
    '811c2d398ad772204ec05ffde485cbbc4c210abc5dcf0068ff9ca3e647591ce7',
};

function checkDigests(files) {
  for (const file of files) {
    const expected = pinned[basename(file)];
    if (!expected) continue;
    const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
    if (digest !== expected)
      throw new Stop(`${basename(file)}: SHA-256 is ${digest}, expected ${expected}.`);
  }
  return files;
}

function writeProgram(path, text) {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

function findFile(folder, name) {
  return run('find', [folder, '-name', name]).split('\n')[0];
}

/** Downloads and unpacks the private prefix; the stamp comes last. */
async function installPrefix() {
  requirePrograms('apt-get', 'dpkg-deb', 'tar', 'xz', 'python3');
  const native = codename() === 'bookworm' ? 'bookworm' : debian13;
  const fresh = `${prefix}.new`;
  rmSync(fresh, { recursive: true, force: true });
  rmSync(prefix, { recursive: true, force: true });
  for (const folder of ['root', 'debian13', 'llvm/bin', 'binaryen/bin'])
    mkdirSync(join(fresh, folder), { recursive: true });

  say(`downloading Emscripten ${version}, binaryen and LLVM 19 (about 310 MB)`);
  const apt = await privateApt([...new Set([native, debian13])]);
  const from = (release) => (name) => (name.includes('=') ? name : `${name}/${release}`);
  const download = async (folder, packages, release) =>
    checkDigests(await apt.download(join(fresh, folder), packages.map(from(release))));
  const emscripten = await download('debs-emscripten', emscriptenPackages, debian13);
  const binaryen = await download('debs-binaryen', binaryenPackages, debian13);
  const llvm = await download('debs-llvm', [...llvmPackages, icuOf[native]], native);

  say('unpacking');
  const leftOut = [
    '*/lto*',
    '*/pic/*',
    './usr/share/emscripten/test/*',
    '*san*',
    '*wasmfs*',
    './usr/share/doc/*',
    '*wasm64-emscripten*',
  ]
    .map((pattern) => `--exclude='${pattern}'`)
    .join(' '); // what a wasm32 build without LTO never reads: 1.6 GB -> 190 MB
  const unpacking = { doing: 'unpacking', progress: () => sizeOf(fresh) };
  for (const file of emscripten) {
    await runShowing('sh', ['-c', `dpkg-deb --fsys-tarfile '${file}' | tar -x -C '${fresh}/root' ${leftOut}`], unpacking);
  }
  for (const file of binaryen) await runShowing('dpkg-deb', ['-x', file, join(fresh, 'debian13')], unpacking);
  for (const file of llvm) await runShowing('dpkg-deb', ['-x', file, join(fresh, 'root')], unpacking);
  // Acorn is loaded as an ES module: NODE_PATH would not help.
  symlinkSync('nodejs', join(fresh, 'root/usr/share/node_modules'));
  for (const folder of ['debs-emscripten', 'debs-binaryen', 'debs-llvm'])
    rmSync(join(fresh, folder), { recursive: true });
  const bin = join(fresh, 'root/usr/lib/llvm-19/bin');
  for (const tool of readdirSync(bin)) {
    if (!llvmTools.includes(tool) && !['lld', 'clang-19'].includes(tool)) rmSync(join(bin, tool));
  }
  rmSync(join(cache, 'apt'), { recursive: true, force: true });
  renameSync(fresh, prefix);
  writeFileSync(join(prefix, 'stamp'), '');
}

/** What holds absolute paths, written anew whenever the cache or node has moved. */
function configurePrefix() {
  const config = `LLVM_ROOT = '${prefix}/llvm/bin'
BINARYEN_ROOT = '${prefix}/binaryen'
NODE_JS = '${process.execPath}'
CACHE = '${emscriptenRoot}/cache'
FROZEN_CACHE = False
LLVM_ADD_VERSION = ''
CLANG_ADD_VERSION = ''
`;
  // Without this, node would take Emscripten's scripts for modules: the next package.json upwards
  // is this repository's.
  const packageFile = join(prefix, 'package.json');
  if (!existsSync(packageFile)) writeFileSync(packageFile, '{ "type": "commonjs" }\n');
  if (readOr(configFile) === config) return;
  const libraries = dirname(findFile(join(prefix, 'root/usr/lib'), 'libLLVM.so.19*'));
  const path = `${libraries}:${libraries.replace('/root/usr/lib/', '/root/lib/')}`;
  for (const tool of llvmTools) {
    writeProgram(
      join(prefix, 'llvm/bin', tool),
      `LD_LIBRARY_PATH='${path}' exec '${prefix}/root/usr/lib/llvm-19/bin/${tool}' "$@"`,
    );
  }
  const loader = findFile(join(prefix, 'debian13'), 'ld-linux-*.so.*');
  const libc = dirname(findFile(join(prefix, 'debian13'), 'libc.so.6'));
  for (const tool of readdirSync(join(prefix, 'debian13/usr/bin'))) {
    writeProgram(
      join(prefix, 'binaryen/bin', tool),
      `exec '${loader}' --library-path '${libc}' '${prefix}/debian13/usr/bin/${tool}' "$@"`,
    );
  }
  // Emscripten notes its LLVM's path here, and clears its prebuilt libraries when it finds another
  // one.
  rmSync(join(emscriptenRoot, 'cache/sanity.txt'), { force: true });
  writeFileSync(configFile, config); // last: it is also the sign that the rest was done
}

function isAtLeast(found, wanted) {
  const [a, b] = [found, wanted].map((text) => text.split('.').map(Number));
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return a[i] > b[i];
  return true;
}

/** The root folder of an emcc on PATH that serves, or undefined. */
function emccOnPath() {
  const emcc = which('emcc');
  if (!emcc) return undefined;
  let found;
  try {
    found = /^emcc .*?(\d+\.\d+\.\d+)/m.exec(run(emcc, ['--version']))?.[1];
  } catch {
    found = undefined;
  }
  if (found && isAtLeast(found, version))
    return run(join(dirname(emcc), 'em-config'), ['EMSCRIPTEN_ROOT']).trim();
  say(
    `${emcc} is ${found ?? 'broken'}, ${version} or newer is needed: taking a private one`,
  );
  return undefined;
}

/** The environment in which cmake, and so emcc, has to run. */
export function compilerEnvironment() {
  const env = { EMSDK_PYTHON: python() };
  if (readOr(join(cache, 'toolchain.cmake')).includes(emscriptenRoot)) env.EM_CONFIG = configFile;
  return env;
}

/** Makes sure there is a compiler and says in CACHE/toolchain.cmake which one. */
export async function ensureCompiler() {
  requirePrograms('python3');
  let folder = emccOnPath();
  if (!folder) {
    if (!existsSync(join(prefix, 'stamp'))) await installPrefix();
    configurePrefix();
    folder = emscriptenRoot;
  }
  const text = `set(GRADCAM_EMSCRIPTEN_ROOT "${folder}")\n`;
  if (readOr(join(cache, 'toolchain.cmake')) !== text)
    writeFileSync(join(cache, 'toolchain.cmake'), text);
}
