// Covers the cutting of a stream into lines: at line feeds only, wherever its chunks end, and under a cap.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { array, assert as assertProperty, asyncProperty, constantFrom, integer, string } from 'fast-check';
import { type Line, linesOf } from './lines.ts';

async function* stream(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks;
}

async function lines(chunks: readonly (string | Uint8Array)[], cap: number): Promise<readonly Line[]> {
  const bytes = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
  const found: Line[] = [];
  for await (const line of linesOf(stream(bytes), cap)) found.push(line);
  return found;
}

const line = (text: string): Line => ({ op: 'line', text });

// Rule 13
describe('a stream', () => {
  const rows: Readonly<Record<string, { chunks: readonly string[]; want: readonly Line[] }>> = {
    'gives its lines in order': { chunks: ['a\nb\nc\n'], want: [line('a'), line('b'), line('c')] },
    'gives a line that came in pieces': { chunks: ['{"a"', ':', '1}\n'], want: [line('{"a":1}')] },
    'gives lines whose ends fall on the ends of chunks': { chunks: ['a\n', 'b', '\n'], want: [line('a'), line('b')] },
    'leaves out empty lines': { chunks: ['\n\na\n', '\n'], want: [line('a')] },
    'leaves out a last line that was cut off': { chunks: ['a\n{"type":"ADD'], want: [line('a')] },
    'gives nothing when it is empty': { chunks: [], want: [] },
    'gives nothing for empty chunks': { chunks: ['', ''], want: [] },
    'is divided by nothing but line feeds': { chunks: ['a\r\u2028\u0085b\n'], want: [line('a\r\u2028\u0085b')] },
  };
  for (const [outcome, { chunks, want }] of Object.entries(rows)) {
    test(outcome, async () => assert.deepEqual(await lines(chunks, 100), want));
  }

  test('split at any byte gives whole characters', async () => {
    const text = 'aä€\u{1F433}\nb\u{1F433}\n';
    const bytes = Buffer.from(text);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const found = await lines([bytes.subarray(0, cut), bytes.subarray(cut)], 100);
      assert.deepEqual(found, [line('aä€\u{1F433}'), line('b\u{1F433}')], `cut at byte ${cut}`);
    }
    const single = await lines(
      [...bytes].map((byte) => Uint8Array.of(byte)),
      100,
    );
    assert.deepEqual(single, [line('aä€\u{1F433}'), line('b\u{1F433}')]);
  });
});

// Rule 14
describe('a line over the cap', () => {
  test('is reported by its beginning, and the next one is read', async () => {
    assert.deepEqual(await lines(['abcdef\nok\n'], 4), [{ op: 'tooLong', head: 'abcd' }, line('ok')]);
  });

  test('is reported once, however many chunks it fills', async () => {
    const found = await lines(['ab', 'cd', 'ef', 'gh', '\nok\n'], 4);
    assert.deepEqual(found, [{ op: 'tooLong', head: 'abcd' }, line('ok')]);
  });

  test('is counted in bytes, and exactly at the cap it is a line', async () => {
    assert.deepEqual(await lines(['abcd\n'], 4), [line('abcd')]);
    assert.deepEqual(await lines(['ää\n'], 4), [line('ää')]);
    assert.deepEqual(await lines(['ääa\n'], 4), [{ op: 'tooLong', head: 'ää' }]);
  });

  test('that never ends is dropped', async () => {
    assert.deepEqual(await lines(['ok\n', 'abcdef'], 4), [line('ok')]);
  });

  test('keeps no more than 4 KiB of its beginning', async () => {
    const [found] = await lines([`${'x'.repeat(20_000)}\n`], 10_000);
    assert.deepEqual(found, { op: 'tooLong', head: 'x'.repeat(4_096) });
  });
});

test('any way of cutting the same bytes into chunks gives the same lines', async () => {
  const text = array(string({ unit: constantFrom('a', 'ä', '\u{1F433}', '\n', '{'), maxLength: 12 })).map((parts) =>
    parts.join('\n'),
  );
  await assertProperty(
    asyncProperty(text, array(integer({ min: 0, max: 60 })), integer({ min: 1, max: 12 }), async (whole, cuts, cap) => {
      const bytes = Buffer.from(whole);
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      assert.deepEqual(await lines(chunks, cap), await lines([bytes], cap));
      const kept = whole
        .split('\n')
        .slice(0, -1)
        .filter((one) => one !== '');
      const found = await lines([bytes], cap);
      assert.equal(found.length, kept.length);
      for (const [index, one] of found.entries()) {
        if (one.op === 'line') assert.equal(one.text, kept[index]);
        else assert.ok(Buffer.byteLength(kept[index] ?? '') > cap);
      }
    }),
    { numRuns: 300 },
  );
});
