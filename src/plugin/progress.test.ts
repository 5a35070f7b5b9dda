import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createProgress } from './progress.ts';

describe('how far a command is', () => {
  const shown = (isTerminal: boolean): string => {
    let said = '';
    const progress = createProgress({ isTerminal, hasColors: false, write: (text) => void (said += text) });
    progress.at(0, 2, 'aeps/login -n \u001b[31mshop');
    progress.at(1, 2, 'x'.repeat(100));
    progress.end();
    progress.end();
    return said;
  };

  test('is one line that is written anew, fits a terminal, and is gone at the end', () => {
    const lines = shown(true).split('\r\u001b[K');
    assert.deepEqual(lines, ['', '1 of 2: aeps/login -n  [31mshop', `2 of 2: ${'x'.repeat(70)}…`, '']);
  });

  test('is not written into a file', () => {
    assert.equal(shown(false), '');
  });
});
