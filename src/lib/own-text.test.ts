// Covers that a part kept of a long text keeps only itself in memory: in a separate process, whose heap is measured.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ownText, startOf } from './own-text.ts';

const FILE = fileURLToPath(new URL('own-text.ts', import.meta.url));
const KEPT = 200;
const PARENT_BYTES = 500_000;

/** Bytes of heap held by `KEPT` texts, each cut by `cut` out of half a megabyte. */
function heldBy(cut: string): number {
  const program = `
    import { ownText } from ${JSON.stringify(FILE)};
    const cut = ${cut};
    const kept = [];
    globalThis.gc();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < ${KEPT}; index += 1)
      kept.push(cut(Buffer.alloc(${PARENT_BYTES}, 'x').toString('latin1') + index));
    globalThis.gc();
    console.log(process.memoryUsage().heapUsed - before, kept.length);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  const [bytes] = stdout.split(' ');
  assert.ok(bytes, stderr);
  return Number(bytes);
}

// Rule 14
test('a text that is cut out of a long one and copied keeps only itself', () => {
  assert.equal(ownText('a text with ä and 字'), 'a text with ä and 字');
  assert.ok(heldBy('(text) => text.slice(-40)') > (KEPT * PARENT_BYTES) / 2, 'a slice keeps all of it');
  const held = heldBy('(text) => ownText(text.slice(-40))');
  assert.ok(held < (KEPT * PARENT_BYTES) / 20, `${held} bytes`);
});

// Rules 12, 14
test('the start of a text of any length ends between two pieces of base64, so that no key is cut', () => {
  assert.equal(startOf('a short text'), 'a short text');
  const words = 'x'.repeat(4_990);
  assert.equal(startOf(`${words} AKIAIOSFODNN7EXAMPLE`), `${words} `);
  assert.equal(startOf(`${words} is kept, is it`), `${words} is kept, `);
  assert.equal(startOf(`${'x'.repeat(5_000)} more`), 'x'.repeat(5_000));
  assert.equal(startOf(`{"error":"${'x'.repeat(6_000)}"}`), '{"error":"');
  assert.equal(startOf('x'.repeat(5_001)), '');
  assert.equal(startOf(' x'.repeat(1_000_000)).length, 5_000);
  assert.equal(startOf('one two three', 8), 'one two ');
});
