// Covers what is kept of what objects refer to: the requested part, for five minutes, and no more.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createManualClock, type ManualClock } from '../../../testing/clocks/manual-clock.ts';
import { type ScriptedServer, startScriptedServer } from '../../../testing/network/scripted-server.ts';
import { START } from '../../../testing/rigs/builders.ts';
import { objectKey, SECRETS } from '../../api/meta.ts';
import { createClient } from '../../kube/client.ts';
import { createTransport, type Transport } from '../../kube/transport.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { type DurationMs, MINUTE, SECOND, seconds } from '../../lib/time.ts';
import { createSharedReads, type SharedReads } from './referenced-objects.ts';

const { signal } = new AbortController();
const MOST_LOOKS = 10_000;

describe('an object that is referred to', () => {
  let server: ScriptedServer;
  let transport: Transport;
  let clock: ManualClock;
  let reads: SharedReads;
  /** Every user that has been woken. */
  let woken: string[];
  beforeEach(async () => {
    server = await startScriptedServer();
    clock = createManualClock(START);
    transport = createTransport({ access: server.access(), clock, userAgent: 'test' });
    const client = createClient(transport, 'test');
    reads = createSharedReads({ client, clock, wake: (user) => woken.push(user) > 0, signal });
    woken = [];
  });
  afterEach(async () => {
    transport.close();
    await server.stop();
  });

  /** Asks again and again until there is an answer. */
  const read = async (
    about = 'type',
    name = 'a',
    { user = `${about} ${name}`, namespace = 'ns', mark = undefined as string | undefined } = {},
  ): Promise<unknown> => {
    const pick = (object: JsonRecord): unknown => object[about];
    for (let look = 0; look < MOST_LOOKS; look += 1) {
      const found = reads.read({ resource: SECRETS, namespace, name, about, pick }, user, mark);
      if (found?.ok) return found.part;
      if (found) throw found.thrown;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return assert.fail('there is no answer');
  };
  /** A complete request about another object. */
  const somethingElse = async (): Promise<void> => {
    const asked = transport.send({ method: 'GET', path: '/version' }, signal);
    (await server.next()).answer(200, {});
    await asked;
  };
  const serve = (body: object): void => server.script((exchange) => exchange.answer(200, body));

  // Rule 8
  test('is read once for all users within five minutes, and again after that, or when it changed', async () => {
    serve({ type: 'one' });
    assert.deepEqual([await read(), await read()], ['one', 'one']);
    serve({ type: 'two' });
    await clock.advance((5 * MINUTE - 1) as DurationMs);
    assert.equal(await read(), 'one');
    await clock.advance(1 as DurationMs);
    assert.equal(await read(), 'two');
    serve({ type: 'three' });
    reads.forget(SECRETS, objectKey('ns', 'a'));
    assert.equal(await read(), 'three');
    assert.equal(server.requests.length, 3);
  });

  test('is read for each requested part, and the parts are not mixed up', async () => {
    serve({ type: 'one', kind: 'Secret' });
    assert.deepEqual([await read('type'), await read('kind'), await read('type')], ['one', 'Secret', 'one']);
    assert.equal(server.requests.length, 2);
  });

  // Rule 14
  test("is kept as long as a user refers to it: a user's former one is dropped", async () => {
    serve({});
    for (let count = 0; count < 50; count += 1) await read(`part-${count}`, `secret-${count}`, { user: 'one' });
    await read('type', 'a', { user: 'other' });
    assert.equal(reads.size, 2);
    reads.leave('one');
    reads.leave('other');
    assert.equal(reads.size, 0);
  });

  test('that does not exist is read again after 5, 15 and 45 seconds, and then every five minutes', async () => {
    server.script((exchange) => exchange.answer(404, {}));
    for (const wait of [5, 15, 45, 300, 300].map(seconds)) {
      const before = server.requests.length;
      assert.equal(await read(), undefined);
      assert.equal(server.requests.length, before + 1);
      await clock.advance((wait - 1) as DurationMs);
      assert.equal(await read(), undefined);
      assert.equal(server.requests.length, before + 1, `it was read again within ${wait} ms`);
      await clock.advance(1 as DurationMs);
    }
    serve({ type: 'one' });
    assert.equal(await read(), 'one');
  });

  // Rule 8
  test('that has not existed for long is looked for as soon as at first for a user that is new or has a new mark', async () => {
    server.script((exchange) => exchange.answer(404, {}));
    for (const wait of [5, 15, 45].map(seconds)) {
      await read();
      await clock.advance(wait);
    }
    await read();
    for (const asked of [{ user: 'new' }, { user: 'new', mark: 'again' }]) {
      await clock.advance(seconds(1));
      await read('type', 'a', asked);
      const before = server.requests.length;
      await clock.advance(seconds(5));
      await read('type', 'a', asked);
      assert.equal(server.requests.length, before + 1);
    }
  });

  // Rule 8
  test('is read anew for a user that is new, asks for a fresh look or asks something else', async () => {
    server.script((exchange) => exchange.answer(404, {}));
    assert.equal(await read('type', 'a', { user: 'one' }), undefined);
    await clock.advance(MINUTE);
    assert.equal(await read('type', 'a', { user: 'one' }), undefined);
    serve({ type: 'one' });
    await clock.advance(SECOND);
    assert.equal(await read('type', 'a', { user: 'new' }), 'one');
    serve({ type: 'two' });
    await clock.advance(MINUTE);
    assert.equal(await read('type', 'a', { user: 'new' }), 'one');
    assert.equal(await read('type', 'a', { user: 'new', mark: 'now' }), 'two');
    serve({ type: 'three' });
    await clock.advance(MINUTE);
    assert.equal(await read('type', 'a', { user: 'new', mark: 'now' }), 'two', 'the same mark is no new wish');
    assert.equal(await read('type', 'a', { user: 'new' }), 'two', 'the mark has been handled');
    assert.equal(await read('type', 'b', { user: 'new' }), 'three');
    serve({ type: 'four' });
    await clock.advance(MINUTE);
    assert.equal(await read('type', 'a', { user: 'new' }), 'four');
  });

  // Rule 14
  test('is read a few times for hundreds of users that are created together', async () => {
    serve({ type: 'one' });
    const all = Array.from({ length: 300 }, (_, at) => `user-${at}`);
    await Promise.all(all.map((user) => read('type', 'a', { user })));
    server.script((exchange) => exchange.answer(404, {}));
    await Promise.all(all.map((user) => read('type', 'missing', { user })));
    assert.ok(server.requests.length <= 4, `${server.requests.length} reads`);
  });

  test('that could not be read is read again soon', async () => {
    server.script((exchange) => exchange.answer(500, {}));
    await assert.rejects(read('type', 'b'));
    serve({ type: 'one' });
    await clock.advance((MINUTE / 6) as DurationMs);
    assert.equal(await read('type', 'b'), 'one');
  });

  test('wakes every user that has asked for it, once', async () => {
    serve({ type: 'one' });
    await Promise.all(['one', 'other'].map((user) => read('type', 'a', { user })));
    assert.deepEqual(woken.sort(), ['one', 'other']);
    assert.equal(server.requests.length, 1);
  });

  // Rule 9
  test('is there for all its users as soon as it has been read, however many others of the namespace wait', async () => {
    serve({ type: 'one' });
    const users = ['a', 'b', 'c'].flatMap((name) => Array.from({ length: 20 }, (_, index) => `${name} ${index}`));
    const answered = new Set<string>();
    woken.push(...users);
    // The clock stands still: nobody waits for a timer.
    for (let turn = 0; turn < 200 && answered.size < users.length; turn += 1) {
      for (const user of woken.splice(0)) {
        const question = { resource: SECRETS, namespace: 'ns', name: user.slice(0, 1), about: 'type' };
        const found = reads.read({ ...question, pick: (object) => object['type'] }, user, undefined);
        if (found?.ok) answered.add(user);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.deepEqual([...answered].sort(), users.sort());
    assert.equal(server.requests.length, 3);
    assert.equal(reads.load.waiting, 0);
  });

  // Rule 14
  test('is one of two secrets that are read at a time, and one of one namespace, however many are requested', async () => {
    server.script(undefined);
    const asked = Promise.all(['a', 'b', 'c'].map((name) => read('type', name)));
    const other = read('type', 'd', { namespace: 'other' });
    const [first, second] = [await server.next(), await server.next()];
    assert.equal([first, second].filter(({ path }) => path.includes('/namespaces/other/')).length, 1);
    // Every request sent before this one has arrived by then.
    await somethingElse();
    assert.equal(server.requests.filter(({ path }) => path.includes('/secrets/')).length, 2);
    serve({ type: 'x' });
    for (const exchange of [first, second]) exchange.answer(200, { type: 'x' });
    await other;
    await clock.advance(1_000 as DurationMs);
    assert.deepEqual(await asked, ['x', 'x', 'x']);
  });
});
