/** `<grad-cam>` as somebody embeds it, in three browsers: what pages do to elements, in whatever order and haste. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { launchChromium, root, serve, withoutBrowser } from './browser.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';
import { launchWebKit, withoutWebKit } from './webkit.mjs';

const SAMPLE = '/models/pocket/samples/golf_ball_and_flower.jpg';
const CHURCH = '/models/pocket/samples/church.jpg';
const OTHER = (await readFile(`${root}/tests/golden/exports/convnext_17.onnx`)).toString('base64');

/** Of a page's script. `said`: what each element fired, by id. */
const HELP = `
  const until = async (holds, what) => {
    for (const end = Date.now() + 60000; !holds();) {
      if (Date.now() > end) throw new Error('waited for ' + (what ?? holds));
      await new Promise((done) => { setTimeout(done, 20); });
    }
  };
  const byId = (id) => document.getElementById(id);
  const said = {};
  const put = (html) => {
    const holder = document.createElement('div');
    holder.innerHTML = html;
    for (const one of holder.querySelectorAll('grad-cam')) {
      said[one.id] = [];
      for (const type of ['result', 'error']) one.addEventListener(type, (event) => said[one.id].push([type, event.detail.message ?? '']));
    }
    document.body.replaceChildren(holder);
    return holder;
  };
  const best = (id) => byId(id).result?.predictions[0].name;
  const status = (id) => byId(id).shadowRoot.querySelector('[role=status]').textContent;
  const rows = (id, what = 'button') => byId(id).shadowRoot.querySelectorAll('.classes ' + what).length;
  const heat = (id) => { const canvas = byId(id).shadowRoot.querySelector('.heat');
    return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0); };`;

for (const [name, skip, launch] of [['Chromium', withoutBrowser, launchChromium], ['Firefox', withoutFirefox, launchFirefox], ['WebKit', withoutWebKit, launchWebKit]]) {
  describe(`<grad-cam> embedded, ${name}`, { skip }, () => {
    let browser;
    let server;
    before(async () => {
      browser = await launch();
      server = await serve();
      // A page of no policy, and of nothing else.
      await browser.goto(`${server.origin}/nothing`);
      await browser.run(`document.body.replaceChildren();
        const script = document.createElement('script');
        Object.assign(script, { type: 'module', src: '/web/element/define.js' });
        document.head.append(script);
        await new Promise((done) => { script.onload = done; });
        window.other = URL.createObjectURL(new Blob([Uint8Array.from(atob(args[0]), (letter) => letter.charCodeAt(0))]));`, OTHER);
    });
    after(async () => {
      await browser?.close();
      await server?.close();
    });
    const run = (body, ...args) => browser.run(`${HELP} ${body}`, ...args);

    test('two elements with different models on one page', async () => {
      const found = await run(`put('<grad-cam id="a" loading="eager" src="${SAMPLE}"></grad-cam><grad-cam id="b" loading="eager" top="2" model="' + window.other + '" src="${SAMPLE}"></grad-cam>');
        await until(() => (byId('a').result && byId('b').result) || said.a.concat(said.b).some(([type]) => type === 'error'));
        return { said, classes: [(await byId('a').cam).model.classes, (await byId('b').cam)?.model.classes], rows: [rows('a'), rows('b')] };`);
      assert.deepEqual([found.said.a, found.said.b], [[['result', '']], [['result', '']]]);
      assert.equal(found.classes[0], 1000);
      assert.notEqual(found.classes[1], 1000);
      assert.deepEqual(found.rows, [3, 2]);
    });

    test('attributes that change in quick succession: the last ones count, and nothing of the others is fired', async () => {
      const found = await run(`put('<grad-cam id="a" loading="eager" src="${SAMPLE}"></grad-cam>');
        const a = byId('a');
        for (let i = 0; i < 12; ++i) {
          a.setAttribute('src', i % 2 ? '${CHURCH}' : '${SAMPLE}');
          if (i % 3 === 0) a.setAttribute('model', i % 2 ? window.other : 'pocket');
          a.setAttribute('top', String(1 + i % 5));
          if (i % 4 === 1) await new Promise((done) => { setTimeout(done, 15); });
        }
        a.setAttribute('model', 'pocket');
        a.setAttribute('src', '${CHURCH}');
        a.setAttribute('top', '4');
        await until(() => best('a') === 'church' && rows('a') === 4, 'church and four rows; ' + status('a'));
        await new Promise((done) => { setTimeout(done, 300); });
        return { said: said.a, best: best('a'), rows: rows('a'), heat: heat('a') };`);
      assert.deepEqual({ ...found, said: found.said.filter(([type]) => type === 'error') }, { said: [], best: 'church', rows: 4, heat: true });
      assert.ok(found.said.length <= 5, `${found.said.length} results`);
    });

    test('taken away while it loads, put back, moved about', async () => {
      const found = await run(`const holder = put('<grad-cam id="a" loading="eager" model="/models/pocket/model.json" src="${SAMPLE}"></grad-cam>');
        const a = byId('a');
        await new Promise((done) => { setTimeout(done, 30); });
        a.remove();
        const lonely = document.createElement('grad-cam'); // never on a page
        lonely.setAttribute('src', '${SAMPLE}');
        await new Promise((done) => { setTimeout(done, 2500); }); // longer than a model waits for the next element
        const away = { said: [...said.a], result: a.result };
        holder.append(a);
        await until(() => a.result, 'the element put back; ' + JSON.stringify(said.a));
        const other = document.createElement('section');
        document.body.append(other);
        const before = a.shadowRoot.querySelector('.classes').textContent;
        other.append(a);
        holder.append(a);
        await new Promise((done) => { setTimeout(done, 50); });
        const kept = heat('a') && a.shadowRoot.querySelector('.classes').textContent === before;
        await until(() => said.a.filter(([type]) => type === 'result').length >= 2, 'an answer after the move');
        return { away, kept, said: said.a, best: best('a') };`);
      assert.deepEqual(found.away, { said: [], result: null });
      assert.equal(found.kept, true, 'what was there stays in sight');
      assert.deepEqual(found.said.filter(([type]) => type === 'error'), []);
      assert.equal(found.best, 'golf ball');
    });

    test('a class that is not there, a picture that fails: said, nothing left waiting, and got over', async () => {
      const found = await run(`put('<grad-cam id="a" loading="eager" target="unicorn" src="${SAMPLE}"></grad-cam><grad-cam id="b" loading="eager" src="/none.jpg"></grad-cam>' +
          '<grad-cam id="c" loading="eager" steps="relu" src="/none.jpg"></grad-cam>');
        await until(() => ['a', 'b', 'c'].every((id) => said[id].length));
        const failed = ['a', 'b', 'c'].map((id) => ({ said: said[id][0], status: status(id), rows: rows(id, 'li'), heat: heat(id) }));
        byId('a').setAttribute('target', 'daisy');
        byId('b').setAttribute('src', '${CHURCH}');
        byId('c').setAttribute('src', '${CHURCH}');
        await until(() => ['a', 'b', 'c'].every((id) => byId(id).result));
        return { failed, good: ['a', 'b', 'c'].map(status), shown: byId('a').shown, daisy: byId('a').result.maps.find((map) => map.class.name === 'daisy').class.id };`);
      for (const { said: [type, message], status, rows, heat } of found.failed) {
        assert.equal(type, 'error');
        assert.ok(message.length > 10 && message.length <= 300, message);
        assert.equal(status, message);
        assert.equal(rows, 0, 'no rows that wait');
        assert.equal(heat, false);
      }
      assert.match(found.failed[0].status, /unicorn/);
      assert.match(found.failed[1].status, /none\.jpg/);
      assert.match(found.good[0], /^daisy, /);
      assert.match(found.good[1], /^church, /);
      assert.equal(found.good[2], '');
      assert.equal(found.shown, found.daisy);
    });

    test('a canvas between the tags, drawn anew', async () => {
      const found = await run(`put('<grad-cam id="a" loading="eager" top="1"><canvas width="480" height="360"></canvas></grad-cam>');
        const canvas = document.querySelector('#a canvas');
        const draw = async (src) => {
          const image = new Image();
          image.src = src;
          await image.decode();
          canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
        };
        await draw('${SAMPLE}');
        byId('a').refresh();
        await until(() => best('a') === 'golf ball', 'the ball; ' + status('a'));
        const [inner, over] = [canvas, byId('a').shadowRoot.querySelector('.heat')].map((one) => { const { left, top, width, height } = one.getBoundingClientRect(); return [left, top, width, height].map(Math.round); });
        await draw('${CHURCH}');
        byId('a').refresh();
        await until(() => best('a') === 'church', 'the church; ' + status('a'));
        canvas.width = 240; // empties it
        await until(() => best('a') && best('a') !== 'church' && byId('a').result.picture.width === 240, 'the empty canvas; ' + status('a'));
        return { inner, over, own: byId('a').shadowRoot.querySelector('.own').hidden };`);
      assert.deepEqual(found.over, found.inner);
      assert.equal(found.inner[2], 480);
      assert.equal(found.own, true);
    });

    test('in a page from right to left: bars, scales and places stay what they are; printed, the map is there', async () => {
      const found = await run(`document.documentElement.dir = 'rtl';
        document.documentElement.lang = 'ar';
        put('<grad-cam id="a" loading="eager" src="${SAMPLE}" style="width: 500px"></grad-cam><grad-cam id="b" loading="eager" steps="knob relu" src="${SAMPLE}" layer="block12_pw_relu" style="width: 500px"></grad-cam>' +
          '<grad-cam id="c" loading="eager" style="width: 500px"><img src="${SAMPLE}" alt="" width="300"></grad-cam>');
        await until(() => ['a', 'b', 'c'].every((id) => byId(id).result) && byId('b').shadowRoot.querySelector('.legend span').textContent);
        const box = (one) => one.getBoundingClientRect();
        const inside = (selector) => byId('b').shadowRoot.querySelector(selector);
        const [low, high] = inside('.legend').querySelectorAll('span');
        await new Promise((done) => { setTimeout(done, 200); });
        const answer = { legend: [low.textContent, box(low).left < box(high).left], meter: Math.round(box(inside('.meter.mark i')).left - box(inside('.meter.mark')).left),
          heat: [Math.round(box(byId('c').querySelector('img')).left), Math.round(box(byId('c').shadowRoot.querySelector('.heat')).left)],
          language: [byId('a').shadowRoot.querySelector('.all').lang, getComputedStyle(byId('a').shadowRoot.querySelector('.status')).direction] };
        dispatchEvent(new Event('beforeprint'));
        answer.printed = heat('a');
        dispatchEvent(new Event('afterprint'));
        document.documentElement.dir = '';
        document.documentElement.lang = 'en';
        return answer;`);
      assert.match(found.legend[0], /^−/);
      assert.deepEqual({ ...found, legend: found.legend[1] }, { legend: true, meter: 0, heat: [found.heat[0], found.heat[0]], language: ['en', 'ltr'], printed: true });
    });
  });
}
