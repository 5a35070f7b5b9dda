// Covers the plots in the documentation: they are those of the committed results.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PICTURES, REFERENCE } from './pictures.ts';
import { drawPlot } from './plots.ts';
import { readResults } from './results.ts';

for (const { path, plotOf } of PICTURES)
  test(`${path} shows what bench/results/reference.json has: after a change, run node bench/draw.ts`, () => {
    assert.equal(readFileSync(path, 'utf8'), drawPlot(plotOf(readResults(REFERENCE))));
  });

test('results that lack a plot are answered with what to run', () => {
  const [picture] = PICTURES;
  assert.throws(() => picture?.plotOf({ parts: {} }), /node bench\/bench.ts namespacedObjects/);
});
