// Covers an object's logins in flight, and when they are reported as late.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { createManualClock, type ManualClock, settle } from '../../../testing/clocks/manual-clock.ts';
import { hostOf, pullSecret, START, spec, UID } from '../../../testing/rigs/builders.ts';
import { NAMESPACED_KIND } from '../../api/names.ts';
import { parseWish } from '../../core/resource.ts';
import type { KubeClient } from '../../kube/client.ts';
import { type DurationMs, MINUTE, plus, seconds } from '../../lib/time.ts';
import { createCredentialResolver } from './credentials.ts';
import { createHeldLogins } from './held-logins.ts';
import { createLoginBook } from './login-book.ts';
import { createObjectLogins, type LoginResult, type ObjectLogins } from './object-logins.ts';

const { signal } = new AbortController();
const object = pullSecret(NAMESPACED_KIND, spec());
const wish = parseWish(object);

describe('the logins of an object', () => {
  let clock: ManualClock;
  let logins: ObjectLogins;
  /** Lets AWS answer. */
  let answer: () => void;
  let woken: string[];

  beforeEach(() => {
    clock = createManualClock(START);
    woken = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    answer = resolve;
    const wake = (uid: string): boolean => woken.push(uid) > 0;
    const random = (): number => 0;
    const isThere = (): boolean => true;
    const book = createLoginBook({
      source: {
        async fetchToken() {
          await promise;
          const expiresAt = plus(clock.now(), (12 * 60 * MINUTE) as DurationMs);
          return { username: 'AWS', password: 'a-password', hosts: [hostOf('eu-west-1')], expiresAt };
        },
      },
      heldLogins: createHeldLogins({ pacer: { next: () => clock.now() }, clock, isThere }),
      clock,
      random,
      isThere,
      wake,
    });
    const resolver = createCredentialResolver({
      client: {} as KubeClient,
      sts: { assumeRole: () => assert.fail(), assumeRoleWithToken: () => assert.fail() },
      ambient: undefined,
      clock,
      random,
      operatorNamespace: 'operator',
      wake,
      signal,
      tokenAudienceProblem: undefined,
    });
    logins = createObjectLogins(resolver, book, clock);
  });

  const get = (): LoginResult => {
    assert.ok(typeof wish !== 'string');
    return logins.get(object, wish, new Map(), signal);
  };

  test('are in flight until AWS answers, and then the object is woken and has them', async () => {
    assert.deepEqual([get().pendingFor, get().pending], [0, ['eu-west-1']]);
    await clock.advance(seconds(3));
    assert.equal(get().pendingFor, 3_000);
    assert.deepEqual(woken, []);
    answer();
    await settle();
    assert.deepEqual(woken, [UID]);
    const { pendingFor, held, failures } = get();
    assert.deepEqual([pendingFor, held.length, failures], [undefined, 1, []]);
  });

  test('that have not come after a minute are reported like failed ones', async () => {
    get();
    await clock.advance(MINUTE);
    const { failures, pendingFor } = get();
    assert.equal(pendingFor, undefined);
    assert.deepEqual(
      failures.map(({ registry, needsChange, retryAt }) => [registry, needsChange, retryAt]),
      [['eu-west-1', false, plus(clock.now(), MINUTE)]],
    );
    assert.match(failures[0]?.message ?? '', /^no answer for a minute/);
    await clock.advance(seconds(1));
    assert.equal(get().failures.length, 1, 'until they are there');
    answer();
    await settle();
    assert.deepEqual([get().failures, get().held.length], [[], 1]);
  });
});
