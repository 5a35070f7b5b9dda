// Covers what the log says of one reconciliation's Secrets.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../../testing/clocks/manual-clock.ts';
import { applied, clusterPullSecret, findings, START, spec } from '../../../testing/rigs/builders.ts';
import type { Problem } from '../../core/desired.ts';
import { parseWish } from '../../core/resource.ts';
import { type Findings, nextStatus } from '../../core/status.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { createLogger } from '../../lib/log.ts';
import { reportWrites, warnOfProblems } from './report-writes.ts';

const OBJECT = clusterPullSecret(spec());
function problem(namespace: string): Problem {
  return { namespace, named: false, reason: 'CreateSecretError', message: `exceeded quota in ${namespace}` };
}

function linesOf(object: typeof OBJECT, happened: Findings, created: readonly string[] = []): readonly JsonRecord[] {
  const lines: JsonRecord[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line));
  const log = createLogger({ level: 'info', format: 'json', write, clock: createManualClock(START) });
  const wish = parseWish(object);
  assert.ok(typeof wish === 'object');
  const events = { record: () => {}, flush: () => Promise.resolve() };
  reportWrites(
    events,
    { lost: new Set(), object, wish },
    { findings: happened, applied: applied({ created }), nextAt: undefined },
    log,
  );
  warnOfProblems(object, wish.secretName, happened, log);
  return lines;
}

describe('a reconciliation', () => {
  const both = findings(['ns3'], { desired: 3, problems: [problem('ns1'), problem('ns2')] });
  const told = { ...OBJECT, status: nextStatus({}, both, START) };

  test('that could not write some Secrets warns with the first of them, and says what it wrote in a line of its own', () => {
    const [wrote, warning, ...more] = linesOf(OBJECT, both, ['ns3']);
    assert.deepEqual(more, []);
    const { level, in: namespace, reason, message, problems } = warning ?? {};
    assert.deepEqual(
      [level, namespace, reason, message, problems],
      ['warn', 'ns1', 'CreateSecretError', 'exceeded quota in ns1', 2],
    );
    assert.deepEqual([wrote?.['level'], wrote?.['created'], wrote?.['problems']], ['info', 1, 2]);
  });

  test('that could write nothing says nothing of written Secrets', () =>
    assert.deepEqual(
      linesOf(OBJECT, both).map(({ level }) => level),
      ['warn'],
    ));

  test('that finds the problems of the last one says nothing', () => assert.deepEqual(linesOf(told, both), []));

  test('that finds another problem warns with that one', () => {
    const now = findings(['ns3'], { desired: 4, problems: [...both.problems, problem('ns4')] });
    const [warning, ...more] = linesOf(told, now);
    assert.deepEqual([warning?.['in'], warning?.['problems'], more], ['ns4', 3, []]);
  });
});
