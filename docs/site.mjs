/**
 * Writes the site: one folder for any static host, under any path: page, lesson, models, documentation, and
 * element.html for frames.
 *
 *     npm run site                          into build/site
 *     npm run site -- FOLDER --url https://HOST/PATH/    with the absolute addresses that robots and previews want
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from '../emscripten/build.mjs';
import { installPackages, runMain, say, scriptArguments } from '../emscripten/tools.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const TITLE = 'Where does it look? · Grad-CAM in your browser';
const ABOUT = 'What a neural network sees in a photo, and where it looks: Grad-CAM in WebAssembly. Nothing leaves your machine.';

/** [file of the repository, page, title] */
const PAGES = [
  ['docs/guide.md', 'guide', 'Guide'],
  ['docs/api.md', 'api', 'API reference'],
  ['docs/integrations.md', 'integrations', 'Integrations'],
  ['docs/endurance.md', 'endurance', 'Endurance'],
  ['docs/bench.md', 'bench', 'Benchmarks'],
  ['docs/decisions.md', 'decisions', 'Decisions'],
  ['models/pocket/README.md', 'pocket', 'pocket, the bundled model'],
  ['CONTRIBUTING.md', 'contributing', 'Contributing'],
  ['CHANGELOG.md', 'changelog', 'Changelog'],
];

/** What the browser needs of web/ and models/: no command line, no scripts that made them. */
const LEFT_OUT = /(^|\/)(cli|types|node\.js|worker-node\.js|[^/]*-node\.js|[^/]*\.(py|mjs|md))$|\/dist\/worker\.js$|\/labels\/everyday\.json$/;

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const slug = (text) => text.toLowerCase().replace(/<[^>]*>|&[^;]*;|[^\p{L}\p{N} _-]/gu, '').trim().replace(/ /g, '-');

const page = ({ title, body, up = '', url, path, scripts = '' }) => `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; img-src 'self' blob: data:; style-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'">
  <meta name="description" content="${escape(ABOUT)}">
  <meta name="color-scheme" content="light dark">
  <meta property="og:type" content="website">
  <meta property="og:title" content="${escape(title)}">
  <meta property="og:description" content="${escape(ABOUT)}">
  <meta property="og:image" content="${url ? `${url}social.jpg` : `${up}social.jpg`}">
  <meta name="twitter:card" content="summary_large_image">
${url ? `  <link rel="canonical" href="${url}${path}">\n` : ''}  <title>${escape(title)}</title>
  <link rel="icon" href="${up}web/demo/icon.svg">
  <link rel="manifest" href="${up}manifest.webmanifest">
  <link rel="stylesheet" href="${up}site.css">
${scripts}</head>
<body>
${body}
</body>
</html>
`;

/** Markdown as a page; links to files that are pages lead to the pages, others are text. */
async function pageOf([file, name, title], pages, url, missing) {
  const { Marked } = await import('marked');
  let live = '';
  const target = (href) => {
    if (/^(https?:|#|mailto:)/.test(href)) return href;
    const [path, hash = ''] = href.split(/(?=#)/);
    const full = join(dirname(file), path).replaceAll('\\', '/');
    const found = pages.find(([source]) => source === full);
    if (found) return `${found[1]}.html${hash}`;
    if (full === 'README.md') return '../';
    return null;
  };
  const seen = new Map();
  const marked = new Marked({ gfm: true, renderer: {
    heading({ tokens, depth }) {
      const text = this.parser.parseInline(tokens);
      const id = slug(text);
      const count = seen.get(id) ?? 0;
      seen.set(id, count + 1);
      return `<h${depth} id="${id}${count ? `-${count}` : ''}">${text}</h${depth}>\n`;
    },
    link({ href, tokens }) {
      const text = this.parser.parseInline(tokens);
      const to = target(href);
      return to ? `<a href="${escape(to)}">${text}</a>` : text;
    },
    image({ href, text }) {
      const full = join(dirname(file), href).replaceAll('\\', '/');
      if (!existsSync(join(root, full))) missing.push(`${file}: ${href}`);
      else images.add(full);
      return `<img src="../${full}" alt="${escape(text)}" loading="lazy">`;
    },
    html({ text }) {
      const [, key] = /^<!-- ([\w-]+): /.exec(text) ?? [];
      live = key ?? '';
      return '';
    },
    code({ text, lang }) {
      const plain = `<pre><code class="${escape(lang ?? '')}">${escape(text)}</code></pre>\n`;
      const example = { cdn: '<grad-cam src="../models/pocket/samples/golf_ball.jpg" top="1"><img src="../models/pocket/samples/golf_ball.jpg" alt="a golf ball"></grad-cam>',
        all: '<button type="button" data-example="explain" disabled>Run it on this picture</button><img src="../models/pocket/samples/golf_ball.jpg" alt="a golf ball">' }[live];
      live = '';
      return example ? `${plain}<div class="live">${example}</div>\n` : plain;
    },
  } });
  const images = new Set();
  const body = marked.parse(readFileSync(join(root, file), 'utf8'));
  const nav = pages.map(([, other, words]) => `<a href="${other}.html"${other === name ? ' aria-current="page"' : ''}>${words}</a>`).join(' ');
  const html = page({ title: `${title} · gradcam-wasm`, up: '../', url, path: `docs/${name}.html`,
    body: `<header><a href="../">gradcam-wasm</a><nav aria-label="Documentation">${nav}</nav></header>\n<main>\n${body}</main>`,
    scripts: /class="live"/.test(body) ? '  <script type="module" src="../example.js"></script>\n' : '' });
  return { html, images };
}

/** @param {string} folder @param {{url?: string}} [options] @returns {Promise<{bytes: number, files: number}>} */
export async function writeSite(folder, { url } = {}) {
  await build(['wasm']);
  installPackages('.');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const put = (name, text) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const copy = (from, to = from) => cpSync(join(root, from), join(folder, to), { recursive: true,
    filter: (source) => !/^(web|models)$/.test(from) || !LEFT_OUT.test(source.slice(root.length).replaceAll('\\', '/')) });
  for (const name of ['web', 'models', 'node_modules/h5wasm/dist/esm', 'node_modules/fflate/esm/browser.js',
    'node_modules/qrcode-generator/dist/qrcode.mjs']) copy(name);
  for (const name of ['site.css', 'element.html', 'element.css', 'element-page.js', 'example.js', '_headers']) copy(`docs/site/${name}`, name);
  copy('docs/pictures/screens/sample.jpg', 'social.jpg');
  put('.nojekyll', '');

  const pages = PAGES.filter(([file]) => existsSync(join(root, file)));
  const missing = [];
  for (const one of pages) {
    const { html, images } = await pageOf(one, pages, url, missing);
    put(`docs/${one[1]}.html`, html);
    for (const image of images) copy(image);
  }
  const teach = existsSync(join(root, 'web/demo/teach/index.html'));
  const cards = [['web/demo/', 'The page', 'Drop a photo: what a network sees, and where it looks.'],
    ['web/demo/learn/', 'The lesson', 'Every step of Grad-CAM, live on your own picture.'],
    ...(teach ? [['web/demo/teach/', 'Teach', 'Show a network things of your own, and see where it looks.']] : []),
    ['element.html', 'For your own page', 'The heatmap in a frame or as an element, to copy.'],
    ['docs/guide.html', 'Guide', 'Models, methods, layers, bundlers, hosting.'],
    ['docs/api.html', 'API reference', 'Every function and option, with its default.']];
  put('index.html', page({ title: TITLE, url, path: '', body: `<main class="home">
<h1>Where does it look?</h1>
<p class="lead">${escape(ABOUT)}</p>
<a href="web/demo/"><img src="social.jpg" alt="The page: a photo, what the network sees in it, and where" width="960"></a>
<ul class="cards">${cards.map(([href, name, words]) => `<li><a href="${href}">${name}</a><p>${escape(words)}</p></li>`).join('\n')}</ul>
</main>` }));
  put('404.html', page({ title: 'Not here', body: '<main><h1>Not here</h1><p>There is no page at this address.</p></main>' }));
  put('robots.txt', `User-agent: *\nAllow: /\n${url ? `Sitemap: ${url}sitemap.txt\n` : ''}`);
  if (url) put('sitemap.txt', ['', 'web/demo/', 'web/demo/learn/', 'element.html', ...pages.map(([, name]) => `docs/${name}.html`)].map((path) => `${url}${path}\n`).join(''));
  put('manifest.webmanifest', `${JSON.stringify({ name: TITLE, short_name: 'Grad-CAM', start_url: './web/demo/', scope: './', display: 'standalone',
    background_color: '#fbfaf8', theme_color: '#0b6e99', icons: [{ src: 'web/demo/icon.svg', sizes: 'any', type: 'image/svg+xml' }] }, null, 2)}\n`);
  if (missing.length) throw new Error(`Pictures that are not there: ${missing.join(', ')}`);
  const files = readdirSync(folder, { recursive: true }).map((name) => statSync(join(folder, String(name)))).filter((one) => one.isFile());
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(async () => {
    const { values: { url }, positionals: [given] } = scriptArguments({ url: { type: 'string' } }, 1);
    const folder = resolve(given ?? join(root, 'build/site'));
    const { files, bytes } = await writeSite(folder, { url: url?.replace(/\/*$/, '/') });
    say(`${folder}: ${files} files, ${(bytes / 1e6).toFixed(1)} MB`);
  });
}
