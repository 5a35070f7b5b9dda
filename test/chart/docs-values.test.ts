// Values of the chart in the documentation: the chart knows them, and renders them.

import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { isRecord } from '../../src/lib/json.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { CHART } from '../../testing/tools/helm/chart.ts';
import { useRendering } from './rendering.ts';

const FENCE = /^ *```yaml\n(.*?)^ *```$/gms;
const KNOWN = Object.keys(parse(readFileSync(`${CHART}/values.yaml`, 'utf8')) as object);

/** Blocks whose first name is that of a value. */
const blocks = globSync(['README.md', 'docs/**/*.md'])
  .sort()
  .flatMap((page) => [...readFileSync(page, 'utf8').matchAll(FENCE)].map(([, text = '']) => ({ page, text })))
  .filter(({ text }) => KNOWN.includes(/^([A-Za-z]+):/m.exec(text)?.[1] ?? ''));

describe('values of the chart in the documentation', () => {
  const { render } = useRendering();
  test('are found', () => assert.ok(blocks.length >= 3, `${blocks.length} blocks`));

  for (const [index, { page, text }] of blocks.entries()) {
    test(`are taken by the chart: block ${index + 1}, in ${page}`, async () => {
      assert.ok(isRecord(parse(text)));
      const file = join(makeTemporaryFolder('values'), 'values.yaml');
      writeFileSync(file, text);
      assert.ok((await render({}, '--values', file)).length > 3);
    });
  }
});
