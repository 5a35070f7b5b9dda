// Covers the search for secrets: it finds every form of a leak, ignores lookalikes, and no report holds a secret.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createCanaries } from './canaries.ts';
import { findLeaks } from './canary-search.ts';

const KEY = 'kJ8+/dQw4W9gXcQ/aa+bbCCdd//eeFF00+11gghh';
const TOKEN = Buffer.from(Array.from({ length: 1_500 }, (_, index) => (index * index * 7 + 13) % 251)).toString(
  'base64',
);

function canaries() {
  const known = createCanaries();
  known.add('key', KEY);
  known.add('token', TOKEN);
  return known;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

// Rule 17
describe('a secret', () => {
  for (const [form, write] of Object.entries({
    plain: (secret) => secret,
    'in base64': base64,
    'in base64 after one other character': (secret) => base64(`:${secret}"`),
    'in base64 after two other characters': (secret) => base64(`S:${secret}"}`),
    'in base64 for URLs': (secret) => Buffer.from(secret).toString('base64url'),
    'encoded for a URL': encodeURIComponent,
    'in base64, encoded for a URL': (secret) => encodeURIComponent(base64(secret)),
    'in JSON that escapes slashes': (secret) => secret.replaceAll('/', '\\/'),
    'in JSON that escapes signs': (secret) => secret.replaceAll('+', '\\u002b').replaceAll('/', '\\u002f'),
    'in a config of docker': (secret) => JSON.stringify({ auths: { a: { auth: base64(`AWS:${secret}`) } } }),
  } satisfies Readonly<Record<string, (secret: string) => string>>)) {
    test(`${form} is found`, () => {
      for (const [sort, secret] of [
        ['key', KEY],
        ['token', TOKEN],
      ] as const)
        assert.equal(canaries().find(`{"msg":"x=${write(secret)}&y"}`), `${sort} ${secret.slice(0, 4)}…`);
    });
  }

  test('is found by a part of it: half a key, or a short piece of a token', () => {
    for (let at = 0; at + 20 <= KEY.length; at += 1)
      assert.ok(canaries().find(`"${KEY.slice(at, at + 20)}"`), String(at));
    for (let at = 0; at + 31 <= TOKEN.length; at += 7)
      assert.ok(canaries().find(` ${TOKEN.slice(at, at + 31)} `), String(at));
  });

  test('is not found where it belongs, nor where nothing like it is', () => {
    const known = canaries();
    assert.equal(known.find(KEY, ['key']), undefined);
    assert.equal(known.find(KEY, ['token']), 'key kJ8+…');
    assert.equal(known.find(`${TOKEN} and ${KEY}`, ['token']), 'key kJ8+…');
    const other = 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 [redacted] kJ8+/dQw';
    assert.equal(known.find(other), undefined);
  });

  test('that is no longer than a word is not looked for', () => {
    const known = createCanaries();
    known.add('key', 'short');
    assert.deepEqual([known.size, known.find('a short sentence')], [0, undefined]);
  });

  test('never stands in the report of its leak', () => {
    const [leak = ''] = findLeaks(canaries(), [{ name: 'the log', text: `key ${KEY}` }]);
    assert.equal(leak, 'key kJ8+… is in the log');
    assert.equal(canaries().find(leak), undefined);
  });
});
