import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReport, formatElapsed } from './progress.ts';

test('the progress display writes to a pipe one line at the start, one every 30 s and one at the end', () => {
  const lines: string[] = [];
  const report = createReport({ write: (text) => lines.push(text) });
  report({ state: 'begun', text: 'building etcd', elapsedMs: 0 });
  for (let second = 1; second <= 65; second += 1) {
    report({ state: 'running', text: `building etcd: ${second} packages`, elapsedMs: second * 1_000 });
  }
  report({ state: 'done', text: 'building etcd: done', elapsedMs: 66_000 });
  assert.deepEqual(lines, [
    'building etcd\n',
    'building etcd: 30 packages (30s)\n',
    'building etcd: 60 packages (1m00s)\n',
    'building etcd: done (1m06s)\n',
  ]);
});

test('the progress display keeps one live line on a terminal, never wider than it', () => {
  const shown: string[] = [];
  const report = createReport({ isTTY: true, columns: 12, write: (text) => shown.push(text) });
  report({ state: 'running', text: 'building etcd', elapsedMs: 5_000 });
  report({ state: 'done', text: 'building etcd: done', elapsedMs: 6_000 });
  assert.deepEqual(shown, ['\r\u001B[2Kbuilding et', '\r\u001B[2Kbuilding etcd: done (6s)\n']);
});

test('the progress display cuts elapsed time to whole seconds', () => {
  assert.deepEqual([0, 7_999, 60_000, 187_000].map(formatElapsed), ['0s', '7s', '1m00s', '3m07s']);
});
