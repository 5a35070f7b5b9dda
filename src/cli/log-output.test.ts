// Covers how log lines leave the process, over streams that are slow, closed or full.

import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { createManualClock, type ManualClock, settle } from '../../testing/clocks/manual-clock.ts';
import { type EpochMs, SECOND, seconds } from '../lib/time.ts';
import { createLogOutput, type LogOutput } from './log-output.ts';

interface Rig {
  readonly clock: ManualClock;
  readonly output: LogOutput;
  readonly dropped: string[];
  readonly told: number[];
}

function createRig(stream: Writable): Rig {
  const clock = createManualClock(0 as EpochMs);
  const dropped: string[] = [];
  const told: number[] = [];
  const output = createLogOutput({
    stream,
    clock,
    onDropped: (why) => void dropped.push(why),
    tell: (count) => {
      told.push(count);
      output.write(`left out ${count}\n`);
    },
  });
  return { clock, output, dropped, told };
}

describe('a log', () => {
  test('that is not read is kept up to some bytes; the rest is dropped, and a line says so once it is read again', async () => {
    const lines: string[] = [];
    let goOn: (() => void) | undefined;
    let isRead = false;
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString());
        if (isRead) done();
        else goOn = done;
      },
    });
    const { clock, output, dropped, told } = createRig(stream);
    for (let count = 0; count < 1_000; count += 1) output.write(`${'x'.repeat(1_023)}\n`);
    assert.ok(stream.writableLength < 260 * 1024, String(stream.writableLength));
    const left = dropped.length;
    assert.deepEqual(new Set(dropped), new Set(['output']));
    await clock.advance(seconds(60));
    assert.ok(!lines.includes(`left out ${left}\n`));
    isRead = true;
    goOn?.();
    await settle();
    await clock.advance(seconds(10));
    assert.equal(lines.at(-1), `left out ${left}\n`);
    assert.equal(lines.length + left, 1_001);
    const tells = told.length;
    await clock.advance(seconds(60));
    assert.equal(told.length, tells);
  });

  test('whose reader is gone ends nothing, and costs no memory', async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    const { clock, output, dropped } = createRig(stream);
    for (let count = 0; count < 500; count += 1) output.write('a line\n');
    await settle();
    assert.equal(dropped.length, 500);
    await clock.advance(seconds(60));
    output.write('another\n');
    await settle();
    assert.equal(dropped.length, 501);
  });

  test('has two hundred lines a second in the long run, and one that says how many more there were', async () => {
    const lines: string[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString());
        done();
      },
    });
    const { clock, output, dropped } = createRig(stream);
    for (let count = 0; count < 5_000; count += 1) output.write('a line\n');
    assert.equal(lines.length, 2_000);
    assert.equal(dropped.length, 3_000);
    assert.deepEqual(new Set(dropped), new Set(['rate']));
    await clock.advance(SECOND);
    for (let count = 0; count < 1_000; count += 1) output.write('a line\n');
    assert.equal(lines.length, 2_200);
    await clock.advance(seconds(9));
    assert.deepEqual(lines.slice(2_200), ['left out 3800\n']);
  });
});
