// Covers the reflector against a scripted API server: whatever the server does, the store ends equal to the server's
// state.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { event, type ReflectorRig, secret, startReflectorRig } from '../../testing/rigs/reflector-rig.ts';
import { type DurationMs, SECOND, seconds } from '../lib/time.ts';
import { LONGEST_WATCH } from './reflector.ts';
import { BODY_CAP_BYTES } from './transport.ts';

let rig: ReflectorRig;
beforeEach(async () => {
  rig = await startReflectorRig();
});
afterEach(async () => {
  await rig.stop();
});

const seen = (name: string): Promise<true> => eventually(() => (rig.keys().includes(name) ? true : undefined));
const gone = (name: string): Promise<true> => eventually(() => (rig.keys().includes(name) ? undefined : true));
const EXPIRED = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } };

// Rule 13
describe('the first list', () => {
  test('is read page by page, and the watch begins at its version', async () => {
    const first = await rig.server.next();
    assert.deepEqual(first.query, { limit: '100', labelSelector: 'ours=true' });
    rig.list(first, '10', [secret('a', '3')], 'token-1');
    const second = await rig.server.next();
    assert.deepEqual(second.query, { limit: '400', labelSelector: 'ours=true', continue: 'token-1' });
    assert.equal(rig.store.size, 0);
    assert.equal(rig.reflector.isSynced(), false);
    rig.list(second, '10', [secret('b', '4')]);
    await rig.reflector.synced;
    assert.deepEqual(rig.keys(), ['a', 'b']);
    const { query } = await rig.server.next();
    assert.equal(query['resourceVersion'], '10');
    assert.equal(query['allowWatchBookmarks'], 'true');
    assert.equal(query['labelSelector'], 'ours=true');
  });

  test('whose items are null is an empty list', async () => {
    const first = await rig.server.next();
    first.answer(200, { kind: 'SecretList', metadata: { resourceVersion: '10' }, items: null });
    await rig.reflector.synced;
    assert.equal(rig.store.size, 0);
  });

  test('that has objects without a name keeps the others', async () => {
    rig.list(await rig.server.next(), '10', [{}, { metadata: null }, secret('a', '3')]);
    await rig.reflector.synced;
    assert.deepEqual(rig.keys(), ['a']);
  });

  test('that breaks off after its first page shows nothing of it', async () => {
    rig.list(await rig.server.next(), '10', [secret('a', '3')], 'token-1');
    (await rig.server.next()).cut();
    await rig.pause();
    assert.equal(rig.store.size, 0);
    assert.equal((await rig.server.next()).query['continue'], undefined);
  });

  test('whose continue token is too old (410) is begun anew after a pause', async () => {
    rig.list(await rig.server.next(), '10', [secret('a', '3')], 'token-1');
    const metadata = { continue: 'token-inconsistent' };
    (await rig.server.next()).answer(410, { kind: 'Status', metadata, reason: 'Expired', code: 410 });
    await rig.pause();
    const again = await rig.server.next();
    assert.equal(again.query['continue'], undefined);
    rig.list(again, '20', [secret('b', '11')]);
    await rig.reflector.synced;
    assert.deepEqual(rig.keys(), ['b']);
  });

  for (const [name, status, body] of [
    ["a proxy's page with status 502", 502, '<html>bad gateway</html>'],
    ["a proxy's page with status 200", 200, '<html>please log in</html>'],
    ['JSON of another kind', 200, {}],
    ['a refusal (403)', 403, { kind: 'Status', reason: 'Forbidden', message: 'secrets is forbidden' }],
  ] as const) {
    test(`answered by ${name} is tried again, and until then the reflector reports the reason`, async () => {
      (await rig.server.next()).answer(status, body);
      await rig.pause();
      assert.ok(rig.reflector.trouble());
      assert.equal(rig.reflector.isSynced(), false);
      rig.list(await rig.server.next(), '10', [secret('a', '3')]);
      await rig.reflector.synced;
      assert.equal(rig.reflector.trouble(), undefined);
    });
  }

  test('of a missing kind says that its CRD is missing', async () => {
    (await rig.server.next()).answer(404, '404 page not found');
    await rig.pause();
    assert.equal(rig.reflector.trouble()?.message, 'the API server does not know secrets: are the CRDs installed?');
  });

  test('of a kind that stays away is requested every few seconds, so that new CRDs are soon noticed', async () => {
    rig.server.script((exchange) => exchange.answer(404, {}));
    const pauses: number[] = [];
    while (pauses.length < 6) pauses.push(await rig.pause());
    assert.deepEqual(pauses, [500, 1_000, 2_000, 2_500, 2_500, 2_500]);
    // The attempt after the sixth pause is in flight.
    await eventually(() => (rig.server.requests.length === 7 ? true : undefined));
    rig.server.script((exchange) => exchange.answer(500, {}));
    assert.equal(await rig.pause(), 2_500);
    assert.equal(await rig.pause(), 15_000);
  });

  test('that a silent server never answers is given up after thirty seconds and tried again', async () => {
    await rig.server.next();
    await rig.clock.advance(seconds(30));
    await rig.pause();
    rig.list(await rig.server.next(), '10', []);
    await rig.reflector.synced;
  });

  test('answered by 429 is not requested again before Retry-After', async () => {
    (await rig.server.next()).answer(429, {}, { 'retry-after': '7' });
    assert.equal(await rig.pause(), 7_000);
    (await rig.server.next()).answer(500, {});
    assert.equal(await rig.pause(), 1_000);
  });
});

const TOO_LARGE = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];

// Rule 13
describe('a watch', () => {
  test('keeps the store as the server has it', async () => {
    const watch = await rig.watching([secret('a', '3')]);
    for (const line of [event('ADDED', 'b', '11'), event('MODIFIED', 'a', '12'), event('DELETED', 'b', '13')])
      watch.write(line);
    await eventually(() => (rig.changes.length === 4 ? true : undefined));
    assert.deepEqual(rig.changes, ['+a', '+b', '+a', '-b']);
  });

  test('that ends in good order is taken up from its last version at once', async () => {
    const watch = await rig.watching();
    watch.write(event('ADDED', 'b', '11'));
    await seen('b');
    watch.end();
    assert.equal((await rig.server.next()).query['resourceVersion'], '11');
  });

  test('is taken up from the version that a bookmark brought', async () => {
    const watch = await rig.watching();
    watch.write({ type: 'BOOKMARK', object: { kind: 'Secret', metadata: { resourceVersion: '99' } } });
    await rig.clock.advance(SECOND);
    watch.end();
    assert.equal((await rig.server.next()).query['resourceVersion'], '99');
    assert.deepEqual(rig.changes, []);
  });

  test('that falls silent is broken five seconds after its end was due, and taken up from its last version', async () => {
    const watch = await rig.watching();
    const timeout = Number(watch.query['timeoutSeconds']);
    watch.write(event('ADDED', 'b', '11'));
    await seen('b');
    await rig.clock.advance(seconds(timeout + 4));
    assert.equal(watch.isOver, false);
    await rig.clock.advance(seconds(1));
    await eventually(() => (watch.isOver ? true : undefined));
    await rig.pause();
    const { query } = await rig.watchingAgain();
    assert.deepEqual([query['watch'], query['resourceVersion']], ['true', '11']);
    assert.ok(rig.clock.monotonic() <= LONGEST_WATCH + SECOND);
  });

  test('that is cut in the middle of a line is taken up from the line before, and nothing is lost', async () => {
    const watch = await rig.watching();
    watch.write(event('ADDED', 'b', '11'));
    watch.write('{"type":"ADDED","object":{"metadata":{"name":"c"');
    await seen('b');
    watch.cut();
    await rig.pause();
    const again = await rig.watchingAgain();
    assert.equal(again.query['resourceVersion'], '11');
    again.begin();
    again.write(event('ADDED', 'c', '12'));
    await seen('c');
    assert.equal(rig.reflector.trouble(), undefined);
  });

  for (const [name, line] of [
    ['an ERROR event of 410', EXPIRED],
    [
      'an ERROR event of another kind',
      { type: 'ERROR', object: { kind: 'Status', code: 500, reason: 'InternalError' } },
    ],
    ['a line that is no JSON', 'c2VjcmV0-{"type":\n'],
    ['an event of an unknown type', { type: 'RENAMED', object: { metadata: { name: 'c', resourceVersion: '12' } } }],
    ['an event without a version', { type: 'ADDED', object: { metadata: { name: 'c' } } }],
    ['an event about nothing', { type: 'ADDED', object: { metadata: { resourceVersion: '12' } } }],
    ['a line that is no object', '7\n'],
    ['a line over four MiB that does not say what it is about', `{"x":"${'x'.repeat(BODY_CAP_BYTES)}"}\n`],
  ] as const) {
    test(`with ${name} leads to a new list, which implies what was deleted meanwhile`, async () => {
      const watch = await rig.watching([secret('a', '3'), secret('b', '4')]);
      watch.write(line);
      await rig.pause();
      await eventually(() => (watch.isOver ? true : undefined));
      const again = await rig.server.next();
      assert.equal(again.query['watch'], undefined);
      rig.list(again, '20', [secret('b', '4'), secret('d', '15')]);
      await gone('a');
      assert.deepEqual(rig.keys(), ['b', 'd']);
      assert.deepEqual(rig.changes, ['+a', '+b', '-a', '+d']);
      assert.ok(!rig.log().includes('c2VjcmV0'));
    });
  }

  test('that is refused with status 410 leads to a new list', async () => {
    rig.list(await rig.server.next(), '10', []);
    (await rig.server.next()).answer(410, {});
    await rig.pause();
    assert.equal((await rig.server.next()).query['watch'], undefined);
  });

  test('from a version that the server has not come to, as after a restore, leads to a new list, which is all that counts', async () => {
    rig.list(await rig.server.next(), '10', [secret('a', '3'), secret('b', '9')]);
    const body = { kind: 'Status', code: 504, reason: 'Timeout', details: { causes: TOO_LARGE } };
    (await rig.server.next()).answer(504, body);
    await rig.pause();
    rig.list(await rig.server.next(), '5', [secret('a', '3')]);
    assert.equal((await rig.server.next()).query['resourceVersion'], '5');
    assert.deepEqual(rig.keys(), ['a']);
  });

  test('that is refused otherwise is requested again, without a new list', async () => {
    rig.list(await rig.server.next(), '10', []);
    (await rig.server.next()).answer(500, {});
    await rig.pause();
    assert.equal((await rig.watchingAgain()).query['watch'], 'true');
  });

  test('that was cut by a server that comes back with an older state leads to a new list, which is all that counts', async () => {
    const watch = await rig.watching([secret('a', '3'), secret('b', '9')]);
    watch.cut();
    await rig.pause();
    const check = await rig.server.next();
    assert.deepEqual([check.query['resourceVersion'], check.query['resourceVersionMatch']], ['10', 'NotOlderThan']);
    assert.equal(check.query['labelSelector'], 'ours=true');
    check.answer(504, { kind: 'Status', code: 504, reason: 'Timeout', details: { causes: TOO_LARGE } });
    await rig.pause();
    const again = await rig.server.next();
    assert.equal(again.query['resourceVersion'], undefined);
    rig.list(again, '5', [secret('a', '3')]);
    assert.equal((await rig.server.next()).query['resourceVersion'], '5');
    assert.deepEqual(rig.keys(), ['a']);
  });

  test('with an object that grew over four MiB lets it go, as a list would, and reports it once', async () => {
    const watch = await rig.watching([secret('a', '3'), secret('b', '4')]);
    const large = (version: string): string => {
      const metadata = `{"name":"a","namespace":"a","uid":"u","resourceVersion":"${version}"}`;
      const object = `{"kind":"Secret","apiVersion":"v1","metadata":${metadata},"type":"${'x'.repeat(BODY_CAP_BYTES)}"}`;
      return `{"type":"MODIFIED","object":${object}}\n`;
    };
    watch.write(large('11'));
    watch.write(large('12'));
    watch.write(event('ADDED', 'c', '13'));
    await seen('c');
    assert.deepEqual(rig.keys(), ['b', 'c']);
    assert.equal(rig.log().split('Skipped an object').length - 1, 1);
    watch.end();
    assert.equal((await rig.server.next()).query['resourceVersion'], '13');
  });
});

// Rule 13
describe('timeoutSeconds', () => {
  for (const [random, want] of [
    [0, '30'],
    [0.999_999, '50'],
  ] as const) {
    test(`is ${want} when the random number is ${random}`, async () => {
      const other = await startReflectorRig({ random });
      const { query } = await other.watching();
      await other.stop();
      assert.equal(query['timeoutSeconds'], want);
    });
  }
});

// Rule 13
describe('an unhealthy server', () => {
  test('that ends every watch at once is not hammered', async () => {
    rig.server.script((exchange) => {
      if (exchange.query['watch'] === undefined) return rig.list(exchange, '10', []);
      exchange.begin();
      exchange.end();
    });
    const pauses: DurationMs[] = [];
    for (let turn = 0; turn < 8; turn += 1) pauses.push(await rig.pause());
    assert.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    const { requests } = rig.server;
    const lists = requests.filter(({ query }) => query['watch'] === undefined && query['limit'] !== '1');
    assert.equal(lists.length, 1);
    assert.ok(requests.length <= 19);
  });

  test('that answers every watch with 410 is listed less and less often', async () => {
    rig.server.script((exchange) => {
      if (exchange.query['watch'] === undefined) return rig.list(exchange, '10', []);
      exchange.begin();
      exchange.write(EXPIRED);
      exchange.end();
    });
    const pauses: DurationMs[] = [];
    for (let turn = 0; turn < 6; turn += 1) pauses.push(await rig.pause());
    assert.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 15_000]);
  });

  test('that recovers is asked without delay at its next failure', async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      (await rig.server.next()).cut();
      await rig.pause();
    }
    const watch = await rig.watching();
    watch.write(event('ADDED', 'b', '11'));
    await seen('b');
    watch.cut();
    assert.equal(await rig.pause(), 500);
  });

  test('causes one line a defect in the log, not one an attempt', async () => {
    for (let turn = 0; turn < 4; turn += 1) {
      (await rig.server.next()).answer(502, '<html/>');
      await rig.pause();
    }
    assert.equal(rig.log().split('\n').length - 1, 1);
  });
});

describe('an optional kind', () => {
  const UNAVAILABLE = { '404': { lines: 0 }, '403': { lines: 1 } };
  for (const [code, { lines }] of Object.entries(UNAVAILABLE)) {
    test(`that is answered with ${code} is an empty list, looked for again each minute, with ${lines} lines in the log`, async () => {
      const other = await startReflectorRig({ optional: 'kind' });
      for (let turn = 0; turn < 3; turn += 1) {
        (await other.server.next()).answer(Number(code), { kind: 'Status', code: Number(code) });
        await other.reflector.synced;
        assert.equal(await other.pause(), 60_000);
      }
      assert.equal(other.log().split('\n').length - 1, lines);
      const watch = await other.watching([secret('a', '3')]);
      watch.write(event('ADDED', 'b', '11'));
      await eventually(() => (other.keys().includes('b') ? true : undefined));
      await other.stop();
    });
  }

  test('that only the right to read may be missing of is looked for soon when the API server does not know it', async () => {
    const other = await startReflectorRig({ optional: 'right' });
    (await other.server.next()).answer(404, '404 page not found');
    assert.ok((await other.pause()) <= 5_000);
    (await other.server.next()).answer(403, { kind: 'Status', code: 403 });
    assert.equal(await other.pause(), 60_000);
    await other.reflector.synced;
    await other.stop();
  });

  test('that goes while it is watched is looked for again each minute', async () => {
    const other = await startReflectorRig({ optional: 'kind' });
    (await other.watching()).end();
    await other.pause();
    (await other.server.next()).answer(404, '404 page not found');
    assert.equal(await other.pause(), 60_000);
    assert.equal((await other.server.next()).query['watch'], undefined);
    assert.equal(other.log(), '');
    await other.stop();
  });
});

describe('a reflector', () => {
  // Rule 13
  test('that is stopped ends at once, whether it lists, pauses or watches', async () => {
    const listing = await startReflectorRig();
    await listing.server.next();
    await listing.stop();
    const pausing = await startReflectorRig();
    (await pausing.server.next()).cut();
    await eventually(() => pausing.reflector.trouble());
    await pausing.stop();
    const watching = await startReflectorRig();
    await watching.watching();
    await watching.stop();
    for (const { clock } of [listing, pausing, watching]) assert.equal(clock.pending(), 0);
  });

  test('reports its last attempt, so that one that hangs is noticed', async () => {
    await rig.watching();
    await rig.clock.advance(seconds(20));
    assert.equal(rig.reflector.lastAttempt(), 0);
  });
});
