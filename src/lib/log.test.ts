// Covers the log: its two formats, and that no key or token gets into it by any way.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import { base64, KEY_ID, SECRET_KEY, START } from '../../testing/rigs/builders.ts';
import { createLogger, type LogFormat, type Logger, type LogLevel } from './log.ts';

function logger(format: LogFormat, level: LogLevel): { readonly log: Logger; readonly lines: () => readonly string[] } {
  const lines: string[] = [];
  const clock = createManualClock(START);
  return { log: createLogger({ format, level, clock, write: (line) => void lines.push(line) }), lines: () => lines };
}

function parsed(lines: readonly string[]): readonly unknown[] {
  return lines.map((line) => JSON.parse(line) as unknown);
}

const LONG = base64('{"payload":"VGhpcyBpcyBub3QgYSB0b2tlbg==","version":"2"}'.repeat(4));
const CANARIES = [KEY_ID, SECRET_KEY, base64(SECRET_KEY), LONG];

/** A chain of errors, each of whose texts holds a canary. */
function errorWithCauses(): Error {
  return CANARIES.reduce<Error>(
    (cause, canary) => Object.assign(new Error(`bad key ${canary}`, { cause }), { code: 'EBAD' }),
    new Error(`first ${SECRET_KEY}`),
  );
}

describe('a line of JSON', () => {
  test('holds time, level, message and fields, and ends with a line feed', () => {
    const { log, lines } = logger('json', 'info');
    log.info('Wrote secrets', { object: 'n/a', created: 2, first: true });
    assert.deepEqual(parsed(lines()), [
      {
        ts: '2023-10-04T20:45:52.000Z',
        level: 'info',
        msg: 'Wrote secrets',
        object: 'n/a',
        created: 2,
        first: true,
      },
    ]);
    assert.ok(lines()[0]?.endsWith('}\n'));
  });

  test('leaves out fields that are undefined', () => {
    const { log, lines } = logger('json', 'info');
    log.with({ bound: undefined }).info('a', { field: undefined });
    assert.deepEqual(parsed(lines()), [{ ts: '2023-10-04T20:45:52.000Z', level: 'info', msg: 'a' }]);
  });

  test('has the fields that were bound to its logger, and not those of others', () => {
    const { log, lines } = logger('json', 'info');
    log.with({ resource: 'secrets' }).with({ part: 'list' }).info('a', { n: 1 });
    log.info('b');
    const [bound, other] = parsed(lines());
    const line = { ts: '2023-10-04T20:45:52.000Z', level: 'info' };
    assert.deepEqual(bound, { ...line, msg: 'a', resource: 'secrets', part: 'list', n: 1 });
    assert.deepEqual(other, { ...line, msg: 'b' });
  });

  test('names an error with its code, and its causes', () => {
    const { log, lines } = logger('json', 'info');
    const cause = Object.assign(new TypeError('inner'), { code: 'EINNER' });
    log.error('failed', {}, Object.assign(new Error('outer', { cause }), { code: 7 }));
    const [line] = parsed(lines()) as [{ err: string }];
    assert.equal(line.err, 'Error: outer <- TypeError EINNER: inner');
  });

  test('says where a mistake was made, not where a system failed', () => {
    const { log, lines } = logger('json', 'info');
    log.error('failed', {}, new Error('outer', { cause: new TypeError('not a function') }));
    log.warn('failed', {}, Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));
    const [mistake, system] = (parsed(lines()) as { err: string }[]).map(({ err }) => err);
    assert.match(mistake ?? '', /^Error: outer <- TypeError: not a function at .*log\.test\.ts:\d+:\d+/);
    assert.equal(system, 'Error ECONNREFUSED: connect');
  });

  test('cuts an error that repeats a long answer', () => {
    const { log, lines } = logger('json', 'info');
    log.error('failed', {}, Object.assign(new Error('no, '.repeat(100_000)), { code: 'ELONG' }));
    const [{ err }] = parsed(lines()) as [{ err: string }];
    assert.equal(err.length, 2_000);
  });

  test('names only the type of something thrown that is no error', () => {
    const { log, lines } = logger('json', 'info');
    log.error('failed', {}, 'a text that may be secret');
    log.warn('failed', {}, new Error('outer', { cause: { password: 'hunter2' } }));
    assert.deepEqual(
      (parsed(lines()) as { err: string }[]).map(({ err }) => err),
      ['string', 'Error: outer <- object'],
    );
  });

  test('follows causes only so far, even in a circle', () => {
    const { log, lines } = logger('json', 'info');
    const error = new Error('round');
    error.cause = error;
    log.error('failed', {}, error);
    const [line] = parsed(lines()) as [{ err: string }];
    assert.equal(line.err.split('<-').length, 5);
  });
});

describe('a line of text', () => {
  test('holds time, level, message and fields', () => {
    const { log, lines } = logger('text', 'info');
    log.warn('Wrote secrets', { object: 'n/a', created: 2, words: 'two words', quoted: 'a"b' });
    const fields = 'object=n/a created=2 words="two words" quoted="a\\"b"';
    assert.deepEqual(lines(), [`2023-10-04T20:45:52.000Z WARN  Wrote secrets ${fields}\n`]);
  });

  test('stays one line when a field has several', () => {
    const { log, lines } = logger('text', 'info');
    log.info('a', { field: 'one\ntwo' });
    assert.equal(lines()[0]?.split('\n').length, 2);
  });
});

describe('a level', () => {
  const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
  for (const [index, level] of levels.entries()) {
    test(`of ${level} lets itself and what is more urgent through`, () => {
      const { log, lines } = logger('json', level);
      for (const each of levels) log[each]('a');
      assert.deepEqual(
        (parsed(lines()) as { level: string }[]).map((line) => line.level),
        levels.slice(index),
      );
    });
  }
});

for (const format of ['json', 'text'] as const) {
  test(`no key or token comes out in ${format}: message, fields, bound fields, error or its causes`, () => {
    const { log, lines } = logger(format, 'debug');
    for (const canary of CANARIES) {
      const bound = log.with({ bound: `x=${canary}` });
      for (const level of ['debug', 'info', 'warn', 'error'] as const)
        bound[level](`message ${canary}`, { field: canary });
      bound.error('failed', { field: canary }, errorWithCauses());
      bound.warn('failed', {}, errorWithCauses());
    }
    const output = lines().join('');
    assert.equal(lines().length, CANARIES.length * 6);
    for (const canary of CANARIES) assert.ok(!output.includes(canary));
    assert.ok(output.includes('[redacted]'));
  });
}
