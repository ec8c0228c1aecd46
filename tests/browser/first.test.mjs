/**
 * The first view answers, and says what its answers are worth; and the wall of many pictures.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, test } from 'node:test';
import { GradCam } from '../../web/node.js';
import { kindOf } from '../../web/base/labels.js';
import { csvLine, judge } from '../../web/demo/wall.js';
import { browserAndServer, openPage, root, withoutBrowser } from './browser.mjs';

const WAIT = { timeout: 90000 };
const sampleFile = (name) => `${root}/models/pocket/samples/${name}.jpg`;

test('the kind before a name, where it helps', () => {
  assert.equal(kindOf('Labrador retriever', 'dog'), 'dog');
  assert.equal(kindOf('Maltese dog', 'dog'), '');
  assert.equal(kindOf('golf ball', 'sport or play'), '');
  assert.equal(kindOf('timber wolf', 'wolf or fox'), '');
  assert.equal(kindOf('snow leopard', 'big cat'), 'big cat');
  assert.equal(kindOf('church', undefined), '');
});

test('a folder named like a class or a kind judges; names that look like formulas are none', () => {
  const model = { cam: { labels: ['tabby cat', 'Labrador_retriever', 'pug'] }, groups: ['cat', 'dog', 'dog'] };
  const seen = (id) => ({ model, predictions: [{ id, name: model.cam.labels[id].replaceAll('_', ' '), group: model.groups[id], probability: 1 }] });
  assert.equal(judge(seen(1), 'labrador retriever'), true);
  assert.equal(judge(seen(2), 'labrador retriever'), false);
  assert.equal(judge(seen(2), 'dog'), true);
  assert.equal(judge(seen(0), 'dog'), false);
  assert.equal(judge(seen(0), 'holiday'), null);
  assert.equal(judge(seen(0), ''), null);
  assert.equal(csvLine(['=cmd|1', 'a "b", c', 0.5, -0.5, undefined, '+x']), '\'=cmd|1,"a ""b"", c",0.5,-0.5,,\'+x\r\n');
});

describe('the first view', { skip: withoutBrowser }, () => {
  const web = browserAndServer();
  let cam;
  let card;
  before(async () => {
    card = JSON.parse(await readFile(`${root}/models/pocket/model.json`, 'utf8'));
    cam = await GradCam.load(`${root}/models/pocket/model.json`, { threads: 1 });
  });

  const status = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(document.getElementById('status').textContent), pattern.source, WAIT);
  async function demo(hash = '', viewport = { width: 1280, height: 720 }) {
    const { page, problems } = await openPage(web.browser, `${web.server.origin}/web/demo/${hash}`);
    await page.setViewportSize(viewport);
    await status(page, /forward/);
    return { page, problems };
  }
  async function explained(page, work) {
    await page.$eval('#status', (line) => { line.textContent = ''; });
    await work();
    await status(page, /forward/);
  }

  test('models say what they know', () => {
    assert.deepEqual(cam.limits, card.limits);
    assert.deepEqual(cam.accuracy, card.accuracy);
    assert.equal(cam.groups.length, 1000);
    assert.equal(cam.groups[cam.findClass('pug')], 'dog');
    cam.accuracy.imagenet_sample = null;
    cam.limits.push('more');
    assert.deepEqual([cam.limits, cam.accuracy], [card.limits, card.accuracy], 'each call gives a copy');
    cam.dispose();
  });

  test('opened without a link: a sample with its answer, what the network knows, and a question; all on a projector', async () => {
    const { page, problems } = await demo();
    assert.equal(await page.getAttribute('[data-sample=golf_ball_and_flower]', 'aria-pressed'), 'true');
    await page.waitForFunction(() => document.getElementById('caption').textContent, null, WAIT);
    assert.equal(await page.textContent('#caption'), card.samples.find(({ file }) => file.includes('golf_ball_and_flower')).caption);
    const words = await page.textContent('#knows p');
    assert.ok(words.startsWith(card.limits[0]), words);
    const [first, five] = card.accuracy.imagenet_sample.pocket.map((share) => Math.round(100 * share));
    assert.ok(words.includes(`first answer is right for ${first} %`) && words.includes(`five best for ${five} %`), words);
    assert.deepEqual(await page.$$eval('#knows li', (all) => all.map((one) => one.textContent)), card.limits.slice(1));
    for (const part of ['#frame', '#scale', '#predictions', '#knows p', '#class', '#samples', '#status', '#caption']) {
      const box = await page.locator(part).boundingBox();
      assert.ok(box.y >= 0 && box.y + box.height <= 720, `${part} ends at ${box.y + box.height} of 720`);
    }
    assert.ok((await page.locator('#frame').boundingBox()).height > 350, 'the picture has not been squeezed');
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('nothing that it knows: said beside the answer in plain words, and gone with the next picture', async () => {
    const { page } = await demo();
    assert.ok(await page.isHidden('#doubt'));
    await explained(page, async () => {
      const png = await page.evaluate(() => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 224, height: 224 });
        const pen = canvas.getContext('2d');
        pen.fillStyle = '#7a6f66';
        pen.fillRect(0, 0, 224, 224);
        return canvas.toDataURL().split(',')[1];
      });
      await page.setInputFiles('#file', { name: 'wall.png', mimeType: 'image/png', buffer: Buffer.from(png, 'base64') });
    });
    assert.match(await page.textContent('#doubt'), /looks like nothing that pocket knows.*guesses/);
    assert.ok(await page.isVisible('#doubt'));
    assert.doesNotMatch(await page.textContent('#status'), /Nothing that this network/, 'said once');
    await explained(page, () => page.click('[data-sample=church]'));
    assert.ok(await page.isHidden('#doubt'));
    await page.close();
  });

  test('one scale for all classes: a class with weak evidence does not glow; saved so, too, and in the link', async () => {
    const { page } = await demo();
    /** The heat's largest opacity, 0..1, of the class in that row. */
    const glow = async (row) => {
      await page.click(`#predictions li:nth-child(${row}) button`);
      return page.$eval('#heat', (heat) => {
        const { data } = heat.getContext('2d').getImageData(0, 0, heat.width, heat.height);
        let most = 0;
        for (let i = 3; i < data.length; i += 4) most = Math.max(most, data[i]);
        return most / 255;
      });
    };
    assert.equal(await glow(1), 1);
    assert.equal(await glow(5), 1, 'each map has its own scale');
    await page.check('[name=same]');
    assert.equal(await glow(1), 1, 'the likeliest stays');
    const least = await glow(5);
    assert.ok(least < 0.02, `a class of 0.0 % does not glow: ${least}`);
    const daisy = await glow(2); // 3.7 of 96.2 %, and heat is full from 1 / 2.5 on
    assert.ok(Math.abs(daisy - 2.5 * 3.7 / 96.2) < 0.03, `${daisy}`);
    assert.match(await page.textContent('#scale'), /as strong as likely: 3\.[89] % of the likeliest/);
    assert.match(page.url(), /same=1/);
    const [saved] = await Promise.all([page.waitForEvent('download'), page.click('[data-save=grid]')]);
    assert.ok((await readFile(await saved.path())).length > 1000);
    const maxima = await page.evaluate(async () => {
      const { maps } = await window.gradcam.explain(document.getElementById('picture'));
      const max = maps[0].max;
      return maps.map((map) => [map.max / max, Math.max(...map.toImageData({ picture: false, colormap: 'gray', alpha: 1, max, width: 14, height: 14 }).data.filter((_, i) => i % 4 === 0)) / 255]);
    });
    for (const [wanted, found] of maxima) assert.ok(Math.abs(wanted - found) < 0.01, `${wanted}, painted ${found}`);
    await page.close();
  });

  test('side by side: two whole pictures, each with its map; saved as it is seen', async () => {
    const { page, problems } = await demo(`#sample=golf_ball_and_flower&view=beside&compare=class:${985}`);
    const canvases = await page.$$eval('.frame canvas', (all) => all.map((canvas) => {
      const { left, width } = canvas.getBoundingClientRect();
      return { hidden: canvas.hidden, left: Math.round(left), width: Math.round(width), class: canvas.className };
    }));
    const [one, two, heat, other] = canvases;
    assert.ok(canvases.every(({ hidden }) => !hidden));
    assert.equal(two.left, one.left + one.width);
    assert.deepEqual([heat.left, other.left, heat.width], [one.left, two.left, one.width]);
    assert.ok(await page.isHidden('#wipe'));
    const pixels = await page.$$eval('.frame .picture', (all) => all.map((canvas) => canvas.toDataURL()));
    assert.equal(pixels[0], pixels[1]);
    const heats = await page.$$eval('.frame .heat', (all) => all.map((canvas) => canvas.toDataURL()));
    assert.notEqual(heats[0], heats[1]);
    const box = await page.locator('#frame').boundingBox();
    await page.mouse.move(box.x + 0.75 * box.width, box.y + 0.5 * box.height);
    const right = await page.textContent('.readout');
    await page.mouse.move(box.x + 0.25 * box.width, box.y + 0.5 * box.height);
    assert.equal(await page.textContent('.readout'), right, 'the same place of the picture');
    const [saved] = await Promise.all([page.waitForEvent('download'), page.click('[data-save=overlay]')]);
    const png = await readFile(await saved.path());
    const width = await page.$eval('#picture', (canvas) => canvas.width);
    assert.equal(png.readUInt32BE(16), 2 * width);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a dog\'s breed is said to be one', async () => {
    const { page } = await demo();
    await page.fill('#class', 'Labrador retriever');
    await page.press('#class', 'Enter');
    await page.waitForFunction(() => /^dog: Labrador retriever/.test(document.querySelector('#predictions [aria-pressed=true]').textContent), null, WAIT);
    await page.close();
  });

  test('a wall of a hundred pictures: looked at while the page goes on; filtered, sorted, marked, saved', { timeout: 240000 }, async () => {
    const { page, problems } = await demo();
    const names = ['golf_ball', 'flower', 'church', 'parachute', 'lighthouse', 'clutter', 'balloons', 'traffic_light', 'sunflower', 'golf_ball_and_flower'];
    const bytes = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(sampleFile(name))])));
    const gray = { name: 'zz nothing.png', mimeType: 'image/png', buffer: Buffer.from(await page.evaluate(() => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 64 });
      canvas.getContext('2d').fillRect(0, 0, 64, 64);
      return canvas.toDataURL().split(',')[1];
    }), 'base64') };
    await page.evaluate(() => {
      window.beats = 0;
      window.beating = setInterval(() => { window.beats += 1; }, 20);
    });
    await page.setInputFiles('#file', [...Array.from({ length: 98 }, (_, i) => ({ name: `${names[i % 10]} ${i}.jpg`, mimeType: 'image/jpeg', buffer: bytes[names[i % 10]] })),
      gray, { name: 'broken.jpg', mimeType: 'image/jpeg', buffer: bytes.church.subarray(0, 400) }]);
    const said = (pattern) => page.waitForFunction((source) => new RegExp(source).test(document.querySelector('#wall [role=status]').textContent), pattern.source, { timeout: 200000 });
    await said(/[1-9]\d? of 100 pictures looked at/);
    // Meanwhile another class is chosen, at once.
    await page.click('#predictions li:nth-child(2) button');
    assert.equal(await page.getAttribute('#predictions li:nth-child(2) button', 'aria-pressed'), 'true');
    await said(/100 of 100 pictures shown/);
    const tiles = () => page.$$eval('#wall li', (all) => all.map((one) => [one.querySelector('.file').textContent, one.querySelector('.best').textContent]));
    const all = await tiles();
    assert.match(all[0][1], /^golf ball \d+\.\d %$/);
    assert.match(all[98][1], /^unfamiliar, perhaps /);
    assert.match(all[99][1], /cut off|not|broken|end/i);
    await page.selectOption('#wall [name=filter]', { label: 'church' });
    const churches = await tiles();
    assert.equal(churches.length, 10);
    assert.ok(churches.every(([file]) => file.startsWith('church')));
    await page.selectOption('#wall [name=filter]', 'unsure');
    const unsure = await tiles();
    assert.ok(unsure.length > 0 && unsure.length < 100);
    assert.ok(unsure.every(([, best]) => /^unfamiliar/.test(best) || Number.parseFloat(/([\d.]+) %$/.exec(best)[1]) < 50), JSON.stringify(unsure));
    await page.selectOption('#wall [name=filter]', 'all');
    await page.selectOption('#wall [name=sort]', 'sure');
    const shares = (await tiles()).slice(0, 98).map(([, best]) => Number.parseFloat(/([\d.]+) %$/.exec(best)[1]));
    assert.deepEqual(shares, [...shares].sort((a, b) => b - a));
    await page.selectOption('#wall [name=sort]', 'name');
    await page.click('#wall button[aria-label="sunflower 8.jpg: the answer is wrong"]');
    await page.selectOption('#wall [name=filter]', 'wrong');
    assert.deepEqual((await tiles()).map(([file]) => file), ['sunflower 8.jpg']);
    const [table] = await Promise.all([page.waitForEvent('download'), page.click('#wall .table')]);
    const lines = (await readFile(await table.path(), 'utf8')).replace('\ufeff', '').trim().split('\r\n');
    assert.equal(lines.length, 2);
    assert.match(lines[1], /^sunflower 8\.jpg,,985,daisy,plant or mushroom,0\.\d+,[^,]+,[\d.e-]+,false,wrong,pocket,$/);
    await page.selectOption('#wall [name=filter]', 'all');
    const [sheet] = await Promise.all([page.waitForEvent('download'), page.click('#wall .contact')]);
    const png = await readFile(await sheet.path());
    assert.ok(png.readUInt32BE(16) > 1000 && png.readUInt32BE(20) > 4000, 'five columns, twenty rows');
    // A tile opens its picture.
    await explained(page, () => page.click('#wall button[title="lighthouse 4.jpg"]'));
    assert.match(await page.textContent('#predictions button'), /lighthouse/);
    assert.ok(await page.evaluate(() => window.beats) > 50, 'the page went on');
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a folder of folders named like classes: judged by them', async () => {
    const { page } = await demo();
    const base64 = async (name) => (await readFile(sampleFile(name))).toString('base64');
    await explained(page, async () => page.evaluate((contents) => {
      const folder = (name, entries) => ({ name, isDirectory: true, createReader: () => {
        const batches = [entries, []];
        return { readEntries: (done) => done(batches.shift()) };
      } });
      const outer = folder('all', contents.map(([name, path, text]) => folder(name, [{ name: path, isFile: true,
        file: (done) => done(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], path, { type: 'image/jpeg' })) }])));
      const drop = new Event('drop', { bubbles: true, cancelable: true });
      drop.dataTransfer = { files: [new File([], 'all')], items: [{ webkitGetAsEntry: () => outer }], getData: () => '' };
      document.getElementById('frame').dispatchEvent(drop);
    }, [['church', 'a.jpg', await base64('church')], ['sunflower', 'b.jpg', await base64('sunflower')], ['lighthouse', 'c.jpg', await base64('golf_ball')]]));
    await page.waitForFunction(() => /3 of 3 pictures shown/.test(document.querySelector('#wall [role=status]').textContent), null, WAIT);
    assert.deepEqual(await page.$$eval('#wall li', (all) => all.map((one) => one.querySelector('[aria-pressed=true]')?.dataset.mark ?? '')), ['right', '', 'wrong']);
    await page.close();
  });
});
