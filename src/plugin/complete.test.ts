// Covers what is offered at each place of a command line.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complete, wantedAt } from './complete.ts';
import { lintCommand } from './lint.ts';
import { statusCommand } from './status.ts';
import { whyCommand } from './why.ts';

const COMMANDS = [whyCommand, statusCommand, lintCommand];
const nobody = (): Promise<never> => Promise.reject(new Error('there is no cluster'));

test('commands, flags, their values, and what a command is about are told apart', () => {
  assert.deepEqual(wantedAt([''], COMMANDS), { op: 'words', words: ['why', 'status', 'lint', 'help'] });
  assert.deepEqual(wantedAt(['status', ''], COMMANDS), { op: 'names', of: 'objects' });
  assert.deepEqual(wantedAt(['why', '-n', ''], COMMANDS), { op: 'names', of: 'namespaces' });
  assert.deepEqual(wantedAt(['why', '-n', 'shop', 'a'], COMMANDS), { op: 'names', of: 'pods' });
  assert.deepEqual(wantedAt(['lint', 'a'], COMMANDS), { op: 'files' });
  for (const name of ['help', 'constructor'])
    assert.deepEqual(wantedAt([name, ''], COMMANDS), { op: 'words', words: [] });
  assert.deepEqual(wantedAt(['why', 'constructor', ''], COMMANDS), { op: 'names', of: 'pods' });
});

test('candidates are those that go on with what is written, and no files follow them', async () => {
  assert.equal(await complete(['st'], COMMANDS, nobody), 'status\n:4\n');
  assert.equal(await complete(['status', '--w'], COMMANDS, nobody), '--watch\n:4\n');
  assert.equal(await complete(['status', '-o', ''], COMMANDS, nobody), 'table\njson\nyaml\n:4\n');
  assert.equal(await complete(['lint', ''], COMMANDS, nobody), ':0\n');
});

test('a cluster that gives no names is no error: nothing is offered', async () => {
  assert.equal(await complete(['why', ''], COMMANDS, nobody), ':4\n');
});
