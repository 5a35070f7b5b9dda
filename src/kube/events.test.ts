// Covers Events as an API server gets them: how many requests repeats cause, and what is in them.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createManualClock, type ManualClock } from '../../testing/clocks/manual-clock.ts';
import { type Exchange, type ScriptedServer, startScriptedServer } from '../../testing/network/scripted-server.ts';
import { KEY_ID, START } from '../../testing/rigs/builders.ts';
import { createLogger } from '../lib/log.ts';
import { type DurationMs, HOUR, MINUTE } from '../lib/time.ts';
import { createClient } from './client.ts';
import { createEventRecorder, type EventNote, type EventRecorder, type Regarding } from './events.ts';
import { createTransport, type Transport } from './transport.ts';

const EVENTS_PATH = '/apis/events.k8s.io/v1/namespaces/ns1/events';
const OBJECT: Regarding = { apiVersion: 'example.com/v1', kind: 'Example', namespace: 'ns1', name: 'a', uid: 'uid-1' };
const EVENT: EventNote = { type: 'Warning', reason: 'SecretConflict', action: 'Write', note: 'it is there already' };

let server: ScriptedServer;
let clock: ManualClock;
let transport: Transport;
let recorder: EventRecorder;
let log: string[];
/** Statuses of the next answers; all others are good. */
let refusals: number[];

beforeEach(async () => {
  server = await startScriptedServer();
  refusals = [];
  server.script((exchange) =>
    exchange.answer(refusals.shift() ?? (exchange.method === 'POST' ? 201 : 200), { details: { kind: 'events' } }),
  );
  clock = createManualClock(START);
  transport = createTransport({ access: server.access(), clock, userAgent: 'test' });
  log = [];
  recorder = createEventRecorder({
    client: createClient(transport, 'test'),
    clock,
    log: createLogger({ level: 'debug', format: 'json', write: (line) => void log.push(line), clock }),
    instance: 'pod-1',
    controller: 'example.com/operator',
    signal: new AbortController().signal,
  });
});
afterEach(async () => {
  transport.close();
  await server.stop();
});

/** Records it, and waits for the request. */
async function say(event: Partial<EventNote> = {}, about: Partial<Regarding> = {}): Promise<void> {
  recorder.record({ ...OBJECT, ...about }, { ...EVENT, ...event });
  await recorder.flush();
}

async function sayAfter(length: DurationMs, event: Partial<EventNote> = {}): Promise<void> {
  await clock.advance(length);
  await say(event);
}

function sent(): readonly string[] {
  return server.requests.map(({ method }) => method);
}

function bodyOf(exchange: Exchange | undefined): Record<string, unknown> {
  return JSON.parse(exchange?.body ?? '{}');
}

function nameIn(exchange: Exchange | undefined): string {
  return (bodyOf(exchange)['metadata'] as { readonly name: string }).name;
}

describe('an Event', () => {
  test('says what happened, to what, when, and which process reports it', async () => {
    await say();
    const [created] = server.requests;
    assert.equal(created?.path, EVENTS_PATH);
    assert.deepEqual(bodyOf(created), {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: nameIn(created), namespace: 'ns1' },
      eventTime: '2023-10-04T20:45:52.000000Z',
      reportingController: 'example.com/operator',
      reportingInstance: 'pod-1',
      ...EVENT,
      regarding: OBJECT,
    });
  });

  test('about an object without a namespace stands in the namespace default, and so do its repeats', async () => {
    await say({}, { namespace: undefined });
    await clock.advance((MINUTE * 30) as DurationMs);
    await say({}, { namespace: undefined });
    const path = EVENTS_PATH.replace('ns1', 'default');
    const [created, repeated] = server.requests;
    assert.equal(created?.path, path);
    assert.equal(repeated?.path, `${path}/${nameIn(created)}`);
  });

  // Rule 17
  test('shows no key, even one that the cut would halve', async () => {
    await say({ note: `${'x '.repeat(505)}${KEY_ID}` });
    const note = String(bodyOf(server.requests[0])['note']);
    assert.ok(!note.includes(KEY_ID.slice(0, 8)));
    assert.ok(note.endsWith('[redacted]'));
  });

  test('has no more bytes in its note than the API server takes, and no half character', async () => {
    await say({ note: 'ü'.repeat(1_000) });
    await say({ note: `x${'😀'.repeat(1_000)}` });
    await say({ note: 'y'.repeat(1_024) });
    const notes = server.requests.map((exchange) => bodyOf(exchange)['note']);
    assert.deepEqual(notes, ['ü'.repeat(512), `x${'😀'.repeat(255)}`, 'y'.repeat(1_024)]);
  });

  for (const [what, name] of [
    ['a full stop', `${'a'.repeat(199)}.${'b'.repeat(53)}`],
    ['a hyphen', `${'a'.repeat(199)}-b`],
    ['a letter', 'a'.repeat(253)],
  ] as const) {
    test(`has a good name, also when what is kept of a long one ends with ${what}`, async () => {
      await say({}, { name });
      const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
      assert.match(nameIn(server.requests[0]), new RegExp(`^(?=.{1,253}$)${label}(\\.${label})*$`));
    });
  }
});

describe('a repeated event', () => {
  test('within half an hour is counted, and then sent with the count in one request', async () => {
    await say();
    for (let times = 1; times < 5; times += 1) await sayAfter((6 * MINUTE) as DurationMs);
    assert.deepEqual(sent(), ['POST']);
    await sayAfter((6 * MINUTE) as DurationMs);
    const [created, repeated] = server.requests;
    assert.deepEqual(sent(), ['POST', 'PATCH']);
    assert.equal(repeated?.path, `${EVENTS_PATH}/${nameIn(created)}`);
    assert.deepEqual(bodyOf(repeated), { series: { count: 6, lastObservedTime: '2023-10-04T21:15:52.000000Z' } });
    await sayAfter(MINUTE);
    assert.deepEqual(sent(), ['POST', 'PATCH']);
  });

  test('about another object, or in other words, is another Event', async () => {
    await say();
    await say({}, { uid: 'uid-2' });
    await say({ note: 'it is of another type' });
    await say({ reason: 'UpdateSecretError' });
    await say({ type: 'Normal' });
    assert.deepEqual(sent(), ['POST', 'POST', 'POST', 'POST', 'POST']);
    assert.equal(new Set(server.requests.map(nameIn)).size, 5);
  });

  test('in other words is no other Event where it says itself what it is known by', async () => {
    await say({ note: 'closed at 11:30', sameIf: 'closed' });
    await sayAfter((30 * MINUTE) as DurationMs, { note: 'closed at 12:00', sameIf: 'closed' });
    assert.deepEqual(sent(), ['POST', 'PATCH']);
  });

  test('after an hour of silence is another Event, for the former one has expired', async () => {
    await say();
    await sayAfter(HOUR);
    assert.deepEqual(sent(), ['POST', 'POST']);
    assert.notEqual(nameIn(server.requests[0]), nameIn(server.requests[1]));
  });

  test('is sent anew when its Event could not be created', async () => {
    refusals = [500];
    await say();
    assert.match(log.join(''), /Could not record an event/);
    await sayAfter(MINUTE);
    assert.deepEqual(sent(), ['POST'], 'a server that is not well is left alone for a while');
    await sayAfter((4 * MINUTE) as DurationMs);
    assert.deepEqual(sent(), ['POST', 'POST']);
    await sayAfter((30 * MINUTE) as DurationMs);
    assert.deepEqual(sent(), ['POST', 'POST', 'PATCH']);
    assert.equal(server.requests[2]?.path, `${EVENTS_PATH}/${nameIn(server.requests[1])}`);
  });

  test('is sent anew when its Event is gone', async () => {
    await say();
    refusals = [404];
    await sayAfter((30 * MINUTE) as DurationMs);
    assert.deepEqual(sent(), ['POST', 'PATCH', 'POST']);
    assert.deepEqual(log, []);
    await sayAfter((30 * MINUTE) as DurationMs);
    assert.equal(server.requests[3]?.path, `${EVENTS_PATH}/${nameIn(server.requests[2])}`);
    assert.deepEqual(bodyOf(server.requests[3])['series'], {
      count: 2,
      lastObservedTime: '2023-10-04T21:45:52.000000Z',
    });
  });

  test('goes on with its Event when a repeat could not be sent', async () => {
    await say();
    refusals = [500];
    await sayAfter((30 * MINUTE) as DurationMs);
    await sayAfter((5 * MINUTE) as DurationMs);
    assert.deepEqual(sent(), ['POST', 'PATCH', 'PATCH']);
    assert.deepEqual(bodyOf(server.requests[2])['series'], {
      count: 3,
      lastObservedTime: '2023-10-04T21:20:52.000000Z',
    });
  });

  test('is remembered among the ten thousand that were seen last', async () => {
    const sayOthers = async (from: number, to: number): Promise<void> => {
      for (let index = from; index < to; index += 1) {
        recorder.record({ ...OBJECT, uid: `other-${index}` }, EVENT);
        if (index % 500 === 0) await recorder.flush();
      }
      await recorder.flush();
    };
    await say();
    await sayOthers(0, 9_999);
    await say();
    await sayOthers(9_999, 10_001);
    await say();
    assert.equal(server.requests.length, 10_002, 'it was seen again, and others were forgotten');
    await sayOthers(10_001, 20_001);
    await say();
    assert.equal(server.requests.length, 20_003);
  });
});

test('a request that the end of the process cuts off is no failure', async () => {
  const ending = new AbortController();
  const client = createClient(transport, 'test');
  const level = 'debug';
  const ended = createEventRecorder({
    client,
    clock,
    log: createLogger({ level, format: 'json', write: (line) => void log.push(line), clock }),
    instance: 'pod-1',
    controller: 'example.com/operator',
    signal: ending.signal,
  });
  server.script(undefined);
  ended.record(OBJECT, EVENT);
  await server.next();
  ending.abort();
  await ended.flush();
  assert.deepEqual(log, []);
});

// Rule 14
describe('events without end', () => {
  test('of one object are sent up to its share: twenty-five, and one more every five minutes; those of others are sent all the same', async () => {
    for (let index = 0; index < 100; index += 1) await say({ note: `the ${index}. change` });
    assert.equal(server.requests.length, 25);
    await say({}, { uid: 'uid-2', name: 'b' });
    assert.equal(server.requests.length, 26);
    await clock.advance((10 * MINUTE) as DurationMs);
    for (let index = 100; index < 200; index += 1) await say({ note: `the ${index}. change` });
    assert.equal(server.requests.length, 28);
    assert.equal(log.filter((line) => line.includes('Dropped events')).length, 2);
  });

  test('of many objects at once are sent up to a thousand at a time', async () => {
    for (let index = 0; index < 1_500; index += 1) recorder.record({ ...OBJECT, uid: `uid-${index}` }, EVENT);
    await recorder.flush();
    assert.equal(server.requests.length, 1_000);
  });
});
