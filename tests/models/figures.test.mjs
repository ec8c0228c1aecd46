// Reading maps back from the published figures, for the acceptance script.
import assert from 'node:assert/strict';
import test from 'node:test';
import { correlation, readFigure } from '../accept/figures.js';
import { decodePicture, shared, without } from './support.mjs';

const FIGURES = [['pier_vgg16_top8.png', 'pier.png', 8], ['dock_vgg16_6classes.png', 'dock.png', 6]];

for (const [name, photo, count] of FIGURES) {
  const paths = [shared('golden', 'published', name), shared('golden', 'decoded', photo)];
  test(`${name}: ${count} maps, each from 0 to 1 as they were drawn`, { skip: without(...paths) }, async () => {
    const [figure, picture] = await Promise.all(paths.map(decodePicture));
    const maps = readFigure(figure, picture, count);
    assert.equal(maps.length, count);
    for (const map of maps) {
      assert.equal(map.length, 196);
      assert.ok(Math.max(...map) > 0.97 && Math.min(...map) < 0.02);
    }
    // The two strongest cells of the first map, seen in the figure.
    const first = [...maps[0]].map((value, i) => [value, i]).sort((a, b) => b[0] - a[0]).slice(0, 2);
    const cells = first.map(([, i]) => i).sort((a, b) => a - b);
    assert.deepEqual(cells, name.startsWith('pier') ? [5 * 14 + 8, 5 * 14 + 9] : [5 * 14 + 8, 8 * 14 + 3]);
  });
}

test('a plotted map: the elephant figure is brightest at row 6, columns 3 and 4', {
  skip: without(shared('golden', 'published', 'elephant_vgg16_386_14x14.png')),
}, async () => {
  const figure = await decodePicture(shared('golden', 'published', 'elephant_vgg16_386_14x14.png'));
  const [map] = readFigure(figure, undefined, 1);
  const order = [...map.keys()].sort((a, b) => map[b] - map[a]);
  assert.deepEqual(order.slice(0, 2).sort((a, b) => a - b), [6 * 14 + 3, 6 * 14 + 4]);
});

test('correlation is 1 with itself, -1 mirrored, 0 with a constant', () => {
  assert.ok(Math.abs(correlation([1, 2, 4], [3, 5, 9]) - 1) < 1e-12);
  assert.ok(Math.abs(correlation([1, 2, 4], [-1, -2, -4]) + 1) < 1e-12);
  assert.equal(correlation([1, 2, 4], [7, 7, 7]), 0);
});
