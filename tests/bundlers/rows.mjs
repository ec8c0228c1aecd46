/**
 * The integrations, a row each. What the guide writes comes from the guide; what stands here is what a
 * new project of that kind has anyway, as its own template makes it.
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {string} title
 * @property {string[]} guide      keys of the guide's blocks
 * @property {string[]} [packages]  to install beside ours
 * @property {Record<string, string>} [files]  of the template
 * @property {Record<string, string>} [place]  where a block's file goes in this project
 * @property {string[]} [sample]   where the picture goes
 * @property {(project: string) => Promise<any>} [prepare]
 * @property {string} [build]      a command
 * @property {string} [server]     a command that serves on PORT
 * @property {string} [served]     else the folder to serve
 * @property {boolean} [isolated]  with the headers that threads want
 * @property {boolean} [nested]    a worker of the application uses it
 * @property {(where: {page: any, origin: string, project: string, sample: string, context: any}) => Promise<any>} [browse]
 *   what to do there, in place of waiting for the heatmap
 * @property {string} [output]     a command in place of a page
 * @property {RegExp} [expect]     of its output, or of what browse gave
 * @property {string} [version]    a command
 */
import { keras3, writeKeras } from '../models/fixtures.mjs';

const page = (script) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>x</title></head><body>
<img src="/sample.jpg" alt="">${script}</body></html>`;
const html = page('<script type="module" src="/main.js"></script>');
const SVELTE = ['@sveltejs/kit', '@sveltejs/vite-plugin-svelte', '@sveltejs/adapter-static', 'svelte', 'vite'];
const next = { 'next.config.mjs': 'export default {};\n',
  'app/layout.js': 'export default function Layout({ children }) { return <html lang="en"><body>{children}</body></html>; }\n' };
const photo = ['photo.jpg'];

/** @type {Row[]} */
export const rows = [
  { name: 'vite6-dev', title: 'Vite 6, development', guide: ['all', 'web'], packages: ['vite@6'], files: { 'index.html': html },
    server: 'npx vite --port PORT --strictPort' },
  { name: 'vite6-build', title: 'Vite 6, built, with threads', guide: ['all', 'web'], packages: ['vite@6'], files: { 'index.html': html },
    build: 'npx vite build', served: 'dist', isolated: true },
  { name: 'vite8-dev', title: 'Vite 8, development', guide: ['all', 'web'], packages: ['vite@8'], files: { 'index.html': html },
    server: 'npx vite --port PORT --strictPort' },
  { name: 'vite8-build', title: 'Vite 8, built, with threads', guide: ['all', 'web'], packages: ['vite@8'], files: { 'index.html': html },
    build: 'npx vite build', served: 'dist', isolated: true },
  { name: 'webpack', title: 'webpack 5', guide: ['all', 'web'], packages: ['webpack@5', 'webpack-cli'],
    files: { 'dist/index.html': page('<script src="main.js"></script>') }, sample: ['dist/sample.jpg'],
    build: 'npx webpack ./main.js --mode production', served: 'dist', isolated: true },
  { name: 'parcel', title: 'Parcel 2', guide: ['all', 'web'], packages: ['parcel@2'],
    files: { 'index.html': html.replace('/sample.jpg', 'sample.jpg').replace('/main.js', 'main.js') }, sample: ['sample.jpg'],
    build: 'npx parcel build index.html --no-cache', served: 'dist' },
  { name: 'sveltekit', title: 'SvelteKit', guide: ['all', 'sveltekit'], packages: SVELTE, place: { 'heatmap.js': 'src/heatmap.js' },
    sample: ['static/sample.jpg'],
    files: {
      'src/app.html': '<!doctype html><html lang="en"><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>',
      'src/routes/+layout.js': 'export const prerender = true;\n',
      'svelte.config.js': "import adapter from '@sveltejs/adapter-static';\nexport default { kit: { adapter: adapter() } };\n",
      'vite.config.js': "import { sveltekit } from '@sveltejs/kit/vite';\nexport default { plugins: [sveltekit()] };\n",
    },
    build: 'npx vite build', served: 'build' },
  { name: 'astro', title: 'Astro', guide: ['all', 'astro'], packages: ['astro@5'], place: { 'heatmap.js': 'src/heatmap.js' },
    build: 'npx astro build', served: 'dist' },
  { name: 'nuxt', title: 'Nuxt', guide: ['all', 'nuxt'], packages: ['nuxt'], place: { 'heatmap.js': 'app/heatmap.js' },
    build: 'npx nuxt build', server: 'node .output/server/index.mjs' },
  { name: 'next-turbopack', title: 'Next.js, Turbopack', guide: ['all', 'next'], packages: ['next', 'react', 'react-dom'], files: next,
    build: 'npx next build --turbopack', server: 'npx next start -p PORT' },
  { name: 'next-webpack', title: 'Next.js, webpack', guide: ['all', 'next'], packages: ['next', 'react', 'react-dom'], files: next,
    build: 'npx next build --webpack', server: 'npx next start -p PORT' },
  { name: 'next-dev', title: 'Next.js, development', guide: ['all', 'next'], packages: ['next', 'react', 'react-dom'], files: next,
    server: 'npx next dev -p PORT' },
  { name: 'esbuild', title: 'esbuild', guide: ['base', 'web', 'esbuild'], packages: ['esbuild'],
    files: { 'public/index.html': html }, served: 'public' },
  { name: 'rollup', title: 'Rollup', guide: ['base', 'web', 'rollup'], packages: ['rollup', '@rollup/plugin-node-resolve'],
    files: { 'public/index.html': html }, served: 'public' },
  { name: 'importmap', title: 'Import map, no bundler', guide: ['importmap'], expect: /golf ball/,
    async browse({ page: tab, origin, sample }) {
      await tab.goto(origin);
      await tab.waitForFunction(() => document.querySelector('input')?.onchange);
      await tab.setInputFiles('input', sample);
      await tab.waitForSelector('canvas');
      return tab.evaluate(() => document.body.innerText);
    } },
  { name: 'cdn', title: 'CDN, the element in two lines', guide: ['cdn'], sample: ['sample.jpg'], expect: /^1 .*golf ball/s,
    async browse({ page: tab, origin, project }) {
      await tab.route('https://cdn.jsdelivr.net/npm/gradcam-wasm@0.1/**', (route) => route.fulfill({
        path: `${project}/node_modules/gradcam-wasm/${new URL(route.request().url()).pathname.split('/').slice(3).join('/')}`,
        headers: { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' } }));
      await tab.goto(origin);
      await tab.waitForFunction(() => document.querySelector('grad-cam')?.shadowRoot?.querySelector('canvas')?.width > 100);
      await tab.waitForFunction(() => /golf ball/.test(document.querySelector('grad-cam').shadowRoot.textContent));
      return tab.evaluate(() => `${document.querySelectorAll('grad-cam').length} ${document.querySelector('grad-cam').shadowRoot.textContent}`);
    } },
  { name: 'own-worker', title: 'Its worker made by the application (Vite 8)', guide: ['all', 'web', 'own-worker'], packages: ['vite@8'],
    files: { 'index.html': html }, build: 'npx vite build', served: 'dist', isolated: true },
  { name: 'inside-worker', title: 'GradCam used inside a worker (Vite 8)', guide: ['all'], packages: ['vite@8'],
    files: { 'index.html': html,
      'main.js': "const worker = new Worker(new URL('./mine.js', import.meta.url), { type: 'module' });\n" +
        "worker.onmessage = ({ data }) => { const c = document.createElement('canvas'); c.width = data.width; document.body.append(data.name, c); };\n" +
        'worker.postMessage(new URL(document.querySelector("img").src).href);\n',
      'mine.js': "import { GradCam } from 'gradcam-wasm';\nself.onmessage = async ({ data }) => {\n  const cam = await GradCam.load('pocket');\n" +
        "  const { predictions, maps } = await cam.explain(data, { top: 1 });\n" +
        "  self.postMessage({ name: predictions[0].name, width: maps[0].toCanvas().width });\n};\n" },
    build: 'npx vite build', served: 'dist', nested: true },
  { name: 'service-worker', title: 'Service worker, one thread in place', guide: ['service-worker'], packages: ['esbuild'],
    files: { 'public/index.html': page('') }, served: 'public', expect: /golf ball,\d{4,}/,
    build: 'cp -r node_modules/gradcam-wasm public/; npx esbuild sw.js --bundle --format=iife --outdir=public',
    async browse({ page: tab, origin }) {
      await tab.goto(origin);
      return tab.evaluate(async () => {
        await navigator.serviceWorker.register('/sw.js');
        const { active } = await navigator.serviceWorker.ready;
        const answer = new Promise((done) => { navigator.serviceWorker.onmessage = ({ data }) => done(`${data[0]},${data[1].length}`); });
        active.postMessage(new URL('/sample.jpg', location.href).href);
        return Promise.race([answer, new Promise((done) => { setTimeout(() => done('nothing'), 60000); })]);
      });
    } },
  { name: 'keras-vite', title: 'A Keras file in a bundle (Vite 6)', guide: ['web'], packages: ['vite@6'],
    files: { 'index.html': html,
      'heatmap.js': "import { GradCam } from 'gradcam-wasm';\nexport async function explain(image, place) {\n" +
        "  const cam = await GradCam.load('/model.keras');\n  const { maps } = await cam.explain(image, { top: 1 });\n" +
        "  place.append('read, no golf ball', maps[0].toCanvas());\n}\n" },
    prepare: (project) => writeKeras(keras3(), `${project}/public/model.keras`, { compress: true }),
    build: 'npx vite build', served: 'dist' },
  { name: 'node', title: 'Node, ES modules', guide: ['node'], sample: photo, output: 'node explain.mjs && head -c 4 heatmap.png',
    expect: /golf ball 0\.\d+\n.PNG/s, version: 'node --version' },
  { name: 'node-require', title: 'Node, CommonJS', guide: ['require'], sample: photo, output: 'node explain.cjs', expect: /^golf ball$/m,
    version: 'node --version' },
  { name: 'bun', title: 'Bun', guide: ['node'], sample: photo, packages: ['bun'], output: 'npx bun explain.mjs && head -c 4 heatmap.png',
    expect: /golf ball 0\.\d+\n.PNG/s },
  { name: 'deno', title: 'Deno', guide: ['node'], sample: photo, packages: ['deno'],
    output: 'npx deno run -A --node-modules-dir=manual explain.mjs && head -c 4 heatmap.png', expect: /golf ball 0\.\d+\n.PNG/s },
  { name: 'vitest', title: 'Vitest, jsdom', guide: ['vitest'], sample: photo, packages: ['vitest', 'jsdom'], output: 'npx vitest run',
    expect: /1 passed/ },
];
