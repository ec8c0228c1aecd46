/**
 * web/cli/trust.js against plain numpy (tests/golden/trust.json, made by make_trust.py beside it), and
 * what must hold whatever the numbers.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { area, curve, orderOf, plain } from '../../web/api/curve.js';
import { baselines, blurred, confidence, imputed, masked, overlap, points, rankCorrelation, road } from '../../web/cli/trust.js';

const golden = JSON.parse(await readFile(new URL('../golden/trust.json', import.meta.url), 'utf8'));
const { width, height } = golden;

const rgba = (rgb) => {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  rgb.forEach((value, i) => {
    data[4 * Math.floor(i / 3) + (i % 3)] = value;
  });
  return { width, height, data };
};
const picture = rgba(golden.picture);
const predict = async ({ data }) => {
  const sum = golden.weights.reduce((total, weight, i) => (
    total + weight * (data[4 * Math.floor(i / 3) + (i % 3)] - 127.5)), 0);
  return 1 / (1 + Math.exp(-sum / 400));
};
const heat = Float64Array.from(golden.heat);

function close(found, wanted, limit, what) {
  [found].flat().forEach((value, i) => {
    assert.ok(Math.abs(value - [wanted].flat()[i]) <= limit, `${what}: ${value}, numpy ${[wanted].flat()[i]}`);
  });
  assert.equal([found].flat().length, [wanted].flat().length);
}

test('order, deletion and insertion are numpy\'s', async () => {
  const order = orderOf(heat);
  assert.deepEqual([...order], golden.order);
  const deletion = await curve(picture, plain(picture, [124, 124, 124]), order, predict, 7);
  close(deletion, golden.deletion, 1e-9, 'deletion');
  close(area(deletion), golden.deletionArea, 1e-9, 'area');
  const soft = blurred(picture, 1 / 8);
  golden.blurred.forEach((value, i) => {
    assert.ok(Math.abs(soft.data[4 * Math.floor(i / 3) + (i % 3)] - value) <= 1, 'blurred');
  });
  close(await curve(soft, picture, order, predict, 7), golden.insertion, 2e-3, 'insertion');
});

test('ROAD is numpy\'s, to the rounding of one level', async () => {
  const { most, least, score } = await road(picture, orderOf(heat), predict);
  close(most, golden.most, 2e-3, 'most');
  close(least, golden.least, 2e-3, 'least');
  close(score, golden.road, 2e-3, 'score');
});

test('a hole in a plain picture is filled with its colour', () => {
  const grey = plain(picture, [90, 120, 150]);
  const filled = imputed(grey, [15, 16, 17, 29, 30, 31], 1, 0);
  assert.deepEqual(filled.data, grey.data);
});

test('confidence and masks', async () => {
  close(await predict(masked(picture, heat, plain(picture, [124, 124, 124]))), golden.masked, 1e-9, 'masked');
  assert.deepEqual(confidence(0.8, 0.6).increase, false);
  close(confidence(0.8, 0.6).drop, 0.25, 1e-12, 'drop');
  assert.deepEqual(confidence(0.5, 0.6), { drop: 0, increase: true });
});

test('rank correlation is numpy\'s', () => {
  close(rankCorrelation(heat, Float64Array.from(golden.other)), golden.correlation, 1e-12, 'correlation');
  close(rankCorrelation(heat, heat.map((value) => -Math.exp(value))), -1, 1e-12, 'reversed');
  assert.equal(rankCorrelation(heat, heat.map(() => 1)), 0);
});

test('boxes: pointing and overlap', () => {
  const box = { x: 10, y: 10, width: 20, height: 10 };
  assert.equal(points({ x: 45, y: 12 }, [box]), false);
  assert.equal(points({ x: 44, y: 12 }, [box]), true);
  assert.equal(points({ x: 30, y: 12 }, [box], 0), false);
  assert.equal(points({ x: 29, y: 12 }, [box], 0), true);
  close(overlap(box, box), 1, 0, 'itself');
  close(overlap(box, { x: 20, y: 10, width: 20, height: 10 }), 1 / 3, 1e-12, 'half');
  close(overlap(box, { x: 100, y: 10, width: 20, height: 10 }), 0, 0, 'none');
});

test('the baselines rank the middle first and nothing twice', () => {
  const { random, centre } = baselines(width, height);
  assert.equal(Math.abs((orderOf(centre)[0] % width) - (width - 1) / 2) <= 0.5, true);
  assert.equal(new Set(orderOf(random)).size, width * height);
});
