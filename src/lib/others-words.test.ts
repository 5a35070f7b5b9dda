import assert from 'node:assert/strict';
import { test } from 'node:test';
import { othersWords } from './others-words.ts';

// Rule 12
test('words of another program are cut to their bound, but never within a key', () => {
  assert.equal(othersWords('no such role', 100), 'no such role');
  assert.equal(othersWords('no such role', 7), 'no such');
  assert.equal(othersWords('key AKIAIOSFODNN7EXAMPLE is no more', 10), 'key [redac');
  const key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
  // Masked, the first word is short: what the bound of reading cuts would be seen.
  for (let at = 4_950; at < 5_001; at += 1)
    assert.doesNotMatch(othersWords(`${'aB3'.repeat(2_000).slice(0, at)} ${key}`, 600), /wJalr/);
});
